// SPDX-License-Identifier: GPL-2.0
/*
 * OpenBSD of 2026: in_pcbaddrisavail(), in6_pcbaddrisavail(), in_pcblookup_local(),
 * in_pcbpickport() and in_pcblookup_listen().
 *
 * AF_INET and AF_INET6 have tables of their own, and never meet. The test of the user makes no
 * exception, not even for TIME_WAIT.
 */
#include "bsd.h"

static const struct bsd_rules openbsd_rules = { 0 };

static void openbsd_begin(struct sem_bind *b)
{
	bsd_begin(b, &openbsd_rules);
}

/*
 * in_pcblookup_listen(): the newest, on the exact address before the wildcard. A dual-stack
 * socket, which exists only if it was bound by other rules, comes last.
 */
static bool openbsd_deliver(struct sem_deliver *d, const struct sem_sock *p, const void *id)
{
	enum bsd_match match = bsd_match(d->packet, p);

	if (match == BSD_NO)
		return false;
	return bsd_choose(d, p, id, match + (p->ipv6 == d->packet->ipv6 ? BSD_EXACT : 0), false);
}

/* in_pcbbind_locked(): NFS, too */
static bool openbsd_needs_privilege(const u8 *addr, u16 port, bool low)
{
	return low || port == 2049;
}

const struct sem_profile sem_openbsd = {
	.name			= "openbsd",
	.begin			= openbsd_begin,
	.owner			= bsd_owner,
	.matters		= bsd_matters,
	.done			= bsd_done,
	.verdict		= bsd_verdict,
	.needs_privilege	= openbsd_needs_privilege,
	.in_use_before_privilege = true,
	.needs_bind_order	= true,
	.needs_connected_uid	= true,
	.separate_families	= true,
	.tells_families_apart	= true,
	.connect_keeps_port	= true,
	.udp_connect_is_newest	= true,	/* in_pcbrehash() */
	.search_error		= -EADDRNOTAVAIL,
	.search_error6		= -EADDRNOTAVAIL,
	.deliver		= openbsd_deliver,
	.drops_refused		= true,
	.takes_multicast	= bsd_takes_any,
	.ends_multicast		= bsd_ends_multicast,
};
