// SPDX-License-Identifier: GPL-2.0
/* Begin and end of a stress run. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"
#include "stress.h"
#include "table.h"

#define PROCESSES	64

struct stress *stress;

static pid_t pids[PROCESSES];
static int npids;

/**
 * stress_draw() - the next random number
 * @state: of the generator; with the same one begins the same sequence
 *
 * Return: the number.
 */
uint64_t stress_draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/**
 * stress_new_netns() - enter a fresh network namespace
 *
 * Closed connections are soon gone there, with or without their other end.
 */
void stress_new_netns(void)
{
	new_netns();
	write_file(IPV4_SYSCTL "tcp_fin_timeout", "1");
	write_file(IPV4_SYSCTL "tcp_orphan_retries", "1");
	write_file(IPV4_SYSCTL "tcp_synack_retries", "1");
	write_file(IPV4_SYSCTL "tcp_syn_retries", "1");
	write_file(IPV4_SYSCTL "tcp_abort_on_overflow", "1");
}

/**
 * stress_begin() - make what they share, and the namespaces
 *
 * All namespaces are native and not fixed.
 */
void stress_begin(void)
{
	int i;

	stress = mmap(NULL, sizeof(*stress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (stress == MAP_FAILED)
		die("no memory");
	stress->seed = seed();
	/* Chosen once for all processes */
	semantics_bsd();
	for (i = 0; i < SPACES; i++) {
		stress_new_netns();
		stress->space[i].netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (stress->space[i].netns < 0)
			die("no namespace");
	}
	stress_work_begin();
}

/**
 * stress_enter() - go to a namespace
 * @space: its number
 */
void stress_enter(int space)
{
	if (setns(stress->space[space].netns, CLONE_NEWNET))
		die("cannot enter the namespace");
}

/**
 * stress_spawn() - one process more
 * @fn: runs until the stress run is over
 * @space: the namespace
 * @nr: which one of its sort
 */
void stress_spawn(void (*fn)(struct post *post), int space, int nr)
{
	struct post post = { space, nr, stress->seed + 1000000007ULL * npids };
	pid_t pid = fork();

	if (pid < 0 || npids == PROCESSES)
		die("no process");
	if (pid) {
		pids[npids++] = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	stress_draw(&post.rng);
	stress_enter(space);
	fn(&post);
	_exit(0);
}

/**
 * stress_spawn_workers() - sockets that come, go and change in all namespaces
 */
void stress_spawn_workers(void)
{
	int space, nr;

	for (space = 0; space < SPACES; space++) {
		for (nr = 0; nr < WORKERS; nr++)
			stress_spawn(stress_work, space, nr);
	}
}

/**
 * stress_pause() - leave the CPUs to others, for as long as the stress says
 * @post: the process that waits
 * @steps: how many calls it has made since the last pause
 */
void stress_pause(struct post *post, unsigned int steps)
{
	unsigned int pause = __atomic_load_n(&stress->pause, __ATOMIC_RELAXED);

	if (pause)
		usleep(stress_draw(&post->rng) % (2 * pause * steps));
}

/**
 * stress_end() - wait until all have ended; others may begin then
 *
 * Return: how many of them did not end well: what they died of, they have said.
 */
int stress_end(void)
{
	int bad = 0, status, i;

	__atomic_store_n(&stress->over, true, __ATOMIC_RELEASE);
	for (i = 0; i < npids; i++) {
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			bad++;
	}
	npids = 0;
	stress->over = false;
	return bad;
}

static bool only_timewait(void *arg)
{
	struct table table;
	size_t i, others = 0;

	(void)arg;
	table_read(REUSE_FILE, &table);
	for (i = 0; i < table.n; i++)
		others += table.row[i].num[SOCKETS] != table.row[i].num[TIMEWAIT];
	table_free(&table);
	return !others;
}

/**
 * stress_left() - what is left when all have ended, but for TIME_WAIT
 *
 * Return: the file of a namespace that has something, NULL if none has.
 */
const char *stress_left(void)
{
	int i;

	for (i = 0; i < SPACES; i++) {
		stress_enter(i);
		if (!wait_for(only_timewait, NULL, 60000))
			return text("namespace %d:\n%s", i, slurp(REUSE_FILE));
	}
	return NULL;
}

/**
 * stress_summary() - what happened so far
 *
 * Return: in a line.
 */
const char *stress_summary(void)
{
	static const char * const names[DEEDS] = {
		"binds", "refused", "listens", "accepts", "connects", "flips", "forks",
		"reads", "pieces", "questions", "missing", "writes", "logs",
		"switches", "namespaces",
	};
	static char s[DEEDS * 40];
	size_t len = 0;
	int i;

	for (i = 0; i < DEEDS; i++)
		len += snprintf(s + len, sizeof(s) - len, "%s%lu %s", i ? ", " : "",
				stress->done[i], names[i]);
	return s;
}
