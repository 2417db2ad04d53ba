// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets share an address and port: a packet's receiver is one of them.
 *
 * A bucket stands for an address and port of a namespace. It lists the records of the
 * sockets that were bound there, in the order in which they are asked to receive.
 *
 * Each bucket has a lock of its own, so neither many members nor many packets for them
 * slow other buckets. Buckets share only the chains of a hash table, and the counters that tell
 * a packet where it need not look. Nobody can guess the hash, so the only way to make chains
 * longer is to have many buckets: 65,536 of them add one to each chain.
 *
 * A bucket is found under RCU. The first bind to its address and port creates it, and the last
 * member that leaves frees it, under the lock of its chain. It may serve another address and port
 * at once, but its memory stays a bucket under RCU (SLAB_TYPESAFE_BY_RCU). So a reader that has
 * found one compares the key again, with its lock or within its sequence; and a reader that comes
 * to the end of another chain begins again.
 *
 * scan.c goes over the members.
 *
 * The table has a fixed size: ports are bound and freed far more often than looked up.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist_nulls.h>
#include <linux/slab.h>
#include <net/netns/hash.h>

#include "bucket.h"
#include "free_list.h"
#include "semantics/semantics.h"
#include "track.h"

#define BUCKET_BITS	16

struct bucket_chain {
	spinlock_t lock;	/* protects changes to @buckets */
	struct hlist_nulls_head buckets;	/* ends with the number of this chain */
};

struct bucket_count *reuse_bucket_counts;
static struct bucket_chain *chains;
static struct kmem_cache *bucket_cache;
static u32 seed __ro_after_init;

/* Buckets for the next binds; there is one before each, so that recording it cannot fail */
static DEFINE_FREE_LIST(free_buckets);

/* The lock, the sequence and the lists of a bucket stay valid while it is free: readers use them */
static void bucket_construct(void *memory)
{
	struct bucket *bucket = memory;

	memset(bucket, 0, sizeof(*bucket));
	spin_lock_init(&bucket->lock);
	seqcount_spinlock_init(&bucket->sequence, &bucket->lock);
	INIT_LIST_HEAD(&bucket->members);
	INIT_LIST_HEAD(&bucket->connected);
}

/**
 * reuse_bucket_setup() - make the table
 *
 * Context: process context, may sleep; while the module is loaded.
 * Return: 0 or -ENOMEM.
 */
int __init reuse_bucket_setup(void)
{
	unsigned int i;

	chains = kvcalloc(BIT(BUCKET_BITS), sizeof(*chains), GFP_KERNEL);
	reuse_bucket_counts = kvcalloc(BIT(BUCKET_COUNT_BITS), sizeof(*reuse_bucket_counts),
				       GFP_KERNEL);
	bucket_cache = kmem_cache_create("reuse_bucket", sizeof(struct bucket), 0,
					 SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU, bucket_construct);
	if (!chains || !reuse_bucket_counts || !bucket_cache) {
		kmem_cache_destroy(bucket_cache);
		kvfree(reuse_bucket_counts);
		kvfree(chains);
		return -ENOMEM;
	}
	for (i = 0; i < BIT(BUCKET_BITS); i++) {
		spin_lock_init(&chains[i].lock);
		INIT_HLIST_NULLS_HEAD(&chains[i].buckets, i);
	}
	seed = get_random_u32();
	return 0;
}

/**
 * reuse_bucket_teardown() - undo reuse_bucket_setup()
 *
 * Context: process context, may sleep; no record is left, and no reader: a grace period has passed
 * since the hooks were removed.
 */
void reuse_bucket_teardown(void)
{
	struct bucket *bucket;

	while ((bucket = free_list_take_last(&free_buckets)))
		kmem_cache_free(bucket_cache, bucket);
	kmem_cache_destroy(bucket_cache);
	kvfree(reuse_bucket_counts);
	kvfree(chains);
}

/**
 * reuse_bucket_hash() - begin to hash the keys of a port's buckets
 * @net: network namespace
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @port: in host byte order
 *
 * Context: any.
 * Return: bucket_key.hash.
 */
u32 reuse_bucket_hash(const struct net *net, u8 protocol, u16 port)
{
	return jhash_2words(net_hash_mix(net), protocol << 16 | port, seed);
}

/* A port has one wildcard address of each form: that adds nothing to the hash */
static struct bucket_chain *chain_of(const struct bucket_key *key)
{
	u32 hash = key->hash + key->class * GOLDEN_RATIO_32;
	const u32 *addr = (const u32 *)key->addr;

	if (!sem_any(key->addr))
		hash = sem_mapped(key->addr) ? jhash_1word(addr[3], hash) : jhash2(addr, 4, hash);
	return &chains[hash >> (32 - BUCKET_BITS)];
}

static atomic_t *bucket_count(const struct bucket *bucket)
{
	const struct bucket_key *key = &bucket->key;

	return reuse_bucket_count(key->hash, key->class, sem_any(key->addr));
}

static atomic_t *bucket_members(const struct bucket *bucket)
{
	return &reuse_bucket_counts_of(bucket->key.hash)->members;
}

static struct bucket *bucket_find(struct bucket_chain *chain, const struct bucket_key *key)
{
	const struct hlist_nulls_node *at;
	struct bucket *bucket;

	do {
		hlist_nulls_for_each_entry_rcu(bucket, at, &chain->buckets, node) {
			if (reuse_bucket_has(bucket, key))
				return bucket;
		}
		/* A bucket was freed and serves in another chain, where this loop followed it */
	} while (get_nulls_value(at) != chain - chains);
	return NULL;
}

/**
 * reuse_bucket_find() - find a bucket
 * @key: address, port and class
 *
 * Context: under RCU.
 * Return: the bucket, which may be another one by now: see reuse_bucket_has(). NULL if there is
 * none.
 */
struct bucket *reuse_bucket_find(const struct bucket_key *key)
{
	return bucket_find(chain_of(key), key);
}

/**
 * reuse_bucket_reserve() - set aside memory for one more bucket
 *
 * Context: bottom halves off, until reuse_bucket_join() returns.
 * Return: false if there is no memory.
 */
bool reuse_bucket_reserve(void)
{
	return free_list_reserve(&free_buckets, bucket_cache);
}

static void bucket_lock(struct bucket *bucket)
	__acquires(&bucket->lock)
{
	spin_lock(&bucket->lock);
	write_seqcount_begin(&bucket->sequence);
}

static void bucket_unlock(struct bucket *bucket)
	__releases(&bucket->lock)
{
	write_seqcount_end(&bucket->sequence);
	spin_unlock(&bucket->lock);
}

/* Called with the locks of the chain and of a bucket that was free, whose first member joins */
static void bucket_begin(struct bucket *bucket, struct bucket_chain *chain,
			 const struct bucket_key *key)
{
	/* Readers compare the key without a lock: see reuse_bucket_has() */
	data_race(bucket->key = *key);
	bucket->chain = chain;
	WRITE_ONCE(bucket->has_devices, false);
	atomic_inc(bucket_count(bucket));
	hlist_nulls_add_head_rcu(&bucket->node, &chain->buckets);
}

/**
 * reuse_bucket_join() - add a socket to a bucket
 * @member: the socket; in no bucket
 * @key: the bucket
 * @last: the socket receives after the other members, otherwise before them
 * @on_device: the socket is bound to a device
 *
 * Context: bottom halves off, after reuse_bucket_reserve(); the lock of the socket's
 * record is held.
 * Return: false if there is no memory.
 */
bool reuse_bucket_join(struct bucket_member *member, const struct bucket_key *key,
		       bool last, bool on_device)
{
	struct bucket_chain *chain = chain_of(key);
	struct bucket *bucket;
	bool begins;

	spin_lock(&chain->lock);
	bucket = bucket_find(chain, key);
	begins = !bucket;
	if (begins)
		bucket = free_list_take(&free_buckets, bucket_cache);
	if (bucket) {
		bucket_lock(bucket);
		if (begins)
			bucket_begin(bucket, chain, key);
		if (last)
			list_add_tail(&member->link, &bucket->members);
		else
			list_add(&member->link, &bucket->members);
		WRITE_ONCE(bucket->n, bucket->n + 1);
		atomic_inc(bucket_members(bucket));
		/* A reader that sees the key sees that it is counted: reuse_track_is_sole() */
		smp_store_release(&member->key, &bucket->key);
		if (on_device)
			WRITE_ONCE(bucket->has_devices, true);
		bucket_unlock(bucket);
	}
	spin_unlock(&chain->lock);
	return bucket;
}

/**
 * reuse_bucket_set_has_devices() - a member of a bucket is being bound to a device
 * @member: the member
 *
 * Context: bottom halves off; the lock of the member's record is held.
 */
void reuse_bucket_set_has_devices(const struct bucket_member *member)
{
	struct bucket *bucket = container_of(member->key, struct bucket, key);

	spin_lock(&bucket->lock);
	WRITE_ONCE(bucket->has_devices, true);
	spin_unlock(&bucket->lock);
}

/**
 * reuse_bucket_move() - give a socket another place in its bucket
 * @member: the socket; in a bucket
 * @last: the socket receives after the other members, otherwise before them
 * @seq: its bind sequence, which scans read with the lock or within the sequence of the bucket
 * @value: the new one
 *
 * Context: bottom halves off; the lock of the socket's record is held.
 */
void reuse_bucket_move(struct bucket_member *member, bool last, u64 *seq, u64 value)
{
	struct bucket *bucket = container_of(member->key, struct bucket, key);

	bucket_lock(bucket);
	*seq = value;
	if (last)
		list_move_tail(&member->link, &bucket->members);
	else
		list_move(&member->link, &bucket->members);
	bucket_unlock(bucket);
}

/**
 * reuse_bucket_leave() - take a socket out of its bucket
 * @member: the socket; in a bucket
 *
 * Context: bottom halves off; the lock of the socket's record is held.
 */
void reuse_bucket_leave(struct bucket_member *member)
{
	struct bucket *bucket = container_of(member->key, struct bucket, key);
	struct bucket_chain *chain = bucket->chain;
	bool empty;

	spin_lock(&chain->lock);
	bucket_lock(bucket);
	list_del(&member->link);
	WRITE_ONCE(member->key, NULL);
	WRITE_ONCE(bucket->n, bucket->n - 1);
	atomic_dec(bucket_members(bucket));
	empty = !bucket->n;
	bucket_unlock(bucket);
	if (empty) {
		hlist_nulls_del_rcu(&bucket->node);
		atomic_dec(bucket_count(bucket));
		free_list_give(&free_buckets, bucket_cache, bucket);
	}
	spin_unlock(&chain->lock);
}
