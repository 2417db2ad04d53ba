/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/net/reuse read, each line of it checked, and compared to what is expected. */
#ifndef REUSE_TABLE_H
#define REUSE_TABLE_H

#include <stddef.h>

#include "env.h"

#define REUSE_FILE	"/proc/net/reuse"
#define REUSE_HEADER	"proto local_address dev v6only uid sockets reuseaddr reuseport " \
			"listen bound connected timewait fastreuse fastreuseport fastuid " \
			"inode"

/* Columns of /proc/net/reuse, in the order of the file */
enum table_col {
	PROTO, ADDRESS, DEV, V6ONLY, UID, SOCKETS, REUSEADDR, REUSEPORT,
	LISTEN, BOUND, CONNECTED, TIMEWAIT, FASTREUSE, FASTREUSEPORT, FASTUID,
	INODE,
	REUSE_COLS
};

/**
 * struct table_row - a line of the file
 * @col: its columns as text
 * @num: those from SOCKETS to TIMEWAIT as numbers; the others are 0
 */
struct table_row {
	const char *col[REUSE_COLS];
	unsigned long num[REUSE_COLS];
};

/**
 * struct table - the file
 * @row: sorted by the columns that make a row one, not as the file has them
 * @n: how many
 * @text: the text that the rows point into
 */
struct table {
	struct table_row *row;
	size_t n;
	char *text;
};

void table_parse(char *text, struct table *table);
void table_read(const char *path, struct table *table);
void table_read_fd(int fd, struct table *table);
void table_free(struct table *table);
const struct table_row *table_find(const struct table *table, const char *proto,
				   const char *address, const char *dev, const char *v6only);
char *table_differ(const struct table *table, const char *want);
__printf(2, 3) char *table_expect(const char *path, const char *fmt, ...);

#endif
