// SPDX-License-Identifier: GPL-2.0
/* Which semantics a namespace has: how it gets others, and goes back if that fails. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "deliver/deliver.h"
#include "hook/hook.h"
#include "netns.h"
#include "switch.h"
#include "tables/tables.h"
#include "track/track.h"

/*
 * What a bind that is under way has not decided yet is decided by the new one, and
 * recorded by what is in force when it is done: both are under the same lock. So native
 * namespaces have no records in buckets, and what those are counted in is 0.
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
		reuse_track_forget_net(net);
		WRITE_ONCE(rn->has_device_sockets, false);
		WRITE_ONCE(rn->any_bucket_may_have_devices, false);
	}
	profile_publish(rn, profile);

	if (!profile) {
		reuse_deliver_unhook(net);
		synchronize_rcu();
	}
	if (old)
		reuse_track_forget_net(net);
	if (old && old->uses_fastreuse)
		reuse_fastreuse_forget_net(net);
	return profile ? reuse_track_learn(net) : 0;
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
	int err = reuse_hook_users_get(rn, profile);

	if (err)
		return err;
	err = old ? 0 : reuse_deliver_hook(net);
	if (!err) {
		err = profile_set(net, profile);
		if (err && !profile_undo(net, old))
			reuse_hook_users_put(old);
	}
	reuse_hook_users_put(err ? profile : old);
	return err;
}

/**
 * reuse_switch() - switch a namespace
 * @net: network namespace
 * @profile: NULL for native
 *
 * Context: process context, may sleep; a second and longer if hooks have to be
 * installed, but for who has CAP_NET_ADMIN over the host.
 * Return: 0, or with nothing changed what reuse_hook_users_get(),
 * reuse_deliver_hook() or reuse_track_learn() returns; -ERESTARTSYS if there
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
		reuse_deliver_unhook(net);
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
	reuse_track_forget_net(net);
	if (rn->left->uses_fastreuse)
		reuse_fastreuse_forget_net(net);
	reuse_hook_users_put_later(rn->left);
}
