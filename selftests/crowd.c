// SPDX-License-Identifier: GPL-2.0
/*
 * One namespace stays bsd, all its ports are taken, and many tasks look for one:
 * each bind() to port 0 looks at all of them. Another namespace is switched between
 * pre39 and native all the time, so that functions are intercepted and released.
 * Nobody else waits for these searches: neither root, who switches, nor anybody who
 * makes a namespace.
 */
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bulk.h"
#include "harness.h"
#include "hostile.h"

#define CROWD	200	/* tasks that search */
#define FIRST	20000	/* of HOSTILE_PORTS that are taken */
#define TIMES	5	/* that each time is taken */

/* What the processes share: how many searches came to an end */
static unsigned long *searches;

/* It finds nothing, and begins again */
static void *search_for_ever(void *unused)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = sock_open("udp", AF_INET, 0);

	(void)unused;
	while (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		__atomic_add_fetch(searches, 1, __ATOMIC_RELAXED);
	die("there is a port");
}

/* So many tasks keep others from the processors, whatever they do */
static void *compute_for_ever(void *unused)
{
	while (__atomic_add_fetch(searches, 1, __ATOMIC_RELAXED))
		;
	return unused;
}

static void crowd(void *(*task)(void *unused), int ready)
{
	pthread_attr_t small;
	pthread_t thread;
	int i;

	own_namespaces();
	write_file("/proc/sys/net/ipv4/ip_local_port_range", "%d %d", FIRST,
		   FIRST + HOSTILE_PORTS - 1);
	semantics_set(NATIVE);
	for (i = 0; i < HOSTILE_PORTS; i++)
		bulk_bind("udp", 0, FIRST + i, 0);
	semantics_set(BSD);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (i = 0; i < CROWD; i++) {
		if (pthread_create(&thread, &small, task, NULL))
			die("no thread");
	}
	if (write(ready, "", 1) != 1)
		die("pipe");
	pause();
}

static pid_t crowd_start(void *(*task)(void *unused))
{
	int ready[2];
	pid_t pid;
	char c;

	bulk_files(HOSTILE_PORTS + CROWD + 100);
	if (pipe(ready))
		die("no pipe");
	pid = hostile_fork();
	if (!pid)
		crowd(task, ready[1]);
	if (read(ready[0], &c, 1) != 1)
		die("no crowd");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static pid_t switcher_start(void)
{
	pid_t pid = hostile_fork();

	if (pid)
		return pid;
	own_namespaces();
	for (;;) {
		semantics_try(PRE39);
		semantics_try(NATIVE);
	}
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	status_of(pid);
}

static long long switch_takes(void)
{
	long long took = -now_ns();

	semantics_set(PRE39);
	semantics_set(BSD);
	return took + now_ns();
}

static long long namespace_takes(void)
{
	long long took = -now_ns();
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWNET));
	if (pid < 0 || status_of(pid))
		die("no namespace");
	return took + now_ns();
}

/* The longest of some, in us; no more are taken when one has taken @enough already */
static long long longest(long long (*takes)(void), long long enough)
{
	long long took = 0, again;
	int i;

	for (i = 0; i < TIMES && (!i || took < enough); i++) {
		again = takes() / 1000;
		took = took < again ? again : took;
	}
	return took;
}

FIXTURE(crowd) {
	bool loaded;
};

FIXTURE_VARIANT(crowd) {
	bool as_bsd;
};

FIXTURE_VARIANT_ADD(crowd, native) { false };
FIXTURE_VARIANT_ADD(crowd, begins_as_bsd) { true };

FIXTURE_SETUP(crowd)
{
	pid_t pid;

	self->loaded = false;
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	pid = hostile_fork();
	if (!pid)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) ? 1 : 0);
	if (status_of(pid))
		SKIP(return, "users may not make namespaces here");
	if (variant->as_bsd && !reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	if (variant->as_bsd) {
		reuse_unload();
		reuse_load_as("bsd");
		self->loaded = true;
	}
	searches = mmap(NULL, sizeof(*searches), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, searches);
	new_netns();
	semantics_set(BSD);
}

FIXTURE_TEARDOWN(crowd)
{
	if (self->loaded) {
		reuse_unload();
		reuse_load();
	}
}

/* Whatever a test died of */
static void __attribute__((destructor)) end_with_the_module(void)
{
	reuse_load_again();
}

/*
 * What is installed and removed meanwhile takes a while, and longer if many tasks want
 * the processors: but it does not matter what they want them for. A search of each of
 * them takes far longer, all together.
 */
TEST_F_TIMEOUT(crowd, holds_up_nobody, 800)
{
	long long alone, made_alone, busy, made_busy, among, made, all, start;
	unsigned long before;
	pid_t pid, many;

	pid = switcher_start();
	/* Functions are looked for by whoever needs them first */
	switch_takes();
	alone = longest(switch_takes, LLONG_MAX);
	made_alone = longest(namespace_takes, LLONG_MAX);
	many = crowd_start(compute_for_ever);
	busy = longest(switch_takes, LLONG_MAX);
	made_busy = longest(namespace_takes, LLONG_MAX);
	stop(many);
	many = crowd_start(search_for_ever);
	before = __atomic_load_n(searches, __ATOMIC_RELAXED);
	start = now_ns();
	made = longest(namespace_takes, 4 * made_busy + alone);
	among = longest(switch_takes, 4 * busy);
	all = (now_ns() - start) / 1000;
	all = all * CROWD / (__atomic_load_n(searches, __ATOMIC_RELAXED) - before + 1);
	stop(pid);
	stop(many);
	TH_LOG("a switch and back: %lld us, beside %d tasks %lld us, that search %lld us",
	       alone, CROWD, busy, among);
	TH_LOG("a namespace is made in %lld us, beside them in %lld us, %lld us", made_alone,
	       made_busy, made);
	TH_LOG("each of them has searched once in %lld us", all);
	EXPECT_LT(made, 2 * made_busy + alone / 2);
	EXPECT_LT(among, 2 * busy);
	EXPECT_LT(2 * busy, all);
}

TEST_HARNESS_MAIN
