// SPDX-License-Identifier: GPL-2.0
/*
 * In which order sockets were bound.
 *
 * The answers of other systems depend on this order. The kernel keeps it only within one list,
 * but since 6.8 a port has a list for each of its addresses, and TCP's lists hold accepted
 * connections as well. So a namespace that emulates has a record of each socket that was bound,
 * and drops it when the socket is closed (UDP) or freed.
 *
 * A record is found by its socket or, once the socket was bound, in the bucket of its address
 * and port (bucket.c).
 *
 * A record is dropped under the locks of its chain and of its bucket, so while either is held, its
 * socket exists. That of a UDP socket is dropped when the socket is closed, before it gives its
 * port back: RCU keeps such a socket for a grace period after that. That of a TIME_WAIT socket is
 * dropped by tcp_twsk_destructor(), and may outlive its socket if that is not intercepted any more.
 * Any other is dropped by inet_sock_destruct(). RCU keeps a listener, too: it is freed a grace
 * period after it leaves its port.
 *
 * The table has a fixed size; 1,000,000 records are 16 to a chain. The address of a socket in
 * memory decides on its chain, so no user can choose it.
 */
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "bucket.h"
#include "free_list.h"
#include "netns.h"
#include "record.h"
#include "tables/sock.h"
#include "track.h"

struct tracked_chain *reuse_tracked_chains;
static struct kmem_cache *tracked_cache;

/* Many a socket is closed before the next is bound, which then takes over its record */
static DEFINE_FREE_LIST(free_records);

/**
 * reuse_track_setup() - begin to track sockets
 *
 * Context: process context, may sleep; while the module is loaded.
 * Return: 0 or -ENOMEM.
 */
int __init reuse_track_setup(void)
{
	int err = -ENOMEM;
	unsigned int i;

	/*
	 * Records are charged to the memory cgroup that is charged for the sockets; one that is
	 * used again stays with the cgroup of its first socket. Packets read them without a lock:
	 * see scan.c and reuse_track_is_sole().
	 */
	tracked_cache = KMEM_CACHE(reuse_tracked, SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU);
	if (!tracked_cache)
		return -ENOMEM;
	reuse_tracked_chains = kvcalloc(BIT(TRACKED_BITS), sizeof(*reuse_tracked_chains),
					GFP_KERNEL);
	if (!reuse_tracked_chains)
		goto destroy_cache;
	for (i = 0; i < BIT(TRACKED_BITS); i++)
		spin_lock_init(&reuse_tracked_chains[i].lock);
	err = reuse_bucket_setup();
	if (err)
		goto free_chains;

	return 0;

free_chains:
	kvfree(reuse_tracked_chains);
destroy_cache:
	kmem_cache_destroy(tracked_cache);
	return err;
}

/**
 * reuse_track_teardown() - undo reuse_track_setup()
 *
 * Context: process context, may sleep; all namespaces are native.
 */
void reuse_track_teardown(void)
{
	struct reuse_tracked *tracked;

	while ((tracked = free_list_take_last(&free_records)))
		kmem_cache_free(tracked_cache, tracked);
	reuse_bucket_teardown();
	kvfree(reuse_tracked_chains);
	kmem_cache_destroy(tracked_cache);
}

/**
 * reuse_tracked_find() - find the record of a socket
 * @chain: reuse_tracked_chain() of @sk
 * @sk: any socket
 *
 * Context: the lock of @chain is held.
 * Return: the record, NULL if there is none.
 */
struct reuse_tracked *reuse_tracked_find(const struct tracked_chain *chain,
					 const struct sock *sk)
{
	struct reuse_tracked *tracked;

	hlist_for_each_entry(tracked, &chain->sockets, node) {
		if (tracked->sk == sk)
			return tracked;
	}
	return NULL;
}

static struct reuse_tracked *tracked_new(struct tracked_chain *chain, struct sock *sk)
{
	struct reuse_tracked *tracked = free_list_take(&free_records, tracked_cache);

	if (!tracked)
		return NULL;
	/* reuse_track_is_sole() may look at it: whatever it sees, it compares the socket */
	data_race((*tracked = (struct reuse_tracked) { .sk = sk, .net = sock_net(sk) }));
	hlist_add_head_rcu(&tracked->node, &chain->sockets);
	return tracked;
}

/**
 * reuse_tracked_get() - find the record of a socket, or make one
 * @chain: reuse_tracked_chain() of @sk
 * @sk: a socket that no other task is binding
 *
 * Without its hook the module does not learn that a TIME_WAIT socket is freed: a record may be
 * of one whose memory @sk has now.
 *
 * Context: the lock of @chain is held, bottom halves are off.
 * Return: the record, NULL if there is no memory.
 */
struct reuse_tracked *reuse_tracked_get(struct tracked_chain *chain, struct sock *sk)
{
	struct reuse_tracked *tracked = reuse_tracked_find(chain, sk);

	if (!tracked)
		return tracked_new(chain, sk);
	if (tracked->timewait)
		tracked->accepted = false;
	tracked->timewait = false;
	return tracked;
}

/**
 * reuse_tracked_reserve() - set aside memory for one more record
 *
 * Context: bottom halves off, until reuse_tracked_get() returns.
 * Return: false if there is no memory.
 */
bool reuse_tracked_reserve(void)
{
	return free_list_reserve(&free_records, tracked_cache);
}

/**
 * reuse_tracked_uncount() - stop counting a socket in its namespace
 * @tracked: its record
 *
 * Context: the lock of the record's chain is held; the namespace exists.
 */
void reuse_tracked_uncount(struct reuse_tracked *tracked)
{
	if (!(tracked->counted_forced | tracked->counted_out_of_order |
	      tracked->counted_connected))
		return;
	if (tracked->counted_forced)
		atomic_dec(&reuse_net(tracked->net)->tcp_forced);
	if (tracked->counted_out_of_order)
		atomic_dec(&reuse_net(tracked->net)->udp_out_of_order);
	if (tracked->counted_connected)
		atomic_dec(reuse_net_connected(tracked->net, tracked->member.key->port));
	tracked->counted_forced = false;
	tracked->counted_out_of_order = false;
	tracked->counted_connected = false;
}

static void tracked_drop(struct reuse_tracked *tracked)
{
	if (tracked->member.key)
		reuse_bucket_leave(&tracked->member);
	hlist_del_rcu(&tracked->node);
	free_list_give(&free_records, tracked_cache, tracked);
}

/**
 * reuse_tracked_forget() - drop a record
 * @tracked: the record, also of a socket that is counted in its namespace
 *
 * Context: the lock of the record's chain is held, bottom halves are off; the namespace exists.
 */
void reuse_tracked_forget(struct reuse_tracked *tracked)
{
	reuse_tracked_uncount(tracked);
	tracked_drop(tracked);
}

/**
 * reuse_track_is_sole() - is a socket the only one that was bound to a port?
 * @sk: a TCP, UDP or UDP-Lite socket that RCU keeps
 * @port: the port, in host byte order
 *
 * Buckets stay buckets under RCU, as records stay records: see reuse_tracked_look().
 *
 * Context: under RCU.
 * Return: true if no other socket has a record with that port, whatever its address; false if
 * there may be one, or if @sk has no record or one of another port: a socket that is being bound
 * anew has that of the port before.
 */
bool reuse_track_is_sole(const struct sock *sk, unsigned short port)
{
	const struct reuse_tracked *tracked = reuse_tracked_look(sk);
	const struct bucket_key *key;
	u32 hash;

	if (!tracked)
		return false;
	/* In reuse_bucket_join(), @sk was counted before */
	key = smp_load_acquire(&tracked->member.key);
	if (!key)
		return false;
	/* If @sk is being bound anew, the bucket may be another one's: compare again */
	hash = data_race(key->hash);
	/* The same */
	if (data_race(key->port) != port)
		return false;
	return atomic_read(&reuse_bucket_counts_of(hash)->members) == 1 &&
	       READ_ONCE(tracked->member.key) == key;
}

/**
 * reuse_track_maybe() - may there be a record of a socket?
 * @sk: any socket that no other task is binding
 *
 * Context: any, even atomic.
 * Return: false if there is certainly no record.
 */
bool reuse_track_maybe(const struct sock *sk)
{
	return !hlist_empty(&reuse_tracked_chain(sk)->sockets);
}

/**
 * reuse_track_freed() - drop the record of a socket
 * @sk: a socket that is being freed, or a UDP socket that is being closed
 *
 * Context: any; with PREEMPT_RT, not atomic.
 */
void reuse_track_freed(const struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	spin_lock_bh(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	if (tracked)
		reuse_tracked_forget(tracked);
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_track_forget_net() - drop the records of a namespace
 * @net: network namespace that is native, or whose profile has just changed; the hooks are
 *	still installed
 *
 * Context: process context, may sleep.
 */
void reuse_track_forget_net(const struct net *net)
{
	struct reuse_tracked *tracked;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < BIT(TRACKED_BITS); i++) {
		struct tracked_chain *chain = &reuse_tracked_chains[i];

		cond_resched();
		if (hlist_empty(&chain->sockets))
			continue;

		spin_lock_bh(&chain->lock);
		hlist_for_each_entry_safe(tracked, next, &chain->sockets, node) {
			if (tracked->net != net)
				continue;
			if (!tracked->timewait && tracked->sk->sk_protocol != IPPROTO_TCP)
				reuse_sock_release_route(tracked->sk);
			reuse_tracked_forget(tracked);
		}
		spin_unlock_bh(&chain->lock);
	}
}

static void records_flush(bool only_timewait)
{
	struct reuse_tracked *tracked;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < BIT(TRACKED_BITS); i++) {
		struct tracked_chain *chain = &reuse_tracked_chains[i];

		cond_resched();
		if (hlist_empty(&chain->sockets))
			continue;

		spin_lock_bh(&chain->lock);
		hlist_for_each_entry_safe(tracked, next, &chain->sockets, node) {
			if (tracked->timewait || !only_timewait)
				tracked_drop(tracked);
		}
		spin_unlock_bh(&chain->lock);
	}
}

/**
 * reuse_track_flush_timewait() - drop the records of all TIME_WAIT sockets
 *
 * Nothing tells any more when such a socket is freed.
 *
 * Context: process context, may sleep.
 */
void reuse_track_flush_timewait(void)
{
	records_flush(true);
}

/**
 * reuse_track_flush_all() - drop all records
 *
 * No hook is installed, so neither the socket of a record nor its namespace may exist any
 * more: nothing is counted or released.
 *
 * Context: process context, may sleep.
 */
void reuse_track_flush_all(void)
{
	records_flush(false);
}
