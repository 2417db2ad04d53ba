// SPDX-License-Identifier: GPL-2.0
/* The file as a file, and the spelling of each column. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/param.h>
#include <sys/stat.h>

#include "harness.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND	78
#endif

/* An empty namespace has a header and nothing else */
TEST(header_only)
{
	char *s;

	new_netns();
	s = slurp(REUSE_FILE);
	EXPECT_STREQ(REUSE_HEADER "\n", s);
}

/* All users may read it; write() and mmap() fail */
TEST(mode)
{
	struct stat st;
	int fd;

	new_netns();
	ASSERT_EQ(0, stat(REUSE_FILE, &st));
	EXPECT_EQ(S_IFREG | 0444, st.st_mode);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
	fd = open(REUSE_FILE, O_RDWR);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, "x", 1));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(-1, unlink(REUSE_FILE));
	EXPECT_NO_ROWS();
}

/* A whole line, to the letter: columns in their order, one space between them */
TEST(line)
{
	struct stat st;
	char *s;
	int fd;

	new_netns();
	fd = sock_bind("tcp", "127.0.0.1:80", S_LISTEN | S_REUSEADDR);
	ASSERT_EQ(0, fstat(fd, &st));
	s = slurp(REUSE_FILE);
	EXPECT_STREQ(text("%s\ntcp 127.0.0.1:80 - - 0 1 1 0 1 0 0 0 0 0 - %lu\n", REUSE_HEADER,
			  st.st_ino), s);
}

/* The same for UDP over IPv6 on a device, with what can be long as long as can be */
TEST(long_line)
{
	const char *address = "[fd01:1234:5678:9abc:def0:1234:5678:9abc]:65535";
	const char *dev = "fifteen-letters";
	struct stat st[2];
	char *s;
	int fd;

	new_netns();
	if (!add_device(dev, "dummy"))
		SKIP(return, "no dummy device in this kernel");
	add_address("fd01:1234:5678:9abc:def0:1234:5678:9abc", dev, NULL);
	fd = sock_bind_dev("udp", address, S_REUSEADDR | S_REUSEPORT, dev);
	ASSERT_EQ(0, fstat(fd, &st[0]));
	fd = sock_bind_dev("udp", address, S_REUSEADDR, dev);
	ASSERT_EQ(0, fstat(fd, &st[1]));
	s = slurp(REUSE_FILE);
	EXPECT_STREQ(text("%s\nudp %s %s 1 0 2 2 1 0 2 0 0 - - - %lu,%lu\n", REUSE_HEADER, address,
			  dev, MIN(st[0].st_ino, st[1].st_ino), MAX(st[0].st_ino, st[1].st_ino)),
		     s);
}

FIXTURE(spelling) {
};

FIXTURE_VARIANT(spelling) {
	const char *address;
	const char *v6only;
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(spelling, v4) { "127.0.0.1:80", "-", 0 };
FIXTURE_VARIANT_ADD(spelling, v4_other) { "127.255.10.2:80", "-", 0 };
FIXTURE_VARIANT_ADD(spelling, v4_any) { "0.0.0.0:80", "-", 0 };
FIXTURE_VARIANT_ADD(spelling, v6) { "[::1]:80", "1", 0 };
FIXTURE_VARIANT_ADD(spelling, v6_run) { "[fd00:0:0:1::2]:80", "1", 0 };
FIXTURE_VARIANT_ADD(spelling, v6_mapped) { "[::ffff:127.0.0.1]:80", "0", 0 };
FIXTURE_VARIANT_ADD(spelling, v6_mapped_any) { "[::ffff:0.0.0.0]:80", "0", 0 };
FIXTURE_VARIANT_ADD(spelling, v6_any) { "[::]:80", "0", 0 };
FIXTURE_VARIANT_ADD(spelling, v6_only) { "[::]:80", "1", S_V6ONLY };
FIXTURE_VARIANT_ADD(spelling, first_port) { "127.0.0.1:1", "-", 0 };
FIXTURE_VARIANT_ADD(spelling, last_port) { "[::]:65535", "0", 0 };

FIXTURE_SETUP(spelling)
{
	new_netns();
	add_address("fd00:0:0:1::2", "lo", NULL);
}

FIXTURE_TEARDOWN(spelling)
{
}

/* An address is spelled like this, and v6only is that of the socket */
TEST_F(spelling, address)
{
	static const char * const protos[] = { "tcp", "udp", "udplite" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		char *start = (char *)text("\n%s %s - %s 0 1 0 0 0 1 0 0 ", protos[i],
					   variant->address, variant->v6only), *s;
		int fd;

		if (!sock_has(protos[i]))
			continue;
		fd = sock_bind(protos[i], variant->address, variant->flags);
		s = slurp(REUSE_FILE);
		EXPECT_TRUE(strstr(s, start))
			TH_LOG("no \"%s\" in: %s", start + 1, s);
		EXPECT_REUSE("%s %s bound=1\n", protos[i], sock_row(fd));
		close(fd);
	}
}

static int bind_foreign(const char *address)
{
	int fd = sock_open("udp", AF_INET6, 0);

	sock_set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	errno = sock_try_bind(fd, address);
	if (errno)
		die("bind to %s", address);
	return fd;
}

/* Any IPv6 address is spelled as inet_ntop(3) does, wherever it has zeros; but ISATAP's in dots */
TEST(ipv6)
{
	struct in6_addr addr = {};
	char host[INET6_ADDRSTRLEN], *s;
	unsigned int i, zeros;

	new_netns();
	for (zeros = 0; zeros < 256; zeros++) {
		const char *address;

		for (i = 0; i < 8; i++)
			addr.s6_addr16[i] = zeros >> i & 1 ? 0 : htons(0x2001 >> i);
		/* ::1.2.3.4 is what inet_ntop(3) makes of the first 96 bits 0 */
		if (IN6_IS_ADDR_V4COMPAT(&addr))
			continue;
		inet_ntop(AF_INET6, &addr, host, sizeof(host));
		address = text("[%s]:%u", host, PORT + zeros);
		bind_foreign(address);
		s = slurp(REUSE_FILE);
		EXPECT_TRUE(strstr(s, text("\nudp %s ", address)))
			TH_LOG("no \"%s\" in: %s", address, s);
		free(s);
	}
	bind_foreign("[fd00::5efe:1.2.3.4]:80");
	s = slurp(REUSE_FILE);
	EXPECT_TRUE(strstr(s, "\nudp [fd00::5efe:1.2.3.4]:80 "));
}

/* Dual stack and IPv6-only sockets of one port and address are two rows */
TEST(v6only_rows)
{
	int s;

	new_netns();
	sock_bind("tcp", "[::]:80", S_REUSEADDR);
	sock_bind("tcp", "[::]:80", S_REUSEADDR | S_V6ONLY);
	s = sock_bind("tcp", "0.0.0.0:80", S_REUSEADDR);
	EXPECT_REUSE("tcp [::]:80 v6only=0 bound=1 reuseaddr=1\n"
		     "tcp [::]:80 v6only=1 bound=1 reuseaddr=1\n"
		     "tcp 0.0.0.0:80 v6only=- bound=1 reuseaddr=1\n");
	close(s);
}

/* Mapped and IPv4 sockets of one address and port are two rows */
TEST(mapped_rows)
{
	new_netns();
	sock_bind("tcp", "127.0.0.1:80", S_REUSEADDR);
	sock_bind("tcp", "[::ffff:127.0.0.1]:80", S_REUSEADDR | S_REUSEPORT);
	EXPECT_REUSE("tcp 127.0.0.1:80 bound=1 reuseaddr=1\n"
		     "tcp [::ffff:127.0.0.1]:80 bound=1 reuseaddr=1 reuseport=1\n");
}

/* One row of each kind, for those tests that look at the text */
static void some_of_each(void)
{
	struct pair p;
	int l;

	l = sock_bind("tcp", "[::]:80", S_LISTEN | S_REUSEADDR);
	sock_pair(&p, l, "127.0.0.1:80");
	sock_pair(&p, l, "[::1]:80");
	shutdown(p.client, SHUT_WR);
	sock_wait_state(p.server, TCP_CLOSE_WAIT);
	close(p.server);
	close(p.client);
	sock_bind("tcp", "127.0.0.1:81", S_REUSEPORT);
	sock_bind("udp", "0.0.0.0:82", 0);
	sock_connect(sock_open("udp", AF_INET6, 0), "[::1]:82");
	if (sock_has("udplite"))
		sock_bind("udplite", "[::]:82", S_V6ONLY);
}

/* All paths lead to the same file */
TEST(paths)
{
	const char * const path[] = {
		"/proc/net/reuse", "/proc/self/net/reuse", "/proc/thread-self/net/reuse",
		text("/proc/%d/net/reuse", getpid()),
		text("/proc/%d/task/%d/net/reuse", getpid(), getpid()),
	};
	unsigned int i;
	char *first;

	new_netns();
	some_of_each();
	first = slurp(path[0]);
	EXPECT_LT(sizeof(REUSE_HEADER) + 100, strlen(first));
	for (i = 1; i < ARRAY_SIZE(path); i++) {
		char *s = slurp(path[i]);

		EXPECT_STREQ(first, s);
		free(s);
	}
}

/* Nothing in it looks like an address of the kernel */
TEST(no_kernel_address)
{
	char *s, *word;

	new_netns();
	some_of_each();
	s = slurp(REUSE_FILE);
	for (word = strtok(s, "\n "); word; word = strtok(NULL, "\n ")) {
		EXPECT_GT(12, strspn(word, "0123456789abcdefABCDEF"))
			TH_LOG("%s", word);
		EXPECT_FALSE(strstr(word, "0x"));
	}
}

/* Two that have it open, one of them further than the other, are not in the way */
TEST(two_readers)
{
	char *whole, *parts;
	int fd, i, len;

	new_netns();
	some_of_each();
	whole = slurp(REUSE_FILE);
	len = strlen(whole);
	parts = calloc(1, len + 1);
	fd = open(REUSE_FILE, O_RDONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < len; i++) {
		char *s = slurp(REUSE_FILE);

		ASSERT_EQ(1, read(fd, parts + i, 1));
		EXPECT_STREQ(whole, s);
		free(s);
	}
	EXPECT_EQ(0, read(fd, parts, 1));
	EXPECT_STREQ(whole, parts);
}

TEST_HARNESS_MAIN
