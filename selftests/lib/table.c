// SPDX-License-Identifier: GPL-2.0
/* /proc/net/reuse read, each line of it checked, and compared to what is expected. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "table.h"

#define WAIT_MS		10000

static const char * const names[REUSE_COLS] = {
	"proto", "local_address", "dev", "v6only", "uid", "sockets", "reuseaddr", "reuseport",
	"listen", "bound", "connected", "timewait", "fastreuse", "fastreuseport", "fastuid",
	"inode",
};

/* A decimal number as the kernel prints it: no sign, no zeros before it */
static bool number(const char *s, unsigned long max, unsigned long *value)
{
	char *end;

	if (strspn(s, "0123456789") != strlen(s) || !*s || (*s == '0' && s[1]))
		return false;
	errno = 0;
	*value = strtoul(s, &end, 10);
	return !errno && !*end && *value <= max;
}

/* 127.0.0.1:80 and [::ffff:127.0.0.1]:80, spelled in the one right way */
static bool address_ok(const char *s, bool v6)
{
	int family = v6 ? AF_INET6 : AF_INET;
	char host[INET6_ADDRSTRLEN], again[INET6_ADDRSTRLEN];
	const char *colon = strrchr(s, ':');
	struct in6_addr addr;
	unsigned long port;
	size_t len;

	if (!colon || !number(colon + 1, 65535, &port) || !port)
		return false;
	len = colon - s;
	if (v6) {
		if (len < 2 || *s != '[' || colon[-1] != ']')
			return false;
		s++;
		len -= 2;
	}
	if (len >= sizeof(host))
		return false;
	memcpy(host, s, len);
	host[len] = '\0';
	return inet_pton(family, host, &addr) == 1 &&
	       inet_ntop(family, &addr, again, sizeof(again)) && !strcmp(host, again);
}

/* -, or up to eight ascending numbers, and after eight perhaps + */
static bool list_ok(const char *s, unsigned int *n)
{
	unsigned long value, last = 0;
	char *copy, *word, *save;
	bool ok = true;

	*n = 0;
	if (!strcmp(s, "-"))
		return true;
	if (*s == ',' || strstr(s, ",,") || s[strlen(s) - 1] == ',')
		return false;
	copy = strdup(s);
	for (word = strtok_r(copy, ",", &save); word && ok; word = strtok_r(NULL, ",", &save)) {
		if (!strcmp(word, "+")) {
			ok = *n == 8 && !*save;
			continue;
		}
		ok = number(word, 4294967295UL, &value) && *n < 8 && (!*n || value > last);
		last = value;
		++*n;
	}
	free(copy);
	return ok;
}

static bool one_of(const char *s, const char *a, const char *b, const char *c, const char *d)
{
	return !strcmp(s, a) || !strcmp(s, b) || !strcmp(s, c) || !strcmp(s, d);
}

static const char *fast_wrong(const struct table_row *row)
{
	const char *reuse = row->col[FASTREUSE], *port = row->col[FASTREUSEPORT];
	const char *uid = row->col[FASTUID];
	unsigned long n;

	if (strcmp(row->col[PROTO], "tcp"))
		return !strcmp(reuse, "-") && !strcmp(port, "-") && !strcmp(uid, "-") ?
		       NULL : "a cache without TCP";
	if (!one_of(reuse, "-1", "0", "1", "1"))
		return names[FASTREUSE];
	if (!one_of(port, "-1", "0", "1", "2"))
		return names[FASTREUSEPORT];
	if (*port == '1' || *port == '2')
		return number(uid, 4294967295UL, &n) ? NULL : names[FASTUID];
	return !strcmp(uid, "-") ? NULL : names[FASTUID];
}

static const char *counts_wrong(struct table_row *row)
{
	unsigned long *n = row->num;
	int i;

	for (i = SOCKETS; i <= TIMEWAIT; i++) {
		if (!number(row->col[i], 4294967295UL, &n[i]))
			return names[i];
	}
	if (!n[SOCKETS])
		return "a row without sockets";
	if (n[SOCKETS] != n[LISTEN] + n[BOUND] + n[CONNECTED] + n[TIMEWAIT])
		return "sockets is not the sum of the states";
	if (n[REUSEADDR] > n[SOCKETS] || n[REUSEPORT] > n[SOCKETS])
		return "more flags than sockets";
	if (strcmp(row->col[PROTO], "tcp") && (n[LISTEN] || n[TIMEWAIT]))
		return "a TCP state without TCP";
	if (!strcmp(row->col[UID], "-") && (n[LISTEN] || n[BOUND]))
		return "owners without uid";
	return NULL;
}

/* Only sockets that are not in TIME_WAIT have an inode */
static const char *inodes_wrong(const struct table_row *row)
{
	const char *inode = row->col[INODE];
	unsigned long full = row->num[SOCKETS] - row->num[TIMEWAIT];
	unsigned int n;

	if (!list_ok(inode, &n) || *inode == '0')
		return names[INODE];
	if (n > full || (inode[strlen(inode) - 1] == '+' && full < 9))
		return "more inodes than sockets";
	return NULL;
}

/* Says what is wrong with a line, or NULL */
static const char *row_wrong(struct table_row *row)
{
	bool v6 = *row->col[ADDRESS] == '[';
	unsigned int uids;

	if (!one_of(row->col[PROTO], "tcp", "udp", "udplite", "tcp"))
		return names[PROTO];
	if (!address_ok(row->col[ADDRESS], v6))
		return names[ADDRESS];
	if (strlen(row->col[DEV]) > 15 || strpbrk(row->col[DEV], "/:"))
		return names[DEV];
	if (!(v6 ? one_of(row->col[V6ONLY], "0", "1", "0", "1") : !strcmp(row->col[V6ONLY], "-")))
		return names[V6ONLY];
	if (!list_ok(row->col[UID], &uids))
		return names[UID];
	return counts_wrong(row) ?: fast_wrong(row) ?: inodes_wrong(row);
}

static void parse_line(char *line, struct table_row *row)
{
	char *copy = strdup(line), *save, *word;
	const char *wrong = NULL;
	int i = 0;

	memset(row, 0, sizeof(*row));
	for (word = strtok_r(line, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (i < REUSE_COLS)
			row->col[i] = word;
		i++;
	}
	wrong = i != REUSE_COLS ? "number of columns" : row_wrong(row);
	errno = 0;
	if (wrong)
		die("malformed line (%s): %s", wrong, copy);
	free(copy);
}

static int row_cmp(const void *a, const void *b)
{
	const struct table_row *x = a, *y = b;
	int i, cmp = 0;

	for (i = PROTO; i <= V6ONLY && !cmp; i++)
		cmp = strcmp(x->col[i], y->col[i]);
	return cmp;
}

/**
 * table_parse() - take the file apart; ends the test at the first wrong line
 * @text: the file; the table owns it from now on
 * @table: is filled in, to be freed with table_free()
 */
void table_parse(char *text, struct table *table)
{
	size_t i, size = 64;
	char *line, *save;

	*table = (struct table) { .text = text, .row = malloc(size * sizeof(*table->row)) };
	errno = 0;
	if (!*text || text[strlen(text) - 1] != '\n')
		die("the file does not end with a line: \"%s\"", text);
	line = strtok_r(text, "\n", &save);
	if (!line || strcmp(line, REUSE_HEADER))
		die("wrong header: %s", line);
	while ((line = strtok_r(NULL, "\n", &save))) {
		if (table->n == size) {
			size *= 2;
			table->row = realloc(table->row, size * sizeof(*table->row));
		}
		parse_line(line, &table->row[table->n++]);
	}
	qsort(table->row, table->n, sizeof(*table->row), row_cmp);
	for (i = 1; i < table->n; i++) {
		const struct table_row *row = &table->row[i];

		if (!row_cmp(row - 1, row))
			die("listed twice: %s %s %s %s", row->col[PROTO], row->col[ADDRESS],
			    row->col[DEV], row->col[V6ONLY]);
	}
}

/**
 * table_read_fd() - read and check an open file
 * @fd: the file, at its start
 * @table: is filled in, to be freed with table_free()
 */
void table_read_fd(int fd, struct table *table)
{
	table_parse(slurp_fd(fd), table);
}

/**
 * table_read() - read and check a file
 * @path: /proc/net/reuse or another
 * @table: is filled in, to be freed with table_free()
 */
void table_read(const char *path, struct table *table)
{
	table_parse(slurp(path), table);
}

/**
 * table_free() - release what table_read() took
 * @table: no use after this
 */
void table_free(struct table *table)
{
	free(table->row);
	free(table->text);
}

/**
 * table_find() - find a row
 * @table: filled in
 * @proto: first column
 * @address: local_address
 * @dev: dev; - for none
 * @v6only: 0, 1 or -
 *
 * Return: the row, or NULL.
 */
const struct table_row *table_find(const struct table *table, const char *proto,
				   const char *address, const char *dev, const char *v6only)
{
	struct table_row key = { .col = { proto, address, dev, v6only } };

	return bsearch(&key, table->row, table->n, sizeof(key), row_cmp);
}

static void want_set(struct table_row *row, char *word)
{
	char *value = strchr(word, '=');
	int i;

	errno = 0;
	if (!value)
		die("bad expectation: %s", word);
	*value++ = '\0';
	for (i = DEV; i < REUSE_COLS; i++) {
		if (strcmp(names[i], word))
			continue;
		row->col[i] = value;
		row->num[i] = strtoul(value, NULL, 10);
		return;
	}
	die("bad expectation: %s", word);
}

/* "tcp 127.0.0.1:80 listen=1": what is not named is as in a row that has none */
static void want_parse(char *line, struct table_row *row)
{
	static char sum[24];
	unsigned long *n = row->num;
	char *save, *word;
	int i;

	memset(row, 0, sizeof(*row));
	row->col[PROTO] = strtok_r(line, " ", &save);
	row->col[ADDRESS] = strtok_r(NULL, " ", &save);
	errno = 0;
	if (!row->col[ADDRESS])
		die("bad expectation: %s", line);
	row->col[DEV] = "-";
	row->col[V6ONLY] = *row->col[ADDRESS] == '[' ? "0" : "-";
	row->col[UID] = "0";
	for (i = SOCKETS; i <= TIMEWAIT; i++)
		row->col[i] = "0";
	for (i = FASTREUSE; i <= FASTUID; i++)
		row->col[i] = strcmp(row->col[PROTO], "tcp") ? "-" : "*";
	row->col[INODE] = "*";
	while ((word = strtok_r(NULL, " ", &save)))
		want_set(row, word);
	snprintf(sum, sizeof(sum), "%lu", n[LISTEN] + n[BOUND] + n[CONNECTED] + n[TIMEWAIT]);
	row->col[SOCKETS] = sum;
}

/* Says how a row differs from the wanted one, or NULL */
static const char *want_miss(const struct table_row *row, const struct table_row *want)
{
	int i;

	for (i = UID; i < REUSE_COLS; i++) {
		if (strcmp(want->col[i], "*") && strcmp(want->col[i], row->col[i]))
			return text("%s is %s, not %s", names[i], row->col[i], want->col[i]);
	}
	return NULL;
}

/**
 * table_differ() - compare a whole file to what it should be
 * @table: the file
 * @want: a line for each row, in any order: protocol, address, and column=value
 *	for what differs from a row of uid 0 without device, flags and sockets;
 *	* is any value; sockets is the sum; the TCP cache and inode are * if not given
 *
 * Return: NULL if they are the same, or what differs.
 */
char *table_differ(const struct table *table, const char *want)
{
	char *copy = strdup(want), *line, *save, *why = NULL;
	const struct table_row *row;
	struct table_row wanted;
	size_t n = 0;

	for (line = strtok_r(copy, "\n", &save); line && !why; line = strtok_r(NULL, "\n", &save)) {
		const char *miss;

		want_parse(line, &wanted);
		row = table_find(table, wanted.col[PROTO], wanted.col[ADDRESS], wanted.col[DEV],
				 wanted.col[V6ONLY]);
		miss = row ? want_miss(row, &wanted) : "no such row";
		if (miss)
			why = strdup(text("%s %s dev=%s v6only=%s: %s", wanted.col[PROTO],
					  wanted.col[ADDRESS], wanted.col[DEV],
					  wanted.col[V6ONLY], miss));
		n++;
	}
	if (!why && n != table->n)
		why = strdup(text("%zu rows, not %zu", table->n, n));
	free(copy);
	return why;
}

/* The lines as one comment of a test's output */
static char *comment(const char *s)
{
	char *copy = malloc(5 * strlen(s) + 1), *to = copy;

	if (!copy)
		die("no memory");
	for (; *s; s++) {
		*to++ = *s;
		if (*s == '\n')
			to = stpcpy(to, "#   ");
	}
	*to = '\0';
	return copy;
}

struct expectation {
	const char *path;
	const char *want;
	char *all;
	char *why;
};

static bool as_expected(void *arg)
{
	struct expectation *e = arg;
	struct table table;

	free(e->all);
	free(e->why);
	e->all = slurp(e->path);
	table_parse(strdup(e->all), &table);
	e->why = table_differ(&table, e->want);
	table_free(&table);
	return !e->why;
}

/**
 * table_expect() - wait until a file is as it should be
 * @path: /proc/net/reuse or another
 * @fmt: the expected rows, as of table_differ() and printf()
 *
 * The effect of a packet or a close() takes a moment: this looks again until
 * the file is right or three seconds are over.
 *
 * Return: NULL if it became so, or what differs and the file.
 */
char *table_expect(const char *path, const char *fmt, ...)
{
	struct expectation e = { .path = path };
	char *why = NULL;
	va_list args;
	char *want;

	va_start(args, fmt);
	if (vasprintf(&want, fmt, args) < 0)
		die("no memory");
	va_end(args);
	e.want = want;
	if (!wait_for(as_expected, &e, WAIT_MS))
		why = comment(text("%s\nwanted:\n%sgot:\n%s", e.why, want, e.all));
	free(want);
	free(e.all);
	free(e.why);
	return why;
}
