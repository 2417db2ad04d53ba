/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_HOOK_H
#define _REUSE_HOOK_H

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/types.h>

struct reuse_net;
struct sem_profile;

/**
 * enum reuse_hooks - groups of hooks, by what needs them
 * @REUSE_HOOKS_BIND: all semantics but native
 * @REUSE_HOOKS_GET_PORT: all semantics but native, and a log
 * @REUSE_HOOKS_SOCKOPT: semantics without SO_REUSEPORT (sem_profile.hides_reuseport)
 * @REUSE_HOOKS_CONNECT: semantics where connect() keeps the port
 *	(sem_profile.connect_keeps_port)
 * @REUSE_HOOKS_TIMEWAIT: semantics that ask more about TIME_WAIT than the kernel keeps
 *	(sem_profile.needs_connected_uid, sem_profile.needs_accepted)
 * @REUSE_HOOKS_FAMILIES: semantics that keep IPv4 and IPv6 apart
 *	(sem_profile.separate_families)
 * @REUSE_HOOKS_DISCONNECT: semantics where that counts (sem_profile.udp_connect_is_newest)
 * @REUSE_HOOKS_PRIVILEGE: semantics with other privileged ports (sem_profile.needs_privilege), or
 *	that refuse a bind() before the kernel does, with another error
 *	(sem_profile.separate_families, sem_profile.in_use_before_privilege)
 * @REUSE_HOOKS_ADDRESS: a log: the kernel refuses some binds before it comes to the port
 * @REUSE_HOOKS: number of groups
 */
enum reuse_hooks {
	REUSE_HOOKS_BIND,
	REUSE_HOOKS_GET_PORT,
	REUSE_HOOKS_SOCKOPT,
	REUSE_HOOKS_CONNECT,
	REUSE_HOOKS_TIMEWAIT,
	REUSE_HOOKS_FAMILIES,
	REUSE_HOOKS_DISCONNECT,
	REUSE_HOOKS_PRIVILEGE,
	REUSE_HOOKS_ADDRESS,
	REUSE_HOOKS,
};

/* The groups that a log needs, whatever the semantics: a set, with the bit of each group */
#define REUSE_HOOKS_OF_LOG	(BIT(REUSE_HOOKS_GET_PORT) | BIT(REUSE_HOOKS_ADDRESS))

#ifdef REUSE_HAVE_HOOKS

/* targets.c */
int reuse_hook_setup(void);
void reuse_hook_teardown(void);

/* users.c */
unsigned long reuse_hook_groups(const struct sem_profile *profile);
bool reuse_hook_possible(unsigned long groups);
int reuse_hook_users_get(const struct reuse_net *rn, unsigned long groups);
void reuse_hook_users_put(unsigned long groups);
void reuse_hook_users_put_later(unsigned long groups);
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

static inline unsigned long reuse_hook_groups(const struct sem_profile *profile)
{
	return profile ? BIT(REUSE_HOOKS_BIND) : 0;
}

static inline bool reuse_hook_possible(unsigned long groups)
{
	return false;
}

static inline int reuse_hook_users_get(const struct reuse_net *rn, unsigned long groups)
{
	if (!groups)
		return 0;

	pr_warn_ratelimited("only native semantics, and no log: this kernel is built without CONFIG_DYNAMIC_FTRACE_WITH_ARGS (or _WITH_REGS), or not for x86-64 or arm64\n");
	return -EOPNOTSUPP;
}

static inline void reuse_hook_users_put(unsigned long groups)
{
}

static inline void reuse_hook_users_put_later(unsigned long groups)
{
}

static inline void reuse_hook_users_teardown(void)
{
}

#endif
#endif
