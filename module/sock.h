/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_SOCK_H
#define _REUSE_SOCK_H

struct sem_sock;
struct sock;

void reuse_bind_see(const struct sock *sk, struct sem_sock *s);
void reuse_datagram_release(struct sock *sk);

#endif
