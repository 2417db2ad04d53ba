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

/* Rows that there is memory for: at first, in 2 KB, and at most, in half a megabyte */
#define ROWS_MIN	15
#define ROWS_MAX	3584
#define MEMORY_MIN	SZ_2K
#define MEMORY_MAX	SZ_512K

/* Up to so many rows are looked through one by one, which takes less than to hash a key */
#define LINEAR_MAX	16

/* A slot is read in at most 2^31 parts */
#define PARTS_MAX_BITS	31

/*
 * Sockets to look at under one hold of a slot's lock; up to CHUNK_MAX if sockets come and go so
 * fast that the walk loses its place. At the end of a long slot reuse_walk() looks at three times
 * as many.
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

	mem = kvmalloc(rows_size(cap), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
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
 * Takes no memory yet: a file without a row needs none.
 *
 * Context: process context, may sleep.
 */
void reuse_rows_init(struct reuse_rows *rows, const struct net *net,
		     struct user_namespace *ns)
{
	BUILD_BUG_ON(sizeof(struct reuse_key) != 24);
	BUILD_BUG_ON(ROWS_MAX > U16_MAX);
	BUILD_BUG_ON(ROWS_MIN * sizeof(struct reuse_row) +
		     2 * roundup_pow_of_two(ROWS_MIN) * sizeof(u16) > MEMORY_MIN);
	BUILD_BUG_ON(ROWS_MAX * sizeof(struct reuse_row) +
		     2 * roundup_pow_of_two(ROWS_MAX) * sizeof(u16) > MEMORY_MAX);

	memset(rows, 0, sizeof(*rows));
	rows->net = net;
	rows->ns = ns;
	rows->seed = get_random_u32();
}

/**
 * reuse_rows_clean() - release the memory of the rows
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
	rows->n = 0;
	rows->last = NULL;
}

/* Most keys differ in the port, which is near the end */
static __always_inline bool keys_equal(const struct reuse_key *a, const struct reuse_key *b)
{
	return a->port == b->port && !memcmp(a, b, sizeof(*a));
}

static u32 key_hash(const struct reuse_rows *rows, const struct reuse_key *key)
{
	return jhash2((const u32 *)key, sizeof(*key) / sizeof(u32), rows->seed);
}

/* The entry of @key in the hash table, or the free one where it belongs */
static u16 *index_find(const struct reuse_rows *rows, const struct reuse_key *key)
{
	u32 i = key_hash(rows, key) & rows->mask;

	while (rows->index[i] && !keys_equal(&rows->row[rows->index[i] - 1].key, key))
		i = (i + 1) & rows->mask;
	return &rows->index[i];
}

static void index_fill(struct reuse_rows *rows)
{
	u32 i;

	memset(rows->index, 0, (rows->mask + 1) * sizeof(*rows->index));
	for (i = 0; i < rows->n; i++)
		*index_find(rows, &rows->row[i].key) = i + 1;
}

static struct reuse_row *rows_find_linear(struct reuse_rows *rows, const struct reuse_key *key)
{
	struct reuse_row *row;

	for (row = rows->row; row < rows->row + rows->n; row++) {
		if (keys_equal(&row->key, key))
			return row;
	}
	return NULL;
}

/* The arrays in @row need no value: most of their elements are never used */
static void row_init(struct reuse_row *row, const struct reuse_key *key)
{
	row->key = *key;
	row->fastreuse.valid = false;
	row->uids.n = 0;
	row->uids.more = false;
	memset(row->inodes.end, 0, sizeof(row->inodes.end));
	row->inodes.more = false;
	row->listen = 0;
	row->bound = 0;
	row->connected = 0;
	row->timewait = 0;
	row->reuseaddr = 0;
	row->reuseport = 0;
}

/* Find the row of @key, or add one; NULL if there is no room for it */
static struct reuse_row *rows_find(struct reuse_rows *rows, const struct reuse_key *key)
{
	struct reuse_row *row;
	u16 *entry = NULL;

	if (rows->n < LINEAR_MAX) {
		row = rows_find_linear(rows, key);
		if (row)
			return row;
	} else {
		entry = index_find(rows, key);
		if (*entry)
			return &rows->row[*entry - 1];
	}
	if (rows->n == rows->cap)
		return NULL;

	row = &rows->row[rows->n++];
	if (entry)
		*entry = rows->n;
	row_init(row, key);
	if (rows->n == LINEAR_MAX)
		index_fill(rows);
	return row;
}

static void uids_add(struct reuse_uids *uids, uid_t uid)
{
	unsigned int i, j;

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
	for (j = uids->n++; j > i; j--)
		uids->uid[j] = uids->uid[j - 1];
	uids->uid[i] = uid;
}

/* If all places are taken, a socket takes that of one of the last rank, if its own is better */
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

	reuse_key_of(sk, &key);
	if (!row || !keys_equal(&row->key, &key)) {
		if (rows->bits && key_hash(rows, &key) >> (32 - rows->bits) != rows->part)
			return 0;

		row = rows_find(rows, &key);
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

static __always_inline int keys_cmp(const struct reuse_key *x, const struct reuse_key *y)
{
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	if (x->ipv6 != y->ipv6)
		return x->ipv6 < y->ipv6 ? -1 : 1;
	return memcmp(x, y, sizeof(*x));
}

static int index_cmp(const void *a, const void *b, const void *priv)
{
	const struct reuse_row *row = priv;

	return keys_cmp(&row[*(const u16 *)a].key, &row[*(const u16 *)b].key);
}

/* A few are sorted by insertion, which takes less than sort_r() */
static void rows_sort(struct reuse_rows *rows)
{
	u16 *index = rows->index, i, j;

	if (rows->n > LINEAR_MAX) {
		for (i = 0; i < rows->n; i++)
			index[i] = i;
		sort_r(index, rows->n, sizeof(*index), index_cmp, NULL, rows->row);
		return;
	}
	for (i = 0; i < rows->n; i++) {
		const struct reuse_key *key = &rows->row[i].key;

		for (j = i; j && keys_cmp(&rows->row[index[j - 1]].key, key) > 0; j--)
			index[j] = index[j - 1];
		index[j] = i;
	}
}

/* Allocate the first rows, or more; at the limit, or without memory, halve the part to be read */
static int rows_make_room(struct reuse_rows *rows)
{
	u32 cap = clamp_t(u32, 2 * rows->cap, ROWS_MIN, ROWS_MAX);

	if (rows->cap < ROWS_MAX && !rows_alloc(rows, cap))
		return 0;
	if (!rows->cap || rows->bits == PARTS_MAX_BITS)
		return -ENOMEM;
	rows->bits++;
	rows->part <<= 1;
	return 0;
}

/**
 * reuse_rows_read() - gather the rows of the current part of a slot
 * @rows: afterwards, reuse_rows_get() returns rows 0 to @rows->n - 1 by port and address
 * @table: the table
 * @slots: where it is
 * @slot: index of the slot
 *
 * Context: process context, may sleep. Locking: see reuse_walk().
 * Return: 0; without rows, -EINTR if the task is being killed, or -ENOMEM.
 */
int reuse_rows_read(struct reuse_rows *rows, const struct bind_table *table,
		    const struct reuse_slots *slots, unsigned int slot)
{
	unsigned int chunk = CHUNK;
	int err;

	rows->table = table;
	do {
		rows_reset(rows);
		err = reuse_walk(table, rows->net, slots, slot, chunk,
				 rows_visit, rows);
		if (err == -EAGAIN)
			chunk = min_t(unsigned int, 2 * chunk, CHUNK_MAX);
		if (err == -ENOSPC)
			err = rows_make_room(rows) ?: -EAGAIN;
	} while (err == -EAGAIN);

	if (err)
		rows_reset(rows);
	rows_sort(rows);
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
