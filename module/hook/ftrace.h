/* SPDX-License-Identifier: GPL-2.0 */
/* Private to the hooks: how one function is intercepted. */
#ifndef _REUSE_FTRACE_H
#define _REUSE_FTRACE_H

#include <linux/ftrace.h>
#include <linux/types.h>

#include "compat/ftrace.h"

/**
 * enum reuse_hooks - what functions are intercepted for
 * @REUSE_HOOKS_BIND: semantics other than native
 * @REUSE_HOOKS_SOCKOPT: semantics without SO_REUSEPORT
 * @REUSE_HOOKS_CONNECT: semantics where connect() decides on the port otherwise
 * @REUSE_HOOKS: how many there are of these
 */
enum reuse_hooks {
	REUSE_HOOKS_BIND,
	REUSE_HOOKS_SOCKOPT,
	REUSE_HOOKS_CONNECT,
	REUSE_HOOKS,
};

/**
 * struct hook_target - one function of the kernel that is intercepted
 * @name: of the function
 * @to: where its calls are redirected to, or NULL if they are only observed
 * @group: what needs it
 * @ops: for ftrace: its @func handles a call; and a filter, once the function was looked for
 * @looked: that was done
 * @missing: the error that it ended with, or 0
 */
struct hook_target {
	const char *name;
	void *to;
	enum reuse_hooks group;
	struct ftrace_ops ops;
	bool looked;
	int missing;
};

/* ftrace.c */
int reuse_ftrace_setup(struct hook_target *any);
void reuse_ftrace_teardown(void);
int reuse_ftrace_find(struct hook_target *target);
int reuse_ftrace_install(struct hook_target *target);
void reuse_ftrace_remove(struct hook_target *target);
void reuse_ftrace_clear(struct hook_target *target);
bool reuse_ftrace_may_explain(void);
int reuse_ftrace_enter(void);
void reuse_ftrace_leave(int idx);
void reuse_ftrace_drain(void);

/* In a handler: lead the call to the replacement of the function */
static __always_inline void reuse_ftrace_replace(const struct ftrace_ops *ops,
						 reuse_fregs_t *regs)
{
	reuse_ftrace_redirect(regs, container_of(ops, struct hook_target, ops)->to);
}

/* targets.c, for users.c */
int reuse_hook_install(enum reuse_hooks group);
void reuse_hook_remove(enum reuse_hooks group);

/* proof.c */
int reuse_proof(void);
bool reuse_proof_possible(void);
void reuse_proof_teardown(void);
unsigned long reuse_proof_target(unsigned long first, unsigned long second,
				 unsigned long third);
unsigned long reuse_proof_landed(unsigned long first, unsigned long second,
				 unsigned long third);

#endif
