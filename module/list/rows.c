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
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <net/inet_timewait_sock.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "compat/uid.h"
#include "rows.h"

/* Rows that there is memory for: at first, and at most */
#define ROWS_MIN	32
#define ROWS_MAX	4096

/* A slot is read in at most 2^31 parts */
#define PARTS_MAX_BITS	31

/*
 * Sockets to look at under one hold of a slot's lock; up to CHUNK_MAX if sockets
 * come and go so fast that the walk loses its place.
 */
#define CHUNK		256
#define CHUNK_MAX	4096

static int rows_alloc(struct reuse_rows *rows, u32 cap)
{
	size_t size = cap * (sizeof(*rows->row) + 2 * sizeof(*rows->index));
	void *mem;

	mem = kvzalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!mem)
		return -ENOMEM;

	kvfree(rows->row);
	rows->row = mem;
	rows->index = mem + cap * sizeof(*rows->row);
	rows->cap = cap;
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
		memset(rows->index, 0, 2 * rows->cap * sizeof(*rows->index));
	rows->n = 0;
	rows->last = NULL;
}

/* Find the row of @key, or add one; NULL if there is no room for it */
static struct reuse_row *rows_find(struct reuse_rows *rows,
				   const struct reuse_key *key, u32 hash)
{
	u32 mask = 2 * rows->cap - 1;
	struct reuse_row *row;
	u32 i;

	for (i = hash & mask; rows->index[i]; i = (i + 1) & mask) {
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

static void row_add(struct reuse_row *row, struct sock *sk,
		    struct user_namespace *ns)
{
	unsigned char state = READ_ONCE(sk->sk_state);

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

	if (state == TCP_LISTEN)
		row->listen++;
	else if (state == TCP_CLOSE)
		row->bound++;
	else
		row->connected++;
	uids_add(&row->uids, from_kuid_munged(ns, reuse_sock_uid(sk)));
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
	if (rows->cap < ROWS_MAX && !rows_alloc(rows, 2 * rows->cap))
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
