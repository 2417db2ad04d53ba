// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets a packet, as another system decides it.
 *
 * The kernel looks first. If it finds nobody there is nobody, and what a
 * bpf_sk_lookup program chose stands. Otherwise the sockets that share the port
 * are shown to the profile: from each list of those bound alike the first that
 * is of use, so it takes no longer if there are many.
 *
 * All of this runs in softirq context, under the RCU lock that the callers of
 * the kernel's lookups hold; what is found may be used as long as they hold
 * it, see order.c. synchronize_rcu() in hook.c waits for us.
 */
#include <net/ipv6.h>
#include <net/sock_reuseport.h>
#include <net/tcp_states.h>

#include "bind.h"
#include "deliver.h"
#include "netns.h"
#include "order.h"
#include "reuse.h"

/*
 * Notes to look at in one list, so that a packet takes bounded work: only
 * those with a remote end, and chance neighbours, come before the one that is
 * of use. Where that is not enough, what the kernel found stands.
 */
#define LOOK_MAX	256

/* Is what the note says still so? A TCP socket's memory may be another's now */
static bool delivery_sees(const struct reuse_delivery *dv,
			  const struct reuse_note *note, struct sem_sock *s)
{
	const struct sock *sk = note->sk;

	reuse_bind_see(sk, s);
	s->order = note->seq;
	/* listen() is under way */
	if (s->state == SEM_LISTEN && sk_unhashed(sk))
		s->state = SEM_BOUND;
	if (!net_eq(sock_net(sk), dv->net) || READ_ONCE(sk->sk_num) != dv->port ||
	    !sem_same(s->addr, note->addr))
		return false;
	if (dv->protocol == IPPROTO_TCP)
		return inet_sk_bound_dev_eq((struct net *)dv->net, s->dev,
					    dv->dif, dv->sdif);
	return udp_sk_bound_dev_eq((struct net *)dv->net, s->dev, dv->dif,
				   dv->sdif);
}

/* Those of a kind on an address */
static void delivery_list(struct reuse_delivery *dv, const u8 *addr,
			  enum reuse_kind kind)
{
	const struct reuse_note *note;
	const struct list_head *sharing;
	unsigned int looks = 0;
	struct sem_sock s;

	sharing = reuse_order_sharing(dv->net, dv->protocol, dv->port, addr,
				      kind);
	list_for_each_entry_rcu(note, sharing, sharing) {
		if (++looks > LOOK_MAX)
			return;
		if (note->port != dv->port || note->net != dv->net ||
		    note->protocol != dv->protocol || note->kind != kind ||
		    !sem_same(note->addr, addr))
			continue;
		if (!delivery_sees(dv, note, &s) || sem_has_peer(&s) ||
		    !!s.dev != dv->on_device)
			continue;
		if (dv->profile->deliver(&dv->decision, &s, note->sk))
			return;
	}
}

/* The address that the packet is for */
static void delivery_exact(struct reuse_delivery *dv)
{
	const u8 *addr = dv->packet.addr;

	if (dv->packet.ipv6) {
		delivery_list(dv, addr, REUSE_KIND_IPV6);
		return;
	}
	delivery_list(dv, addr, REUSE_KIND_IPV4);
	delivery_list(dv, addr, REUSE_KIND_MAPPED);
}

/* The wildcards that the packet matches */
static void delivery_any(struct reuse_delivery *dv)
{
	delivery_list(dv, sem_any6, REUSE_KIND_IPV6);
	if (dv->packet.ipv6) {
		delivery_list(dv, sem_any6, REUSE_KIND_V6ONLY);
		return;
	}
	delivery_list(dv, sem_any4, REUSE_KIND_IPV4);
	delivery_list(dv, sem_any4, REUSE_KIND_MAPPED);
}

/*
 * The most specific address first, and as the kernel has it a socket bound to
 * the device first: the systems that are emulated know no such thing.
 */
static struct sock *delivery_receiver(struct reuse_delivery *dv)
{
	static void (*const look[])(struct reuse_delivery *dv) = {
		delivery_exact, delivery_any,
	};
	bool devices = atomic_read(&reuse_net(dv->net)->on_device);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(look); i++) {
		dv->on_device = true;
		if (devices)
			look[i](dv);
		dv->on_device = false;
		if (!dv->decision.id)
			look[i](dv);
		if (dv->decision.id)
			break;
	}
	return (struct sock *)dv->decision.id;
}

/* A program attached to its SO_REUSEPORT group chooses within it as ever */
static struct sock *group_choice(struct sock *sk, const struct sock *native,
				 struct sk_buff *skb, int doff)
{
	const struct sock_reuseport *group;

	group = rcu_dereference(sk->sk_reuseport_cb);
	if (!group || !rcu_access_pointer(group->prog))
		return sk;
	if (rcu_dereference(native->sk_reuseport_cb) == group)
		return (struct sock *)native;
	return reuseport_select_sock(sk, 0, skb, doff) ?: sk;
}

/**
 * reuse_deliver_run() - decide who gets a unicast packet
 * @dv: the packet; its decision is empty
 * @native: what the kernel found; not connected, and no program chose it
 * @skb: the packet at its transport header, or NULL
 * @doff: length of that header
 *
 * Context: under RCU.
 * Return: the receiver; NULL if TCP refuses. @native if nobody is known who may
 * get it: somebody is on the way, or there was no memory for a note.
 */
struct sock *reuse_deliver_run(struct reuse_delivery *dv, struct sock *native,
			       struct sk_buff *skb, int doff)
{
	bool tcp = dv->protocol == IPPROTO_TCP;
	struct sock *sk;

	dv->packet.udp = !tcp;
	dv->decision.packet = &dv->packet;
	sk = delivery_receiver(dv);
	if (!sk)
		return native;
	if (tcp && READ_ONCE(sk->sk_state) != TCP_LISTEN)
		return NULL;
	return group_choice(sk, native, skb, doff);
}

/**
 * reuse_tcp4_lookup() - in place of __inet_lookup_listener()
 * @net: network namespace
 * @skb: the packet, or NULL
 * @doff: length of its TCP header
 * @saddr: source
 * @sport: its port
 * @daddr: destination
 * @hnum: its port, in host byte order
 * @dif: device it came by
 * @sdif: the one enslaved to @dif that it came by, or 0
 *
 * Context: under RCU.
 * Return: the listener that gets a SYN, or NULL: refused.
 */
struct sock *reuse_tcp4_lookup(reuse_lookup_net_t *net, REUSE_TCP_TABLE_PARAM
			       struct sk_buff *skb, int doff,
			       const __be32 saddr, const __be16 sport,
			       const __be32 daddr, const unsigned short hnum,
			       const int dif, const int sdif)
{
	struct reuse_delivery dv = {
		.profile = reuse_net_profile(net), .net = net, .dif = dif,
		.sdif = sdif, .port = hnum, .protocol = IPPROTO_TCP,
	};
	struct sock *sk;

	sk = __inet_lookup_listener(net, REUSE_TCP_TABLE_ARG skb, doff, saddr,
				    sport, daddr, hnum, dif, sdif);
	if (!sk || !dv.profile ||
	    reuse_sk_lookup_chose4(net, IPPROTO_TCP, saddr, sport, daddr, hnum,
				   dif))
		return sk;
	sem_addr4(dv.packet.addr, (__force u32)daddr);
	return reuse_deliver_run(&dv, sk, skb, doff);
}

static_assert(__same_type(reuse_tcp4_lookup, __inet_lookup_listener));

#if IS_ENABLED(CONFIG_IPV6)

/**
 * reuse_tcp6_lookup() - in place of inet6_lookup_listener()
 * @net: network namespace
 * @skb: the packet, or NULL
 * @doff: length of its TCP header
 * @saddr: source
 * @sport: its port
 * @daddr: destination
 * @hnum: its port, in host byte order
 * @dif: device it came by
 * @sdif: the one enslaved to @dif that it came by, or 0
 *
 * Context: under RCU.
 * Return: the listener that gets a SYN, or NULL: refused.
 */
struct sock *reuse_tcp6_lookup(reuse_lookup_net_t *net, REUSE_TCP_TABLE_PARAM
			       struct sk_buff *skb, int doff,
			       const struct in6_addr *saddr,
			       const __be16 sport,
			       const struct in6_addr *daddr,
			       const unsigned short hnum, const int dif,
			       const int sdif)
{
	struct reuse_delivery dv = {
		.profile = reuse_net_profile(net), .net = net, .dif = dif,
		.sdif = sdif, .port = hnum, .protocol = IPPROTO_TCP,
	};
	struct sock *sk;

	sk = inet6_lookup_listener(net, REUSE_TCP_TABLE_ARG skb, doff, saddr,
				   sport, daddr, hnum, dif, sdif);
	if (!sk || !dv.profile ||
	    reuse_sk_lookup_chose6(net, IPPROTO_TCP, saddr, sport, daddr, hnum,
				   dif))
		return sk;
	dv.packet.ipv6 = true;
	memcpy(dv.packet.addr, daddr, sizeof(dv.packet.addr));
	return reuse_deliver_run(&dv, sk, skb, doff);
}

static_assert(__same_type(reuse_tcp6_lookup, inet6_lookup_listener));

#endif

/* Under the lock of the slot, so it has not left the port yet */
static int begin_visit(struct sock *sk, unsigned int round, void *arg)
{
	const struct net *net = arg;

	if (!net_eq(sock_net(sk), net))
		return 0;
	/* Connections are many, and hardly ever without a remote end again */
	if (sk->sk_protocol == IPPROTO_TCP &&
	    !((TCPF_LISTEN | TCPF_CLOSE) & BIT(READ_ONCE(sk->sk_state))))
		return 0;
	reuse_order_bound(sk, true);
	/* Its leave was announced when there was no note of it yet */
	if (sock_flag(sk, SOCK_DEAD))
		reuse_order_unbound(sk);
	return 0;
}

static void begin_table(const struct reuse_table *table, const struct net *net)
{
	struct reuse_slots slots = table->slots(net);
	unsigned int slot, tries;

	for (slot = 0; slot < slots.n; slot++) {
		cond_resched();
		if (hlist_empty(reuse_slot_head(&slots, slot)))
			continue;
		/* What was noted before the place was lost is not done again */
		for (tries = 0; tries < 16; tries++) {
			if (reuse_walk(table, net, &slots, slot, 256,
				       begin_visit, (void *)net) != -EAGAIN)
				break;
		}
	}
}

/**
 * reuse_deliver_begin() - learn who holds the ports of a namespace
 * @net: network namespace that emulates since a moment ago, and has no notes
 *
 * Of those that were bound before, the kernel's lists tell the order: the
 * newest is the first of its list, but for UDP sockets with SO_REUSEPORT and
 * IPv6, which are at its end, the oldest first.
 *
 * Context: process context, may sleep; sockets are bound meanwhile.
 */
void reuse_deliver_begin(const struct net *net)
{
	begin_table(&reuse_tcp, net);
	begin_table(&reuse_udp, net);
#ifdef REUSE_HAVE_UDPLITE
	begin_table(&reuse_udplite, net);
#endif
}
