// SPDX-License-Identifier: GPL-2.0
/*
 * Gather the sockets of one slot into rows.
 *
 * Memory is bounded: the rows are in an array that grows with the number of
 * rows (not of sockets) up to a limit. A slot with more rows than that is read
 * in parts, by the top bits of the hash of the row's key; a part that does not
 * fit is halved. A row belongs to the same part whatever other rows come and
 * go, so it is listed once.
 */
#include <linux/jhash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <net/inet_timewait_sock.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "compat/uid.h"
#include "rows.h"

/* Rows that there is memory for: at first, and at most, which takes half a megabyte */
#define ROWS_MIN	32
#define ROWS_MAX	3584
#define MEMORY_MAX	SZ_512K

/* A slot is read in at most 2^31 parts */
#define PARTS_MAX_BITS	31

/*
 * Sockets to look at under one hold of a slot's lock; up to CHUNK_MAX if sockets
 * come and go so fast that the walk loses its place.
 */
#define CHUNK		256
#define CHUNK_MAX	4096

/* Entries of the hash table, at most half of them in use */
static u32 index_size(u32 cap)
{
	return 2 * roundup_pow_of_two(cap);
}

static size_t rows_size(u32 cap)
{
	return cap * sizeof(struct reuse_row) + index_size(cap) * sizeof(u16);
}

static int rows_alloc(struct reuse_rows *rows, u32 cap)
{
	void *mem;

	mem = kvzalloc(rows_size(cap), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!mem)
		return -ENOMEM;

	kvfree(rows->row);
	rows->row = mem;
	rows->index = mem + cap * sizeof(*rows->row);
	rows->cap = cap;
	rows->mask = index_size(cap) - 1;
	rows->n = 0;
	rows->last = NULL;
	return 0;
}

/**
 * reuse_rows_init() - prepare to gather rows
 * @rows: is initialised; to be released with reuse_rows_clean()
 * @net: network namespace to read; the caller keeps it alive
 * @ns: user namespace to show UIDs in; the caller keeps it alive
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int reuse_rows_init(struct reuse_rows *rows, const struct net *net,
		    struct user_namespace *ns)
{
	BUILD_BUG_ON(sizeof(struct reuse_key) != 24);
	BUILD_BUG_ON(ROWS_MAX > U16_MAX);
	BUILD_BUG_ON(ROWS_MAX * sizeof(struct reuse_row) +
		     2 * roundup_pow_of_two(ROWS_MAX) * sizeof(u16) > MEMORY_MAX);

	memset(rows, 0, sizeof(*rows));
	rows->net = net;
	rows->ns = ns;
	rows->seed = get_random_u32();
	return rows_alloc(rows, ROWS_MIN);
}

/**
 * reuse_rows_clean() - release what reuse_rows_init() took
 * @rows: not to be used afterwards
 *
 * Context: process context, may sleep.
 */
void reuse_rows_clean(struct reuse_rows *rows)
{
	kvfree(rows->row);
}

static void rows_reset(struct reuse_rows *rows)
{
	if (rows->n)
		memset(rows->index, 0, index_size(rows->cap) * sizeof(*rows->index));
	rows->n = 0;
	rows->last = NULL;
}

/* Find the row of @key, or add one; NULL if there is no room for it */
static struct reuse_row *rows_find(struct reuse_rows *rows,
				   const struct reuse_key *key, u32 hash)
{
	struct reuse_row *row;
	u32 i;

	for (i = hash & rows->mask; rows->index[i]; i = (i + 1) & rows->mask) {
		row = &rows->row[rows->index[i] - 1];
		if (!memcmp(&row->key, key, sizeof(*key)))
			return row;
	}
	if (rows->n == rows->cap)
		return NULL;

	row = &rows->row[rows->n++];
	rows->index[i] = rows->n;
	memset(row, 0, sizeof(*row));
	row->key = *key;
	return row;
}

static void uids_add(struct reuse_uids *uids, uid_t uid)
{
	unsigned int i;

	for (i = 0; i < uids->n && uids->uid[i] <= uid; i++) {
		if (uids->uid[i] == uid)
			return;
	}
	if (uids->n == REUSE_UIDS) {
		uids->more = true;
		if (i == REUSE_UIDS)
			return;
		uids->n--;
	}
	memmove(&uids->uid[i + 1], &uids->uid[i],
		(uids->n - i) * sizeof(uids->uid[0]));
	uids->uid[i] = uid;
	uids->n++;
}

/* Without a place for one more, it takes that of one of the last rank, if it has a better one */
static void inodes_add(struct reuse_inodes *inodes, u32 inode, enum reuse_rank rank)
{
	u8 *end = inodes->end, n = end[RANKS - 1];
	unsigned int i;

	if (!inode)
		return;

	if (n == REUSE_INODES) {
		inodes->more = true;
		if (end[rank] == n)
			return;
	}
	/* A socket may leave and come again while a long slot is read */
	for (i = 0; i < n; i++) {
		if (inodes->inode[i] == inode)
			return;
	}

	if (n == REUSE_INODES) {
		for (i = 0; i < RANKS; i++)
			end[i] = min_t(u8, end[i], REUSE_INODES - 1);
	}
	/* The first of each later rank becomes the last one of it */
	for (i = RANKS - 1; i > rank; i--)
		inodes->inode[end[i]++] = inodes->inode[end[i - 1]];
	inodes->inode[end[rank]++] = inode;
}

static void row_add(struct reuse_row *row, struct sock *sk,
		    struct user_namespace *ns)
{
	unsigned char state = READ_ONCE(sk->sk_state);
	enum reuse_rank rank;
	kuid_t uid;
	u32 inode;

	row->reuseaddr += reuse_has_reuseaddr(sk);
	row->reuseport += reuse_has_reuseport(sk);

	/* Not a full socket, so without a UID. Orphans in FIN_WAIT2 are kept like this, too */
	if (state == TCP_TIME_WAIT) {
		if (READ_ONCE(inet_twsk(sk)->tw_substate) == TCP_TIME_WAIT)
			row->timewait++;
		else
			row->connected++;
		return;
	}

	if (state == TCP_LISTEN) {
		row->listen++;
		rank = RANK_LISTEN;
	} else if (state == TCP_CLOSE) {
		row->bound++;
		rank = RANK_BOUND;
	} else {
		row->connected++;
		rank = RANK_CONNECTED;
	}

	uid = reuse_sock_uid_inode(sk, &inode);
	uids_add(&row->uids, from_kuid_munged(ns, uid));
	inodes_add(&row->inodes, inode, rank);
}

static int rows_visit(struct sock *sk, unsigned int round, void *arg)
{
	struct reuse_rows *rows = arg;
	struct reuse_row *row = rows->last;
	struct reuse_key key;
	u32 hash;

	reuse_key_of(sk, &key);
	if (!row || memcmp(&row->key, &key, sizeof(key))) {
		hash = jhash2((const u32 *)&key, sizeof(key) / sizeof(u32),
			      rows->seed);
		if (rows->bits && hash >> (32 - rows->bits) != rows->part)
			return 0;

		row = rows_find(rows, &key, hash);
		if (!row)
			return -ENOSPC;

		if (!reuse_row_sockets(row)) {
			row->round = round;
			if (rows->table->fastreuse)
				rows->table->fastreuse(sk, &row->fastreuse);
		}
		rows->last = row;
	}

	if (row->round == round)
		row_add(row, sk, rows->ns);
	return 0;
}

static int row_cmp(const void *a, const void *b)
{
	const struct reuse_key *x = &((const struct reuse_row *)a)->key;
	const struct reuse_key *y = &((const struct reuse_row *)b)->key;

	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (x->ipv6 != y->ipv6)
		return x->ipv6 < y->ipv6 ? -1 : 1;
	return memcmp(x, y, sizeof(*x));
}

/* Allocate more rows; at the limit, or without memory, halve the part to be read */
static int rows_make_room(struct reuse_rows *rows)
{
	if (rows->cap < ROWS_MAX && !rows_alloc(rows, min_t(u32, 2 * rows->cap, ROWS_MAX)))
		return 0;
	if (rows->bits == PARTS_MAX_BITS)
		return -ENOMEM;
	rows->bits++;
	rows->part <<= 1;
	return 0;
}

/**
 * reuse_rows_read() - gather the rows of the current part of a slot
 * @rows: afterwards, rows->row[0] to [rows->n - 1] are sorted by port and address
 * @table: the table
 * @slot: index of the slot
 *
 * Context: process context, may sleep. Locking: see reuse_walk().
 * Return: 0; without rows, -EINTR if the task is being killed, or -ENOMEM.
 */
int reuse_rows_read(struct reuse_rows *rows, const struct bind_table *table,
		    unsigned int slot)
{
	struct reuse_slots slots = table->slots(rows->net);
	unsigned int chunk = CHUNK;
	int err;

	rows->table = table;
	do {
		rows_reset(rows);
		err = reuse_walk(table, rows->net, &slots, slot, chunk,
				 rows_visit, rows);
		if (err == -EAGAIN)
			chunk = min_t(unsigned int, 2 * chunk, CHUNK_MAX);
		if (err == -ENOSPC)
			err = rows_make_room(rows) ?: -EAGAIN;
	} while (err == -EAGAIN);

	if (err)
		rows_reset(rows);
	if (rows->n > 1)
		sort(rows->row, rows->n, sizeof(*rows->row), row_cmp, NULL);
	return err;
}

/**
 * reuse_rows_next_part() - go on to the next part of the slot
 * @rows: read with reuse_rows_read()
 *
 * Context: any.
 * Return: true if there is another part; false if the slot has been read to its
 * end, and @rows is ready for another slot.
 */
bool reuse_rows_next_part(struct reuse_rows *rows)
{
	while (rows->bits && (rows->part & 1)) {
		rows->part >>= 1;
		rows->bits--;
	}
	rows->part = rows->bits ? rows->part + 1 : 0;
	return rows->bits;
}
