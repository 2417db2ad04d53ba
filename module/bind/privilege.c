// SPDX-License-Identifier: GPL-2.0
/* Which ports take a privilege. */
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <net/ip.h>

#include "bind.h"
#include "compat/bind.h"
#include "netns.h"
#include "request.h"

/**
 * reuse_bind_asks_privilege() - is this kernel to ask for the privilege before it binds?
 * @sk: TCP, UDP or any other socket that is being bound
 * @addr: address and port
 *
 * The kernel must ask whenever the privilege is needed: a check that is left to get_port() would
 * be lost if the namespace became native, or the module was unloaded, in between.
 *
 * Context: any, from the hooks of __inet_bind() and __inet6_bind().
 * Return: false if nobody needs the privilege for that address and port.
 */
bool reuse_bind_asks_privilege(const struct sock *sk, const struct sockaddr *addr)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	/* The port is in the same place for IPv6 */
	const struct sockaddr_in *in = (const void *)addr;
	u8 ours[16];

	if (!profile || !profile->needs_privilege || !reuse_bind_has_rules(sk))
		return true;
	reuse_bind_address(sk, addr, ours);
	return profile->needs_privilege(ours, ntohs(in->sin_port), true);
}

/**
 * reuse_bind_lacks_privilege() - does a bind that nothing else refuses fail with EACCES?
 * @req: the bind
 * @port: in host byte order; not 0
 *
 * Only for ports that this kernel lets everybody bind: it has asked for the others already.
 *
 * Context: process context.
 * Return: true if so.
 */
bool reuse_bind_lacks_privilege(const struct bind_request *req, unsigned short port)
{
	const struct sem_profile *profile = req->profile;
	struct net *net = sock_net(req->sk);

	if (!profile->needs_privilege || req->sk->sk_num == port ||
	    inet_port_requires_bind_service(net, port))
		return false;

	return profile->needs_privilege(req->self.addr, port, false) &&
	       !ns_capable(net->user_ns, CAP_NET_BIND_SERVICE);
}
