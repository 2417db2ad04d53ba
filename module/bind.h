/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_BIND_H
#define _REUSE_BIND_H

#include <linux/bits.h>
#include <linux/types.h>

struct net;
struct sock;

/* bind.c */
int reuse_tcp_get_port(struct sock *sk, unsigned short snum);
int reuse_udp_get_port(struct sock *sk, unsigned short snum);
bool reuse_bind_wanted(const struct sock *sk);
void reuse_bind_child(struct sock *child);
bool reuse_bind_letting_in(const struct sock *sk, bool match_wildcard);
bool reuse_bind_never_equal(const struct sock *sk, const struct sock *sk2,
			    bool match_wildcard);

/* order.c */

/* What is bound while notes are taken comes between these */
#define REUSE_ORDER_FIRST	BIT_ULL(32)
#define REUSE_ORDER_LAST	BIT_ULL(62)

int reuse_order_setup(void);
void reuse_order_teardown(void);
u64 reuse_order_find(const struct sock *sk);
void reuse_order_make(const struct sock *sk, bool added_last);
void reuse_order_forget(const struct sock *sk);
void reuse_order_forget_net(const struct net *net);

#endif
