// SPDX-License-Identifier: GPL-2.0
/*
 * How a function of the kernel is intercepted.
 *
 * ftrace calls a handler at the entry of a function, which may lead the call elsewhere: to
 * a replacement of the same prototype. Which function is decided by name; none is ever
 * called by an address found by name. A replacement that wants the original calls what is
 * exported or what the socket's proto points to, and the handler lets calls pass that come
 * from this module. (So a replacement must not end in a call of the original: a tail call
 * has no return address here.)
 *
 * FTRACE_OPS_FL_PERMANENT: kernel.ftrace_enabled=0 is refused while a function is
 * intercepted, rather than switching that off in silence.
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

static struct srcu_struct hook_srcu;	/* for as long as a task is inside a replacement */
static bool hook_used;			/* something was intercepted since we were loaded */

/**
 * reuse_ftrace_enter() - a replacement begins
 *
 * Context: any.
 * Return: to be given to reuse_ftrace_leave().
 */
int reuse_ftrace_enter(void)
	__acquires(&hook_srcu)
{
	return srcu_read_lock(&hook_srcu);
}

/**
 * reuse_ftrace_leave() - a replacement is about to return
 * @idx: from reuse_ftrace_enter()
 *
 * Context: any.
 */
void reuse_ftrace_leave(int idx)
	__releases(&hook_srcu)
{
	srcu_read_unlock(&hook_srcu, idx);
}

/**
 * reuse_ftrace_drain() - wait until no task is inside the module's code
 *
 * A task may be between the redirect and reuse_ftrace_enter(), inside, or
 * between reuse_ftrace_leave() and its return: three waits. A lookup of a packet's
 * receiver runs under RCU, in a softirq that may have interrupted an idle CPU: a
 * fourth.
 *
 * Context: process context, may sleep, for as long as the kernel's own search for a
 * port takes: only to unload, without any lock. Nothing is intercepted any more.
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
 * reuse_ftrace_may_explain() - may the log be told why semantics cannot be had?
 *
 * The root of a container can make us say it once a second, which is too often.
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

/* ftrace_free_filter() is younger; this leaves nothing allocated either */
static int clear_filter(struct hook_target *target)
{
	return ftrace_set_filter(&target->ops, NULL, 0, 1);
}

/* What a filter is without functions: that means all of the kernel's */
static const void *no_filter __ro_after_init;

/*
 * Without memory for the function, ftrace_set_filter() succeeds and leaves an
 * empty filter.
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

/**
 * reuse_ftrace_find() - look for a function
 * @target: the function
 *
 * It is looked for when it is needed first, and once: ftrace compares a name to those of
 * all functions, and that takes longer than all the rest.
 *
 * Context: process context, may sleep.
 * Return: 0; -ENOMEM; another error if this kernel has no such function or cannot trace it.
 */
int reuse_ftrace_find(struct hook_target *target)
{
	int err;

	mutex_lock(&find_lock);
	if (!target->looked) {
		target->missing = set_filter(target);
		target->looked = target->missing != -ENOMEM;
	}
	err = target->missing;
	mutex_unlock(&find_lock);
	return err;
}

/**
 * reuse_ftrace_install() - intercept a function
 * @target: the function
 *
 * Context: process context, may sleep. Calls are serialised by the caller.
 * Return: 0; -EBUSY if the function is redirected by somebody else or
 * kernel.ftrace_enabled is 0; -EOPNOTSUPP if this kernel has no such function
 * or cannot trace it; -ENOMEM.
 */
int reuse_ftrace_install(struct hook_target *target)
{
	int err = reuse_ftrace_find(target);

	hook_used = true;
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
 * reuse_ftrace_remove() - intercept a function no more
 * @target: the function; it is intercepted
 *
 * Waits for those that are inside a handler, not for those inside a replacement.
 *
 * Context: process context, may sleep.
 */
void reuse_ftrace_remove(struct hook_target *target)
{
	int err = unregister_ftrace_function(&target->ops);

	if (!err)
		return;

	/*
	 * ftrace hit a bug of its own and still calls us: our text must never be freed. rmmod
	 * has passed its check of the references already, so block it here.
	 */
	__module_get(THIS_MODULE);
	pr_err("%s() stays intercepted (%d), and this module loaded: see what ftrace has complained of, and reboot\n",
	       target->name, err);
	while (THIS_MODULE->state != MODULE_STATE_LIVE)
		schedule_timeout_uninterruptible(MAX_SCHEDULE_TIMEOUT);
}

/**
 * reuse_ftrace_setup() - make ready to intercept
 * @any: any function; it is not looked for
 *
 * Context: process context, may sleep; while the module is loaded.
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
 * reuse_ftrace_clear() - free what was allocated when a function was looked for
 * @target: the function; it is not intercepted
 *
 * Context: process context, may sleep.
 */
void reuse_ftrace_clear(struct hook_target *target)
{
	clear_filter(target);
}
