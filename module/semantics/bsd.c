// SPDX-License-Identifier: GPL-2.0
/*
 * FreeBSD 13: in_pcbbind_setup(), in6_pcbbind(), in_pcblookup_local(),
 * in6_pcblookup_local(), in_pcb_lport() and in_pcblookup_hash_locked().
 *
 * FreeBSD compares the newcomer with one socket of the port, never with all. Which one
 * depends on the newcomer's options: with SO_REUSEADDR or SO_REUSEPORT it is the newest
 * unconnected socket on exactly its address ("exact"). Without them, and always for the
 * test of the user, it is the nearest one (bsd_cost()).
 */
#include "semantics.h"

/* Does FreeBSD find @p under IPv4 (INP_IPV4)? Under IPv6 (INP_IPV6)? */
static bool bsd_in_ipv4(const struct sem_sock *p)
{
	return sem_mapped(p->addr) ||
	       (p->ipv6 && !p->v6only && sem_same(p->addr, sem_any6));
}

static bool bsd_in_ipv6(const struct sem_sock *p)
{
	return p->ipv6 && !sem_mapped(p->addr);
}

/* The address of @p, as IPv4 or as IPv6 sees it */
static const u8 *bsd_laddr(const struct sem_sock *p, bool ipv4)
{
	return ipv4 && !sem_mapped(p->addr) ? sem_any4 : p->addr;
}

static bool bsd_has_flag(const struct sem_sock *sk)
{
	return sk->reuseaddr || sk->reuseport;
}

/* Root may join sockets of any user; for a multicast address, everybody may */
static bool bsd_may_join(const struct sem_sock *sk)
{
	return sk->root || sem_multicast(sk->addr);
}

/* Adds two lookups: for the test of the user, if there is one, and for the share test */
static void bsd_want(struct sem_bind *b, const u8 *addr, bool ipv4)
{
	struct sem_lookup *l = &b->lookup[b->n];

	l[0].id = NULL;
	l[0].addr = bsd_may_join(b->sk) ? NULL : addr;
	l[0].ipv4 = ipv4;
	l[0].exact = false;
	l[1].id = NULL;
	l[1].addr = addr;
	l[1].ipv4 = ipv4;
	l[1].exact = bsd_has_flag(b->sk);
	b->n += 2;
}

static void bsd_begin(struct sem_bind *b)
{
	const struct sem_sock *sk = b->sk;
	bool ipv4 = sem_mapped(sk->addr);

	b->n = 0;
	bsd_want(b, sk->addr, ipv4);
	if (!ipv4 && !sk->v6only && sem_any(sk->addr))
		bsd_want(b, sem_any4, true);
}

/* Distance of @p: a lookup finds the nearest socket. -1: it never finds @p */
static int bsd_cost(const struct sem_lookup *l, const struct sem_sock *p)
{
	const u8 *laddr = bsd_laddr(p, l->ipv4);
	bool same;

	if (!l->addr || !(l->ipv4 ? bsd_in_ipv4(p) : bsd_in_ipv6(p)))
		return -1;

	same = sem_same(laddr, l->addr);
	if (l->exact)
		return sem_is_connected(p) || !same ? -1 : 0;

	if (!same && !sem_any(laddr) && !sem_any(l->addr))
		return -1;
	return sem_is_connected(p) + !same + 3 * (l->ipv4 && bsd_in_ipv6(p));
}

/* Does the lookup find @p, at distance @cost, rather than what it has found so far? */
static bool bsd_better(const struct sem_lookup *l, const struct sem_sock *p,
		       int cost)
{
	if (!l->id || cost < l->cost)
		return true;
	return cost == l->cost && p->bind_seq >= l->owner.bind_seq;
}

static void bsd_look(struct sem_lookup *l, const struct sem_sock *p,
		     const void *id)
{
	int cost = bsd_cost(l, p);

	if (cost < 0 || !bsd_better(l, p, cost))
		return;

	l->id = id;
	l->owner = *p;
	l->cost = cost;
}

/*
 * Among TCP sockets with a remote end it makes no difference which one a lookup finds:
 * bsd_foreign() is false for all of them; and the share test finds one only for a newcomer
 * without SO_REUSEADDR and SO_REUSEPORT, which shares with no socket.
 */
static bool bsd_matters(const struct sem_bind *b, const struct sem_sock *p)
{
	u32 i;

	for (i = 0; i < b->n; i++) {
		const struct sem_lookup *l = &b->lookup[i];
		int cost = bsd_cost(l, p);

		if (cost < 0 || !bsd_better(l, p, cost))
			continue;
		if (b->udp || !l->id || cost < l->cost ||
		    !sem_is_connected(p) || !sem_is_connected(&l->owner))
			return true;
	}
	return false;
}

static bool bsd_owner(struct sem_bind *b, const struct sem_sock *owner,
		      const void *id)
{
	u32 i;

	for (i = 0; i < b->n; i++)
		bsd_look(&b->lookup[i], owner, id);

	/*
	 * A lookup that would find an older socket on this address finds @owner, too, and
	 * prefers it. The exception is :: with IPV6_V6ONLY, which is not found under IPv4.
	 */
	return !sem_is_connected(owner) &&
	       !(owner->v6only && sem_same(owner->addr, sem_any6));
}

static bool bsd_done(const struct sem_bind *b)
{
	u32 i;

	for (i = 0; i < b->n; i++) {
		const struct sem_lookup *l = &b->lookup[i];

		if (l->addr && (!l->id || l->cost))
			return false;
	}
	return true;
}

/* The test of the user in in_pcbbind_setup(): is the socket that was found another user's? */
static bool bsd_foreign(const struct sem_bind *b, const struct sem_lookup *l)
{
	const struct sem_sock *sk = b->sk, *t = &l->owner;

	if (!l->id)
		return false;
	return t->state != SEM_TIMEWAIT && t->uid != sk->uid &&
	       (b->udp || t->state != SEM_CONNECTED);
}

/* May @sk and @t share? For a multicast address SO_REUSEADDR counts as well */
static bool bsd_shares(const struct sem_sock *sk, const struct sem_sock *t)
{
	if (sem_multicast(sk->addr) && bsd_has_flag(sk))
		return bsd_has_flag(t);
	return sk->reuseport && t->reuseport;
}

/* The share test in in_pcbbind_setup(): does the socket that was found refuse the port? */
static bool bsd_taken(const struct sem_bind *b, const struct sem_lookup *l)
{
	const struct sem_sock *sk = b->sk, *t = &l->owner;

	if (!l->id || bsd_shares(sk, t))
		return false;
	if (!sem_mapped(sk->addr))
		return true;
	return !(sk->ipv6 && t->ipv6 && sem_any(sk->addr) && sem_any(t->addr));
}

/* The same for a dual-stack ::, of the socket that was found on 0.0.0.0 */
static bool bsd_taken_dual(const struct sem_bind *b,
			   const struct sem_lookup *l)
{
	const struct sem_sock *t = &l->owner;

	return l->id && !bsd_shares(b->sk, t) &&
	       (!sem_any(t->addr) || t->ipv6);
}

static int bsd_verdict(struct sem_bind *b)
{
	struct sem_lookup *l = b->lookup;

	/* in_pcb_lport(): any socket found makes it try the next port */
	if (b->search) {
		b->by = l[1].id;
		return b->by ? -EADDRINUSE : 0;
	}

	b->by = NULL;
	if (bsd_foreign(b, &l[0]))
		b->by = l[0].id;
	else if (b->n > 2 && bsd_foreign(b, &l[2]))
		b->by = l[2].id;
	else if (bsd_taken(b, &l[1]))
		b->by = l[1].id;
	else if (b->n > 2 && bsd_taken_dual(b, &l[3]))
		b->by = l[3].id;

	return b->by ? -EADDRINUSE : 0;
}

/*
 * in_pcblookup_hash_locked(), without SO_REUSEPORT_LB. Best is the newest socket on the
 * exact address; then the oldest of the packet's family on the wildcard address; then the
 * oldest dual-stack one.
 */
static bool bsd_deliver(struct sem_deliver *d, const struct sem_sock *p,
			const void *id)
{
	bool ipv4 = !d->packet->ipv6;
	const u8 *laddr = bsd_laddr(p, ipv4);
	bool worse;
	u8 rank;

	if (!(ipv4 ? bsd_in_ipv4(p) : bsd_in_ipv6(p)))
		return false;

	if (sem_same(laddr, d->packet->addr))
		rank = 3;
	else if (sem_any(laddr))
		rank = p->ipv6 == d->packet->ipv6 ? 2 : 1;
	else
		return false;

	worse = rank == 3 ? p->bind_seq < d->bind_seq : p->bind_seq > d->bind_seq;
	if (d->id && (rank < d->rank || (rank == d->rank && worse)))
		return true;

	d->id = id;
	d->bind_seq = p->bind_seq;
	d->rank = rank;
	return true;
}

/* udp_input() */
static bool bsd_ends_multicast(const struct sem_sock *sk)
{
	return !bsd_has_flag(sk);
}

const struct sem_profile sem_bsd = {
	.name			= "bsd",
	.begin			= bsd_begin,
	.owner			= bsd_owner,
	.matters		= bsd_matters,
	.done			= bsd_done,
	.verdict		= bsd_verdict,
	.needs_bind_order	= true,
	.wildcard_oldest_first	= true,
	.connect_keeps_port	= true,
	.search_error		= -EADDRNOTAVAIL,
	.deliver		= bsd_deliver,
	.ends_multicast		= bsd_ends_multicast,
};
