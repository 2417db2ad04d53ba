/* SPDX-License-Identifier: GPL-2.0 */
/* Private to list/: the rows of /proc/net/reuse. */
#ifndef _REUSE_ROWS_H
#define _REUSE_ROWS_H

#include <linux/types.h>

#include "tables/sock.h"
#include "tables/tables.h"

struct net;
struct user_namespace;

/* How many distinct UIDs a row names at most; a mark says that there are more */
#define REUSE_UIDS	8

/**
 * struct reuse_uids - the lowest distinct UIDs of a row's sockets, ascending
 * @uid: as the reader's user namespace sees them
 * @n: how many of @uid are valid
 * @more: there are more UIDs, higher than all of @uid
 */
struct reuse_uids {
	uid_t uid[REUSE_UIDS];
	u8 n;
	bool more;
};

/* How many inode numbers a row has at most; a mark says that there are more */
#define REUSE_INODES	8

/* Which sockets of a row are worth an inode number most */
enum reuse_rank {
	RANK_LISTEN,
	RANK_BOUND,
	RANK_CONNECTED,
	RANKS,
};

/**
 * struct reuse_inodes - inode numbers of a row's sockets
 * @inode: those of the first rank, then those of the second ...
 * @end: how many are of this rank or of one before
 * @more: more sockets have an inode, none of a rank before all of @inode
 */
struct reuse_inodes {
	u32 inode[REUSE_INODES];
	u8 end[RANKS];
	bool more;
};

/**
 * struct reuse_row - one row of /proc/net/reuse
 * @key: what the row's sockets are bound to
 * @fastreuse: the bucket's cache, as it was when the row's first socket was seen
 * @uids: UIDs of the sockets
 * @inodes: inode numbers of the sockets
 * @listen: sockets in TCP_LISTEN
 * @bound: sockets that have the port and neither listen nor are connected
 * @connected: sockets in any other state
 * @timewait: TIME_WAIT sockets
 * @reuseaddr: sockets of all states with SO_REUSEADDR
 * @reuseport: sockets of all states with SO_REUSEPORT
 * @round: the round of reuse_walk() that found the row; sockets that other rounds
 *	visit are not counted, as they may have been counted already
 */
struct reuse_row {
	struct reuse_key key;
	struct reuse_fastreuse fastreuse;
	struct reuse_uids uids;
	struct reuse_inodes inodes;
	u32 listen;
	u32 bound;
	u32 connected;
	u32 timewait;
	u32 reuseaddr;
	u32 reuseport;
	u8 round;
};

static inline u32 reuse_row_sockets(const struct reuse_row *row)
{
	return row->listen + row->bound + row->connected + row->timewait;
}

/**
 * struct reuse_rows - the rows of one slot of one table
 * @row: the rows, as they were found
 * @index: while the part is read, hash table by key: index into @row plus 1, or 0; afterwards
 *	the indices into @row in the order of the rows
 * @last: row of the last socket that was looked at
 * @ns: user namespace of the reader
 * @table: table being read
 * @net: network namespace being read
 * @seed: seed of the hash, so that no user can choose keys that collide
 * @n: number of rows
 * @cap: number of rows that there is memory for
 * @mask: number of entries of @index, a power of two, minus 1
 * @bits: the slot is read in 2^@bits parts by the top bits of the hash
 * @part: the part that @row holds
 */
struct reuse_rows {
	struct reuse_row *row;
	u16 *index;
	struct reuse_row *last;
	struct user_namespace *ns;
	const struct bind_table *table;
	const struct net *net;
	u32 seed;
	u32 n;
	u32 cap;
	u32 mask;
	u32 bits;
	u32 part;
};

/* Row number @i of the part, by port and address */
static inline struct reuse_row *reuse_rows_get(const struct reuse_rows *rows, u32 i)
{
	return &rows->row[rows->index[i]];
}

void reuse_rows_init(struct reuse_rows *rows, const struct net *net,
		     struct user_namespace *ns);
void reuse_rows_clean(struct reuse_rows *rows);
int reuse_rows_read(struct reuse_rows *rows, const struct bind_table *table,
		    const struct reuse_slots *slots, unsigned int slot);
bool reuse_rows_next_part(struct reuse_rows *rows);

#endif
