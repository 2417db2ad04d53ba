// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of what the module does fails once, and then all do: there is an
 * error, nothing has changed, and the next try succeeds. /proc/self/fail-nth makes
 * one fail, objects and pages: CONFIG_FAULT_INJECTION_STACKTRACE_FILTER,
 * CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC.
 *
 * Those that fail are the ones with a function of the module on the stack, and
 * while it is being loaded, with the one that calls a module. Where each takes
 * long, some do: set REUSE_FAULTS for all.
 */
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "events.h"
#include "fail.h"
#include "harness.h"
#include "rules.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"

static int home = -1;

static bool unloaded(void *arg)
{
	int err = module_remove("reuse");

	(void)arg;
	return !err || err == ENOENT;
}

static void unload(void)
{
	if (!wait_for(unloaded, NULL, 60000))
		die("the module does not go");
}

/* Also after a test that died: the next program finds the module and the log as usual */
static void __attribute__((destructor)) as_before(void)
{
	fail_end();
	if (!geteuid() && reuse_ko() && access(REUSE_FILE, F_OK))
		reuse_try_load_with("");
}

/* One for all tests */
static void __attribute__((constructor)) skip_without_faults(void)
{
	const char *why = fail_impossible();

	if (!why && (access(SEMANTICS, F_OK) || access(HOOKED, R_OK)))
		why = "no net.reuse.semantics, or no tracefs";
	if (!why) {
		fail_begin();
		return;
	}
	printf("TAP version 13\n1..0 # SKIP %s\n", why);
	exit(KSFT_SKIP);
}

FIXTURE(faults) {};

FIXTURE_SETUP(faults)
{
	ASSERT_TRUE(wait_for(nothing_hooked, NULL, 120000));
	fail_open();
	srandom(seed());
	new_netns();
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

FIXTURE_TEARDOWN(faults)
{
	const char *complaint = fail_complaint();

	EXPECT_TRUE(!complaint)
		TH_LOG("%s", complaint);
}

/* Fails allocations of @op, one at a time, and in the end all at once. Was there ever an error? */
static bool try_all(struct __test_metadata *_metadata, const struct operation *op)
{
	int all, n, step = 1, tried = 0, failed = 0;

	if (op->loads)
		fail_of_init();
	else
		fail_of_module();
	all = fail_count(op);
	if (op->most && !getenv("REUSE_FAULTS"))
		step += all / op->most;
	for (n = 1 + random() % step; n < all + 1 + step; n += step) {
		EXPECT_TRUE(fail_cleanly(op, n, &failed));
		tried++;
	}
	TH_LOG("%s: %d allocations, %d made to fail, %d times an error", op->name, all, tried,
	       failed);
	EXPECT_TRUE(fail_cleanly(op, FAIL_ALL, &failed));
	return failed;
}

static const char *load_arguments;
static int load_fd = -1;

static void prepare_load(void)
{
	unload();
	close(load_fd);
	load_fd = open(reuse_ko(), O_RDONLY | O_CLOEXEC);
}

static int run_load(void)
{
	return syscall(SYS_finit_module, load_fd, load_arguments, 0) ? errno : 0;
}

/* Loading */
TEST_F_TIMEOUT(faults, load, 280)
{
	static const struct operation op = {
		"load", prepare_load, run_load, unload, true, 10, false
	};

	load_arguments = "";
	EXPECT_TRUE(try_all(_metadata, &op));
	reuse_try_load_with("");
}

/* Loading with the semantics of a BSD, where all is intercepted at once */
TEST_F_TIMEOUT(faults, load_bsd, 280)
{
	struct operation op = { NULL, prepare_load, run_load, unload, true, 10, false };
	enum semantics semantics;

	for (semantics = BSD; semantics < SEMANTICS_COUNT; semantics++) {
		if (!semantics_tried(semantics))
			continue;
		op.name = text("load %s", semantics_name[semantics]);
		load_arguments = text("semantics=%s", semantics_name[semantics]);
		EXPECT_TRUE(try_all(_metadata, &op));
		unload();
	}
	reuse_try_load_with("");
}

static int run_netns(void)
{
	if (unshare(CLONE_NEWNET))
		return errno;
	return access(REUSE_FILE, F_OK) || access(SEMANTICS, F_OK) ? errno : 0;
}

static void undo_netns(void)
{
	if (setns(home, CLONE_NEWNET))
		die("cannot go back");
}

/* The creation of a namespace that begins native */
TEST_F_TIMEOUT(faults, netns, 280)
{
	static const struct operation op = {
		"netns", NULL, run_netns, undo_netns, false, 0, false
	};

	EXPECT_LT(0, try_all(_metadata, &op));
}

/* The same of one that begins as a BSD, and is so or does not come about */
static enum semantics netns_begins;

static int run_netns_bsd(void)
{
	int err = run_netns();

	if (!err && !semantics_is(netns_begins))
		err = EINVAL;
	return err;
}

TEST_F_TIMEOUT(faults, netns_bsd, 280)
{
	struct operation op = { NULL, NULL, run_netns_bsd, undo_netns, false, 0, false };

	for (netns_begins = BSD; netns_begins < SEMANTICS_COUNT; netns_begins++) {
		const char *word = semantics_name[netns_begins];

		if (!semantics_tried(netns_begins))
			continue;
		op.name = text("netns %s", word);
		unload();
		ASSERT_EQ(0, reuse_try_load_with(text("semantics=%s", word)));
		EXPECT_LT(0, try_all(_metadata, &op));
	}
	unload();
	reuse_try_load_with("");
}

static enum semantics switch_from, switch_to;

static void prepare_switch(void)
{
	semantics_set(switch_from);
}

static int run_switch(void)
{
	return semantics_try(switch_to);
}

static void undo_switch(void)
{
	semantics_set(NATIVE);
}

/* Each switch, where others have all that is to be intercepted, and sockets are there */
TEST_F_TIMEOUT(faults, each_switch, 280)
{
	struct operation op = { NULL, prepare_switch, run_switch, undo_switch, false, 0, false };
	int failed = 0;

	stay_hooked();
	sock_bind("tcp", "127.0.0.1:30000", S_LISTEN);
	sock_bind("tcp", "[::]:30001", 0);
	sock_bind("udp", "127.0.0.1:30000", 0);
	sock_bind("udp", "[::]:30001", S_REUSEPORT);
	for (switch_from = NATIVE; switch_from < SEMANTICS_COUNT; switch_from++) {
		for (switch_to = NATIVE; switch_to < SEMANTICS_COUNT; switch_to++) {
			if (switch_from == switch_to || !semantics_tried(switch_from) ||
			    !semantics_tried(switch_to))
				continue;
			op.name = text("%s to %s", semantics_name[switch_from],
				       semantics_name[switch_to]);
			failed += try_all(_metadata, &op);
		}
	}
	EXPECT_LT(0, failed);
}

/* The first switch, by which all is intercepted: to one of those that are not native */
TEST_F_TIMEOUT(faults, first_switch, 280)
{
	struct operation op = { NULL, prepare_switch, run_switch, undo_switch, false, 30, false };
	unsigned int from = random() % BSD, n;

	switch_from = NATIVE;
	for (n = 0; n < some_of(DARWIN, 1); n++) {
		switch_to = semantics_nth(PRE39 + (from + n) % some_of(DARWIN, BSD));
		op.name = text("first switch, to %s", semantics_name[switch_to]);
		EXPECT_LT(0, try_all(_metadata, &op));
	}
}

/* Reading one of the files */
static const char *read_path;

static int run_read(void)
{
	int fd = open(read_path, O_RDONLY | O_CLOEXEC), err = 0;
	char buf[4096];
	ssize_t n;

	if (fd < 0)
		return errno;
	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0);
	if (n < 0)
		err = errno;
	close(fd);
	return err;
}

static void nothing(void)
{
}

TEST_F_TIMEOUT(faults, read, 120)
{
	static const struct operation op = { "read", NULL, run_read, nothing, false, 0, false };
	int i;

	/* Rows of one slot, more than there is room for at first */
	for (i = 1; i < 200; i++)
		sock_bind("udp", text("127.0.0.%d:30000", i), 0);
	read_path = REUSE_FILE;
	EXPECT_LT(0, try_all(_metadata, &op));
}

/* Asking: without memory there is no answer */
static int run_ask(void)
{
	static const char question[] = "proto=udp local_address=[::1]:30000 reuseaddr=1";

	return -try_write("/proc/net/reuse_why", 0, question, strlen(question));
}

TEST_F_TIMEOUT(faults, ask, 120)
{
	static const struct operation op = { "ask", NULL, run_ask, nothing, false, 0, false };

	EXPECT_LT(0, try_all(_metadata, &op));
}

static void end_log(void)
{
	events_begin("off");
}

static int run_log(void)
{
	return -try_write(EVENTS_SYSCTL, 0, "refused", 7);
}

/* Beginning a log, where nothing is intercepted yet; without memory there is none */
TEST_F_TIMEOUT(faults, log, 280)
{
	static const struct operation op = { "log", NULL, run_log, end_log, false, 30, false };

	EXPECT_LT(0, try_all(_metadata, &op));
}

/* Where another namespace logs already it takes no memory but that of the lines */
TEST_F_TIMEOUT(faults, log_beside_another, 120)
{
	static const struct operation op = {
		"log beside another", NULL, run_log, end_log, false, 0, false
	};

	events_begin("refused");
	new_netns();
	EXPECT_LT(0, try_all(_metadata, &op));
}

/* Reading it */
TEST_F_TIMEOUT(faults, read_log, 120)
{
	static const struct operation op = { "read log", NULL, run_read, nothing, false, 0, false };

	events_begin("refused");
	read_path = EVENTS_FILE;
	EXPECT_LT(0, try_all(_metadata, &op));
	end_log();
}

/* Which of the following is tried */
static size_t turn;

/* Sockets that keep what the module has to spare of notes on this CPU */
#define SPARES	40
static int held[1000], nheld;

static void hold(int n)
{
	while (n--) {
		held[nheld] = sock_bind("udp", text("127.5.%d.%d:30050", nheld / 250,
						    nheld % 250 + 1), 0);
		nheld++;
	}
}

/*
 * If there has to be an error, is there ever one? Sockets that close late leave memory to spare:
 * then all is tried again
 */
static bool try_turn(struct __test_metadata *_metadata, const struct operation *op, bool must_fail)
{
	int tries = 3;

	while (tries--) {
		if (try_all(_metadata, op) || !must_fail)
			return true;
		hold(SPARES);
	}
	return false;
}

/* Each of @n turns under each of the semantics; with @notes, all but native have to fail */
static void under_each(struct __test_metadata *_metadata, const struct operation *op, size_t n,
		       const char *(*name)(void), bool notes)
{
	enum semantics semantics;

	stay_on(0);
	stay_hooked();
	for (semantics = NATIVE; semantics < SEMANTICS_COUNT; semantics++) {
		if (!semantics_tried(semantics))
			continue;
		semantics_set(semantics);
		hold(SPARES);
		for (turn = 0; turn < n; turn++) {
			struct operation named = *op;
			bool must_fail = notes && semantics != NATIVE;

			named.name = text("%s %s", semantics_name[semantics], name());
			EXPECT_TRUE(try_turn(_metadata, &named, must_fail))
				TH_LOG("%s: never an error", named.name);
		}
		while (nheld)
			close(held[--nheld]);
		EXPECT_NO_ROWS();
	}
}

static const struct {
	const char *proto;
	const char *address;
	unsigned int flags;
} binds[] = {
	{ "tcp", "127.0.0.1:30000", S_REUSEADDR }, { "tcp", "[::]:30001", 0 },
	{ "tcp", "127.0.0.1:0", 0 }, { "tcp", "[::1]:0", 0 },
	{ "udp", "127.0.0.1:30000", S_REUSEADDR }, { "udp", "[::]:30001", 0 },
	{ "udp", "127.0.0.1:0", 0 }, { "udp", "[::1]:0", 0 },
};

static int bound = -1;

static void prepare_bind(void)
{
	/* Memory that the last one gave back */
	hold(2);
	bound = sock_open(binds[turn].proto, sock_family(binds[turn].address),
			  binds[turn].flags);
}

static int run_bind(void)
{
	return sock_try_bind(bound, binds[turn].address);
}

static void undo_bind(void)
{
	close(bound);
}

static const char *name_bind(void)
{
	return text("bind %s %s", binds[turn].proto, binds[turn].address);
}

/* bind() of each kind under each of the semantics */
TEST_F_TIMEOUT(faults, bind, 280)
{
	static const struct operation op = {
		NULL, prepare_bind, run_bind, undo_bind, .binds = true
	};

	under_each(_metadata, &op, ARRAY_SIZE(binds), name_bind, true);
}

static void prepare_listen(void)
{
	bound = sock_bind("tcp", "127.0.0.1:30000", S_REUSEADDR);
}

static int run_listen(void)
{
	return listen(bound, 4) ? errno : 0;
}

static const char *name_listen(void)
{
	return "listen";
}

/* listen(), too */
TEST_F_TIMEOUT(faults, listen, 120)
{
	static const struct operation op = {
		NULL, prepare_listen, run_listen, undo_bind, .binds = true
	};

	under_each(_metadata, &op, 1, name_listen, false);
}

static const struct {
	const char *proto;
	const char *from;
	const char *to;
} connects[] = {
	{ "udp", "127.0.0.1:0", "127.0.0.1:30000" }, { "udp", "[::1]:0", "[::1]:30000" },
	{ "udp", NULL, "127.0.0.1:30000" }, { "udp", NULL, "[::1]:30000" },
	{ "tcp", NULL, "127.0.0.1:30000" }, { "tcp", NULL, "[::1]:30000" },
};

static int listener = -1;

static void prepare_connect(void)
{
	bound = sock_open(connects[turn].proto, sock_family(connects[turn].to), 0);
	if (connects[turn].from && sock_try_bind(bound, connects[turn].from))
		die("bind");
	listener = sock_bind("tcp", connects[turn].to, S_LISTEN);
}

static int run_connect(void)
{
	return sock_try_connect(bound, connects[turn].to);
}

static void undo_connect(void)
{
	sock_abort(bound);
	close(listener);
}

static const char *name_connect(void)
{
	return text("connect %s %s", connects[turn].proto, connects[turn].to);
}

/* connect(), of what is bound and of what gets a port by it */
TEST_F_TIMEOUT(faults, connect, 280)
{
	static const struct operation op = {
		NULL, prepare_connect, run_connect, undo_connect, .binds = true
	};

	under_each(_metadata, &op, ARRAY_SIZE(connects), name_connect, false);
}

/* After all that nothing of the module is lost */
TEST_F_TIMEOUT(faults, nothing_is_lost, 280)
{
	if (access(KMEMLEAK, W_OK))
		SKIP(return, "no kmemleak");
	/* kmemleak ignores young objects, and reports nothing that it sees for the first time */
	sleep(6);
	write_file(KMEMLEAK, "scan");
	write_file(KMEMLEAK, "scan");
	EXPECT_EQ(NULL, strstr(slurp(KMEMLEAK), "[reuse]"))
		TH_LOG("%s", slurp(KMEMLEAK));
}

TEST_HARNESS_MAIN
