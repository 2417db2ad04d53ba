// SPDX-License-Identifier: GPL-2.0
/* The file is right with many ports, many addresses of a port and many owners. */
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include "bulk.h"
#include "harness.h"

#define PORTS		30000
#define OWNERS		50000
#define ADDRESSES	6000
#define NAME		32

/* The table has the row, and it counts @n bound sockets; NULL, or what is wrong */
static const char *row_wrong(const struct table *table, const char *proto, uint32_t addr,
			     uint16_t port, unsigned long n)
{
	char name[NAME];
	const struct table_row *row;

	bulk_name(addr, port, name, sizeof(name));
	row = table_find(table, proto, name, "-", "-");
	if (!row)
		return text("no row %s %s", proto, name);
	if (row->num[BOUND] != n || row->num[SOCKETS] != n)
		return text("%s %s has %s sockets, %s of them bound, not %lu", proto, name,
			    row->col[SOCKETS], row->col[BOUND], n);
	return NULL;
}

FIXTURE(ports) {
};

FIXTURE_VARIANT(ports) {
	const char *proto;
};

FIXTURE_VARIANT_ADD(ports, tcp) {
	.proto = "tcp",
};

FIXTURE_VARIANT_ADD(ports, udp) {
	.proto = "udp",
};

FIXTURE_SETUP(ports)
{
	new_netns();
	bulk_files(PORTS);
}

FIXTURE_TEARDOWN(ports)
{
}

/* 30,000 ports: each is there once */
TEST_F_TIMEOUT(ports, each_once, 60)
{
	int i, ports = bulk_less(PORTS);
	struct table table;
	const char *wrong;

	for (i = 1; i <= ports; i++)
		bulk_bind(variant->proto, LOOPBACK(i % 9), i, 0);
	table_read(REUSE_FILE, &table);
	ASSERT_EQ(ports, table.n);
	for (i = 1; i <= ports; i++) {
		wrong = row_wrong(&table, variant->proto, LOOPBACK(i % 9), i, 1);
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
}

FIXTURE(addresses) {
};

FIXTURE_VARIANT(addresses) {
	const char *proto;
	int n;
};

FIXTURE_VARIANT_ADD(addresses, tcp_300) {
	.proto = "tcp",
	.n = 300,
};

FIXTURE_VARIANT_ADD(addresses, udp_300) {
	.proto = "udp",
	.n = 300,
};

/* More rows in a slot than the module keeps in memory: read in parts */
FIXTURE_VARIANT_ADD(addresses, tcp_6000) {
	.proto = "tcp",
	.n = ADDRESSES,
};

FIXTURE_VARIANT_ADD(addresses, udp_6000) {
	.proto = "udp",
	.n = ADDRESSES,
};

FIXTURE_SETUP(addresses)
{
	new_netns();
	bulk_files(3 * ADDRESSES + 4000);
}

FIXTURE_TEARDOWN(addresses)
{
}

/* Many addresses with three sockets each on one port: each is a row, once, in one order */
TEST_F(addresses, each_once)
{
	struct table table;
	const char *wrong;
	int i, fd;
	char *s, *again;

	for (i = 0; i < 3 * variant->n; i++)
		bulk_bind(variant->proto, LOOPBACK(i % variant->n), 7, S_REUSEADDR);
	fd = open(REUSE_FILE, O_RDONLY);
	s = slurp_fd(fd);
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	again = slurp_fd(fd);
	EXPECT_EQ(0, strcmp(s, again));
	table_parse(s, &table);
	ASSERT_EQ(variant->n, table.n);
	for (i = 0; i < variant->n; i++) {
		wrong = row_wrong(&table, variant->proto, LOOPBACK(i), 7, 3);
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
}

/* Read over and over by one open file, the last slot of the file is right each time */
TEST_F(addresses, rewound)
{
	int i, fd, n = variant->n / 10;
	char *s, *again;

	for (i = 0; i < n; i++)
		bulk_bind(variant->proto, LOOPBACK(i), 7, 0);
	fd = open(REUSE_FILE, O_RDONLY);
	s = slurp_fd(fd);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
		again = slurp_fd(fd);
		ASSERT_EQ(0, strcmp(s, again))
			TH_LOG("time %d: %zu bytes, not %zu, or others", i, strlen(again),
			       strlen(s));
		free(again);
	}
}

/*
 * A slot that is being read in parts loses all its sockets between two reads:
 * the rest of the file is all there.
 */
TEST_F(addresses, slot_emptied_half_way)
{
	int fds[ADDRESSES], i, fd;
	struct table table;
	const char *wrong;
	size_t len = 0;
	char *s;

	for (i = 0; i < 500 * 16; i++)
		bulk_bind(variant->proto, LOOPBACK(i % 16), 1000 + i / 16, 0);
	for (i = 0; i < variant->n; i++)
		fds[i] = bulk_bind(variant->proto, LOOPBACK(i), 7, S_REUSEADDR);

	fd = open(REUSE_FILE, O_RDONLY);
	s = calloc(1, 4 << 20);
	while (!strstr(s, ":7 ")) {
		ssize_t n = read(fd, s + len, 512);

		ASSERT_LT(0, n);
		len += n;
	}
	for (i = 0; i < variant->n; i++)
		close(fds[i]);
	strcpy(s + len, slurp_fd(fd));
	table_parse(s, &table);
	for (i = 0; i < 500 * 16; i++) {
		wrong = row_wrong(&table, variant->proto, LOOPBACK(i % 16), 1000 + i / 16, 1);
		EXPECT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
}

#define FILES	40

static long long charged(const char *group)
{
	char *s = slurp(text("%s/memory.current", group));
	long long bytes = strtoll(s, NULL, 10);

	free(s);
	return bytes;
}

/* An open file takes half a megabyte, and its buffer, at most, charged to the reader */
TEST_F(addresses, memory)
{
	const char *group = text(CGROUP "/many.%d", getpid());
	long long before, each, page = sysconf(_SC_PAGESIZE);
	int i, fds[FILES];
	char c[256];

	if (try_write(CGROUP "/cgroup.subtree_control", 0, "+memory", 7) || mkdir(group, 0700))
		SKIP(return, "no cgroup2 with memory at " CGROUP);
	for (i = 0; i < variant->n; i++)
		bulk_bind(variant->proto, LOOPBACK(i), 7, 0);
	write_file(text("%s/cgroup.procs", group), "%d", getpid());
	before = charged(group);
	for (i = 0; i < FILES; i++) {
		fds[i] = open(REUSE_FILE, O_RDONLY);
		ASSERT_EQ(sizeof(c), read(fds[i], c, sizeof(c)));
	}
	each = (charged(group) - before) / FILES;
	TH_LOG("%d rows in a slot: %lld bytes for an open file", variant->n, each);
	/* 3,584 rows, of more than 32 bytes; each CPU is charged 64 pages at a time */
	EXPECT_LT(variant->n == ADDRESSES ? 128 << 10 : 0, each);
	EXPECT_GE((512 << 10) + page + 4 * 64 * page / FILES, each);
	for (i = 0; i < FILES; i++)
		close(fds[i]);
	write_file(CGROUP "/cgroup.procs", "%d", getpid());
	rmdir(group);
}

FIXTURE(owners) {
};

FIXTURE_SETUP(owners)
{
	new_netns();
	bulk_files(OWNERS);
}

FIXTURE_TEARDOWN(owners)
{
}

/* 50,000 sockets on one port, in a hundred rows and with gaps: the counts are exact */
TEST_F_TIMEOUT(owners, tcp_50000, 60)
{
	struct table table;
	const char *wrong;
	int i, owners = bulk_less(OWNERS), *fds = malloc(owners * sizeof(int));

	for (i = 0; i < owners; i++)
		fds[i] = bulk_bind("tcp", LOOPBACK(i % 100), 7, S_REUSEADDR);
	table_read(REUSE_FILE, &table);
	ASSERT_EQ(100, table.n);
	for (i = 0; i < 100; i++) {
		wrong = row_wrong(&table, "tcp", LOOPBACK(i), 7, owners / 100);
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
	table_free(&table);

	/* All of row 3, half of row 4 */
	for (i = 0; i < owners; i++) {
		if (i % 100 == 3 || i % 200 == 4)
			close(fds[i]);
	}
	table_read(REUSE_FILE, &table);
	ASSERT_EQ(99, table.n);
	for (i = 0; i < 100; i++) {
		if (i == 3)
			continue;
		wrong = row_wrong(&table, "tcp", LOOPBACK(i), 7, owners / (i == 4 ? 200 : 100));
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
}

/* 20,000 UDP sockets in one slot, ten of each address */
TEST_F(owners, udp_20000)
{
	int i, rows = bulk_less(2000);
	struct table table;
	const char *wrong;

	for (i = 0; i < 10 * rows; i++)
		bulk_bind("udp", LOOPBACK(i % rows), 7, S_REUSEADDR);
	table_read(REUSE_FILE, &table);
	ASSERT_EQ(rows, table.n);
	for (i = 0; i < rows; i++) {
		wrong = row_wrong(&table, "udp", LOOPBACK(i), 7, 10);
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
}

/* A uid that one in 5,000 owners has is found, wherever it is among them */
TEST_F(owners, every_uid)
{
	int i;

	for (i = 0; i < 5000; i++) {
		setfsuid(i == 17 ? 3001 : i == 2500 ? 2002 : i == 4998 ? 1003 : 0);
		bulk_bind("tcp", LOOPBACK(0), 7, S_REUSEADDR);
	}
	setfsuid(0);
	EXPECT_REUSE("tcp 127.0.0.1:7 uid=0,1003,2002,3001 bound=5000 reuseaddr=5000\n");
}

TEST_HARNESS_MAIN
