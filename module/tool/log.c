// SPDX-License-Identifier: GPL-2.0
/* "reuse log": the events of /proc/net/reuse_log in words, once or as they come. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "event.h"
#include "json.h"
#include "list.h"
#include "log.h"
#include "procs.h"
#include "term.h"
#include "util.h"
#include "words.h"

static const char help[] =
"usage: reuse log [-f] [-j] [-N NETNS|PID]\n"
"\n"
"Says which bind() and listen() failed, why, and because of which socket; with\n"
"the log at all, what was decided otherwise than Linux would have, too. The log\n"
"is off by default, and each network namespace has its own. To begin it, as root:\n"
"\n"
"    sysctl -w net.reuse.log=refused      or all, or off\n"
"\n"
"  -f        go on, and print events as they come\n"
"  -j        as JSON: an array of events; with -f one event a line\n"
"  -N NETNS  another network namespace: a name under /run/netns, a process ID\n"
"            or a path\n"
"\n"
"It takes root, or CAP_NET_ADMIN over the namespace, to read the log. Exit status\n"
"1 if there is no event.\n";

/* How often -f looks, in milliseconds */
#define FOLLOW_MS	500

/* The arguments, and the events that were seen the last time */
struct request {
	struct netns ns;
	bool follow;
	bool json;
	struct history seen;
	unsigned long lost;
};

/**
 * log_say_error() - say why a log cannot be read
 * @ns: the namespace
 * @err: negative errno
 *
 * Return: an exit status.
 */
int log_say_error(const struct netns *ns, int err)
{
	struct table t;

	if (err == -EACCES || err == -EPERM) {
		say("it takes root, or CAP_NET_ADMIN over the network namespace, to read its log");
		return FAILED;
	}
	if (err == -EIO) {
		say("the module was unloaded meanwhile");
		return NO_MODULE;
	}
	if (err == -ENOENT || err == -ESRCH) {
		err = list_read(ns, &t);
		table_free(&t);
		if (!err)
			say("this module keeps no log: it is older than this program");
		return err ? err : FAILED;
	}
	if (err != -EBADMSG)
		say("cannot read the log of %s: %s", ns->label, strerror(-err));
	return FAILED;
}

/* Says that the log is off, and how to begin one: in the namespace that it is about */
static void say_off(const struct netns *ns)
{
	char enter[PATH_LEN + 16] = "";

	if (*ns->path)
		snprintf(enter, sizeof(enter), "nsenter --net=%s ", ns->path);
	say("the log is off; begin it, as root, with: %ssysctl -w net.reuse.log=refused", enter);
}

static void print_event(const struct request *q, const struct log *log, const struct event *e)
{
	struct event_holders holders;
	char *text;
	size_t len;
	FILE *out;

	event_find_holders(e, &holders);
	if (q->json) {
		event_json(e, log->extra_name, log->extras, &holders);
		if (q->follow)
			json_end();
		return;
	}
	out = need_memory(open_memstream(&text, &len));
	event_words(out, e, &holders);
	fclose(out);
	term_wrap(text, INDENTED);
	free(text);
}

/* Forgets the events that the file does not have any more */
static void forget_old(struct request *q, const struct log *log)
{
	struct history now = {};
	size_t i;

	for (i = 0; i < log->n; i++)
		history_add(&now, log, &log->event[i]);
	history_free(&q->seen);
	q->seen = now;
}

/* Prints the events that are new, or have happened again; a person gets each once */
static size_t print_news(struct request *q, const struct log *log)
{
	const struct event **news = need_memory(calloc(log->n + 1, sizeof(*news)));
	size_t i, n = 0;

	for (i = 0; i < log->n; i++) {
		if (history_add(&q->seen, log, &log->event[i]))
			news[n++] = &log->event[i];
	}
	if (!q->follow && !q->json) {
		history_merge(&q->seen);
		for (i = n = 0; i < q->seen.n; i++) {
			if (q->seen.event[i]->count)
				news[n++] = q->seen.event[i];
		}
	}
	for (i = 0; i < n; i++)
		event_want_holders(news[i]);
	if (n)
		procs_scan();
	for (i = 0; i < n; i++)
		print_event(q, log, news[i]);
	procs_free();
	free(news);
	if (q->follow)
		forget_old(q, log);
	return n;
}

static int read_once(struct request *q, size_t *n)
{
	bool array = q->json && !q->follow;
	struct log log;
	int err = netns_log(&q->ns, &log);

	if (!err) {
		if (array)
			json_open(NULL, '[');
		*n = print_news(q, &log);
		if (array) {
			json_close(']');
			json_end();
		}
		if (log.lost != q->lost)
			say("%lu event%s lost: the log has room for the last ones only", log.lost,
			    log.lost == 1 ? " was" : "s were");
		q->lost = log.lost;
	}
	log_free(&log);
	return err ? log_say_error(&q->ns, err) : DONE;
}

static int follow(struct request *q)
{
	const struct timespec t = { .tv_nsec = FOLLOW_MS * 1000000 };
	size_t n = 0;
	int status;

	do {
		status = read_once(q, &n);
		fflush(stdout);
		nanosleep(&t, NULL);
		term_setup();
	} while (!status && !ferror(stdout));
	return status;
}

static int show(struct request *q)
{
	char mode[SEMANTICS_LEN];
	size_t n = 0;
	int status;

	netns_sysctl(&q->ns, "log", mode);
	if (!strcmp(mode, "off"))
		say_off(&q->ns);
	if (q->follow)
		return follow(q);
	status = read_once(q, &n);
	if (!status && !n && !q->json && strcmp(mode, "off"))
		puts("nothing is in the log");
	return status || n ? status : NOTHING;
}

/**
 * log_main() - "reuse log"
 * @argc: number of arguments
 * @argv: the arguments; the first is the command
 *
 * Return: an exit status.
 */
int log_main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, {} };
	const char *netns = NULL;
	struct request q = {};
	int c, status;

	argv[0] = "reuse log";
	while ((c = getopt_long(argc, argv, "fjhN:", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			q.follow = true;
			break;
		case 'j':
			q.json = true;
			break;
		case 'N':
			netns = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return DONE;
		default:
			return USAGE;
		}
	}
	if (argv[optind]) {
		say("log takes no argument '%s'", argv[optind]);
		return USAGE;
	}
	status = netns_find(&q.ns, netns) ? show(&q) : FAILED;
	history_free(&q.seen);
	return status;
}
