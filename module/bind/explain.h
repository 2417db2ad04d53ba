/* SPDX-License-Identifier: GPL-2.0 */
/* Why a socket may have a port or not, without binding it. */
#ifndef _REUSE_EXPLAIN_H
#define _REUSE_EXPLAIN_H

#include <linux/types.h>
#include <linux/uidgid.h>

#include "semantics/semantics.h"

struct sock;

/**
 * struct bind_reason - why a socket may have a port or not
 * @err: 0 or a negative errno
 * @rule: the rule that refuses; SEM_RULE_CACHED if a cache allows what an owner refuses
 * @has_blocker: another socket decided
 * @blocker: that socket as the rules saw it; @uid, @root and @bind_seq in it are only for them
 * @uid: its user; INVALID_UID in TIME_WAIT
 * @inode: its inode, 0 if it has none
 */
struct bind_reason {
	int err;
	enum sem_rule rule;
	bool has_blocker;
	struct sem_sock blocker;
	kuid_t uid;
	unsigned long inode;
};

void reuse_bind_explain(struct sock *sk, const struct sem_sock *self, unsigned short port,
			bool udp, const struct sem_profile *profile,
			struct bind_reason *reason);

#endif
