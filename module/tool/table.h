/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /proc/net/reuse, read and sorted. The first line of the file says which columns there
 * are: an older module has fewer, a newer one has some that are not known here.
 */
#ifndef REUSE_TABLE_H
#define REUSE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The columns that are known here */
enum table_col {
	PROTO, LOCAL, DEV, V6ONLY, UID,
	SOCKETS, REUSEADDR, REUSEPORT, LISTEN, BOUND, CONNECTED, TIMEWAIT,
	FASTREUSE, FASTREUSEPORT, FASTUID, INODE,
	TABLE_COLS
};

#define FIRST_COUNT	SOCKETS
#define COUNTS		(TIMEWAIT - SOCKETS + 1)

/**
 * struct row_key - what makes a row one
 * @port: port in host order
 * @proto: the column, as a number that sorts: TCP first
 * @ipv6: whether @addr is an IPv6 address; else it is the first four bytes
 * @v6only: 0 or 1; 2 if there is none
 * @addr: the address, in network order
 */
struct row_key {
	uint16_t port;
	uint8_t proto;
	uint8_t ipv6;
	uint8_t v6only;
	unsigned char addr[16];
};

/**
 * struct row - a line of the file
 * @key: what makes it one, with the column dev
 * @mark: of "-w": '+' new, '*' changed, '-' gone; or a blank
 * @at: where in the text each column is; 0 if the file does not have the column
 * @count: the columns from SOCKETS to TIMEWAIT
 * @extra: where the columns are that are not known here: index into struct table's extra
 * @inodes: number of the last of its inodes in struct table's inode, from 1; 0: none
 */
struct row {
	struct row_key key;
	char mark;
	uint32_t at[TABLE_COLS];
	uint32_t count[COUNTS];
	size_t extra;
	size_t inodes;
};

/**
 * struct row_inode - an inode number of a row's sockets
 * @number: the number
 * @next: number of the next one in struct table's inode; 0: the last
 */
struct row_inode {
	unsigned long number;
	size_t next;
};

/**
 * struct table - the file
 * @text: the columns, each with a zero behind it
 * @len: how long that is
 * @row: the rows, sorted by their keys
 * @n: how many
 * @has: a bit for each enum table_col that the file has
 * @extra_name: the names of the columns that are not known here
 * @extras: how many these are
 * @extra: for each row, where in the text they are
 * @extra_room: how many places @extra has
 * @inode: inode numbers of all rows
 * @inodes: how many
 * @inode_room: for how many there is room
 */
struct table {
	char *text;
	size_t len;
	struct row *row;
	size_t n;
	unsigned int has;
	const char **extra_name;
	size_t extras;
	uint32_t *extra;
	size_t extra_room;
	struct row_inode *inode;
	size_t inodes;
	size_t inode_room;
};

extern const char * const table_name[TABLE_COLS];

int table_read(struct table *t, const char *path);
void table_free(struct table *t);
const char *table_text(const struct table *t, const struct row *row, enum table_col col);
unsigned int row_count(const struct row *row, enum table_col col);
bool row_is_chosen(const struct table *t, const struct row *row);
int row_compare(const struct table *ta, const struct row *a,
		const struct table *tb, const struct row *b);
void table_mark(struct table *t, const struct table *before);
void table_add_inode(struct table *t, struct row *row, unsigned long number);
void table_own_inodes(struct table *t);
bool row_more_inodes(const struct table *t, const struct row *row);
bool key_is_any(const struct row_key *key);
int key_compare(const struct row_key *a, const struct row_key *b);
bool key_proto(const char *name, uint8_t *proto);
bool address_parse(const char *text, size_t len, struct row_key *key);
void address_print(const struct row_key *key, const char *dev, char *out, size_t size);

#endif
