// SPDX-License-Identifier: GPL-2.0
/*
 * Walk all sockets of a slot without holding its lock for longer than a chunk
 * of them takes, however many there are.
 *
 * To find the place again, references to the last few sockets of a chunk are
 * kept: new sockets enter a list at its head (or, some of UDP, at its very
 * end), so whatever follows one that is still there has not been seen yet.
 * As the ones kept are neighbours, going on behind an earlier one skips
 * nothing and repeats nothing. If too many of them have left, the place is
 * lost and the caller starts the slot anew.
 */
#include <linux/sched/signal.h>
#include <net/inet_hashtables.h>

#include "reuse.h"

#define ANCHORS	16

struct anchor {
	struct sock *sk;
	const void *list;
};

/**
 * struct anchors - where a chunk of the walk ended
 * @at: neighbours in the list, the last one seen last
 * @n: how many
 * @first: those before it have a neighbour that could not be kept
 * @next: what followed the last one; never dereferenced
 */
struct anchors {
	struct anchor at[ANCHORS + 1];
	unsigned int n;
	unsigned int first;
	const struct sock *next;
};

/*
 * Keep @sk if it is alive; under the slot's lock. A TIME_WAIT socket enters
 * its bucket before its reference count is set and cannot be kept up to then.
 *
 * Return: true if there are enough and the last one seen is among them.
 */
static bool anchors_add(struct anchors *anchors,
			const struct reuse_table *table, struct sock *sk)
{
	struct anchor *a = &anchors->at[anchors->n];

	if (!refcount_inc_not_zero(&sk->sk_refcnt)) {
		anchors->first = anchors->n;
		return false;
	}
	a->sk = sk;
	a->list = table->list(sk);
	return ++anchors->n >= ANCHORS;
}

/* Without any lock: the last reference frees the socket */
static void anchors_put(struct anchors *anchors)
{
	while (anchors->n)
		sock_gen_put(anchors->at[--anchors->n].sk);
	anchors->first = 0;
}

/*
 * The socket to go on behind, or NULL; under the slot's lock. Being in the
 * bucket is not enough: connect() that narrows the address and fails takes a
 * socket out and puts it in again, at the head. What is followed by what
 * followed then, or by another one that was kept, is where it was.
 */
static struct sock *anchors_find(const struct anchors *anchors,
				 const struct reuse_table *table,
				 const struct net *net,
				 const struct reuse_slots *slots,
				 unsigned int slot)
{
	struct sock *later = NULL;
	unsigned int i;

	for (i = anchors->n; i-- > anchors->first;) {
		const struct anchor *a = &anchors->at[i];
		const struct sock *next;

		if (!table->holds(slots, slot, a->sk, a->list))
			continue;
		next = table->next(net, a->sk);
		if (next == anchors->next)
			return a->sk;
		if (later && next == later)
			return later;
		later = a->sk;
	}
	return NULL;
}

/**
 * reuse_walk() - call a function for each socket of a slot
 * @table: the kind of table
 * @net: network namespace; sockets of others may be walked, but not visited
 * @slots: the table
 * @slot: which slot
 * @chunk: sockets to look at in one go, more than 16
 * @visit: called with the slot's lock held and bottom halves off; anything but
 *	0 ends the walk
 * @arg: for @visit
 *
 * Context: process context, may sleep. Takes the slot's lock, with bottom
 * halves off, once for each @chunk sockets and lets others run in between.
 * A slot of up to @chunk sockets is seen as it is at one moment. In a longer
 * one, each socket that stays for the whole walk is visited exactly once.
 *
 * Return: 0, what @visit returned, -EAGAIN if the place was lost (what was
 * visited so far is void), -EINTR if the task is being killed.
 */
int reuse_walk(const struct reuse_table *table, const struct net *net,
	       const struct reuse_slots *slots, unsigned int slot,
	       unsigned int chunk, reuse_visit_t visit, void *arg)
{
	spinlock_t *lock = reuse_slot_lock(slots, slot);
	struct anchors prev = {}, cur = {};
	struct sock *sk;
	int err = 0;

	do {
		unsigned int seen = 0;

		spin_lock_bh(lock);
		if (!prev.n) {
			sk = table->first(net, reuse_slot_head(slots, slot));
		} else {
			sk = anchors_find(&prev, table, net, slots, slot);
			if (sk)
				sk = table->next(net, sk);
			else
				err = -EAGAIN;
		}
		while (sk && !err) {
			if (net_eq(sock_net(sk), net))
				err = visit(sk, arg);
			if (++seen > chunk - ANCHORS &&
			    anchors_add(&cur, table, sk)) {
				cur.next = table->next(net, sk);
				break;
			}
			sk = table->next(net, sk);
		}
		spin_unlock_bh(lock);

		anchors_put(&prev);
		swap(prev, cur);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	} while (sk && !err);

	anchors_put(&prev);
	return err;
}
