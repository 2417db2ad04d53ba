/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions that the kernel calls for every setsockopt() and getsockopt() at SOL_SOCKET,
 * whatever the kind of socket.
 */
#ifndef _REUSE_COMPAT_SOCKOPT_H
#define _REUSE_COMPAT_SOCKOPT_H

#include <linux/net.h>
#include <net/sock.h>

#ifdef REUSE_HAVE_SK_SETSOCKOPT

#define REUSE_SETSOCKOPT	"sk_setsockopt"
#define REUSE_GETSOCKOPT	"sk_getsockopt"

static inline const struct sock *reuse_sockopt_sk(const struct sock *sk)
{
	return sk;
}

#else

#define REUSE_SETSOCKOPT	"sock_setsockopt"
#define REUSE_GETSOCKOPT	"sock_getsockopt"

static inline const struct sock *reuse_sockopt_sk(const struct socket *sock)
{
	return sock->sk;
}

#endif
#endif
