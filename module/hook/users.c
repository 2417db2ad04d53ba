// SPDX-License-Identifier: GPL-2.0
/*
 * Counts references to each group of hooks, and keeps it installed while there is one. Each
 * namespace that emulates holds references, each one that logs, and the tracepoint reuse_bind.
 *
 * An unprivileged user who has created a user namespace may switch the network namespaces that
 * belong to it, and so cause hooks to be installed and removed. That patches the kernel's code on
 * all processors and waits for tasks, which takes long. So that others hardly notice, even if many
 * users do so all the time:
 *
 *  * Only a task that needs hooks waits for them. A namespace that is always native and never
 *    logs takes no lock here, nor does one that needs only hooks that others need already; one
 *    that ends leaves the removal to a worker.
 *  * Only the task that unloads the module waits for tasks inside a replacement, where a
 *    search for a port takes long.
 *  * A task without CAP_NET_ADMIN in the initial user namespace may have hooks installed
 *    no sooner than a second after hooks were last installed or removed.
 */
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "ftrace.h"
#include "hook.h"
#include "netns.h"
#include "track/track.h"

#define INSTALL_PAUSE	HZ	/* jiffies */

/*
 * Number of references to each group. Under hooks_lock it leaves 0, after the group
 * was installed; under hooks_lock the group is removed, if it is 0. So while it is not 0,
 * the group is installed.
 */
static atomic_t needed[REUSE_HOOKS];

static DEFINE_MUTEX(hooks_lock);	/* protects what follows */
static bool installed[REUSE_HOOKS];
static u64 install_after;		/* jiffies */

static bool profile_needs(const struct sem_profile *profile, enum reuse_hooks group)
{
	switch (group) {
	case REUSE_HOOKS_SOCKOPT:
		return profile->hides_reuseport;
	case REUSE_HOOKS_CONNECT:
		return profile->connect_keeps_port;
	case REUSE_HOOKS_TIMEWAIT:
		return profile->needs_connected_uid || profile->needs_accepted;
	case REUSE_HOOKS_FAMILIES:
		return profile->separate_families;
	case REUSE_HOOKS_DISCONNECT:
		return profile->udp_connect_is_newest;
	case REUSE_HOOKS_PRIVILEGE:
		return profile->needs_privilege || profile->separate_families ||
		       profile->in_use_before_privilege;
	case REUSE_HOOKS_ADDRESS:
		return false;
	default:
		return true;
	}
}

/**
 * reuse_hook_groups() - which groups of hooks do semantics need?
 * @profile: the semantics, NULL for native, which needs none
 *
 * Context: any.
 * Return: the set of groups, with the bit of each enum reuse_hooks.
 */
unsigned long reuse_hook_groups(const struct sem_profile *profile)
{
	unsigned long groups = 0;
	unsigned int i;

	for (i = 0; profile && i < REUSE_HOOKS; i++) {
		if (profile_needs(profile, i))
			groups |= BIT(i);
	}
	return groups;
}

/**
 * reuse_hook_possible() - does this kernel allow to intercept groups of functions?
 * @groups: the set of groups
 *
 * Context: process context, may sleep.
 * Return: true if so; something else may still redirect one of the functions.
 */
bool reuse_hook_possible(unsigned long groups)
{
	unsigned int i;

	for (i = 0; i < REUSE_HOOKS; i++) {
		if (groups & BIT(i) && !reuse_hook_group_possible(i))
			return false;
	}
	return reuse_proof_possible();
}

/* Called under hooks_lock: removes the groups that nobody needs */
static void hooks_collect(void)
{
	unsigned int i;

	for (i = REUSE_HOOKS; i--;) {
		if (!installed[i] || atomic_read(&needed[i]))
			continue;

		reuse_hook_remove(i);
		installed[i] = false;
		install_after = get_jiffies_64() + INSTALL_PAUSE;
		/* A call under way may have made a record after the namespace dropped its own */
		if (i == REUSE_HOOKS_TIMEWAIT)
			reuse_track_flush_timewait();
		if (i == REUSE_HOOKS_BIND)
			reuse_track_flush_all();
	}
}

static void hooks_collect_work(struct work_struct *work)
{
	mutex_lock(&hooks_lock);
	hooks_collect();
	mutex_unlock(&hooks_lock);
}

static DECLARE_WORK(collect, hooks_collect_work);

/*
 * Stop counting a user for those of @groups that are among the first @n. True if one of them is
 * needed by nobody any more.
 */
static bool hooks_put(unsigned long groups, unsigned int n)
{
	bool last = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (groups & BIT(i))
			last |= atomic_dec_and_test(&needed[i]);
	}
	return last;
}

/* Needs no lock. True if others need all the groups already: they are installed, and stay */
static bool hooks_get_more(unsigned long groups)
{
	unsigned int i;

	for (i = 0; i < REUSE_HOOKS; i++) {
		if (groups & BIT(i) && !atomic_inc_not_zero(&needed[i]))
			break;
	}
	if (i == REUSE_HOOKS)
		return true;

	/* Take back what was counted; if all others have gone meanwhile, the worker collects */
	if (hooks_put(groups, i))
		schedule_work(&collect);
	return false;
}

/* Called under hooks_lock: installs and counts all of the groups, or none */
static int hooks_install(unsigned long groups)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < REUSE_HOOKS && !err; i++) {
		if (!(groups & BIT(i)) || installed[i])
			continue;

		err = reuse_hook_install(i);
		installed[i] = !err;
		install_after = get_jiffies_64() + INSTALL_PAUSE;
	}
	if (err) {
		hooks_collect();
		return err;
	}

	for (i = 0; i < REUSE_HOOKS; i++) {
		if (groups & BIT(i))
			atomic_inc(&needed[i]);
	}
	return 0;
}

/* Called under hooks_lock: may the current task have the missing groups installed now? */
static bool hooks_may_be_installed(unsigned long groups)
{
	bool there = true;
	unsigned int i;

	for (i = 0; i < REUSE_HOOKS; i++)
		there &= !(groups & BIT(i)) || installed[i];

	return there || time_after_eq64(get_jiffies_64(), install_after) ||
	       ns_capable_noaudit(&init_user_ns, CAP_NET_ADMIN);
}

/**
 * reuse_hook_users_get() - count a user, and install the hooks that it needs
 * @rn: state of the namespace that needs them, NULL if it is not a namespace
 * @groups: the set of groups, with the bit of each enum reuse_hooks; 0 needs nothing
 *
 * A user that is counted for a group twice is put twice.
 *
 * Context: process context, may sleep: for a second or longer if hooks have to be installed,
 * @rn is not NULL and the task has no CAP_NET_ADMIN in the initial user namespace.
 * Return: 0, an error of reuse_hook_install(), -ERESTARTSYS if a signal is pending, -EBUSY
 * instead of a wait if @rn is NULL, or -ENODEV if the namespace is going.
 */
int reuse_hook_users_get(const struct reuse_net *rn, unsigned long groups)
{
	int err;

	if (!groups || hooks_get_more(groups))
		return 0;

	for (;;) {
		if (mutex_lock_interruptible(&hooks_lock))
			return -ERESTARTSYS;
		if (hooks_may_be_installed(groups))
			break;
		mutex_unlock(&hooks_lock);

		/* A tracer holds locks that others need */
		if (!rn)
			return -EBUSY;
		schedule_timeout_interruptible(HZ / 10);
		if (signal_pending(current))
			return -ERESTARTSYS;
		if (READ_ONCE(rn->life) != NET_LIVE)
			return -ENODEV;
	}

	err = hooks_install(groups);
	mutex_unlock(&hooks_lock);
	return err;
}

/**
 * reuse_hook_users_put() - undo reuse_hook_users_get(), and remove hooks not needed any more
 * @groups: the set that it was called with
 *
 * Context: process context, may sleep.
 */
void reuse_hook_users_put(unsigned long groups)
{
	if (!hooks_put(groups, REUSE_HOOKS))
		return;

	mutex_lock(&hooks_lock);
	hooks_collect();
	mutex_unlock(&hooks_lock);
}

/**
 * reuse_hook_users_put_later() - undo reuse_hook_users_get(), and have a worker remove hooks
 * @groups: the set that it was called with
 *
 * Context: process context.
 */
void reuse_hook_users_put_later(unsigned long groups)
{
	if (hooks_put(groups, REUSE_HOOKS))
		schedule_work(&collect);
}

/**
 * reuse_hook_users_teardown() - remove the hooks that are still installed
 *
 * Context: process context, may sleep; all users have been put. On return no task is
 * inside a replacement, or on its way there or back.
 */
void reuse_hook_users_teardown(void)
{
	cancel_work_sync(&collect);
	hooks_collect_work(NULL);
	reuse_ftrace_drain();
}
