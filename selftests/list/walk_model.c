// SPDX-License-Identifier: GPL-2.0
/*
 * Run module/tables/walk.c over a model of the kernel's tables, without a kernel: each
 * time that it drops the lock, sockets are closed, bound and moved in every way
 * that a few steps allow. What the walk promises must hold for all of them.
 *
 *   walk_model [STEPS [RUNS [SEED]]]
 *
 * tries all interleavings of STEPS steps, then RUNS of more steps by chance. Exit status 1
 * if one breaks a promise; then it prints which.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REUSE_WALK_ANCHORS	3
#define CHUNK			7
/* One short of what the walk takes for a majority of its anchors */
#define MOVES_MAX		1

/* The parts of the kernel that walk.c needs */
typedef uint16_t u16;
struct refcount { int refs; };

#define refcount_t		struct refcount
#define spinlock_t		int
#define current			0

struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };
struct list;

struct sock {
	struct hlist_node node;
	refcount_t sk_refcnt;
	struct list *list;	/* NULL: not bound */
	int row;
	int visits;		/* in round 0 */
	bool stayed;		/* since the walk began, where it was */
};

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define min_t(type, a, b)	((type)model_min(a, b))
#define fls(x)			((x) ? 32 - __builtin_clz(x) : 0)
#define sock_net(sk)		((void)(sk), (const struct net *)NULL)
#define net_eq(a, b)		((a) == (b))
#define spin_lock_bh(lock)	((void)(lock), model_lock())
#define spin_unlock_bh(lock)	((void)(lock), model_unlock())
#define cond_resched()		((void)0)

static inline bool fatal_signal_pending(int task)
{
	return false;
}

static inline long model_min(long a, long b)
{
	return a < b ? a : b;
}

static void model_lock(void);
static void model_unlock(void);
static void sock_gen_put(struct sock *sk);

static inline bool refcount_inc_not_zero(refcount_t *r)
{
	return r->refs && ++r->refs;
}

static inline void sock_hold(struct sock *sk)
{
	sk->sk_refcnt.refs++;
}

#include "walk.c"

/* The model: a slot has lists, in which there are sockets, of some rows each */
#define SOCKS		48
#define ROWS		12
#define LISTS		12
#define CHOICES		256

struct list {
	struct hlist_node node;
	struct hlist_head owners;
	bool used;
};

/**
 * struct shape - a slot as it is when the walk begins
 * @name: a description
 * @list: the sockets of each list, by row, the first one first; '.' ends a list
 * @last: a row whose sockets enter at the end of their list, or 0
 */
struct shape {
	const char *name;
	const char *list;
	char last;
};

static const struct shape shapes[] = {
	{ "a port before another one of two addresses, one list for each port",
	  "aaaaaa.bbbbbbbbc.", 0 },
	{ "two addresses of one port in their lists", "aaaaaaab.cccccccd.", 0 },
	{ "many lists of one", "a.b.c.d.e.f.g.h.i.j.k.", 0 },
	{ "lists of two", "aa.bc.de.ff.gh.ij.", 0 },
	{ "one list", "aaaaabbbaacc.", 0 },
	{ "one list, some enter at its end", "aaabaaaaccc.", 'c' },
	{ "a long list", "aaaaaaaaaaaaaaaaaaaaaaaaaaab.", 0 },
};

static const struct shape *shape;
static struct hlist_head slot;
static struct sock socks[SOCKS];
static struct sock *pool[SOCKS];	/* what was freed last is used first */
static int npool;
static struct list lists[LISTS];
static struct list *list_of_row[ROWS];
static int count[ROWS];
static bool held[ROWS], seen[ROWS];
static bool locked, exact;
static int looked, steps, moves, steps_max;

/* A number for each step decides what happens: all numbers in turn, or random ones */
static int choice[CHOICES], options[CHOICES], nchoices;
static uint64_t chance;

static void fail(const char *fmt, ...)
{
	va_list ap;
	int i;

	printf("# walk.c: %s:", shape->name);
	for (i = 0; i < nchoices; i++)
		printf(" %d", choice[i]);
	printf("\n# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static int choose(int n)
{
	if (nchoices == CHOICES)
		fail("too many choices");
	options[nchoices] = n;
	if (!exact) {
		chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
		choice[nchoices] = (chance >> 33) % n;
	}
	return choice[nchoices++];
}

/* Go on to the next of all runs; false after the last one */
static bool choose_next(void)
{
	int i;

	for (i = nchoices; i-- > 0;) {
		if (++choice[i] < options[i]) {
			memset(&choice[i + 1], 0, sizeof(choice[0]) * (CHOICES - i - 1));
			return true;
		}
	}
	return false;
}

static void node_add(struct hlist_node *node, struct hlist_node **at)
{
	node->next = *at;
	node->pprev = at;
	if (*at)
		(*at)->pprev = &node->next;
	*at = node;
}

static void node_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

static struct list *list_new(struct hlist_node **at)
{
	struct list *l = lists;

	while (l->used)
		l++;
	l->used = true;
	l->owners.first = NULL;
	node_add(&l->node, at);
	return l;
}

static void sock_link(struct sock *sk, struct list *list, bool last)
{
	struct hlist_node **at = &list->owners.first;

	while (last && *at)
		at = &(*at)->next;
	node_add(&sk->node, at);
	sk->list = list;
}

static void sock_unlink(struct sock *sk)
{
	struct list *list = sk->list;

	node_del(&sk->node);
	sk->list = NULL;
	if (!list->owners.first) {
		node_del(&list->node);
		list->used = false;
	}
}

static struct list *row_list(int row)
{
	return list_of_row[row] && list_of_row[row]->used ? list_of_row[row] : NULL;
}

static void sock_bind(int row, struct list *list)
{
	struct sock *sk;

	if (!npool)
		fail("the model is too small");
	sk = pool[--npool];
	memset(sk, 0, sizeof(*sk));
	sk->sk_refcnt.refs = 1;
	sk->row = row;
	count[row]++;
	list_of_row[row] = list;
	sock_link(sk, list, shape->last && row == shape->last - 'a');
}

static void sock_gen_put(struct sock *sk)
{
	if (locked)
		fail("a reference is dropped with the lock held");
	if (sk->sk_refcnt.refs <= 0)
		fail("a reference too many is dropped");
	if (!--sk->sk_refcnt.refs)
		pool[npool++] = sk;
}

static void sock_close(struct sock *sk)
{
	sock_unlink(sk);
	if (!--count[sk->row])
		held[sk->row] = false;
	sock_gen_put(sk);
}

/* connect() that fails puts a socket in again, at the head */
static void sock_move(struct sock *sk)
{
	struct list *list = sk->list;

	node_del(&sk->node);
	sock_link(sk, list, false);
	sk->stayed = false;
	moves++;
}

/* @how: 0 to the list that there is, 1 and 2 to one made at two places */
static void step_bind(int row, int how)
{
	struct hlist_node **at = &slot.first;

	/* A list enters before the others, or before those of its port */
	if (how == 2 && *at)
		at = &(*at)->next;
	sock_bind(row, how ? list_new(at) : row_list(row));
}

/* The socket that is number @n of those that are bound */
static struct sock *bound(int n)
{
	struct sock *sk = socks;

	while (!sk->list || n--)
		sk++;
	return sk;
}

/* One thing that others do while the lock is not held; false for nothing */
static bool step(void)
{
	int nbound = SOCKS, binds[2 * ROWS], nbinds = 0, i, n;

	for (i = 0; i < SOCKS; i++)
		nbound -= !socks[i].list;
	/* Of the rows that there never were, one is as good as another */
	for (i = 0; i < ROWS && (!i || list_of_row[i - 1]); i++) {
		if (row_list(i)) {
			binds[nbinds++] = 4 * i;
			continue;
		}
		binds[nbinds++] = 4 * i + 1;
		binds[nbinds++] = 4 * i + 2;
	}
	n = choose(1 + nbinds + nbound + (moves < MOVES_MAX ? nbound : 0));
	if (!n)
		return false;
	n--;
	if (n < nbinds)
		step_bind(binds[n] / 4, binds[n] % 4);
	else if (n < nbinds + nbound)
		sock_close(bound(n - nbinds));
	else
		sock_move(bound(n - nbinds - nbound));
	return true;
}

static void model_lock(void)
{
	locked = true;
	looked = 0;
}

static void model_unlock(void)
{
	locked = false;
	if (looked > 3 * CHUNK + 2 * REUSE_WALK_ANCHORS)
		fail("%d sockets are looked at under one hold of the lock", looked);
	while (steps < steps_max && step())
		steps++;
}

#define SOCK(pos)	((struct sock *)((char *)(pos) - offsetof(struct sock, node)))
#define LIST(pos)	((struct list *)((char *)(pos) - offsetof(struct list, node)))

static struct sock *list_head_of(const struct hlist_node *node)
{
	return node ? SOCK(LIST(node)->owners.first) : NULL;
}

static struct sock *model_first(const struct net *net, const struct hlist_head *head)
{
	return list_head_of(head->first);
}

static struct sock *model_next(const struct sock *sk)
{
	if (!locked || !sk->list)
		fail("what follows is asked of a socket that is not there");
	return sk->node.next ? SOCK(sk->node.next) : NULL;
}

static const void *model_list(const struct sock *sk)
{
	return sk->list;
}

static struct sock *model_list_first(const struct hlist_head *head, const struct sock *sk)
{
	return SOCK(sk->list->owners.first);
}

static struct sock *model_list_next(const struct net *net, const struct sock *sk)
{
	if (!locked || !sk->list)
		fail("what follows is asked of a list that is not there");
	return list_head_of(sk->list->node.next);
}

static bool model_holds(const struct reuse_slots *slots, unsigned int n, const struct sock *sk,
			const void *list)
{
	if (sk->sk_refcnt.refs <= 0)
		fail("a socket is looked at that was freed");
	return sk->list && sk->list == list;
}

static const struct bind_table table = {
	.first = model_first, .next = model_next, .list = model_list, .holds = model_holds,
	.list_first = model_list_first, .list_next = model_list_next,
};

static int visit(struct sock *sk, unsigned int round, void *arg)
{
	if (!sk->list)
		fail("a socket is visited that is not there");
	looked++;
	seen[sk->row] = true;
	sk->visits += !round;
	return 0;
}

static void populate(void)
{
	struct hlist_node **at = &slot.first;
	struct list *list = NULL;
	const char *p;
	int i;

	slot.first = NULL;
	memset(lists, 0, sizeof(lists));
	memset(list_of_row, 0, sizeof(list_of_row));
	memset(count, 0, sizeof(count));
	memset(socks, 0, sizeof(socks));
	for (i = 0; i < SOCKS; i++)
		pool[i] = &socks[SOCKS - 1 - i];
	npool = SOCKS;
	for (p = shape->list; *p; p++) {
		struct sock *sk = pool[npool - 1];

		if (*p == '.') {
			list = NULL;
			continue;
		}
		if (!list) {
			list = list_new(at);
			at = &list->node.next;
		}
		sock_bind(*p - 'a', list);
		/* At the end, as they are written */
		node_del(&sk->node);
		sock_link(sk, list, true);
		sk->stayed = true;
	}
	for (i = 0; i < ROWS; i++) {
		held[i] = count[i];
		seen[i] = false;
	}
}

/* One walk, and what it promises. Returns whether it came to its end. */
static bool run(void)
{
	struct reuse_slots slots = { .base = (char *)&slot, .n = 1, .size = sizeof(slot) };
	int err, i;

	populate();
	nchoices = 0;
	steps = 0;
	moves = 0;
	err = reuse_walk(&table, NULL, &slots, 0, CHUNK, visit, NULL);
	for (i = 0; i < SOCKS; i++) {
		const struct sock *sk = &socks[i];

		if (sk->sk_refcnt.refs != !!sk->list)
			fail("socket %d has %d references", i, sk->sk_refcnt.refs);
		if (!err && sk->list && sk->stayed && sk->visits != 1)
			fail("socket %d of row %c stayed and was counted %d times", i,
			     'a' + sk->row, sk->visits);
	}
	for (i = 0; i < ROWS && !err; i++) {
		if (held[i] && !seen[i])
			fail("row %c was held all the time and is missing", 'a' + i);
	}
	if (err && (err != -EAGAIN || !steps))
		fail("the walk ended with %d after %d steps", err, steps);
	return !err;
}

int main(int argc, char **argv)
{
	unsigned long all, whole, runs = argc > 2 ? strtoul(argv[2], NULL, 0) : 100000;
	int most = argc > 1 ? atoi(argv[1]) : 3;
	unsigned int i;

	chance = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		shape = &shapes[i];
		exact = true;
		steps_max = most;
		memset(choice, 0, sizeof(choice));
		all = 0;
		whole = 0;
		do {
			whole += run();
			all++;
		} while (choose_next());
		printf("# walk.c: %s: %lu interleavings, %lu to the end\n", shape->name, all,
		       whole);
		if (2 * whole < all)
			fail("most walks have lost their place");
		exact = false;
		for (all = 0; all < runs; all++) {
			steps_max = 3 + all % 12;
			run();
		}
	}
	return 0;
}
