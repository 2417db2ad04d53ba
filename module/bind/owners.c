// SPDX-License-Identifier: GPL-2.0
/*
 * Which owners of a port the profile is shown when it decides on a bind().
 *
 * A port may have a million connections, and we hold the lock of its slot, with bottom halves
 * off, while we look at them. So what takes long to read (the user and the bind sequence of an
 * owner) is read only if the profile says that this owner might change the verdict; and if one
 * connection does not matter, all others with the same address are skipped.
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
 * How many records one decision may look at in vain; past that, it looks at all owners of an
 * address instead. Packets wait for the locks of buckets meanwhile. And the buckets of sockets
 * that may have moved are searched once for each address (see request_buckets()), while each
 * owner is in the list of one address only.
 */
#define OWNERS_SCAN_MAX	64

/* How many remote addresses one decision may look up, each in the addresses of all devices */
#define REMOTES_MAX	8

/**
 * reuse_owners_uid() - read the user of a socket
 * @req: the bind that asks
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

static bool is_unbound_connection(const struct sock *sk)
{
	u8 state = READ_ONCE(sk->sk_state);

	return reuse_is_full(state) && state != TCP_CLOSE && state != TCP_LISTEN &&
	       !reuse_sock_keeps_port(sk);
}

/*
 * If the namespace switched to the profile now, track/learn.c would take the order of the
 * kernel's lists, where IPv6 UDP sockets with SO_REUSEPORT are at the end, the oldest first. A
 * connection that did not bind its port would have no record.
 */
static u64 listed_seq(const struct bind_request *req, const struct sock *sk, u8 state,
		      u64 position)
{
	if (req->udp)
		return reuse_udp_added_last(sk) ? 2 * SEQ_TRACKED_MIN - position : position;
	if (state == SEM_TIMEWAIT)
		return SEQ_TRACKED_MAX + position;
	if (is_unbound_connection(sk))
		return position;
	return position - (SEQ_TRACKED_MIN - SEQ_LEARNED_MAX);
}

/*
 * A socket without a record counts as older than any that was bound since the switch: connect()
 * chose its port, it was accepted before, or there was no memory for a record. Among themselves,
 * the order in the list (newest first) decides. A TIME_WAIT socket is a new object, and no
 * record tells when it was bound: it counts as newest.
 */
static u64 bind_seq_of(struct bind_request *req, struct sock *sk, u8 state,
		       bool *accepted)
{
	u64 position = --req->position;

	if (req->in_order)
		return position;
	if (req->unrecorded)
		return listed_seq(req, sk, state, position);
	if (state == SEM_TIMEWAIT)
		return SEQ_TRACKED_MAX + position;
	return reuse_track_bind_seq(sk, accepted) ?: position;
}

/* The highest value that the next bind_seq_of() can return */
static u64 latest_seq(const struct bind_request *req)
{
	return req->in_order ? req->position - 1 : U64_MAX;
}

/*
 * Read @sk as the rules see it, except what only a full socket has. False if Linux keeps it and
 * the socket that asks apart by device.
 */
static bool request_sees(const struct bind_request *req, const struct sock *sk,
			 struct sem_sock *owner)
{
	reuse_sock_snapshot(sk, owner);
	return !owner->dev || !req->self.dev || owner->dev == req->self.dev;
}

/* The socket may be gone when the decision ends: read now what explains a refusal by it */
static void request_note(struct bind_request *req, struct sock *sk)
{
	unsigned int i;

	for (i = 0; i < SEM_LOOKUPS; i++) {
		if (req->bind.lookup[i].id != sk)
			continue;
		req->found[i].uid = INVALID_UID;
		req->found[i].inode = 0;
		if (reuse_is_full(READ_ONCE(sk->sk_state)))
			req->found[i].uid = reuse_sock_uid_inode(sk, &req->found[i].inode);
	}
}

/* The user of a TCP connection, as the profile sees it */
static void request_connected_uid(const struct bind_request *req, struct sock *sk,
				  struct sem_sock *owner)
{
	if (!req->profile->kernel_view)
		reuse_owner_connected_uid(req, sk, owner);
	else if (owner->state != SEM_TIMEWAIT)
		reuse_owners_uid(req, sk, owner);
}

/* Few profiles look at the user of a TCP connection, none does in a search: it may take a lock */
static void request_owner_uid(const struct bind_request *req, struct sock *sk,
			      struct sem_sock *owner)
{
	if (req->bind.search)
		return;
	if (req->profile->needs_bind_order && (req->udp || !sem_is_connected(owner)))
		reuse_owners_uid(req, sk, owner);
	else if (req->profile->needs_connected_uid)
		request_connected_uid(req, sk, owner);
}

/* True if no older owner on the same address can matter */
static bool request_show(struct bind_request *req, struct sock *sk,
			 struct sem_sock *owner)
{
	bool older_matter;

	request_owner_uid(req, sk, owner);
	req->known_family = 0;
	older_matter = !req->profile->owner(&req->bind, owner, sk);
	if (req->explains)
		request_note(req, sk);
	return !older_matter;
}

static bool is_known(const struct bind_request *req, const struct sock *sk)
{
	if (READ_ONCE(sk->sk_family) != req->known_family)
		return false;
#if IS_ENABLED(CONFIG_IPV6)
	/*
	 * Owners of a port change their address only with the lock of its slot. (In 5.10 connect()
	 * does so without; then one comparison may be wrong.)
	 */
	if (req->known_family == AF_INET6)
		return ipv6_addr_equal(&sk->sk_v6_rcv_saddr, &req->known);
#endif
	return sk->sk_rcv_saddr == req->known.s6_addr32[3];
}

/* Could a socket like @like matter, were it of the other family? Some profiles tell them apart. */
static bool request_other_family_matters(const struct bind_request *req, struct sem_sock *like)
{
	if (!req->profile->tells_families_apart || !sem_mapped(like->addr))
		return false;
	like->ipv6 = !like->ipv6;
	return req->profile->matters(&req->bind, like);
}

/*
 * Can a connected TCP socket with the family and the address of @sk change the verdict? The
 * answer is kept, so that of a million connections on one address only the first is put to the
 * profile.
 */
static bool request_address_matters(struct bind_request *req,
				    const struct sock *sk)
{
	struct sem_sock owner;

	if (is_known(req, sk))
		return req->matters;
	reuse_sock_snapshot(sk, &owner);
	owner.state = SEM_CONNECTED;
	owner.reuseaddr = false;
	owner.reuseport = false;
	owner.bind_seq = latest_seq(req);
	req->matters = req->profile->matters(&req->bind, &owner);
	req->rest_is_older = false;
	req->timewait_is_older = false;
	memcpy(&req->known, owner.addr, sizeof(req->known));
	req->known_family = owner.ipv6 ? AF_INET6 : AF_INET;
	req->other_matters = request_other_family_matters(req, &owner);
	return req->matters;
}

/*
 * Owners of a UDP port that are shown newest first: one like an owner that did not matter is
 * older, so it does not matter either.
 */
static bool is_older_twin(const struct bind_request *req, const struct sock *sk)
{
	return req->udp && req->in_order && is_known(req, sk) &&
	       READ_ONCE(sk->sk_state) == req->known_state;
}

/* IPv6 sockets on one address may differ in IPV6_V6ONLY */
static void request_know(struct bind_request *req, const struct sock *sk)
{
	if (!req->udp || !req->in_order || READ_ONCE(sk->sk_family) != AF_INET)
		return;
	req->known.s6_addr32[3] = READ_ONCE(sk->sk_rcv_saddr);
	req->known_family = AF_INET;
	req->known_state = READ_ONCE(sk->sk_state);
}

/*
 * Connections without a record are shown newest first, also where bound sockets are not: if one
 * is too old to matter, those that follow on its address are, too.
 */
static void request_know_rest(struct bind_request *req, const struct sock *sk)
{
	if (req->unrecorded && !req->profile->kernel_view && is_known(req, sk) &&
	    is_unbound_connection(sk))
		req->rest_is_older = true;
}

static bool is_bound_or_listens(const struct sock *sk)
{
	u8 state = READ_ONCE(sk->sk_state);

	return state == TCP_CLOSE || state == TCP_LISTEN;
}

/* Show the profile one owner of the port, of any address */
static enum owner_walk request_owner(struct sock *sk, void *arg)
{
	struct bind_request *req = arg;
	struct sem_sock owner;

	req->bind.owners++;
	if (is_older_twin(req, sk))
		return OWNERS_NEXT;
	if (req->profile->needs_bind_order && !req->udp && !is_bound_or_listens(sk) &&
	    !request_address_matters(req, sk))
		return OWNERS_NEXT;
	if (req->unrecorded && req->rest_is_older && !req->udp && is_unbound_connection(sk))
		return OWNERS_NEXT;
	if (!request_sees(req, sk, &owner) || reuse_owner_is_gone(req, sk))
		return OWNERS_NEXT;

	if (req->profile->needs_accepted && !req->udp && sem_is_connected(&owner))
		owner.accepted = reuse_owner_accepted(req, sk);
	/*
	 * listen() enters TCP_LISTEN before it asks for the port. Until that is granted,
	 * treat the socket as bound.
	 */
	if (owner.state == SEM_LISTEN && req->profile->checks_listen &&
	    !req->profile->kernel_view &&
	    hlist_unhashed_lockless(&sk->sk_node) && !reuse_track_listens(sk))
		owner.state = SEM_BOUND;
	if (req->profile->needs_bind_order) {
		owner.bind_seq = req->unrecorded ? bind_seq_of(req, sk, owner.state, NULL) :
						   latest_seq(req);
		if (!req->profile->matters(&req->bind, &owner)) {
			request_know(req, sk);
			request_know_rest(req, sk);
			return OWNERS_NEXT;
		}
		if (!req->unrecorded && !req->bind.search)
			owner.bind_seq = bind_seq_of(req, sk, owner.state, NULL);
	}
	request_show(req, sk, &owner);

	/* Out of order, a newer owner may follow; if the profile ignores the order, so do we */
	if (req->profile->done(&req->bind) &&
	    (req->in_order || req->bind.search || !req->profile->needs_bind_order))
		return OWNERS_STOP;
	return OWNERS_NEXT;
}

/**
 * struct bind_address - an address of a port
 * @req: the bind that asks
 * @owner: an owner of the port on that address
 * @addr: the address
 * @hash: reuse_bucket_hash() of the port
 */
struct bind_address {
	struct bind_request *req;
	const struct sock *owner;
	const u8 *addr;
	u32 hash;
};

/*
 * The member was bound to the bucket's address; it may have moved or be connected by now. What
 * was read of it decides, not what it is a moment later: the user of a connection is looked up
 * with the lock of a chain of records, which is not taken under that of a bucket.
 */
static enum scan_step request_member(const struct bucket_member *member, void *arg)
{
	const struct reuse_tracked *tracked = reuse_tracked_of(member);
	struct bind_address *address = arg;
	struct bind_request *req = address->req;
	struct sock *sk = tracked->sk;
	struct sem_sock owner;

	if (!reuse_tcp_same_bucket(sk, address->owner) || !request_sees(req, sk, &owner) ||
	    sem_is_connected(&owner) || !sem_same(owner.addr, address->addr))
		return SCAN_NEXT;
	owner.bind_seq = tracked->bind_seq;
	return request_show(req, sk, &owner) ? SCAN_DONE : SCAN_NEXT;
}

static bool request_members(struct bind_address *address, const u8 *addr,
			    enum addr_class class)
{
	struct bind_request *req = address->req;
	struct bucket_key key = {
		.net = sock_net(req->sk), .port = req->port,
		.protocol = IPPROTO_TCP, .class = class, .hash = address->hash,
	};

	memcpy(key.addr, addr, sizeof(key.addr));
	return reuse_bucket_newest(&key, sem_oldest_first(req->profile, addr, class != ADDR_IPV4),
				   &req->budget, request_member, address);
}

/* Mostly, there are no such buckets */
static bool request_bucket(struct bind_address *address, const u8 *addr,
			   enum addr_class class)
{
	if (!atomic_read(reuse_bucket_count(address->hash, class, sem_any(addr))))
		return true;
	return request_members(address, addr, class);
}

/*
 * Show the unconnected owners of an address from the buckets that they were bound to, where the
 * newest is found soon. False if that exceeds the budget.
 *
 * Two kinds of sockets are on an address that they were not bound to: a dual-stack socket that
 * IPV6_ADDRFORM turned into an IPv4 one; and a socket bound to ::ffff:0.0.0.0, which keeps the
 * address that it got when it was connected.
 */
static bool request_buckets(struct bind_address *address)
{
	const struct bind_request *req = address->req;
	const u8 *addr = address->addr;

	address->hash = reuse_bucket_hash(sock_net(req->sk), IPPROTO_TCP, req->port);
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

/*
 * Could an owner on the address of @like matter, however new? Sockets of both families may be
 * on an IPv4 address.
 */
static bool request_bound_matters(const struct bind_request *req, struct sem_sock *like)
{
	return req->profile->matters(&req->bind, like) ||
	       request_other_family_matters(req, like);
}

/* Show the profile one owner on an address, unless it is connected */
static enum owner_walk request_bound(struct sock *sk, void *arg)
{
	if (!is_bound_or_listens(sk))
		return OWNERS_NEXT;
	return request_owner(sk, arg);
}

/*
 * If each address has a list: show the owners of one address that are bound or listen. The list
 * does not tell the order of binds. The buckets do; if they do not lead to the newest owner
 * within the budget, look at every owner in the list for its bind sequence.
 */
static enum owner_walk request_address(struct sock *sk, void *arg)
{
	struct bind_request *req = arg;
	struct bind_address address = { .req = req, .owner = sk };
	bool alone = reuse_tcp_is_last(sk);
	struct sem_sock like;

	/* In a search the order of binds does not matter: mostly, the first one refuses */
	if (is_bound_or_listens(sk) && (alone || req->bind.search)) {
		enum owner_walk step = request_owner(sk, req);

		if (alone || step == OWNERS_STOP)
			return step;
	}

	reuse_sock_snapshot(sk, &like);
	like.state = SEM_BOUND;
	like.bind_seq = U64_MAX;
	/* Other owners on this address may not have IPV6_V6ONLY set */
	like.v6only = false;
	like.reuseaddr = false;
	like.reuseport = false;
	address.addr = like.addr;
	if (request_bound_matters(req, &like) && !request_buckets(&address))
		reuse_tcp_owners_like(sk, request_bound, req);
	return OWNERS_SKIP_ADDRESS;
}

/*
 * After the unconnected owners of all addresses, show the connected ones that still matter.
 *
 * A socket is added at the head of its list, after it was bound; an accepted one has the bind
 * sequence of the moment when it was added. So if an accepted one is too old to matter, all
 * full sockets behind it are, too.
 */
static enum owner_walk request_connected(struct sock *sk, void *arg)
{
	struct bind_request *req = arg;
	const struct sem_profile *profile = req->profile;
	bool full = reuse_is_full(READ_ONCE(sk->sk_state)), accepted = false;
	struct sem_sock owner;

	if (profile->done(&req->bind))
		return OWNERS_STOP;
	if (!request_address_matters(req, sk))
		return req->other_matters ? OWNERS_NEXT : OWNERS_SKIP_ADDRESS;
	if (is_bound_or_listens(sk) ||
	    (full ? req->rest_is_older : req->timewait_is_older) ||
	    !request_sees(req, sk, &owner) || reuse_owner_is_gone(req, sk))
		return OWNERS_NEXT;

	if (profile->needs_accepted)
		owner.accepted = reuse_owner_accepted(req, sk);
	if (owner.accepted && !profile->matters(&req->bind, &owner))
		return OWNERS_NEXT;
	owner.bind_seq = bind_seq_of(req, sk, owner.state, &accepted);
	if (profile->matters(&req->bind, &owner))
		request_show(req, sk, &owner);
	else if (!full)
		req->timewait_is_older = true;
	else if (accepted)
		req->rest_is_older = true;
	return OWNERS_NEXT;
}

/* Could any owner with the address of @sk matter? */
static bool request_list_matters(struct bind_request *req, const struct sock *sk)
{
	struct sem_sock like;
	u8 state;

	for (state = SEM_BOUND; state <= SEM_TIMEWAIT; state++) {
		reuse_sock_snapshot(sk, &like);
		like.state = state;
		like.bind_seq = U64_MAX;
		like.v6only = false;
		like.reuseaddr = false;
		like.reuseport = false;
		if (req->profile->matters(&req->bind, &like))
			return true;
		like.ipv6 = !like.ipv6;
		if (sem_mapped(like.addr) && req->profile->matters(&req->bind, &like))
			return true;
	}
	return false;
}

/*
 * If each address has a list, and no record counts: show the owners in the order of the lists,
 * but none of a list that cannot matter.
 */
static enum owner_walk request_listed(struct sock *sk, void *arg)
{
	struct bind_request *req = arg;
	const void *list = req->table->list(sk);

	if (list != req->list) {
		req->list = list;
		req->list_matters = request_list_matters(req, sk);
	}
	if (req->list_matters)
		return request_owner(sk, req);
	req->bind.owners++;
	return OWNERS_SKIP_ADDRESS;
}

/**
 * reuse_owners_show() - show the profile the owners of a port
 * @req: the bind that asks
 * @port: in host byte order
 *
 * Context: bottom halves off; reuse_net.bind_lock is held.
 */
void reuse_owners_show(struct bind_request *req, unsigned short port)
{
	req->port = port;
	req->known_family = 0;
	req->remote_known = false;
	req->budget = OWNERS_SCAN_MAX;
	req->accepted_budget = OWNERS_SCAN_MAX;
	req->remote_budget = REMOTES_MAX;
	req->list = NULL;
	if (req->unrecorded && !req->udp && req->profile->needs_bind_order &&
	    !reuse_tcp_in_order())
		req->table->for_each_owner(req->sk, port, request_listed, NULL, req);
	else if (req->udp || req->in_order || !req->profile->needs_bind_order)
		req->table->for_each_owner(req->sk, port, request_owner, NULL, req);
	else
		req->table->for_each_owner(req->sk, port, request_address,
					   request_connected, req);
}
