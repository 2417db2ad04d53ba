// SPDX-License-Identifier: GPL-2.0
/* connect() in a namespace that emulates: what this module does around the kernel's functions. */
#include <linux/rcupdate.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/inet_common.h>	/* needs the headers above */
#include <net/transp_v6.h>

#include "bind.h"
#include "compat/lookup.h"
#include "netns.h"
#include "report.h"
#include "tables/sock.h"
#include "track/track.h"

/**
 * reuse_connect_keeps_port() - must a TCP socket keep its port if connect() fails?
 * @sk: TCP socket that is about to connect
 *
 * Context: any, from the hooks of tcp_v4_connect() and tcp_v6_connect().
 * Return: true if the hook is to call reuse_connect_tcp() instead.
 */
bool reuse_connect_keeps_port(const struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));

	return profile && profile->connect_keeps_port && inet_sk(sk)->inet_num;
}

/*
 * IPv6 connect() returns EADDRNOTAVAIL for two reasons: there is no source address to
 * reach the remote end from, or another connection has the same two ends. The kernel
 * stores the route in the socket after the first check and before the second.
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
 * If connect() fails, the kernel takes the port away unless SOCK_BINDPORT_LOCK says that
 * bind() asked for this very port. So the flag is set during the call. It stays set if
 * the two ends are taken, as FreeBSD lets the socket keep its port then.
 *
 * Context: @sk is locked; may sleep.
 * Return: 0 or the error that FreeBSD returns.
 */
int reuse_connect_tcp(struct sock *sk, void *addr, int len)
{
	bool asked = sk->sk_userlocks & SOCK_BINDPORT_LOCK;
	bool taken;
	int err;

	sk->sk_userlocks |= SOCK_BINDPORT_LOCK;
	/* has_route() must not see the route of an earlier connect() that failed */
	sk_dst_reset(sk);

	err = sk->sk_prot->connect(sk, addr, len);
	taken = err == -EADDRNOTAVAIL && has_route(sk, addr);

	/* After any other error, the kernel has kept the port or has released it already */
	if (!asked && (!taken || !inet_sk(sk)->inet_num))
		sk->sk_userlocks &= ~SOCK_BINDPORT_LOCK;

	if (taken) {
		reuse_report_connect(sk, -EADDRINUSE, err);
		err = -EADDRINUSE;
	}
	return err;
}

/*
 * Count the socket before it gets its remote end; and once more afterwards, in case the
 * namespace was switched in between.
 */
static __always_inline int udp_connect(struct sock *sk, void *addr, int len,
				       typeof(__ip4_datagram_connect) *original)
{
	int err;

	if (reuse_udp_groups_first)
		reuse_track_connecting(sk);

	err = original(sk, addr, len);
	if (!err && reuse_udp_groups_first)
		reuse_track_connecting(sk);
	if (!err)
		reuse_track_moved(sk);
	return err;
}

/**
 * reuse_connect_udp4() - connect a socket to an IPv4 remote end
 * @sk: UDP, UDP-Lite, ping or raw socket
 * @addr: remote end
 * @len: length of @addr
 *
 * From now on, only datagrams from the remote end reach the socket. An earlier datagram
 * may have left its own route in the socket, which would be wrong for them: release it.
 *
 * Context: @sk is locked; may sleep.
 * Return: 0 or an error of __ip4_datagram_connect().
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
 * A datagram whose receiver was chosen before connect() may still leave its route in the
 * socket, until a grace period is over. An IPv4 route would stay in the socket if the
 * remote end sends IPv6.
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
 * Releases an earlier datagram's route for the same reason as reuse_connect_udp4().
 *
 * Context: @sk is locked; may sleep.
 * Return: 0 or an error of __ip6_datagram_connect().
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
