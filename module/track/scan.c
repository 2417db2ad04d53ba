// SPDX-License-Identifier: GPL-2.0
/*
 * Go over the sockets that share an address and port, in the order in which they receive.
 *
 * A packet goes over the members under RCU without a lock, if it can. Whatever changes the lists
 * counts the sequence of the bucket up, and the rules are:
 *
 *  - Records stay records under RCU (SLAB_TYPESAFE_BY_RCU), but one that has left may be in
 *    another bucket. So what a reader loads from a record, the pointer to the next one included, is
 *    used only if the sequence is what it was when the reader began: then the record was a member,
 *    and the pointer leads to a member, or to the end of the list.
 *  - A socket that was loaded so was a member during this RCU section. A UDP socket that is closed
 *    leaves before it gives its port back, and is freed a grace period after that. A TCP socket
 *    leaves when it is destructed, so it may be freed at once. But memory of TCP sockets stays TCP
 *    sockets under RCU (SLAB_TYPESAFE_BY_RCU), and one that listens has not been closed yet.
 *  - What a reader found out counts only if the sequence is still the same in the end. If not,
 *    it begins again, with the lock: so its work is bounded, however often members come and go.
 *  - A reader changes nothing. If there is something to put aside, it takes the lock.
 */
#include <linux/list.h>
#include <linux/rcupdate.h>

#include "bucket.h"
#include "record.h"
#include "track.h"

/* A scan leaves this many connected sockets in bucket.members and puts the others aside */
#define CONNECTED_AT_HEAD_MAX	16

/**
 * struct scan - a scan of a bucket under way
 * @bucket: the bucket
 * @key: its key
 * @sequence: that of the bucket, when a scan without its lock began
 * @budget: how many more members to look at, at most
 * @fn: called for each member
 * @arg: for @fn
 */
struct scan {
	struct bucket *bucket;
	const struct bucket_key *key;
	unsigned int sequence;
	unsigned int budget;
	seen_fn_t fn;
	void *arg;
};

static void member_see(const struct scan *scan, const struct bucket_member *member,
		       struct bucket_seen *seen)
{
	const struct reuse_tracked *tracked = reuse_tracked_of(member);

	seen->key = scan->key;
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

/* Called with the lock of the bucket: moves a member to the other list, behind @after */
static void bucket_put(struct bucket *bucket, struct bucket_member *member,
		       struct list_head *after)
{
	write_seqcount_begin(&bucket->sequence);
	list_move(&member->link, after);
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
			bucket_put(scan->bucket, member, scan->bucket->members.prev);
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
	struct bucket *bucket = reuse_bucket_find(key);
	struct scan scan = {
		.bucket = bucket, .key = key, .budget = budget, .fn = fn, .arg = arg,
	};

	if (!bucket)
		return;
	spin_lock(&bucket->lock);
	/* If it was freed meanwhile, there was a moment at which no socket had the key */
	if (reuse_bucket_has(bucket, key) && (bucket->has_devices || !only_devices) &&
	    !bucket_each(&scan) && !list_empty(&bucket->connected))
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
	const struct list_head *at = READ_ONCE(list->next), *next;
	unsigned int met = 0;

	if (bucket_changed(scan))
		return TRY_LOCK;
	for (; at != list; at = next) {
		struct bucket_seen seen;
		enum scan_step step;

		if (!scan->budget--)
			return TRY_DONE;
		member_see(scan, list_entry(at, struct bucket_member, link), &seen);
		next = READ_ONCE(at->next);
		if (bucket_changed(scan))
			return TRY_LOCK;
		step = scan->fn(&seen, scan->arg);
		if (step == SCAN_DONE)
			return aside ? TRY_LOCK : TRY_DONE;
		if (step == SCAN_CONNECTED && !aside && ++met > CONNECTED_AT_HEAD_MAX)
			return TRY_LOCK;
	}
	return TRY_LIST_END;
}

/* Called after the scan has got its sequence. False as for reuse_bucket_try_each() */
static bool try_both(struct scan *scan)
{
	enum try_end end = try_each(scan, &scan->bucket->members);

	if (end == TRY_LIST_END)
		end = try_each(scan, &scan->bucket->connected);
	return end != TRY_LOCK && !bucket_changed(scan);
}

/**
 * reuse_bucket_try_each() - go over the records of a bucket without its lock
 * @key: the bucket
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
	struct bucket *bucket = reuse_bucket_find(key);
	struct scan scan = {
		.bucket = bucket, .key = key, .budget = budget, .fn = fn, .arg = arg,
	};

	if (!bucket)
		return true;
	scan.sequence = read_seqcount_begin(&bucket->sequence);
	if (!reuse_bucket_has(bucket, key))
		return false;
	if (only_devices && !READ_ONCE(bucket->has_devices))
		return !bucket_changed(&scan);
	return try_both(&scan);
}

/**
 * reuse_bucket_try_only() - go over the records of a port without a lock, if it has one bucket
 * @sk: a socket of that port, which RCU keeps
 * @port: the port, in host byte order
 * @budget: how many records to look at, at most
 * @fn: as for reuse_bucket_try_each()
 * @arg: for @fn
 *
 * Most sockets that share a port share its address, too: then the record of any of them leads to
 * the bucket of all, and none has to be looked for.
 *
 * Context: bottom halves off, under RCU.
 * Return: false if the caller must forget what @fn found, and go over each bucket of the port.
 */
bool reuse_bucket_try_only(const struct sock *sk, u16 port, unsigned int budget,
			   seen_fn_t fn, void *arg)
{
	const struct reuse_tracked *tracked = reuse_tracked_look(sk);
	const struct bucket_key *at = tracked ? READ_ONCE(tracked->member.key) : NULL;
	struct scan scan = { .budget = budget, .fn = fn, .arg = arg };
	struct bucket_key key;

	if (!at)
		return false;
	scan.bucket = container_of(at, struct bucket, key);
	scan.sequence = read_seqcount_begin(&scan.bucket->sequence);
	/*
	 * Is @sk a member? Then it stays one as long as the sequence stays. The record may be that
	 * of another socket by now: pairs with reuse_bucket_join(), which that one called later.
	 */
	if (smp_load_acquire(&tracked->member.key) != at || READ_ONCE(tracked->sk) != sk)
		return false;
	/* It may be changing: the sequence tells before it is used for more than this */
	key = data_race(*at);
	if (key.port != port ||
	    READ_ONCE(scan.bucket->n) != atomic_read(&reuse_bucket_counts_of(key.hash)->members))
		return false;
	scan.key = &key;
	return try_both(&scan);
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
	bucket = reuse_bucket_find(key);
	if (bucket) {
		spin_lock(&bucket->lock);
		/* As in reuse_bucket_each() */
		if (reuse_bucket_has(bucket, key))
			all = bucket_newest(bucket, oldest_first, budget, fn, arg);
		spin_unlock(&bucket->lock);
	}
	rcu_read_unlock();
	return all;
}
