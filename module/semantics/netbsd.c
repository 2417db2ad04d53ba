// SPDX-License-Identifier: GPL-2.0
/*
 * NetBSD 10: inpcb_bind_port(), in6pcb_bind_port(), inpcb_lookup_local(),
 * in6pcb_lookup_local(), portalgo_randport() and inpcb_lookup_bound().
 *
 * AF_INET6 sockets on v4-mapped addresses are not found under IPv4: an IPv4 address is looked
 * for among the sockets of each family. AF_INET6 does not ask for the user.
 */
#include "bsd.h"

/* inpcb_bind_port(): both on 0.0.0.0, and the older one has SO_REUSEPORT */
static bool netbsd_lets_pass(const struct sem_bind *b, const struct sem_lookup *l)
{
	return bsd_both_any(b, l) && l->owner.reuseport;
}

static const struct bsd_rules netbsd_rules = {
	.lets_pass		= netbsd_lets_pass,
	.hides_accepted		= true,
	.search4_flags_ignored	= true,
};

/* portalgo_randport() searches the socket's own table only, in6pcb_set_port() as well */
static void netbsd_begin(struct sem_bind *b)
{
	const struct sem_sock *sk = b->sk;

	b->rules = &netbsd_rules;
	b->n = 0;
	if (!sem_mapped(sk->addr)) {
		bsd_add(b, sk->addr, BSD_IPV6, BSD_SHARE);
	} else if (sk->ipv6) {
		if (!b->search)
			bsd_add(b, sk->addr, BSD_IPV4, BSD_SHARE);
		bsd_add(b, sk->addr, BSD_MAPPED, BSD_SHARE);
	} else {
		if (!b->search)
			bsd_add(b, sk->addr, BSD_MAPPED, BSD_SHARE);
		if (bsd_tests_user(b))
			bsd_add(b, sk->addr, BSD_IPV4, BSD_USER);
		bsd_add(b, sk->addr, BSD_IPV4, BSD_SHARE);
	}
}

/*
 * inpcb_lookup_bound(), then in6pcb_lookup_bound(): the newest of the packet's family, on the
 * exact address before the wildcard; then the AF_INET6 sockets that receive IPv4.
 */
static bool netbsd_deliver(struct sem_deliver *d, const struct sem_sock *p, const void *id)
{
	enum bsd_match match = bsd_match(d->packet, p);
	u8 rank;

	if (match == BSD_NO)
		return false;

	if (p->ipv6 == d->packet->ipv6)
		rank = match == BSD_EXACT ? 5 : 4;
	else if (match == BSD_EXACT)
		rank = 3;
	else
		rank = sem_mapped(p->addr) ? 2 : 1;
	return bsd_choose(d, p, id, rank, false);
}

const struct sem_profile sem_netbsd = {
	.name			= "netbsd",
	.begin			= netbsd_begin,
	.owner			= bsd_owner,
	.matters		= bsd_matters,
	.done			= bsd_done,
	.verdict		= bsd_verdict,
	.needs_bind_order	= true,
	.needs_connected_uid	= true,
	.needs_accepted		= true,
	.tells_families_apart	= true,
	.connect_keeps_port	= true,
	.search_error		= -EAGAIN,
	.search_error6		= -EAGAIN,
	.deliver		= netbsd_deliver,
	.drops_refused		= true,
	.takes_multicast	= bsd_takes_any,
	.ends_multicast		= bsd_ends_multicast,
};
