/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's tables of bound sockets. */
#ifndef _REUSE_TABLES_H
#define _REUSE_TABLES_H

#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/sock.h>

#include "walk.h"

struct sem_cache;

/**
 * struct reuse_fastreuse - what a TCP bind bucket caches about its owners
 * @uid: valid while @reuseport is positive
 * @reuse: tb->fastreuse
 * @reuseport: tb->fastreuseport
 * @valid: the protocol has such a cache (TCP)
 */
struct reuse_fastreuse {
	kuid_t uid;
	s8 reuse;
	s8 reuseport;
	bool valid;
};

extern const struct bind_table reuse_tcp;
extern const struct bind_table reuse_udp;
extern const struct bind_table reuse_udplite;

/* tcp.c, fastreuse.c, udp.c */
void reuse_tcp_owners_like(struct sock *sk, owner_visit_t visit, void *arg);
bool reuse_tcp_in_order(void);
bool reuse_tcp_is_last(const struct sock *sk);
bool reuse_tcp_same_bucket(const struct sock *sk, const struct sock *owner);
int reuse_fastreuse(const struct sock *sk, unsigned short port);
void reuse_fastreuse_cache(const struct sock *sk, unsigned short port, struct sem_cache *cache);
void reuse_fastreuse_reset(const struct sock *sk);
void reuse_fastreuse_set(const struct sock *sk, int fastreuse);
void reuse_fastreuse_forget_net(const struct net *net);
unsigned int reuse_udp_in_slot(const struct sock *sk, unsigned short port);
void reuse_udp_each(struct net *net, int protocol, u16 port,
		    void (*visit)(struct sock *sk, void *arg), void *arg);

/**
 * reuse_udp_added_last() - does a socket enter its slot's list at the end?
 * @sk: UDP or UDP-Lite socket
 *
 * sk_add_node_rcu() adds IPv6 sockets with SO_REUSEPORT at the end, all others at the
 * head.
 *
 * Context: any.
 * Return: true if at the end, false if at the head.
 */
static inline bool reuse_udp_added_last(const struct sock *sk)
{
	return sk->sk_reuseport && sk->sk_family == AF_INET6;
}

#endif
