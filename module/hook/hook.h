/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_HOOK_H
#define _REUSE_HOOK_H

#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/types.h>

struct reuse_net;
struct sem_profile;

#ifdef REUSE_HAVE_HOOKS

/* targets.c */
int reuse_hook_setup(void);
void reuse_hook_teardown(void);

/* users.c */
bool reuse_hook_possible(const struct sem_profile *profile);
int reuse_hook_users_get(const struct reuse_net *rn,
			 const struct sem_profile *profile);
void reuse_hook_users_put(const struct sem_profile *profile);
void reuse_hook_users_put_later(const struct sem_profile *profile);
void reuse_hook_users_teardown(void);

#else

/* ftrace of this kernel cannot redirect, or compat/ftrace.h does not know its registers */

static inline int reuse_hook_setup(void)
{
	return 0;
}

static inline void reuse_hook_teardown(void)
{
}

static inline bool reuse_hook_possible(const struct sem_profile *profile)
{
	return false;
}

static inline int reuse_hook_users_get(const struct reuse_net *rn,
				       const struct sem_profile *profile)
{
	if (!profile)
		return 0;

	pr_warn_ratelimited("only native semantics: this kernel is built without CONFIG_DYNAMIC_FTRACE_WITH_ARGS (or _WITH_REGS), or not for x86-64 or arm64\n");
	return -EOPNOTSUPP;
}

static inline void reuse_hook_users_put(const struct sem_profile *profile)
{
}

static inline void reuse_hook_users_put_later(const struct sem_profile *profile)
{
}

static inline void reuse_hook_users_teardown(void)
{
}

#endif
#endif
