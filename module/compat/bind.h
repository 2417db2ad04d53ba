/* SPDX-License-Identifier: GPL-2.0 */
/* Flags of the kernel's __inet_bind() and __inet6_bind(). */
#ifndef _REUSE_COMPAT_BIND_H
#define _REUSE_COMPAT_BIND_H

#include <linux/types.h>
#include <net/ip.h>
#include <net/inet_common.h>	/* needs the header above */

/* Has a BPF program let the caller have a port that takes a privilege? */
static inline bool reuse_bind_waives_privilege(u32 flags)
{
#ifdef BIND_NO_CAP_NET_BIND_SERVICE
	return flags & BIND_NO_CAP_NET_BIND_SERVICE;
#else
	return false;
#endif
}

#endif
