// SPDX-License-Identifier: GPL-2.0
/* Describe a socket to the rules, and release the route that a delivery left in it. */
#include <net/dst.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "semantics/semantics.h"
#include "sock.h"

static u8 state_of(const struct sock *sk)
{
	switch (READ_ONCE(sk->sk_state)) {
	case TCP_CLOSE:
		return SEM_BOUND;
	case TCP_LISTEN:
		return SEM_LISTEN;
	case TCP_TIME_WAIT:
		return SEM_TIMEWAIT;
	default:
		return SEM_CONNECTED;
	}
}

/**
 * reuse_sock_snapshot() - describe a socket as the rules see it
 * @sk: any kind of socket: only what sock_common has is read
 * @s: is set, except that @bind_seq, @uid and @root are 0: those take more to find out
 *
 * Context: any.
 */
void reuse_sock_snapshot(const struct sock *sk, struct sem_sock *s)
{
	memset(s, 0, sizeof(*s));

	s->state = state_of(sk);
	s->reuseaddr = reuse_has_reuseaddr(sk);
	s->reuseport = reuse_has_reuseport(sk);
	s->dev = READ_ONCE(sk->sk_bound_dev_if);
	reuse_address_of(sk, (struct in6_addr *)s->addr, &s->ipv6, &s->v6only);
}

/**
 * reuse_sock_release_route() - release the route that a datagram left in a socket
 * @sk: a UDP socket that has just got a datagram or been connected, or whose
 *	namespace does not emulate any more
 *
 * If a datagram comes with its receiver, UDP keeps the datagram's route in the
 * socket. It would use it for the next multicast datagram and for all datagrams
 * from the socket's remote end, even an IPv4 route for IPv6 datagrams.
 *
 * Context: any; @sk cannot be freed meanwhile.
 */
void reuse_sock_release_route(struct sock *sk)
{
	struct dst_entry **dst = (__force struct dst_entry **)&sk->sk_rx_dst;

	dst_release(xchg(dst, NULL));
}
