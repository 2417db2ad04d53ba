// SPDX-License-Identifier: GPL-2.0
/* ipv4_rcv_saddr_equal() and ipv6_rcv_saddr_equal(), which have been the same since Linux 3.8. */
#include "linux.h"

/*
 * The address as IPv4 sees it: for a native IPv6 address that is 127.0.0.6. A socket with
 * such an address need not be v6only: a dual-stack listener accepts connections like that.
 */
static const u8 *linux_ipv4(const u8 *addr)
{
	static const u8 native[16] = {
		[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 6,
	};

	if (sem_mapped(addr))
		return addr;

	return sem_any(addr) ? sem_any4 : native;
}

/**
 * linux_saddr_equal() - may two sockets have packets to one address?
 * @sk: a socket, as a rule the newcomer
 * @o: another socket
 * @sk_any: a wildcard address of @sk stands for any address; otherwise, for itself
 * @o_any: so does one of @o
 *
 * Context: any.
 * Return: true if so.
 */
bool linux_saddr_equal(const struct sem_sock *sk, const struct sem_sock *o,
		       bool sk_any, bool o_any)
{
	bool sk_mapped = sem_mapped(sk->addr), o_mapped = sem_mapped(o->addr);
	const u8 *sk_ipv4 = linux_ipv4(sk->addr), *o_ipv4 = linux_ipv4(o->addr);

	if (!sk->ipv6 || (sk_mapped && o_mapped))
		return !o->v6only && (sem_same(sk_ipv4, o_ipv4) || (sk_any && sem_any(sk_ipv4)) ||
				      (o_any && sem_any(o_ipv4)));
	if (o_any && sem_same(o->addr, sem_any6) && !(o->v6only && sk_mapped))
		return true;
	if (sk_any && sem_same(sk->addr, sem_any6) && !(sk->v6only && o_mapped))
		return true;
	return o->ipv6 && sem_same(sk->addr, o->addr);
}
