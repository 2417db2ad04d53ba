/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's lookups of the socket that gets a packet: with the table as an argument or
 * not, with a const struct net or not. Those that take a struct net that is not const do not
 * change it either.
 */
#ifndef _REUSE_COMPAT_LOOKUP_H
#define _REUSE_COMPAT_LOOKUP_H

#include <linux/filter.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/route.h>
#include <net/udp.h>

#include "tables.h"

/* Kernels change the lookups for IPv4 and for IPv6 one by one */
#ifdef REUSE_TCP4_LOOKUP_CONST
#define reuse_tcp4_net_t	const struct net
#else
#define reuse_tcp4_net_t	struct net
#endif

#ifdef REUSE_TCP4_LOOKUP_TABLE
#define REUSE_TCP4_TABLE_PARAM	struct inet_hashinfo *table,
#define REUSE_TCP4_TABLE_ARG	table,
#define REUSE_IS_DCCP4		(table != reuse_tcp_hashinfo(net))
#else
#define REUSE_TCP4_TABLE_PARAM
#define REUSE_TCP4_TABLE_ARG
/* There is no DCCP any more */
#define REUSE_IS_DCCP4		false
#endif

#ifdef REUSE_TCP6_LOOKUP_CONST
#define reuse_tcp6_net_t	const struct net
#else
#define reuse_tcp6_net_t	struct net
#endif

#ifdef REUSE_TCP6_LOOKUP_TABLE
#define REUSE_TCP6_TABLE_PARAM	struct inet_hashinfo *table,
#define REUSE_TCP6_TABLE_ARG	table,
#define REUSE_IS_DCCP6		(table != reuse_tcp_hashinfo(net))
#else
#define REUSE_TCP6_TABLE_PARAM
#define REUSE_TCP6_TABLE_ARG
#define REUSE_IS_DCCP6		false
#endif

/*
 * A lookup may choose a SO_REUSEPORT group over the connected socket that a datagram is for,
 * unless it looks first into a hash of both ends, which CONFIG_BASE_SMALL leaves out.
 */
#if defined(REUSE_UDP_HASHED_BY_BOTH_ENDS) && !IS_ENABLED(CONFIG_BASE_SMALL)
#define reuse_udp_groups_first	false
#else
#define reuse_udp_groups_first	true
#endif

/* The socket that gets a datagram natively; call it under RCU */
static inline struct sock *
reuse_udp4_find(const struct net *net, int protocol, __be32 saddr,
		__be16 sport, __be32 daddr, __be16 dport, int dif,
		int sdif, struct sk_buff *skb)
{
#ifdef REUSE_UDP4_LOOKUP_TABLE
	return __udp4_lib_lookup((struct net *)net, saddr, sport, daddr, dport,
				 dif, sdif, reuse_udp_table_for(net, protocol),
				 skb);
#else
	return __udp4_lib_lookup((struct net *)net, saddr, sport, daddr, dport,
				 dif, sdif, skb);
#endif
}

/* Does an IPv4 socket take datagrams of multicast groups it has not joined? */
static inline bool reuse_sock_takes_groups(const struct sock *sk)
{
#ifdef REUSE_HAVE_INET_FLAGS
	return inet_test_bit(MC_ALL, sk);
#else
	/* Another bit of this octet may change meanwhile: the kernel accepts the same race */
	return data_race((bool)inet_sk(sk)->mc_all);
#endif
}

/* Finds the route of an IPv4 datagram received on @dev, under RCU; false if there is none */
static inline bool reuse_route_input(struct sk_buff *skb, struct net_device *dev)
{
	const struct iphdr *iph = ip_hdr(skb);

#ifdef REUSE_ROUTE_DSCP
	return !ip_route_input_noref(skb, iph->daddr, iph->saddr, ip4h_dscp(iph),
				     dev);
#else
	return !ip_route_input_noref(skb, iph->daddr, iph->saddr, iph->tos, dev);
#endif
}

/* Most namespaces have no program, though bpf_sk_lookup_enabled is on if any has one */
static inline bool reuse_sk_lookup_attached(const struct net *net)
{
	return rcu_access_pointer(net->bpf.run_array[NETNS_BPF_SK_LOOKUP]);
}

/*
 * Runs the namespace's bpf_sk_lookup programs: do they choose a socket? (5.10 does not pass
 * them the device.) Call it under RCU.
 */
static inline bool reuse_sk_lookup_chose4(const struct net *net, int protocol,
					  __be32 saddr, __be16 sport,
					  __be32 daddr, u16 hnum, int dif)
{
	struct sock *sk = NULL;

	if (!reuse_sk_lookup_attached(net))
		return false;
#ifdef REUSE_SK_LOOKUP4_IFINDEX
	bpf_sk_lookup_run_v4((struct net *)net, protocol, saddr, sport, daddr, hnum,
			     dif, &sk);
#else
	bpf_sk_lookup_run_v4((struct net *)net, protocol, saddr, sport, daddr, hnum,
			     &sk);
#endif
	return sk;
}

#if IS_ENABLED(CONFIG_IPV6)
static inline struct sock *
reuse_udp6_find(const struct net *net, int protocol, const struct in6_addr *saddr,
		__be16 sport, const struct in6_addr *daddr, __be16 dport, int dif,
		int sdif, struct sk_buff *skb)
{
#ifdef REUSE_UDP6_LOOKUP_TABLE
	return __udp6_lib_lookup((struct net *)net, saddr, sport, daddr, dport,
				 dif, sdif, reuse_udp_table_for(net, protocol),
				 skb);
#else
	return __udp6_lib_lookup((struct net *)net, saddr, sport, daddr, dport,
				 dif, sdif, skb);
#endif
}

static inline bool reuse_sk_lookup_chose6(const struct net *net, int protocol,
					  const struct in6_addr *saddr,
					  __be16 sport,
					  const struct in6_addr *daddr,
					  u16 hnum, int dif)
{
	struct sock *sk = NULL;

	if (!reuse_sk_lookup_attached(net))
		return false;
#ifdef REUSE_SK_LOOKUP6_IFINDEX
	bpf_sk_lookup_run_v6((struct net *)net, protocol, saddr, sport, daddr, hnum,
			     dif, &sk);
#else
	bpf_sk_lookup_run_v6((struct net *)net, protocol, saddr, sport, daddr, hnum,
			     &sk);
#endif
	return sk;
}
#endif

#endif
