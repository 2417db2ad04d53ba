/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_DROP_H
#define _REUSE_DROP_H

struct net;
struct sock;

int reuse_drop_open(struct net *net);
void reuse_drop_close(struct net *net);
struct sock *reuse_drop_socket(const struct net *net);

#endif
