/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The uid that this kernel's own bind conflict test compares: kept in the
 * socket, or read from its inode, where a socket that has none (an orphan, a
 * connection not accepted yet) counts as root's.
 */
#ifndef _REUSE_COMPAT_UID_H
#define _REUSE_COMPAT_UID_H

#include <net/sock.h>

static inline kuid_t reuse_sock_uid(struct sock *sk)
{
#ifdef REUSE_HAVE_SK_UID
	return sk_uid(sk);
#else
	return sock_i_uid(sk);
#endif
}

#endif
