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
 * In what the rules of kernels differ: enum sem_native says what each comes to. The last two differ
 * in code that is in no header, so each is known by what the same change did to a header.
 *
 * inet_csk_update_fastreuse() sees no bucket without owners since commit 8002d44fe84d ("tcp: Check
 * hlist_empty(&tb->bhash2) instead of hlist_empty(&tb->owners)."), in 6.8: a bucket has one list
 * for each address since then, and that of the newcomer is there by the time.
 *
 * udp_lib_get_port() looks at all sockets of the port for a wildcard address since commit
 * e537dd15d0d4 ("udp: Fix wildcard bind conflict check when using hash2") and its backports: it
 * calls inet_use_hash2_on_bind(), which they moved to a header for that.
 */
#define reuse_bind_by_address		__is_defined(REUSE_BIND_BY_ADDRESS)
#define reuse_timewait_by_address	__is_defined(REUSE_TIMEWAIT_BY_ADDRESS)
#define reuse_bind_address_type		__is_defined(REUSE_BIND_ADDRESS_TYPE)
#define reuse_fastreuse_never_first	__is_defined(REUSE_OWNERS_BY_ADDRESS)
#define reuse_udp_asks_all		__is_defined(REUSE_HAVE_HASH2_ON_BIND)

#endif
