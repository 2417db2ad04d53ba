// SPDX-License-Identifier: GPL-2.0
/* Which addresses nobody may bind, whatever the port. */
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/l3mdev.h>
#include <net/route.h>

#include "bind.h"
#include "semantics/semantics.h"

/* As in __inet_bind() */
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

/* As in __inet6_bind(); that a link-local address takes a device is for the caller to say */
static int address_error6(struct sock *sk, const struct in6_addr *addr)
{
#if IS_ENABLED(CONFIG_IPV6)
	int err = -EADDRNOTAVAIL, index = READ_ONCE(sk->sk_bound_dev_if);
	struct net_device *dev = NULL;

	if (ipv6_addr_is_multicast(addr))
		return sk->sk_type == SOCK_STREAM ? -EINVAL : 0;
	if (ipv6_addr_any(addr))
		return 0;

	rcu_read_lock();
	if (index)
		dev = dev_get_by_index_rcu(sock_net(sk), index);
	if (index && !dev)
		err = -ENODEV;
	else if (ipv6_can_nonlocal_bind(sock_net(sk), inet_sk(sk)) ||
		 ipv6_chk_addr(sock_net(sk), addr, dev, 0))
		err = 0;
	rcu_read_unlock();
	return err;
#else
	return -EADDRNOTAVAIL;
#endif
}

/**
 * reuse_bind_address_error() - may an address be bound?
 * @sk: the socket; need not be locked
 * @addr: the address; IPv4 in the v4-mapped form
 *
 * Context: any but hard interrupts.
 * Return: 0, or a negative errno as the kernel has it.
 */
int reuse_bind_address_error(struct sock *sk, const u8 *addr)
{
	struct in6_addr in6;

	memcpy(&in6, addr, sizeof(in6));
	if (sem_mapped(addr))
		return address_error4(sk, in6.s6_addr32[3]);
	return address_error6(sk, &in6);
}
