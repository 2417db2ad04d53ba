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
void reuse_bind_child(struct sock *child);
bool reuse_bind_letting_in(const struct sock *sk, bool match_wildcard);
bool reuse_bind_never_equal(const struct sock *sk, const struct sock *sk2,
			    bool match_wildcard);

/* order.c */

/* What is bound while notes are taken comes between these */
#define REUSE_ORDER_FIRST	BIT_ULL(32)
#define REUSE_ORDER_LAST	BIT_ULL(62)

/**
 * struct reuse_order - what the kernel does not keep of a bound socket
 * @seq: when it was bound; higher is newer
 * @fast: TCP: Linux 3.8 would find its bucket's cache at 1
 * @listens: the last that it was let in for was listen()
 */
struct reuse_order {
	u64 seq;
	bool fast;
	bool listens;
};

int reuse_order_setup(void);
void reuse_order_teardown(void);
struct reuse_order *reuse_order_find(const struct sock *sk);
struct reuse_order *reuse_order_make(struct sock *sk);
void reuse_order_forget(const struct sock *sk);
void reuse_order_forget_net(const struct net *net);

#endif
