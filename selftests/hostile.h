/* SPDX-License-Identifier: GPL-2.0 */
/* The user without rights of "hostile". */
#ifndef REUSE_HOSTILE_H
#define REUSE_HOSTILE_H

#include <sys/types.h>

#include "model.h"

#define HOSTILE		1000	/* uid */
#define HOSTILE_PORTS	30000	/* that he holds */

void own_namespaces(void);
pid_t hostile_fork(void);
void hostile_search(long long *native, long long *bsd, long long *switched);
int status_of(pid_t pid);
long long hostile_charge(const char *group, const char *proto, enum semantics semantics, int n);

#endif
