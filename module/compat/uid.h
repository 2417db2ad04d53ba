/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The uid that this kernel's own bind conflict test compares. Newer kernels keep it in the
 * socket; older ones read it from the inode, and a socket without one (an orphan, or a
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

/* The uid that the socket keeps if it has no inode: until accept(), that of its listener */
static inline kuid_t reuse_sock_creator(const struct sock *sk)
{
#ifdef REUSE_HAVE_SK_UID
	return sk_uid(sk);
#else
	/* fchown() may change it meanwhile: either value will do */
	return READ_ONCE(sk->sk_uid);
#endif
}

#endif
