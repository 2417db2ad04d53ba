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
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/local_lock.h>	/* wants to come after the former */

#include "netns.h"
#include "order.h"
#include "record.h"
#include "sock.h"

struct note_chain *reuse_note_chains;
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
	reuse_note_chains = kvcalloc(BIT(NOTE_BITS), sizeof(*reuse_note_chains), GFP_KERNEL);
	if (!reuse_note_chains)
		goto destroy_cache;
	for (i = 0; i < BIT(NOTE_BITS); i++)
		spin_lock_init(&reuse_note_chains[i].lock);
	if (!reuse_place_setup())
		return 0;

	kvfree(reuse_note_chains);
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
	kvfree(reuse_note_chains);
	kmem_cache_destroy(note_cache);
}

/**
 * reuse_note_find() - find the note of a socket
 * @chain: reuse_note_chain() of @sk
 * @sk: any socket
 *
 * Context: the lock of @chain is held.
 * Return: the note, NULL if there is none.
 */
struct reuse_note *reuse_note_find(const struct note_chain *chain,
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

/**
 * reuse_note_new() - make a note of a socket
 * @chain: reuse_note_chain() of @sk
 * @sk: a full socket that has none
 *
 * Context: the lock of @chain is held, bottom halves are off.
 * Return: the note, NULL if there is no memory.
 */
struct reuse_note *reuse_note_new(struct note_chain *chain, struct sock *sk)
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

/**
 * reuse_note_count() - count a socket in its namespace
 * @note: its note: what it says to be counted
 * @n: 1, or -1 to take it back
 *
 * Context: the lock of its chain is held; the namespace is there.
 */
void reuse_note_count(const struct reuse_note *note, int n)
{
	if (note->counted_last)
		atomic_add(n, &reuse_net(note->net)->udp_added_last);
	if (note->counted_connected)
		atomic_add(n, reuse_net_connected(note->net, note->place->port));
}

/**
 * reuse_note_uncount() - count a socket in its namespace no more
 * @note: its note
 *
 * Context: the lock of its chain is held; the namespace is there.
 */
void reuse_note_uncount(struct reuse_note *note)
{
	reuse_note_count(note, -1);
	note->counted_last = false;
	note->counted_connected = false;
}

static void note_drop(struct reuse_note *note)
{
	if (note->place)
		reuse_place_leave(note);
	hlist_del(&note->node);
	if (!spare_give(note))
		kmem_cache_free(note_cache, note);
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
	return !hlist_empty(&reuse_note_chain(sk)->notes);
}

/**
 * reuse_order_forget() - drop the note of a socket
 * @sk: a socket that is being freed
 *
 * Context: any but what is atomic with PREEMPT_RT.
 */
void reuse_order_forget(const struct sock *sk)
{
	struct note_chain *chain = reuse_note_chain(sk);
	struct reuse_note *note;

	spin_lock_bh(&chain->lock);
	note = reuse_note_find(chain, sk);
	if (note) {
		reuse_note_uncount(note);
		note_drop(note);
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_order_forget_net() - drop the notes of a namespace
 * @net: network namespace that does not emulate any more, while the hooks are still
 *	installed
 *
 * Context: process context, may sleep.
 */
void reuse_order_forget_net(const struct net *net)
{
	struct reuse_note *note;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < BIT(NOTE_BITS); i++) {
		struct note_chain *chain = &reuse_note_chains[i];

		cond_resched();
		if (hlist_empty(&chain->notes))
			continue;

		spin_lock_bh(&chain->lock);
		hlist_for_each_entry_safe(note, next, &chain->notes, node) {
			if (note->net != net)
				continue;
			reuse_note_uncount(note);
			if (note->sk->sk_protocol != IPPROTO_TCP)
				reuse_datagram_release(note->sk);
			note_drop(note);
		}
		spin_unlock_bh(&chain->lock);
	}
}

/**
 * reuse_order_flush_all() - drop all notes
 *
 * No hook is installed, so neither the socket of a note nor its namespace may exist any
 * more: nothing is counted or released.
 *
 * Context: process context, may sleep.
 */
void reuse_order_flush_all(void)
{
	struct reuse_note *note;
	struct hlist_node *next;
	unsigned int i;

	for (i = 0; i < BIT(NOTE_BITS); i++) {
		struct note_chain *chain = &reuse_note_chains[i];

		cond_resched();
		if (hlist_empty(&chain->notes))
			continue;

		spin_lock_bh(&chain->lock);
		hlist_for_each_entry_safe(note, next, &chain->notes, node)
			note_drop(note);
		spin_unlock_bh(&chain->lock);
	}
}
