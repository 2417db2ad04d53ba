// SPDX-License-Identifier: GPL-2.0
/* The inode column: the numbers by which /proc/PID/fd names the sockets of a row. */
#include <dirent.h>
#include <netinet/tcp.h>

#include "harness.h"

#define MANY	20

FIXTURE(inode) {
};

FIXTURE_VARIANT(inode) {
	const char *proto;
	const char *address;
};

FIXTURE_VARIANT_ADD(inode, tcp_v4) { "tcp", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(inode, tcp_v6) { "tcp", "[::]:80" };
FIXTURE_VARIANT_ADD(inode, tcp_mapped) { "tcp", "[::ffff:127.0.0.1]:80" };
FIXTURE_VARIANT_ADD(inode, udp_v4) { "udp", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(inode, udp_v6) { "udp", "[::]:80" };
FIXTURE_VARIANT_ADD(inode, udplite_v4) { "udplite", "127.0.0.1:80" };
FIXTURE_VARIANT_ADD(inode, udplite_v6) { "udplite", "[::]:80" };

FIXTURE_SETUP(inode)
{
	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	new_netns();
}

FIXTURE_TEARDOWN(inode)
{
}

static int compare(const void *a, const void *b)
{
	unsigned long x = inode_of(*(const int *)a), y = inode_of(*(const int *)b);

	return x < y ? -1 : x > y;
}

/* "INODE,INODE" of some sockets, in ascending order */
static const char *inodes_of(const int *fd, unsigned int n)
{
	const char *list = "";
	int sorted[MANY];
	unsigned int i;

	memcpy(sorted, fd, n * sizeof(*fd));
	qsort(sorted, n, sizeof(*sorted), compare);
	for (i = 0; i < n; i++)
		list = text("%s%s%lu", list, i ? "," : "", inode_of(sorted[i]));
	return list;
}

/* Each socket of a row is named once, also if two processes have it open; no closed one is */
TEST_F(inode, each)
{
	const char *row = text("%s %s", variant->proto, variant->address);
	int fd[3], copy, i;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	for (i = 0; i < 3; i++) {
		fd[i] = sock_bind(variant->proto, variant->address, S_REUSEADDR);
		EXPECT_REUSE("%s bound=%d reuseaddr=%d inode=%s\n", row, i + 1, i + 1,
			     inodes_of(fd, i + 1));
	}
	copy = dup(fd[1]);
	close(fd[1]);
	fd[1] = copy;
	EXPECT_REUSE("%s bound=3 reuseaddr=3 inode=%s\n", row, inodes_of(fd, 3));
	close(fd[0]);
	EXPECT_REUSE("%s bound=2 reuseaddr=2 inode=%s\n", row, inodes_of(fd + 1, 2));
}

/* How many of a row's inode numbers are those of some sockets */
static unsigned int named(const char *column, const int *fd, unsigned int n)
{
	const char *all = text(",%s,", column);
	unsigned int i, found = 0;

	for (i = 0; i < n; i++)
		found += !!strstr(all, text(",%lu,", inode_of(fd[i])));
	return found;
}

/*
 * Eight are all named; of more, there are eight and a mark. table_read() checks that they
 * ascend and how many they are.
 */
TEST_F(inode, nine)
{
	const char *row = text("%s %s", variant->proto, variant->address);
	struct table table;
	int fd[MANY], i;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	for (i = 0; i < 8; i++)
		fd[i] = sock_bind(variant->proto, variant->address, S_REUSEADDR);
	EXPECT_REUSE("%s bound=8 reuseaddr=8 inode=%s\n", row, inodes_of(fd, 8));

	for (; i < MANY; i++) {
		const char *column;

		fd[i] = sock_bind(variant->proto, variant->address, S_REUSEADDR);
		table_read(REUSE_FILE, &table);
		ASSERT_EQ(1, table.n);
		column = table.row[0].col[INODE];
		EXPECT_EQ(8, named(column, fd, i + 1))
			TH_LOG("%s", column);
		EXPECT_EQ('+', column[strlen(column) - 1]);
		table_free(&table);
	}
}

/* A process is found by it: the number is that of the link /proc/PID/fd/N */
static pid_t holder_of(const char *inode)
{
	const char *wanted = text("socket:[%s]", inode);
	DIR *proc = opendir("/proc"), *fds;
	struct dirent *process, *fd;
	pid_t pid = 0;
	char link[64];
	ssize_t n;

	while (!pid && (process = readdir(proc))) {
		fds = atoi(process->d_name) ? opendir(text("/proc/%s/fd", process->d_name)) : NULL;
		while (fds && (fd = readdir(fds))) {
			n = readlinkat(dirfd(fds), fd->d_name, link, sizeof(link));
			if (n == (ssize_t)strlen(wanted) && !memcmp(link, wanted, n))
				pid = atoi(process->d_name);
		}
		if (fds)
			closedir(fds);
	}
	closedir(proc);
	return pid;
}

struct place {
	const char *proto;
	const char *address;
};

static void bind_alone(void *arg)
{
	const struct place *place = arg;

	sock_bind(place->proto, place->address, 0);
}

TEST_F(inode, process)
{
	struct place place = { variant->proto, variant->address };
	struct child child;
	struct table table;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	child_start(&child, 0, bind_alone, &place);
	EXPECT_REUSE("%s %s bound=1\n", variant->proto, variant->address);
	table_read(REUSE_FILE, &table);
	EXPECT_EQ(child.pid, holder_of(table.row[0].col[INODE]));
	table_free(&table);
	child_stop(&child);
}

FIXTURE(inode_of_tcp) {
	const char *row;
	int listener;
};

FIXTURE_VARIANT(inode_of_tcp) {
	const char *address;
	int family;
};

FIXTURE_VARIANT_ADD(inode_of_tcp, v4) { "127.0.0.1:80", AF_INET };
FIXTURE_VARIANT_ADD(inode_of_tcp, v6) { "[::1]:80", AF_INET6 };

FIXTURE_SETUP(inode_of_tcp)
{
	new_netns();
	self->listener = sock_bind("tcp", variant->address, S_REUSEADDR | S_LISTEN);
	self->row = text("tcp %s%s", variant->address,
			 variant->family == AF_INET6 ? " v6only=1" : "");
}

FIXTURE_TEARDOWN(inode_of_tcp)
{
}

/* A connection has no inode until accept(), the other end has one */
TEST_F(inode_of_tcp, not_accepted)
{
	int client = sock_open("tcp", variant->family, 0), server;
	const char *other;

	sock_connect(client, variant->address);
	other = sock_row(client);
	EXPECT_REUSE("%s listen=1 connected=1 reuseaddr=2 inode=%s\n"
		     "tcp %s connected=1 inode=%s\n", self->row, inodes_of(&self->listener, 1),
		     other, inodes_of(&client, 1));
	server = sock_accept(self->listener);
	EXPECT_REUSE("%s listen=1 connected=1 reuseaddr=2 inode=%s\n"
		     "tcp %s connected=1 inode=%s\n", self->row,
		     inodes_of((int[]){ self->listener, server }, 2), other,
		     inodes_of(&client, 1));
}

/* TIME_WAIT has no inode, and neither has what is sent after close() */
TEST_F(inode_of_tcp, closed)
{
	const char *listener = inodes_of(&self->listener, 1);
	struct pair p;
	char *client;

	sock_pair(&p, self->listener, variant->address);
	sock_close_pair(p.server, p.client);
	EXPECT_REUSE("%s listen=1 timewait=1 reuseaddr=2 inode=%s\n", self->row, listener);
	sock_pair(&p, self->listener, variant->address);
	client = strdup(sock_row(p.client));
	close(p.client);
	EXPECT_REUSE("%s listen=1 connected=1 timewait=1 reuseaddr=3 inode=%s\n"
		     "tcp %s connected=1 uid=* inode=-\n", self->row,
		     inodes_of((int[]){ self->listener, p.server }, 2), client);
	close(p.server);
	close(self->listener);
	EXPECT_REUSE("%s timewait=1 reuseaddr=1 uid=- inode=-\n"
		     "tcp %s timewait=1 uid=- inode=-\n", self->row, client);
	free(client);
}

/* It is the number that /proc/net/tcp and tcp6 have in their tenth column */
TEST_F(inode_of_tcp, as_in_proc_net_tcp)
{
	FILE *file = fopen(variant->family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6", "r");
	char line[512], inode[32];

	ASSERT_TRUE(file);
	ASSERT_TRUE(fgets(line, sizeof(line), file) && fgets(line, sizeof(line), file));
	if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %31s", inode) != 1)
		die("no inode in %s", line);
	EXPECT_REUSE("%s listen=1 reuseaddr=1 inode=%s\n", self->row, inode);
	fclose(file);
}

FIXTURE(rank) {
};

FIXTURE_VARIANT(rank) {
	const char *order;
	unsigned int n[3];
};

/* How many listen, are only bound, are connected; and who of them comes first */
FIXTURE_VARIANT_ADD(rank, listeners_last) { "cbl", { 3, 4, 10 } };
FIXTURE_VARIANT_ADD(rank, listeners_first) { "lbc", { 3, 4, 10 } };
FIXTURE_VARIANT_ADD(rank, listeners_between) { "blc", { 1, 9, 3 } };
FIXTURE_VARIANT_ADD(rank, bound_first) { "bcl", { 2, 10, 1 } };
FIXTURE_VARIANT_ADD(rank, bound_last) { "lcb", { 5, 5, 10 } };
FIXTURE_VARIANT_ADD(rank, many_listen) { "bcl", { 9, 3, 3 } };
FIXTURE_VARIANT_ADD(rank, none_listens) { "cb", { 0, 5, 10 } };
FIXTURE_VARIANT_ADD(rank, all_connected) { "c", { 0, 0, 10 } };

FIXTURE_SETUP(rank)
{
	new_netns();
	sock_bind("tcp", "0.0.0.0:81", S_LISTEN);
}

FIXTURE_TEARDOWN(rank)
{
}

/* The inode column of the row, once that row is there */
static char *inodes_shown(const char *address)
{
	const struct table_row *row;
	struct table table;
	char *column;

	table_read(REUSE_FILE, &table);
	row = table_find(&table, "tcp", address, "-", "-");
	if (!row)
		die("no row of %s", address);
	column = strdup(row->col[INODE]);
	table_free(&table);
	return column;
}

/* Of more than eight, those that listen are named, then those that are bound, then the rest */
TEST_F(rank, named)
{
	static const char kinds[] = "lbc";
	unsigned int i, kind, places = 8, n[3];
	int fd[3][MANY];
	const char *now;
	char *column;

	for (now = variant->order; *now; now++) {
		kind = strchr(kinds, *now) - kinds;
		for (i = 0; i < variant->n[kind]; i++) {
			fd[kind][i] = sock_bind("tcp", "127.0.0.1:80",
						RA | RP | (*now == 'l' ? S_LISTEN : 0));
			if (*now == 'c')
				sock_connect(fd[kind][i], text("127.0.0.%u:81", 2 + i));
		}
	}

	column = inodes_shown("127.0.0.1:80");
	for (kind = 0; kind < 3; kind++) {
		n[kind] = variant->n[kind] < places ? variant->n[kind] : places;
		places -= n[kind];
		EXPECT_EQ(n[kind], named(column, fd[kind], variant->n[kind]))
			TH_LOG("%c in %s", kinds[kind], column);
	}
	EXPECT_EQ(0, places);
	EXPECT_EQ('+', column[strlen(column) - 1]);
	free(column);
}

TEST_HARNESS_MAIN
