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
 * A bucket is found under RCU. The first bind to its address and port creates it, and
 * the last member that leaves frees it, under the lock of its chain.
 *
 * A SYN goes over the members under RCU without a lock, if it can. Whatever changes the lists
 * counts the sequence of the bucket up, and the rules are:
 *
 *  - Records stay records under RCU (SLAB_TYPESAFE_BY_RCU), but one that has left may be in
 *    another bucket. So each pointer that a reader loads is followed only if the sequence is what
 *    it was when the reader began: then it leads to a member, or to the end of the list.
 *  - A socket that was loaded so was a member during this RCU section. It leaves when it is
 *    destructed, after its own grace period, so it may be freed at once. But memory of TCP sockets
 *    stays TCP sockets under RCU (SLAB_TYPESAFE_BY_RCU), and one that listens has not been closed
 *    yet. UDP sockets are no such memory: packets for them take the lock.
 *  - What a reader found out counts only if the sequence is still the same in the end. If not,
 *    it begins again, with the lock: so its work is bounded, however often members come and go.
 *  - A reader changes nothing. If there is something to put aside, it takes the lock.
 *
 * The table has a fixed size: ports are bound and freed far more often than looked up.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <net/netns/hash.h>

#include "bucket.h"
#include "free_list.h"
#include "semantics/semantics.h"
#include "track.h"

#define BUCKET_BITS	16

/* A scan leaves this many connected sockets in bucket.members and puts the others aside */
#define CONNECTED_AT_HEAD_MAX	16

struct bucket_chain {
	spinlock_t lock;	/* protects changes to @buckets */
	struct hlist_head buckets;
};

/**
 * struct bucket - sockets that share an address, port and class
 * @key: address, port and class
 * @node: in @chain
 * @chain: of the hash table
 * @lock: protects changes to the lists and to @has_devices; nests in the lock of @chain where
 *	members come and go
 * @sequence: counts these changes, and those of the members' bind sequence
 * @members: records, the first to receive first
 * @connected: records put aside: these sockets had a remote end when a scan last met them
 * @has_devices: some member is, or was, bound to a device
 * @rcu: frees the bucket
 */
struct bucket {
	struct bucket_key key;
	struct hlist_node node;
	struct bucket_chain *chain;
	spinlock_t lock;	/* protects changes to the lists and has_devices */
	seqcount_spinlock_t sequence;
	struct list_head members;
	struct list_head connected;
	bool has_devices;
	struct rcu_head rcu;
};

struct bucket_count *reuse_bucket_counts;
static struct bucket_chain *chains;
static u32 seed __ro_after_init;

/* Buckets for the next binds; there is one before each, so that recording it cannot fail */
static DEFINE_FREE_LIST(free_buckets);

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
	if (!chains || !reuse_bucket_counts) {
		kvfree(reuse_bucket_counts);
		kvfree(chains);
		return -ENOMEM;
	}
	for (i = 0; i < BIT(BUCKET_BITS); i++)
		spin_lock_init(&chains[i].lock);
	seed = get_random_u32();
	return 0;
}

/**
 * reuse_bucket_teardown() - undo reuse_bucket_setup()
 *
 * Context: process context, may sleep; no record is left.
 */
void reuse_bucket_teardown(void)
{
	struct bucket *bucket;

	rcu_barrier();	/* for bucket_free() */
	while ((bucket = free_list_take_last(&free_buckets)))
		kfree(bucket);
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

/* Called under RCU or with the lock of the chain */
static struct bucket *bucket_find(const struct bucket_chain *chain,
				  const struct bucket_key *key)
{
	struct bucket *bucket;

	hlist_for_each_entry_rcu(bucket, &chain->buckets, node,
				 lockdep_is_held(&chain->lock)) {
		if (bucket->key.hash == key->hash &&
		    bucket->key.port == key->port && bucket->key.net == key->net &&
		    bucket->key.protocol == key->protocol &&
		    bucket->key.class == key->class &&
		    !memcmp(bucket->key.addr, key->addr, sizeof(key->addr)))
			return bucket;
	}
	return NULL;
}

static struct bucket *bucket_alloc(void)
{
	return kmalloc(sizeof(struct bucket),
		       GFP_ATOMIC | __GFP_NOWARN | __GFP_ACCOUNT);
}

static void bucket_give(struct bucket *bucket)
{
	if (!free_list_give(&free_buckets, bucket))
		kfree(bucket);
}

/* Called when no reader can be in the bucket any more, in a softirq or in a task of its own */
static void bucket_free(struct rcu_head *rcu)
{
	local_bh_disable();
	bucket_give(container_of(rcu, struct bucket, rcu));
	local_bh_enable();
}

/**
 * reuse_bucket_reserve() - set aside memory for one more bucket
 *
 * Context: bottom halves off, until reuse_bucket_join() returns.
 * Return: false if there is no memory.
 */
bool reuse_bucket_reserve(void)
{
	struct bucket *bucket = free_list_take(&free_buckets) ?: bucket_alloc();

	if (!bucket)
		return false;
	bucket_give(bucket);
	return true;
}

/* Called with the lock of the chain */
static struct bucket *bucket_new(struct bucket_chain *chain,
				 const struct bucket_key *key)
{
	struct bucket *bucket = free_list_take(&free_buckets);

	/* With PREEMPT_RT, another task on this CPU may have taken it */
	if (!bucket)
		bucket = bucket_alloc();
	if (!bucket)
		return NULL;
	bucket->key = *key;
	bucket->chain = chain;
	bucket->has_devices = false;
	spin_lock_init(&bucket->lock);
	seqcount_spinlock_init(&bucket->sequence, &bucket->lock);
	INIT_LIST_HEAD(&bucket->members);
	INIT_LIST_HEAD(&bucket->connected);
	atomic_inc(bucket_count(bucket));
	hlist_add_head_rcu(&bucket->node, &chain->buckets);
	return bucket;
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

	spin_lock(&chain->lock);
	bucket = bucket_find(chain, key) ?: bucket_new(chain, key);
	if (bucket) {
		bucket_lock(bucket);
		if (last)
			list_add_tail(&member->link, &bucket->members);
		else
			list_add(&member->link, &bucket->members);
		member->key = &bucket->key;
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
 * @seq: its bind sequence, which scans read with the lock of the bucket
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
	member->key = NULL;
	empty = list_empty(&bucket->members) && list_empty(&bucket->connected);
	bucket_unlock(bucket);
	if (empty) {
		hlist_del_rcu(&bucket->node);
		atomic_dec(bucket_count(bucket));
		call_rcu(&bucket->rcu, bucket_free);
	}
	spin_unlock(&chain->lock);
}

/**
 * struct scan - a scan of a bucket under way
 * @bucket: the bucket
 * @sequence: that of the bucket, when a scan without its lock began
 * @budget: how many more members to look at, at most
 * @fn: called for each member
 * @arg: for @fn
 */
struct scan {
	struct bucket *bucket;
	unsigned int sequence;
	unsigned int budget;
	seen_fn_t fn;
	void *arg;
};

static void member_see(const struct scan *scan, const struct bucket_member *member,
		       struct bucket_seen *seen)
{
	const struct reuse_tracked *tracked = reuse_tracked_of(member);

	seen->key = &scan->bucket->key;
	/* A scan without lock may read the record of another socket: see bucket_changed() */
	seen->sk = data_race(READ_ONCE(tracked->sk));
	/* The same */
	seen->bind_seq = data_race(tracked->bind_seq);
	/* The same */
	seen->created = data_race(tracked->created);
}

/* Called with the lock of the bucket */
static enum scan_step member_show(const struct scan *scan, const struct bucket_member *member)
{
	struct bucket_seen seen;

	member_see(scan, member, &seen);
	return scan->fn(&seen, scan->arg);
}

/* Called with the lock of the bucket: moves a member to the head of a list of the bucket */
static void bucket_put(struct bucket *bucket, struct bucket_member *member,
		       struct list_head *list)
{
	write_seqcount_begin(&bucket->sequence);
	list_move(&member->link, list);
	write_seqcount_end(&bucket->sequence);
}

/* Called with the lock of the bucket. True if the scan is over */
static bool bucket_each(struct scan *scan)
{
	struct bucket_member *member, *safe;
	unsigned int met = 0;

	list_for_each_entry_safe(member, safe, &scan->bucket->members, link) {
		enum scan_step next;

		if (!scan->budget--)
			return true;
		next = member_show(scan, member);
		if (next == SCAN_DONE)
			return true;
		if (next == SCAN_CONNECTED && ++met > CONNECTED_AT_HEAD_MAX)
			bucket_put(scan->bucket, member, &scan->bucket->connected);
	}
	return false;
}

/* Called with the lock of the bucket */
static void bucket_each_connected(struct scan *scan)
{
	struct bucket_member *member;

	list_for_each_entry(member, &scan->bucket->connected, link) {
		if (!scan->budget--)
			break;
		if (member_show(scan, member) == SCAN_DONE) {
			bucket_put(scan->bucket, member, &scan->bucket->members);
			break;
		}
	}
}

/**
 * reuse_bucket_each() - go over the records of a bucket
 * @key: the bucket
 * @only_devices: only if some member is, or was, bound to a device
 * @budget: how many records to look at, at most
 * @fn: called for each, the first to receive first, with the lock of the bucket held
 * @arg: for @fn
 *
 * If @fn says of many sockets that they are connected, they are put aside and met last from
 * then on: the others are found soon, however many are connected. A socket that loses its
 * remote end while it is put aside counts as the one that receives last.
 *
 * Context: bottom halves off, under RCU.
 */
void reuse_bucket_each(const struct bucket_key *key, bool only_devices,
		       unsigned int budget, seen_fn_t fn, void *arg)
{
	struct bucket *bucket = bucket_find(chain_of(key), key);
	struct scan scan = { .bucket = bucket, .budget = budget, .fn = fn, .arg = arg };

	if (!bucket)
		return;
	spin_lock(&bucket->lock);
	if ((bucket->has_devices || !only_devices) && !bucket_each(&scan) &&
	    !list_empty(&bucket->connected))
		bucket_each_connected(&scan);
	spin_unlock(&bucket->lock);
}

/* Called without the lock. True if what was read since the scan began is not to be used */
static bool bucket_changed(const struct scan *scan)
{
	return read_seqcount_retry(&scan->bucket->sequence, scan->sequence);
}

/**
 * enum try_end - how a scan of a list without lock ended
 * @TRY_LIST_END: at the end of the list
 * @TRY_DONE: before it: the scan of the bucket is over
 * @TRY_LOCK: it takes the lock
 */
enum try_end {
	TRY_LIST_END,
	TRY_DONE,
	TRY_LOCK,
};

/* As bucket_each() or, for bucket.connected, as bucket_each_connected() */
static enum try_end try_each(struct scan *scan, const struct list_head *list)
{
	bool aside = list == &scan->bucket->connected;
	const struct list_head *at = list;
	unsigned int met = 0;

	for (;;) {
		struct bucket_seen seen;
		enum scan_step next;

		at = READ_ONCE(at->next);
		if (bucket_changed(scan))
			return TRY_LOCK;
		if (at == list)
			return TRY_LIST_END;
		if (!scan->budget--)
			return TRY_DONE;
		member_see(scan, list_entry(at, struct bucket_member, link), &seen);
		if (bucket_changed(scan))
			return TRY_LOCK;
		next = scan->fn(&seen, scan->arg);
		if (next == SCAN_DONE)
			return aside ? TRY_LOCK : TRY_DONE;
		if (next == SCAN_CONNECTED && !aside && ++met > CONNECTED_AT_HEAD_MAX)
			return TRY_LOCK;
	}
}

/**
 * reuse_bucket_try_each() - go over the records of a bucket without its lock
 * @key: the bucket; of TCP
 * @only_devices: only if some member is, or was, bound to a device
 * @budget: how many records to look at, at most
 * @fn: called for each, the first to receive first. The socket that it is shown was a member
 *	during this RCU section; a TCP socket that does not listen may be another one by now
 * @arg: for @fn
 *
 * Context: bottom halves off, under RCU.
 * Return: false if the caller must forget what @fn found, and call reuse_bucket_each().
 */
bool reuse_bucket_try_each(const struct bucket_key *key, bool only_devices,
			   unsigned int budget, seen_fn_t fn, void *arg)
{
	struct bucket *bucket = bucket_find(chain_of(key), key);
	struct scan scan = { .bucket = bucket, .budget = budget, .fn = fn, .arg = arg };
	enum try_end end;

	if (!bucket || (only_devices && !READ_ONCE(bucket->has_devices)))
		return true;
	scan.sequence = read_seqcount_begin(&bucket->sequence);
	end = try_each(&scan, &bucket->members);
	if (end == TRY_LIST_END)
		end = try_each(&scan, &bucket->connected);
	return end != TRY_LOCK && !bucket_changed(&scan);
}

/* Called with the lock of the bucket */
static bool bucket_newest(const struct bucket *bucket, bool oldest_first,
			  unsigned int *budget, scan_fn_t fn, void *arg)
{
	const struct list_head *at = &bucket->members;

	for (;;) {
		at = oldest_first ? at->prev : at->next;
		if (at == &bucket->members)
			break;
		if (!*budget)
			return false;
		if (fn(list_entry(at, struct bucket_member, link), arg) == SCAN_DONE)
			break;
		--*budget;
	}
	return list_empty(&bucket->connected);
}

/**
 * reuse_bucket_newest() - go over the records of a bucket, the one bound last first
 * @key: the bucket
 * @oldest_first: in this bucket, the socket that was bound first receives
 * @budget: how many records may be looked at in vain; counts down
 * @fn: called for each until it returns SCAN_DONE, with the lock of the bucket held
 * @arg: for @fn
 *
 * Context: bottom halves off; the lock of a slot of TCP's table may be held.
 * Return: false if a newer member may have been missed: @budget is used up, or some were put
 * aside as connected when a packet met them, which leaves them in no order.
 */
bool reuse_bucket_newest(const struct bucket_key *key, bool oldest_first,
			 unsigned int *budget, scan_fn_t fn, void *arg)
{
	struct bucket *bucket;
	bool all = true;

	rcu_read_lock();
	bucket = bucket_find(chain_of(key), key);
	if (bucket) {
		spin_lock(&bucket->lock);
		all = bucket_newest(bucket, oldest_first, budget, fn, arg);
		spin_unlock(&bucket->lock);
	}
	rcu_read_unlock();
	return all;
}
