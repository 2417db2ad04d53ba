// SPDX-License-Identifier: GPL-2.0
/* Find out what a profile needs to know of TCP owners that have a remote end. */
#include <net/addrconf.h>
#include <net/inet_timewait_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/tcp_states.h>

#include "compat/uid.h"
#include "request.h"
#include "tables/sock.h"
#include "track/track.h"

#if IS_ENABLED(CONFIG_IPV6)

/* FreeBSD's in6_localaddr(): on the link of any interface */
static bool is_local6(struct net *net, const struct in6_addr *addr)
{
	struct net_device *dev;
	bool local;

	if (ipv6_addr_v4mapped(addr))
		return inet_addr_type(net, addr->s6_addr32[3]) == RTN_LOCAL;
	if (ipv6_addr_loopback(addr) || ipv6_addr_type(addr) & IPV6_ADDR_LINKLOCAL)
		return true;
	rcu_read_lock();
	local = false;
	for_each_netdev_rcu(net, dev) {
		local = ipv6_chk_prefix(addr, dev);
		if (local)
			break;
	}
	rcu_read_unlock();
	return local;
}

#endif

static bool is_local(struct net *net, const struct in6_addr *addr, bool ipv6)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6)
		return is_local6(net, addr);
#endif
	return inet_addr_type(net, addr->s6_addr32[3]) == RTN_LOCAL;
}

/**
 * reuse_owner_is_gone() - does the other system keep no such socket?
 * @req: the bind that asks
 * @sk: an owner of the port
 *
 * Most of a host's connections to itself have one remote address: the last answer is kept. To
 * find it may take long, with the lock of a slot held: past the budget, @sk counts.
 *
 * Context: bottom halves off; reuse_net.bind_lock is held.
 * Return: true if @sk does not count.
 */
bool reuse_owner_is_gone(struct bind_request *req, const struct sock *sk)
{
	bool ipv6 = sk->sk_family == AF_INET6;
	struct in6_addr addr;

	if (!req->profile->drops_local_timewait || READ_ONCE(sk->sk_state) != TCP_TIME_WAIT)
		return false;

	ipv6_addr_set_v4mapped(sk->sk_daddr, &addr);
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6)
		addr = sk->sk_v6_daddr;
#endif
	if (!req->remote_known || !ipv6_addr_equal(&addr, &req->remote)) {
		if (!req->remote_budget)
			return false;
		req->remote_budget--;
		req->remote = addr;
		req->remote_known = true;
		req->remote_is_local = is_local(sock_net(sk), &addr, ipv6);
	}
	return req->remote_is_local;
}

/* A socket that bind() gave this very port was not accepted; a child of such a socket was */
static bool is_surely_bound(const struct sock *sk)
{
	return reuse_is_full(READ_ONCE(sk->sk_state)) && reuse_sock_keeps_port(sk);
}

/**
 * reuse_owner_accepted() - was a connection accepted, rather than bound?
 * @req: the bind that asks
 * @sk: an owner of the port with a remote end
 *
 * The record of @sk tells. A port with more connections than the budget is a server's: there
 * the others count as accepted without a look. Without a record, for connections that are
 * older than the profile, the answer is no.
 *
 * Context: bottom halves off; reuse_net.bind_lock is held.
 * Return: true if so.
 */
bool reuse_owner_accepted(struct bind_request *req, const struct sock *sk)
{
	bool accepted;
	kuid_t uid;

	if (is_surely_bound(sk))
		return false;
	if (!req->accepted_budget)
		return true;
	req->accepted_budget--;
	if (req->unrecorded)
		return false;
	if (reuse_is_full(READ_ONCE(sk->sk_state)))
		return reuse_track_accepted_uid(sk, &uid);
	return reuse_track_timewait_of(sk, &uid, &accepted) && accepted;
}

/**
 * reuse_owner_connected_uid() - read the user of a TCP connection
 * @req: the bind that asks
 * @sk: an owner of the port with a remote end
 * @s: its @uid and @root are set
 *
 * If it is not known, @sk counts as one of the user that asks.
 *
 * Context: bottom halves off; reuse_net.bind_lock is held.
 */
void reuse_owner_connected_uid(const struct bind_request *req, const struct sock *sk,
			       struct sem_sock *s)
{
	bool accepted;
	kuid_t uid;

	s->uid = req->self.uid;
	s->root = req->self.root;
	if (!reuse_is_full(READ_ONCE(sk->sk_state))) {
		if (req->unrecorded || !reuse_track_timewait_of(sk, &uid, &accepted))
			return;
	} else if (req->unrecorded || !reuse_track_accepted_uid(sk, &uid)) {
		uid = reuse_sock_creator(sk);
	}

	s->uid = __kuid_val(uid);
	s->root = uid_eq(uid, req->root);
}
