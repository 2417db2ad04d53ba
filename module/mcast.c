// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets a copy of a multicast or broadcast datagram, where the semantics
 * say something of their own about it.
 *
 * If that is everybody whom the kernel would ask, the kernel delivers. If not,
 * each receiver but one gets a clone that is its own from here on.
 *
 * Context of all: softirq, under RCU.
 */
#include <linux/igmp.h>
#include <linux/netfilter.h>
#include <net/if_inet6.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "bind.h"
#include "deliver.h"
#include "order.h"

/**
 * struct mcast - a datagram and those who get a copy
 * @dv: the datagram
 * @skb: the same
 * @uh: its UDP header
 * @state: of the netfilter hook
 * @since: who was created before this gets none
 * @asked: sockets that the kernel would ask
 * @receivers: how many get one
 * @to: the last of them seen
 */
struct mcast {
	const struct reuse_delivery *dv;
	struct sk_buff *skb;
	const struct udphdr *uh;
	const struct nf_hook_state *state;
	u64 since;
	unsigned int asked;
	unsigned int receivers;
	struct sock *to;
};

static bool includes4(const struct ip_sf_socklist *list, __be32 from)
{
	unsigned int i;

	for (i = 0; list && i < list->sl_count; i++) {
		if (list->sl_addr[i] == from)
			return true;
	}
	return false;
}

/* Joined, on the device that it came by, and not filtered out by source */
static bool member4(const struct sock *sk, const struct mcast *m)
{
	const struct iphdr *iph = ip_hdr(m->skb);
	const struct ip_mc_socklist *mc;

	if (!ipv4_is_multicast(iph->daddr))
		return true;
	for (mc = rcu_dereference(inet_sk(sk)->mc_list); mc;
	     mc = rcu_dereference(mc->next_rcu)) {
		if (mc->multi.imr_multiaddr.s_addr != iph->daddr)
			continue;
		if (mc->multi.imr_ifindex != m->dv->dif &&
		    (!m->dv->sdif || mc->multi.imr_ifindex != m->dv->sdif))
			continue;
		return includes4(rcu_dereference(mc->sflist), iph->saddr) ==
		       (mc->sfmode == MCAST_INCLUDE);
	}
	return false;
}

#if IS_ENABLED(CONFIG_IPV6)

static bool includes6(const struct ip6_sf_socklist *list,
		      const struct in6_addr *from)
{
	unsigned int i;

	for (i = 0; list && i < list->sl_count; i++) {
		if (ipv6_addr_equal(&list->sl_addr[i], from))
			return true;
	}
	return false;
}

static bool member6(const struct sock *sk, const struct mcast *m)
{
	const struct ipv6hdr *ip6h = ipv6_hdr(m->skb);
	const struct ipv6_mc_socklist *mc;

	for (mc = rcu_dereference(inet6_sk(sk)->ipv6_mc_list); mc;
	     mc = rcu_dereference(mc->next)) {
		if (!ipv6_addr_equal(&mc->addr, &ip6h->daddr))
			continue;
		if (mc->ifindex != m->dv->dif &&
		    (!m->dv->sdif || mc->ifindex != m->dv->sdif))
			continue;
		return includes6(rcu_dereference(mc->sflist), &ip6h->saddr) ==
		       (mc->sfmode == MCAST_INCLUDE);
	}
	return false;
}

static bool from_peer6(const struct sock *sk, const struct mcast *m)
{
	return ipv6_addr_equal(&sk->sk_v6_daddr, &ipv6_hdr(m->skb)->saddr);
}

#else

static bool member6(const struct sock *sk, const struct mcast *m)
{
	return false;
}

static bool from_peer6(const struct sock *sk, const struct mcast *m)
{
	return false;
}

#endif

static bool member(const struct sock *sk, const struct mcast *m)
{
	return m->dv->packet.ipv6 ? member6(sk, m) : member4(sk, m);
}

static bool from_peer(const struct sock *sk, const struct mcast *m)
{
	if (sk->sk_state != TCP_ESTABLISHED)
		return true;
	if (sk->sk_dport != m->uh->source)
		return false;
	return m->dv->packet.ipv6 ? from_peer6(sk, m) :
				    sk->sk_daddr == ip_hdr(m->skb)->saddr;
}

/* Is it one of those on an address, and still so? */
static bool matches(const struct reuse_note *note, const struct mcast *m,
		    const u8 *addr, enum reuse_kind kind, struct sem_sock *s)
{
	const struct reuse_delivery *dv = m->dv;

	if (note->port != dv->port || note->net != dv->net ||
	    note->protocol != dv->protocol || note->kind != kind ||
	    note->sk->sk_num != dv->port)
		return false;
	reuse_bind_see(note->sk, s);
	return sem_same(s->addr, addr) &&
	       udp_sk_bound_dev_eq((struct net *)dv->net, s->dev, dv->dif,
				   dv->sdif) && from_peer(note->sk, m);
}

typedef void (*mcast_fn_t)(struct mcast *m, const struct reuse_note *note,
			   const struct sem_sock *s);

static void mcast_list(struct mcast *m, const u8 *addr, enum reuse_kind kind,
		       mcast_fn_t fn)
{
	const struct reuse_delivery *dv = m->dv;
	const struct list_head *sharing;
	const struct reuse_note *note;
	struct sem_sock s;

	sharing = reuse_order_sharing(dv->net, dv->protocol, dv->port, addr,
				      kind);
	list_for_each_entry_rcu(note, sharing, sharing) {
		if (matches(note, m, addr, kind, &s))
			fn(m, note, &s);
	}
}

/* On the address that the datagram is for, or a wildcard that it matches */
static void mcast_each(struct mcast *m, mcast_fn_t fn)
{
	const u8 *addr = m->dv->packet.addr;

	mcast_list(m, sem_any6, REUSE_KIND_IPV6, fn);
	if (m->dv->packet.ipv6) {
		mcast_list(m, sem_any6, REUSE_KIND_V6ONLY, fn);
		mcast_list(m, addr, REUSE_KIND_IPV6, fn);
		return;
	}
	mcast_list(m, sem_any4, REUSE_KIND_IPV4, fn);
	mcast_list(m, sem_any4, REUSE_KIND_MAPPED, fn);
	mcast_list(m, addr, REUSE_KIND_IPV4, fn);
	mcast_list(m, addr, REUSE_KIND_MAPPED, fn);
}

static void find_last(struct mcast *m, const struct reuse_note *note,
		      const struct sem_sock *s)
{
	m->asked++;
	if (note->created > m->since && m->dv->profile->mcast_last(s) &&
	    member(note->sk, m))
		m->since = note->created;
}

static bool receives(const struct mcast *m, const struct reuse_note *note)
{
	return note->created >= m->since && member(note->sk, m);
}

static void count(struct mcast *m, const struct reuse_note *note,
		  const struct sem_sock *s)
{
	m->receivers += receives(m, note);
}

/* A clone for the one before: the last gets the datagram itself */
static void deliver(struct mcast *m, const struct reuse_note *note,
		    const struct sem_sock *s)
{
	struct sk_buff *clone;

	if (!receives(m, note))
		return;
	clone = m->to ? skb_clone(m->skb, GFP_ATOMIC) : NULL;
	if (clone) {
		reuse_datagram_assign(clone, m->to);
		m->state->okfn(m->state->net, m->state->sk, clone);
	}
	m->to = note->sk;
}

/**
 * reuse_mcast_deliver() - deliver a multicast or broadcast datagram
 * @skb: the datagram at its network header
 * @state: of the netfilter hook that it is in
 * @dv: the datagram
 * @uh: its UDP header
 *
 * Context: softirq, under RCU.
 * Return: verdict on @skb.
 */
unsigned int reuse_mcast_deliver(struct sk_buff *skb,
				 const struct nf_hook_state *state,
				 const struct reuse_delivery *dv,
				 const struct udphdr *uh)
{
	struct mcast m = { .dv = dv, .skb = skb, .uh = uh, .state = state };

	if (!dv->profile->mcast_last)
		return NF_ACCEPT;
	mcast_each(&m, find_last);
	mcast_each(&m, count);
	if (m.receivers == m.asked)
		return NF_ACCEPT;
	/* Early demultiplexing may have found what is not to get it */
	skb_orphan(skb);
	mcast_each(&m, deliver);
	if (!m.to)
		return NF_DROP;
	reuse_datagram_assign(skb, m.to);
	return NF_ACCEPT;
}
