// SPDX-License-Identifier: GPL-2.0
/*
 * A user without rights makes a user and a network namespace, and may do anything to
 * these. Each test is about one thing that others must not notice; module/SECURITY
 * names it.
 */
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bulk.h"
#include "events.h"
#include "harness.h"
#include "hostile.h"
#include "why.h"

#define FTRACE_ENABLED	"/proc/sys/kernel/ftrace_enabled"
#define SWITCHERS	16
#define PORTS		35000	/* as many as there may be slots */
#define LONG_NS		100000000LL
#define NO_DELAY_NS	3000000000LL	/* longer than a scheduler or a busy host delays a task */

/* Are natively, too, calls of functions slow that are intercepted for another namespace? */
#ifdef __aarch64__
#define SLOW_HOOKS	kernel_before(6, 2)
#else
#define SLOW_HOOKS	false
#endif

/* The one that this run tries */
static enum semantics bsd;

FIXTURE(hostile) {
	int home;
};

FIXTURE_SETUP(hostile)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	bsd = semantics_bsd();
	if (!hostile_may_make_netns())
		SKIP(return, "users may not make namespaces here");
	if (!access(HOOKED, R_OK))
		ASSERT_TRUE(wait_for(nothing_hooked, NULL, 120000));
	new_netns();
	self->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

FIXTURE_TEARDOWN(hostile)
{
	close(self->home);
}

/* The user switches its own namespace and no other, through any file that it has or hands on */
TEST_F(hostile, switches_its_own_only)
{
	int theirs = open(SEMANTICS, O_RDWR), own, ready[2], go[2];
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready) | pipe(go));
	pid = hostile_fork();
	if (!pid) {
		own_namespaces();
		if (semantics_try(bsd) || !semantics_is(bsd))
			_exit(1);
		if (write(theirs, "bsd", 3) >= 0 || errno != EPERM)
			_exit(2);
		if (!setns(self->home, CLONE_NEWNET) || errno != EPERM)
			_exit(3);
		own = open(SEMANTICS, O_RDWR);
		if (write(ready[1], &own, sizeof(own)) != sizeof(own) || read(go[0], &c, 1) != 1)
			_exit(4);
		_exit(semantics_is(PRE39) ? 0 : 5);
	}
	/* A write by another task still switches the namespace of the task that opened the file */
	ASSERT_EQ(sizeof(own), read(ready[0], &own, sizeof(own)));
	own = open(text("/proc/%d/fd/%d", pid, own), O_WRONLY);
	EXPECT_EQ(5, write(own, "pre39", 5));
	close(own);
	ASSERT_EQ(1, write(go[1], "", 1));
	EXPECT_EQ(0, status_of(pid));
	EXPECT_TRUE(semantics_is(NATIVE));
}

/* Addresses of one family, with the port; and what else the row of the first has */
struct ends {
	const char *one;
	const char *v6only;
	const char *any;
	int family;
};

/* Sends a datagram to the port, and tells whether the socket gets it */
static bool gets(const struct ends *ends, int fd)
{
	int sender = sock_open("udp", ends->family, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	sock_connect(sender, ends->one);
	if (send(sender, "x", 1, 0) != 1)
		die("send");
	close(sender);
	return poll(&p, 1, 10000) == 1 && recv(fd, &c, 1, 0) == 1;
}

/* Other namespaces take, share and serve ports as if the user were not there */
static void take_ports(void *arg)
{
	const struct ends *ends = arg;

	own_namespaces();
	semantics_set(PRE39);
	sock_bind("udp", ends->any, S_REUSEADDR);
	semantics_set(bsd);
	sock_bind("udp", ends->one, S_REUSEADDR);
	sock_bind("tcp", ends->one, S_REUSEADDR);
}

static void check_own_ports(struct __test_metadata *_metadata, struct ends *ends)
{
	struct child before, after;
	int tcp, udp, other;

	child_start(&before, HOSTILE, take_ports, ends);
	tcp = sock_bind("tcp", ends->one, S_LISTEN);
	udp = sock_bind("udp", ends->one, 0);
	child_start(&after, HOSTILE, take_ports, ends);
	EXPECT_REUSE("tcp %1$s %2$s listen=1\nudp %1$s %2$s bound=1\n", ends->one,
		     ends->v6only);
	EXPECT_FILE(text("/proc/%d/net/reuse", after.pid),
		    "tcp %2$s %3$s bound=1 reuseaddr=1 uid=%1$d\n"
		    "udp %4$s bound=1 reuseaddr=1 uid=%1$d\n"
		    "udp %2$s %3$s bound=1 reuseaddr=1 uid=%1$d\n", HOSTILE, ends->one,
		    ends->v6only, ends->any);

	EXPECT_TRUE(gets(ends, udp));
	other = sock_open("udp", ends->family, S_REUSEADDR);
	EXPECT_EQ(EADDRINUSE, sock_try_bind(other, ends->one));
	close(other);
	other = sock_open("tcp", ends->family, 0);
	sock_connect(other, ends->one);
	close(sock_accept(tcp));
	close(other);
	child_stop(&before);
	child_stop(&after);
	EXPECT_TRUE(gets(ends, udp));
	close(udp);
	close(tcp);
}

TEST_F(hostile, has_its_own_ports)
{
	struct ends v4 = { "127.0.0.1" AT_PORT, "", "0.0.0.0" AT_PORT, AF_INET };
	struct ends v6 = { "[::1]" AT_PORT, "v6only=1", "[::]" AT_PORT, AF_INET6 };

	check_own_ports(_metadata, &v4);
	/* The accepted socket is in TIME_WAIT */
	new_netns();
	check_own_ports(_metadata, &v6);
}

/* BSDs take root of the user namespace for root, also if uid_map was written after it was made */
TEST_F(hostile, has_its_own_root)
{
	int made[2], mapped[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(made) | pipe(mapped));
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) || write(made[1], "", 1) != 1 ||
		    read(mapped[0], &c, 1) != 1 || setresuid(0, 0, 0))
			_exit(1);
		lo_up();
		semantics_set(bsd);
		/* Root may join where another user is, and not the other way round */
		if (hostile_bind_as(1, PORT) || hostile_bind_as(0, PORT))
			_exit(2);
		if (hostile_bind_as(0, 30001) || hostile_bind_as(1, 30001) != EADDRINUSE)
			_exit(3);
		_exit(0);
	}
	ASSERT_EQ(1, read(made[0], &c, 1));
	write_file(text("/proc/%d/uid_map", pid), "0 %d 2", HOSTILE);
	ASSERT_EQ(1, write(mapped[1], "", 1));
	EXPECT_EQ(0, status_of(pid));
}

/* Has functions intercepted and let go of, all the time; root need not pause between */
static void switch_for_ever(bool root)
{
	if (root)
		new_netns();
	else
		own_namespaces();
	for (;;) {
		semantics_try(bsd);
		semantics_try(NATIVE);
	}
}

static void switchers_start(pid_t *pid, int n)
{
	while (n--) {
		pid[n] = hostile_fork();
		if (!pid[n])
			switch_for_ever(false);
	}
}

static void switchers_stop(const pid_t *pid, int n)
{
	int i;

	for (i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	for (i = 0; i < n; i++)
		status_of(pid[i]);
}

static long long time_to_switch(void)
{
	long long start = now_ns();

	semantics_set(bsd);
	semantics_set(NATIVE);
	return now_ns() - start;
}

/* To where its devices are gone: the module's part comes before */
static long long time_to_end_namespace(void)
{
	struct child far;
	long long took;

	child_netns(&far);
	if (!add_device("near", text("veth peer name far netns %d", far.pid))) {
		child_stop(&far);
		return 0;
	}
	took = -now_ns();
	child_stop(&far);
	while (if_nametoindex("near"))
		usleep(500);
	return took + now_ns();
}

/* Of some times, one of the longest; @pause in nanoseconds between */
static long long long_time(long long (*take)(void), long long pause)
{
	long long took[9], swap;
	int i, j;

	for (i = 0; i < 9; i++) {
		usleep(pause / 1000);
		took[i] = take();
		for (j = i; j && took[j] < took[j - 1]; j--) {
			swap = took[j];
			took[j] = took[j - 1];
			took[j - 1] = swap;
		}
	}
	return took[7];
}

/* The user's switches delay no task that makes or ends a namespace, and other switches little */
TEST_F_TIMEOUT(hostile, switches_and_holds_up_nobody, 280)
{
	long long alone, among, made, ended, ended_alone;
	pid_t pid[SWITCHERS], root;

	/* The first one looks for the functions */
	time_to_switch();
	alone = time_to_switch();
	ended_alone = long_time(time_to_end_namespace, 0);
	root = fork();
	if (!root) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		switch_for_ever(true);
	}
	made = long_time(hostile_time_namespace, alone / 4);
	ended = long_time(time_to_end_namespace, alone / 4);
	switchers_stop(&root, 1);
	switchers_start(pid, SWITCHERS);
	among = time_to_switch();
	switchers_stop(pid, SWITCHERS);
	TH_LOG("a switch and back: %lld us, among others %lld us", alone / 1000, among / 1000);
	TH_LOG("a namespace is made in %lld us, ended in %lld us, without switches in %lld us",
	       made / 1000, ended / 1000, ended_alone / 1000);
	EXPECT_LT(made, alone / 5);
	EXPECT_LT(ended, 2 * ended_alone + alone / 5);
	EXPECT_LT(among, SWITCHERS / 2 * alone);
}

/* A search ends when the namespace is switched: a task that unloads waits for it */
TEST_F_TIMEOUT(hostile, searches_and_holds_up_nobody, 280)
{
	long long native, emulated, switched;
	pid_t pid;

	bulk_files(HOSTILE_PORTS + 100);
	stay_hooked();
	pid = hostile_fork();
	if (!pid) {
		hostile_search(&native, &emulated, &switched);
		TH_LOG("a search: %lld us, %s %lld us, switched meanwhile %lld us", native / 1000,
		       semantics_name[bsd], emulated / 1000, switched / 1000);
		_exit((!SLOW_HOOKS && 2 * native > emulated) ||
		      switched > native + emulated / 2);
	}
	EXPECT_EQ(0, status_of(pid));
}

static long long bind_takes(const char *proto, int port)
{
	int s = sock_open(proto, AF_INET, 0), err;
	long long took = -now_ns();

	err = sock_try_bind(s, text("127.0.0.1:%d", port));
	took += now_ns();
	if (err)
		die("port %d: %s", port, strerror(err));
	close(s);
	return took;
}

/*
 * The longest of binds to so many ports that all slots of the kernel's tables are
 * met. What does not take long each time is the scheduler's, or an interrupt's.
 */
static long long longest_bind(const char *proto)
{
	long long longest = 0, took, again;
	int i, tries;

	for (i = 0; i < PORTS; i++) {
		took = bind_takes(proto, PORT + i);
		/* After so long the user may be in no hurry to have the slot again */
		if (took >= NO_DELAY_NS * slowness())
			return took;
		for (tries = 0; tries < 4 && took >= LONG_NS * slowness(); tries++) {
			/* The user has the slot again by then */
			usleep(10000);
			again = bind_takes(proto, PORT + i);
			took = took < again ? took : again;
		}
		longest = longest < took ? took : longest;
	}
	return longest;
}

/* The kernel's hash slots are shared by all: the user holds the lock of none for long */
TEST_F_TIMEOUT(hostile, keeps_no_slot_for_long, 600)
{
	static const struct {
		const char *proto;
		bool pre39;
		uid_t uid;
		void (*crowd)(const char *proto);
	} crowds[] = {
		{ "tcp", true, 0, hostile_addresses },
		{ "udp", true, 0, hostile_addresses },
		{ "tcp", false, 0, hostile_connections },
		{ "udp", false, 0, hostile_addresses },
		/* A BSD asks whose they are */
		{ "tcp", false, 1, hostile_connections },
		/* openbsd has no such addresses */
		{ "tcp", false, 0, hostile_places },
	};
	unsigned int ncrowds = ARRAY_SIZE(crowds) - (bsd == OPENBSD);
	long long took;
	int ready[2];
	unsigned int from = seed(), i, n;
	pid_t pid;
	char c;

	bulk_files(2 * HOSTILE_CROWD);
	ASSERT_EQ(0, pipe(ready));
	/* Each meets all slots, which takes long */
	for (n = 0; n < some_of(ncrowds, 1); n++) {
		enum semantics semantics;
		const char *proto;

		i = (from + n) % ncrowds;
		semantics = crowds[i].pre39 ? PRE39 : bsd;
		proto = crowds[i].proto;

		pid = hostile_fork();
		if (!pid)
			hostile_binds(proto, semantics, crowds[i].uid, crowds[i].crowd, ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		took = longest_bind(proto);
		TH_LOG("%s beside crowd %u of %s: at most %lld us", proto, i,
		       semantics_name[semantics], took / 1000);
		EXPECT_GT(LONG_NS * slowness(), took);
		kill(pid, SIGKILL);
		status_of(pid);
	}
}

/* The user can have the kernel patched once a second; a signal ends its wait. Root need not wait */
TEST_F_TIMEOUT(hostile, patches_the_kernel_once_a_second, 200)
{
	pid_t pid = hostile_fork();

	if (!pid) {
		own_namespaces();
		if (semantics_try(bsd) || semantics_try(NATIVE))
			_exit(1);
		if (hostile_switch_under_signals(bsd) != EINTR || !semantics_is(NATIVE))
			_exit(2);
		if (semantics_try(bsd) || semantics_try(NATIVE))
			_exit(3);
		/* Nor in another namespace */
		if (unshare(CLONE_NEWNET) || hostile_switch_under_signals(bsd) != EINTR ||
		    !semantics_is(NATIVE))
			_exit(4);
		_exit(0);
	}
	EXPECT_EQ(0, status_of(pid));

	/* Where it is patched already, there is nothing to wait for */
	semantics_set(bsd);
	semantics_set(NATIVE);
	EXPECT_EQ(0, hostile_switch_under_signals(bsd));
	pid = hostile_fork();
	if (!pid) {
		own_namespaces();
		_exit(hostile_switch_under_signals(bsd));
	}
	EXPECT_EQ(0, status_of(pid));
}

/* Lines of the kernel's log since it was opened that are the module's, or say that
 * such were left out
 */
static int lines(int log)
{
	char record[2048];
	int n = 0;
	ssize_t len;

	while ((len = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[len > 0 ? len : 0] = '\0';
		n += strstr(record, "reuse") || strstr(record, "suppressed");
	}
	return n;
}

/* The user writes to a file again and again, and gets an error: how many lines the module logs */
static int lines_after(int log, const char *file, const char *text, int times, int err)
{
	pid_t pid = hostile_fork();
	int fd;

	if (pid)
		return status_of(pid) ? -1 : lines(log);

	own_namespaces();
	fd = open(file, O_RDWR);
	while (times--) {
		if (write(fd, text, strlen(text)) >= 0 || errno != err)
			_exit(1);
	}
	_exit(0);
}

/* The user does not fill the log */
TEST_F_TIMEOUT(hostile, does_not_fill_the_log, 60)
{
	const struct {
		const char *file, *text;
		int err, most, seconds;
	} wrong[] = {
		{ SEMANTICS, "linux", EINVAL, 10, 5 },
		{ EVENTS_SYSCTL, "linux", EINVAL, 10, 5 },
		{ WHY, "linux", EINVAL, 3, 60 },
		{ SEMANTICS, semantics_name[bsd], EPERM, 3, 60 },
	};
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), i, n, most;
	long long start;

	ASSERT_LE(0, lseek(log, 0, SEEK_END));
	for (i = 0; i < (int)ARRAY_SIZE(wrong); i++) {
		write_file(PARAMETERS "host_only", wrong[i].err == EPERM ? "1" : "0");
		start = now_ns();
		n = lines_after(log, wrong[i].file, wrong[i].text, 5000, wrong[i].err);
		most = (now_ns() - start) / 1000000000LL / wrong[i].seconds + 2;
		most *= wrong[i].most + 1;
		TH_LOG("%s to %s: %d lines, at most %d", wrong[i].text, wrong[i].file, n, most);
		/* Three a minute may have been used up before */
		EXPECT_LE(wrong[i].seconds == 5, n);
		EXPECT_GE(most, n);
	}
	write_file(PARAMETERS "host_only", "0");

	/* Not every kernel lets it be switched off */
	if (!try_write(FTRACE_ENABLED, 0, "0", 1)) {
		n = lines_after(log, SEMANTICS, semantics_name[bsd], 8, EBUSY);
		EXPECT_LE(0, n);
		EXPECT_GT(5, n);
		write_file(FTRACE_ENABLED, "1");
	}
	close(log);
}

#define FLOODERS	4
#define HASTE_US	1000000
#define BINDS		200

/* The least time that a bind() takes that is refused, and logged, while others flood their logs */
static long long refused_beside(struct __test_metadata *_metadata, const char *level)
{
	long long least = -1, took;
	pid_t pid[FLOODERS];
	int i;

	for (i = 0; i < FLOODERS; i++) {
		pid[i] = hostile_fork();
		if (!pid[i])
			hostile_flood(level, HASTE_US);
	}
	for (i = 0; i < BINDS; i++) {
		int s = sock_open("udp", AF_INET, 0);

		took = now_ns();
		EXPECT_EQ(EADDRINUSE, sock_try_bind(s, "127.0.0.1:30000"));
		took = now_ns() - took;
		close(s);
		if (least < 0 || took < least)
			least = took;
		usleep(HASTE_US / BINDS / 2);
	}
	for (i = 0; i < FLOODERS; i++)
		EXPECT_EQ(0, status_of(pid[i]));
	return least;
}

/* A user who floods a log fills no other, and others bind as fast as before */
TEST_F_TIMEOUT(hostile, floods_its_own_log_only, 120)
{
	int owner = sock_bind("udp", "0.0.0.0:30000", 0);
	long long quiet, loud;

	lo_up();
	events_begin("refused");
	quiet = refused_beside(_metadata, "off");
	events_begin("refused");
	loud = refused_beside(_metadata, "all");
	TH_LOG("a refused bind(): %lld ns, beside floods %lld ns", quiet, loud);
	EXPECT_GT(2 * quiet, loud);
	EXPECT_EVENTS("count=%d", BINDS);
	events_begin("off");
	close(owner);
}

TEST_HARNESS_MAIN
