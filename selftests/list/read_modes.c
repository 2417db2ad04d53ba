// SPDX-License-Identifier: GPL-2.0
/* All ways to read the file give the same bytes. */
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "bulk.h"
#include "harness.h"

#define PORTS	400

/* Rows of all kinds, in small slots and 300 in one, and nothing that changes */
static void populate(void)
{
	int i;

	bulk_files(2 * PORTS + 302);
	for (i = 0; i < PORTS; i++) {
		sock_bind("tcp", text("127.0.0.%d:%d", 1 + i % 50, 2000 + i),
			  i % 3 ? S_LISTEN : S_REUSEADDR);
		sock_bind("udp", text("127.0.%d.1:%d", i % 7, 3000 + i), S_REUSEPORT);
	}
	for (i = 1; i <= 100; i++) {
		sock_bind("tcp", text("[::ffff:127.0.0.%d]:9000", i), S_LISTEN);
		sock_bind("tcp", text("127.0.1.%d:9000", i), S_REUSEADDR);
		sock_bind("udp", text("127.0.1.%d:9000", i), 0);
	}
	sock_bind("tcp", "[::1]:9000", S_LISTEN);
	sock_bind("udp", "[::]:9001", S_V6ONLY);
}

FIXTURE(quiet) {
	char *want;
	size_t len;
	int fd;
};

FIXTURE_SETUP(quiet)
{
	struct table table;

	new_netns();
	populate();
	self->want = slurp(REUSE_FILE);
	self->len = strlen(self->want);
	table_parse(strdup(self->want), &table);
	ASSERT_EQ(2 * PORTS + 302, table.n);
	table_free(&table);
	self->fd = open(REUSE_FILE, O_RDONLY);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(quiet)
{
	free(self->want);
	close(self->fd);
}

/* Reads on until there is nothing or @max is reached, in pieces of @size */
static size_t read_by(int fd, char *buf, size_t max, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < max) {
		n = read(fd, buf + len, size < max - len ? size : max - len);
		if (n < 0)
			die("read of %zu", size);
		if (!n)
			break;
		len += n;
	}
	return len;
}

/* No size of read() changes a byte */
TEST_F(quiet, sizes)
{
	static const size_t sizes[] = { 1, 2, 7, 64, 4095, 4096, 4097, 65536, 1 << 20 };
	char *buf = malloc(2 * self->len);
	size_t i, len;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		int fd = open(REUSE_FILE, O_RDONLY);

		len = read_by(fd, buf, 2 * self->len, sizes[i]);
		close(fd);
		ASSERT_EQ(self->len, len)
			TH_LOG("read size %zu", sizes[i]);
		ASSERT_EQ(0, memcmp(buf, self->want, len))
			TH_LOG("read size %zu", sizes[i]);
	}
}

/* pread() at @at agrees with the file there */
static bool pread_same(int fd, const char *want, size_t len, size_t at)
{
	char buf[131];
	size_t left = at < len ? len - at : 0;
	size_t n = left < sizeof(buf) ? left : sizeof(buf);

	return pread(fd, buf, sizeof(buf), at) == (ssize_t)n && !memcmp(buf, want + at, n);
}

/* pread() is right forwards, backwards and at random, and leaves the offset alone */
TEST_F(quiet, pread)
{
	size_t at, i;
	char c;

	for (at = 0; at < self->len + 300; at += 97)
		ASSERT_TRUE(pread_same(self->fd, self->want, self->len, at))
			TH_LOG("forwards at %zu", at);
	for (at = self->len; at >= 997; at -= 997)
		ASSERT_TRUE(pread_same(self->fd, self->want, self->len, at))
			TH_LOG("backwards at %zu", at);
	srandom(seed());
	for (i = 0; i < 100; i++) {
		at = random() % self->len;
		ASSERT_TRUE(pread_same(self->fd, self->want, self->len, at))
			TH_LOG("at %zu", at);
	}
	ASSERT_EQ(1, read(self->fd, &c, 1));
	EXPECT_EQ('p', c);
}

/* After lseek() to 0 the file is read anew, after lseek() into it from there on */
TEST_F(quiet, lseek)
{
	char *buf = malloc(2 * self->len);
	size_t at;

	ASSERT_EQ(self->len, read_by(self->fd, buf, 2 * self->len, 1000));
	for (at = 0; at <= self->len; at += at < 500 ? 61 : 9973) {
		ASSERT_EQ(at, lseek(self->fd, at, SEEK_SET));
		ASSERT_EQ(self->len - at, read_by(self->fd, buf, 2 * self->len, 1000))
			TH_LOG("from %zu", at);
		ASSERT_EQ(0, memcmp(buf, self->want + at, self->len - at))
			TH_LOG("from %zu", at);
	}
	/* Half way back */
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	ASSERT_EQ(10000, read_by(self->fd, buf, 10000, 10000));
	ASSERT_EQ(5000, lseek(self->fd, -5000, SEEK_CUR));
	ASSERT_EQ(self->len - 5000, read_by(self->fd, buf, 2 * self->len, 64));
	EXPECT_EQ(0, memcmp(buf, self->want + 5000, self->len - 5000));
}

/* Two open files do not disturb each other, a slow reader least of all */
TEST_F(quiet, two_readers)
{
	char *slow = malloc(2 * self->len), *fast = malloc(2 * self->len);
	size_t nslow = 0, n;

	do {
		int fd = open(REUSE_FILE, O_RDONLY);

		n = read_by(self->fd, slow + nslow, 1001, 7);
		nslow += n;
		ASSERT_EQ(self->len, read_by(fd, fast, 2 * self->len, 5000));
		ASSERT_EQ(0, memcmp(fast, self->want, self->len));
		close(fd);
	} while (n);
	ASSERT_EQ(self->len, nslow);
	EXPECT_EQ(0, memcmp(slow, self->want, nslow));
}

/* Two processes that share an open file get each piece of it once */
TEST_F(quiet, shared_offset)
{
	char *buf = malloc(2 * self->len);
	size_t len = 0, n;
	int status, p[2];

	ASSERT_EQ(0, pipe(p));
	do {
		pid_t pid;

		n = read_by(self->fd, buf + len, 5000, 100);
		len += n;
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			char piece[3000];
			ssize_t got = read_by(self->fd, piece, sizeof(piece), 100);

			_exit(write(p[1], piece, got) != got);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
		n = len < self->len ? self->len - len : 0;
		if (n)
			len += read(p[0], buf + len, n < 3000 ? n : 3000);
	} while (n);
	ASSERT_EQ(self->len, len);
	EXPECT_EQ(0, memcmp(buf, self->want, len));
}

/* readv() spreads the same bytes */
TEST_F(quiet, readv)
{
	char *buf = malloc(2 * self->len);
	size_t len = 0;
	ssize_t n;

	do {
		struct iovec iov[] = { { buf + len, 1 }, { buf + len + 1, 50 },
				       { buf + len + 51, 700 } };

		n = readv(self->fd, iov, 3);
		ASSERT_LE(0, n);
		len += n;
	} while (n);
	ASSERT_EQ(self->len, len);
	EXPECT_EQ(0, memcmp(buf, self->want, len));
}

/* sendfile(), which cp(1) and busybox cat use, works or returns an error */
TEST_F(quiet, sendfile)
{
	FILE *tmp = tmpfile();
	size_t len = 0;
	ssize_t n;

	ASSERT_NE(NULL, tmp);
	do {
		n = sendfile(fileno(tmp), self->fd, NULL, 10000);
		if (n < 0 && errno == EINVAL && !len)
			SKIP(return, "the file has no splice");
		ASSERT_LE(0, n);
		len += n;
	} while (n);
	ASSERT_EQ(self->len, len);
	rewind(tmp);
	EXPECT_EQ(0, strcmp(self->want, slurp_fd(fileno(tmp))));
}

/* At the end there is nothing, as often as it is asked */
TEST_F(quiet, eof)
{
	char *buf = malloc(2 * self->len), c;
	int i;

	ASSERT_EQ(self->len, read_by(self->fd, buf, 2 * self->len, 333));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(0, read(self->fd, &c, 1));
	/* An open file does not go on after its end, only a new read from the start does */
	sock_bind("udp", "127.9.9.9:7", 0);
	EXPECT_EQ(0, read(self->fd, buf, 4096));
	EXPECT_EQ(0, pread(self->fd, &c, 1, self->len + 4096));
	ASSERT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_LT(self->len, read_by(self->fd, buf, 2 * self->len, 333));
}

/* A file whose reader never comes back, or only opens it, leaves nothing open */
TEST_F(quiet, abandoned)
{
	char buf[5000];
	int i, fd;

	for (i = 0; i < 300; i++) {
		fd = open(REUSE_FILE, O_RDONLY);
		ASSERT_LE(0, fd);
		if (i % 3)
			ASSERT_LT(0, read(fd, buf, i % 3 == 1 ? 1 : sizeof(buf)));
		ASSERT_EQ(0, close(fd));
	}
	ASSERT_TRUE(pread_same(self->fd, self->want, self->len, 0));
}

#define MANY	1000

/*
 * Reads about half of a file with a row for each of ports 1 to MANY.
 * Return: a buffer with room for the rest; @seen has the ports whose line is whole.
 */
static char *read_half(int fd, bool *seen)
{
	char *s = calloc(1, 1 << 20), *line;
	int i, port;

	while (strlen(s) < MANY * 20) {
		if (read(fd, s + strlen(s), 512) <= 0)
			die("the file is short");
	}
	for (line = strchr(s, '\n') + 1; strchr(line, '\n'); line = strchr(line, '\n') + 1) {
		if (sscanf(line, "tcp 127.0.0.1:%d ", &port) == 1)
			seen[port] = true;
	}
	for (i = 1, port = 0; i <= MANY; i++)
		port += seen[i];
	errno = 0;
	if (port < MANY / 10 || port > MANY - MANY / 10)
		die("%d of %d ports are no half", port, MANY);
	return s;
}

/* The file has each of the ports once; rows twice end the test in table_parse() */
static const char *port_missing(int fd, char *s)
{
	struct table table;
	int i;

	strcat(s, slurp_fd(fd));
	table_parse(s, &table);
	for (i = 1; i <= MANY; i++) {
		const char *name = text("127.0.0.1:%d", i);

		if (!table_find(&table, "tcp", name, "-", "-"))
			return name;
	}
	return NULL;
}

/*
 * The place in the file is one in the table, not a number of rows: what goes
 * before it takes nothing with it that comes behind.
 */
TEST(rows_gone_before)
{
	bool seen[MANY + 1] = {};
	const char *missing;
	int fd[MANY + 1], file, i;
	char *s;

	new_netns();
	bulk_files(MANY);
	for (i = 1; i <= MANY; i++)
		fd[i] = sock_bind("tcp", text("127.0.0.1:%d", i), 0);
	file = open(REUSE_FILE, O_RDONLY);
	s = read_half(file, seen);
	for (i = 1; i <= MANY; i++) {
		if (seen[i])
			close(fd[i]);
	}
	missing = port_missing(file, s);
	EXPECT_TRUE(!missing)
		TH_LOG("no row %s", missing);
}

/* Rows that come before the place of a reader bring back no row that it has had */
TEST(rows_come_before)
{
	bool seen[MANY + 1] = {};
	const char *missing;
	int file, i;
	char *s;

	new_netns();
	bulk_files(2 * MANY);
	for (i = 1; i <= MANY; i++)
		sock_bind("tcp", text("127.0.0.1:%d", i), 0);
	file = open(REUSE_FILE, O_RDONLY);
	s = read_half(file, seen);
	for (i = 1; i <= MANY; i++) {
		if (seen[i])
			sock_bind("tcp", text("127.0.0.2:%d", i), 0);
	}
	missing = port_missing(file, s);
	EXPECT_TRUE(!missing)
		TH_LOG("no row %s", missing);
}

TEST_HARNESS_MAIN
