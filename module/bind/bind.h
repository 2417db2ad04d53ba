/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_BIND_H
#define _REUSE_BIND_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "semantics/rules.h"

struct net;
struct sock;
struct sockaddr;

extern atomic_t reuse_forced_binds;
extern const u32 reuse_bind_native;	/* enum sem_native of this kernel */

/* privilege.c */
bool reuse_bind_asks_privilege(const struct sock *sk, const struct sockaddr *addr);

/* address.c */
int reuse_bind_address_error(struct sock *sk, const u8 *addr);

/* denied.c */
bool reuse_bind_is_denied(const struct sock *sk, const struct sockaddr *addr, u32 flags);
int reuse_bind_denied(struct sock *sk, const struct sockaddr *addr);

/* early.c */
void reuse_bind_begins(struct sock *sk, const struct sockaddr *addr, int len, u32 flags);

/* report.c */
void reuse_bind_refused(struct sock *sk, const struct sockaddr *addr, int err);
void reuse_bind_refused_option(struct sock *sk, int err, enum sem_rule rule);

/* get_port.c */
int reuse_bind_get_port(struct sock *sk, unsigned short port, bool udp);
bool reuse_bind_separates_families(const struct net *net);
bool reuse_bind_is_forced(const struct sock *sk, bool match_wildcard);

/* connect.c */
bool reuse_connect_keeps_port(const struct sock *sk);
int reuse_connect_tcp(struct sock *sk, void *addr, int len);
int reuse_connect_udp4(struct sock *sk, void *addr, int len);
int reuse_connect_udp6(struct sock *sk, void *addr, int len);

#endif
