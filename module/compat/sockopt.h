/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions that the kernel calls for every setsockopt() and getsockopt() at SOL_SOCKET,
 * whatever the kind of socket. Their first argument is the sock, or the socket.
 */
#ifndef _REUSE_COMPAT_SOCKOPT_H
#define _REUSE_COMPAT_SOCKOPT_H

#include <linux/net.h>
#include <net/sock.h>

#ifdef REUSE_HAVE_SK_SETSOCKOPT

#define REUSE_SETSOCKOPT	"sk_setsockopt"

static inline const struct sock *reuse_setsockopt_sk(const void *arg)
{
	return arg;
}

#else

#define REUSE_SETSOCKOPT	"sock_setsockopt"

static inline const struct sock *reuse_setsockopt_sk(const void *arg)
{
	return ((const struct socket *)arg)->sk;
}

#endif

#ifdef REUSE_HAVE_SK_GETSOCKOPT

#define REUSE_GETSOCKOPT	"sk_getsockopt"

static inline const struct sock *reuse_getsockopt_sk(const void *arg)
{
	return arg;
}

#else

#define REUSE_GETSOCKOPT	"sock_getsockopt"

static inline const struct sock *reuse_getsockopt_sk(const void *arg)
{
	return ((const struct socket *)arg)->sk;
}

#endif
#endif
