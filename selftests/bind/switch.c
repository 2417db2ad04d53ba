// SPDX-License-Identifier: GPL-2.0
/* net.reuse.semantics: the switch itself, its scope and the rights that it needs. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/wait.h>

#include "harness.h"

static int try_switch(const char *word)
{
	return try_write(SEMANTICS, 0, word, strlen(word));
}

static const char *now(void)
{
	char *word = slurp(SEMANTICS);

	word[strcspn(word, "\n")] = '\0';
	return word;
}

/* bind() of a second socket without options where one is, by the same user */
static int second_bind(const char *first, const char *second)
{
	int a = sock_bind("tcp", first, 0);
	int b = sock_open("tcp", sock_family(second), 0);
	int err = sock_try_bind(b, second);

	close(a);
	close(b);
	return err;
}

/* Tells bsd from the others: 0.0.0.0 and then a dual-stack ::, no options */
static bool is_bsd(void)
{
	int a = sock_bind("tcp", "0.0.0.0" AT_PORT, 0);
	int b = sock_open("tcp", AF_INET6, 0);
	int err = sock_try_bind(b, "[::]" AT_PORT);

	close(a);
	close(b);
	return !err;
}

/* Tells pre39 from the others */
static bool is_pre39(void)
{
	int s = sock_open("tcp", AF_INET, 0), one = 1;
	int err = setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));

	close(s);
	return err;
}

static bool native_now(void)
{
	return !is_bsd() && !is_pre39();
}

FIXTURE(semantics) {};
FIXTURE_SETUP(semantics)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	new_netns();
}

FIXTURE_TEARDOWN(semantics)
{
}

/* A namespace begins native, and the list has all words */
TEST_F(semantics, begins_native)
{
	EXPECT_STREQ("native", now());
	EXPECT_STREQ(ALL_SEMANTICS, slurp(AVAILABLE));
	EXPECT_TRUE(native_now());
}

/* Each word has effect from the next call on, and native is native again */
TEST_F(semantics, takes_effect)
{
	EXPECT_EQ(0, try_switch("bsd\n"));
	EXPECT_STREQ("bsd", now());
	EXPECT_TRUE(is_bsd() && !is_pre39());
	EXPECT_EQ(0, try_switch("pre39"));
	EXPECT_STREQ("pre39", now());
	EXPECT_TRUE(is_pre39() && !is_bsd());
	EXPECT_EQ(0, try_switch(" native "));
	EXPECT_STREQ("native", now());
	EXPECT_TRUE(native_now());
}

/* From any of the semantics to any other */
TEST_F(semantics, from_each_to_each)
{
	const char * const *words = semantics_name;
	size_t from, to;

	/* There and back makes each pair twice. To change the hooks each time takes long */
	stay_hooked();
	for (from = 0; from < SEMANTICS_COUNT; from++) {
		EXPECT_EQ(0, try_switch(words[from]));
		for (to = from + 1; to < SEMANTICS_COUNT; to++) {
			EXPECT_EQ(0, try_switch(words[to]));
			EXPECT_STREQ(words[to], now());
			EXPECT_EQ(to, (size_t)semantics_seen(PORT));
			EXPECT_EQ(0, try_switch(words[from]));
			EXPECT_STREQ(words[from], now());
		}
	}
	EXPECT_EQ(0, try_switch("native"));
	EXPECT_TRUE(native_now());
}

/* A word that is not in the list is EINVAL and changes nothing */
TEST_F(semantics, refuses_other_words)
{
	static const char * const words[] = {
		"linux", "BSD", "bsd pre39", "bsdx", "bs", "\n", " ", "\xff\xfe",
		"a_word_that_is_longer_than_any_that_there_could_be",
	};
	char page[5000];
	size_t i;

	ASSERT_EQ(0, try_switch("pre39"));
	for (i = 0; i < ARRAY_SIZE(words); i++)
		EXPECT_EQ(-EINVAL, try_switch(words[i]))
			TH_LOG("word: %s", words[i]);
	memset(page, 'b', sizeof(page));
	EXPECT_EQ(-EINVAL, try_write(SEMANTICS, 0, page, sizeof(page)));
	EXPECT_EQ(-EINVAL, try_write(SEMANTICS, 0, "b\0sd", 4));
	EXPECT_STREQ("pre39", now());
	EXPECT_TRUE(is_pre39());
}

/* The list is read-only */
TEST_F(semantics, list_is_read_only)
{
	EXPECT_NE(0, try_write(AVAILABLE, 0, "bsd", 3));
	EXPECT_STREQ(ALL_SEMANTICS, slurp(AVAILABLE));
}

/* A namespace inside another, and one beside it, decide for themselves */
TEST_F(semantics, is_of_one_namespace)
{
	int outer = open("/proc/self/ns/net", O_RDONLY), inner;

	ASSERT_EQ(0, try_switch("bsd"));
	new_netns();
	inner = open("/proc/self/ns/net", O_RDONLY);
	EXPECT_STREQ("native", now());
	EXPECT_TRUE(native_now());
	ASSERT_EQ(0, try_switch("pre39"));
	ASSERT_EQ(0, setns(outer, CLONE_NEWNET));
	EXPECT_TRUE(is_bsd() && !is_pre39());
	ASSERT_EQ(0, setns(inner, CLONE_NEWNET));
	EXPECT_TRUE(is_pre39() && !is_bsd());
	close(outer);
	close(inner);
}

/* Root of a user namespace may switch the namespaces that are its own */
TEST_F(semantics, container_root)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(1);
		if (try_switch("bsd") != -EACCES)
			_exit(2);
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(3);
		if (try_switch("bsd") || strcmp("bsd", now()))
			_exit(4);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_STREQ("native", now());
}

static void keep_to_host(bool on)
{
	write_file(PARAMETERS "host_only", on ? "1" : "0");
}

/* A container's root switches before @told and after it; returns the step that went wrong */
static int try_as_container_root(int ready, int told)
{
	char c;
	int i;

	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000) ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return 1;
	if (try_switch("bsd") || write(ready, "", 1) != 1 || read(told, &c, 1) != 1)
		return 2;
	/* Semantics in force stay, and the user may still leave them */
	if (strcmp("bsd", now()) || !is_bsd() || try_switch("bsd") != -EPERM)
		return 3;
	if (try_switch("pre39") != -EPERM || strcmp("bsd", now()))
		return 4;
	if (try_switch("native") || strcmp("native", now()) || try_switch("bsd") != -EPERM)
		return 5;
	if (try_switch("linux") != -EINVAL || strcmp("native", now()))
		return 6;
	for (i = 0; i < 100; i++)
		try_switch("bsd");
	/* Nor in namespaces that it makes */
	if (unshare(CLONE_NEWNET) || strcmp("native", now()) || try_switch("bsd") != -EPERM)
		return 7;
	return try_switch("native") ? 8 : 0;
}

static int lines_that_name(int log, const char *what)
{
	char record[2048];
	int n = 0;
	ssize_t len;

	while ((len = read(log, record, sizeof(record) - 1)) > 0) {
		record[len] = '\0';
		n += !!strstr(record, what);
	}
	return n;
}

/* The host may keep other semantics to itself: it says so, and not too often */
TEST_F(semantics, may_be_kept_to_the_host)
{
	int ready[2], told[2], log = reuse_log(), status, n;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready) | pipe(told));
	pid = fork();
	if (!pid)
		_exit(try_as_container_root(ready[1], told[0]));
	ASSERT_EQ(1, read(ready[0], &c, 1));
	keep_to_host(true);
	ASSERT_EQ(1, write(told[1], "", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, try_switch("bsd"));
	EXPECT_TRUE(is_bsd());
	keep_to_host(false);
	n = lines_that_name(log, "parameters/host_only");
	EXPECT_LE(1, n);
	EXPECT_GE(3, n);
	close(log);
}

/* The host chooses the semantics that all new namespaces begin with */
TEST_F(semantics, of_the_host_are_for_all)
{
	int status;
	pid_t pid;

	if (!reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	reuse_unload();
	reuse_load_as("bsd host_only=1");
	pid = fork();
	if (!pid) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000) ||
		    unshare(CLONE_NEWUSER | CLONE_NEWNET))
			_exit(1);
		if (strcmp("bsd", now()) || !is_bsd() || try_switch("native") ||
		    try_switch("bsd") != -EPERM)
			_exit(2);
		_exit(unshare(CLONE_NEWNET) || !is_bsd() ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	reuse_unload();
	reuse_load();
}

/* A user who may make no user namespace has none to switch: both ways to see to that */
TEST_F(semantics, no_user_namespaces)
{
	static const char * const files[] = {
		"/proc/sys/user/max_user_namespaces",
		"/proc/sys/kernel/unprivileged_userns_clone", /* Debian's */
	};
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		char *before;

		if (i && access(files[i], F_OK))
			continue;
		before = slurp(files[i]);
		write_file(files[i], "0");
		pid = fork();
		if (!pid) {
			if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
				_exit(1);
			if (!unshare(CLONE_NEWUSER | CLONE_NEWNET) || !unshare(CLONE_NEWNET))
				_exit(2);
			_exit(try_switch("bsd") == -EACCES ? 0 : 3);
		}
		waitpid(pid, &status, 0);
		write_file(files[i], "%s", before);
		EXPECT_EQ(0, status)
			TH_LOG("%s", files[i]);
	}
}

/* Also after a test that died: the next program finds the module without parameters */
static void __attribute__((destructor)) end_with_the_module(void)
{
	reuse_load_again();
	if (!access(PARAMETERS "host_only", W_OK))
		keep_to_host(false);
}

/* Without CAP_NET_ADMIN over the namespace root is refused as well */
TEST_F(semantics, needs_cap_net_admin)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int fd = open(SEMANTICS, O_WRONLY);

		if (setresuid(1000, 1000, 1000))
			_exit(1);
		_exit(write(fd, "bsd", 3) < 0 && errno == EPERM ? 0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_STREQ("native", now());
}

/* Nothing of the kernel is intercepted while all namespaces are native */
TEST_F(semantics, hooks_nothing_when_native)
{
	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	ASSERT_TRUE(wait_for(nothing_hooked, NULL, 60000));
	ASSERT_EQ(0, try_switch("bsd"));
	EXPECT_FALSE(nothing_hooked(NULL));
	ASSERT_EQ(0, try_switch("native"));
	EXPECT_TRUE(nothing_hooked(NULL));
}

/* A namespace that dies while it is not native leaves nothing intercepted */
TEST_F(semantics, dies_emulating)
{
	int status;
	pid_t pid;

	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	pid = fork();
	if (!pid) {
		new_netns();
		_exit(try_switch("bsd") ? 1 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_TRUE(wait_for(nothing_hooked, NULL, 60000));
}

/* kernel.ftrace_enabled=0 is refused while a namespace emulates, not obeyed */
TEST_F(semantics, ftrace_cannot_be_switched_off)
{
	const char *path = "/proc/sys/kernel/ftrace_enabled";

	if (access(path, W_OK))
		SKIP(return, "no kernel.ftrace_enabled");
	ASSERT_EQ(0, try_switch("bsd"));
	EXPECT_NE(0, try_write(path, 0, "0", 1));
	EXPECT_TRUE(is_bsd());
}

/* With function tracing off the write fails and the namespace stays native */
TEST_F(semantics, needs_ftrace)
{
	const char *path = "/proc/sys/kernel/ftrace_enabled";
	int err;

	if (access(path, W_OK))
		SKIP(return, "no kernel.ftrace_enabled");
	ASSERT_TRUE(wait_for(nothing_hooked, NULL, 60000));
	if (try_write(path, 0, "0", 1))
		SKIP(return, "this kernel does not let it be switched off");
	err = try_switch("bsd");
	ASSERT_EQ(0, try_write(path, 0, "1", 1));
	EXPECT_EQ(-EBUSY, err);
	EXPECT_STREQ("native", now());
	EXPECT_TRUE(native_now());
	EXPECT_EQ(0, try_switch("bsd"));
}

/* Binds let in by force leave the cache as their owners really are */
TEST_F(semantics, leaves_the_cache_true)
{
	int a, b, c;

	ASSERT_EQ(0, try_switch("bsd"));
	a = sock_bind("tcp", "127.0.0.1" AT_PORT, S_REUSEADDR);
	b = sock_bind("tcp", "0.0.0.0" AT_PORT, S_REUSEADDR);
	sock_set(b, SOL_SOCKET, SO_REUSEADDR, 0);
	close(b);
	b = sock_bind("tcp", "0.0.0.0" AT_PORT, S_REUSEPORT);
	ASSERT_EQ(0, try_switch("native"));
	c = sock_open("tcp", AF_INET, S_REUSEADDR);
	EXPECT_EQ(EADDRINUSE, sock_try_bind(c, "127.0.0.1" AT_PORT));
	close(b);
	close(a);
	EXPECT_EQ(0, sock_try_bind(c, "127.0.0.1" AT_PORT));
	close(c);
	EXPECT_EQ(EADDRINUSE, second_bind("127.0.0.1" AT_PORT, "0.0.0.0" AT_PORT));
}

/* A kind of socket that has SO_REUSEPORT, or answers for it */
FIXTURE(option) {
	int fd;
};

FIXTURE_VARIANT(option) {
	int family;
	int type;
	int protocol;
};

FIXTURE_VARIANT_ADD(option, tcp4) { AF_INET, SOCK_STREAM, 0 };
FIXTURE_VARIANT_ADD(option, tcp6) { AF_INET6, SOCK_STREAM, 0 };
FIXTURE_VARIANT_ADD(option, udp4) { AF_INET, SOCK_DGRAM, 0 };
FIXTURE_VARIANT_ADD(option, udp6) { AF_INET6, SOCK_DGRAM, 0 };
FIXTURE_VARIANT_ADD(option, mptcp) { AF_INET, SOCK_STREAM, 262 };
FIXTURE_VARIANT_ADD(option, udplite) { AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE };
FIXTURE_VARIANT_ADD(option, raw) { AF_INET, SOCK_RAW, IPPROTO_ICMP };
FIXTURE_VARIANT_ADD(option, unix_stream) { AF_UNIX, SOCK_STREAM, 0 };
FIXTURE_VARIANT_ADD(option, netlink) { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE };
FIXTURE_VARIANT_ADD(option, packet) { AF_PACKET, SOCK_RAW, 0 };

FIXTURE_SETUP(option)
{
	new_netns();
	self->fd = socket(variant->family, variant->type, variant->protocol);
	if (self->fd < 0)
		SKIP(return, "no such socket on this kernel");
	if (try_switch("pre39"))
		SKIP(return, "no net.reuse.semantics");
}

FIXTURE_TEARDOWN(option)
{
	close(self->fd);
}

/* pre39 has no SO_REUSEPORT, and looks at the arguments first */
TEST_F(option, is_not_there)
{
	void *nowhere = (void *)8;
	socklen_t len = 4, negative = -1;
	int v = 1;

	EXPECT_EQ(-1, setsockopt(self->fd, SOL_SOCKET, SO_REUSEPORT, &v, 4));
	EXPECT_EQ(ENOPROTOOPT, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_SOCKET, SO_REUSEPORT, &v, 3));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_SOCKET, SO_REUSEPORT, nowhere, 4));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, getsockopt(self->fd, SOL_SOCKET, SO_REUSEPORT, &v, &len));
	EXPECT_EQ(ENOPROTOOPT, errno);
	EXPECT_EQ(-1, getsockopt(self->fd, SOL_SOCKET, SO_REUSEPORT, &v, &negative));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, getsockopt(self->fd, SOL_SOCKET, SO_REUSEPORT, &v, nowhere));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, setsockopt(self->fd, SOL_SOCKET, SO_REUSEADDR, &v, 4));
	EXPECT_EQ(0, getsockopt(self->fd, SOL_SOCKET, SO_REUSEADDR, &v, &len));
}

TEST_HARNESS_MAIN
