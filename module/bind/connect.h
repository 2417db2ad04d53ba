/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_CONNECT_H
#define _REUSE_CONNECT_H

#include <linux/types.h>

struct sock;

bool reuse_connect_keeps_port(const struct sock *sk);
int reuse_tcp_connect(struct sock *sk, void *addr, int len);
int reuse_udp4_connect(struct sock *sk, void *addr, int len);
int reuse_udp6_connect(struct sock *sk, void *addr, int len);

#endif
