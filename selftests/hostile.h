/* SPDX-License-Identifier: GPL-2.0 */
/* The user without rights of "hostile". */
#ifndef REUSE_HOSTILE_H
#define REUSE_HOSTILE_H

#include <sys/types.h>

#include "model.h"

#define HOSTILE		1000	/* uid */

void own_namespaces(void);
pid_t hostile_fork(void);
int status_of(pid_t pid);
long long hostile_charge(const char *group, const char *proto, enum semantics semantics, int n);

#endif
