/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions that every setsockopt() and getsockopt() at SOL_SOCKET goes
 * through, whatever the kind of socket.
 */
#ifndef _REUSE_COMPAT_SOCKOPT_H
#define _REUSE_COMPAT_SOCKOPT_H

#include <linux/net.h>
#include <linux/sockptr.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#ifdef REUSE_HAVE_SK_SETSOCKOPT

#define REUSE_SETSOCKOPT	"sk_setsockopt"
#define REUSE_GETSOCKOPT	"sk_getsockopt"
#define reuse_sockopt_sk_t	struct sock
#define reuse_getsockopt_ptr_t	sockptr_t
#define reuse_getsockopt_len_t	sockptr_t

static inline struct net *reuse_sockopt_net(const struct sock *sk)
{
	return sock_net(sk);
}

static inline int reuse_sockopt_read_len(int *len, sockptr_t optlen)
{
	return copy_from_sockptr(len, optlen, sizeof(*len)) ? -EFAULT : 0;
}

#else

#define REUSE_SETSOCKOPT	"sock_setsockopt"
#define REUSE_GETSOCKOPT	"sock_getsockopt"
#define reuse_sockopt_sk_t	struct socket
#define reuse_getsockopt_ptr_t	char __user *
#define reuse_getsockopt_len_t	int __user *

static inline struct net *reuse_sockopt_net(const struct socket *sock)
{
	return sock_net(sock->sk);
}

static inline int reuse_sockopt_read_len(int *len, int __user *optlen)
{
	return get_user(*len, optlen);
}

#endif
#endif
