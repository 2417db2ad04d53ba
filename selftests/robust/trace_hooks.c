// SPDX-License-Identifier: GPL-2.0
/*
 * Enabling reuse_bind intercepts what it needs, and disabling it or unloading the module removes
 * that; where functions cannot be intercepted, it stays disabled. reuse_deliver needs nothing.
 */
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fail.h"
#include "harness.h"
#include "traces.h"

#define EVENT		"reuse_bind"
#define FTRACE_ENABLED	"/proc/sys/kernel/ftrace_enabled"

/* Also after a test that died */
static void __attribute__((destructor)) end_with_the_module(void)
{
	try_write(FTRACE_ENABLED, 0, "1", 1);
	if (reuse_ko())
		reuse_load_again();
}

FIXTURE(hooks) {};

FIXTURE_SETUP(hooks)
{
	if (!tracefs_there(EVENT))
		SKIP(return, "no tracepoints");
	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	new_netns();
	/* Namespaces of other programs may be dying still */
	ASSERT_TRUE(wait_for(nothing_hooked, NULL, 120000));
}

FIXTURE_TEARDOWN(hooks)
{
	if (tracefs_there(EVENT))
		tracefs_enable(EVENT, false);
}

static bool bind_makes_an_event(void)
{
	tracefs_forget();
	close(sock_bind("tcp", "127.0.0.1" AT_PORT, 0));
	return tracefs_read(EVENT);
}

TEST_F(hooks, come_and_go)
{
	int i;

	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, tracefs_enable(EVENT, true));
		EXPECT_FALSE(nothing_hooked(NULL));
		EXPECT_TRUE(bind_makes_an_event());
		EXPECT_EQ(0, tracefs_enable(EVENT, false));
		EXPECT_TRUE(nothing_hooked(NULL));
		EXPECT_FALSE(bind_makes_an_event());
	}
}

TEST_F(hooks, not_for_packets)
{
	EXPECT_EQ(0, tracefs_enable("reuse_deliver", true));
	EXPECT_TRUE(nothing_hooked(NULL));
	EXPECT_EQ(0, tracefs_enable("reuse_deliver", false));
}

/* Each of the two keeps the hooks that it needs when the other one goes */
TEST_F(hooks, beside_a_namespace)
{
	EXPECT_EQ(0, tracefs_enable(EVENT, true));
	semantics_set(semantics_bsd());
	EXPECT_EQ(0, tracefs_enable(EVENT, false));
	EXPECT_FALSE(nothing_hooked(NULL));
	EXPECT_EQ(semantics_bsd(), semantics_seen(PORT));
	EXPECT_EQ(0, tracefs_enable(EVENT, true));
	semantics_set(NATIVE);
	EXPECT_FALSE(nothing_hooked(NULL));
	EXPECT_TRUE(bind_makes_an_event());
	EXPECT_EQ(0, tracefs_enable(EVENT, false));
	EXPECT_TRUE(nothing_hooked(NULL));
}

TEST_F(hooks, refused)
{
	const char *line;
	int log;

	if (try_write(FTRACE_ENABLED, 0, "0", 1))
		SKIP(return, "this kernel does not let ftrace be switched off");
	log = reuse_log();
	EXPECT_EQ(EBUSY, tracefs_enable(EVENT, true));
	line = reuse_said(log);
	EXPECT_TRUE(strstr(line, "kernel.ftrace_enabled"))
		TH_LOG("dmesg: %s", line);
	EXPECT_FALSE(bind_makes_an_event());
	write_file(FTRACE_ENABLED, "1");
	EXPECT_EQ(0, tracefs_enable(EVENT, true));
	EXPECT_TRUE(bind_makes_an_event());
}

/* Without memory it stays disabled; some of the allocations, one at a time */
TEST_F_TIMEOUT(hooks, no_memory, 250)
{
	const char *why = fail_impossible();
	int n, err, left = 0, failed = 0;

	if (why)
		SKIP(return, "%s", why);
	/* The first trace allocates what stays: begin with a module that has traced nothing */
	if (reuse_ko()) {
		reuse_unload();
		reuse_load();
	}
	fail_begin();
	fail_open();
	fail_of_module();
	for (n = 1; !left; n += 1 + n / 4) {
		fail_nth(n);
		err = tracefs_enable(EVENT, true);
		left = fail_left();
		EXPECT_EQ(!err, bind_makes_an_event());
		EXPECT_TRUE(!err || err == ENOMEM)
			TH_LOG("allocation %d: %s", n, strerror(err));
		failed += !!err;
		if (!err)
			EXPECT_EQ(0, tracefs_enable(EVENT, false));
		EXPECT_TRUE(nothing_hooked(NULL));
	}
	fail_end();
	EXPECT_LT(0, failed);
	EXPECT_TRUE(!fail_complaint());
}

/* rmmod ends the trace; a module that is loaded then can be traced anew */
TEST_F_TIMEOUT(hooks, unload, 100)
{
	const char *left;

	if (!reuse_ko())
		SKIP(return, "REUSE_KO is not set");
	EXPECT_EQ(0, tracefs_enable(EVENT, true));
	EXPECT_EQ(0, tracefs_enable("reuse_deliver", true));
	EXPECT_TRUE(bind_makes_an_event());
	reuse_unload();
	left = reuse_left_behind(true);
	EXPECT_TRUE(!left)
		TH_LOG("%s", left);
	EXPECT_FALSE(tracefs_there(EVENT));
	close(sock_bind("tcp", "127.0.0.1" AT_PORT, 0));
	reuse_load();
	EXPECT_TRUE(nothing_hooked(NULL));
	EXPECT_EQ(0, tracefs_enable(EVENT, true));
	EXPECT_TRUE(bind_makes_an_event());
}

static void toggle_for_ever(void)
{
	bool on = true;

	/* After a refusal it waits: for each one the kernel writes a line to its console */
	for (;; on = !on) {
		if (tracefs_enable(EVENT, on))
			usleep(20000);
	}
}

/* Enabled and disabled all the time, while binds and switches are under way and the module goes */
TEST_F_TIMEOUT(hooks, unload_under_toggles, 100)
{
	int round, status;
	pid_t pid;

	if (!reuse_ko())
		SKIP(return, "REUSE_KO is not set");
	pid = fork();
	if (!pid)
		toggle_for_ever();
	for (round = 0; round < 4; round++) {
		long long end = now_ns() + 500000000LL * slowness();

		semantics_set(round % 2 ? semantics_bsd() : NATIVE);
		while (now_ns() < end)
			close(sock_bind("tcp", "127.0.0.1" AT_PORT, 0));
		reuse_unload();
		reuse_load();
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	EXPECT_TRUE(WIFSIGNALED(status));
	tracefs_enable(EVENT, false);
	EXPECT_TRUE(nothing_hooked(NULL));
}

static int id_of(const char *event)
{
	return atoi(slurp(text(TRACEFS "events/reuse/%s/id", event)));
}

/* Opens a tracepoint by perf, to count the task's own events */
static int perf_open(int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .exclude_kernel = 1,
		.config = id,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

#define PARANOID	"/proc/sys/kernel/perf_event_paranoid"

/* A user without rights, whom perf lets count other tracepoints, has no hooks installed by it */
TEST_F(hooks, perf_takes_a_privilege)
{
	int id[] = { id_of(EVENT), id_of("reuse_deliver") };
	char *before = slurp(PARANOID);
	size_t i;

	write_file(PARANOID, "1");
	for (i = 0; i < ARRAY_SIZE(id); i++) {
		int fd = perf_open(id[i]);

		/* As root it works */
		EXPECT_LE(0, fd);
		close(fd);
	}
	if (seteuid(1000))
		die("seteuid");
	for (i = 0; i < ARRAY_SIZE(id); i++)
		EXPECT_EQ(-1, perf_open(id[i]));
	if (seteuid(0))
		die("seteuid");
	write_file(PARANOID, "%d", atoi(before));
	EXPECT_TRUE(nothing_hooked(NULL));
}

/* perf keeps the module loaded */
TEST_F_TIMEOUT(hooks, unload_under_perf, 100)
{
	int fd;

	if (!reuse_ko())
		SKIP(return, "REUSE_KO is not set");
	fd = perf_open(id_of(EVENT));
	ASSERT_LE(0, fd)
		TH_LOG("perf_event_open: %m");
	EXPECT_FALSE(nothing_hooked(NULL));
	EXPECT_EQ(EWOULDBLOCK, module_remove("reuse"));
	close(fd);
	EXPECT_TRUE(nothing_hooked(NULL));
	reuse_unload();
	reuse_load();
}

TEST_HARNESS_MAIN
