/* SPDX-License-Identifier: GPL-2.0 */
/* Private to tcp.c and fastreuse.c: find a port in TCP's bind table. */
#ifndef _REUSE_TCP_H
#define _REUSE_TCP_H

#include <net/inet_hashtables.h>
#include <net/ip.h>
#include <net/sock.h>

#include "compat/tables.h"

static inline struct inet_bind_hashbucket *reuse_tcp_slot(const struct net *net,
							  unsigned short port)
{
	struct inet_hashinfo *hashinfo = reuse_tcp_hashinfo(net);

	return &hashinfo->bhash[inet_bhashfn(net, port, hashinfo->bhash_size)];
}

/* Each L3 master device has its own bucket for a port */
static inline struct inet_bind_bucket *
reuse_tcp_bucket(const struct sock *sk, struct inet_bind_hashbucket *head,
		 unsigned short port)
{
	int l3mdev = inet_sk_bound_l3mdev(sk);
	struct inet_bind_bucket *tb;

	hlist_for_each_entry(tb, &head->chain, node) {
		if (net_eq(ib_net(tb), sock_net(sk)) && tb->port == port &&
		    tb->l3mdev == l3mdev)
			return tb;
	}
	return NULL;
}

#endif
