/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_DELIVER_H
#define _REUSE_DELIVER_H

#include "compat/lookup.h"

/* syn.c */
struct sock *reuse_deliver_syn4(reuse_tcp4_net_t *net, REUSE_TCP4_TABLE_PARAM
				struct sk_buff *skb, int doff,
				const __be32 saddr, const __be16 sport,
				const __be32 daddr, const unsigned short hnum,
				const int dif, const int sdif);
struct sock *reuse_deliver_syn6(reuse_tcp6_net_t *net, REUSE_TCP6_TABLE_PARAM
				struct sk_buff *skb, int doff,
				const struct in6_addr *saddr,
				const __be16 sport,
				const struct in6_addr *daddr,
				const unsigned short hnum, const int dif,
				const int sdif);

/* datagram.c */
int reuse_deliver_hook(struct net *net);
void reuse_deliver_unhook(struct net *net);

#endif
