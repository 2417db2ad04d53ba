// SPDX-License-Identifier: GPL-2.0
/* Find out what a profile needs to know of TCP owners that have a remote end. */
#include <net/addrconf.h>
#include <net/inet_timewait_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/tcp_states.h>

#include "request.h"

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
 * Most of a host's connections to itself have one remote address: the last answer is kept.
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
		req->remote = addr;
		req->remote_known = true;
		req->remote_is_local = is_local(sock_net(sk), &addr, ipv6);
	}
	return req->remote_is_local;
}
