// SPDX-License-Identifier: GPL-2.0
/*
 * The semantics go away, by a switch or with the module, while they are in use:
 * what is left is the kernel as it was.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "events.h"
#include "harness.h"
#include "stress.h"
#include "traces.h"

#define FREE_PORT	30100	/* no other test binds it, Linux does not choose it */

/* Without REUSE_ROUNDS for so many seconds, and for so many rounds at least */
#define SECONDS		3
#define LEAST		3

#define PAUSE		20000	/* us */

/*
 * REUSE_ROUNDS is of both tests that unload, in tenths: one for that in which functions
 * are intercepted, as a round takes ten times as long. That which switches takes all.
 */
static bool go_on(int round, int tenths)
{
	const char *rounds = getenv("REUSE_ROUNDS");
	static time_t start;

	if (!round)
		start = time(NULL);
	if (rounds)
		return round < LEAST || round < atoi(rounds) / 10 * tenths;
	return round < LEAST || time(NULL) - start < SECONDS * slowness();
}

/* The words of net.reuse.log */
static const char * const levels[] = { "off", "refused", "all" };

/* Every fourth time there is a process for each CPU at any moment; else it goes quicker */
static void busy_or_not(void)
{
	__atomic_store_n(&stress->pause, random() % 4 ? PAUSE : 0, __ATOMIC_RELAXED);
}

/* Also after a test that died: the next program finds the module without semantics= */
static void __attribute__((destructor)) end_with_the_module(void)
{
	reuse_load_again();
}

/* No other tracer intercepts these either: after an unload the name would be gone */
static bool hooked(void)
{
	const char * const *name;
	char *s = slurp(HOOKED);
	bool found = false;

	for (name = semantics_functions; *name; name++)
		found |= !!strstr(s, *name);
	free(s);
	return found;
}

static bool unhooked(void *nothing)
{
	(void)nothing;
	return !hooked();
}

static const char *left_behind(bool symbols)
{
	return hooked() ? HOOKED : reuse_left_behind(symbols);
}

static enum semantics answers(void)
{
	return semantics_seen(FREE_PORT);
}

/* Sockets, readers and writers; if it is @native, it stays so, without a log or a trace */
static void begin(bool native)
{
	int i;

	stress->unloads = true;
	for (i = 0; i < SPACES; i++)
		stress->space[i].fixed = native;
	stress_spawn_workers();
	stress_spawn(stress_read, 0, 0);
	/* At the priority of the workers, rmmod and the tasks that it waits for would never run */
	if (setpriority(PRIO_PROCESS, 0, -20))
		die("no priority");
	stress_spawn(stress_write, 0, 0);
	stress_spawn(stress_found, 0, 0);
	if (!native)
		stress_spawn(stress_log, 0, 0);
}

/* With a word that is none it is not there at all, and says which words are */
TEST(loaded_with_a_wrong_word)
{
	const char *left, *line;
	int log;

	if (access(SEMANTICS, F_OK) || geteuid() || !reuse_ko())
		SKIP(return, "no net.reuse.semantics, or REUSE_KO is not set");
	reuse_unload();
	log = reuse_log();
	EXPECT_EQ(EINVAL, reuse_try_load_as("linux"));
	line = reuse_said(log);
	EXPECT_TRUE(strstr(line, "semantics=linux: choose native, pre39, bsd, "))
		TH_LOG("dmesg: %s", line);
	left = reuse_left_behind(true);
	EXPECT_TRUE(!left)
		TH_LOG("%s", left);
	reuse_load();
}

/* A process in a namespace of its own */
static pid_t start_namespace(enum semantics semantics)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		die("no pipe");
	pid = fork();
	if (!pid) {
		new_netns();
		semantics_set(semantics);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	if (read(ready[0], &c, 1) != 1)
		die("no namespace");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_namespace(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/*
 * It may be unloaded under all semantics, but then it says how many namespaces
 * lose them: those that are alive, not those that die at that moment.
 */
TEST(says_how_many_lose_them)
{
	pid_t alive[3], dead[8];
	const char *line;
	int round, log;
	size_t i;

	if (access(SEMANTICS, F_OK) || geteuid() || !reuse_ko())
		SKIP(return, "no net.reuse.semantics, or REUSE_KO is not set");
	for (round = 0; round < 4; round++) {
		for (i = 0; i < ARRAY_SIZE(alive); i++)
			alive[i] = start_namespace(semantics_nth(i));
		for (i = 0; i < ARRAY_SIZE(dead); i++)
			dead[i] = start_namespace(semantics_bsd());
		for (i = 0; i < ARRAY_SIZE(dead); i++)
			end_namespace(dead[i]);
		log = reuse_log();
		reuse_unload();
		line = reuse_said(log);
		EXPECT_TRUE(strstr(line, "unloaded while 2 network namespace(s) were not native"))
			TH_LOG("dmesg: %s", line);
		for (i = 0; i < ARRAY_SIZE(alive); i++)
			end_namespace(alive[i]);
		reuse_load();
	}
	log = reuse_log();
	reuse_unload();
	line = reuse_said(log);
	EXPECT_STREQ("nothing", line);
	reuse_load();
}

/* Also while a namespace logs, somebody has its log open, and a namespace that logs dies */
TEST(while_calls_are_logged)
{
	int i, fd, s, home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const char *left;
	char c;

	if (access(EVENTS_SYSCTL, F_OK) || geteuid() || !reuse_ko())
		SKIP(return, "no net.reuse.log, or REUSE_KO is not set");
	for (i = 0; i < 4; i++) {
		new_netns();
		events_begin("all");
		new_netns();
		events_begin("refused");
		s = sock_open("udp", AF_INET, 0);
		EXPECT_EQ(EADDRNOTAVAIL, sock_try_bind(s, "192.0.2.1:30000"));
		fd = open(EVENTS_FILE, O_RDONLY | O_CLOEXEC);
		EXPECT_EQ(1, read(fd, &c, 1));
		reuse_unload();
		left = left_behind(i == 3);
		EXPECT_TRUE(!left)
			TH_LOG("%s", left);
		EXPECT_EQ(-1, read(fd, &c, 1));
		EXPECT_EQ(EADDRNOTAVAIL, sock_try_bind(s, "192.0.2.1:30000"));
		close(fd);
		close(s);
		reuse_load();
		EXPECT_EVENTS("%s", "");
		EXPECT_EQ(0, setns(home, CLONE_NEWNET));
	}
}

/* With a name that is none it is there, native, and only the kernel's log says so */
TEST(loaded_with_a_wrong_name)
{
	const char *line;
	int log;

	if (access(SEMANTICS, F_OK) || geteuid() || !reuse_ko())
		SKIP(return, "no net.reuse.semantics, or REUSE_KO is not set");
	reuse_unload();
	log = reuse_log();
	EXPECT_EQ(0, reuse_try_load_with("semantic=bsd"));
	line = reuse_said(log);
	EXPECT_TRUE(strstr(line, "unknown parameter 'semantic' ignored"))
		TH_LOG("dmesg: %s", line);
	EXPECT_STREQ("native\n", slurp(SEMANTICS));
	new_netns();
	EXPECT_STREQ("native\n", slurp(SEMANTICS));
}

FIXTURE(use) {};

FIXTURE_SETUP(use)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	if (!reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	stress_begin();
	srandom(stress->seed);
}

FIXTURE_TEARDOWN(use)
{
	const char *left;

	EXPECT_EQ(0, stress_end());
	TH_LOG("%s", stress_summary());
	left = stress_left();
	EXPECT_TRUE(!left)
		TH_LOG("%s", left);
	EXPECT_LT(0, stress->done[BINDS]);
	EXPECT_LT(0, stress->done[REFUSALS]);
}

/* The module comes and goes while sockets are open, binds in flight and files read */
TEST_F_TIMEOUT(use, reload, 100000)
{
	const char *left;
	int round;

	begin(true);
	for (round = 0; go_on(round, 9); round++) {
		busy_or_not();
		usleep(random() % 20000);
		reuse_unload();
		left = left_behind(round % 100 == 99);
		ASSERT_TRUE(!left)
			TH_LOG("round %d: %s", round, left);
		reuse_load();
	}
	reuse_unload();
	left = left_behind(true);
	EXPECT_TRUE(!left)
		TH_LOG("in the end: %s", left);
	reuse_load();
	TH_LOG("%d rounds", round);
}

/* The same while namespaces have other semantics, so that functions are intercepted */
TEST_F_TIMEOUT(use, unload, 100000)
{
	const char *left;
	int round, i, home, first = random() % SEMANTICS_COUNT;
	enum semantics semantics;

	begin(false);
	/* Where no other task switches */
	new_netns();
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	for (round = 0; go_on(round, 1); round++) {
		busy_or_not();
		for (i = 0; i < SPACES; i++) {
			stress_enter(i);
			semantics_set(semantics_nth(first + round + i));
			events_begin(levels[random() % 3]);
		}
		ASSERT_EQ(0, setns(home, CLONE_NEWNET));
		usleep(random() % 50000);
		reuse_unload();
		left = left_behind(false);
		ASSERT_TRUE(!left)
			TH_LOG("round %d: %s", round, left);
		ASSERT_EQ(NATIVE, answers());
		semantics = semantics_nth(first + round);
		reuse_load_as(semantics_name[semantics]);
		ASSERT_EQ(semantics, answers());
	}
	/* For the next test */
	reuse_unload();
	left = left_behind(true);
	EXPECT_TRUE(!left)
		TH_LOG("in the end: %s", left);
	reuse_load();
	TH_LOG("%d rounds", round);
}

/* Four namespaces are switched at random while they are in use */
TEST_F_TIMEOUT(use, switch, 100000)
{
	int round, i;

	begin(false);
	for (round = 0; go_on(round, 10); round++) {
		enum semantics semantics = semantics_nth(random() % INT_MAX);

		stress_enter(random() % SPACES);
		semantics_set(semantics);
		events_begin(levels[random() % 3]);
		if (random() % 4 == 0)
			usleep(random() % 20000);
	}
	EXPECT_EQ(0, stress_end());
	for (i = 0; i < SPACES; i++) {
		stress_enter(i);
		semantics_set(NATIVE);
		events_begin("off");
	}
	/* Those that were founded are dying */
	EXPECT_TRUE(wait_for(unhooked, NULL, 60000));
	for (i = 0; i < SPACES; i++) {
		stress_enter(i);
		EXPECT_EQ(NATIVE, answers());
	}
	TH_LOG("%d switches", round);
}

TEST_HARNESS_MAIN
