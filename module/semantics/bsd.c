// SPDX-License-Identifier: GPL-2.0
/*
 * The BSDs' in_pcbbind() and in6_pcbbind() with the lookups in_pcblookup_local() and
 * in6_pcblookup_local(), as far as all that descend from 4.4BSD have them in common.
 *
 * They compare the newcomer with one socket of the port, never with all. Which one depends on
 * the newcomer's options: with SO_REUSEADDR or SO_REUSEPORT it is the newest unconnected
 * socket on exactly its address ("exact"). Without them, and always for the test of the user,
 * it is the nearest one (bsd_cost()).
 */
#include "bsd.h"

/**
 * bsd_add() - add a lookup to a decision
 * @b: the decision
 * @addr: address to search for
 * @table: the sockets to search
 * @test: what the socket that is found has to pass
 *
 * Context: any.
 */
void bsd_add(struct sem_bind *b, const u8 *addr, enum bsd_table table, enum bsd_test test)
{
	struct sem_lookup *l = &b->lookup[b->n++];

	l->id = NULL;
	l->addr = addr;
	l->table = table;
	l->test = test;
	l->exact = test == BSD_SHARE && bsd_has_flag(b->sk) &&
		   !(b->search && table == BSD_IPV4 && b->rules->search4_flags_ignored);
}

/**
 * bsd_begin() - prepare a decision
 * @b: the decision
 * @rules: choices of the system that decides
 *
 * Context: any.
 */
void bsd_begin(struct sem_bind *b, const struct bsd_rules *rules)
{
	const struct sem_sock *sk = b->sk;
	bool ipv4 = sem_mapped(sk->addr);
	enum bsd_table table = ipv4 ? BSD_IPV4 : BSD_IPV6;
	bool user = bsd_tests_user(b);
	bool dual;

	b->rules = rules;
	b->n = 0;
	dual = rules->one_ipv4 && !b->search && !ipv4 && !sk->v6only && sem_any(sk->addr);
	if (user)
		bsd_add(b, sk->addr, table, BSD_USER);
	if (user && dual)
		bsd_add(b, sem_any4, BSD_IPV4, BSD_USER);
	bsd_add(b, sk->addr, table, BSD_SHARE);
	if (dual)
		bsd_add(b, sem_any4, BSD_IPV4, BSD_SHARE);
}

/* Is @p in the table that the lookup searches? */
static bool bsd_finds(const struct sem_bind *b, const struct sem_lookup *l,
		      const struct sem_sock *p)
{
	if (b->rules->hides_accepted && p->accepted && b->port % BSD_HASH_SIZE)
		return false;

	switch (l->table) {
	case BSD_IPV4:
		return b->rules->one_ipv4 ? bsd_in_ipv4(p) : !p->ipv6;
	case BSD_MAPPED:
		return p->ipv6 && bsd_in_ipv4(p);
	default:
		return bsd_in_ipv6(p);
	}
}

/* Distance of @p: a lookup finds the nearest socket. -1: it never finds @p */
static int bsd_cost(const struct sem_bind *b, const struct sem_lookup *l,
		    const struct sem_sock *p)
{
	bool ipv4 = l->table != BSD_IPV6;
	const u8 *laddr = bsd_laddr(p, ipv4);
	bool same, dual;

	if (!bsd_finds(b, l, p))
		return -1;

	dual = ipv4 && bsd_in_ipv6(p);
	same = sem_same(laddr, l->addr) && !(dual && l->table == BSD_MAPPED);
	if (l->exact)
		return sem_is_connected(p) || !same ? -1 : 0;

	if (!same && !sem_any(laddr) && !sem_any(l->addr))
		return -1;
	return sem_is_connected(p) + !same + (dual && b->rules->dual_is_far ? 3 : 0);
}

/* Does the lookup find @p, at distance @cost, rather than what it has found so far? */
static bool bsd_better(const struct sem_lookup *l, const struct sem_sock *p,
		       int cost)
{
	if (!l->id || cost < l->cost)
		return true;
	return cost == l->cost && p->bind_seq >= l->owner.bind_seq;
}

static void bsd_look(const struct sem_bind *b, struct sem_lookup *l,
		     const struct sem_sock *p, const void *id)
{
	int cost = bsd_cost(b, l, p);

	if (cost < 0 || !bsd_better(l, p, cost))
		return;

	l->id = id;
	l->owner = *p;
	l->cost = cost;
}

/*
 * Does it matter which of several TCP sockets with a remote end a lookup finds? Not to the
 * share test, which finds one only for a newcomer without SO_REUSEADDR and SO_REUSEPORT: that
 * shares with no socket.
 */
static bool bsd_tells_apart(const struct sem_bind *b, const struct sem_lookup *l)
{
	return b->udp || (l->test == BSD_USER && !b->rules->connected_alike);
}

/**
 * bsd_matters() - could an owner change the verdict?
 * @b: the decision
 * @p: an owner of the port
 *
 * Context: any.
 * Return: see sem_profile.matters().
 */
bool bsd_matters(const struct sem_bind *b, const struct sem_sock *p)
{
	u32 i;

	for (i = 0; i < b->n; i++) {
		const struct sem_lookup *l = &b->lookup[i];
		int cost = bsd_cost(b, l, p);

		if (cost < 0 || !bsd_better(l, p, cost))
			continue;
		if (!l->id || cost < l->cost || bsd_tells_apart(b, l) ||
		    !sem_is_connected(p) || !sem_is_connected(&l->owner))
			return true;
	}
	return false;
}

/**
 * bsd_owner() - show a decision one owner of the port
 * @b: the decision
 * @owner: the owner
 * @id: its name
 *
 * Context: any.
 * Return: see sem_profile.owner().
 */
bool bsd_owner(struct sem_bind *b, const struct sem_sock *owner, const void *id)
{
	u32 i;

	for (i = 0; i < b->n; i++)
		bsd_look(b, &b->lookup[i], owner, id);

	/*
	 * A lookup that would find an older socket on this address finds @owner, too, and
	 * prefers it. The exception is :: with IPV6_V6ONLY, which is not found under IPv4.
	 */
	return !sem_is_connected(owner) &&
	       !(owner->v6only && sem_same(owner->addr, sem_any6));
}

/**
 * bsd_done() - can no older socket change the verdict?
 * @b: the decision
 *
 * Context: any.
 * Return: true if so.
 */
bool bsd_done(const struct sem_bind *b)
{
	bool all = true;
	u32 i;

	for (i = 0; i < b->n; i++) {
		const struct sem_lookup *l = &b->lookup[i];

		/* See bsd_refuses() */
		if (b->search && l->id)
			return true;
		all &= l->id && !l->cost;
	}
	return all;
}

/* May @sk and @t share? For a multicast address SO_REUSEADDR counts as well */
static bool bsd_shares(const struct bsd_rules *rules, const struct sem_sock *sk,
		       const struct sem_sock *t)
{
	if (sk->reuseport && t->reuseport)
		return true;
	if (!sem_multicast(sk->addr))
		return false;
	return bsd_has_flag(t) &&
	       (rules->group_by_newcomer ? sk->reuseaddr : bsd_has_flag(sk));
}

/*
 * Of wildcard addresses in IPv4, those of two AF_INET6 sockets do not conflict; nor does a
 * dual-stack :: with 0.0.0.0.
 */
static bool bsd_share_anyway(const struct sem_bind *b, const struct sem_lookup *l)
{
	const struct sem_sock *sk = b->sk, *t = &l->owner;

	if (l->table != BSD_IPV4 || !bsd_both_any(b, l))
		return false;
	return sem_mapped(sk->addr) ? sk->ipv6 && t->ipv6 : !t->ipv6;
}

/* Does the socket that a lookup found refuse the port? */
static bool bsd_refuses(const struct sem_bind *b, const struct sem_lookup *l)
{
	if (!l->id)
		return false;
	/* in_pcb_lport() and the like: any socket found makes it try the next port */
	if (b->search)
		return true;
	if (l->test == BSD_USER)
		return l->owner.uid != b->sk->uid &&
		       !(b->rules->lets_pass && b->rules->lets_pass(b, l));
	return !bsd_shares(b->rules, b->sk, &l->owner) && !bsd_share_anyway(b, l);
}

/*
 * By which rule does the socket that a lookup found refuse? A newcomer without options would
 * not meet a connection, or a socket on another address, if it had one.
 */
static enum sem_rule bsd_rule(const struct sem_bind *b, const struct sem_lookup *l)
{
	const struct sem_sock *sk = b->sk, *t = &l->owner;
	bool multicast = sem_multicast(sk->addr);

	if (b->search)
		return SEM_RULE_SEARCH;
	if (l->test == BSD_USER)
		return SEM_RULE_USER;
	if (!bsd_has_flag(sk)) {
		if (sem_is_connected(t))
			return t->state == SEM_TIMEWAIT ? SEM_RULE_TIMEWAIT : SEM_RULE_CONNECTION;
		if (sem_any(t->addr) != sem_any(sk->addr) || !bsd_has_flag(t))
			return sem_rule_of_addresses(sk, t);
		if (t->reuseport)
			return SEM_RULE_YOU_LACK_REUSEPORT;
		return multicast ? SEM_RULE_YOU_LACK_REUSEADDR : SEM_RULE_NEEDS_REUSEPORT;
	}
	if (multicast && bsd_has_flag(t))
		return SEM_RULE_YOU_LACK_REUSEADDR;
	if (multicast && sk->reuseaddr)
		return SEM_RULE_IT_LACKS_REUSEADDR;
	if (sk->reuseport)
		return SEM_RULE_IT_LACKS_REUSEPORT;
	return t->reuseport ? SEM_RULE_YOU_LACK_REUSEPORT : SEM_RULE_NEEDS_REUSEPORT;
}

/**
 * bsd_verdict() - end a decision
 * @b: the decision
 *
 * Context: any.
 * Return: 0 or -EADDRINUSE; then @b names the owner that refuses, and the rule.
 */
int bsd_verdict(struct sem_bind *b)
{
	u32 i;

	for (i = 0; i < b->n; i++) {
		const struct sem_lookup *l = &b->lookup[i];

		if (bsd_refuses(b, l))
			return sem_refuse(b, l, bsd_rule(b, l));
	}
	return sem_allow(b, SEM_RULE_NONE);
}

/**
 * bsd_deliver_oldest() - select by in_pcblookup_hash() of FreeBSD before 14, and of Darwin
 * @d: the selection
 * @p: a socket of the port
 * @id: its name
 *
 * Best is the newest socket on the exact address; then the oldest of the packet's family on
 * the wildcard address; then the oldest dual-stack one.
 *
 * Context: any.
 * Return: see sem_profile.deliver().
 */
bool bsd_deliver_oldest(struct sem_deliver *d, const struct sem_sock *p, const void *id)
{
	switch (bsd_match(d->packet, p)) {
	case BSD_EXACT:
		return bsd_choose(d, p, id, 3, false);
	case BSD_WILDCARD:
		return bsd_choose(d, p, id, p->ipv6 == d->packet->ipv6 ? 2 : 1, true);
	default:
		return false;
	}
}

/**
 * bsd_takes_any() - does a socket get a copy if no group has to be joined?
 * @p: a socket of the port
 * @packet: a multicast or broadcast datagram
 * @member: not used: the host's membership is enough
 *
 * Context: any.
 * Return: true if so.
 */
bool bsd_takes_any(const struct sem_sock *p, const struct sem_packet *packet,
		   enum sem_member member)
{
	return bsd_match(packet, p) != BSD_NO;
}

/**
 * bsd_takes_joined() - does a socket get a copy if the group has to be joined?
 * @p: a socket of the port
 * @packet: a multicast or broadcast datagram
 * @member: which groups @p joined
 *
 * Context: any.
 * Return: true if so.
 */
bool bsd_takes_joined(const struct sem_sock *p, const struct sem_packet *packet,
		      enum sem_member member)
{
	return bsd_takes_any(p, packet, member) &&
	       (member == SEM_MEMBER || !sem_multicast(packet->addr));
}

/**
 * bsd_ends_multicast() - is a socket the last one that gets a copy, in udp_input()?
 * @p: a socket that gets one
 *
 * Context: any.
 * Return: true if so.
 */
bool bsd_ends_multicast(const struct sem_sock *p)
{
	return !bsd_has_flag(p);
}
