// SPDX-License-Identifier: GPL-2.0
/*
 * How a function of the kernel is intercepted.
 *
 * At the entry of the function ftrace calls a handler, which may redirect the call to a
 * replacement of the same prototype. ftrace finds the function by its name; this module
 * never calls an address that it found by name. A replacement reaches the original through
 * an exported symbol or the socket's proto, and the handler lets that call pass: see inside.c.
 *
 * FTRACE_OPS_FL_PERMANENT: while a function is intercepted, the kernel refuses
 * kernel.ftrace_enabled=0, which would otherwise silently stop that.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/srcu.h>

#include "ftrace.h"

static struct srcu_struct hook_srcu;	/* held while a task is inside a replacement */
static bool hook_used;			/* this module has tried to intercept a function */

/**
 * reuse_ftrace_enter() - mark that a task enters a replacement
 * @call: storage for reuse_ftrace_leave(), on the stack
 * @key: of the call, for reuse_inside_enter()
 *
 * Context: any.
 */
void reuse_ftrace_enter(struct hook_call *call, unsigned long key)
	__acquires(&hook_srcu)
{
	call->idx = srcu_read_lock(&hook_srcu);
	reuse_inside_enter(&call->inside, key);
}

/**
 * reuse_ftrace_leave() - mark that a task is about to return from a replacement
 * @call: what was passed to reuse_ftrace_enter()
 *
 * Context: any.
 */
void reuse_ftrace_leave(struct hook_call *call)
	__releases(&hook_srcu)
{
	reuse_inside_leave(&call->inside);
	srcu_read_unlock(&hook_srcu, call->idx);
}

/**
 * reuse_ftrace_drain() - wait until no task is inside the module's code
 *
 * Four waits. A lookup of a packet's receiver runs under RCU, in a softirq that may have
 * interrupted an idle CPU: synchronize_rcu(). A task may be between the redirect and
 * reuse_ftrace_enter() (RCU tasks), inside (SRCU), or between reuse_ftrace_leave() and its
 * return (RCU tasks again).
 *
 * Context: process context, no lock held, nothing is intercepted any more. Sleeps for as
 * long as the kernel's own search for a port takes, so only to unload the module.
 */
void reuse_ftrace_drain(void)
{
	if (!hook_used)
		return;
	synchronize_rcu();
	synchronize_rcu_tasks();
	synchronize_srcu(&hook_srcu);
	synchronize_rcu_tasks();
}

/**
 * reuse_ftrace_may_explain() - may the log say why semantics are not available?
 *
 * The root of a container can cause that message once a second, which is too often: a task
 * without CAP_NET_ADMIN in the initial user namespace gets three a minute.
 *
 * Context: any.
 * Return: true if so.
 */
bool reuse_ftrace_may_explain(void)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, 3);

	return ns_capable_noaudit(&init_user_ns, CAP_NET_ADMIN) || __ratelimit(&limit);
}

static void explain(const struct hook_target *target, int err)
{
	if (!reuse_ftrace_may_explain())
		return;

	if (err == -EBUSY)
		pr_warn("%s() cannot be intercepted: something else redirects it (a livepatch?), see enabled_functions in tracefs, or kernel.ftrace_enabled is 0\n",
			target->name);
	else
		pr_warn("%s() cannot be intercepted on this kernel (%d)\n",
			target->name, err);
}

/* Frees all that the filter has allocated, as ftrace_free_filter() does on newer kernels */
static int clear_filter(struct hook_target *target)
{
	return ftrace_set_filter(&target->ops, NULL, 0, 1);
}

/* Hash of a filter without functions, which to ftrace means all functions of the kernel */
static const void *no_filter __ro_after_init;

/*
 * If there is no memory to add the function, ftrace_set_filter() returns 0 and leaves the
 * filter empty.
 */
static int set_filter(struct hook_target *target)
{
	int err = ftrace_set_filter(&target->ops, (unsigned char *)target->name,
				    strlen(target->name), 1);

	if (!err &&
	    rcu_access_pointer(target->ops.func_hash->filter_hash) == no_filter)
		return -ENOMEM;
	return err;
}

static DEFINE_MUTEX(find_lock);

/* Called under find_lock, for the first time or after -ENOMEM */
static int find(struct hook_target *target)
{
	int err = set_filter(target);

	if (!err || err == -ENOMEM || !target->dispensable)
		return err;

	err = target->dispensable();
	target->skipped = !err;
	return err;
}

/**
 * reuse_ftrace_find() - have ftrace look for a function
 * @target: the function
 *
 * Only the first call looks for it, later ones repeat the answer: ftrace compares the name
 * to those of all functions, which takes longer than all the rest.
 *
 * Context: process context, may sleep.
 * Return: 0, also if this kernel does without the function; -ENOMEM; another error if it has
 * no such function or cannot trace it.
 */
int reuse_ftrace_find(struct hook_target *target)
{
	int err;

	mutex_lock(&find_lock);
	if (!target->looked) {
		target->missing = find(target);
		target->looked = target->missing != -ENOMEM;
	}

	err = target->missing;
	mutex_unlock(&find_lock);
	return err;
}

/**
 * reuse_ftrace_install() - intercept a function, unless this kernel does without it
 * @target: the function
 *
 * Context: process context, may sleep. The caller serialises calls.
 * Return: 0; -EBUSY if something else redirects the function or kernel.ftrace_enabled
 * is 0; -EOPNOTSUPP if this kernel has no such function or cannot trace it; -ENOMEM.
 */
int reuse_ftrace_install(struct hook_target *target)
{
	int err = reuse_ftrace_find(target);

	hook_used = true;
	if (!err && target->skipped)
		return 0;

	if (!err) {
		target->ops.flags |= FTRACE_OPS_FL_PERMANENT | REUSE_FTRACE_FLAGS;
		if (target->to)
			target->ops.flags |= FTRACE_OPS_FL_IPMODIFY;
		err = register_ftrace_function(&target->ops);
	}
	if (!err || err == -ENOMEM)
		return err;

	explain(target, err);
	return err == -EBUSY ? err : -EOPNOTSUPP;
}

/**
 * reuse_ftrace_remove() - stop intercepting a function
 * @target: the function; reuse_ftrace_install() has returned 0
 *
 * Waits for tasks that are inside the handler, not for tasks inside the replacement.
 *
 * Context: process context, may sleep.
 */
void reuse_ftrace_remove(struct hook_target *target)
{
	int err;

	if (target->skipped)
		return;

	err = unregister_ftrace_function(&target->ops);
	if (!err)
		return;

	/*
	 * ftrace hit a bug of its own and still calls us: our text must never be freed. rmmod
	 * has passed its refcount check already, so block it here.
	 */
	__module_get(THIS_MODULE);
	pr_err("%s() stays intercepted (%d), and this module loaded: see what ftrace has complained of, and reboot\n",
	       target->name, err);
	while (THIS_MODULE->state != MODULE_STATE_LIVE)
		schedule_timeout_uninterruptible(MAX_SCHEDULE_TIMEOUT);
}

/**
 * reuse_ftrace_setup() - prepare to intercept functions
 * @any: any function; its filter serves to learn what an empty one looks like
 *
 * Context: process context, may sleep; called from module_init().
 * Return: 0 or -ENOMEM.
 */
int __init reuse_ftrace_setup(struct hook_target *any)
{
	int err = init_srcu_struct(&hook_srcu);

	if (err)
		return err;

	err = clear_filter(any);
	if (err)
		cleanup_srcu_struct(&hook_srcu);
	else
		no_filter = rcu_access_pointer(any->ops.func_hash->filter_hash);
	return err;
}

/**
 * reuse_ftrace_teardown() - undo reuse_ftrace_setup()
 *
 * Context: process context, may sleep; nothing is intercepted.
 */
void reuse_ftrace_teardown(void)
{
	cleanup_srcu_struct(&hook_srcu);
}

/**
 * reuse_ftrace_clear() - free what reuse_ftrace_find() has allocated
 * @target: the function; it is not intercepted
 *
 * Context: process context, may sleep.
 */
void reuse_ftrace_clear(struct hook_target *target)
{
	clear_filter(target);
}
