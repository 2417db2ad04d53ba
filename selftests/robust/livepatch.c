// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch of a function that the module redirects: the first of the two has the
 * function, and the other one gets an error that says so. The livepatch is livepatch_rival/rival.c.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#include "events.h"
#include "harness.h"
#include "rules.h"
#include "tracefs.h"

#define LIVEPATCH	"/sys/kernel/livepatch/rival"
#define FUNCTION	"inet_csk_get_port"

static const char *rival_path(void)
{
	const char *path = getenv("REUSE_RIVAL");

	return path ? path : "rival.ko";
}

static bool is_settled(void *arg)
{
	char *s = slurp(LIVEPATCH "/transition");
	bool settled = *s == '0';

	(void)arg;
	free(s);
	return settled;
}

static bool is_gone(void *arg)
{
	(void)arg;
	return access(LIVEPATCH, F_OK);
}

static bool is_removed(void *arg)
{
	(void)arg;
	return !module_remove("rival");
}

static int rival_insert(const char *params)
{
	int fd = open(rival_path(), O_RDONLY | O_CLOEXEC);
	int err = syscall(SYS_finit_module, fd, params, 0) ? errno : 0;

	close(fd);
	return err;
}

/* A task that is inside the function holds up both ways */
static int rival_load(const char *function)
{
	int err = rival_insert(text("function=%s", function));

	if (!err && !wait_for(is_settled, NULL, 60000))
		die("the livepatch does not get ready");
	return err;
}

static void rival_unload(void)
{
	write_file(LIVEPATCH "/enabled", "0");
	if (!wait_for(is_gone, NULL, 60000) || !wait_for(is_removed, NULL, 10000))
		die("the livepatch does not go");
}

/* Also after a test that died */
static void __attribute__((destructor)) leave_no_rival(void)
{
	if (!access(LIVEPATCH, F_OK))
		rival_unload();
	module_remove("rival");
	reuse_load_again();
}

static bool file_is(const char *path, const char *want)
{
	char *s = slurp(path);
	bool is = !strcmp(s, want);

	free(s);
	return is;
}

static int try_bind(const char *proto)
{
	static const struct rules_sock sk = { "127.0.0.1", 0, 0 };
	int fd = rules_open(proto, &sk), err = rules_bind(fd, &sk, PORT);

	close(fd);
	return err;
}

/* The one that this run tries */
static enum semantics bsd;

FIXTURE(livepatch) {};

FIXTURE_SETUP(livepatch)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	if (access(rival_path(), R_OK))
		SKIP(return, "no %s: make -C robust/livepatch_rival, or set REUSE_RIVAL",
		     rival_path());
	if (access("/sys/kernel/livepatch", F_OK))
		SKIP(return, "no livepatches on this kernel");
	bsd = semantics_bsd();
	new_netns();
	/* Namespaces of other programs may be dying still */
	ASSERT_TRUE(wait_for(nothing_hooked, NULL, 120000));
}

FIXTURE_TEARDOWN(livepatch)
{
}

/* The switch is refused, and nothing has changed; without the livepatch it is not */
TEST_F_TIMEOUT(livepatch, is_first, 200)
{
	enum semantics semantics;
	const char *line;
	int fd, log;

	ASSERT_EQ(0, rival_load(FUNCTION));
	EXPECT_EQ(EADDRINUSE, try_bind("tcp"));
	for (semantics = PRE39; semantics < SEMANTICS_COUNT; semantics++) {
		if (!semantics_tried(semantics))
			continue;
		log = reuse_log();
		EXPECT_EQ(EBUSY, semantics_try(semantics));
		line = reuse_said(log);
		EXPECT_TRUE(strstr(line, FUNCTION "()"))
			TH_LOG("dmesg: %s", line);
		EXPECT_TRUE(semantics_is(NATIVE));
		EXPECT_TRUE(nothing_hooked(NULL));
		EXPECT_EQ(0, semantics_try(NATIVE));
	}
	EXPECT_TRUE(file_is(AVAILABLE, ALL_SEMANTICS));
	fd = sock_bind("udp", "127.0.0.1" AT_PORT, 0);
	EXPECT_REUSE("udp 127.0.0.1" AT_PORT " sockets=1 bound=1\n");
	close(fd);

	rival_unload();
	EXPECT_EQ(0, try_bind("tcp"));
	EXPECT_EQ(0, semantics_try(bsd));
	EXPECT_EQ(bsd, semantics_seen(PORT));
	EXPECT_FALSE(nothing_hooked(NULL));
	EXPECT_EQ(0, semantics_try(NATIVE));
	EXPECT_TRUE(nothing_hooked(NULL));
}

/* Enabling the tracepoint reuse_bind is refused, too; without the livepatch it is not */
TEST_F_TIMEOUT(livepatch, is_first_and_no_bind_is_traced, 200)
{
	const char *line;
	int log;

	if (!tracefs_there("reuse_bind"))
		SKIP(return, "no tracepoints");
	ASSERT_EQ(0, rival_load(FUNCTION));
	tracefs_begin();
	log = reuse_log();
	EXPECT_EQ(EBUSY, tracefs_enable("reuse_bind", true));
	line = reuse_said(log);
	EXPECT_TRUE(strstr(line, FUNCTION "()"))
		TH_LOG("dmesg: %s", line);
	EXPECT_TRUE(nothing_hooked(NULL));

	rival_unload();
	EXPECT_EQ(0, tracefs_enable("reuse_bind", true));
	EXPECT_FALSE(nothing_hooked(NULL));
	tracefs_end();
	EXPECT_TRUE(nothing_hooked(NULL));
}

static bool is_refused(const char *function)
{
	bool is = false, named;
	const char *line;
	int log, err;

	if (rival_load(function))
		die("no livepatch of %s", function);
	log = reuse_log();
	err = semantics_try(bsd);
	line = reuse_said(log);
	named = strstr(line, text("%s()", function));
	if (err != EBUSY || !named)
		printf("# %s: %s, dmesg: %s\n", function, strerror(err), line);
	else if (!nothing_hooked(NULL) || !semantics_is(NATIVE))
		printf("# %s: something is left\n", function);
	else
		is = true;
	semantics_set(NATIVE);
	rival_unload();
	return is;
}

/* So is a switch beside a livepatch of any other redirected function: some_of() them */
TEST_F_TIMEOUT(livepatch, is_first_of_any, 290)
{
	static const char * const redirected[] = {
		"inet_rcv_saddr_equal", "udp_v4_get_port", "udp_v6_get_port",
		"__inet_lookup_listener", "inet6_lookup_listener",
		"__ip4_datagram_connect", "__ip6_datagram_connect",
		"tcp_v4_connect", "tcp_v6_connect",
		/* By openbsd alone */
		"__inet_bind", "__inet6_bind",
	};
	unsigned int n = ARRAY_SIZE(redirected) - (bsd == OPENBSD ? 0 : 2), from = seed(), i;

	/* A livepatch takes long to come and go */
	for (i = 0; i < some_of(n, 3); i++)
		EXPECT_TRUE(is_refused(redirected[(from + i) % n]));
	EXPECT_EQ(0, semantics_try(PRE39));
	EXPECT_EQ(PRE39, semantics_seen(PORT));
	EXPECT_EQ(0, semantics_try(NATIVE));
}

/* The livepatch is refused, and nothing has changed; with native semantics it is not */
TEST_F_TIMEOUT(livepatch, is_second, 200)
{
	char *before, *after;

	semantics_set(bsd);
	before = slurp(HOOKED);
	ASSERT_EQ(EBUSY, rival_load(FUNCTION));
	after = slurp(HOOKED);
	EXPECT_STREQ(before, after);
	EXPECT_TRUE(semantics_is(bsd));
	EXPECT_EQ(bsd, semantics_seen(PORT));
	EXPECT_EQ(0, try_bind("tcp"));
	EXPECT_EQ(0, try_bind("udp"));

	semantics_set(NATIVE);
	ASSERT_EQ(0, rival_load(FUNCTION));
	EXPECT_EQ(EADDRINUSE, try_bind("tcp"));
	rival_unload();
	EXPECT_EQ(NATIVE, semantics_seen(PORT));
}

/* A log takes the function as well: the one that comes second is refused */
TEST_F_TIMEOUT(livepatch, excludes_a_log, 200)
{
	events_begin("refused");
	EXPECT_EQ(EBUSY, rival_load(FUNCTION));
	events_begin("off");
	ASSERT_EQ(0, rival_load(FUNCTION));
	EXPECT_EQ(-EBUSY, try_write(EVENTS_SYSCTL, 0, "refused", 7));
	EXPECT_STREQ("off\n", slurp(EVENTS_SYSCTL));
	EXPECT_TRUE(nothing_hooked(NULL));
	rival_unload();
	events_begin("refused");
	events_begin("off");
}

/* Namespaces that were to begin as a BSD are native then, and the module is there */
TEST_F_TIMEOUT(livepatch, is_there_before_the_module, 200)
{
	const char *line;
	int log;

	if (!reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	reuse_unload();
	ASSERT_EQ(0, rival_load(FUNCTION));
	log = reuse_log();
	reuse_load_as(semantics_name[bsd]);
	line = reuse_said(log);
	EXPECT_TRUE(strstr(line, FUNCTION "()"))
		TH_LOG("dmesg: %s", line);
	EXPECT_TRUE(semantics_is(NATIVE));
	new_netns();
	EXPECT_TRUE(semantics_is(NATIVE));
	EXPECT_TRUE(nothing_hooked(NULL));
	EXPECT_EQ(EBUSY, semantics_try(bsd));
	rival_unload();
	EXPECT_EQ(0, semantics_try(bsd));
	EXPECT_EQ(bsd, semantics_seen(PORT));
	reuse_unload();
	reuse_load();
}

static int hooked_functions(void)
{
	char *s = slurp(HOOKED), *line, *rest = s;
	int n = 0;

	while ((line = strsep(&rest, "\n")))
		n += !!strstr(line, "[reuse]");
	free(s);
	return n;
}

/* Switches while ftrace takes only @taken functions: 0 if the refused switch left no trace */
static int switch_refused(enum semantics from, int taken)
{
	int before = hooked_functions(), log, err;
	const char *line;

	if (rival_insert(text("refuse=%d", taken + 1)))
		die("no probe of register_ftrace_function()");
	log = reuse_log();
	err = semantics_try(PRE39);
	line = reuse_said(log);
	if (err && !strstr(line, "() cannot be intercepted: something else"))
		die("dmesg: %s", line);
	if (err && (!semantics_is(from) || semantics_seen(PORT) != from ||
		    hooked_functions() != before))
		die("%d taken, %s: something is left", taken, strerror(err));
	if (module_remove("rival"))
		die("the probe does not go");
	return err;
}

/* Whichever function it is that cannot be intercepted, the others are not either */
TEST_F_TIMEOUT(livepatch, no_part_of_them, 400)
{
	int n, all;

	for (n = 0; switch_refused(NATIVE, n); n++)
		EXPECT_TRUE(nothing_hooked(NULL));
	EXPECT_TRUE(semantics_is(PRE39));
	all = hooked_functions();
	EXPECT_EQ(all, n);
	/* Those that both need are there, so it is the first of the others that is refused */
	semantics_set(bsd);
	for (n = 0; switch_refused(bsd, n); n++)
		EXPECT_LT(n, all);
	EXPECT_LT(0, n);
	EXPECT_TRUE(semantics_is(PRE39));
	EXPECT_EQ(all, hooked_functions());
	semantics_set(NATIVE);
	EXPECT_TRUE(nothing_hooked(NULL));
}

/* Loads the module for namespaces that are a BSD while ftrace takes but @taken functions */
static bool load_refused(int taken)
{
	bool refused;

	reuse_unload();
	/* It is tried for each namespace */
	if (rival_insert(text("refuse=%d later=1", taken + 1)))
		die("no probe of register_ftrace_function()");
	reuse_load_as(semantics_name[bsd]);
	refused = semantics_is(NATIVE);
	if (refused && (hooked_functions() || semantics_seen(PORT) != NATIVE))
		die("%d taken: something is left", taken);
	if (module_remove("rival"))
		die("the probe does not go");
	return refused;
}

/* The same where namespaces are to begin as a BSD: they are native, the module is there */
TEST_F_TIMEOUT(livepatch, no_part_of_them_when_loaded, 400)
{
	int n;

	if (!reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	for (n = 0; load_refused(n); n++)
		;
	EXPECT_LT(10, n);
	/* The first is one of the module's own, to see whether a redirect works */
	EXPECT_EQ(1 + hooked_functions(), n);
	EXPECT_EQ(bsd, semantics_seen(PORT));
	reuse_unload();
	reuse_load();
}

/* Where a redirect has no effect it is refused, and not only said to be in force */
TEST_F_TIMEOUT(livepatch, needs_redirects_that_work, 200)
{
	const char *line;
	int log;

	if (!reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	reuse_unload();
	reuse_load();
	if (rival_insert("deaf=1"))
		SKIP(return, "no probe of a function's return on this kernel");
	log = reuse_log();
	EXPECT_EQ(EOPNOTSUPP, semantics_try(bsd));
	line = reuse_said(log);
	EXPECT_TRUE(strstr(line, "did not redirect a function of this module's own"))
		TH_LOG("dmesg: %s", line);
	EXPECT_TRUE(semantics_is(NATIVE));
	EXPECT_EQ(NATIVE, semantics_seen(PORT));
	EXPECT_TRUE(file_is(AVAILABLE, "native\n"));
	ASSERT_EQ(0, module_remove("rival"));
	/* Until then its probe, of one of the module's functions, was there */
	EXPECT_TRUE(nothing_hooked(NULL));
	/* It is tried once */
	EXPECT_EQ(EOPNOTSUPP, semantics_try(PRE39));
	reuse_unload();
	reuse_load();
	EXPECT_TRUE(file_is(AVAILABLE, ALL_SEMANTICS));
	EXPECT_TRUE(nothing_hooked(NULL));
	EXPECT_EQ(0, semantics_try(bsd));
	EXPECT_EQ(bsd, semantics_seen(PORT));
	EXPECT_EQ(0, semantics_try(NATIVE));
}

TEST_HARNESS_MAIN
