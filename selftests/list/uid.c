// SPDX-License-Identifier: GPL-2.0
/* The uid column: the owners of the sockets of a row. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/fsuid.h>
#include <sys/resource.h>

#include "harness.h"

#define MANY	2000

FIXTURE(uid) {
};

FIXTURE_VARIANT(uid) {
	const char *proto;
	const char *address;
};

FIXTURE_VARIANT_ADD(uid, tcp_v4) { "tcp", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(uid, tcp_v6) { "tcp", "[::]:80" };
FIXTURE_VARIANT_ADD(uid, tcp_mapped) { "tcp", "[::ffff:127.0.0.1]:80" };
FIXTURE_VARIANT_ADD(uid, udp_v4) { "udp", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(uid, udp_v6) { "udp", "[::]:80" };
FIXTURE_VARIANT_ADD(uid, udplite_v4) { "udplite", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(uid, udplite_v6) { "udplite", "[::]:80" };

FIXTURE_SETUP(uid)
{
	struct rlimit files = { MANY + 1000, MANY + 1000 };

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	setrlimit(RLIMIT_NOFILE, &files);
	new_netns();
}

FIXTURE_TEARDOWN(uid)
{
}

/* A socket of a user, made without becoming the user */
static int bind_as(uid_t uid, const char *proto, const char *address, unsigned int flags)
{
	int fd;

	setfsuid(uid);
	fd = sock_open(proto, sock_family(address), flags);
	setfsuid(0);
	errno = sock_try_bind(fd, address);
	if (errno)
		die("bind to %s", address);
	return fd;
}

static void bind_shared(void *proto)
{
	sock_bind(proto, "127.0.0.1:8080", S_REUSEADDR);
}

/* Two users on one port are both named, each once, until the last socket closes */
TEST_F(uid, two)
{
	struct child one, two;
	const char *row = text("%s 127.0.0.1:8080", variant->proto);
	int s;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	child_start(&one, 2000, bind_shared, (void *)variant->proto);
	EXPECT_REUSE("%s bound=1 reuseaddr=1 uid=2000\n", row);
	child_start(&two, 1000, bind_shared, (void *)variant->proto);
	EXPECT_REUSE("%s bound=2 reuseaddr=2 uid=1000,2000\n", row);
	s = bind_as(2000, variant->proto, "127.0.0.1:8080", S_REUSEADDR);
	EXPECT_REUSE("%s bound=3 reuseaddr=3 uid=1000,2000\n", row);
	child_stop(&one);
	EXPECT_REUSE("%s bound=2 reuseaddr=2 uid=1000,2000\n", row);
	close(s);
	EXPECT_REUSE("%s bound=1 reuseaddr=1 uid=1000\n", row);
	child_stop(&two);
	EXPECT_NO_ROWS();
}

/* Eight users are all named; of more, the lowest eight, in any order of binding */
TEST_F(uid, nine)
{
	static const uid_t order[] = { 5, 4294967294, 9, 3, 8, 2, 7, 4 };
	const char *row = text("%s %s", variant->proto, variant->address);
	unsigned int i;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		bind_as(order[i], variant->proto, variant->address, S_REUSEADDR);
	EXPECT_REUSE("%s bound=8 reuseaddr=8 uid=2,3,4,5,7,8,9,4294967294\n", row);
	bind_as(6, variant->proto, variant->address, S_REUSEADDR);
	EXPECT_REUSE("%s bound=9 reuseaddr=9 uid=2,3,4,5,6,7,8,9,+\n", row);
	bind_as(10, variant->proto, variant->address, S_REUSEADDR);
	EXPECT_REUSE("%s bound=10 reuseaddr=10 uid=2,3,4,5,6,7,8,9,+\n", row);
	bind_as(0, variant->proto, variant->address, S_REUSEADDR);
	EXPECT_REUSE("%s bound=11 reuseaddr=11 uid=0,2,3,4,5,6,7,8,+\n", row);
}

/* The one of thousands that has another uid is found, first, last or between */
TEST_F(uid, thousands)
{
	const char *row = text("%s %s", variant->proto, variant->address);
	int i, s[3];

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	for (i = 0; i <= MANY; i++) {
		if (i % (MANY / 2) == 0)
			s[i / (MANY / 2)] = bind_as(7 + i, variant->proto, variant->address,
						    S_REUSEADDR);
		sock_bind(variant->proto, variant->address, S_REUSEADDR);
	}
	EXPECT_REUSE("%s bound=%d reuseaddr=%d uid=0,7,%d,%d\n", row, MANY + 4, MANY + 4,
		     7 + MANY / 2, 7 + MANY);
	for (i = 0; i < 3; i++)
		close(s[i]);
	EXPECT_REUSE("%s bound=%d reuseaddr=%d uid=0\n", row, MANY + 1, MANY + 1);
}

/* It is the uid that made the socket, not the one that uses it; fchown() changes it */
TEST_F(uid, creator)
{
	const char *row = text("%s %s", variant->proto, variant->address);
	int s;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	s = bind_as(1000, variant->proto, variant->address, 0);
	EXPECT_REUSE("%s bound=1 uid=1000\n", row);
	ASSERT_EQ(0, fchown(s, 3000, -1));
	EXPECT_REUSE("%s bound=1 uid=3000\n", row);
}

/* A reader in a user namespace sees its own numbers, and one for all others */
TEST_F(uid, user_namespace)
{
	const char *row = text("%s %s bound=4 reuseaddr=4", variant->proto, variant->address);
	char *before, *overflow = slurp("/proc/sys/kernel/overflowuid");
	struct table table;
	int fd;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	bind_as(1000, variant->proto, variant->address, S_REUSEADDR);
	bind_as(2000, variant->proto, variant->address, S_REUSEADDR);
	bind_as(3000, variant->proto, variant->address, S_REUSEADDR);
	bind_as(4000, variant->proto, variant->address, S_REUSEADDR);
	fd = open(REUSE_FILE, O_RDONLY);
	ASSERT_LE(0, fd);
	new_userns("0 4000 1\n8 2000 1\n");
	overflow[strcspn(overflow, "\n")] = '\0';
	EXPECT_REUSE("%s uid=0,8,%s\n", row, overflow);

	/* A file that was opened outside keeps the mapping of its opener */
	table_read_fd(fd, &table);
	before = table_differ(&table, text("%s uid=1000,2000,3000,4000\n", row));
	EXPECT_TRUE(!before)
		TH_LOG("%s", before);
}

/* fastuid is mapped like the others */
TEST(fastuid_in_user_namespace)
{
	char *overflow = slurp("/proc/sys/kernel/overflowuid");

	new_netns();
	bind_as(1000, "tcp", "127.0.0.1:80", S_REUSEPORT);
	bind_as(2000, "tcp", "127.0.0.1:81", S_REUSEPORT);
	new_userns("5 1000 1\n");
	overflow[strcspn(overflow, "\n")] = '\0';
	EXPECT_REUSE("tcp 127.0.0.1:80 bound=1 reuseport=1 uid=5 fastuid=5\n"
		     "tcp 127.0.0.1:81 bound=1 reuseport=1 uid=%s fastuid=%s\n", overflow,
		     overflow);
}

/* A connection whose end on @address may be shared by SO_REUSEPORT and one uid */
FIXTURE(conflict) {
	int listener;
	int client;
};

FIXTURE_VARIANT(conflict) {
	uid_t listen_uid;
	uid_t accept_uid;
};

FIXTURE_VARIANT_ADD(conflict, root) { 0, 0 };
FIXTURE_VARIANT_ADD(conflict, user) { 1000, 1000 };
FIXTURE_VARIANT_ADD(conflict, accepted_by_root) { 1000, 0 };
FIXTURE_VARIANT_ADD(conflict, accepted_by_user) { 0, 1000 };

FIXTURE_SETUP(conflict)
{
	new_netns();
	self->listener = bind_as(variant->listen_uid, "tcp", "127.0.0.1:80", S_REUSEPORT);
	listen(self->listener, 1);
	self->client = sock_open("tcp", AF_INET, 0);
	sock_connect(self->client, "127.0.0.1:80");
	/* The cache of the bucket is to decide nothing */
	sock_bind("tcp", "127.0.0.2:80", 0);
}

FIXTURE_TEARDOWN(conflict)
{
}

static int accept_as(uid_t uid, int listener)
{
	int fd;

	setfsuid(uid);
	fd = sock_accept(listener);
	setfsuid(0);
	return fd;
}

static bool may_bind_as(uid_t uid)
{
	int fd, err;

	setfsuid(uid);
	fd = sock_open("tcp", AF_INET, S_REUSEPORT);
	setfsuid(0);
	err = sock_try_bind(fd, "127.0.0.1:80");
	close(fd);
	return !err;
}

/* The uid that the file should say: the one of two that the kernel lets bind */
static const char *owner(void)
{
	bool root = may_bind_as(0), user = may_bind_as(1000);

	errno = 0;
	if (root == user)
		die("bind() is allowed to %s", root ? "both" : "none");
	return root ? "0" : "1000";
}

#define EXPECT_OWNER(columns) \
	EXPECT_REUSE("tcp 127.0.0.1:80 reuseport=1 uid=%s %s\ntcp 127.0.0.2:80 bound=1\n" \
		     "tcp %s connected=1\n", owner(), columns, sock_row(self->client))

/* The uid of a listener, and of an accepted socket, is the one that the kernel compares */
TEST_F(conflict, accepted)
{
	int s = accept_as(variant->accept_uid, self->listener);

	close(self->listener);
	EXPECT_OWNER("connected=1");
	close(s);
}

/* So is that of a connection that was closed and waits for the other end */
TEST_F(conflict, orphan)
{
	int s = accept_as(variant->accept_uid, self->listener);

	close(self->listener);
	sock_deaf(self->client, true);
	close(s);
	EXPECT_OWNER("connected=1");
}

/* So is that of a connection not accepted yet; root and user may both be listed */
TEST_F(conflict, unaccepted)
{
	const char *who;

	who = text("%s%s", may_bind_as(0) ? "0" : "", may_bind_as(1000) ? "1000" : "");
	if (!*who)
		who = "0,1000";
	EXPECT_REUSE("tcp 127.0.0.1:80 listen=1 connected=1 reuseport=2 uid=%s\n"
		     "tcp 127.0.0.2:80 bound=1\ntcp %s connected=1\n", who,
		     sock_row(self->client));
}

/* TIME_WAIT has no owner: with one beside it, that is the only one */
TEST_F(conflict, timewait)
{
	int s = accept_as(variant->accept_uid, self->listener);

	shutdown(s, SHUT_WR);
	sock_wait_state(self->client, TCP_CLOSE_WAIT);
	close(self->client);
	close(s);
	EXPECT_REUSE("tcp 127.0.0.1:80 listen=1 timewait=1 reuseport=2 uid=%d\n"
		     "tcp 127.0.0.2:80 bound=1\n", variant->listen_uid);
	close(self->listener);
	EXPECT_REUSE("tcp 127.0.0.1:80 timewait=1 reuseport=1 uid=-\n"
		     "tcp 127.0.0.2:80 bound=1\n");
}

TEST_HARNESS_MAIN
