/* SPDX-License-Identifier: GPL-2.0 */
/* Private to the profiles of Linux: how it compares two addresses. */
#ifndef _REUSE_SEMANTICS_LINUX_H
#define _REUSE_SEMANTICS_LINUX_H

#include "semantics.h"

bool linux_saddr_equal(const struct sem_sock *sk, const struct sem_sock *o,
		       bool sk_any, bool o_any);

#endif
