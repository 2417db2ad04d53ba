// SPDX-License-Identifier: GPL-2.0
/*
 * Linux 3.8, the last without SO_REUSEPORT: inet_csk_get_port(),
 * inet_csk_bind_conflict(), inet6_csk_bind_conflict(), udp_lib_get_port(),
 * ipv4_rcv_saddr_equal() and ipv6_rcv_saddr_equal().
 *
 * Every owner of the port counts, whichever user it belongs to. SO_REUSEPORT does not
 * exist. TCP first asks fastreuse of the bucket, which does not change when an owner clears
 * SO_REUSEADDR.
 */
#include "linux.h"

/* With more UDP owners than this, a wildcard newcomer conflicts only with wildcard owners */
#define PRE39_UDP_FEW	10

/*
 * The rules of UDP have changed twice since 3.8. SO_REUSEPORT came, which has an effect only
 * if both sockets set it. And a wildcard newcomer meets all owners of the port, however many.
 */
static bool pre39_same_as_linux(const struct sem_sock *sk, bool udp, bool search)
{
	return udp && !sk->reuseport && (search || !sem_any(sk->addr));
}

/* In sem_bind.lookup: the first owner that refuses, and one on a wildcard address */
enum {
	PRE39_REFUSES,
	PRE39_REFUSES_ANY,
};

static void pre39_begin(struct sem_bind *b)
{
	b->lookup[PRE39_REFUSES].id = NULL;
	b->lookup[PRE39_REFUSES_ANY].id = NULL;
}

/* May PRE39_UDP_FEW apply? See udp_lib_get_port(), which then looks at one address's list */
static bool pre39_udp_any(const struct sem_bind *b)
{
	return b->udp && !b->search && sem_any(b->sk->addr);
}

/* In a search for a port, IPv4 TCP shares with no owner */
static bool pre39_is_strict(const struct sem_bind *b)
{
	return b->search && !b->udp && !b->sk->ipv6;
}

static bool pre39_listens(const struct sem_bind *b, const struct sem_sock *o)
{
	return !b->udp && o->state == SEM_LISTEN;
}

static void pre39_found(struct sem_lookup *l, const struct sem_sock *o, const void *id)
{
	if (l->id)
		return;
	l->id = id;
	l->owner = *o;
}

static bool pre39_owner(struct sem_bind *b, const struct sem_sock *o,
			const void *id)
{
	struct sem_lookup *first = &b->lookup[PRE39_REFUSES];
	struct sem_lookup *any = &b->lookup[PRE39_REFUSES_ANY];
	const struct sem_sock *sk = b->sk;

	if (first->id && (any->id || !sem_any(o->addr)))
		return false;
	if (!linux_saddr_equal(sk, o, true, true))
		return false;

	if (pre39_is_strict(b) || !sk->reuseaddr || !o->reuseaddr || pre39_listens(b, o)) {
		pre39_found(first, o, id);
		if (sem_any(o->addr))
			pre39_found(any, o, id);
	}
	return false;
}

/* For a newcomer with SO_REUSEADDR, fastreuse may still overrule an owner that refuses */
static bool pre39_done(const struct sem_bind *b)
{
	if (pre39_udp_any(b) && !b->lookup[PRE39_REFUSES_ANY].id)
		return false;
	return b->lookup[PRE39_REFUSES].id && (b->udp || !b->sk->reuseaddr);
}

static enum sem_rule pre39_rule(const struct sem_bind *b, const struct sem_sock *o)
{
	if (pre39_is_strict(b))
		return SEM_RULE_SEARCH;
	return sem_rule_of_options(b->sk, o, !pre39_listens(b, o), false);
}

static int pre39_verdict(struct sem_bind *b)
{
	bool reuse = b->sk->reuseaddr && b->sk->state != SEM_LISTEN;
	bool cached = !b->udp && !b->search && b->owners && b->fastreuse > 0 && reuse;
	bool many = pre39_udp_any(b) && b->owners > PRE39_UDP_FEW;
	const struct sem_lookup *l = &b->lookup[many ? PRE39_REFUSES_ANY : PRE39_REFUSES];

	if (l->id && !cached)
		return sem_refuse(b, l, pre39_rule(b, &l->owner));

	if (!b->owners)
		b->fastreuse = reuse;
	else if (b->fastreuse && !reuse)
		b->fastreuse = 0;
	return sem_allow(b, l->id ? SEM_RULE_CACHED : SEM_RULE_NONE);
}

/* compute_score() and its variants: of the sockets with the best score, the one bound last */
static bool pre39_deliver(struct sem_deliver *d, const struct sem_sock *p,
			  const void *id)
{
	bool any = sem_any(p->addr);
	u8 rank;

	if (!d->packet->udp && p->state != SEM_LISTEN)
		return false;
	if (d->packet->ipv6 ? !p->ipv6 || sem_mapped(p->addr) :
	    p->v6only || !(sem_mapped(p->addr) || any))
		return false;
	if (!any && !sem_same(p->addr, d->packet->addr))
		return false;

	rank = 2 * !any + (p->ipv6 == d->packet->ipv6);
	if (d->id && (rank < d->rank ||
		      (rank == d->rank && p->bind_seq < d->bind_seq)))
		return true;

	d->id = id;
	d->bind_seq = p->bind_seq;
	d->rank = rank;
	return true;
}

const struct sem_profile sem_pre39 = {
	.name			= "pre39",
	.same_as_linux		= pre39_same_as_linux,
	.begin			= pre39_begin,
	.owner			= pre39_owner,
	.done			= pre39_done,
	.verdict		= pre39_verdict,
	.uses_fastreuse		= true,
	.checks_listen		= true,
	.hides_reuseport	= true,
	.search_error		= -EADDRINUSE,
	.search_error6		= -EADDRINUSE,
	.deliver		= pre39_deliver,
};
