// SPDX-License-Identifier: GPL-2.0
/* connect() in a namespace that emulates: what is done around the kernel's own functions. */
#include <linux/rcupdate.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/inet_common.h>	/* wants to come after the former */
#include <net/transp_v6.h>

#include "bind.h"
#include "compat/lookup.h"
#include "netns.h"
#include "tables/sock.h"
#include "track/track.h"

/**
 * reuse_connect_keeps_port() - does a socket keep its port if its connect() cannot have it?
 * @sk: TCP socket that is to connect
 *
 * Context: any, from the hooks of tcp_v4_connect() and tcp_v6_connect().
 * Return: true if that takes reuse_connect_tcp().
 */
bool reuse_connect_keeps_port(const struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));

	return profile && profile->connect_keeps_port && inet_sk(sk)->inet_num;
}

/*
 * The kernel says EADDRNOTAVAIL of IPv6 for two reasons: the remote end is taken, or there
 * is no source address to reach it from. It stores the route in the socket in between.
 */
static bool has_route(struct sock *sk, const struct sockaddr *addr)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

	if (sk->sk_family == AF_INET || ipv6_addr_v4mapped(&in6->sin6_addr))
		return true;
	return __sk_dst_get(sk);
}

/**
 * reuse_connect_tcp() - connect a bound TCP socket as FreeBSD does
 * @sk: TCP socket that is bound
 * @addr: remote end
 * @len: length of @addr
 *
 * When it fails, the kernel takes the port away from a socket that did not ask for this
 * one. That it did lasts if connect() has failed.
 *
 * Context: @sk is locked; may sleep.
 * Return: 0 or an error as FreeBSD has it.
 */
int reuse_connect_tcp(struct sock *sk, void *addr, int len)
{
	bool asked = sk->sk_userlocks & SOCK_BINDPORT_LOCK;
	bool taken;
	int err;

	sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	/* An earlier connect() that failed may have left its route */
	sk_dst_reset(sk);
	err = sk->sk_prot->connect(sk, addr, len);
	taken = err == -EADDRNOTAVAIL && has_route(sk, addr);
	/* After any other error the kernel has kept the port, or given it up already */
	if (!asked && (!taken || !inet_sk(sk)->inet_num))
		sk->sk_userlocks &= ~SOCK_BINDPORT_LOCK;
	if (taken)
		err = -EADDRINUSE;
	return err;
}

/* Counted before it has the remote end; and after, if a switch met it halfway */
static __always_inline int udp_connect(struct sock *sk, void *addr, int len,
				       typeof(__ip4_datagram_connect) *original)
{
	int err;

	if (reuse_udp_groups_first)
		reuse_track_connecting(sk);
	err = original(sk, addr, len);
	if (!err && reuse_udp_groups_first)
		reuse_track_connecting(sk);
	return err;
}

/**
 * reuse_connect_udp4() - connect a socket to an IPv4 remote end
 * @sk: UDP, UDP-Lite, ping or raw socket
 * @addr: remote end
 * @len: length of @addr
 *
 * A connected socket is found by its remote end: a route that an earlier datagram left
 * in it is not the one of that remote end.
 *
 * Context: @sk is locked; may sleep.
 * Return: 0 or an error as __ip4_datagram_connect() has it.
 */
int reuse_connect_udp4(struct sock *sk, void *addr, int len)
{
	int err = udp_connect(sk, addr, len, __ip4_datagram_connect);

	if (!err)
		reuse_sock_release_route(sk);
	return err;
}

#if IS_ENABLED(CONFIG_IPV6)
/*
 * A datagram that was decided before may leave its route in the socket until a grace
 * period is over. A route of IPv4 would stay there if the remote end sends IPv6.
 */
static bool may_have_both(const struct sock *sk)
{
	return sk->sk_type == SOCK_DGRAM &&
	       (sk->sk_protocol == IPPROTO_UDP ||
		sk->sk_protocol == IPPROTO_UDPLITE) &&
	       !ipv6_only_sock(sk) && !ipv6_addr_v4mapped(&sk->sk_v6_daddr);
}

/**
 * reuse_connect_udp6() - connect a socket to an IPv6 remote end
 * @sk: UDP, UDP-Lite, ping or raw socket
 * @addr: remote end
 * @len: length of @addr
 *
 * See reuse_connect_udp4().
 *
 * Context: @sk is locked; may sleep.
 * Return: 0 or an error as __ip6_datagram_connect() has it.
 */
int reuse_connect_udp6(struct sock *sk, void *addr, int len)
{
	int err = udp_connect(sk, addr, len, __ip6_datagram_connect);

	if (!err) {
		if (may_have_both(sk))
			synchronize_rcu();
		reuse_sock_release_route(sk);
	}
	return err;
}
#endif
