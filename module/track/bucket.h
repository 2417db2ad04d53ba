/* SPDX-License-Identifier: GPL-2.0 */
/* Private to track/: which sockets share an address and port. */
#ifndef _REUSE_BUCKET_H
#define _REUSE_BUCKET_H

#include <linux/list_nulls.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "track.h"

struct bucket_chain;

/**
 * struct bucket - sockets that share an address, port and class
 * @key: address, port and class; changes only while the bucket is in no chain
 * @node: in @chain
 * @chain: of the hash table
 * @lock: protects changes to the lists and to @has_devices; nests in the lock of @chain where
 *	members come and go
 * @sequence: counts changes to the lists, those of @key, and those of the members' bind sequence
 * @members: records, the first to receive first
 * @connected: records put aside: these sockets had a remote end when a scan last met them
 * @n: how many members are in both lists
 * @has_devices: some member is, or was, bound to a device
 */
struct bucket {
	struct bucket_key key;
	struct hlist_nulls_node node;
	struct bucket_chain *chain;
	spinlock_t lock;	/* protects changes to the lists and has_devices */
	seqcount_spinlock_t sequence;
	struct list_head members;
	struct list_head connected;
	unsigned int n;
	bool has_devices;
};

/* Without the lock of the bucket or of its chain the key may be changing: ask again afterwards */
static inline bool reuse_bucket_has(const struct bucket *bucket, const struct bucket_key *key)
{
	const struct bucket_key *has = &bucket->key;

	/* Torn or not: a key that is changing is compared again */
	return data_race(has->hash == key->hash && has->port == key->port &&
			 has->net == key->net && has->protocol == key->protocol &&
			 has->class == key->class &&
			 !memcmp(has->addr, key->addr, sizeof(key->addr)));
}

int reuse_bucket_setup(void);
void reuse_bucket_teardown(void);
struct bucket *reuse_bucket_find(const struct bucket_key *key);
bool reuse_bucket_reserve(void);
bool reuse_bucket_join(struct bucket_member *member, const struct bucket_key *key,
		       bool last, bool on_device);
void reuse_bucket_set_has_devices(const struct bucket_member *member);
void reuse_bucket_move(struct bucket_member *member, bool last, u64 *seq, u64 value);
void reuse_bucket_leave(struct bucket_member *member);

#endif
