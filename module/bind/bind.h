/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_BIND_H
#define _REUSE_BIND_H

#include <linux/atomic.h>
#include <linux/types.h>

extern atomic_t reuse_forced_binds;

struct sock;

int reuse_bind_get_port(struct sock *sk, unsigned short port, bool udp);
bool reuse_bind_is_forced(const struct sock *sk, bool match_wildcard);

#endif
