// SPDX-License-Identifier: GPL-2.0
/*
 * In which order sockets were bound, and which of them share an address.
 *
 * The answers of other systems depend on it. The kernel keeps the order within
 * one list only, since 6.8 a port has a list for each of its addresses, and
 * those of TCP hold accepted connections as well. So a namespace that emulates
 * has a note of each socket that was bound, dropped when the socket is freed.
 *
 * Notes are found by socket, under a lock; and those of sockets that hold a
 * port by its address, under RCU, the one that receives before the others
 * first. A note leaves that list before its socket leaves the port (or, if it
 * came too late for that, is taken out again at once), so that what a reader
 * finds there under RCU is not freed before it is done: UDP sockets and
 * listeners are freed a grace period after that. The memory of other TCP
 * sockets stays a TCP socket's for as long (SLAB_TYPESAFE_BY_RCU).
 *
 * A table of fixed size: a port is bound and freed far more often than it is
 * looked for, and 1,000,000 notes are 16 to a chain.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/netns/hash.h>

#include "bind.h"
#include "netns.h"
#include "order.h"
#include "reuse.h"

#define NOTE_BITS	16

struct chain {
	spinlock_t lock;		/* of @notes */
	spinlock_t sharing_lock;	/* of @sharing; taken under a @lock */
	struct hlist_head notes;
	struct list_head sharing;
};

static struct chain *chains;
static struct kmem_cache *note_cache;
static atomic64_t order_seq = ATOMIC64_INIT(REUSE_ORDER_FIRST);
static atomic64_t before_seq = ATOMIC64_INIT(REUSE_ORDER_FIRST);
static u32 seed __ro_after_init;

/**
 * reuse_order_setup() - begin to take notes
 *
 * Context: process context, may sleep; while the module is loaded.
 * Return: 0 or -ENOMEM.
 */
int __init reuse_order_setup(void)
{
	unsigned int i;

	note_cache = KMEM_CACHE(reuse_note, 0);
	if (!note_cache)
		return -ENOMEM;
	chains = kvcalloc(BIT(NOTE_BITS), sizeof(*chains), GFP_KERNEL);
	if (!chains) {
		kmem_cache_destroy(note_cache);
		return -ENOMEM;
	}
	for (i = 0; i < BIT(NOTE_BITS); i++) {
		spin_lock_init(&chains[i].lock);
		spin_lock_init(&chains[i].sharing_lock);
		INIT_LIST_HEAD(&chains[i].sharing);
	}
	seed = get_random_u32();
	return 0;
}

/**
 * reuse_order_teardown() - undo reuse_order_setup()
 *
 * Context: process context, may sleep; all namespaces are native.
 */
void reuse_order_teardown(void)
{
	/* note_free_rcu() */
	rcu_barrier();
	kvfree(chains);
	kmem_cache_destroy(note_cache);
}

static struct chain *chain_of(const struct sock *sk)
{
	return &chains[hash_ptr(sk, NOTE_BITS)];
}

static struct chain *chain_at(const struct net *net, u8 protocol, u16 port,
			      const u8 *addr, u8 kind)
{
	u32 initval = seed ^ net_hash_mix(net) ^ (protocol << 16 | port);
	u32 hash = jhash2((const u32 *)addr, 4, initval);

	return &chains[(hash + kind * GOLDEN_RATIO_32) >> (32 - NOTE_BITS)];
}

/* Under the chain's lock */
static struct reuse_note *note_find(const struct chain *chain,
				    const struct sock *sk)
{
	struct reuse_note *note;

	hlist_for_each_entry(note, &chain->notes, node) {
		if (note->sk == sk)
			return note;
	}
	return NULL;
}

static void note_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(note_cache, container_of(rcu, struct reuse_note, rcu));
}

static struct reuse_note *note_new(struct chain *chain, struct sock *sk)
{
	struct reuse_note *note;

	note = kmem_cache_zalloc(note_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!note)
		return NULL;
	note->sk = sk;
	note->net = sock_net(sk);
	note->seq = atomic64_inc_return(&order_seq);
	note->created = note->seq;
	hlist_add_head(&note->node, &chain->notes);
	return note;
}

/* What the namespace counts of those that hold a port */
static void note_count(const struct reuse_note *note, int n)
{
	struct reuse_net *rn = reuse_net(note->net);

	if (note->counted_last)
		atomic_add(n, &rn->udp_added_last);
	if (note->counted_dev)
		atomic_add(n, &rn->on_device);
}

static void note_unlink(struct reuse_note *note)
{
	struct chain *chain;

	if (!note->linked)
		return;
	chain = chain_at(note->net, note->protocol, note->port, note->addr,
			 note->kind);
	spin_lock(&chain->sharing_lock);
	list_del_rcu(&note->sharing);
	spin_unlock(&chain->sharing_lock);
	note->linked = false;
}

static void note_drop(struct reuse_note *note)
{
	note_unlink(note);
	hlist_del(&note->node);
	if (note->used)
		call_rcu(&note->rcu, note_free_rcu);
	else
		kmem_cache_free(note_cache, note);
}

static enum reuse_kind kind_of(const struct sem_sock *s)
{
	if (!s->ipv6)
		return REUSE_KIND_IPV4;
	if (sem_mapped(s->addr))
		return REUSE_KIND_MAPPED;
	return s->v6only && sem_any(s->addr) ? REUSE_KIND_V6ONLY :
					       REUSE_KIND_IPV6;
}

static void note_link(struct reuse_note *note, bool before)
{
	const struct sem_profile *profile = reuse_net_profile(note->net);
	const struct sock *sk = note->sk;
	struct chain *chain;
	struct sem_sock s;

	reuse_bind_see(sk, &s);
	memcpy(note->addr, s.addr, sizeof(note->addr));
	note->port = sk->sk_num;
	note->protocol = sk->sk_protocol;
	note->kind = kind_of(&s);
	note->counted_dev = s.dev;
	note->counted_last = note->protocol != IPPROTO_TCP &&
			     reuse_udp_added_last(sk);
	note_count(note, 1);

	chain = chain_at(note->net, note->protocol, note->port, note->addr,
			 note->kind);
	note->linked = true;
	note->used = true;
	spin_lock(&chain->sharing_lock);
	/* Who receives comes first */
	if ((profile->oldest_any && sem_any(note->addr)) != before)
		list_add_tail_rcu(&note->sharing, &chain->sharing);
	else
		list_add_rcu(&note->sharing, &chain->sharing);
	spin_unlock(&chain->sharing_lock);
}

/**
 * reuse_order_find() - when was a socket bound?
 * @sk: a full socket
 *
 * Context: any.
 * Return: higher is newer; 0 if that is not known.
 */
u64 reuse_order_find(const struct sock *sk)
{
	struct chain *chain = chain_of(sk);
	const struct reuse_note *note;
	u64 seq = 0;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note && note->seq > REUSE_ORDER_FIRST)
		seq = note->seq;
	spin_unlock_bh(&chain->lock);
	return seq;
}

/**
 * reuse_order_created() - when was a socket created?
 * @sk: a UDP socket
 *
 * Context: any.
 * Return: higher is newer; 0 if there is no note of it.
 */
u64 reuse_order_created(const struct sock *sk)
{
	struct chain *chain = chain_of(sk);
	const struct reuse_note *note;
	u64 created = 0;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note)
		created = note->created;
	spin_unlock_bh(&chain->lock);
	return created;
}

/**
 * reuse_order_listens() - was a socket granted to listen?
 * @sk: a full TCP socket
 *
 * Context: any.
 * Return: true if so.
 */
bool reuse_order_listens(const struct sock *sk)
{
	struct chain *chain = chain_of(sk);
	const struct reuse_note *note;
	bool listens;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	listens = note && note->listens;
	spin_unlock_bh(&chain->lock);
	return listens;
}

/**
 * reuse_order_set_listens() - a socket asks to listen, or is granted it
 * @sk: locked by the caller
 * @listens: it is granted
 *
 * Context: any.
 */
void reuse_order_set_listens(const struct sock *sk, bool listens)
{
	struct chain *chain = chain_of(sk);
	struct reuse_note *note;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note)
		note->listens = listens;
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_note() - note that a socket is being created now
 * @sk: a UDP socket, or a connection that is being accepted
 *
 * Context: any.
 * Without memory no note is made.
 */
void reuse_order_note(struct sock *sk)
{
	struct chain *chain = chain_of(sk);

	spin_lock_bh(&chain->lock);
	if (!note_find(chain, sk))
		note_new(chain, sk);
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_bound() - note that a socket has been bound
 * @sk: socket that holds a port
 * @before: not now, but before all that is noted; then nothing is done if there
 *	is a note of it
 *
 * Context: any; reuse_net.bind_lock is held, or @before is true and the lock of
 * the table's slot is held.
 * Without memory no note is made.
 */
void reuse_order_bound(struct sock *sk, bool before)
{
	struct chain *chain = chain_of(sk);
	struct reuse_note *note, *old;

	if (!reuse_net_profile(sock_net(sk)))
		return;
	spin_lock_bh(&chain->lock);
	old = note_find(chain, sk);
	if (before && old && old->linked)
		goto unlock;
	note = old;
	/* A reader may be standing on it: it is never linked again */
	if (!old || old->used) {
		note = note_new(chain, sk);
		if (!note)
			goto unlock;
		if (old) {
			note->created = old->created;
			if (old->linked)
				note_count(old, -1);
			note_drop(old);
		}
	}
	note->seq = before ? atomic64_dec_return(&before_seq) :
			     atomic64_inc_return(&order_seq);
	/* When it was created is not known then: as if in the same order */
	if (!old)
		note->created = note->seq;
	note_link(note, before);
unlock:
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_unbound() - a socket is about to leave its port
 * @sk: the socket
 *
 * Context: any, from the hooks of inet_put_port() and udp_lib_unhash().
 */
void reuse_order_unbound(const struct sock *sk)
{
	struct chain *chain = chain_of(sk);
	struct reuse_note *note;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note && note->linked)
		note_count(note, -1);
	/* When a UDP socket was created is needed if it is bound again */
	if (note && sk->sk_protocol == IPPROTO_TCP)
		note_drop(note);
	else if (note)
		note_unlink(note);
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_forget() - drop the note of a socket
 * @sk: a socket that is being freed
 *
 * Context: any, from the hook of inet_sock_destruct().
 */
void reuse_order_forget(const struct sock *sk)
{
	struct chain *chain = chain_of(sk);
	struct reuse_note *note;

	if (hlist_empty(&chain->notes))
		return;
	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note) {
		if (note->linked)
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
 * What the namespace counts is void after it.
 *
 * Context: process context, may sleep.
 */
void reuse_order_forget_net(const struct net *net)
{
	struct reuse_note *note;
	struct hlist_node *next;
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

/**
 * reuse_order_sharing() - the notes of sockets that share an address and port
 * @net: network namespace
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @port: in host byte order
 * @addr: address, IPv4 in the v4-mapped form
 * @kind: what kind of socket
 *
 * Context: under RCU, and so is the list.
 * Return: a list of &struct reuse_note, others among them; of those that were
 * asked for, the one that receives before the others comes first.
 */
const struct list_head *reuse_order_sharing(const struct net *net, u8 protocol,
					    u16 port, const u8 *addr,
					    enum reuse_kind kind)
{
	return &chain_at(net, protocol, port, addr, kind)->sharing;
}
