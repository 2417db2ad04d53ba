/* SPDX-License-Identifier: GPL-2.0 */
/* What the listing and the rules look at in a struct sock. */
#ifndef _REUSE_SOCK_H
#define _REUSE_SOCK_H

#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp_states.h>

struct sem_sock;

/**
 * struct reuse_key - what makes a row of /proc/net/reuse one row
 * @addr: local address; IPv4 in the v4-mapped form, so that memcmp() sorts
 * @dev: index of the device the socket is bound to, 0 for none
 * @port: local port, host byte order
 * @ipv6: the socket is AF_INET6
 * @v6only: IPV6_V6ONLY; 0 for AF_INET
 *
 * Hashed and compared as plain memory, so it has no padding.
 */
struct reuse_key {
	struct in6_addr addr;
	s32 dev;
	u16 port;
	u8 ipv6;
	u8 v6only;
};

/**
 * reuse_key_of() - what a socket is bound to
 * @sk: any kind of socket: only what sock_common has is read
 * @key: set
 *
 * Context: any. Whoever connects, or sets an option, does not hold what the
 * caller holds, so it may be of two moments: as in the kernel, who is found by it
 * counts as there.
 */
static inline void reuse_key_of(const struct sock *sk, struct reuse_key *key)
{
	memset(key, 0, sizeof(*key));
	key->dev = READ_ONCE(sk->sk_bound_dev_if);
	key->port = READ_ONCE(sk->sk_num);
#if IS_ENABLED(CONFIG_IPV6)
	if (READ_ONCE(sk->sk_family) == AF_INET6) {
		/* See above */
		key->addr = data_race(sk->sk_v6_rcv_saddr);
		key->ipv6 = 1;
		/* See above */
		key->v6only = data_race((bool)sk->sk_ipv6only);
		return;
	}
#endif
	ipv6_addr_set_v4mapped(READ_ONCE(sk->sk_rcv_saddr), &key->addr);
}

/**
 * reuse_has_reuseaddr() - has a socket SO_REUSEADDR at this moment?
 * @sk: any kind of socket
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool reuse_has_reuseaddr(const struct sock *sk)
{
	/* Whoever sets it holds the socket's lock, and the kernel looks without */
	return data_race((bool)sk->sk_reuse);
}

/**
 * reuse_has_reuseport() - has a socket SO_REUSEPORT at this moment?
 * @sk: any kind of socket
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool reuse_has_reuseport(const struct sock *sk)
{
	/* Likewise */
	return data_race((bool)sk->sk_reuseport);
}

/**
 * reuse_is_full() - has a socket more than sock_common?
 * @state: its state, read once: it is in it that who looks wants to see it
 *
 * Context: any. As sk_fullsock() has it.
 * Return: true if so.
 */
static inline bool reuse_is_full(u8 state)
{
	return (1 << state) & ~(TCPF_TIME_WAIT | TCPF_NEW_SYN_RECV);
}

void reuse_sock_snapshot(const struct sock *sk, struct sem_sock *s);
void reuse_sock_release_route(struct sock *sk);

#endif
