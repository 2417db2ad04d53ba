// SPDX-License-Identifier: GPL-2.0
/*
 * Select the sockets that get a copy of a multicast or broadcast datagram, if the profile has
 * rules of its own for that.
 *
 * If they are all the sockets that the kernel would consider, the kernel delivers. Otherwise we
 * do: the last receiver gets the datagram, each other one a clone.
 *
 * All functions here run under RCU with bottom halves off.
 */
#include <linux/igmp.h>
#include <linux/netfilter.h>
#include <net/if_inet6.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "compat/lookup.h"
#include "select.h"
#include "tables/sock.h"
#include "tables/tables.h"
#include "track/track.h"

struct multicast;
typedef void (*multicast_find_t)(struct multicast *m, struct sock *sk,
				 const struct sem_sock *s, u64 created);

/**
 * struct multicast - a datagram and the sockets that get a copy
 * @dv: the datagram
 * @skb: its buffer
 * @state: of the netfilter hook
 * @find: called for each socket that the datagram may be for
 * @since: a socket that was created before this gets no copy
 * @asked: how many sockets the kernel would consider
 * @members: how many of @asked joined the group and accept the source
 * @takers: how many of @asked take the datagram natively, whether they joined the group or
 *	not (IP_MULTICAST_ALL); counted only if @skb has a socket
 * @takes: the socket of @skb is one of @takers
 * @receivers: how many sockets get a copy
 * @to: the receivers, or NULL while they are only counted
 * @max: capacity of @to
 */
struct multicast {
	const struct reuse_delivery *dv;
	struct sk_buff *skb;
	const struct nf_hook_state *state;
	multicast_find_t find;
	u64 since;
	unsigned int asked;
	unsigned int members;
	unsigned int takers;
	bool takes;
	unsigned int receivers;
	unsigned int max;
	struct sock **to;
};

static bool includes4(const struct ip_sf_socklist *list, __be32 from)
{
	unsigned int i;

	/* setsockopt() may change the list in place meanwhile: the kernel accepts that, too */
	for (i = 0; list && i < data_race(list->sl_count); i++) {
		/* setsockopt() may change the list in place meanwhile */
		if (data_race(list->sl_addr[i]) == from)
			return true;
	}
	return false;
}

/* Did @sk join the group on the device that the datagram came by? */
static const struct ip_mc_socklist *membership4(const struct sock *sk, const struct multicast *m)
{
	const struct ip_mc_socklist *mc;

	for (mc = rcu_dereference(inet_sk(sk)->mc_list); mc;
	     mc = rcu_dereference(mc->next_rcu)) {
		if (mc->multi.imr_multiaddr.s_addr != ip_hdr(m->skb)->daddr)
			continue;
		if (mc->multi.imr_ifindex == m->dv->dif ||
		    (m->dv->sdif && mc->multi.imr_ifindex == m->dv->sdif))
			break;
	}
	return mc;
}

static bool accepts4(const struct ip_mc_socklist *mc, const struct multicast *m)
{
	/* setsockopt() may change the mode meanwhile: the kernel accepts that, too */
	bool include = data_race(mc->sfmode) == MCAST_INCLUDE;

	return include == includes4(rcu_dereference(mc->sflist), ip_hdr(m->skb)->saddr);
}

static enum sem_member member4(const struct sock *sk, const struct multicast *m)
{
	const struct ip_mc_socklist *mc;

	/* A broadcast takes no membership */
	if (!ipv4_is_multicast(ip_hdr(m->skb)->daddr))
		return SEM_MEMBER;
	mc = membership4(sk, m);
	if (mc && accepts4(mc, m))
		return SEM_MEMBER;
	return rcu_access_pointer(inet_sk(sk)->mc_list) ? SEM_MEMBER_ELSEWHERE : SEM_NO_MEMBER;
}

/* Would the kernel give @sk a copy? */
static bool takes4(const struct sock *sk, const struct multicast *m)
{
	const struct ip_mc_socklist *mc;

	if (!ipv4_is_multicast(ip_hdr(m->skb)->daddr))
		return true;
	mc = membership4(sk, m);
	return mc ? accepts4(mc, m) : reuse_sock_takes_groups(sk);
}

#if IS_ENABLED(CONFIG_IPV6)

static bool includes6(const struct ip6_sf_socklist *list,
		      const struct in6_addr *from)
{
	unsigned int i;

	/* setsockopt() may change the list in place meanwhile: the kernel accepts that, too */
	for (i = 0; list && i < data_race(list->sl_count); i++) {
		/* setsockopt() may change the list in place meanwhile */
		if (data_race(ipv6_addr_equal(&list->sl_addr[i], from)))
			return true;
	}
	return false;
}

static bool accepts6(const struct ipv6_mc_socklist *mc, const struct multicast *m)
{
	bool include;

	/* This kernel frees source lists without RCU: skip them, accept any source */
	if (!REUSE_SOURCES6_UNDER_RCU)
		return true;
	/* setsockopt() may change the mode meanwhile: the kernel accepts that, too */
	include = data_race(mc->sfmode) == MCAST_INCLUDE;
	return include == includes6(rcu_dereference(mc->sflist), &ipv6_hdr(m->skb)->saddr);
}

static enum sem_member member6(const struct sock *sk, const struct multicast *m)
{
	const struct ipv6_mc_socklist *mc;

	for (mc = rcu_dereference(inet6_sk(sk)->ipv6_mc_list); mc;
	     mc = rcu_dereference(mc->next)) {
		if (!ipv6_addr_equal(&mc->addr, &ipv6_hdr(m->skb)->daddr))
			continue;
		if (mc->ifindex == m->dv->dif ||
		    (m->dv->sdif && mc->ifindex == m->dv->sdif))
			return accepts6(mc, m) ? SEM_MEMBER : SEM_MEMBER_ELSEWHERE;
	}
	return rcu_access_pointer(inet6_sk(sk)->ipv6_mc_list) ? SEM_MEMBER_ELSEWHERE :
								SEM_NO_MEMBER;
}

#else

static enum sem_member member6(const struct sock *sk, const struct multicast *m)
{
	return SEM_NO_MEMBER;
}

#endif

static enum sem_member member_of(const struct sock *sk, const struct multicast *m)
{
	return m->dv->packet.ipv6 ? member6(sk, m) : member4(sk, m);
}

/* Does the profile give a copy to @s? */
static bool takes(const struct sem_sock *s, const struct multicast *m, enum sem_member member)
{
	return m->dv->profile->takes_multicast(s, &m->dv->packet, member);
}

/* Is the datagram for @sk, which @s describes, as far as its remote end and device go? */
static bool may_receive(const struct sock *sk, const struct sem_sock *s, const struct multicast *m)
{
	const struct reuse_delivery *dv = m->dv;
	const struct net *net = dv->net;

	return READ_ONCE(sk->sk_num) == dv->port &&
	       udp_sk_bound_dev_eq((struct net *)net, s->dev, dv->dif, dv->sdif) &&
	       (!sem_is_connected(s) || reuse_deliver_from_remote(dv, sk));
}

static void find_last(struct multicast *m, struct sock *sk, const struct sem_sock *s, u64 created)
{
	enum sem_member member = member_of(sk, m);

	m->asked++;
	m->members += member == SEM_MEMBER;
	if (!m->dv->packet.ipv6 && m->skb->sk && takes4(sk, m)) {
		m->takers++;
		m->takes |= sk == m->skb->sk;
	}
	if (created > m->since && m->dv->profile->ends_multicast(s) && takes(s, m, member))
		m->since = created;
}

static void find_receiver(struct multicast *m, struct sock *sk, const struct sem_sock *s,
			  u64 created)
{
	if (created < m->since || (m->to && m->receivers == m->max) ||
	    !takes(s, m, member_of(sk, m)))
		return;
	if (m->to)
		m->to[m->receivers] = sk;
	m->receivers++;
}

/* A member of a bucket; its record may describe the socket no more */
static enum scan_step multicast_member(const struct bucket_seen *seen, void *arg)
{
	struct multicast *m = arg;
	struct sem_sock s;

	reuse_sock_snapshot(seen->sk, &s);
	if (sem_same(s.addr, seen->key->addr) && may_receive(seen->sk, &s, m))
		m->find(m, seen->sk, &s, seen->created);
	return SCAN_NEXT;
}

static void multicast_list(struct multicast *m, const u8 *addr, enum addr_class class)
{
	reuse_deliver_each(m->dv, addr, class, multicast_member, m);
}

/* All AF_INET6 sockets of the port, in no order; AF_INET ones have no list of IPv6 groups */
static void multicast_port(struct sock *sk, void *arg)
{
	struct multicast *m = arg;
	struct sem_sock s;

	reuse_sock_snapshot(sk, &s);
	if (s.ipv6 && may_receive(sk, &s, m))
		m->find(m, sk, &s, reuse_track_created_seq(sk));
}

/* All sockets on the datagram's destination address or a wildcard address that it matches */
static void multicast_each(struct multicast *m, multicast_find_t find)
{
	const u8 *addr = m->dv->packet.addr;

	m->find = find;
	if (m->dv->packet.ipv6 && m->dv->profile->group_on_any_address6) {
		reuse_udp_each((struct net *)m->dv->net, m->dv->protocol, m->dv->port,
			       multicast_port, m);
		return;
	}
	multicast_list(m, sem_any6, ADDR_IPV6);
	if (m->dv->packet.ipv6) {
		multicast_list(m, sem_any6, ADDR_V6ONLY);
		multicast_list(m, addr, ADDR_IPV6);
		return;
	}
	multicast_list(m, sem_any4, ADDR_IPV4);
	multicast_list(m, sem_any4, ADDR_MAPPED);
	multicast_list(m, addr, ADDR_IPV4);
	multicast_list(m, addr, ADDR_MAPPED);
}

/*
 * A datagram that TPROXY or bpf_sk_assign() gave to a socket stays with it. One that early
 * demultiplexing gave to a socket does not: natively, that socket is an IPv4 group's only taker.
 *
 * The destructor tells the two apart. Newer kernels use the same one for early demultiplexing
 * and bpf_sk_assign(): there, a datagram of the only taker counts as not given.
 */
static bool is_given(const struct multicast *m)
{
	const struct sk_buff *skb = m->skb;

	if (!skb->sk || skb->destructor == sock_efree)
		return false;
	if (skb->destructor != sock_pfree || m->dv->packet.ipv6 ||
	    !ipv4_is_multicast(ip_hdr(skb)->daddr))
		return true;
	return m->takers != 1 || !m->takes;
}

/*
 * The last receiver gets the datagram itself. False if that socket has been closed meanwhile;
 * RCU keeps the memory of closed receivers.
 */
static bool multicast_copies(const struct multicast *m)
{
	unsigned int i;

	for (i = 0; i + 1 < m->receivers; i++) {
		struct sk_buff *clone = skb_clone(m->skb, GFP_ATOMIC);

		/* A clone without a receiver would be delivered to all */
		if (clone && !reuse_deliver_give(clone, m->state, m->to[i]))
			kfree_skb(clone);
	}
	return reuse_deliver_give(m->skb, m->state, m->to[i]);
}

/* Called after all hooks accepted the datagram. NF_DROP if no receiver is left */
static unsigned int multicast_give(struct multicast *m)
{
	m->receivers = 0;
	multicast_each(m, find_receiver);
	return m->receivers && multicast_copies(m) ? NF_STOLEN : NF_DROP;
}

/**
 * reuse_deliver_multicast() - deliver a multicast or broadcast datagram
 * @skb: the datagram at its network header
 * @state: of the netfilter hook that it is in
 * @dv: the datagram
 *
 * Context: under RCU, bottom halves off.
 * Return: verdict on @skb; NF_DROP if there is no memory for a list of the receivers.
 */
unsigned int reuse_deliver_multicast(struct sk_buff *skb,
				     const struct nf_hook_state *state,
				     const struct reuse_delivery *dv)
{
	struct multicast m = { .dv = dv, .skb = skb, .state = state };
	unsigned int verdict = NF_DROP;

	if (!dv->profile->ends_multicast)
		return NF_ACCEPT;
	multicast_each(&m, find_last);
	multicast_each(&m, find_receiver);
	if (is_given(&m))
		return NF_ACCEPT;

	/*
	 * Early demultiplexing may have found a socket that is not to get the datagram, and
	 * UDP may go on from it to another socket of its SO_REUSEPORT group.
	 */
	skb_orphan(skb);
	if (m.receivers == m.asked && m.members == m.asked &&
	    !(dv->packet.ipv6 && dv->profile->group_on_any_address6))
		return NF_ACCEPT;
	m.max = m.receivers;
	m.to = kmalloc_array(m.max, sizeof(*m.to), GFP_ATOMIC | __GFP_NOWARN);
	if (m.max && m.to) {
		verdict = reuse_deliver_ask_rest(skb, state, dv);
		if (verdict == NF_REPEAT)
			verdict = multicast_give(&m);
	}
	kfree(m.to);
	return verdict;
}
