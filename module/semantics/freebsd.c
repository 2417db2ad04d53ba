// SPDX-License-Identifier: GPL-2.0
/*
 * FreeBSD 13 without SO_REUSEPORT_LB: in_pcbbind_setup(), in6_pcbbind(), in_pcblookup_local(),
 * in6_pcblookup_local(), in_pcb_lport() and in_pcblookup_hash_locked().
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
	.deliver		= bsd_deliver_oldest,
	.takes_multicast	= bsd_takes_joined,
	.ends_multicast		= bsd_ends_multicast,
};
