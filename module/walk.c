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
 *
 * What has entered at the head meanwhile may have taken over an address from
 * what had not been seen yet and is gone. So a walk of several chunks goes on,
 * under the same hold of the lock, from the head to where its first chunk
 * ended: another round.
 */
#include <linux/sched/signal.h>
#include <net/inet_hashtables.h>

#include "reuse.h"

#define ANCHORS		16

/* Rounds, if so many sockets enter that the head is longer than a chunk */
#define ROUNDS_MAX	4

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

/* A second owner of the same references; the first one has them still */
static void anchors_dup(struct anchors *to, const struct anchors *from)
{
	unsigned int i;

	*to = *from;
	for (i = 0; i < to->n; i++)
		sock_hold(to->at[i].sk);
}

static bool anchors_have(const struct anchors *anchors, const struct sock *sk)
{
	unsigned int i;

	for (i = 0; i < anchors->n; i++) {
		if (anchors->at[i].sk == sk)
			return true;
	}
	return false;
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
 * struct walk - a walk that is under way
 * @table: the kind of table
 * @net: network namespace
 * @slots: the table
 * @slot: which slot
 * @chunk: sockets to look at in one go
 * @visit: called for each
 * @arg: for @visit
 * @round: being walked
 * @place: where the last chunk ended
 * @mark: where the first chunk of this round ended
 * @old: where the first chunk of the round before ended, and this one ends
 */
struct walk {
	const struct reuse_table *table;
	const struct net *net;
	const struct reuse_slots *slots;
	unsigned int slot;
	unsigned int chunk;
	reuse_visit_t visit;
	void *arg;
	unsigned int round;
	struct anchors place;
	struct anchors mark;
	struct anchors old;
};

static struct sock *walk_first(const struct walk *w)
{
	return w->table->first(w->net, reuse_slot_head(w->slots, w->slot));
}

/*
 * One chunk, under the slot's lock. Puts the new place into @end; leaves it
 * empty if the walk is over. Returns an error as reuse_walk() does.
 */
static int walk_chunk(struct walk *w, struct anchors *end)
{
	const struct anchors *stop = &w->old;
	bool begun = !w->place.n;
	unsigned int seen = 0;
	struct sock *sk;
	int err;

	if (begun) {
		sk = walk_first(w);
	} else {
		sk = anchors_find(&w->place, w->table, w->net, w->slots,
				  w->slot);
		if (!sk)
			return -EAGAIN;
		sk = w->table->next(w->net, sk);
	}

	for (;;) {
		if (!sk || anchors_have(stop, sk)) {
			if (begun || w->round + 1 == ROUNDS_MAX)
				return 0;
			begun = true;
			w->round++;
			stop = &w->mark;
			/* It is a chunk away, behind what is new */
			seen = 0;
			sk = walk_first(w);
			continue;
		}
		if (net_eq(sock_net(sk), w->net)) {
			err = w->visit(sk, w->round, w->arg);
			if (err)
				return err;
		}
		if (++seen > w->chunk - ANCHORS + (stop->n ? w->chunk : 0) &&
		    anchors_add(end, w->table, sk)) {
			end->next = w->table->next(w->net, sk);
			return 0;
		}
		sk = w->table->next(w->net, sk);
	}
}

/**
 * reuse_walk() - call a function for each socket of a slot
 * @table: the kind of table
 * @net: network namespace; sockets of others may be walked, but not visited
 * @slots: the table
 * @slot: which slot
 * @chunk: sockets to look at in one go, more than 16
 * @visit: called with the slot's lock held and bottom halves off, the number of
 *	the round (from 0) and @arg; anything but 0 ends the walk
 * @arg: for @visit
 *
 * Context: process context, may sleep. Takes the slot's lock, with bottom
 * halves off, once for each @chunk sockets (and once for up to three times as
 * many) and lets others run in between. A slot of up to @chunk sockets is seen
 * as it is at one moment. In a longer one, each socket that stays for the whole
 * walk is visited in round 0 exactly once, and at the end of the last round
 * (if it is not cut short, after four of them) each socket that is there has
 * been visited in some round.
 *
 * Return: 0, what @visit returned, -EAGAIN if the place was lost (what was
 * visited so far is void), -EINTR if the task is being killed.
 */
int reuse_walk(const struct reuse_table *table, const struct net *net,
	       const struct reuse_slots *slots, unsigned int slot,
	       unsigned int chunk, reuse_visit_t visit, void *arg)
{
	struct walk w = {
		.table = table, .net = net, .slots = slots, .slot = slot,
		.chunk = chunk, .visit = visit, .arg = arg,
	};
	spinlock_t *lock = reuse_slot_lock(slots, slot);
	int err;

	do {
		unsigned int round = w.round;
		struct anchors end = {};

		spin_lock_bh(lock);
		err = walk_chunk(&w, &end);
		spin_unlock_bh(lock);

		anchors_put(&w.place);
		w.place = end;
		if (w.round != round) {
			anchors_put(&w.old);
			w.old = w.mark;
			w.mark.n = 0;
		}
		if (!w.mark.n)
			anchors_dup(&w.mark, &w.place);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();
	} while (w.place.n && !err);

	anchors_put(&w.place);
	anchors_put(&w.mark);
	anchors_put(&w.old);
	return err;
}
