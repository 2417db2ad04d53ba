// SPDX-License-Identifier: GPL-2.0
/* Which error a bind fails with that lacks a privilege: the port may be in use as well. */
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <net/ip.h>

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
	/* The port is in the same place for IPv6 */
	const struct sockaddr_in *in = (const void *)addr;
	u8 ours[16];
	int err;

	if (READ_ONCE(inet_sk(sk)->inet_num))
		return -EINVAL;
	reuse_bind_address(sk, addr, ours);
	if (sk->sk_family == AF_INET6 && sem_mapped(ours))
		return -EADDRNOTAVAIL;
	err = reuse_bind_address_error(sk, ours);
	if (err)
		return err;
	if (reuse_bind_is_in_use(sk, ours, ntohs(in->sin_port)))
		return -EADDRINUSE;
	/* Only to have it logged, as the kernel does */
	ns_capable(sock_net(sk)->user_ns, CAP_NET_BIND_SERVICE);
	return -EACCES;
}
