// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/reuse_why names the rule and the socket that refuse a bind, changes nothing, and
 * takes only questions that it understands. That its verdicts are true: conform-why.sh.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mman.h>

#include "harness.h"
#include "variants.h"
#include "why.h"

#define OTHER_UID	1234

static const char *inode_text(int fd)
{
	return text("%lu", inode_of(fd));
}

static int user_bind(uid_t uid, const char *proto, const char *address, unsigned int flags)
{
	int fd;

	setfsuid(uid);
	fd = sock_bind(proto, address, flags);
	setfsuid(0);
	return fd;
}

FIXTURE(why) {};

FIXTURE_VARIANT(why) { enum semantics semantics; };
ADD_SEMANTICS(why);

FIXTURE_SETUP(why)
{
	if (access(WHY, F_OK))
		SKIP(return, "no " WHY);
	if (access(SEMANTICS, F_OK) && variant->semantics)
		SKIP(return, "no net.reuse.semantics");
	new_netns();
	if (variant->semantics)
		semantics_set(variant->semantics);
}

FIXTURE_TEARDOWN(why)
{
}

/* The socket that refuses: address, state, options, user and inode, of each protocol */
TEST_F(why, names_socket)
{
	static const struct {
		const char *proto, *address, *state, *v6only;
		unsigned int flags;
	} shown[] = {
		{ "tcp", "127.0.0.1:30000", "bound", "-", 0 },
		{ "tcp", "127.0.0.1:30001", "listen", "-", S_LISTEN },
		{ "tcp", "[::1]:30002", "listen", "1", S_LISTEN | S_REUSEADDR },
		{ "udp", "127.0.0.1:30003", "bound", "-", 0 },
		{ "udp", "[::1]:30004", "bound", "1", S_REUSEADDR },
		{ "udplite", "127.0.0.1:30005", "bound", "-", 0 },
	};
	struct why why;
	size_t i;

	for (i = 0; i < sizeof(shown) / sizeof(*shown); i++) {
		int fd;

		if (!sock_has(shown[i].proto))
			continue;
		/* An IPv6 address other than :: sets IPV6_V6ONLY where bind() does not */
		fd = user_bind(0, shown[i].proto, shown[i].address, shown[i].flags |
			       (*shown[i].v6only == '1' ? S_V6ONLY : 0));
		ASSERT_EQ(0, why_ask(&why, "proto=%s local_address=%s", shown[i].proto,
				     shown[i].address));
		EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
		EXPECT_STREQ(semantics_name[variant->semantics], why_get(&why, "semantics"));
		EXPECT_STREQ(shown[i].address, why_get(&why, "other_address"));
		EXPECT_STREQ("-", why_get(&why, "other_dev"));
		EXPECT_STREQ(shown[i].v6only, why_get(&why, "other_v6only"));
		EXPECT_STREQ(shown[i].state, why_get(&why, "other_state"));
		EXPECT_STREQ("0", why_get(&why, "other_uid"));
		EXPECT_STREQ(shown[i].flags & S_REUSEADDR ? "1" : "0",
			     why_get(&why, "other_reuseaddr"));
		EXPECT_STREQ("0", why_get(&why, "other_reuseport"));
		EXPECT_STREQ(inode_text(fd), why_get(&why, "other_inode"));
		close(fd);
		ASSERT_EQ(0, why_ask(&why, "proto=%s local_address=%s", shown[i].proto,
				     shown[i].address));
		EXPECT_STREQ("ok", why_get(&why, "verdict"));
		EXPECT_STREQ("-", why_get(&why, "rule"));
		EXPECT_STREQ("-", why_get(&why, "other_inode"));
	}
}

/* Of several sockets, the one that refuses, though others are newer or older */
TEST_F(why, names_the_right_one)
{
	bool native = variant->semantics <= PRE39;
	struct why why;
	int fd[3];

	sock_bind("udp", "127.0.0.2" AT_PORT, S_REUSEADDR);
	fd[0] = user_bind(OTHER_UID, "udp", "127.0.0.1" AT_PORT, 0);
	sock_bind("udp", "127.0.0.3" AT_PORT, 0);
	ASSERT_EQ(0, why_ask(&why, "proto=udp local_address=127.0.0.1" AT_PORT
			     " reuseaddr=1 uid=%d", OTHER_UID + 1));
	EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
	EXPECT_STREQ(native ? "it-lacks-reuseaddr" : "user", why_get(&why, "rule"));
	EXPECT_STREQ(text("%d", OTHER_UID), why_get(&why, "other_uid"));
	EXPECT_STREQ(inode_text(fd[0]), why_get(&why, "other_inode"));
}

/* Only TIME_WAIT is left: it has no inode and no user */
TEST_F(why, names_timewait)
{
	struct pair pair;
	struct why why;
	int listener;

	/* NetBSD does not see what it accepted; FreeBSD 15 no TIME_WAIT within the host */
	if (variant->semantics == NETBSD || variant->semantics == FREEBSD15)
		SKIP(return, "no rule about it");
	listener = sock_bind("tcp", "127.0.0.1" AT_PORT, S_LISTEN | S_REUSEADDR);
	sock_pair(&pair, listener, "127.0.0.1" AT_PORT);
	close(listener);
	sock_close_pair(pair.server, pair.client);

	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT));
	EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
	EXPECT_STREQ("timewait", why_get(&why, "rule"));
	EXPECT_STREQ("timewait", why_get(&why, "other_state"));
	EXPECT_STREQ("-", why_get(&why, "other_uid"));
	EXPECT_STREQ("-", why_get(&why, "other_inode"));
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT " reuseaddr=1"));
	EXPECT_STREQ("ok", why_get(&why, "verdict"));
}

/* The answer is about listen() with listen=1, and only then */
TEST_F(why, listens)
{
	struct why why;

	sock_bind("tcp", "127.0.0.1" AT_PORT, S_REUSEADDR);
	sock_bind("tcp", "127.0.0.2" AT_PORT, S_REUSEADDR);
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT
			     " reuseaddr=1 listen=0"));
	EXPECT_STREQ(variant->semantics <= PRE39 ? "ok" : "EADDRINUSE", why_get(&why, "verdict"));
	if (variant->semantics > PRE39)
		return;
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT
			     " reuseaddr=1 listen=1"));
	EXPECT_STREQ("1", why_get(&why, "listen"));
	EXPECT_STREQ("ok", why_get(&why, "verdict"));
	sock_bind("tcp", "127.0.0.1" AT_PORT, S_REUSEADDR | S_LISTEN);
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT
			     " reuseaddr=1 listen=1"));
	EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
	EXPECT_STREQ("listens", why_get(&why, "rule"));
}

/* Sockets on other devices do not matter */
TEST_F(why, knows_devices)
{
	struct why why;
	int fd;

	if (!add_device("d0", "dummy") || !add_device("d1", "dummy"))
		SKIP(return, "no dummy devices");
	fd = sock_bind_dev("udp", "0.0.0.0" AT_PORT, 0, "d0");
	ASSERT_EQ(0, why_ask(&why, "proto=udp local_address=0.0.0.0" AT_PORT " dev=d1"));
	EXPECT_STREQ("ok", why_get(&why, "verdict"));
	EXPECT_STREQ("d1", why_get(&why, "dev"));
	ASSERT_EQ(0, why_ask(&why, "proto=udp local_address=0.0.0.0" AT_PORT " dev=d0"));
	EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
	EXPECT_STREQ("d0", why_get(&why, "other_dev"));
	EXPECT_STREQ(inode_text(fd), why_get(&why, "other_inode"));
	EXPECT_EQ(ENODEV, why_ask(&why, "proto=udp local_address=0.0.0.0" AT_PORT " dev=d2"));
}

/* Some binds are refused whatever sockets there are */
TEST_F(why, other_errors)
{
	bool families = variant->semantics == OPENBSD;
	struct why why;

	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=192.0.2.1" AT_PORT));
	EXPECT_STREQ("EADDRNOTAVAIL", why_get(&why, "verdict"));
	EXPECT_STREQ("not-local", why_get(&why, "rule"));
	EXPECT_STREQ("EADDRNOTAVAIL", why_get(&why, "native"));
	EXPECT_STREQ("not-local", why_get(&why, "native_rule"));
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=[2001:db8::1]" AT_PORT));
	EXPECT_STREQ("EADDRNOTAVAIL", why_get(&why, "verdict"));
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=[::ffff:127.0.0.1]" AT_PORT));
	EXPECT_STREQ(families ? "EADDRNOTAVAIL" : "ok", why_get(&why, "verdict"));
	EXPECT_STREQ(families ? "families" : "-", why_get(&why, "rule"));
	EXPECT_STREQ("ok", why_get(&why, "native"));

	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1:80 uid=%d", OTHER_UID));
	EXPECT_STREQ("EACCES", why_get(&why, "verdict"));
	EXPECT_STREQ("privileged", why_get(&why, "rule"));
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1:80 uid=0"));
	EXPECT_STREQ("ok", why_get(&why, "verdict"));

	ASSERT_EQ(0, why_ask(&why, "proto=udp local_address=127.0.0.1" AT_PORT " reuseport=1"));
	EXPECT_STREQ(variant->semantics == PRE39 ? "ENOPROTOOPT" : "ok", why_get(&why, "verdict"));
	EXPECT_STREQ(variant->semantics == PRE39 ? "no-such-option" : "-", why_get(&why, "rule"));
}

/* About each of the others: its name is in the answer, and what is in force stays so */
TEST_F(why, of_others)
{
	struct why why;
	int i;

	sock_bind("udp", "0.0.0.0" AT_PORT, 0);
	for (i = NATIVE; i < SEMANTICS_COUNT; i++) {
		ASSERT_EQ(0, why_ask(&why, "proto=udp local_address=127.0.0.1" AT_PORT
				     " reuseaddr=1 semantics=%s", semantics_name[i]));
		EXPECT_STREQ(semantics_name[i], why_get(&why, "semantics"));
		EXPECT_STREQ(i <= PRE39 ? "EADDRINUSE" : "ok", why_get(&why, "verdict"));
		EXPECT_STREQ("EADDRINUSE", why_get(&why, "native"));
		EXPECT_STREQ("it-lacks-reuseaddr", why_get(&why, "native_rule"));
	}
	if (variant->semantics)
		EXPECT_TRUE(semantics_is(variant->semantics));
}

static void ask_all(unsigned int ports)
{
	struct why why;
	unsigned int i;

	for (i = 0; i < ports * 16; i++) {
		const char *proto = i & 1 ? "tcp" : "udp";
		const char *host = i & 2 ? "[::]" : "127.0.0.1";

		if (why_ask(&why, "proto=%s local_address=%s:%u semantics=%s %s %s listen=%d",
			    proto, host, 30000 + i / 16, semantics_name[i % SEMANTICS_COUNT],
			    i & 4 ? "reuseaddr=1" : "", i & 8 ? "reuseport=1" : "", i & 1))
			die("no answer");
	}
}

/* TCP sockets of the host that are not freed, those of the kernel included */
static int allocated(void)
{
	const char *alloc = strstr(slurp("/proc/net/sockstat"), " alloc ");

	return atoi(alloc + 7);
}

/* Asking changes no row of /proc/net/reuse, no cache, and leaves no socket behind */
TEST_F(why, changes_nothing)
{
	char *before;
	int sockets;

	sock_bind("tcp", "127.0.0.1:30000", S_REUSEADDR);
	if (variant->semantics != PRE39)
		sock_bind("tcp", "127.0.0.1:30001", S_REUSEPORT | S_LISTEN);
	sock_bind("tcp", "[::]:30002", S_REUSEADDR | S_LISTEN);
	sock_bind("tcp", "0.0.0.0:30003", 0);
	sock_bind("udp", "0.0.0.0:30003", S_REUSEADDR);
	before = slurp("/proc/net/reuse");
	sockets = allocated();
	ask_all(10);
	EXPECT_STREQ(before, slurp("/proc/net/reuse"));
	/* Half of the questions were about TCP; others of the host may have made a few */
	EXPECT_GT(sockets + 40, allocated());
	/* A port that nobody has is free after all the questions */
	EXPECT_EQ(0, sock_try_bind(sock_open("tcp", AF_INET, 0), "0.0.0.0:30009"));
}

FIXTURE(file) { int fd; };

FIXTURE_SETUP(file)
{
	if (access(WHY, F_OK))
		SKIP(return, "no " WHY);
	new_netns();
	self->fd = open(WHY, O_RDWR | O_CLOEXEC);
}

FIXTURE_TEARDOWN(file)
{
}

/* Each wrong question is an error, which leaves no answer, and no old one either */
TEST_F(file, refuses_wrong_questions)
{
	static const char * const wrong[] = {
		" ", "proto=tcp", "local_address=127.0.0.1:80",
		"proto=sctp local_address=127.0.0.1:80",
		"proto=tcp local_address=127.0.0.1", "proto=tcp local_address=127.0.0.1:0",
		"proto=tcp local_address=127.0.0.1:65536", "proto=tcp local_address=127.0.0:80",
		"proto=tcp local_address=[::1:80", "proto=tcp local_address=[]:80",
		"proto=tcp local_address=:80", "proto=tcp local_address=::1:80",
		"proto=tcp local_address=[::1]80", "proto=tcp local_address=1.2.3.4x:80",
		"proto=tcp local_address=127.0.0.1:80 reuseaddr=2",
		"proto=tcp local_address=127.0.0.1:80 reuseaddr=",
		"proto=tcp local_address=127.0.0.1:80 reuseaddr",
		"proto=tcp local_address=127.0.0.1:80 uid=-1",
		"proto=tcp local_address=127.0.0.1:80 uid=4294967295",
		"proto=tcp local_address=127.0.0.1:80 semantics=plan9",
		"proto=tcp local_address=127.0.0.1:80 colour=red",
		"proto=udp local_address=127.0.0.1:80 listen=1",
	};
	struct why why;
	char *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char c, *longest;
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ASSERT_EQ(0, why_ask_fd(&why, self->fd, "proto=tcp local_address=127.0.0.1:80"));
		EXPECT_EQ(EINVAL, why_ask_fd(&why, self->fd, wrong[i]))
			TH_LOG("%s", wrong[i]);
		EXPECT_EQ(0, pread(self->fd, &c, 1, 0));
	}
	longest = strcpy(malloc(5001), "proto=tcp local_address=127.0.0.1:80");
	memset(longest + strlen(longest), ' ', 5000 - strlen(longest));
	longest[5000] = '\0';
	ASSERT_EQ(0, why_ask_fd(&why, self->fd, "proto=tcp local_address=127.0.0.1:80"));
	EXPECT_EQ(EINVAL, why_ask_fd(&why, self->fd, longest));
	EXPECT_EQ(0, pread(self->fd, &c, 1, 0));
	longest[255] = '\0';
	EXPECT_EQ(0, why_ask_fd(&why, self->fd, longest));
	EXPECT_EQ(-1, write(self->fd, nowhere, 10));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, pread(self->fd, &c, 1, 0));
}

/* Anybody may fill the log with three lines a minute at most, and each says what is wrong */
TEST_F(file, logs_little)
{
	int log = reuse_log(), i;
	struct why why;
	const char *said;

	for (i = 0; i < 100; i++)
		EXPECT_EQ(EINVAL, why_ask_fd(&why, self->fd, "semantics=plan9"));
	said = reuse_said(log);
	EXPECT_TRUE(strstr(said, "reuse_why: wrong semantics; ") || !strcmp(said, "nothing"))
		TH_LOG("%s", said);
}

/* Parts of the answer make the whole, and another question begins another answer */
TEST_F(file, is_read_in_parts)
{
	struct why first, second;
	char parts[2048];
	ssize_t n, len = 0;
	int other = open(WHY, O_RDWR | O_CLOEXEC);

	EXPECT_EQ(0, read(self->fd, parts, 1));
	ASSERT_LT(0, write(self->fd, "proto=tcp local_address=127.0.0.1:80\n", 37));
	while ((n = read(self->fd, parts + len, 7)) > 0)
		len += n;
	parts[len] = '\0';
	EXPECT_EQ(0, n);
	EXPECT_EQ(0, strncmp(parts, "proto local_address ", 20));
	EXPECT_EQ('\n', parts[len - 1]);
	EXPECT_EQ(0, read(other, parts, 1));

	ASSERT_EQ(0, why_ask_fd(&first, self->fd, "proto=tcp local_address=127.0.0.1:81"));
	ASSERT_EQ(0, why_ask_fd(&second, other, "proto=udp local_address=[::]:82"));
	EXPECT_STREQ("127.0.0.1:81", why_get(&first, "local_address"));
	EXPECT_STREQ("[::]:82", why_get(&second, "local_address"));
	EXPECT_STREQ("udp", why_get(&second, "proto"));
}

static void ask_as_nobody(void *arg)
{
	struct why *why = arg;

	if (setresuid(OTHER_UID, OTHER_UID, OTHER_UID))
		die("setresuid");
	if (why_ask(why, "proto=tcp local_address=127.0.0.1" AT_PORT))
		die("nobody gets no answer");
	if (strcmp(why_get(why, "verdict"), "EADDRINUSE") ||
	    strcmp(why_get(why, "other_uid"), "0") ||
	    strcmp(why_get(why, "uid"), text("%d", OTHER_UID)))
		die("nobody gets another answer");
	if (why_ask(why, "proto=tcp local_address=127.0.0.1:80") ||
	    strcmp(why_get(why, "verdict"), "EACCES"))
		die("nobody would bind port 80");
}

/* Anybody may ask, and is told no more than /proc/net/reuse tells everybody */
TEST_F(file, is_for_everybody)
{
	struct child child;
	struct why why;

	sock_bind("tcp", "127.0.0.1" AT_PORT, S_LISTEN);
	child_start(&child, 0, ask_as_nobody, &why);
	child_stop(&child);
}

/* In a user namespace uids are those of that namespace, and root there has no more rights here */
TEST_F(file, maps_users)
{
	struct why why;

	setfsuid(OTHER_UID);
	sock_bind("tcp", "127.0.0.1" AT_PORT, S_LISTEN);
	setfsuid(0);
	new_userns("0 0 1\n");
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT));
	EXPECT_STREQ("0", why_get(&why, "uid"));
	EXPECT_STREQ("65534", why_get(&why, "other_uid"));
	EXPECT_EQ(EINVAL, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT " uid=%d",
				  OTHER_UID));
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1:80"));
	EXPECT_STREQ("EACCES", why_get(&why, "verdict"));
}

/* A listener of MPTCP is found by its inode */
TEST_F(file, knows_mptcp)
{
	struct why why;
	int fd;

	if (!sock_has("mptcp"))
		SKIP(return, "no MPTCP on this kernel");
	fd = sock_bind("mptcp", "127.0.0.1" AT_PORT, S_LISTEN);
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT));
	EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
	EXPECT_STREQ("listen", why_get(&why, "other_state"));
	EXPECT_STREQ(inode_text(fd), why_get(&why, "other_inode"));
}

/* In a VRF a TCP port has other owners than outside, as bind() finds */
TEST_F(file, knows_vrf)
{
	struct why why;
	int fd;

	if (!add_device("red", "vrf table 10"))
		SKIP(return, "no VRF");
	fd = sock_bind_dev("tcp", "0.0.0.0" AT_PORT, 0, "red");
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=0.0.0.0" AT_PORT " dev=red"));
	EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
	EXPECT_STREQ("red", why_get(&why, "other_dev"));
	EXPECT_STREQ(inode_text(fd), why_get(&why, "other_inode"));
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=0.0.0.0" AT_PORT));
	EXPECT_STREQ("ok", why_get(&why, "verdict"));
	EXPECT_EQ(0, sock_try_bind(sock_open("tcp", AF_INET, 0), "0.0.0.0" AT_PORT));
}

/* An open file keeps its namespace: the answer is about that */
TEST_F(file, stays_in_its_namespace)
{
	struct why why;

	sock_bind("tcp", "127.0.0.1" AT_PORT, 0);
	new_netns();
	ASSERT_EQ(0, why_ask_fd(&why, self->fd, "proto=tcp local_address=127.0.0.1" AT_PORT));
	EXPECT_STREQ("EADDRINUSE", why_get(&why, "verdict"));
	ASSERT_EQ(0, why_ask(&why, "proto=tcp local_address=127.0.0.1" AT_PORT));
	EXPECT_STREQ("ok", why_get(&why, "verdict"));
}

TEST_HARNESS_MAIN
