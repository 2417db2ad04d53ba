/* SPDX-License-Identifier: GPL-2.0 */
/* Flags of the kernel's __inet_bind() and __inet6_bind(), and what its rules depend on. */
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

/* Can the kernel be told not to ask for it? */
#ifdef BIND_NO_CAP_NET_BIND_SERVICE
#define reuse_bind_can_waive	true
#else
#define reuse_bind_can_waive	false
#endif

/*
 * In what the rules of kernels differ: enum sem_native says what each comes to. That
 * inet_csk_update_fastreuse() never sees a bucket without owners is since they are in one list
 * for each address: the newcomer's own list is there by then.
 */
#define reuse_bind_by_address		__is_defined(REUSE_BIND_BY_ADDRESS)
#define reuse_timewait_by_address	__is_defined(REUSE_TIMEWAIT_BY_ADDRESS)
#define reuse_bind_address_type		__is_defined(REUSE_BIND_ADDRESS_TYPE)
#define reuse_fastreuse_never_first	__is_defined(REUSE_OWNERS_BY_ADDRESS)
#define reuse_udp_asks_all		__is_defined(REUSE_HAVE_HASH2_ON_BIND)

#endif
