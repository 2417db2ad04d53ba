// SPDX-License-Identifier: GPL-2.0
/* Which error a bind fails with that lacks a privilege: the port may be in use as well. */
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "bind.h"
#include "compat/bind.h"
#include "netns.h"
#include "request.h"

/**
 * reuse_bind_is_denied() - is reuse_bind_denied() to answer a bind in place of the kernel?
 * @sk: TCP, UDP or any other socket that is being bound
 * @addr: address and port
 * @flags: flags of the call
 *
 * Context: any, from the hooks of __inet_bind() and __inet6_bind().
 * Return: true if the kernel would refuse the bind for want of the privilege, or for a reason
 * that it finds before.
 */
bool reuse_bind_is_denied(const struct sock *sk, const struct sockaddr *addr, u32 flags)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	/* It is in the same place for IPv6 */
	unsigned short port = ntohs(((const struct sockaddr_in *)addr)->sin_port);
	struct net *net = sock_net(sk);

	if (!profile || !profile->in_use_before_privilege || !reuse_bind_has_rules(sk) ||
	    addr->sa_family != sk->sk_family || reuse_bind_waives_privilege(flags))
		return false;
	return port && inet_port_requires_bind_service(net, port) &&
	       !ns_capable_noaudit(net->user_ns, CAP_NET_BIND_SERVICE);
}

/* As in __inet_bind(): 0, or why nobody may bind the address */
static int address_error4(struct sock *sk, __be32 addr)
{
	u32 table = l3mdev_fib_table_by_index(sock_net(sk), READ_ONCE(sk->sk_bound_dev_if));
	unsigned int type;

	if (addr == htonl(INADDR_ANY) || inet_can_nonlocal_bind(sock_net(sk), inet_sk(sk)))
		return 0;
	type = inet_addr_type_table(sock_net(sk), addr, table ?: RT_TABLE_LOCAL);
	return type == RTN_LOCAL || type == RTN_MULTICAST || type == RTN_BROADCAST ?
		0 : -EADDRNOTAVAIL;
}

/*
 * As in __inet6_bind(), but for the device of a link-local address, and for a v4-mapped address:
 * where families are separate, that is none.
 */
static int address_error6(struct sock *sk, const struct in6_addr *addr)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (ipv6_addr_v4mapped(addr))
		return -EADDRNOTAVAIL;
	if (ipv6_addr_is_multicast(addr))
		return sk->sk_type == SOCK_STREAM ? -EINVAL : 0;
	if (ipv6_addr_any(addr) || ipv6_can_nonlocal_bind(sock_net(sk), inet_sk(sk)) ||
	    ipv6_chk_addr(sock_net(sk), addr, NULL, 0))
		return 0;
#endif
	return -EADDRNOTAVAIL;
}

/**
 * reuse_bind_denied() - refuse a bind for want of the privilege, or for what comes first
 * @sk: the socket; reuse_bind_is_denied() was true, or @addr is v4-mapped where families are
 *	separate
 * @addr: address and port
 *
 * The kernel asks for the privilege first, and no error of its own could be changed later. So
 * this answers in its place; it never binds, whatever has been switched meanwhile.
 *
 * Context: any but hard interrupts; @sk need not be locked.
 * Return: a negative errno, as OpenBSD has it: -EINVAL if @sk has a port, -EADDRNOTAVAIL,
 * -EADDRINUSE, or -EACCES.
 */
int reuse_bind_denied(struct sock *sk, const struct sockaddr *addr)
{
	const struct sockaddr_in6 *in6 = (const void *)addr;
	const struct sockaddr_in *in = (const void *)addr;
	u8 ours[16];
	int err;

	if (READ_ONCE(inet_sk(sk)->inet_num))
		return -EINVAL;
	if (sk->sk_family == AF_INET6)
		err = address_error6(sk, &in6->sin6_addr);
	else
		err = address_error4(sk, in->sin_addr.s_addr);
	if (err)
		return err;
	reuse_bind_address(sk, addr, ours);
	if (reuse_bind_is_in_use(sk, ours, ntohs(in->sin_port)))
		return -EADDRINUSE;
	/* Only to have it logged, as the kernel does */
	ns_capable(sock_net(sk)->user_ns, CAP_NET_BIND_SERVICE);
	return -EACCES;
}
