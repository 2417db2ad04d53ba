// SPDX-License-Identifier: GPL-2.0
/*
 * "reuse run SEMANTICS -- COMMAND". In a namespace of its own the command takes the place of
 * this process, so that signals and its exit status need no help. With "--net host" this
 * process stays, to put back what the namespace had.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns.h"
#include "report.h"
#include "run.h"
#include "term.h"
#include "util.h"

static const char help[] =
"usage: reuse run SEMANTICS [OPTION...] [--] COMMAND...\n"
"\n"
"Runs COMMAND where sockets share ports by SEMANTICS: native, pre39, bsd,\n"
"freebsd15, openbsd, netbsd or darwin, see reuse(7).\n"
"\n"
"  --net none   in a network namespace of its own, which has only lo: the default\n"
"  --net pasta  in one that pasta(1) connects to the outside\n"
"  --net host   in this one: its semantics change for all, until COMMAND ends\n"
"  --report     when COMMAND ends, say on standard error which sockets were\n"
"               treated otherwise than Linux would have treated them: refused,\n"
"               allowed, delivered elsewhere\n"
"  --report=FILE           write that into FILE, as JSON\n"
"  --fail-on-difference    exit status 3 if there are such sockets, or if events\n"
"               were lost\n"
"\n"
"A user without rights gets a user namespace as well. Exit status: that of\n"
"COMMAND; 125 if it could not be begun, 126 if it cannot be executed, 127 if it\n"
"does not exist.\n";

/* How often the log is read while a command runs, in milliseconds */
#define POLL_MS		250

enum net { NET_NONE, NET_HOST, NET_PASTA };

/**
 * struct run - what is asked for
 * @net: where the command runs
 * @semantics: the rules
 * @command: the command and its arguments
 * @report: tell what was decided otherwise than by Linux
 * @strict: a difference is a failure
 * @file: where the report goes as JSON; NULL: to people
 * @fd: that file
 * @blocked: the signals that the command is to find blocked
 */
struct run {
	enum net net;
	const char *semantics;
	char **command;
	bool report;
	bool strict;
	const char *file;
	int fd;
	sigset_t blocked;
};

static bool set_semantics(const char *semantics)
{
	char path[PATH_LEN];
	int err;

	path_print(path, "%s/sys/net/reuse/semantics", proc_dir());
	err = write_text(path, semantics);
	if (!err)
		return true;
	if (err == ENOENT)
		no_module();
	else if (err != EINVAL || !say_unknown(semantics))
		say("cannot switch to %s: %s%s", semantics, strerror(err), sysctl_hint(err));
	return false;
}

static bool lo_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo" };
	bool up = fd >= 0 && !ioctl(fd, SIOCGIFFLAGS, &ifr);

	ifr.ifr_flags |= IFF_UP;
	up = up && !ioctl(fd, SIOCSIFFLAGS, &ifr);
	if (!up)
		say("cannot bring up lo: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return up;
}

/* The user stays the same one in the new user namespace */
static bool map_user(uid_t uid, gid_t gid)
{
	char map[64];
	int err;

	err = write_text("/proc/self/setgroups", "deny");
	if (err && err != ENOENT)
		goto fail;
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	err = write_text("/proc/self/gid_map", map);
	if (err)
		goto fail;
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	err = write_text("/proc/self/uid_map", map);
	if (!err)
		return true;
fail:
	say("cannot map this user into a user namespace: %s", strerror(err));
	return false;
}

/* @user: into a user namespace in any case; for root, be_pasta() maps all users into it */
static bool leave_network(bool user)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (!user && !unshare(CLONE_NEWNET))
		return true;
	if (!user && errno != EPERM) {
		say("cannot make a network namespace: %s", strerror(errno));
		return false;
	}
	if (!unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return (user && !uid) || map_user(uid, gid);
	say("cannot make a user namespace: %s: see user.max_user_namespaces", strerror(errno));
	return false;
}

/*
 * Becomes pasta(1). It gives up root's rights before it opens the namespaces of the process, so
 * these must be root's own; and only a process outside can map all users into them.
 */
static void __noreturn be_pasta(const char *pid)
{
	static const char * const maps[] = { "uid_map", "gid_map" };
	char path[PATH_LEN];
	size_t i;

	if (geteuid()) {
		execlp("pasta", "pasta", "--config-net", "--quiet", pid, NULL);
	} else {
		for (i = 0; i < ARRAY_SIZE(maps); i++) {
			path_print(path, "/proc/%s/%s", pid, maps[i]);
			errno = write_text(path, "0 0 4294967295");
			if (errno)
				say("cannot map users: %s", strerror(errno));
		}
		execlp("pasta", "pasta", "--config-net", "--quiet", "--runas", "0:0", pid, NULL);
	}
	say("cannot run pasta: %s (its package is passt)", strerror(errno));
	_exit(RUN_NO_FILE);
}

/*
 * pasta(1) connects the namespace of a process to the one that it is begun in, so it is forked
 * off before this process leaves. It goes into the background when all is set up, and ends
 * with the namespace. Returns its pipe: a byte written there begins it.
 */
static int fork_pasta(pid_t *helper)
{
	char pid[16], byte;
	int go[2];

	if (pipe2(go, O_CLOEXEC)) {
		say("no pipe: %s", strerror(errno));
		return -1;
	}
	snprintf(pid, sizeof(pid), "%d", getpid());
	*helper = fork();
	if (*helper < 0) {
		say("no process: %s", strerror(errno));
		return -1;
	}
	if (*helper) {
		close(go[0]);
		return go[1];
	}
	close(go[1]);
	if (read(go[0], &byte, 1) != 1)
		_exit(RUN_FAILED);
	be_pasta(pid);
}

static bool wait_pasta(pid_t helper, int go)
{
	int status;

	if (write(go, "", 1) != 1)
		return false;
	close(go);
	while (waitpid(helper, &status, 0) != helper) {
		if (errno != EINTR)
			return false;
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != RUN_NO_FILE)
		say("pasta could not connect the network namespace");
	return false;
}

static int exec_command(char **command)
{
	int err;

	execvp(command[0], command);
	err = errno;
	say("cannot run %s: %s", command[0], strerror(err));
	return err == ENOENT ? RUN_NO_FILE : RUN_NO_EXEC;
}

/* Ends as the command did */
static int end_as(int status)
{
	sigset_t all;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	/* One core is enough */
	prctl(PR_SET_DUMPABLE, 0);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	return 128 + WTERMSIG(status);
}

static void hold_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
}

/* Hands on signals until the command ends; the terminal sends its own to both */
static int attend(pid_t pid, struct report *report)
{
	const struct timespec poll = { .tv_nsec = POLL_MS * 1000000 };
	siginfo_t info;
	int status, got;
	sigset_t all;

	sigfillset(&all);
	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (report)
			report_poll(report);
		got = report ? sigtimedwait(&all, &info, &poll) : sigwaitinfo(&all, &info);
		if (got < 0 || got == SIGCHLD)
			continue;
		if (info.si_code <= 0)
			kill(pid, got);
		else if (got == SIGTSTP)
			raise(SIGSTOP);
	}
}

/*
 * Runs the command as a child, while signals are held; returns its status as of waitpid(2), -1 if
 * there is none
 */
static int run_child(const struct run *r, struct report *report)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		sigprocmask(SIG_SETMASK, &r->blocked, NULL);
		_exit(exec_command(r->command));
	}
	if (pid > 0)
		return attend(pid, report);
	say("no process: %s", strerror(errno));
	return -1;
}

/* All that prints writes to standard output: here that is another file */
static void print_report(const struct run *r, const struct report *report, int status)
{
	fflush(stdout);
	dup2(r->file ? r->fd : STDERR_FILENO, STDOUT_FILENO);
	term_setup();
	if (r->file)
		report_json(report, r->semantics, r->command,
			    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	else
		report_print(report, r->semantics);
	if (fflush(stdout))
		say("cannot write %s: %s", r->file ? r->file : "the report", strerror(errno));
}

/* Runs the command, which is reported about; returns its status, -1 if there is none */
static int run_reported(const struct run *r, bool *differs)
{
	struct report report;
	int status;

	*differs = false;
	if (!r->report)
		return run_child(r, NULL);
	if (!report_begin(&report))
		return -1;
	status = run_child(r, &report);
	report_end(&report);
	if (status >= 0)
		print_report(r, &report, status);
	*differs = report_differs(&report);
	report_free(&report);
	return status;
}

static int end(const struct run *r, int status, bool differs)
{
	if (status < 0)
		return RUN_FAILED;
	return r->strict && differs ? RUN_DIFFERS : end_as(status);
}

static int run_apart(const struct run *r)
{
	pid_t helper = 0;
	bool differs;
	int go = -1, status;

	if (r->net == NET_PASTA) {
		go = fork_pasta(&helper);
		if (go < 0)
			return RUN_FAILED;
	}
	if (!leave_network(r->net == NET_PASTA) || !lo_up() || !set_semantics(r->semantics))
		return RUN_FAILED;
	if (r->net == NET_PASTA && !wait_pasta(helper, go))
		return RUN_FAILED;
	if (!r->report)
		return exec_command(r->command);
	hold_signals();
	status = run_reported(r, &differs);
	return end(r, status, differs);
}

static int run_here(const struct run *r)
{
	char path[PATH_LEN], before[SEMANTICS_LEN];
	bool differs;
	int status;

	path_print(path, "%s/sys/net/reuse/semantics", proc_dir());
	if (!read_word(path, before, sizeof(before))) {
		no_module();
		return RUN_FAILED;
	}
	/* Until the end: no signal leaves the namespace switched */
	hold_signals();
	if (!set_semantics(r->semantics))
		return RUN_FAILED;
	status = run_reported(r, &differs);
	if (!set_semantics(before))
		say("this network namespace stays %s", r->semantics);
	return end(r, status, differs);
}

static bool net_by_name(const char *name, enum net *net)
{
	static const char * const names[] = { "none", "host", "pasta" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(name, names[i])) {
			*net = i;
			return true;
		}
	}
	say("--net takes none, host or pasta, not '%s'", name);
	return false;
}

/* Takes an option; returns how many words it has, -1 if it is none */
static int take_option(struct run *r, const char *word, const char *next)
{
	if (!strcmp(word, "--net") && !next) {
		say("--net takes none, host or pasta");
		return -1;
	}
	if (!strcmp(word, "--net"))
		return net_by_name(next, &r->net) ? 2 : -1;
	if (!strncmp(word, "--net=", 6))
		return net_by_name(word + 6, &r->net) ? 1 : -1;
	if (!strcmp(word, "--report")) {
		r->report = true;
	} else if (!strncmp(word, "--report=", 9) && word[9]) {
		r->report = true;
		r->file = word + 9;
	} else if (!strcmp(word, "--fail-on-difference")) {
		r->report = true;
		r->strict = true;
	} else {
		say("run has no option '%s'", word);
		return -1;
	}
	return 1;
}

/* Options are before or behind SEMANTICS, and all before COMMAND */
static int read_arguments(struct run *r, int argc, char **argv)
{
	int i, n;

	for (i = 1; i < argc; i += n) {
		n = 1;
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return DONE;
		}
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (argv[i][0] == '-') {
			n = take_option(r, argv[i], argv[i + 1]);
			if (n < 0)
				return USAGE;
			continue;
		}
		if (r->semantics)
			break;
		r->semantics = argv[i];
	}
	r->command = argv + i;
	if (r->semantics && *r->command)
		return -1;
	say("run needs semantics and a command: reuse run bsd -- ./server");
	return USAGE;
}

/**
 * run_main() - "reuse run"
 * @argc: number of arguments
 * @argv: the arguments; the first is the command
 *
 * Return: an exit status, if the command does not take the place of this process.
 */
int run_main(int argc, char **argv)
{
	struct run r = {};
	int status = read_arguments(&r, argc, argv);

	if (status >= 0)
		return status == USAGE ? RUN_FAILED : status;
	/* Before anything changes, and where the path is that of the user */
	if (r.file) {
		r.fd = open(r.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (r.fd < 0) {
			say("cannot write %s: %s", r.file, strerror(errno));
			return RUN_FAILED;
		}
	}
	sigprocmask(SIG_BLOCK, NULL, &r.blocked);
	return r.net == NET_HOST ? run_here(&r) : run_apart(&r);
}
