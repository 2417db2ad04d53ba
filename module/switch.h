/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_SWITCH_H
#define _REUSE_SWITCH_H

#include "log/log.h"
#include "semantics/semantics.h"

struct net;

int reuse_switch(struct net *net, const struct sem_profile *profile);
int reuse_switch_log(struct net *net, enum reuse_log_level level);
bool reuse_switch_leave(struct net *net);
void reuse_switch_left(struct net *net);

#endif
