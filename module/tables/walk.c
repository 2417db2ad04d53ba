// SPDX-License-Identifier: GPL-2.0
/*
 * Walk all sockets of a slot, however many there are, without holding its lock
 * for longer than it takes to look at a chunk of them.
 *
 * The walk takes one list of the slot after the other. To find its place again
 * after a pause, it keeps references to the last few sockets that it has seen,
 * the anchors. No socket enters a list between two others, so whatever follows
 * the last anchor that is still in its place has not been seen yet. If too many
 * anchors have left, the place is lost and the caller starts the slot anew.
 *
 * While the lock is not held, a socket may enter at the head of the list, behind
 * the walk, and take over the address of one that the walk has not reached yet
 * and that closes. So when the walk comes to the end of a list that took more
 * than one hold of the lock, it adds another round under the same hold: from the
 * head to the sockets that the round before saw first. That is enough even if a
 * socket went to another list, as the sockets of one row are all in one list.
 */
#ifdef __KERNEL__
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <net/inet_hashtables.h>
#include <net/sock.h>
#endif

#include "compat/uninitialized.h"
#include "walk.h"

/* selftests/list/walk_model.c sets a lower number */
#ifndef REUSE_WALK_ANCHORS
#define REUSE_WALK_ANCHORS	16	/* sockets */
#endif
#define ANCHORS		REUSE_WALK_ANCHORS

/* Rounds of a list at most: more than two if more sockets enter than one hold can look at */
#define ROUNDS_MAX	4

/* A socket that was seen, with a reference, and the list that it was in */
struct anchor {
	struct sock *sk;
	const void *list;
};

/**
 * struct anchors - where a chunk of the walk ended
 * @at: neighbours in the slot, in the order in which they were seen
 * @n: how many of @at are in use
 * @first: index from which on they are neighbours; a socket before could not be kept
 * @next: the socket that followed the last one, with a reference, or NULL
 */
struct anchors {
	struct anchor at[2 * ANCHORS];
	unsigned int n;
	unsigned int first;
	struct sock *next;
};

/*
 * Groups of a start, and sockets of a group. The newest sockets, near the head, may be the
 * first to close: so there are groups further down, too.
 */
#define GROUPS		6
#define GROUP		4

/**
 * struct start - sockets of a list that were there when a round began
 * @sk: groups of neighbours, from where the round paused for the first time, for the
 *	second, and then each time twice as far; NULL where there are fewer
 * @pauses: how often the round has paused
 */
struct start {
	struct sock *sk[GROUPS][GROUP];
	unsigned int pauses;
};

/**
 * struct walk - a walk that is under way
 * @table: the kind of table
 * @net: network namespace
 * @slots: the table
 * @slot: index of the slot
 * @chunk: how many sockets to look at under one hold of the lock
 * @visit: called for each socket
 * @arg: argument of @visit
 * @list: the list that is being walked
 * @round: number of the round of @list, from 0
 * @resume: where the last hold of the lock ended
 * @this_start: start of this round of @list; empty if it began under this hold of
 *	the lock
 * @prev_start: start of the round before
 */
struct walk {
	const struct bind_table *table;
	const struct net *net;
	const struct reuse_slots *slots;
	unsigned int slot;
	unsigned int chunk;
	reuse_visit_t visit;
	void *arg;
	const void *list;
	unsigned int round;
	struct anchors resume;
	struct start this_start;
	struct start prev_start;
};

/**
 * struct hold - what the walk does under one hold of the lock
 * @sk: the socket to look at next, NULL at the end of the list
 * @last: a socket of the list that is being walked
 * @until: the round ends at one of these sockets; NULL for the end of the list
 * @budget: how many more sockets to look at before the lock is dropped
 * @whole: the round began under this hold
 * @lists: the walk began another list under this hold
 * @end: the anchors where this hold ends
 */
struct hold {
	struct sock *sk;
	struct sock *last;
	const struct start *until;
	int budget;
	bool whole;
	bool lists;
	struct anchors end;
};

/* The sockets need no value: they are many, and most walks keep none */
static void anchors_init(struct anchors *anchors)
{
	anchors->n = 0;
	anchors->first = 0;
	anchors->next = NULL;
}

/*
 * Add @sk to the anchors if it is alive; called under the slot's lock. A TIME_WAIT
 * socket enters its bucket before its reference count is set and cannot be kept
 * until then. Returns true if there are enough anchors, @sk among them.
 */
static bool anchors_add(struct anchors *anchors,
			const struct bind_table *table, struct sock *sk)
{
	struct anchor *a = &anchors->at[anchors->n];

	if (!refcount_inc_not_zero(&sk->sk_refcnt)) {
		anchors->first = anchors->n;
		return false;
	}
	a->sk = sk;
	a->list = table->list(sk);
	return ++anchors->n == ARRAY_SIZE(anchors->at) ||
	       anchors->n - anchors->first >= ANCHORS;
}

/* Called without any lock: dropping the last reference frees the socket */
static void anchors_put(struct anchors *anchors)
{
	while (anchors->n)
		sock_gen_put(anchors->at[--anchors->n].sk);
	anchors->first = 0;
	if (anchors->next)
		sock_gen_put(anchors->next);
	anchors->next = NULL;
}

/* Called without any lock: dropping the last reference frees the socket */
static void group_put(struct sock **group)
{
	unsigned int i;

	for (i = 0; i < GROUP; i++) {
		if (group[i])
			sock_gen_put(group[i]);
		group[i] = NULL;
	}
}

static void start_put(struct start *start)
{
	unsigned int i;

	for (i = 0; i < GROUPS; i++)
		group_put(start->sk[i]);
	start->pauses = 0;
}

static void starts_init(struct walk *w)
{
	memset(&w->this_start, 0, sizeof(w->this_start));
	memset(&w->prev_start, 0, sizeof(w->prev_start));
}

/*
 * Is @sk one of the sockets of @start and where it was then? Only if the socket that
 * followed it then still does: connect() may have moved @sk to the head, see
 * anchors_find().
 */
static bool start_at(const struct start *start, const struct sock *sk,
		     const struct sock *next)
{
	unsigned int i, j;

	for (i = 0; i < GROUPS; i++) {
		for (j = 0; j + 1 < GROUP; j++) {
			if (start->sk[i][j] == sk)
				return next && start->sk[i][j + 1] == next;
		}
	}
	return false;
}

/* The socket that follows in the slot, whatever its list */
static struct sock *walk_after(const struct walk *w, const struct sock *sk)
{
	struct sock *next = w->table->next(sk);

	return next ?: w->table->list_next(w->net, sk);
}

static bool walk_holds(const struct walk *w, const struct sock *sk,
		       const void *list)
{
	return w->table->holds(w->slots, w->slot, sk, list);
}

/*
 * Begin at anchor @i and follow the anchors of its list that are still neighbours.
 * Sets @last to the last of them, and returns how many they are.
 */
static unsigned int anchors_chain(const struct walk *w, unsigned int i,
				  struct sock **last)
{
	const struct anchors *anchors = &w->resume;
	const void *list = anchors->at[i].list;
	unsigned int n = 1;

	*last = anchors->at[i].sk;
	while (++i < anchors->n) {
		const struct anchor *a = &anchors->at[i];

		if (a->list == list && w->table->next(*last) == a->sk &&
		    walk_holds(w, a->sk, list)) {
			*last = a->sk;
			n++;
		}
	}
	return n;
}

/* The last anchor before @i that is still in the slot; @i if there is none */
static unsigned int anchors_before(const struct walk *w, unsigned int i)
{
	const struct anchors *anchors = &w->resume;
	unsigned int j = i;

	while (j-- > anchors->first) {
		if (walk_holds(w, anchors->at[j].sk, anchors->at[j].list))
			return j;
	}
	return i;
}

/*
 * Find the socket to go on behind, or NULL; called under the slot's lock.
 *
 * That an anchor is in its list is not enough: a connect() that narrows the
 * address and fails takes the socket out and puts it in again, at the head. An
 * anchor is where it was if the same socket follows as then, or if most anchors
 * of its list are still neighbours, or if it is the only anchor of its list and
 * still follows the anchor of the list before.
 */
static struct sock *anchors_find(const struct walk *w)
{
	const struct anchors *anchors = &w->resume;
	unsigned int i, j, first = 0, held = 0;
	const void *list = NULL;
	struct sock *last;

	for (i = anchors_before(w, anchors->n); i < anchors->n; i = j) {
		if (held && anchors->at[i].list != list)
			break;

		list = anchors->at[i].list;
		first = i;
		held++;
		j = anchors_before(w, i);
		if (j == i)
			break;
	}
	if (!held)
		return NULL;

	if (held == 1 && i != first &&
	    walk_after(w, anchors->at[i].sk) == anchors->at[first].sk)
		return anchors->at[first].sk;

	for (i = first; i < anchors->n; i++) {
		unsigned int chain;

		if (anchors->at[i].list != list ||
		    !walk_holds(w, anchors->at[i].sk, list))
			continue;

		chain = anchors_chain(w, i, &last);
		if (walk_after(w, last) == anchors->next ||
		    (chain > 1 && 2 * chain > held))
			return last;
	}
	return NULL;
}

/* Begin the list that @h->sk is in */
static void hold_list(struct walk *w, struct hold *h)
{
	w->list = w->table->list(h->sk);
	w->round = 0;
	h->last = h->sk;
	h->whole = true;
	h->lists = true;
	h->until = NULL;
}

/* Find where to go on. Returns 0, or -EAGAIN if the place is lost */
static int hold_begin(struct walk *w, struct hold *h)
{
	h->last = NULL;
	h->budget = w->chunk;
	h->whole = false;
	h->lists = false;
	anchors_init(&h->end);

	if (!w->resume.n) {
		h->sk = w->table->first(w->net, reuse_slot_head(w->slots, w->slot));
		if (h->sk)
			hold_list(w, h);
		return 0;
	}

	h->last = anchors_find(w);
	if (!h->last)
		return -EAGAIN;

	if (w->table->list(h->last) == w->list) {
		h->sk = w->table->next(h->last);
	} else {
		/* All anchors of the list that was being walked have left it */
		h->sk = w->table->list_next(w->net, h->last);
		h->last = h->sk;
		if (!h->sk)
			return 0;
		if (w->table->list(h->sk) != w->list) {
			hold_list(w, h);
			return 0;
		}
	}

	h->until = w->round ? &w->prev_start : NULL;
	return 0;
}

/*
 * Look at sockets up to the end of the round, or until the budget is used up:
 * then sets @paused, and @h->end is where. Returns an error as reuse_walk() does.
 */
static int hold_round(struct walk *w, struct hold *h, bool *paused)
{
	*paused = false;
	for (; h->sk; h->sk = w->table->next(h->sk)) {
		int err = 0;

		if (h->until && start_at(h->until, h->sk, w->table->next(h->sk)))
			return 0;

		if (net_eq(sock_net(h->sk), w->net))
			err = w->visit(h->sk, w->round, w->arg);
		if (err)
			return err;

		h->last = h->sk;
		if (--h->budget < ANCHORS && anchors_add(&h->end, w->table, h->sk)) {
			*paused = true;
			return 0;
		}
	}
	return 0;
}

/*
 * The round is over. Sockets that entered the list during the round are at its head:
 * begin another round. If all of the round was under this hold, no socket could enter:
 * go to the next list. Returns false at the end of the slot.
 */
static bool hold_next(struct walk *w, struct hold *h)
{
	if (!h->whole) {
		w->round++;
		h->whole = true;
		h->sk = w->table->list_first(reuse_slot_head(w->slots, w->slot), h->last);

		/* Allow for the new sockets and for the first chunk, which is behind them */
		h->budget = 2 * w->chunk;
		h->end.first = h->end.n;
		h->until = &w->this_start;
		return true;
	}

	h->sk = w->table->list_next(w->net, h->last);
	if (!h->sk)
		return false;

	/* A hold with another round in it has been long enough */
	if (w->round)
		h->budget = min_t(int, h->budget, ANCHORS);
	hold_list(w, h);
	return true;
}

/* Walk under one hold of the slot's lock; sets @more unless the walk is over */
static int walk_hold(struct walk *w, struct hold *h, bool *more)
{
	int err = hold_begin(w, h);

	*more = false;
	if (err || !h->last)
		return err;

	do {
		err = hold_round(w, h, more);
		if (err)
			return err;

		if (*more) {
			struct sock *next = walk_after(w, h->last);

			if (next && refcount_inc_not_zero(&next->sk_refcnt))
				h->end.next = next;
			return 0;
		}

		/* Sockets enter so fast that the list has no end: start the slot anew */
		if (!h->whole && w->round + 1 == ROUNDS_MAX)
			return -EAGAIN;
	} while (hold_next(w, h));
	return 0;
}

/*
 * Remember the first anchors of the list that the hold ended in: when the next round
 * comes to them, it has seen all sockets that are new in the list.
 */
static void start_add(struct walk *w, const struct anchors *end)
{
	unsigned int pauses = w->this_start.pauses++;
	struct sock **group;
	unsigned int i, n = 0;

	if (pauses & (pauses - 1))
		return;

	group = w->this_start.sk[min_t(unsigned int, fls(pauses), GROUPS - 1)];
	group_put(group);
	for (i = end->first; i < end->n && n < GROUP; i++) {
		if (end->at[i].list != w->list)
			continue;
		group[n] = end->at[i].sk;
		sock_hold(group[n++]);
	}
}

/* Called without the lock: keep where @h ended, and drop the references of before */
static void walk_pause(struct walk *w, const struct hold *h, unsigned int round)
{
	anchors_put(&w->resume);
	w->resume = h->end;

	if (h->lists) {
		start_put(&w->prev_start);
		start_put(&w->this_start);
	} else if (w->round != round) {
		start_put(&w->prev_start);
		w->prev_start = w->this_start;
		memset(&w->this_start, 0, sizeof(w->this_start));
	}

	start_add(w, &w->resume);
}

/**
 * reuse_walk() - call a function for each socket of a slot
 * @table: the kind of table
 * @net: network namespace; sockets of others may be walked, but not visited
 * @slots: the table
 * @slot: index of the slot
 * @chunk: how many sockets to look at under one hold of the lock, more than 16
 * @visit: called for each socket with the slot's lock held and bottom halves off.
 *	Its arguments are the socket, the number of the round (from 0) of the list
 *	that the socket is in, and @arg. If it does not return 0, the walk ends
 * @arg: argument of @visit
 *
 * Context: process context, may sleep. Takes the slot's lock, with bottom
 * halves off, once for each @chunk sockets (and, at the end of a list that took
 * several, once for up to three times as many) and lets others run in between.
 * A slot of up to @chunk sockets is seen as it is at one moment. In a longer
 * one, each socket that stays where it is for the whole walk is visited in
 * round 0 exactly once; and when the last round of a list ends, each socket
 * that is in the list has been visited in some round.
 *
 * Return: 0; what @visit returned; -EAGAIN if the place was lost or sockets enter
 * too fast (the caller must discard what was visited so far); -EINTR if the task is
 * being killed.
 */
int reuse_walk(const struct bind_table *table, const struct net *net,
	       const struct reuse_slots *slots, unsigned int slot,
	       unsigned int chunk, reuse_visit_t visit, void *arg)
{
	spinlock_t *lock = reuse_slot_lock(slots, slot);
	bool more, first = true;
	/* They are large, and what is read of them is set: the compiler need not clear them */
	struct walk w __uninitialized;
	int err;

	w.table = table;
	w.net = net;
	w.slots = slots;
	w.slot = slot;
	w.chunk = chunk;
	w.visit = visit;
	w.arg = arg;
	w.round = 0;
	anchors_init(&w.resume);

	do {
		unsigned int round = w.round;
		struct hold h __uninitialized;

		spin_lock_bh(lock);
		err = walk_hold(&w, &h, &more);
		spin_unlock_bh(lock);

		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		cond_resched();

		/* Most slots take one hold of the lock: there is no place to be kept */
		if (first && !more) {
			anchors_put(&h.end);
			return err;
		}

		if (first)
			starts_init(&w);
		first = false;
		walk_pause(&w, &h, round);
	} while (more && !err);

	anchors_put(&w.resume);
	start_put(&w.this_start);
	start_put(&w.prev_start);
	return err;
}
