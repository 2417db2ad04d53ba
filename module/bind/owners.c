// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets of a port the profile is shown when it decides on a bind().
 *
 * A port may have a million connections, and the lock of its slot is held, with bottom
 * halves off, while they are looked at. So a socket is asked for what takes long (its
 * user, and when it was bound) only if the profile says that it might change the verdict,
 * and connections with an address of which one does not matter are passed by.
 */
#include <net/inet_connection_sock.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "compat/uid.h"
#include "netns.h"
#include "request.h"
#include "tables/sock.h"
#include "tables/tables.h"
#include "track/track.h"

/*
 * Notes to look at in vain for one decision, before all owners of an address are looked at
 * instead. Packets wait for the locks of records; and many addresses may be where many that
 * were bound elsewhere could be, while each owner of the port has one address.
 */
#define OWNERS_SCAN_MAX	64

/**
 * reuse_owners_uid() - whose is a socket?
 * @req: for whom that is asked
 * @sk: a full socket
 * @s: its @uid and @root are set
 *
 * Context: any; where the kernel has no sk_uid(), it takes sk_callback_lock.
 */
void reuse_owners_uid(const struct bind_request *req, struct sock *sk,
		      struct sem_sock *s)
{
	kuid_t uid = reuse_sock_uid(sk);

	s->uid = __kuid_val(uid);
	s->root = uid_eq(uid, req->root);
}

/*
 * What has no record is older than what has one, and newest first in its list.
 * TIME_WAIT is a socket of its own to this kernel, and has lost its record.
 */
static u64 bind_seq_of(struct bind_request *req, struct sock *sk, u8 state,
		       bool *accepted)
{
	u64 position = --req->position;

	if (req->in_order)
		return position;
	if (state == SEM_TIMEWAIT)
		return SEQ_TRACKED_MAX + position;
	return reuse_track_bind_seq(sk, accepted) ?: position;
}

/* What bind_seq_of() says at most */
static u64 latest_seq(const struct bind_request *req)
{
	return req->in_order ? req->position - 1 : U64_MAX;
}

/* As the rules see it, but for what takes a full socket; false if Linux keeps them apart */
static bool request_sees(const struct bind_request *req, const struct sock *sk,
			 struct sem_sock *owner)
{
	reuse_sock_snapshot(sk, owner);
	return !owner->dev || !req->self.dev || owner->dev == req->self.dev;
}

/* True if no older one on the same address can matter */
static bool request_show(struct bind_request *req, struct sock *sk,
			 struct sem_sock *owner)
{
	/* Whose a connection is decides nothing, and to ask takes a lock */
	if (req->profile->needs_bind_order && (req->udp || !sem_is_connected(owner)))
		reuse_owners_uid(req, sk, owner);
	req->known_family = 0;
	return req->profile->owner(&req->bind, owner, sk);
}

static bool is_known(const struct bind_request *req, const struct sock *sk)
{
	if (READ_ONCE(sk->sk_family) != req->known_family)
		return false;
#if IS_ENABLED(CONFIG_IPV6)
	/* Owners of the port change their address only with its lock */
	if (req->known_family == AF_INET6)
		return ipv6_addr_equal(&sk->sk_v6_rcv_saddr, &req->known);
#endif
	return sk->sk_rcv_saddr == req->known.s6_addr32[3];
}

/*
 * Can a TCP socket with a remote end that has the address of @sk change the verdict? Of
 * a million on one address, it is found out for the first.
 */
static bool request_address_matters(struct bind_request *req,
				    const struct sock *sk)
{
	struct sem_sock owner;

	if (is_known(req, sk))
		return req->matters;
	reuse_sock_snapshot(sk, &owner);
	owner.state = SEM_CONNECTED;
	owner.bind_seq = latest_seq(req);
	req->matters = req->profile->matters(&req->bind, &owner);
	req->rest_is_older = false;
	memcpy(&req->known, owner.addr, sizeof(req->known));
	req->known_family = owner.ipv6 ? AF_INET6 : AF_INET;
	return req->matters;
}

static bool is_bound_or_listens(const struct sock *sk)
{
	u8 state = READ_ONCE(sk->sk_state);

	return state == TCP_CLOSE || state == TCP_LISTEN;
}

/* One of all of them */
static enum owner_walk request_owner(struct sock *sk, void *arg)
{
	struct bind_request *req = arg;
	struct sem_sock owner;

	if (req->profile->needs_bind_order && !req->udp && !is_bound_or_listens(sk) &&
	    !request_address_matters(req, sk))
		return OWNERS_NEXT;
	if (!request_sees(req, sk, &owner))
		return OWNERS_NEXT;
	/* listen() sets the state and then asks: not yet answered, it is bound */
	if (owner.state == SEM_LISTEN && req->profile->checks_listen &&
	    hlist_unhashed_lockless(&sk->sk_node) && !reuse_track_listens(sk))
		owner.state = SEM_BOUND;
	if (req->profile->needs_bind_order) {
		owner.bind_seq = latest_seq(req);
		if (!req->profile->matters(&req->bind, &owner))
			return OWNERS_NEXT;
		owner.bind_seq = bind_seq_of(req, sk, owner.state, NULL);
	}
	request_show(req, sk, &owner);
	/* Out of order, something newer may follow: not so if none decides */
	if (req->profile->done(&req->bind) &&
	    (req->in_order || !req->profile->needs_bind_order))
		return OWNERS_STOP;
	return OWNERS_NEXT;
}

/**
 * struct bind_address - an address of a port
 * @req: who asks
 * @owner: one of those that have that address
 * @addr: the address
 */
struct bind_address {
	struct bind_request *req;
	const struct sock *owner;
	const u8 *addr;
};

/* One that was bound there: it may have gone elsewhere, or to a remote end */
static enum scan_step request_member(const struct bucket_member *member, void *arg)
{
	const struct reuse_tracked *tracked = reuse_tracked_of(member);
	struct bind_address *address = arg;
	struct bind_request *req = address->req;
	struct sock *sk = tracked->sk;
	struct sem_sock owner;

	if (!is_bound_or_listens(sk) ||
	    !reuse_tcp_same_bucket(sk, address->owner) ||
	    !request_sees(req, sk, &owner) || !sem_same(owner.addr, address->addr))
		return SCAN_NEXT;
	owner.bind_seq = tracked->bind_seq;
	return request_show(req, sk, &owner) ? SCAN_DONE : SCAN_NEXT;
}

static bool request_bucket(struct bind_address *address, const u8 *addr,
			   enum addr_class class)
{
	struct bind_request *req = address->req;
	struct bucket_key key = {
		.net = sock_net(req->sk), .port = req->port,
		.protocol = IPPROTO_TCP, .class = class,
	};

	memcpy(key.addr, addr, sizeof(key.addr));
	return reuse_bucket_newest(&key, req->profile->wildcard_oldest_first && sem_any(addr),
				   &req->budget, request_member, address);
}

/*
 * Those without a remote end, from where they were bound: that is where the newest of
 * them is found soon. Two come from elsewhere: what was dual-stack, and IPV6_ADDRFORM has
 * made it IPv4; and what was bound to ::ffff:0.0.0.0 keeps the address that it got when it
 * was connected. False if that takes too many budget.
 */
static bool request_buckets(struct bind_address *address)
{
	const u8 *addr = address->addr;

	if (!sem_mapped(addr))
		return request_bucket(address, addr, ADDR_IPV6) &&
		       (!sem_any(addr) ||
			request_bucket(address, addr, ADDR_V6ONLY));
	return request_bucket(address, addr, ADDR_IPV4) &&
	       request_bucket(address, addr, ADDR_MAPPED) &&
	       (sem_any(addr) ?
		request_bucket(address, sem_any6, ADDR_IPV6) :
		request_bucket(address, sem_any4, ADDR_MAPPED));
}

/* One of an address */
static enum owner_walk request_bound(struct sock *sk, void *arg)
{
	if (!is_bound_or_listens(sk))
		return OWNERS_NEXT;
	return request_owner(sk, arg);
}

/*
 * Where each address has a list: those of it that are bound or listen. The list does not
 * have the order: where the newest is not found otherwise, each is asked when it was bound.
 */
static enum owner_walk request_address(struct sock *sk, void *arg)
{
	struct bind_request *req = arg;
	struct bind_address address = { .req = req, .owner = sk };
	struct sem_sock like;

	reuse_sock_snapshot(sk, &like);
	like.state = SEM_BOUND;
	like.bind_seq = U64_MAX;
	/* Not so of all of them, maybe */
	like.v6only = false;
	address.addr = like.addr;
	if (req->profile->matters(&req->bind, &like) && !request_buckets(&address))
		reuse_tcp_owners_like(sk, request_bound, req);
	return OWNERS_SKIP_ADDRESS;
}

/*
 * After those of all addresses: the ones that have a remote end, if they matter still.
 * None was bound after it was added to its list, at the head, and an accepted one not
 * before: if that is older than what was found, so is all that follows.
 */
static enum owner_walk request_connected(struct sock *sk, void *arg)
{
	struct bind_request *req = arg;
	bool full = reuse_is_full(READ_ONCE(sk->sk_state)), accepted = false;
	struct sem_sock owner;

	if (!request_address_matters(req, sk))
		return OWNERS_SKIP_ADDRESS;
	if (is_bound_or_listens(sk) || (full && req->rest_is_older) ||
	    !request_sees(req, sk, &owner))
		return OWNERS_NEXT;
	owner.bind_seq = bind_seq_of(req, sk, owner.state, &accepted);
	if (req->profile->matters(&req->bind, &owner))
		request_show(req, sk, &owner);
	else if (accepted)
		req->rest_is_older = true;
	return OWNERS_NEXT;
}

/**
 * reuse_owners_show() - show the profile who is on a port
 * @req: who asks
 * @port: in host byte order
 *
 * Context: bottom halves off; reuse_net.bind_lock is held.
 */
void reuse_owners_show(struct bind_request *req, unsigned short port)
{
	req->port = port;
	req->known_family = 0;
	req->budget = OWNERS_SCAN_MAX;
	if (req->udp || req->in_order || !req->profile->needs_bind_order)
		req->table->for_each_owner(req->sk, port, request_owner, NULL, req);
	else
		req->table->for_each_owner(req->sk, port, request_address,
					   request_connected, req);
}
