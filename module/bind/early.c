// SPDX-License-Identifier: GPL-2.0
/* Foresees which bind() the kernel refuses before it comes to the port, for the log. */
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "bind.h"
#include "compat/bind.h"
#include "netns.h"
#include "request.h"

/* As in __inet_bind() and __inet6_bind(), which asks for the privilege first */
static int early_error(struct sock *sk, const u8 *addr, bool lacks_privilege)
{
	int err;

	if (sk->sk_family == AF_INET6 && lacks_privilege)
		return -EACCES;
	if (sk->sk_family == AF_INET6 && sk->sk_ipv6only && sem_mapped(addr))
		return -EINVAL;
	err = reuse_bind_address_error(sk, addr);
	if (err)
		return err;
	return lacks_privilege ? -EACCES : 0;
}

/* A link-local address that lacks a device is EINVAL */
static bool is_odd_address(const struct sock *sk, const struct sockaddr *addr, int len)
{
#if IS_ENABLED(CONFIG_IPV6)
	const struct sockaddr_in6 *in6 = (const void *)addr;

	if (sk->sk_family == AF_INET6)
		return len < SIN6_LEN_RFC2133 || addr->sa_family != AF_INET6 ||
		       (__ipv6_addr_needs_scope_id(__ipv6_addr_type(&in6->sin6_addr)) &&
			!sk->sk_bound_dev_if &&
			(len < (int)sizeof(*in6) || !in6->sin6_scope_id));
#endif
	return len < (int)sizeof(struct sockaddr_in) || addr->sa_family != AF_INET;
}

/**
 * reuse_bind_begins() - log a bind() if it will be refused before it comes to the port
 * @sk: TCP, UDP or any other socket
 * @addr: address and port
 * @len: length of @addr
 * @flags: flags of the call
 *
 * It foresees what the kernel itself refuses. What reuse_bind_denied() refuses, its caller logs.
 *
 * Context: any but hard interrupts, from the hooks of __inet_bind() and __inet6_bind(); @sk need
 * not be locked.
 */
void reuse_bind_begins(struct sock *sk, const struct sockaddr *addr, int len, u32 flags)
{
	struct net *net = sock_net(sk);
	unsigned short port;
	bool lacks;
	u8 ours[16];
	int err;

	if (!reuse_bind_has_rules(sk) || READ_ONCE(sk->sk_num) || is_odd_address(sk, addr, len))
		return;
	reuse_bind_address(sk, addr, ours);
	if (reuse_bind_is_denied(sk, addr, flags) ||
	    (sk->sk_family == AF_INET6 && sem_mapped(ours) && reuse_bind_separates_families(net)))
		return;

	/* It is in the same place for IPv6 */
	port = ntohs(((const struct sockaddr_in *)addr)->sin_port);
	lacks = port && inet_port_requires_bind_service(net, port) &&
		!reuse_bind_waives_privilege(flags) &&
		!(reuse_bind_can_waive && !reuse_bind_asks_privilege(sk, addr)) &&
		!ns_capable_noaudit(net->user_ns, CAP_NET_BIND_SERVICE);
	err = early_error(sk, ours, lacks);
	if (err)
		reuse_bind_refused(sk, addr, err);
}
