// SPDX-License-Identifier: GPL-2.0
/* Each network namespace has a file, which shows it and nothing else. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>

#include "harness.h"

FIXTURE(netns) {
	struct child other;
	const char *others;
	const char *row;
};

FIXTURE_VARIANT(netns) {
	const char *proto;
	const char *address;
};

FIXTURE_VARIANT_ADD(netns, tcp_v4) { "tcp", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(netns, tcp_v6) { "tcp", "[::]:80" };
FIXTURE_VARIANT_ADD(netns, udp_v4) { "udp", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(netns, udp_v6) { "udp", "[::]:80" };
FIXTURE_VARIANT_ADD(netns, udplite_v4) { "udplite", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(netns, udplite_v6) { "udplite", "[::]:80" };

struct place {
	const char *proto;
	const char *address;
	unsigned int flags;
};

static void bind_elsewhere(void *arg)
{
	struct place *place = arg;

	new_netns();
	sock_bind(place->proto, place->address, place->flags);
}

/* A child in a namespace of its own, whose sockets are told by SO_REUSEADDR */
FIXTURE_SETUP(netns)
{
	struct place place = { variant->proto, variant->address, S_REUSEADDR };

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	new_netns();
	child_start(&self->other, 0, bind_elsewhere, &place);
	self->others = text("/proc/%d/net/reuse", self->other.pid);
	self->row = text("%s %s bound=1", variant->proto, variant->address);
}

FIXTURE_TEARDOWN(netns)
{
	if (self->other.pid)
		child_stop(&self->other);
}

static int open_ns(pid_t pid)
{
	int fd = open(text("/proc/%d/ns/net", pid), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("cannot open the namespace of %d", pid);
	return fd;
}

/* One port in two namespaces: each file shows its own, through every path to it */
TEST_F(netns, apart)
{
	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	EXPECT_NO_ROWS();
	EXPECT_FILE(self->others, "%s reuseaddr=1\n", self->row);
	sock_bind(variant->proto, variant->address, 0);
	EXPECT_REUSE("%s\n", self->row);
	EXPECT_FILE(self->others, "%s reuseaddr=1\n", self->row);
}

/* A namespace within a user namespace within a namespace sees neither outer one */
TEST_F(netns, nested)
{
	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	sock_bind(variant->proto, variant->address, S_REUSEPORT);
	new_userns("0 0 1\n");
	EXPECT_REUSE("%s reuseport=1\n", self->row);
	new_netns();
	EXPECT_NO_ROWS();
	sock_bind(variant->proto, variant->address, 0);
	EXPECT_REUSE("%s\n", self->row);
	EXPECT_FILE("/proc/self/net/reuse", "%s\n", self->row);
}

/* After setns() the file is that of the namespace entered */
TEST_F(netns, setns)
{
	int here = open_ns(getpid()), there;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	there = open_ns(self->other.pid);
	ASSERT_EQ(0, setns(there, CLONE_NEWNET));
	EXPECT_REUSE("%s reuseaddr=1\n", self->row);
	ASSERT_EQ(0, setns(here, CLONE_NEWNET));
	EXPECT_NO_ROWS();
}

/* A file that is open stays with the namespace that it was opened in */
TEST_F(netns, opened_before)
{
	struct table table;
	char *miss;
	int fd, i;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	sock_bind(variant->proto, variant->address, S_REUSEPORT);
	fd = open(REUSE_FILE, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setns(open_ns(self->other.pid), CLONE_NEWNET));
	for (i = 0; i < 2; i++) {
		table_read_fd(fd, &table);
		miss = table_differ(&table, text("%s reuseport=1\n", self->row));
		EXPECT_TRUE(!miss)
			TH_LOG("%s", miss);
		ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	}
}

/* It is readable when all processes of its namespace are gone */
TEST_F(netns, outlived)
{
	struct table table;
	int fd;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	fd = open(self->others, O_RDONLY);
	ASSERT_LE(0, fd);
	child_stop(&self->other);
	self->other.pid = 0;
	EXPECT_EQ(-1, access(self->others, F_OK));
	table_read_fd(fd, &table);
	EXPECT_EQ(0, table.n);
	close(fd);
}

/* The namespace dies while a reader is in the middle of its file */
TEST_F(netns, outlived_midway)
{
	char head[sizeof(REUSE_HEADER)];
	char *rest;
	int fd;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	fd = open(self->others, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(head), read(fd, head, sizeof(head)));
	child_stop(&self->other);
	self->other.pid = 0;
	rest = slurp_fd(fd);
	EXPECT_TRUE(!*rest || !strncmp(rest, variant->proto, strlen(variant->proto)))
		TH_LOG("%s", rest);
	close(fd);
}

/* A user without rights reads the same as root */
TEST_F(netns, unprivileged)
{
	char *root, *user;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	sock_bind(variant->proto, variant->address, S_REUSEPORT);
	EXPECT_REUSE("%s reuseport=1\n", self->row);
	root = slurp(REUSE_FILE);
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	user = slurp(REUSE_FILE);
	EXPECT_STREQ(root, user);
	EXPECT_EQ(-1, open(REUSE_FILE, O_WRONLY));
	EXPECT_EQ(EACCES, errno);
}

static void timewait_elsewhere(void *arg)
{
	struct pair p;
	int l;

	new_netns();
	l = sock_bind("tcp", arg, S_LISTEN);
	sock_pair(&p, l, arg);
	shutdown(p.server, SHUT_WR);
	sock_wait_state(p.client, TCP_CLOSE_WAIT);
	close(p.client);
	close(p.server);
}

/* TIME_WAIT needs no process: a file that is open shows it still */
TEST(timewait_outlives)
{
	struct table table;
	struct child child;
	const char *path;
	char *miss;
	int fd;

	child_start(&child, 0, timewait_elsewhere, "127.0.0.1:80");
	path = text("/proc/%d/net/reuse", child.pid);
	EXPECT_FILE(path, "tcp 127.0.0.1:80 listen=1 timewait=1\n");
	fd = open(path, O_RDONLY);
	ASSERT_LE(0, fd);
	child_stop(&child);
	table_read_fd(fd, &table);
	miss = table_differ(&table, "tcp 127.0.0.1:80 timewait=1 uid=-\n");
	EXPECT_TRUE(!miss)
		TH_LOG("%s", miss);
	close(fd);
}

static void *other_thread(void *arg)
{
	char **why = arg;

	new_netns();
	sock_bind("tcp", "127.0.0.1:81", 0);
	why[0] = table_expect("/proc/thread-self/net/reuse", "tcp 127.0.0.1:81 bound=1\n");
	why[1] = table_expect("/proc/self/net/reuse", "tcp 127.0.0.1:80 bound=1\n");
	return NULL;
}

/* A thread in another namespace has its own file beside that of the process */
TEST(thread)
{
	char *why[2] = { NULL, NULL };
	pthread_t thread;
	int i;

	new_netns();
	sock_bind("tcp", "127.0.0.1:80", 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, other_thread, why));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(!why[i])
			TH_LOG("%s", why[i]);
	}
}

/* Namespaces that come and go leave those that stay as they are */
TEST(come_and_go)
{
	struct place place = { "tcp", "127.0.0.1:80", S_LISTEN };
	struct child child;
	int i;

	new_netns();
	sock_bind("tcp", "127.0.0.1:80", S_REUSEPORT);
	for (i = 0; i < 20; i++) {
		child_start(&child, 0, bind_elsewhere, &place);
		EXPECT_FILE(text("/proc/%d/net/reuse", child.pid),
			    "tcp 127.0.0.1:80 listen=1\n");
		EXPECT_REUSE("tcp 127.0.0.1:80 bound=1 reuseport=1\n");
		child_stop(&child);
	}
	EXPECT_REUSE("tcp 127.0.0.1:80 bound=1 reuseport=1\n");
}

TEST_HARNESS_MAIN
