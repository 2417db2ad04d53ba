/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_COMPAT_PORTRANGE_H
#define _REUSE_COMPAT_PORTRANGE_H

#include <net/ip.h>

static inline void reuse_port_range(const struct sock *sk, int *low, int *high)
{
#ifdef REUSE_HAVE_SK_PORT_RANGE
	inet_sk_get_local_port_range(sk, low, high);
#else
	inet_get_local_port_range(sock_net(sk), low, high);
#endif
}

#endif
