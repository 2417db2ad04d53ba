// SPDX-License-Identifier: GPL-2.0
/*
 * Who needs which functions intercepted: they are while any namespace is not native.
 *
 * Whoever made a user namespace may switch the network namespaces made in it, and so
 * has functions intercepted and released. That patches the kernel's code on all
 * processors and waits for tasks, which takes long. So that others hardly notice,
 * however many do so all the time:
 *
 *  * Only a task that needs it waits for it. A namespace that is native all its life
 *    takes no lock here, nor does one that needs what others need already; one
 *    that ends leaves the hooks to a worker.
 *  * Nobody waits here for tasks that are inside a replacement, where a search for
 *    a port takes long: only the task that unloads the module does.
 *  * A task without CAP_NET_ADMIN in the initial user namespace may have hooks installed
 *    no sooner than a second after hooks were last installed or removed.
 */
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

#define INSTALL_PAUSE	HZ

/*
 * How many namespaces need which hooks. From 0 it goes up under hooks_lock only, when they
 * are installed, and they are removed under hooks_lock only if it is 0: so while it is
 * not, they are there.
 */
static atomic_t needed[REUSE_HOOKS];

/* Of what follows */
static DEFINE_MUTEX(hooks_lock);
static bool installed[REUSE_HOOKS];
static u64 install_after;

static bool needs(const struct sem_profile *profile, enum reuse_hooks group)
{
	if (!profile)
		return false;
	switch (group) {
	case REUSE_HOOKS_SOCKOPT:
		return profile->hides_reuseport;
	case REUSE_HOOKS_CONNECT:
		return profile->connect_keeps_port;
	default:
		return true;
	}
}

/* Under hooks_lock: remove what nobody needs */
static void hooks_collect(void)
{
	unsigned int i;

	for (i = REUSE_HOOKS; i--;) {
		if (!installed[i] || atomic_read(&needed[i]))
			continue;
		reuse_hook_remove(i);
		installed[i] = false;
		install_after = get_jiffies_64() + INSTALL_PAUSE;
		/* Something under way may have left a record */
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

/* True if something may be removed now */
static bool hooks_put(const struct sem_profile *profile)
{
	bool last = false;
	unsigned int i;

	for (i = 0; i < REUSE_HOOKS; i++) {
		if (needs(profile, i))
			last |= atomic_dec_and_test(&needed[i]);
	}
	return last;
}

/* Without the lock: true if others need all of that, so that it is there and stays */
static bool hooks_get_more(const struct sem_profile *profile)
{
	bool last = false;
	unsigned int i;

	for (i = 0; i < REUSE_HOOKS; i++) {
		if (needs(profile, i) && !atomic_inc_not_zero(&needed[i]))
			break;
	}
	if (i == REUSE_HOOKS)
		return true;
	while (i--) {
		if (needs(profile, i))
			last |= atomic_dec_and_test(&needed[i]);
	}
	if (last)
		schedule_work(&collect);
	return false;
}

/* Under hooks_lock; all of them or none */
static int hooks_install(const struct sem_profile *profile)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < REUSE_HOOKS && !err; i++) {
		if (!needs(profile, i) || installed[i])
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
		if (needs(profile, i))
			atomic_inc(&needed[i]);
	}
	return 0;
}

/* Under hooks_lock */
static bool hooks_may_be_installed(const struct sem_profile *profile)
{
	bool there = true;
	unsigned int i;

	for (i = 0; i < REUSE_HOOKS; i++)
		there &= !needs(profile, i) || installed[i];
	return there || time_after_eq64(get_jiffies_64(), install_after) ||
	       ns_capable_noaudit(&init_user_ns, CAP_NET_ADMIN);
}

/**
 * reuse_hook_users_get() - have the functions intercepted that a profile needs
 * @rn: of the namespace that is to have it
 * @profile: the profile, NULL for native, which needs none
 *
 * Context: process context, may sleep; a second and longer if hooks have to be installed
 * and the task has no CAP_NET_ADMIN in the initial user namespace.
 * Return: 0, what reuse_hook_install() returns, -ERESTARTSYS if there is a signal, -ENODEV
 * if the namespace is going.
 */
int reuse_hook_users_get(const struct reuse_net *rn,
			 const struct sem_profile *profile)
{
	int err;

	if (!profile || hooks_get_more(profile))
		return 0;
	for (;;) {
		if (mutex_lock_interruptible(&hooks_lock))
			return -ERESTARTSYS;
		if (hooks_may_be_installed(profile))
			break;
		mutex_unlock(&hooks_lock);
		schedule_timeout_interruptible(HZ / 10);
		if (signal_pending(current))
			return -ERESTARTSYS;
		if (READ_ONCE(rn->going))
			return -ENODEV;
	}
	err = hooks_install(profile);
	mutex_unlock(&hooks_lock);
	return err;
}

/**
 * reuse_hook_users_put() - undo reuse_hook_users_get(), and remove what nobody needs
 * @profile: that it was called with
 *
 * Context: process context, may sleep.
 */
void reuse_hook_users_put(const struct sem_profile *profile)
{
	if (!hooks_put(profile))
		return;

	mutex_lock(&hooks_lock);
	hooks_collect();
	mutex_unlock(&hooks_lock);
}

/**
 * reuse_hook_users_put_later() - undo reuse_hook_users_get(), and leave the rest to a worker
 * @profile: that it was called with
 *
 * Context: process context.
 */
void reuse_hook_users_put_later(const struct sem_profile *profile)
{
	if (hooks_put(profile))
		schedule_work(&collect);
}

/**
 * reuse_hook_users_teardown() - remove the hooks that are still installed
 *
 * Context: process context, may sleep; no profile is in use. On return no task is inside
 * a replacement, or on its way there or back.
 */
void reuse_hook_users_teardown(void)
{
	cancel_work_sync(&collect);
	hooks_collect_work(NULL);
	reuse_ftrace_drain();
}
