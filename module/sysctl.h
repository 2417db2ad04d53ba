/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_SYSCTL_H
#define _REUSE_SYSCTL_H

struct net;

int reuse_sysctl_create(struct net *net);
void reuse_sysctl_remove(struct net *net);

#endif
