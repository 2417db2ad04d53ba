// SPDX-License-Identifier: GPL-2.0
/*
 * Walk all sockets of a slot without holding its lock for longer than a chunk
 * of them takes, however many there are.
 *
 * To find the place again, references to the last few sockets of a chunk are
 * kept: new sockets enter a list at its head (or, some of UDP, at its very
 * end), so whatever follows one that is still there has not been seen yet.
 * One is enough, and as the ones kept are neighbours, going on behind an
 * earlier one skips nothing and repeats nothing. If all of them have left, the
 * place is lost and the caller starts the slot anew.
 *
 * A socket that leaves and enters the same bucket again while the lock is not
 * held (connect() narrowing its address and failing) is a new one to this.
 */
#include <linux/sched/signal.h>
#include <net/inet_hashtables.h>

#include "reuse.h"

#define ANCHORS	16

struct anchor {
	struct sock *sk;
	const void *bucket;
};

struct anchors {
	struct anchor at[ANCHORS];
	unsigned int n;
};

/*
 * Keep @sk if it is alive; under the slot's lock. A TIME_WAIT socket enters
 * its bucket before its reference count is set: nothing can be kept up to it.
 */
static void anchors_add(struct anchors *anchors,
			const struct reuse_table *table, struct sock *sk)
{
	struct anchor *a = &anchors->at[anchors->n++];

	a->sk = refcount_inc_not_zero(&sk->sk_refcnt) ? sk : NULL;
	a->bucket = table->bucket(sk);
}

/* Without any lock: the last reference frees the socket */
static void anchors_put(struct anchors *anchors)
{
	while (anchors->n) {
		struct sock *sk = anchors->at[--anchors->n].sk;

		if (sk)
			sock_gen_put(sk);
	}
}

/* The socket to go on behind, or NULL; under the slot's lock */
static struct sock *anchors_find(const struct anchors *anchors,
				 const struct reuse_table *table,
				 const struct reuse_slots *slots,
				 unsigned int slot)
{
	unsigned int i = anchors->n;

	while (i--) {
		const struct anchor *a = &anchors->at[i];

		if (!a->sk)
			break;
		if (table->holds(slots, slot, a->sk, a->bucket))
			return a->sk;
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
			sk = anchors_find(&prev, table, slots, slot);
			if (sk)
				sk = table->next(net, sk);
			else
				err = -EAGAIN;
		}
		while (sk && !err) {
			if (net_eq(sock_net(sk), net))
				err = visit(sk, arg);
			if (++seen > chunk - ANCHORS)
				anchors_add(&cur, table, sk);
			if (cur.n == ANCHORS) {
				if (cur.at[ANCHORS - 1].sk)
					break;
				cur.n = 0;
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
