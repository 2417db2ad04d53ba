// SPDX-License-Identifier: GPL-2.0
/* "reuse load" and "reuse unload". */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "module.h"
#include "netns.h"
#include "util.h"

static const char load_help[] =
"usage: reuse load [SEMANTICS | FILE.ko | PARAMETER=VALUE]...\n"
"\n"
"Loads the kernel module reuse, as modprobe finds it, or from FILE.ko. SEMANTICS\n"
"are the rules of all namespaces, as semantics=SEMANTICS; else they are native.\n"
"reuse(7) has the parameters. Takes root.\n";

static const char unload_help[] =
"usage: reuse unload\n"
"\n"
"Removes the kernel module reuse: all namespaces have the kernel's rules then.\n"
"Takes root.\n";

/* The name of the module */
#define NAME	"reuse"

/**
 * module_loaded() - is the module loaded?
 *
 * Return: whether it is.
 */
bool module_loaded(void)
{
	char path[PATH_LEN];

	path_print(path, "%s/module/" NAME, sys_dir());
	return !access(path, F_OK);
}

/* Has the command only "--help", or nothing? Returns -1 if it is to go on */
static int no_arguments(int argc, char **argv, const char *help)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return DONE;
	}
	if (argc == 1)
		return -1;
	say("%s takes no argument '%s'", argv[0], argv[1]);
	return USAGE;
}

/* Runs modprobe or insmod; returns its exit status, or -1 */
static int call(char **argv)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setenv("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin", 1);
		execvp(argv[0], argv);
		say("no program %s: %s", argv[0], strerror(errno));
		_exit(RUN_NO_FILE);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Why the module may not have been loaded, beside what modprobe said */
static void explain_load(bool file)
{
	char path[PATH_LEN], word[64];
	struct utsname uts;

	path_print(path, "%s/sys/kernel/modules_disabled", proc_dir());
	if (read_word(path, word, sizeof(word)) && !strcmp(word, "1")) {
		say("kernel.modules_disabled is 1: no module loads until the next boot");
		return;
	}
	if (!file && !uname(&uts))
		say("is the module installed for this kernel (%s)? In its source: make install",
		    uts.release);
	say("the kernel's log says more: dmesg | grep reuse");
}

/* Makes the arguments of modprobe or insmod; returns whether it is a file */
static bool load_command(char **command, int argc, char **argv, char *semantics, size_t size)
{
	bool file = false;
	int i, n = 2;

	command[0] = "modprobe";
	command[1] = NAME;
	for (i = 1; i < argc; i++) {
		if (strchr(argv[i], '=')) {
			command[n++] = argv[i];
		} else if (strchr(argv[i], '/') || strstr(argv[i], ".ko")) {
			command[0] = "insmod";
			command[1] = argv[i];
			file = true;
		} else {
			snprintf(semantics, size, "semantics=%s", argv[i]);
			command[n++] = semantics;
		}
	}
	command[n] = NULL;
	return file;
}

/**
 * load_main() - "reuse load"
 * @argc: number of arguments
 * @argv: the arguments; the first is the command
 *
 * Return: an exit status.
 */
int load_main(int argc, char **argv)
{
	char *command[argc + 2], semantics[80];
	bool file;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return no_arguments(argc, argv, load_help);
	if (argc > 1 && argv[1][0] == '-') {
		say("%s has no option '%s'", argv[0], argv[1]);
		return USAGE;
	}
	if (module_loaded()) {
		if (argc == 1) {
			say("the module is loaded already");
			return DONE;
		}
		say("the module is loaded already: reuse unload removes it first");
		return FAILED;
	}
	if (geteuid()) {
		say("it takes root to load a module");
		return FAILED;
	}
	file = load_command(command, argc, argv, semantics, sizeof(semantics));
	if (!call(command) && module_loaded())
		return DONE;
	explain_load(file);
	return FAILED;
}

/* How many namespaces change their rules by this */
static void say_switched(void)
{
	char semantics[SEMANTICS_LEN];
	size_t n, i, hidden, other = 0;
	struct netns *ns = netns_all(&n, &hidden);

	for (i = 0; i < n; i++)
		other += netns_sysctl(&ns[i], "semantics", semantics) &&
			 strcmp(semantics, "native");
	free(ns);
	if (other)
		say("the kernel's own rules are in force again in %zu network namespace%s", other,
		    other == 1 ? "" : "s");
}

/**
 * unload_main() - "reuse unload"
 * @argc: number of arguments
 * @argv: the arguments; the first is the command
 *
 * Return: an exit status.
 */
int unload_main(int argc, char **argv)
{
	int status = no_arguments(argc, argv, unload_help);

	if (status >= 0)
		return status;
	if (!module_loaded()) {
		say("the module is not loaded");
		return NO_MODULE;
	}
	if (geteuid()) {
		say("it takes root to unload a module");
		return FAILED;
	}
	say_switched();
	if (!syscall(SYS_delete_module, NAME, O_NONBLOCK))
		return DONE;
	say("the module cannot be unloaded: %s", strerror(errno));
	return FAILED;
}
