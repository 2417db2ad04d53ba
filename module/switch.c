// SPDX-License-Identifier: GPL-2.0
/*
 * Which semantics a namespace has. Functions of the kernel are intercepted
 * while any namespace is not native.
 *
 * Whoever made a user namespace may switch the network namespaces that he
 * makes in it, and so has functions intercepted and let go of. That patches
 * the kernel's code on all processors and waits for tasks, which takes long.
 * So that others hardly notice, however many do so all the time:
 *
 *  * only a task that needs it waits for it. A namespace that is native all its life
 *    takes no lock here, nor does one that needs what others need already; one
 *    that goes leaves the hooks to a worker.
 *  * nobody waits here for tasks that are inside a replacement, where a search for
 *    a port takes long: only the task that unloads the module does.
 *  * who has no CAP_NET_ADMIN over the host has hooks installed no sooner than
 *    a second after they were installed or removed last.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "deliver.h"
#include "hook.h"
#include "netns.h"
#include "order.h"
#include "reuse.h"
#include "switch.h"

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
		return profile->no_reuseport;
	case REUSE_HOOKS_CONNECT:
		return profile->keeps_taken;
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
		/* Something under way may have left a note */
		if (i == REUSE_HOOKS_BIND)
			reuse_order_flush_all();
	}
}

static void hooks_collect_work(struct work_struct *work)
{
	mutex_lock(&hooks_lock);
	hooks_collect();
	mutex_unlock(&hooks_lock);
}

static DECLARE_WORK(collect, hooks_collect_work);

/* True if there is something to be collected */
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

static int hooks_get(const struct reuse_net *rn,
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

/*
 * What a bind that is under way has not decided yet is decided by the new one, and
 * noted by what is in force when it is done: both are under the same lock. So native
 * namespaces have no notes at places, and what those are counted in is 0.
 */
static void profile_publish(struct reuse_net *rn,
			    const struct sem_profile *profile)
{
	spin_lock_bh(&rn->bind_lock);
	WRITE_ONCE(rn->profile, profile);
	spin_unlock_bh(&rn->bind_lock);
}

/* Under switch_lock; the hooks of both are there. Notes are made anew */
static int profile_set(struct net *net, const struct sem_profile *profile)
{
	struct reuse_net *rn = reuse_net(net);
	const struct sem_profile *old = rn->profile;

	if (!old) {
		/* What was for a bind that ended after it was left */
		reuse_order_forget_net(net);
		WRITE_ONCE(rn->devices, false);
		WRITE_ONCE(rn->devices_anywhere, false);
	}
	profile_publish(rn, profile);

	if (!profile) {
		reuse_datagram_unhook(net);
		synchronize_rcu();
	}
	if (old)
		reuse_order_forget_net(net);
	if (old && old->cached)
		reuse_tcp_forget_cached(net);
	return profile ? reuse_order_learn(net) : 0;
}

/**
 * struct undo - a switch that failed and is undone
 * @work: where nobody is being killed, and memory is no user's
 * @net: network namespace
 * @profile: that it had
 * @err: what came of it
 */
struct undo {
	struct work_struct work;
	struct net *net;
	const struct sem_profile *profile;
	int err;
};

static void undo_work(struct work_struct *work)
{
	struct undo *undo = container_of(work, struct undo, work);

	undo->err = profile_set(undo->net, undo->profile);
}

/* Under switch_lock. True if @profile could be had again: otherwise it is native */
static bool profile_undo(struct net *net, const struct sem_profile *profile)
{
	struct undo undo = { .net = net, .profile = profile };

	INIT_WORK_ONSTACK(&undo.work, undo_work);
	schedule_work(&undo.work);
	flush_work(&undo.work);
	destroy_work_on_stack(&undo.work);
	if (!undo.err)
		return true;
	pr_warn_ratelimited("no memory to go back to %s when a switch failed: that namespace is native now\n",
			    profile->name);
	profile_set(net, NULL);
	return false;
}

/* Under switch_lock */
static int profile_change(struct net *net, const struct sem_profile *profile)
{
	struct reuse_net *rn = reuse_net(net);
	const struct sem_profile *old = rn->profile;
	int err = hooks_get(rn, profile);
	bool unused = false;

	if (err)
		return err;
	err = old ? 0 : reuse_datagram_hook(net);
	if (!err) {
		err = profile_set(net, profile);
		if (err && !profile_undo(net, old))
			unused = hooks_put(old);
	}
	unused |= hooks_put(err ? profile : old);
	if (unused) {
		mutex_lock(&hooks_lock);
		hooks_collect();
		mutex_unlock(&hooks_lock);
	}
	return err;
}

/**
 * reuse_switch() - switch a namespace
 * @net: network namespace
 * @profile: NULL for native
 *
 * Context: process context, may sleep; a second and longer if hooks have to be
 * installed, but for who has CAP_NET_ADMIN over the host.
 * Return: 0, or with nothing changed what reuse_hook_install(),
 * reuse_datagram_hook() or reuse_order_learn() returns; -ERESTARTSYS if there
 * is a signal, -ENODEV if the namespace is going.
 */
int reuse_switch(struct net *net, const struct sem_profile *profile)
{
	struct reuse_net *rn = reuse_net(net);
	int err = 0;

	if (mutex_lock_interruptible(&rn->switch_lock))
		return -ERESTARTSYS;
	if (READ_ONCE(rn->going))
		err = -ENODEV;
	else if (profile != rn->profile)
		err = profile_change(net, profile);
	mutex_unlock(&rn->switch_lock);
	return err;
}

/**
 * reuse_switch_leave() - a namespace is going, or the module is
 * @net: network namespace
 *
 * Context: process context, may sleep; waits for a task that is just switching it. A
 * grace period of RCU is to follow, and then reuse_switch_left().
 * Return: false if it was native.
 */
bool reuse_switch_leave(struct net *net)
{
	struct reuse_net *rn = reuse_net(net);

	/* Who waits in reuse_switch() gives up */
	WRITE_ONCE(rn->going, true);
	mutex_lock(&rn->switch_lock);
	if (rn->profile) {
		rn->left = rn->profile;
		profile_publish(rn, NULL);
		reuse_datagram_unhook(net);
	}
	mutex_unlock(&rn->switch_lock);
	return rn->left;
}

/**
 * reuse_switch_left() - a namespace has gone
 * @net: network namespace
 *
 * Context: process context, may sleep. It does not wait until hooks are removed.
 */
void reuse_switch_left(struct net *net)
{
	struct reuse_net *rn = reuse_net(net);

	if (!rn->left)
		return;
	reuse_order_forget_net(net);
	if (rn->left->cached)
		reuse_tcp_forget_cached(net);
	if (hooks_put(rn->left))
		schedule_work(&collect);
}

/**
 * reuse_switch_teardown() - remove the hooks that are still there
 *
 * Context: process context, may sleep; all namespaces have left. On return no task is
 * inside a replacement, or on its way there or back.
 */
void reuse_switch_teardown(void)
{
	cancel_work_sync(&collect);
	hooks_collect_work(NULL);
	reuse_hook_drain();
}
