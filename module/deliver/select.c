// SPDX-License-Identifier: GPL-2.0
/*
 * Who gets a packet, as another system decides it.
 *
 * The kernel budget first. If it finds nobody there is nobody, and what a
 * bpf_sk_lookup program chose stands. Otherwise the sockets that share the port
 * are shown to the profile: from each list of those bound alike the first that
 * is of use, so it takes no longer if there are many.
 *
 * All of this runs under the RCU lock that the callers of the kernel's lookups
 * hold, mostly in softirq context; what is found may be used as long as they
 * hold it, see record.c.
 */
#include <linux/jhash.h>
#include <net/ipv6.h>
#include <net/sock_reuseport.h>
#include <net/tcp_states.h>

#include "compat/lookup.h"
#include "netns.h"
#include "select.h"
#include "tables/sock.h"
#include "track/track.h"

/*
 * Notes to look at in one list, so that a packet takes bounded work: only
 * those with a remote end, which are put aside, and where there are devices
 * those of none or of others come before the one that is of use. Where that is
 * not enough, what the kernel found stands.
 */
#define SCAN_MAX	4096

static bool on_device(const struct reuse_delivery *dv, int bound)
{
	struct net *net = (struct net *)dv->net;

	if (dv->protocol == IPPROTO_TCP)
		return inet_sk_bound_dev_eq(net, bound, dv->dif, dv->sdif);
	return udp_sk_bound_dev_eq(net, bound, dv->dif, dv->sdif);
}

/* One of a kind on an address; done if it decides for its list */
static enum scan_step delivery_member(const struct bucket_member *member, void *arg)
{
	const struct reuse_tracked *tracked = reuse_tracked_of(member);
	struct reuse_delivery *dv = arg;
	struct sock *sk = tracked->sk;
	struct sem_sock s;

	/* Is what the record says still so? */
	reuse_sock_snapshot(sk, &s);
	if (sem_is_connected(&s))
		return SCAN_CONNECTED;
	if (READ_ONCE(sk->sk_num) != dv->port || !sem_same(s.addr, tracked->member.key->addr) ||
	    (dv->on_device && !s.dev) || !on_device(dv, s.dev))
		return SCAN_NEXT;
	/* listen() is under way */
	if (s.state == SEM_LISTEN && hlist_unhashed_lockless(&sk->sk_node))
		s.state = SEM_BOUND;
	/*
	 * tcp_close() of a listener resets those that wait for accept() first, and then
	 * gives the port back. FreeBSD has it out of the way before.
	 */
	if (!dv->packet.udp && s.state == SEM_BOUND &&
	    READ_ONCE(sk->sk_shutdown) == SHUTDOWN_MASK &&
	    READ_ONCE(sk->sk_max_ack_backlog))
		return SCAN_NEXT;
	s.bind_seq = tracked->bind_seq;
	if (!dv->profile->deliver(&dv->decision, &s, sk))
		return SCAN_NEXT;
	if (dv->decision.id == sk)
		dv->refused = !dv->packet.udp && s.state != SEM_LISTEN;
	return SCAN_DONE;
}

/**
 * reuse_deliver_each() - go over those who are bound where a packet may go
 * @dv: the packet
 * @addr: address, IPv4 in the v4-mapped form
 * @class: what kind of socket
 * @budget: at how many to look at most
 * @fn: see reuse_bucket_each()
 * @arg: for @fn
 *
 * Context: bottom halves off, under RCU.
 */
void reuse_deliver_each(const struct reuse_delivery *dv, const u8 *addr,
			enum addr_class class, unsigned int budget,
			scan_fn_t fn, void *arg)
{
	struct bucket_key key = {
		.net = dv->net, .port = dv->port, .protocol = dv->protocol,
		.class = class, .has_devices = dv->on_device &&
			!READ_ONCE(reuse_net(dv->net)->any_bucket_may_have_devices),
	};

	memcpy(key.addr, addr, sizeof(key.addr));
	reuse_bucket_each(&key, budget, fn, arg);
}

static void pick_from(struct reuse_delivery *dv, const u8 *addr,
		      enum addr_class class, scan_fn_t fn)
{
	reuse_deliver_each(dv, addr, class, SCAN_MAX, fn, dv);
}

/* The address that the packet is for */
static void pick_exact(struct reuse_delivery *dv, scan_fn_t fn)
{
	const u8 *addr = dv->packet.addr;

	if (dv->packet.ipv6) {
		pick_from(dv, addr, ADDR_IPV6, fn);
		return;
	}
	pick_from(dv, addr, ADDR_IPV4, fn);
	pick_from(dv, addr, ADDR_MAPPED, fn);
}

/* The wildcards that the packet matches */
static void pick_wildcard(struct reuse_delivery *dv, scan_fn_t fn)
{
	pick_from(dv, sem_any6, ADDR_IPV6, fn);
	if (dv->packet.ipv6) {
		pick_from(dv, sem_any6, ADDR_V6ONLY, fn);
		return;
	}
	pick_from(dv, sem_any4, ADDR_IPV4, fn);
	pick_from(dv, sem_any4, ADDR_MAPPED, fn);
}

/*
 * The most specific address first, and as the kernel has it a socket bound to
 * the device first: the systems that are emulated know no such thing.
 */
static struct sock *delivery_receiver(struct reuse_delivery *dv)
{
	static void (*const look[])(struct reuse_delivery *dv,
				    scan_fn_t fn) = {
		pick_exact, pick_wildcard,
	};
	bool devices = READ_ONCE(reuse_net(dv->net)->has_device_sockets);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(look); i++) {
		dv->on_device = true;
		if (devices)
			look[i](dv, delivery_member);
		dv->on_device = false;
		if (!dv->decision.id)
			look[i](dv, delivery_member);
		if (dv->decision.id)
			break;
	}
	return (struct sock *)dv->decision.id;
}

/* A program attached to its SO_REUSEPORT group chooses within it, or refuses, as ever */
static struct sock *group_choice(const struct reuse_delivery *dv,
				 struct sock *sk, const struct sock *native,
				 struct sk_buff *skb, int doff)
{
	const struct sock_reuseport *group;
	u32 hash;

	group = rcu_dereference(sk->sk_reuseport_cb);
	if (!group || !rcu_access_pointer(group->prog))
		return sk;
	if (rcu_dereference(native->sk_reuseport_cb) == group)
		return (struct sock *)native;
	if (!skb)
		return sk;
	hash = jhash2((const u32 *)dv->from, 4, (__force u32)dv->from_port);
	return reuseport_select_sock(sk, hash, skb, doff) ?: sk;
}

/**
 * reuse_deliver_select() - decide who gets a unicast packet
 * @dv: the packet; its decision is empty
 * @native: what the kernel found; not connected, and no program chose it
 * @skb: the packet at its transport header, or NULL
 * @doff: length of that header
 *
 * Context: under RCU, bottom halves off.
 * Return: the receiver; NULL if TCP refuses; an ERR_PTR() if a program does.
 * @native if nobody is known who may get it: somebody is on the way, or there
 * was no memory for a record.
 */
struct sock *reuse_deliver_select(struct reuse_delivery *dv, struct sock *native,
				  struct sk_buff *skb, int doff)
{
	struct sock *sk;

	dv->packet.udp = dv->protocol != IPPROTO_TCP;
	dv->decision.packet = &dv->packet;
	sk = delivery_receiver(dv);
	if (!sk)
		return native;
	/* Not to be looked at: only listeners are freed under RCU */
	if (dv->refused)
		return NULL;
	return group_choice(dv, sk, native, skb, doff);
}

/**
 * reuse_deliver_from_remote() - does a datagram come from a socket's remote end?
 * @dv: the datagram
 * @sk: a connected UDP socket
 *
 * Context: under RCU.
 * Return: true if so.
 */
bool reuse_deliver_from_remote(const struct reuse_delivery *dv,
			       const struct sock *sk)
{
	struct in6_addr remote;

	if (READ_ONCE(sk->sk_dport) != dv->from_port)
		return false;
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		/* As the kernel reads it: who connects is the owner of the race */
		remote = data_race(sk->sk_v6_daddr);
		return sem_same(remote.s6_addr, dv->from);
	}
#endif
	ipv6_addr_set_v4mapped(READ_ONCE(sk->sk_daddr), &remote);
	return sem_same(remote.s6_addr, dv->from);
}

static enum scan_step delivery_connected(const struct bucket_member *member, void *arg)
{
	const struct reuse_tracked *tracked = reuse_tracked_of(member);
	struct reuse_delivery *dv = arg;
	struct sem_sock s;

	reuse_sock_snapshot(tracked->sk, &s);
	if (!sem_is_connected(&s) || READ_ONCE(tracked->sk->sk_num) != dv->port ||
	    !sem_same(s.addr, dv->packet.addr) || !on_device(dv, s.dev) ||
	    !reuse_deliver_from_remote(dv, tracked->sk))
		return SCAN_NEXT;
	dv->decision.id = tracked->sk;
	return SCAN_DONE;
}

/**
 * reuse_deliver_connected() - look for the socket that a datagram's sender is
 *	the remote end of
 * @dv: the datagram; its decision is empty
 * @native: what the kernel found
 *
 * Before it hashed them (6.13), the kernel did not get as far as that where it
 * found a SO_REUSEPORT group first that has no connected socket itself.
 *
 * Context: under RCU, bottom halves off.
 * Return: the socket, NULL if there is none.
 */
struct sock *reuse_deliver_connected(struct reuse_delivery *dv,
				     const struct sock *native)
{
	const struct sock_reuseport *group;

	if (!reuse_udp_groups_first)
		return NULL;
	group = rcu_dereference(native->sk_reuseport_cb);
	if (!group || group->has_conns)
		return NULL;
	if (!atomic_read(reuse_net_connected(dv->net, dv->port)))
		return NULL;
	/* By the address that they were bound to */
	pick_exact(dv, delivery_connected);
	if (!dv->decision.id)
		pick_wildcard(dv, delivery_connected);
	return (struct sock *)dv->decision.id;
}
