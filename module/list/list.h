/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_LIST_H
#define _REUSE_LIST_H

struct net;

int reuse_list_create(struct net *net);
void reuse_list_remove(struct net *net);

#endif
