/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_SOCK_H
#define _REUSE_SOCK_H

struct sem_sock;
struct sock;

void reuse_sock_snapshot(const struct sock *sk, struct sem_sock *s);
void reuse_sock_release_route(struct sock *sk);

#endif
