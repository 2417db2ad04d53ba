// SPDX-License-Identifier: GPL-2.0
/*
 * In which order sockets were bound.
 *
 * FreeBSD's answers depend on it. The kernel keeps it within one list only,
 * and since 6.8 a port has a list for each of its addresses. So a note is made
 * of each socket that is bound while semantics other than native are in force,
 * and dropped when the socket is freed.
 */
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "bind.h"

struct note {
	struct rhash_head node;
	const struct sock *sk;
	const struct net *net;
	struct reuse_order order;
	struct rcu_head rcu;
};

static const struct rhashtable_params note_params = {
	.key_len		= sizeof(struct sock *),
	.key_offset		= offsetof(struct note, sk),
	.head_offset		= offsetof(struct note, node),
	.automatic_shrinking	= true,
};

static struct rhashtable notes;
static atomic64_t order_seq = ATOMIC64_INIT(REUSE_ORDER_FIRST);

/**
 * reuse_order_setup() - begin to take notes
 *
 * Context: process context, may sleep.
 * Return: 0 or a negative errno.
 */
int reuse_order_setup(void)
{
	return rhashtable_init(&notes, &note_params);
}

static void note_free(void *ptr, void *arg)
{
	kfree(ptr);
}

/**
 * reuse_order_teardown() - drop all notes
 *
 * Context: process context, may sleep; nobody takes or reads notes any more.
 */
void reuse_order_teardown(void)
{
	rhashtable_free_and_destroy(&notes, note_free, NULL);
	/* Notes that were dropped before may be waiting still */
	rcu_barrier();
}

static struct note *note_find(const struct sock *sk)
{
	return rhashtable_lookup_fast(&notes, &sk, note_params);
}

/**
 * reuse_order_find() - the note of a socket
 * @sk: a full socket
 *
 * Context: any; inside an RCU read-side section, which keeps the result.
 * Return: the note, NULL if there is none.
 */
struct reuse_order *reuse_order_find(const struct sock *sk)
{
	struct note *note = note_find(sk);

	return note ? &note->order : NULL;
}

/**
 * reuse_order_make() - note that a socket is being bound now
 * @sk: locked by the caller
 *
 * Context: any; inside an RCU read-side section, which keeps the result.
 * Return: the note, NULL if there is no memory.
 */
struct reuse_order *reuse_order_make(struct sock *sk)
{
	struct note *note = note_find(sk);

	if (!note) {
		note = kzalloc(sizeof(*note), GFP_ATOMIC | __GFP_NOWARN);
		if (!note)
			return NULL;
		note->sk = sk;
		note->net = sock_net(sk);
		if (rhashtable_insert_fast(&notes, &note->node, note_params)) {
			kfree(note);
			return NULL;
		}
	}
	note->order.seq = atomic64_inc_return(&order_seq);
	return &note->order;
}

/**
 * reuse_order_forget() - drop the note of a socket
 * @sk: a socket that is being freed, or could not be bound
 *
 * Context: any.
 */
void reuse_order_forget(const struct sock *sk)
{
	struct note *note;

	rcu_read_lock();
	note = note_find(sk);
	if (note && !rhashtable_remove_fast(&notes, &note->node, note_params))
		kfree_rcu(note, rcu);
	rcu_read_unlock();
}

/**
 * reuse_order_forget_net() - drop the notes of a namespace
 * @net: network namespace that is native from now on
 *
 * Context: process context, may sleep.
 */
void reuse_order_forget_net(const struct net *net)
{
	struct rhashtable_iter iter;
	struct note *note;

	rhashtable_walk_enter(&notes, &iter);
	rhashtable_walk_start(&iter);
	while ((note = rhashtable_walk_next(&iter))) {
		if (!IS_ERR(note) && note->net == net)
			reuse_order_forget(note->sk);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
}
