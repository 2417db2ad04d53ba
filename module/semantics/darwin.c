// SPDX-License-Identifier: GPL-2.0
/*
 * macOS 15 (xnu-11417), without SO_REUSESHAREUID: in_pcbbind(), in6_pcbbind(),
 * in6_pcbsetport(), in_pcblookup_local(), in6_pcblookup_local(), in_pcblookup_hash(),
 * udp_input() and udp6_input().
 */
#include "bsd.h"

/*
 * in_pcbbind(): both on the wildcard address. in6_pcbbind(): so it is, if the older one has
 * SO_REUSEPORT; and for the IPv4 half of a dual-stack ::, if the older one has SO_REUSEPORT
 * or is an AF_INET socket on 0.0.0.0.
 */
static bool darwin_lets_pass(const struct sem_bind *b, const struct sem_lookup *l)
{
	const struct sem_sock *t = &l->owner;

	if (l->table == BSD_IPV6)
		return bsd_both_any(b, l) && t->reuseport;
	if (sem_mapped(b->sk->addr))
		return bsd_both_any(b, l);
	return t->reuseport || (bsd_both_any(b, l) && !t->ipv6);
}

static const struct bsd_rules darwin_rules = {
	.lets_pass		= darwin_lets_pass,
	.one_ipv4		= true,
	.search4_flags_ignored	= true,
	.group_by_newcomer	= true,
};

static void darwin_begin(struct sem_bind *b)
{
	bsd_begin(b, &darwin_rules);
}

/* in_pcbbind(), in6_pcbbind(): anybody may have a port on the wildcard address */
static bool darwin_needs_privilege(const u8 *addr, u16 port, bool low)
{
	return low && !sem_any(addr);
}

static const u8 all_hosts[16] = {
	[10] = 0xff, [11] = 0xff, [12] = 224, [15] = 1,
};

/*
 * udp_input() does not ask for a membership of 224.0.0.1. udp6_input() asks a socket that has
 * joined groups whether this is one of them, and compares no local address.
 */
static bool darwin_takes_multicast(const struct sem_sock *p, const struct sem_packet *packet,
				   enum sem_member member)
{
	if (packet->ipv6)
		return bsd_in_ipv6(p) && member != SEM_MEMBER_ELSEWHERE;
	if (sem_same(packet->addr, all_hosts))
		return bsd_takes_any(p, packet, member);
	return bsd_takes_joined(p, packet, member);
}

const struct sem_profile sem_darwin = {
	.name			= "darwin",
	.begin			= darwin_begin,
	.owner			= bsd_owner,
	.matters		= bsd_matters,
	.done			= bsd_done,
	.verdict		= bsd_verdict,
	.needs_privilege	= darwin_needs_privilege,
	.needs_bind_order	= true,
	.needs_connected_uid	= true,
	.wildcard_oldest_first	= true,
	.connect_keeps_port	= true,
	.udp_connect_is_newest	= true,	/* in_pcbrehash() */
	.search_error		= -EADDRNOTAVAIL,
	.search_error6		= -EAGAIN,
	.deliver		= bsd_deliver_oldest,
	.drops_refused		= true,
	.group_on_any_address6	= true,
	.takes_multicast	= darwin_takes_multicast,
	.ends_multicast		= bsd_ends_multicast,
};
