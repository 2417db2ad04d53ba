/* SPDX-License-Identifier: GPL-2.0 */
/* Where this kernel keeps its tables of bound sockets. */
#ifndef _REUSE_COMPAT_TABLES_H
#define _REUSE_COMPAT_TABLES_H

#include <net/inet_hashtables.h>
#include <net/net_namespace.h>
#include <net/udp.h>
#ifdef REUSE_HAVE_UDPLITE
#include <net/udplite.h>
#endif

/* By way of the namespace, as newer kernels do not export tcp_hashinfo */
static inline struct inet_hashinfo *reuse_tcp_hashinfo(const struct net *net)
{
#ifdef REUSE_DEATH_ROW_POINTER
	return net->ipv4.tcp_death_row->hashinfo;
#else
	return net->ipv4.tcp_death_row.hashinfo;
#endif
}

static inline struct udp_table *reuse_udp_table(const struct net *net)
{
#ifdef REUSE_UDP_TABLE_PER_NET
	return net->ipv4.udp_table;
#else
	return &udp_table;
#endif
}

static inline struct udp_table *reuse_udp_table_for(const struct net *net,
						    int protocol)
{
#ifdef REUSE_HAVE_UDPLITE
	if (protocol == IPPROTO_UDPLITE)
		return &udplite_table;
#endif
	return reuse_udp_table(net);
}

#endif
