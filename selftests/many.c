// SPDX-License-Identifier: GPL-2.0
/* The file is right when there are many: ports, addresses of a port, owners. */
#include <fcntl.h>
#include <sys/fsuid.h>

#include "bulk.h"
#include "harness.h"

#define PORTS		65000
#define OWNERS		100000
#define ADDRESSES	6000
#define NAME		32

/* The table has the row, and it counts @n bound sockets; NULL, or what is wrong */
static const char *row_wrong(const struct reuse_table *table, const char *proto, uint32_t addr,
			     uint16_t port, unsigned long n)
{
	char name[NAME];
	const struct reuse_row *row;

	bulk_name(addr, port, name, sizeof(name));
	row = reuse_find(table, proto, name, "-", "-");
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

/* 65,000 ports: each is there once */
TEST_F_TIMEOUT(ports, each_once, 60)
{
	struct reuse_table table;
	const char *wrong;
	int i;

	for (i = 1; i <= PORTS; i++)
		bulk_bind(variant->proto, LOOPBACK(i % 9), i, 0);
	reuse_read(REUSE_FILE, &table);
	ASSERT_EQ(PORTS, table.n);
	for (i = 1; i <= PORTS; i++) {
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
	struct reuse_table table;
	const char *wrong;
	int i, fd;
	char *s;

	for (i = 0; i < 3 * variant->n; i++)
		bulk_bind(variant->proto, LOOPBACK(i % variant->n), 7, S_REUSEADDR);
	fd = open(REUSE_FILE, O_RDONLY);
	s = slurp_fd(fd);
	ASSERT_EQ(0, lseek(fd, 0, SEEK_SET));
	EXPECT_EQ(0, strcmp(s, slurp_fd(fd)));
	reuse_parse(s, &table);
	ASSERT_EQ(variant->n, table.n);
	for (i = 0; i < variant->n; i++) {
		wrong = row_wrong(&table, variant->proto, LOOPBACK(i), 7, 3);
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
}

/* Lines of @s for @proto that are of another port than 7 */
static int others_in(char *s, const char *proto, bool behind)
{
	char *line, *save;
	int n = 0;

	for (line = strtok_r(s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, proto, strlen(proto)))
			continue;
		if (strstr(line, ":7 "))
			n = behind ? 0 : n;
		else
			n++;
	}
	return n;
}

/*
 * A slot that is being read in parts loses all its sockets between two reads:
 * what comes behind it is all there.
 */
TEST_F(addresses, slot_emptied_half_way)
{
	int fds[ADDRESSES], i, fd, behind;
	char piece[513];
	ssize_t len;

	for (i = 0; i < 500 * 16; i++)
		bulk_bind(variant->proto, LOOPBACK(i % 16), 1000 + i / 16, 0);
	for (i = 0; i < variant->n; i++)
		fds[i] = bulk_bind(variant->proto, LOOPBACK(i), 7, S_REUSEADDR);
	behind = others_in(slurp(REUSE_FILE), variant->proto, true);

	fd = open(REUSE_FILE, O_RDONLY);
	do {
		len = read(fd, piece, sizeof(piece) - 1);
		ASSERT_LT(0, len);
		piece[len] = '\0';
	} while (!strstr(piece, ":7 "));
	for (i = 0; i < variant->n; i++)
		close(fds[i]);
	EXPECT_EQ(behind, others_in(slurp_fd(fd), variant->proto, false));
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

/* 100,000 sockets on one port, in ten rows and with gaps: the counts are exact */
TEST_F_TIMEOUT(owners, tcp_100000, 60)
{
	struct reuse_table table;
	const char *wrong;
	int i, *fds = malloc(OWNERS * sizeof(int));

	for (i = 0; i < OWNERS; i++)
		fds[i] = bulk_bind("tcp", LOOPBACK(i % 10), 7, S_REUSEADDR);
	reuse_read(REUSE_FILE, &table);
	ASSERT_EQ(10, table.n);
	for (i = 0; i < 10; i++) {
		wrong = row_wrong(&table, "tcp", LOOPBACK(i), 7, OWNERS / 10);
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
	reuse_free(&table);

	/* All of one row, half of another */
	for (i = 0; i < OWNERS; i++) {
		if (i % 10 == 3 || i % 20 == 4)
			close(fds[i]);
	}
	reuse_read(REUSE_FILE, &table);
	ASSERT_EQ(9, table.n);
	for (i = 0; i < 10; i++) {
		if (i == 3)
			continue;
		wrong = row_wrong(&table, "tcp", LOOPBACK(i), 7,
				  i == 4 ? OWNERS / 20 : OWNERS / 10);
		ASSERT_TRUE(!wrong)
			TH_LOG("%s", wrong);
	}
}

/* 20,000 UDP sockets in one slot, ten of each address */
TEST_F(owners, udp_20000)
{
	struct reuse_table table;
	const char *wrong;
	int i;

	for (i = 0; i < 20000; i++)
		bulk_bind("udp", LOOPBACK(i % 2000), 7, S_REUSEADDR);
	reuse_read(REUSE_FILE, &table);
	ASSERT_EQ(2000, table.n);
	for (i = 0; i < 2000; i++) {
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
