/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The uid that this kernel's own bind conflict test compares, and the inode number. Newer
 * kernels keep both in the socket; older ones read them from the inode, and a socket without
 * one (an orphan, or a connection not accepted yet) counts as root's.
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

/*
 * The same uid, and the number of the inode, 0 without one: both under one hold of the lock
 * that older kernels have for them. Bottom halves are off. get_next_ino() numbers sockets,
 * with 32 bits.
 */
static inline kuid_t reuse_sock_uid_inode(struct sock *sk, u32 *inode)
{
#ifdef REUSE_HAVE_SK_UID
	*inode = sock_i_ino(sk);
	return sk_uid(sk);
#else
	kuid_t uid = GLOBAL_ROOT_UID;

	*inode = 0;
	read_lock(&sk->sk_callback_lock);
	if (sk->sk_socket) {
		*inode = SOCK_INODE(sk->sk_socket)->i_ino;
		uid = SOCK_INODE(sk->sk_socket)->i_uid;
	}
	read_unlock(&sk->sk_callback_lock);
	return uid;
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
