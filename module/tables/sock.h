/* SPDX-License-Identifier: GPL-2.0 */
/* The fields of a struct sock that the list and the rules read. */
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
 * struct reuse_key - sockets with equal keys share a row of /proc/net/reuse
 * @addr: local address; IPv4 in the v4-mapped form, so that memcmp() sorts
 * @dev: index of the device that the socket is bound to, 0 for none
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

/* For reuse_key_of() and reuse_sock_snapshot(); @v6only is false for AF_INET */
static __always_inline void reuse_address_of(const struct sock *sk, struct in6_addr *addr,
					     bool *ipv6, bool *v6only)
{
	*ipv6 = false;
	*v6only = false;
#if IS_ENABLED(CONFIG_IPV6)
	if (READ_ONCE(sk->sk_family) == AF_INET6) {
		/* connect() may change it meanwhile: the kernel's lookups accept that */
		*addr = data_race(sk->sk_v6_rcv_saddr);
		*ipv6 = true;
		/* setsockopt() may change it meanwhile: the kernel's lookups accept that */
		*v6only = data_race((bool)sk->sk_ipv6only);
		return;
	}
#endif
	ipv6_addr_set_v4mapped(READ_ONCE(sk->sk_rcv_saddr), addr);
}

/**
 * reuse_key_of() - read what a socket is bound to
 * @sk: any kind of socket: only what sock_common has is read
 * @key: is set
 *
 * Context: any. connect() and setsockopt() do not take the lock that the caller
 * holds, so the fields may be from two moments. The kernel's lookups accept the
 * same race.
 */
static inline void reuse_key_of(const struct sock *sk, struct reuse_key *key)
{
	bool ipv6, v6only;

	key->dev = READ_ONCE(sk->sk_bound_dev_if);
	key->port = READ_ONCE(sk->sk_num);
	reuse_address_of(sk, &key->addr, &ipv6, &v6only);
	key->ipv6 = ipv6;
	key->v6only = v6only;
}

/**
 * reuse_has_reuseaddr() - is SO_REUSEADDR set on a socket now?
 * @sk: any kind of socket
 *
 * Context: any.
 * Return: true if it is set.
 */
static inline bool reuse_has_reuseaddr(const struct sock *sk)
{
	/* setsockopt() writes it under the socket's lock; the kernel reads it without, too */
	return data_race((bool)sk->sk_reuse);
}

/**
 * reuse_has_reuseport() - is SO_REUSEPORT set on a socket now?
 * @sk: any kind of socket
 *
 * Context: any.
 * Return: true if it is set.
 */
static inline bool reuse_has_reuseport(const struct sock *sk)
{
	/* setsockopt() writes it under the socket's lock; the kernel reads it without, too */
	return data_race((bool)sk->sk_reuseport);
}

/**
 * reuse_is_full() - has a socket more than struct sock_common?
 * @state: sk->sk_state as the caller read it once and acts on it
 *
 * The same test as in sk_fullsock().
 *
 * Context: any.
 * Return: true if it is a full socket.
 */
static inline bool reuse_is_full(u8 state)
{
	return (1 << state) & ~(TCPF_TIME_WAIT | TCPF_NEW_SYN_RECV);
}

void reuse_sock_snapshot(const struct sock *sk, struct sem_sock *s);
void reuse_sock_release_route(struct sock *sk);

/* Did the port come from bind()? Then @sk, a full socket, keeps it without remote end */
static inline bool reuse_sock_keeps_port(const struct sock *sk)
{
	/*
	 * Set by bind() after it got the port, and by reuse_connect_tcp() for the time of the
	 * call: either answer will do then.
	 */
	return data_race(sk->sk_userlocks & SOCK_BINDPORT_LOCK);
}

#endif
