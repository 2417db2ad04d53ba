// SPDX-License-Identifier: GPL-2.0
/*
 * In which order sockets were bound.
 *
 * The answers of other systems depend on it. The kernel keeps the order within
 * one list only, since 6.8 a port has a list for each of its addresses, and
 * those of TCP hold accepted connections as well. So a namespace that emulates
 * has a note of each socket that was bound, dropped when the socket is freed.
 *
 * Notes are found by socket, and those of sockets that were bound by where
 * that was, see place.c. inet_sock_destruct() drops the note, so under its lock
 * its socket is there. Under RCU it is there after that as well if it still
 * held its port: UDP sockets and listeners are freed a grace period after they
 * leave it.
 *
 * A table of fixed size, 1,000,000 notes are 16 to a chain. Where a socket is in
 * memory decides which, so nobody chooses.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/local_lock.h>	/* wants to come after the former */

#include "netns.h"
#include "order.h"
#include "reuse.h"
#include "sock.h"

#define NOTE_BITS	16

struct note_chain {
	spinlock_t lock;	/* of @notes, and of what they say */
	struct hlist_head notes;
};

static struct note_chain *chains;
static struct kmem_cache *note_cache;

/*
 * Many a socket is bound and closed before the next: its note goes on. UDP
 * sockets are freed in batches. With PREEMPT_RT, bottom halves that are off do
 * not keep others from this CPU.
 */
struct spares {
	local_lock_t lock;
	unsigned int n;
	struct reuse_note *note[30];
};

static DEFINE_PER_CPU(struct spares, spares) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

/*
 * For all namespaces. A number takes a lock and a note, so far more than a nanosecond:
 * there are as many as for 50 years of that, both ways.
 */
static atomic64_t order_seq = ATOMIC64_INIT(REUSE_ORDER_FIRST);
static atomic64_t before_seq = ATOMIC64_INIT(REUSE_ORDER_FIRST);

#define ORDER_ENOUGH	(50ULL * 365 * 24 * 3600 * NSEC_PER_SEC)

static_assert(REUSE_ORDER_FIRST > ORDER_ENOUGH);
static_assert(REUSE_ORDER_LAST - REUSE_ORDER_FIRST > ORDER_ENOUGH);

/**
 * reuse_order_setup() - begin to take notes
 *
 * Context: process context, may sleep; while the module is loaded.
 * Return: 0 or -ENOMEM.
 */
int __init reuse_order_setup(void)
{
	unsigned int i;

	/* Charged to whoever has the sockets, as these are */
	note_cache = KMEM_CACHE(reuse_note, SLAB_ACCOUNT);
	if (!note_cache)
		return -ENOMEM;
	chains = kvcalloc(BIT(NOTE_BITS), sizeof(*chains), GFP_KERNEL);
	if (!chains)
		goto destroy_cache;
	for (i = 0; i < BIT(NOTE_BITS); i++)
		spin_lock_init(&chains[i].lock);
	if (!reuse_place_setup())
		return 0;

	kvfree(chains);
destroy_cache:
	kmem_cache_destroy(note_cache);
	return -ENOMEM;
}

/**
 * reuse_order_teardown() - undo reuse_order_setup()
 *
 * Context: process context, may sleep; all namespaces are native.
 */
void reuse_order_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct spares *s = per_cpu_ptr(&spares, cpu);

		while (s->n)
			kmem_cache_free(note_cache, s->note[--s->n]);
	}
	reuse_place_teardown();
	kvfree(chains);
	kmem_cache_destroy(note_cache);
}

static struct note_chain *chain_of(const struct sock *sk)
{
	return &chains[hash_ptr(sk, NOTE_BITS)];
}

/* Under the chain's lock */
static struct reuse_note *note_find(const struct note_chain *chain,
				    const struct sock *sk)
{
	struct reuse_note *note;

	hlist_for_each_entry(note, &chain->notes, node) {
		if (note->sk == sk)
			return note;
	}
	return NULL;
}

static struct reuse_note *spare_take(void)
{
	struct reuse_note *note = NULL;
	struct spares *s;

	local_lock(&spares.lock);
	s = this_cpu_ptr(&spares);
	if (s->n)
		note = s->note[--s->n];
	local_unlock(&spares.lock);
	return note;
}

/* False if there are enough of them */
static bool spare_give(struct reuse_note *note)
{
	struct spares *s;
	bool taken;

	local_lock(&spares.lock);
	s = this_cpu_ptr(&spares);
	taken = s->n < ARRAY_SIZE(s->note);
	if (taken)
		s->note[s->n++] = note;
	local_unlock(&spares.lock);
	return taken;
}

static struct reuse_note *note_new(struct note_chain *chain, struct sock *sk)
{
	struct reuse_note *note = spare_take();

	if (!note)
		note = kmem_cache_alloc(note_cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!note)
		return NULL;
	*note = (struct reuse_note) { .sk = sk, .net = sock_net(sk) };
	hlist_add_head(&note->node, &chain->notes);
	return note;
}

/* What the namespace counts of those that hold a port */
static void note_count(const struct reuse_note *note, int n)
{
	if (note->counted_last)
		atomic_add(n, &reuse_net(note->net)->udp_added_last);
	if (note->counted_peer)
		atomic_add(n, reuse_net_connected(note->net, note->place->port));
}

static void note_uncount(struct reuse_note *note)
{
	note_count(note, -1);
	note->counted_last = false;
	note->counted_peer = false;
}

static void note_drop(struct reuse_note *note)
{
	if (note->place)
		reuse_place_leave(note);
	hlist_del(&note->node);
	if (!spare_give(note))
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

static bool note_link(struct reuse_note *note,
		      const struct sem_profile *profile, bool before)
{
	const struct sock *sk = note->sk;
	struct reuse_place place = {
		.net = note->net, .port = sk->sk_num, .protocol = sk->sk_protocol,
	};
	unsigned int locks;
	struct sem_sock s;

	reuse_bind_see(sk, &s);
	/* SOCK_BINDADDR_LOCK is set once, behind bind() */
	locks = data_race((unsigned int)sk->sk_userlocks);
	/* Without its remote end it has no address again */
	if (sem_has_peer(&s) && !(locks & SOCK_BINDADDR_LOCK))
		memcpy(s.addr, s.ipv6 ? sem_any6 : sem_any4, sizeof(s.addr));
	memcpy(place.addr, s.addr, sizeof(place.addr));
	place.kind = kind_of(&s);
	place.devices = s.dev;
	/* Who receives comes first */
	if (!reuse_place_join(note, &place, (profile->oldest_any &&
					     sem_any(place.addr)) != before))
		return false;
	if (place.devices)
		WRITE_ONCE(reuse_net(note->net)->devices, true);
	note->counted_last = place.protocol != IPPROTO_TCP &&
			     reuse_udp_added_last(sk);
	note_count(note, 1);
	return true;
}

/**
 * reuse_order_find() - when was a socket bound?
 * @sk: a full socket
 * @accepted: set if it was not, but accepted then; may be NULL
 *
 * Context: bottom halves off.
 * Return: higher is newer; 0 if that is not known.
 */
u64 reuse_order_find(const struct sock *sk, bool *accepted)
{
	struct note_chain *chain = chain_of(sk);
	const struct reuse_note *note;
	u64 seq = 0;

	spin_lock(&chain->lock);
	note = note_find(chain, sk);
	if (note)
		seq = note->seq;
	if (accepted)
		*accepted = seq && !note->place;
	spin_unlock(&chain->lock);
	return seq;
}

/**
 * reuse_order_listens() - was a socket granted to listen?
 * @sk: a full TCP socket
 *
 * Context: bottom halves off.
 * Return: true if so.
 */
bool reuse_order_listens(const struct sock *sk)
{
	struct note_chain *chain = chain_of(sk);
	const struct reuse_note *note;
	bool listens;

	spin_lock(&chain->lock);
	note = note_find(chain, sk);
	listens = note && note->listens;
	spin_unlock(&chain->lock);
	return listens;
}

/**
 * reuse_order_set_listens() - a socket asks to listen, or is granted it
 * @sk: locked by the caller
 * @listens: it is granted
 *
 * Context: bottom halves off.
 */
void reuse_order_set_listens(const struct sock *sk, bool listens)
{
	struct note_chain *chain = chain_of(sk);
	struct reuse_note *note;

	spin_lock(&chain->lock);
	note = note_find(chain, sk);
	if (note)
		note->listens = listens;
	spin_unlock(&chain->lock);
}

/* Without memory there is none, and it counts as older than what is bound later */
static void order_note(struct sock *sk)
{
	struct note_chain *chain = chain_of(sk);
	struct reuse_note *note;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk) ?: note_new(chain, sk);
	if (note) {
		note->seq = atomic64_inc_return(&order_seq);
		note->created = note->seq;
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_created() - a UDP socket is being created
 * @sk: the socket
 *
 * Context: any, from the hooks of udp_init_sock() and udpv6_init_sock().
 */
void reuse_order_created(struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));

	/* Where groups' datagrams ask for it */
	if (profile && profile->mcast_last)
		order_note(sk);
}

/**
 * reuse_order_accepted() - a connection takes over its listener's port
 * @child: the new socket
 *
 * Context: any, from the hook of __inet_inherit_port().
 */
void reuse_order_accepted(struct sock *child)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(child));

	if (!profile || !profile->one_socket || reuse_tcp_in_order() ||
	    child->sk_protocol != IPPROTO_TCP)
		return;
	order_note(child);
}

/* When it was created may not be known: as if in the same order */
static bool note_bound(struct reuse_note *note,
		       const struct sem_profile *profile, bool before)
{
	note->seq = before ? atomic64_dec_return(&before_seq) :
			     atomic64_inc_return(&order_seq);
	if (!note->created)
		note->created = note->seq;
	return note_link(note, profile, before);
}

/**
 * reuse_order_reserve() - have what it takes to note that a socket is bound
 * @sk: a socket
 *
 * Context: bottom halves off, until reuse_order_bound().
 * Return: 0 or -ENOMEM.
 */
int reuse_order_reserve(struct sock *sk)
{
	struct note_chain *chain = chain_of(sk);
	const struct reuse_note *note;

	if (!reuse_place_reserve())
		return -ENOMEM;
	spin_lock(&chain->lock);
	note = note_find(chain, sk) ?: note_new(chain, sk);
	spin_unlock(&chain->lock);
	return note ? 0 : -ENOMEM;
}

/**
 * reuse_order_bound() - note that a socket has been bound
 * @sk: socket that holds a port
 *
 * Nothing is done if the namespace has become native meanwhile.
 *
 * Context: bottom halves off; reuse_net.bind_lock is held, and
 * reuse_order_reserve() has been called.
 */
void reuse_order_bound(struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct note_chain *chain = chain_of(sk);
	struct reuse_note *note;

	if (!profile)
		return;
	spin_lock(&chain->lock);
	/* A new one, if the namespace has been switched meanwhile */
	note = note_find(chain, sk) ?: note_new(chain, sk);
	if (note) {
		/* It left another port without being closed */
		if (note->place) {
			note_uncount(note);
			reuse_place_leave(note);
		}
		note_bound(note, profile, false);
	}
	spin_unlock(&chain->lock);
}

/**
 * reuse_order_seen() - note that a socket was bound when nothing was noted
 * @sk: socket that holds a port
 * @before: before all that is noted, or after all
 *
 * Nothing is done if it is noted that it was bound.
 *
 * Context: bottom halves off; @sk holds its port as long as we are here, and
 * the namespace emulates.
 * Return: 0 or -ENOMEM.
 */
int reuse_order_seen(struct sock *sk, bool before)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct note_chain *chain = chain_of(sk);
	struct reuse_note *note;
	bool done;

	if (!reuse_place_reserve())
		return -ENOMEM;
	spin_lock(&chain->lock);
	note = note_find(chain, sk) ?: note_new(chain, sk);
	done = note && (!profile || note->place ||
			note_bound(note, profile, before));
	spin_unlock(&chain->lock);
	return done ? 0 : -ENOMEM;
}

/**
 * reuse_order_connects() - note that a UDP socket asks for a remote end
 * @sk: the socket
 *
 * Context: any.
 */
void reuse_order_connects(const struct sock *sk)
{
	struct note_chain *chain = chain_of(sk);
	struct reuse_note *note;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note && !note->counted_peer && note->place) {
		note->counted_peer = true;
		atomic_inc(reuse_net_connected(note->net, note->place->port));
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_to_device() - note that a socket asks to be bound to a device
 * @sk: any socket
 *
 * With PREEMPT_RT all places of the namespace count as having one: to find out which
 * takes locks that may sleep, and the ftrace trampoline that we were called from may be
 * freed meanwhile, as the wait for who is in it (synchronize_rcu_tasks()) takes a task
 * that waits for a lock for one that has left.
 *
 * Context: any, from the hook of setsockopt().
 */
void reuse_order_to_device(const struct sock *sk)
{
	struct note_chain *chain = chain_of(sk);
	const struct reuse_note *note;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		struct reuse_net *rn = reuse_net(sock_net(sk));

		WRITE_ONCE(rn->devices_anywhere, true);
		WRITE_ONCE(rn->devices, true);
		return;
	}
	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note && note->place) {
		reuse_place_set_devices(note);
		WRITE_ONCE(reuse_net(note->net)->devices, true);
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_may_know() - may there be a note of a socket?
 * @sk: any socket that nobody else binds now
 *
 * Context: any, atomic ones too.
 * Return: false if there is none.
 */
bool reuse_order_may_know(const struct sock *sk)
{
	return !hlist_empty(&chain_of(sk)->notes);
}

/**
 * reuse_order_forget() - drop the note of a socket
 * @sk: a socket that is being freed
 *
 * Context: any but what is atomic with PREEMPT_RT.
 */
void reuse_order_forget(const struct sock *sk)
{
	struct note_chain *chain = chain_of(sk);
	struct reuse_note *note;

	spin_lock_bh(&chain->lock);
	note = note_find(chain, sk);
	if (note) {
		note_uncount(note);
		note_drop(note);
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_forget_net() - drop the notes of a namespace
 * @net: network namespace that does not emulate any more, while the hooks are
 *	there still; NULL for all of them when they are not, so that neither the
 *	namespace nor the socket of a note may be there
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
			if (net && note->net != net)
				continue;
			if (net) {
				note_uncount(note);
				if (note->sk->sk_protocol != IPPROTO_TCP)
					reuse_datagram_release(note->sk);
			}
			note_drop(note);
		}
		spin_unlock_bh(&chains[i].lock);
	}
}
