// SPDX-License-Identifier: GPL-2.0
/*
 * Select the socket that gets a packet, as another system would.
 *
 * The kernel looks first. If it finds no socket, there is none; and if a bpf_sk_lookup program
 * chose one, that stands. Otherwise the profile is shown the sockets that share the port: from
 * each bucket the first that can receive, so many members take no longer than one.
 *
 * All of this runs under the RCU lock that the callers of the kernel's lookups hold, mostly in
 * softirq context. The selected socket may be used as long as they hold it, see track/record.c.
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
 * Upper bound on the records looked at in one bucket, so that a packet costs bounded work. What
 * can precede a socket that can receive: connected sockets, which are put aside; under pre39 TCP
 * sockets that do not listen; sockets of another device or none, if some are bound to devices;
 * listeners that are being closed. Past the bound, the kernel's choice stands.
 */
#define SCAN_MAX	4096

static bool on_device(const struct reuse_delivery *dv, int bound)
{
	struct net *net = (struct net *)dv->net;

	/* Quick, for most: what is called below would return true as well */
	if (!bound && !dv->sdif)
		return true;
	if (dv->protocol == IPPROTO_TCP)
		return inet_sk_bound_dev_eq(net, bound, dv->dif, dv->sdif);
	return udp_sk_bound_dev_eq(net, bound, dv->dif, dv->sdif);
}

/* SCAN_DONE if no member after this one can matter */
static enum scan_step delivery_member(const struct bucket_seen *seen, void *arg)
{
	struct reuse_delivery *dv = arg;
	struct sock *sk = seen->sk;
	struct sem_sock s;

	/* The socket may have changed since it was recorded */
	reuse_sock_snapshot(sk, &s);
	if (sem_is_connected(&s))
		return SCAN_CONNECTED;
	if (READ_ONCE(sk->sk_num) != dv->port || !sem_same(s.addr, seen->key->addr) ||
	    (dv->on_device && !s.dev) || !on_device(dv, s.dev))
		return SCAN_NEXT;

	/* listen() is under way: the socket does not listen yet */
	if (s.state == SEM_LISTEN && hlist_unhashed_lockless(&sk->sk_node))
		s.state = SEM_BOUND;
	/*
	 * tcp_close() of a listener first resets the connections that wait for accept(), and
	 * then gives the port back. FreeBSD takes the listener out of its lookups before that.
	 */
	if (!dv->packet.udp && s.state == SEM_BOUND &&
	    READ_ONCE(sk->sk_shutdown) == SHUTDOWN_MASK &&
	    READ_ONCE(sk->sk_max_ack_backlog))
		return SCAN_NEXT;

	s.bind_seq = seen->bind_seq;
	if (!dv->profile->deliver(&dv->decision, &s, sk))
		return SCAN_NEXT;
	if (dv->decision.id == sk)
		dv->refused = !dv->packet.udp && s.state != SEM_LISTEN;
	return SCAN_DONE;
}

static struct bucket_key key_of(const struct reuse_delivery *dv)
{
	return (struct bucket_key) {
		.net = dv->net, .port = dv->port, .protocol = dv->protocol,
		.hash = reuse_bucket_hash(dv->net, dv->protocol, dv->port),
	};
}

/**
 * reuse_deliver_each() - go over the members of one bucket that a packet may go to
 * @dv: the packet
 * @addr: address of the bucket, IPv4 in the v4-mapped form
 * @class: class of the bucket
 * @fn: see reuse_bucket_each()
 * @arg: for @fn
 *
 * Context: bottom halves off, under RCU.
 */
void reuse_deliver_each(const struct reuse_delivery *dv, const u8 *addr,
			enum addr_class class, seen_fn_t fn, void *arg)
{
	struct bucket_key key = key_of(dv);

	memcpy(key.addr, addr, sizeof(key.addr));
	key.class = class;
	reuse_bucket_each(&key, false, UINT_MAX, fn, arg);
}

/* A scan without lock that was disturbed begins again, from the selection before it */
static void pick_from(struct reuse_delivery *dv, const u8 *addr,
		      enum addr_class class, seen_fn_t fn)
{
	bool only_devices = dv->on_device &&
			    !READ_ONCE(reuse_net(dv->net)->any_bucket_may_have_devices);
	const struct sem_deliver before = dv->decision;
	u8 family = class == ADDR_IPV4 ? AF_INET : AF_INET6;
	bool refused = dv->refused;

	if (dv->family && dv->family != family)
		return;
	memcpy(dv->key.addr, addr, sizeof(dv->key.addr));
	dv->key.class = class;
	if (reuse_bucket_try_each(&dv->key, only_devices, SCAN_MAX, fn, dv))
		return;
	dv->decision = before;
	dv->refused = refused;
	reuse_bucket_each(&dv->key, only_devices, SCAN_MAX, fn, dv);
}

static inline void pick_any(struct reuse_delivery *dv, const u8 *addr,
			    enum addr_class class, seen_fn_t fn)
{
	if (atomic_read(reuse_bucket_count(dv->key.hash, class, true)))
		pick_from(dv, addr, class, fn);
}

static inline void pick_addr(struct reuse_delivery *dv, enum addr_class class, seen_fn_t fn)
{
	if (atomic_read(reuse_bucket_count(dv->key.hash, class, false)))
		pick_from(dv, dv->packet.addr, class, fn);
}

/* From the sockets on the packet's destination address */
static void pick_exact(struct reuse_delivery *dv, seen_fn_t fn)
{
	if (dv->packet.ipv6) {
		pick_addr(dv, ADDR_IPV6, fn);
		return;
	}
	pick_addr(dv, ADDR_IPV4, fn);
	pick_addr(dv, ADDR_MAPPED, fn);
}

/* From the sockets on the wildcard addresses that the packet matches */
static void pick_wildcard(struct reuse_delivery *dv, seen_fn_t fn)
{
	pick_any(dv, sem_any6, ADDR_IPV6, fn);
	if (dv->packet.ipv6) {
		pick_any(dv, sem_any6, ADDR_V6ONLY, fn);
		return;
	}
	pick_any(dv, sem_any4, ADDR_IPV4, fn);
	pick_any(dv, sem_any4, ADDR_MAPPED, fn);
}

/*
 * From the port's only bucket, if it has only one. What receiver_of() tells apart by address and
 * family is the same for all members then.
 */
static bool pick_only(struct reuse_delivery *dv, const struct sock *native)
{
	if (READ_ONCE(reuse_net(dv->net)->has_device_sockets))
		return false;
	if (reuse_bucket_try_only(native, dv->port, SCAN_MAX, delivery_member, dv))
		return true;
	dv->decision.id = NULL;
	dv->refused = false;
	return false;
}

typedef void (*pick_fn_t)(struct reuse_delivery *dv, seen_fn_t fn);

static bool receiver_from(struct reuse_delivery *dv, pick_fn_t pick, bool only_devices)
{
	dv->on_device = only_devices;
	pick(dv, delivery_member);
	return dv->decision.id;
}

/*
 * The most specific address comes first. On one address, a socket bound to the device comes
 * first, as in the kernel: the emulated systems cannot bind a socket to a device.
 */
static struct sock *receiver_of(struct reuse_delivery *dv, u8 family)
{
	bool devices = READ_ONCE(reuse_net(dv->net)->has_device_sockets);

	dv->family = family;
	if ((devices && receiver_from(dv, pick_exact, true)) ||
	    receiver_from(dv, pick_exact, false) ||
	    (devices && receiver_from(dv, pick_wildcard, true)) ||
	    receiver_from(dv, pick_wildcard, false))
		return (struct sock *)dv->decision.id;
	return NULL;
}

static struct sock *delivery_receiver(struct reuse_delivery *dv)
{
	if (!dv->profile->tells_families_apart || dv->packet.ipv6)
		return receiver_of(dv, 0);
	return receiver_of(dv, AF_INET) ?: receiver_of(dv, AF_INET6);
}

/* If @sk is in a SO_REUSEPORT group with a BPF program, that chooses or refuses, as natively */
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
 * reuse_deliver_select() - select the socket that gets a unicast packet
 * @dv: the packet; its decision is empty
 * @native: what the kernel found; not connected, and no program chose it; NULL for a SYN for
 *	which it found no listener
 * @skb: the packet at its transport header, or NULL
 * @doff: length of that header
 *
 * Context: under RCU, bottom halves off.
 * Return: the receiver; NULL if TCP refuses, see @dv->refused; an ERR_PTR() if a BPF program
 * does. @native if no tracked socket may get the packet: a bind is under way, or there was no
 * memory for a record.
 */
struct sock *reuse_deliver_select(struct reuse_delivery *dv, struct sock *native,
				  struct sk_buff *skb, int doff)
{
	struct sock *sk;

	dv->packet.udp = dv->protocol != IPPROTO_TCP;
	dv->decision.packet = &dv->packet;
	if (native && pick_only(dv, native)) {
		sk = (struct sock *)dv->decision.id;
	} else {
		dv->key = key_of(dv);
		sk = delivery_receiver(dv);
	}
	if (!sk)
		return native;
	/* If it does not listen, RCU does not keep @sk: do not dereference it */
	if (dv->refused)
		return NULL;
	/* It began to listen after the kernel had looked, or a BPF program refused the SYN */
	if (!native) {
		dv->refused = true;
		return NULL;
	}
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
		/* connect() may change it meanwhile: the kernel's lookups accept that, too */
		remote = data_race(sk->sk_v6_daddr);
		return sem_same(remote.s6_addr, dv->from);
	}
#endif
	ipv6_addr_set_v4mapped(READ_ONCE(sk->sk_daddr), &remote);
	return sem_same(remote.s6_addr, dv->from);
}

static enum scan_step delivery_connected(const struct bucket_seen *seen, void *arg)
{
	struct reuse_delivery *dv = arg;
	struct sem_sock s;

	reuse_sock_snapshot(seen->sk, &s);
	if (!sem_is_connected(&s) || READ_ONCE(seen->sk->sk_num) != dv->port ||
	    !sem_same(s.addr, dv->packet.addr) || !on_device(dv, s.dev) ||
	    !reuse_deliver_from_remote(dv, seen->sk))
		return SCAN_NEXT;
	dv->decision.id = seen->sk;
	return SCAN_DONE;
}

/**
 * reuse_deliver_connected() - find the socket that is connected to a datagram's sender
 * @dv: the datagram; its decision is empty
 * @native: what the kernel found
 *
 * Before 6.13, which hashes connected UDP sockets, the kernel misses that socket if it first
 * finds a SO_REUSEPORT group without a connected socket of its own.
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
	dv->key = key_of(dv);
	/* A record is in the bucket of the address that its socket was bound to */
	pick_exact(dv, delivery_connected);
	if (!dv->decision.id)
		pick_wildcard(dv, delivery_connected);
	return (struct sock *)dv->decision.id;
}
