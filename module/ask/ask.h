/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_ASK_H
#define _REUSE_ASK_H

struct net;

int reuse_ask_create(struct net *net);
void reuse_ask_remove(struct net *net);

#endif
