// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of reading; where guest time counts instructions (scripts/vm --icount),
 * in instructions:
 *	readcost read FILE		nanoseconds to read it to the end
 *	readcost run COMMAND...	nanoseconds that it takes, output thrown away
 *	readcost locked		longest hold of a _bh lock in an ftrace text on stdin
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "env.h"

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long long cost_read(const char *path)
{
	static char buf[65536];
	long long start = now();
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		die("cannot open %s", path);
	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0);
	if (n)
		die("cannot read %s", path);
	close(fd);
	return now() - start;
}

static long long cost_run(char **argv)
{
	long long start = now();
	pid_t pid = vfork();
	int status;

	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		execvp(*argv, argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("%s failed", *argv);
	return now() - start;
}

/*
 * Lines like "readcost-97 [000] ..... 52123: _raw_spin_lock_bh <-reuse_walk". Prints
 * the longest time from a lock to its unlock, the function that took it, and the number
 * of locks.
 */
static void locked(void)
{
	unsigned long long time, since = 0, longest = 0, n = 0;
	char line[512], function[64], by[64], holder[64] = "-";
	int depth = 0;

	while (fgets(line, sizeof(line), stdin)) {
		char *at = strchr(line, ']');

		if (*line == '#' || !at ||
		    sscanf(at, "] %*s %llu: %63s <-%63s", &time, function, by) != 3)
			continue;
		if (strstr(function, "unlock")) {
			if (depth && --depth == 0 && time - since > longest) {
				longest = time - since;
				strcpy(holder, by);
			}
		} else if (depth++ == 0) {
			since = time;
			n++;
		}
	}
	printf("%llu %s %llu\n", longest, holder, n);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "read") && argc == 3)
		printf("%lld\n", cost_read(argv[2]));
	else if (!strcmp(what, "run") && argc > 2)
		printf("%lld\n", cost_run(argv + 2));
	else if (!strcmp(what, "locked") && argc == 2)
		locked();
	else
		return fprintf(stderr, "usage: readcost read FILE | run COMMAND... | locked\n"), 2;
	return 0;
}
