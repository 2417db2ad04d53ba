// SPDX-License-Identifier: GPL-2.0
/*
 * FreeBSD 13 ("bsd") and FreeBSD 14.0 to 15, without SO_REUSEPORT_LB: in_pcbbind_setup(),
 * in6_pcbbind(), in_pcblookup_local(), in6_pcblookup_local(), in_pcb_lport() and
 * in_pcblookup_hash_locked().
 */
#include "bsd.h"

/* in_pcbbind_setup(): no TCP socket with a remote end is asked for its user */
static bool freebsd_lets_pass(const struct sem_bind *b, const struct sem_lookup *l)
{
	return l->owner.state == SEM_TIMEWAIT ||
	       (!b->udp && l->owner.state == SEM_CONNECTED);
}

static const struct bsd_rules freebsd_rules = {
	.lets_pass	= freebsd_lets_pass,
	.one_ipv4	= true,
	.dual_is_far	= true,
	.connected_alike = true,
};

static void freebsd_begin(struct sem_bind *b)
{
	bsd_begin(b, &freebsd_rules);
}

const struct sem_profile sem_bsd = {
	.name			= "bsd",
	.begin			= freebsd_begin,
	.owner			= bsd_owner,
	.matters		= bsd_matters,
	.done			= bsd_done,
	.verdict		= bsd_verdict,
	.needs_bind_order	= true,
	.wildcard_oldest_first	= true,
	.connect_keeps_port	= true,
	.search_error		= -EADDRNOTAVAIL,
	.search_error6		= -EADDRNOTAVAIL,
	.deliver		= bsd_deliver_oldest,
	.takes_multicast	= bsd_takes_joined,
	.ends_multicast		= bsd_ends_multicast,
};

/*
 * in_pcblookup_hash_locked() since 14.0: the newest on the exact address; then the newest on
 * the wildcard address, of either family if it is dual-stack; at last the oldest one on
 * ::ffff:0.0.0.0, as in_pcblookup_wild_match() sorts those behind.
 */
static bool freebsd15_deliver(struct sem_deliver *d, const struct sem_sock *p, const void *id)
{
	bool mapped = p->ipv6 && sem_mapped(p->addr);

	switch (bsd_match(d->packet, p)) {
	case BSD_EXACT:
		return bsd_choose(d, p, id, 3, false);
	case BSD_WILDCARD:
		return bsd_choose(d, p, id, mapped ? 1 : 2, mapped);
	default:
		return false;
	}
}

const struct sem_profile sem_freebsd15 = {
	.name			= "freebsd15",
	.begin			= freebsd_begin,
	.owner			= bsd_owner,
	.matters		= bsd_matters,
	.done			= bsd_done,
	.verdict		= bsd_verdict,
	.needs_bind_order	= true,
	.mapped_any_oldest_first = true,
	.drops_local_timewait	= true,	/* net.inet.tcp.nolocaltimewait */
	.connect_keeps_port	= true,
	.search_error		= -EADDRNOTAVAIL,
	.search_error6		= -EADDRNOTAVAIL,
	.deliver		= freebsd15_deliver,
	.takes_multicast	= bsd_takes_joined,
	.ends_multicast		= bsd_ends_multicast,
};
