// SPDX-License-Identifier: GPL-2.0
/*
 * One namespace stays that of a BSD, all its ports are taken, and many tasks look for one:
 * each bind() to port 0 looks at all of them. Another namespace is switched between
 * pre39 and native all the time, so that functions are intercepted and released.
 * No other task waits for these searches: neither root, which switches, nor a task
 * that makes a namespace.
 */
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "bulk.h"
#include "harness.h"
#include "hostile.h"

#define CROWD	200	/* tasks that search */
#define FIRST	20000	/* of HOSTILE_PORTS that are taken */
#define TIMES	5	/* that each time is taken */

/* Looks for a port, and there is none */
static void search(int fd)
{
	struct sockaddr_in any = { .sin_family = AF_INET };

	if (!bind(fd, (struct sockaddr *)&any, sizeof(any)))
		die("there is a port");
}

static void *search_for_ever(void *unused)
{
	int fd = sock_open("udp", AF_INET, 0);

	(void)unused;
	for (;;)
		search(fd);
	return NULL;
}

/* Tells how long one search takes, when all have begun */
static void crowd(int ready)
{
	pthread_attr_t small;
	pthread_t thread;
	long long took;
	int i;

	own_namespaces();
	write_file(PORT_RANGE, "%d %d", FIRST,
		   FIRST + HOSTILE_PORTS - 1);
	semantics_set(NATIVE);
	for (i = 0; i < HOSTILE_PORTS; i++)
		bulk_bind("udp", 0, FIRST + i, 0);
	semantics_set(semantics_bsd());
	took = -now_ns();
	search(sock_open("udp", AF_INET, 0));
	took += now_ns();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (i = 0; i < CROWD; i++) {
		if (pthread_create(&thread, &small, search_for_ever, NULL))
			die("no thread");
	}
	if (write(ready, &took, sizeof(took)) != sizeof(took))
		die("pipe");
	pause();
}

static pid_t crowd_start(long long *search_takes)
{
	int ready[2];
	pid_t pid;

	bulk_files(HOSTILE_PORTS + CROWD + 100);
	if (pipe(ready))
		die("no pipe");
	pid = hostile_fork();
	if (!pid)
		crowd(ready[1]);
	if (read(ready[0], search_takes, sizeof(*search_takes)) != sizeof(*search_takes))
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
	semantics_set(semantics_bsd());
	return took + now_ns();
}

/* The longest of some, in us; no more of them when one has taken @enough */
static long long longest(long long (*takes)(void), long long enough)
{
	long long took = 0, again;
	int i;

	for (i = 0; i < TIMES && took < enough; i++) {
		again = takes() / 1000;
		took = took < again ? again : took;
	}
	return took;
}

FIXTURE(crowd) {
	bool loaded;
};

FIXTURE_VARIANT(crowd) {
	bool as_a_bsd;
};

FIXTURE_VARIANT_ADD(crowd, native) { false };
FIXTURE_VARIANT_ADD(crowd, begins_as_a_bsd) { true };

FIXTURE_SETUP(crowd)
{
	self->loaded = false;
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	if (!hostile_may_make_netns())
		SKIP(return, "users may not make namespaces here");
	if (variant->as_a_bsd && !reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	if (variant->as_a_bsd) {
		reuse_unload();
		reuse_load_as(semantics_name[semantics_bsd()]);
		self->loaded = true;
	}
	new_netns();
	semantics_set(semantics_bsd());
}

FIXTURE_TEARDOWN(crowd)
{
	if (self->loaded) {
		reuse_unload();
		reuse_load();
	}
}

/* Also after a test that died */
static void __attribute__((destructor)) end_with_the_module(void)
{
	reuse_load_again();
}

/*
 * A switch, and a new namespace, takes a small part of what it would take to wait for
 * all searches that are under way
 */
TEST_F_TIMEOUT(crowd, holds_up_nobody, 400)
{
	long long alone, made_alone, among, made, all;
	pid_t pid, many;

	pid = switcher_start();
	/* The first switch has to find the functions */
	switch_takes();
	alone = longest(switch_takes, LLONG_MAX);
	made_alone = longest(hostile_time_namespace, LLONG_MAX);
	many = crowd_start(&all);
	all = all * CROWD / 1000;
	made = longest(hostile_time_namespace, all / 8);
	among = longest(switch_takes, all / 8);
	stop(pid);
	stop(many);
	TH_LOG("a switch and back: %lld us, beside %d searches %lld us", alone, CROWD, among);
	TH_LOG("a namespace is made in %lld us, beside them in %lld us", made_alone, made);
	TH_LOG("one after the other, the searches take %lld us", all);
	EXPECT_LT(among, all / 8);
	EXPECT_LT(made, all / 8);
}

/* A device whose own socket looks for a port does so under RTNL: it does not rest for others */
TEST_F_TIMEOUT(crowd, device_does_not_rest, 400)
{
	long long all, took;
	bool up;
	pid_t many = crowd_start(&all);

	all = all * CROWD / 1000;
	if (!try_run("nsenter -t %d -n ip link add wg type wireguard", many)) {
		stop(many);
		SKIP(return, "no WireGuard devices");
	}
	took = -now_ns();
	up = try_run("nsenter -t %d -n ip link set wg up", many);
	took = (took + now_ns()) / 1000;
	stop(many);
	TH_LOG("the device searched for %lld us, all searches take %lld us", took, all);
	EXPECT_FALSE(up);
	EXPECT_LT(took, all / 8);
}

TEST_HARNESS_MAIN
