// SPDX-License-Identifier: GPL-2.0
/* reuse(8): the command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "log.h"
#include "module.h"
#include "run.h"
#include "term.h"
#include "util.h"
#include "who.h"
#include "why.h"

static const char help[] =
"usage: reuse [-p] [-j] [-w [S]] [-N NETNS|PID | -A] [FILTER...]\n"
"       reuse who [-N NETNS|PID] [tcp|udp] [ADDRESS]:PORT\n"
"       reuse why [-j] [-N NETNS|PID] [OPTION...] [tcp|udp] ADDRESS:PORT\n"
"       reuse log [-f] [-j] [-N NETNS|PID]\n"
"       reuse run SEMANTICS [OPTION...] [--] COMMAND...\n"
"       reuse load [SEMANTICS] | unload | status [-j]\n"
"\n"
"Lists who holds which port: /proc/net/reuse, the table of the module reuse.\n"
"\n"
"  FILTER   tcp, udp, udplite; :8080, 127.0.0.1:, [::1]:80, *:80; listen, bound,\n"
"           connected, timewait; uid 33; shared (by several sockets).\n"
"           A row must fit one of each kind that is given.\n"
"  -p       the processes behind each row, with their unit or container\n"
"  -j       as JSON\n"
"  -w [S]   again every S seconds (2): + new, * changed, - gone\n"
"  -N NETNS another network namespace: a name under /run/netns, a process ID\n"
"           or a path\n"
"  -A       all network namespaces\n"
"  --help, --version\n"
"\n"
"Exit status: 0 done, 1 no row fits, 2 wrong usage, 3 the module is not loaded,\n"
"4 another error. reuse COMMAND --help and reuse(8) have the rest.\n";

static bool begins_number(const char *word)
{
	return *word == '.' || (*word >= '0' && *word <= '9');
}

/*
 * "-w" may have a number behind it, which getopt() takes only if it is attached. Other letters
 * attached are options: their word, now without those before them, is read again.
 */
static bool take_seconds(struct list_options *o, char **argv)
{
	const char *number = NULL;
	char *end;

	o->watch = 2;
	if (optarg && begins_number(optarg)) {
		number = optarg;
	} else if (optarg) {
		optarg[-1] = '-';
		argv[--optind] = optarg - 1;
	} else if (argv[optind] && begins_number(argv[optind])) {
		number = argv[optind++];
	}
	if (!number)
		return true;
	o->watch = strtod(number, &end);
	if (!*end && o->watch >= 0.1 && o->watch <= 86400)
		return true;
	say("-w takes seconds, from 0.1 to 86400");
	return false;
}

static int list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{}
	};
	struct list_options o = {};
	int c;

	while ((c = getopt_long(argc, argv, "AN:hjpw::V", options, NULL)) != -1) {
		switch (c) {
		case 'A':
			o.all = true;
			break;
		case 'N':
			o.netns = optarg;
			break;
		case 'j':
			o.json = true;
			break;
		case 'p':
			o.processes = true;
			break;
		case 'w':
			if (!take_seconds(&o, argv))
				return USAGE;
			break;
		case 'h':
			fputs(help, stdout);
			return DONE;
		case 'V':
			puts("reuse " REUSE_VERSION);
			return DONE;
		default:
			return USAGE;
		}
	}
	if (o.all && o.netns) {
		say("-A and -N exclude each other");
		return USAGE;
	}
	o.words = argv + optind;
	return list_main(&o);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "who", who_main },
	{ "why", why_main },
	{ "log", log_main },
	{ "run", run_main },
	{ "load", load_main },
	{ "unload", unload_main },
	{ "status", status_main },
};

/**
 * main() - find the command, and run it
 * @argc: number of arguments
 * @argv: the arguments
 *
 * Return: an exit status.
 */
int main(int argc, char **argv)
{
	int (*run)(int argc, char **argv) = list;
	int status;
	size_t i;

	term_setup();
	for (i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(argv[1], commands[i].name))
			run = commands[i].run;
	}
	status = run == list ? list(argc, argv) : run(argc - 1, argv + 1);
	if (fclose(stdout)) {
		say("cannot write to standard output");
		return FAILED;
	}
	return status;
}
