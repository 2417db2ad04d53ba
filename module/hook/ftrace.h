/* SPDX-License-Identifier: GPL-2.0 */
/* Private to module/hook/: how one function is intercepted. */
#ifndef _REUSE_FTRACE_H
#define _REUSE_FTRACE_H

#include <linux/ftrace.h>
#include <linux/types.h>

#include "compat/ftrace.h"
#include "hook.h"
#include "inside.h"

/**
 * struct hook_target - one function of the kernel that is intercepted
 * @name: name of the function
 * @to: replacement that its calls are redirected to; NULL if they are only observed
 * @group: group of hooks that this one belongs to
 * @ops: ftrace calls its @func for each call; its filter is set by reuse_ftrace_find()
 * @dispensable: NULL if every kernel has the function. Else it is called if ftrace does not
 *	find the function: 0 if this kernel does without it, or a negative errno
 * @looked: reuse_ftrace_find() has looked for the function
 * @missing: result of that: 0 or a negative errno
 * @skipped: this kernel does without the function, so there is nothing to intercept
 */
struct hook_target {
	const char *name;
	void *to;
	enum reuse_hooks group;
	struct ftrace_ops ops;
	int (*dispensable)(void);
	bool looked;
	int missing;
	bool skipped;
};

/**
 * struct hook_call - a task is inside a replacement that may sleep
 * @inside: its call of the original proceeds
 * @idx: the module is not unloaded meanwhile
 */
struct hook_call {
	struct hook_inside inside;
	int idx;
};

/* ftrace.c */
int reuse_ftrace_setup(struct hook_target *any);
void reuse_ftrace_teardown(void);
int reuse_ftrace_find(struct hook_target *target);
int reuse_ftrace_install(struct hook_target *target);
void reuse_ftrace_remove(struct hook_target *target);
void reuse_ftrace_clear(struct hook_target *target);
bool reuse_ftrace_may_explain(void);
void reuse_ftrace_enter(struct hook_call *call, unsigned long key);
void reuse_ftrace_leave(struct hook_call *call);
void reuse_ftrace_drain(void);

/* Called by a handler: redirects the call to the replacement */
static __always_inline void reuse_ftrace_replace(const struct ftrace_ops *ops,
						 reuse_fregs_t *regs)
{
	reuse_ftrace_redirect(regs, container_of(ops, struct hook_target, ops)->to);
}

/* targets.c, for users.c */
bool reuse_hook_group_possible(enum reuse_hooks group);
int reuse_hook_install(enum reuse_hooks group);
void reuse_hook_remove(enum reuse_hooks group);

/* proof.c */
int reuse_proof(void);
bool reuse_proof_possible(void);
void reuse_proof_teardown(void);
bool reuse_proof_target(unsigned long first, unsigned long second, unsigned long third,
			unsigned long fourth, unsigned long fifth, unsigned long sixth);
bool reuse_proof_landed(unsigned long first, unsigned long second, unsigned long third,
			unsigned long fourth, unsigned long fifth, unsigned long sixth);

#endif
