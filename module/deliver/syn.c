// SPDX-License-Identifier: GPL-2.0
/*
 * Select the listener that gets a SYN. These functions replace the kernel's lookups, and
 * call them first.
 *
 * synchronize_rcu() in hook/ftrace.c waits for packets that are in here.
 */
#include <linux/bottom_half.h>
#include <linux/err.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>

#include "compat/uninitialized.h"
#include "deliver.h"
#include "drop.h"
#include "netns.h"
#include "select.h"

/*
 * Does TCP ask, which drops what it finds the drop socket for? Netfilter asks, too: nothing
 * may be found then. It has the packet at its IP header, and TCP at its TCP header. Others
 * (BPF programs, socket diagnosis) ask without a packet.
 */
static bool tcp_asks(const struct sk_buff *skb)
{
	return skb && !skb_transport_offset(skb);
}

/*
 * Socket diagnosis looks up listeners, too: in process context, bottom halves on, and without
 * a packet.
 */
static struct sock *deliver_syn(struct reuse_delivery *dv, struct sock *native,
				struct sk_buff *skb, int doff)
{
	struct sock *sk;

	dv->native = native;
	local_bh_disable();
	sk = reuse_deliver_select(dv, native, skb, doff);
	if (IS_ERR(sk))
		sk = NULL;
	/* Without a socket on the port there is nothing to decide */
	if (tcp_asks(skb) && (native || dv->refused)) {
		dv->is_syn = tcp_hdr(skb)->syn && !tcp_hdr(skb)->ack;
		reuse_deliver_report(dv, sk);
	}
	local_bh_enable();

	if (dv->refused && dv->profile->drops_refused && tcp_asks(skb))
		return reuse_drop_socket(dv->net);
	return sk;
}

/* Has the kernel found the port's only socket? Then there is nothing to decide, or to tell */
static bool is_settled(const struct net *net, const struct sock *native,
		       unsigned short port)
{
	return native && reuse_track_is_sole(native, port) && !reuse_deliver_is_told(net);
}

/* The kernel has found @native, or no listener: is that for the profile to decide? */
static bool may_decide(const struct reuse_delivery *dv, const struct sock *native)
{
	if (!dv->profile)
		return false;
	/* DCCP calls the same lookup */
	if (native)
		return native->sk_protocol == IPPROTO_TCP;
	return dv->profile->drops_refused;
}

/**
 * reuse_deliver_syn4() - select a listener, in place of __inet_lookup_listener()
 * @net: network namespace
 * @skb: the packet, or NULL
 * @doff: length of its TCP header
 * @saddr: source address
 * @sport: source port, in network byte order
 * @daddr: destination address
 * @hnum: destination port, in host byte order
 * @dif: index of the device that the packet came by
 * @sdif: index of the device enslaved to @dif that it came by, or 0
 *
 * Context: under RCU.
 * Return: the listener that gets the SYN, or NULL if TCP refuses it.
 */
struct sock *reuse_deliver_syn4(reuse_tcp4_net_t *net, REUSE_TCP4_TABLE_PARAM
				struct sk_buff *skb, int doff,
				const __be32 saddr, const __be16 sport,
				const __be32 daddr, const unsigned short hnum,
				const int dif, const int sdif)
{
	struct reuse_delivery dv __uninitialized;
	struct sock *sk;

	sk = __inet_lookup_listener(net, REUSE_TCP4_TABLE_ARG skb, doff, saddr,
				    sport, daddr, hnum, dif, sdif);
	if (is_settled(net, sk, hnum))
		return sk;

	dv = (struct reuse_delivery) {
		.profile = reuse_net_profile(net), .net = net, .dif = dif,
		.sdif = sdif, .port = hnum, .protocol = IPPROTO_TCP,
	};
	if (!may_decide(&dv, sk) || REUSE_IS_DCCP4 ||
	    reuse_sk_lookup_chose4(net, IPPROTO_TCP, saddr, sport, daddr, hnum,
				   dif))
		return sk;

	sem_addr4(dv.packet.addr, (__force u32)daddr);
	sem_addr4(dv.from, (__force u32)saddr);
	dv.from_port = sport;
	return deliver_syn(&dv, sk, skb, doff);
}

static_assert(__same_type(reuse_deliver_syn4, __inet_lookup_listener));

#if IS_ENABLED(CONFIG_IPV6)

/**
 * reuse_deliver_syn6() - select a listener, in place of inet6_lookup_listener()
 * @net: network namespace
 * @skb: the packet, or NULL
 * @doff: length of its TCP header
 * @saddr: source address
 * @sport: source port, in network byte order
 * @daddr: destination address
 * @hnum: destination port, in host byte order
 * @dif: index of the device that the packet came by
 * @sdif: index of the device enslaved to @dif that it came by, or 0
 *
 * Context: under RCU.
 * Return: the listener that gets the SYN, or NULL if TCP refuses it.
 */
struct sock *reuse_deliver_syn6(reuse_tcp6_net_t *net, REUSE_TCP6_TABLE_PARAM
				struct sk_buff *skb, int doff,
				const struct in6_addr *saddr,
				const __be16 sport,
				const struct in6_addr *daddr,
				const unsigned short hnum, const int dif,
				const int sdif)
{
	struct reuse_delivery dv __uninitialized;
	struct sock *sk;

	sk = inet6_lookup_listener(net, REUSE_TCP6_TABLE_ARG skb, doff, saddr,
				   sport, daddr, hnum, dif, sdif);
	if (is_settled(net, sk, hnum))
		return sk;

	dv = (struct reuse_delivery) {
		.profile = reuse_net_profile(net), .net = net, .dif = dif,
		.sdif = sdif, .port = hnum, .protocol = IPPROTO_TCP,
	};
	if (!may_decide(&dv, sk) || REUSE_IS_DCCP6 ||
	    reuse_sk_lookup_chose6(net, IPPROTO_TCP, saddr, sport, daddr, hnum,
				   dif))
		return sk;

	dv.packet.ipv6 = true;
	memcpy(dv.packet.addr, daddr, sizeof(dv.packet.addr));
	memcpy(dv.from, saddr, sizeof(dv.from));
	dv.from_port = sport;
	return deliver_syn(&dv, sk, skb, doff);
}

static_assert(__same_type(reuse_deliver_syn6, inet6_lookup_listener));

#endif
