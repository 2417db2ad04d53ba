// SPDX-License-Identifier: GPL-2.0
/*
 * In which order sockets were bound.
 *
 * FreeBSD's answers depend on it. The kernel keeps it within one list only,
 * and since 6.8 a port has a list for each of its addresses. So a note is made
 * of each socket whose place in a list does not tell, and dropped when the
 * socket is freed.
 *
 * A table of fixed size: a port is bound and freed far more often than it is
 * looked for, and 1,000,000 notes are 16 to a chain.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "bind.h"
#include "netns.h"

#define NOTE_BITS	16

struct note {
	struct hlist_node node;
	const struct sock *sk;
	const struct net *net;
	u64 seq;
	bool added_last;
};

struct chain {
	spinlock_t lock;	/* of @notes */
	struct hlist_head notes;
};

static struct chain *chains;
static struct kmem_cache *note_cache;
static atomic64_t order_seq = ATOMIC64_INIT(REUSE_ORDER_FIRST);

/**
 * reuse_order_setup() - begin to take notes
 *
 * Context: process context, may sleep.
 * Return: 0 or -ENOMEM.
 */
int reuse_order_setup(void)
{
	unsigned int i;

	note_cache = KMEM_CACHE(note, 0);
	if (!note_cache)
		return -ENOMEM;
	chains = kvcalloc(BIT(NOTE_BITS), sizeof(*chains), GFP_KERNEL);
	if (!chains) {
		kmem_cache_destroy(note_cache);
		return -ENOMEM;
	}
	for (i = 0; i < BIT(NOTE_BITS); i++)
		spin_lock_init(&chains[i].lock);
	return 0;
}

/**
 * reuse_order_teardown() - undo reuse_order_setup()
 *
 * Context: process context, may sleep; all namespaces are native.
 */
void reuse_order_teardown(void)
{
	kvfree(chains);
	kmem_cache_destroy(note_cache);
}

static struct chain *chain_of(const struct sock *sk)
{
	return &chains[hash_ptr(sk, NOTE_BITS)];
}

/* Under the chain's lock */
static struct note *note_find(const struct chain *chain, const struct sock *sk)
{
	struct note *note;

	hlist_for_each_entry(note, &chain->notes, node) {
		if (note->sk == sk)
			return note;
	}
	return NULL;
}

static void note_count(const struct note *note, int n)
{
	if (note->added_last)
		atomic_add(n, &reuse_net(note->net)->udp_added_last);
}

static void note_drop(struct note *note)
{
	hlist_del(&note->node);
	kmem_cache_free(note_cache, note);
}

/**
 * reuse_order_find() - when was a socket bound?
 * @sk: a full socket
 *
 * Context: any.
 * Return: higher is newer; 0 if there is no note of it.
 */
u64 reuse_order_find(const struct sock *sk)
{
	struct chain *chain = chain_of(sk);
	const struct note *note;
	u64 seq = 0;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note)
		seq = note->seq;
	spin_unlock_bh(&chain->lock);
	return seq;
}

/**
 * reuse_order_make() - note that a socket is being bound now
 * @sk: locked by the caller
 * @added_last: it is to be counted in reuse_net.udp_added_last
 *
 * Context: any.
 * Without memory no note is made.
 */
void reuse_order_make(const struct sock *sk, bool added_last)
{
	struct chain *chain = chain_of(sk);
	struct note *note, *old;

	note = kmem_cache_alloc(note_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!note)
		return;
	note->sk = sk;
	note->net = sock_net(sk);
	note->seq = atomic64_inc_return(&order_seq);
	note->added_last = added_last;
	note_count(note, 1);

	spin_lock_bh(&chain->lock);
	old = note_find(chain, sk);
	if (old) {
		note_count(old, -1);
		note_drop(old);
	}
	hlist_add_head(&note->node, &chain->notes);
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_forget() - drop the note of a socket
 * @sk: a socket that is being freed
 *
 * Context: any.
 */
void reuse_order_forget(const struct sock *sk)
{
	struct chain *chain = chain_of(sk);
	struct note *note;

	if (hlist_empty(&chain->notes))
		return;
	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note) {
		note_count(note, -1);
		note_drop(note);
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_forget_net() - drop the notes of a namespace
 * @net: network namespace, which needs none from now on; NULL for all of them,
 *	also of some that are gone
 *
 * reuse_net.udp_added_last is void after it.
 *
 * Context: process context, may sleep.
 */
void reuse_order_forget_net(const struct net *net)
{
	struct hlist_node *next;
	struct note *note;
	unsigned int i;

	for (i = 0; i < BIT(NOTE_BITS); i++) {
		cond_resched();
		if (hlist_empty(&chains[i].notes))
			continue;
		spin_lock_bh(&chains[i].lock);
		hlist_for_each_entry_safe(note, next, &chains[i].notes, node) {
			if (!net || note->net == net)
				note_drop(note);
		}
		spin_unlock_bh(&chains[i].lock);
	}
}
