// SPDX-License-Identifier: GPL-2.0
/* net.reuse.log and /proc/net/reuse_log: the sysctl, the lines, who may read, what is kept. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "events.h"
#include "harness.h"

#define ANY		"0.0.0.0" AT_PORT

/* It has the port, and shares it with nobody */
static int owner = -1;

static void own_port(void)
{
	owner = sock_bind("udp", ANY, 0);
}

/* The address of an event: each number has another one */
static const char *address(int n)
{
	return text("127.0.%d.%d" AT_PORT, n / 250, n % 250 + 1);
}

static int try_level(const char *word)
{
	return try_write(EVENTS_SYSCTL, 0, word, strlen(word));
}

static const char *level(void)
{
	char *word = slurp(EVENTS_SYSCTL);

	word[strcspn(word, "\n")] = '\0';
	return word;
}

/* bind() to the port that is taken: an event for each number */
static int refused(int n)
{
	int s = sock_open("udp", AF_INET, 0);
	int err = sock_try_bind(s, address(n));

	close(s);
	return err;
}

FIXTURE(log_file) {};
FIXTURE_SETUP(log_file)
{
	if (access(EVENTS_SYSCTL, F_OK))
		SKIP(return, "no net.reuse.log");
	new_netns();
	lo_up();
	own_port();
}

FIXTURE_TEARDOWN(log_file)
{
}

/* A namespace begins without a log; each word has effect, and off ends the log */
TEST_F(log_file, takes_three_words)
{
	EXPECT_STREQ("off", level());
	EXPECT_EQ(EADDRINUSE, refused(1));
	EXPECT_EVENTS("%s", "");

	EXPECT_EQ(0, try_level("refused\n"));
	EXPECT_STREQ("refused", level());
	EXPECT_EQ(EADDRINUSE, refused(2));
	EXPECT_EVENTS("local_address=%s", address(2));

	EXPECT_EQ(0, try_level(" all "));
	EXPECT_STREQ("all", level());
	EXPECT_EVENTS("%s", "");
	EXPECT_EQ(EADDRINUSE, refused(3));
	EXPECT_EVENTS("local_address=%s", address(3));

	EXPECT_EQ(0, try_level("off"));
	EXPECT_STREQ("off", level());
	EXPECT_EQ(EADDRINUSE, refused(4));
	EXPECT_EVENTS("%s", "");
}

/* Another word is EINVAL, and the log goes on */
TEST_F(log_file, refuses_other_words)
{
	static const char * const words[] = {
		"on", "OFF", "refuse", "all refused", "\n", " ",
		"a_word_that_is_longer_than_any_that_there_could_be",
	};
	size_t i;

	events_begin("refused");
	EXPECT_EQ(EADDRINUSE, refused(1));
	for (i = 0; i < ARRAY_SIZE(words); i++)
		EXPECT_EQ(-EINVAL, try_level(words[i]));
	EXPECT_STREQ("refused", level());
	EXPECT_EVENTS("count=1");
}

/* Writing the same word begins a new log */
TEST_F(log_file, begins_anew_when_written)
{
	events_begin("refused");
	EXPECT_EQ(EADDRINUSE, refused(1));
	EXPECT_EVENTS("count=1");
	events_begin("refused");
	EXPECT_EVENTS("%s", "");
	EXPECT_EQ(EADDRINUSE, refused(1));
	EXPECT_EVENTS("count=1");
}

/* A line says who called: the process, its name and its user; equal events are counted */
TEST_F(log_file, counts_equal_events)
{
	struct events events;
	double first, last, up;

	events_begin("refused");
	prctl(PR_SET_NAME, "a b\\c\x01");
	EXPECT_EQ(EADDRINUSE, refused(1));
	usleep(30000);
	EXPECT_EQ(EADDRINUSE, refused(1));
	EXPECT_EVENTS("count=2 pid=%d comm=a\\040b\\134c\\001 uid=0 call=bind proto=udp\t"
		      "local_address=%s dev=- v6only=- reuseaddr=0 reuseport=0 semantics=native\t"
		      "verdict=EADDRINUSE native=EADDRINUSE rule=wildcard other_address=" ANY
		      " other_dev=- other_state=bound other_uid=0 other_reuseaddr=0\t"
		      "other_reuseport=0 other_inode=%lu", getpid(), address(1), inode_of(owner));

	events_read(EVENTS_FILE, &events);
	first = atof(event_col(&events.event[0], "first"));
	last = atof(event_col(&events.event[0], "last"));
	up = atof(slurp("/proc/uptime"));
	EXPECT_LT(first + 0.02, last);
	EXPECT_LE(last, up + 0.02);
	EXPECT_GE(first, up - 30 * slowness());
	events_free(&events);
}

static void refused_once(void *arg)
{
	prctl(PR_SET_NAME, "other");
	if (refused(*(int *)arg) != EADDRINUSE)
		die("not refused");
}

/* The caller is the last one; another process makes no other event, but another user does */
TEST_F(log_file, says_who_called_last)
{
	struct child same, other;
	int n = 1;

	events_begin("refused");
	EXPECT_EQ(EADDRINUSE, refused(1));
	child_start(&same, 0, refused_once, &n);
	EXPECT_EVENTS("count=2 pid=%d comm=other uid=0", same.pid);
	child_start(&other, 1000, refused_once, &n);
	EXPECT_EVENTS("count=2 pid=%d uid=0\ncount=1 pid=%d uid=1000", same.pid, other.pid);
	child_stop(&same);
	child_stop(&other);
}

/* There are 256 lines: the event that has not happened for the longest time goes, and counts */
TEST_F(log_file, loses_the_oldest)
{
	struct events events;
	int i;

	events_begin("refused");
	for (i = 1; i <= EVENTS_MAX; i++)
		EXPECT_EQ(EADDRINUSE, refused(1000 + i));
	/* The first is no longer the oldest */
	EXPECT_EQ(EADDRINUSE, refused(1001));
	events_read(EVENTS_FILE, &events);
	EXPECT_EQ(EVENTS_MAX, (int)events.n);
	EXPECT_EQ(0, (int)events.lost);
	EXPECT_STREQ(address(1002), event_col(&events.event[0], "local_address"));
	EXPECT_STREQ(address(1001), event_col(&events.event[EVENTS_MAX - 1], "local_address"));
	EXPECT_STREQ("2", event_col(&events.event[EVENTS_MAX - 1], "count"));
	events_free(&events);

	for (i = 1; i <= 3; i++)
		EXPECT_EQ(EADDRINUSE, refused(2000 + i));
	events_read(EVENTS_FILE, &events);
	EXPECT_EQ(EVENTS_MAX, (int)events.n);
	EXPECT_EQ(3, (int)events.lost);
	EXPECT_STREQ(address(1005), event_col(&events.event[0], "local_address"));
	EXPECT_STREQ(address(2003), event_col(&events.event[EVENTS_MAX - 1], "local_address"));
	events_free(&events);

	/* A lost event comes back as a new one */
	EXPECT_EQ(EADDRINUSE, refused(1002));
	events_read(EVENTS_FILE, &events);
	EXPECT_EQ(4, (int)events.lost);
	EXPECT_STREQ("1", event_col(&events.event[EVENTS_MAX - 1], "count"));
	events_free(&events);
}

/* A reader gets the log of one moment, read by read, whatever happens meanwhile */
TEST_F(log_file, is_read_as_of_one_moment)
{
	char buffer[200], *whole;
	size_t len = 0;
	ssize_t n;
	int fd, i;

	events_begin("refused");
	for (i = 0; i < 100; i++)
		EXPECT_EQ(EADDRINUSE, refused(1000 + i));
	whole = slurp(EVENTS_FILE);
	fd = open(EVENTS_FILE, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		EXPECT_EQ(0, memcmp(whole + len, buffer, n));
		len += n;
		EXPECT_EQ(EADDRINUSE, refused(1000 + len % 100));
		if (len > 1000)
			events_begin("refused");
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(strlen(whole), len);

	/* From the beginning again, it is as it is now */
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_STREQ(slurp(EVENTS_FILE), slurp_fd(fd));
	close(fd);
}

/* Another namespace has its own level and its own lines */
TEST_F(log_file, is_of_one_namespace)
{
	events_begin("refused");
	EXPECT_EQ(EADDRINUSE, refused(1));
	new_netns();
	EXPECT_STREQ("off", level());
	EXPECT_EVENTS("%s", "");
}

/* The devices that the sockets are bound to: their names or, once they are gone, their numbers */
TEST_F(log_file, names_devices)
{
	int s = sock_open("udp", AF_INET, 0), index;

	if (!add_device("away", "dummy"))
		SKIP(return, "no dummy devices in this kernel");
	index = if_nametoindex("away");
	sock_bind_dev("udp", "127.0.0.1:30001", 0, "away");
	sock_dev(s, "away");
	events_begin("refused");
	EXPECT_EQ(EADDRINUSE, sock_try_bind(s, "127.0.0.1:30001"));
	EXPECT_EVENTS("dev=away other_dev=away");
	run("ip link del away");
	EXPECT_EVENTS("dev=if%d other_dev=if%d", index, index);
}

#define FIRST_PID_NAMESPACE	0xeffffffc	/* PROC_PID_INIT_INO */

/* Runs @fn as the first process of a PID namespace, and returns its number in this one */
static pid_t first_process(bool (*fn)(void))
{
	int home = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC), status;
	pid_t pid;

	if (unshare(CLONE_NEWPID))
		die("no PID namespace");
	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(fn() ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("not the number that was expected");
	if (setns(home, CLONE_NEWPID))
		die("cannot go back");
	close(home);
	return pid;
}

static bool is_first(void)
{
	return refused(1) == EADDRINUSE && !events_expect("pid=1");
}

static bool sees_no_number(void)
{
	return !events_expect("pid=-");
}

/* A process has a number for who reads in its PID namespace, or in the first one */
TEST_F(log_file, numbers_processes_for_those_who_know_them)
{
	struct stat st;
	pid_t pid;

	if (stat("/proc/self/ns/pid", &st) || st.st_ino != FIRST_PID_NAMESPACE)
		SKIP(return, "this is not the first PID namespace, or there is no other");
	events_begin("refused");
	pid = first_process(is_first);
	EXPECT_EVENTS("pid=%d", pid);
	first_process(sees_no_number);
}

static int open_log(void)
{
	int fd = open(EVENTS_FILE, O_RDONLY | O_CLOEXEC), err = errno;

	if (fd < 0)
		return err;
	close(fd);
	return 0;
}

static void without_rights(void *unused)
{
	(void)unused;
	if (open_log() != EACCES || try_level("refused") >= 0)
		die("a user without rights may");
	/* Rights over a namespace of one's own are none over this one */
	if (unshare(CLONE_NEWUSER) || open_log() != EACCES || try_level("refused") >= 0)
		die("a user with rights elsewhere may");
	/* It has all rights over this one */
	if (unshare(CLONE_NEWNET) || open_log() || try_level("refused") < 0)
		die("a user may not in a namespace of their own");
	/* Users are those of the reader's user namespace, which knows none */
	lo_up();
	own_port();
	if (refused(1) != EADDRINUSE || events_expect("uid=65534 other_uid=65534"))
		die("a user has a number of another user namespace");
}

/* Only who has CAP_NET_ADMIN over the namespace may read or write */
TEST_F(log_file, is_for_who_administers_the_namespace)
{
	struct child user;

	events_begin("refused");
	EXPECT_EQ(0, open_log());
	child_start(&user, 1000, without_rights, NULL);
	child_stop(&user);
}

static void as_host_only_says(void *refused)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		die("no namespaces");
	if (try_level("refused") != (refused ? -EPERM : 0) || try_level("off"))
		die("host_only is not obeyed");
}

/* With host_only=1 no user without rights over the host has functions intercepted */
TEST_F(log_file, may_be_kept_to_the_host)
{
	struct child user;

	write_file(PARAMETERS "host_only", "1");
	child_start(&user, 1000, as_host_only_says, &user);
	child_stop(&user);
	EXPECT_EQ(0, try_level("refused"));
	write_file(PARAMETERS "host_only", "0");
	child_start(&user, 1000, as_host_only_says, NULL);
	child_stop(&user);
}

/* As many functions as are needed are intercepted, and none of those that packets pass */
TEST_F(log_file, hooks_only_what_it_needs)
{
	static const char * const needed[] = {
		"inet_csk_get_port (", "udp_v4_get_port (", "udp_v6_get_port (",
		/* Not on PREEMPT_RT, which does not log what these refuse */
		"__inet_bind (", "__inet6_bind (",
	};
	int all = ARRAY_SIZE(needed) - (kernel_is_realtime() ? 2 : 0), i;
	char *hooked;

	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	ASSERT_TRUE(wait_for(nothing_hooked, NULL, 60000));
	events_begin("refused");
	hooked = slurp(HOOKED);
	for (i = 0; i < all; i++)
		EXPECT_TRUE(strstr(hooked, needed[i]));
	EXPECT_EQ(all, functions_hooked())
		TH_LOG("%s", hooked);
	events_begin("off");
	EXPECT_TRUE(nothing_hooked(NULL));
}

static void logs_and_dies(void *unused)
{
	(void)unused;
	new_netns();
	lo_up();
	own_port();
	events_begin("all");
	if (refused(1) != EADDRINUSE)
		die("not refused");
}

/* A namespace takes its log and its hooks with it; one that is read lives until then */
TEST_F(log_file, goes_with_its_namespace)
{
	struct child child;
	char first[10];
	int fd;

	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	child_start(&child, 0, logs_and_dies, NULL);
	EXPECT_FALSE(nothing_hooked(NULL));
	fd = open(text("/proc/%d/net/reuse_log", child.pid), O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(10, read(fd, first, 10));
	child_stop(&child);
	EXPECT_TRUE(strstr(slurp_fd(fd), address(1)));
	EXPECT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_TRUE(strstr(slurp_fd(fd), address(1)));
	close(fd);
	EXPECT_TRUE(wait_for(nothing_hooked, NULL, 60000));
}

TEST_HARNESS_MAIN
