// SPDX-License-Identifier: GPL-2.0
/*
 * Choose the receiver of a datagram, in netfilter hooks that only namespaces
 * which emulate have: it costs the others nothing. The hooks leave the receiver
 * in skb->sk, as the kernel's early demultiplexing does, and UDP looks no further.
 *
 * No datagram is delivered before all firewalls have let it pass, however late
 * they have registered their hooks. IPv4 has reassembled fragments by then. IPv6
 * has neither done that nor looked at extension headers (one may redirect the
 * datagram): datagrams with any of these are delivered natively.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/tcp_states.h>

#include "deliver.h"
#include "netns.h"
#include "select.h"

#if IS_ENABLED(CONFIG_NETFILTER)

static struct sock *native4(const struct reuse_delivery *dv,
			    struct sk_buff *skb, const struct udphdr *uh)
{
	const struct iphdr *iph = ip_hdr(skb);

	return reuse_udp4_find(dv->net, dv->protocol, iph->saddr,
			       uh->source, iph->daddr, uh->dest, dv->dif,
			       dv->sdif, skb);
}

/* Linux runs no bpf_sk_lookup program for UDP-Lite */
static bool chosen4(const struct reuse_delivery *dv, const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);

	return dv->protocol == IPPROTO_UDP &&
	       reuse_sk_lookup_chose4(dv->net, IPPROTO_UDP,
				      iph->saddr, dv->from_port, iph->daddr,
				      dv->port, dv->dif);
}

#if IS_ENABLED(CONFIG_IPV6)

static struct sock *native6(const struct reuse_delivery *dv,
			    struct sk_buff *skb, const struct udphdr *uh)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);

	return reuse_udp6_find(dv->net, dv->protocol,
			       &ip6h->saddr, uh->source, &ip6h->daddr,
			       uh->dest, dv->dif, dv->sdif, skb);
}

static bool chosen6(const struct reuse_delivery *dv, const struct sk_buff *skb)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);

	return dv->protocol == IPPROTO_UDP &&
	       reuse_sk_lookup_chose6(dv->net, IPPROTO_UDP,
				      &ip6h->saddr, dv->from_port, &ip6h->daddr,
				      dv->port, dv->dif);
}

#else

static struct sock *native6(const struct reuse_delivery *dv,
			    struct sk_buff *skb, const struct udphdr *uh)
{
	return NULL;
}

static bool chosen6(const struct reuse_delivery *dv, const struct sk_buff *skb)
{
	return false;
}

#endif

/*
 * Returns the receiver; NULL if Linux is to decide, as it finds no socket or a
 * connected one, or a bpf_sk_lookup program chose; ERR_PTR() if no socket may
 * get the datagram. Not NULL if Linux has just found the same receiver: UDP would
 * look again, and another socket may have been bound by then.
 */
static struct sock *datagram_receiver(struct sk_buff *skb,
				      struct reuse_delivery *dv,
				      const struct udphdr *uh)
{
	bool ipv6 = dv->packet.ipv6;
	struct sock *native;

	native = ipv6 ? native6(dv, skb, uh) : native4(dv, skb, uh);
	if (!native || READ_ONCE(native->sk_state) == TCP_ESTABLISHED ||
	    (ipv6 ? chosen6(dv, skb) : chosen4(dv, skb)))
		return NULL;

	dv->native = native;
	/* Most ports have one socket: the kernel and the profile give it all packets */
	if (reuse_track_is_sole(native, dv->port))
		return native;
	return reuse_deliver_connected(dv, native) ?:
	       reuse_deliver_select(dv, native, skb, sizeof(*uh));
}

static unsigned int datagram_unicast(struct sk_buff *skb,
				     const struct nf_hook_state *state,
				     struct reuse_delivery *dv,
				     const struct udphdr *uh,
				     unsigned int thoff)
{
	unsigned int verdict;
	struct sock *sk;

	/* The programs of SO_REUSEPORT groups are run at the UDP header */
	__skb_pull(skb, thoff);
	sk = datagram_receiver(skb, dv, uh);
	__skb_push(skb, thoff);
	if (!sk)
		return NF_ACCEPT;
	if (IS_ERR(sk)) {
		reuse_deliver_report(dv, NULL);
		return NF_DROP;
	}

	verdict = reuse_deliver_ask_rest(skb, state, dv);
	if (verdict != NF_REPEAT)
		return verdict;
	reuse_deliver_report(dv, sk);
	/* If the receiver was closed meanwhile, drop the datagram: no other socket may get it */
	return reuse_deliver_give(skb, state, sk) ? NF_STOLEN : NF_DROP;
}

/*
 * An ipvlan device in mode l3s routes what its master receives in the namespace of the
 * ipvlan device, and the socket is looked up there. But the hooks that run are those of
 * the master's namespace.
 */
static bool is_routed_elsewhere(const struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	const struct dst_entry *dst = skb_dst(skb);

	return !dst || !net_eq(dev_net(READ_ONCE(dst->dev)), state->net);
}

static unsigned int datagram(struct sk_buff *skb,
			     const struct nf_hook_state *state,
			     struct reuse_delivery *dv, unsigned int thoff,
			     bool mcast)
{
	unsigned int verdict = NF_ACCEPT;
	const struct udphdr *uh;

	dv->profile = reuse_net_profile(state->net);
	if (!dv->profile || is_routed_elsewhere(skb, state) ||
	    !pskb_may_pull(skb, thoff + sizeof(*uh)))
		return NF_ACCEPT;

	uh = (const struct udphdr *)(skb->data + thoff);
	dv->net = state->net;
	dv->port = ntohs(uh->dest);
	dv->from_port = uh->source;

	/* A datagram that was queued to userspace comes back in process context */
	local_bh_disable();
	if (mcast)
		verdict = reuse_deliver_multicast(skb, state, dv);
	/* Otherwise, early demultiplexing or a transparent proxy has found the receiver */
	else if (!skb->sk)
		verdict = datagram_unicast(skb, state, dv, uh, thoff);
	local_bh_enable();
	return verdict;
}

/*
 * A multicast datagram took another datagram's route to get here: it came while
 * reuse_deliver_give() delivered to the only member of the group, and used the
 * route that was in that socket. By its own route, it may have to be forwarded
 * as well. If that route leads here again, netfilter sees the datagram twice.
 */
static unsigned int route_again(struct sk_buff *skb,
				const struct nf_hook_state *state)
{
	int slave = inet_sdif(skb);
	struct net_device *dev;

	dev = slave ? dev_get_by_index_rcu(state->net, slave) : skb->dev;
	skb_dst_drop(skb);
	if (!dev || !reuse_route_input(skb, dev) ||
	    skb_rtable(skb)->rt_type != RTN_MULTICAST)
		return NF_DROP;
	/* As above: the sockets' receive queues are locked with bottom halves off */
	local_bh_disable();
	skb_dst(skb)->input(skb);
	local_bh_enable();
	return NF_STOLEN;
}

static unsigned int datagram4(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state);

static noinline unsigned int deliver4(struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct iphdr *iph = ip_hdr(skb);
	struct reuse_delivery dv = {
		.hook = datagram4, .protocol = iph->protocol,
	};
	const struct rtable *rt = skb_rtable(skb);

	if (ipv4_is_multicast(iph->daddr) && rt &&
	    rt->rt_type != RTN_MULTICAST && reuse_net_profile(state->net))
		return route_again(skb, state);
	dv.dif = inet_iif(skb);
	dv.sdif = inet_sdif(skb);
	sem_addr4(dv.packet.addr, (__force u32)iph->daddr);
	sem_addr4(dv.from, (__force u32)iph->saddr);
	return datagram(skb, state, &dv, iph->ihl * 4,
			ipv4_is_multicast(iph->daddr) ||
			(rt && rt->rt_flags & RTCF_BROADCAST));
}

/* Packets of other protocols come by here, too: they are not to pay for what follows */
static unsigned int datagram4(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	u8 protocol = ip_hdr(skb)->protocol;

	if (protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE)
		return NF_ACCEPT;
	return deliver4(skb, state);
}

#if IS_ENABLED(CONFIG_IPV6)
static unsigned int datagram6(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state);

static noinline unsigned int deliver6(struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(skb);
	struct reuse_delivery dv = {
		.hook = datagram6, .protocol = ip6h->nexthdr,
	};

	dv.packet.ipv6 = true;
	dv.dif = inet6_iif(skb);
	dv.sdif = inet6_sdif(skb);
	memcpy(dv.packet.addr, &ip6h->daddr, sizeof(dv.packet.addr));
	memcpy(dv.from, &ip6h->saddr, sizeof(dv.from));
	return datagram(skb, state, &dv, sizeof(*ip6h),
			ipv6_addr_is_multicast(&ip6h->daddr));
}

static unsigned int datagram6(void *priv, struct sk_buff *skb,
			      const struct nf_hook_state *state)
{
	u8 protocol = ipv6_hdr(skb)->nexthdr;

	if (protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE)
		return NF_ACCEPT;
	return deliver6(skb, state);
}
#endif

static const struct nf_hook_ops datagram_ops[] = {
	{
		.hook = datagram4,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
#if IS_ENABLED(CONFIG_IPV6)
	{
		.hook = datagram6,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
#endif
};

/**
 * reuse_deliver_hook() - start to choose the receivers of a namespace's datagrams
 * @net: network namespace; has been native so far
 *
 * Context: process context, may sleep.
 * Return: 0 or a negative errno if there is no memory or there are too many hooks.
 */
int reuse_deliver_hook(struct net *net)
{
	return nf_register_net_hooks(net, datagram_ops,
				     ARRAY_SIZE(datagram_ops));
}

/**
 * reuse_deliver_unhook() - undo reuse_deliver_hook()
 * @net: network namespace
 *
 * Context: process context, may sleep. An RCU grace period later, no
 * datagram is in these hooks or on its way from them to a socket.
 */
void reuse_deliver_unhook(struct net *net)
{
	nf_unregister_net_hooks(net, datagram_ops, ARRAY_SIZE(datagram_ops));
}

#else

/**
 * reuse_deliver_hook() - warn that UDP is not emulated on this kernel
 * @net: unused
 *
 * Context: any.
 * Return: 0, as everything else is emulated.
 */
int reuse_deliver_hook(struct net *net)
{
	pr_warn_once("this kernel is built without CONFIG_NETFILTER: UDP is delivered natively whatever net.reuse.semantics says\n");
	return 0;
}

/**
 * reuse_deliver_unhook() - do nothing: nothing was hooked
 * @net: unused
 *
 * Context: any.
 */
void reuse_deliver_unhook(struct net *net)
{
}

#endif
