// SPDX-License-Identifier: GPL-2.0
/*
 * Switches a namespace to other semantics, and back if that fails; and begins and ends what it
 * logs.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/workqueue.h>

#include "deliver/deliver.h"
#include "deliver/drop.h"
#include "hook/hook.h"
#include "log/log.h"
#include "netns.h"
#include "switch.h"
#include "tables/tables.h"
#include "track/track.h"

/*
 * bind() decides, binds and records under bind_lock. So a bind that has not decided yet
 * decides by the new profile, and each record is made for the profile that decided. In a
 * native namespace no record is in a bucket, and the counters of such records are 0; a record
 * that is in no bucket does no harm.
 */
static void profile_publish(struct reuse_net *rn,
			    const struct sem_profile *profile)
{
	spin_lock_bh(&rn->bind_lock);
	WRITE_ONCE(rn->profile, profile);
	spin_unlock_bh(&rn->bind_lock);
}

/* Called under switch_lock, with the hooks of both profiles installed. Makes all records anew */
static int profile_set(struct net *net, const struct sem_profile *profile)
{
	struct reuse_net *rn = reuse_net(net);
	const struct sem_profile *old = rn->profile;

	if (!old) {
		/*
		 * A socket that was being created or accepted when the namespace became
		 * native may have left a record.
		 */
		reuse_track_forget_net(net);
		WRITE_ONCE(rn->has_device_sockets, false);
		WRITE_ONCE(rn->any_bucket_may_have_devices, false);
	}
	profile_publish(rn, profile);

	if (!profile) {
		reuse_deliver_unhook(net);
		/* Packets on their way to a socket still use the records */
		synchronize_rcu();
	}

	if (old)
		reuse_track_forget_net(net);
	if (old && old->uses_fastreuse)
		reuse_fastreuse_forget_net(net);

	return profile ? reuse_track_learn(net) : 0;
}

/**
 * struct undo - restores the old profile after a switch that failed
 * @work: runs in a worker, which nobody kills and whose memory no user is charged for
 * @net: network namespace
 * @profile: the profile that @net had before
 * @err: result: 0, or why @profile could not be restored
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

/*
 * Called under switch_lock. Restores @profile or, without memory for that, makes @net native
 * and drops the hooks of @profile.
 */
static void profile_undo(struct net *net, const struct sem_profile *profile)
{
	struct undo undo = { .net = net, .profile = profile };

	INIT_WORK_ONSTACK(&undo.work, undo_work);
	schedule_work(&undo.work);
	flush_work(&undo.work);
	destroy_work_on_stack(&undo.work);
	if (!undo.err)
		return;

	pr_warn_ratelimited("no memory to go back to %s when a switch failed: that namespace is native now\n",
			    profile->name);
	profile_set(net, NULL);
	reuse_hook_users_put(reuse_hook_groups(profile));
}

/* Called under switch_lock, with the hooks of both profiles. After an error, as profile_undo() */
static int profile_install(struct net *net, const struct sem_profile *old,
			   const struct sem_profile *new)
{
	int err = profile_set(net, new);

	if (err)
		profile_undo(net, old);
	return err;
}

/* Called under switch_lock */
static int profile_change(struct net *net, const struct sem_profile *new)
{
	struct reuse_net *rn = reuse_net(net);
	const struct sem_profile *old = rn->profile;
	int err;

	err = reuse_hook_users_get(rn, reuse_hook_groups(new));
	if (err)
		return err;

	if (new && new->drops_refused)
		err = reuse_drop_open(net);
	if (!err && !old)
		err = reuse_deliver_hook(net);
	if (!err)
		err = profile_install(net, old, new);
	if (!rn->profile || !rn->profile->drops_refused)
		reuse_drop_close(net);
	reuse_hook_users_put(reuse_hook_groups(err ? new : old));
	return err;
}

/**
 * reuse_switch() - switch a namespace
 * @net: network namespace
 * @profile: semantics to switch to, NULL for native
 *
 * Context: process context, may sleep: for a second or longer if hooks have to be installed
 * and the task has no CAP_NET_ADMIN in the initial user namespace.
 * Return: 0, or an error of reuse_hook_users_get(), reuse_drop_open(), reuse_deliver_hook() or
 * reuse_track_learn(); -ERESTARTSYS if a signal is pending, -ENODEV if the namespace is
 * going. After an error the namespace is as before, or native if there was no memory to
 * restore its profile.
 */
int reuse_switch(struct net *net, const struct sem_profile *profile)
{
	struct reuse_net *rn = reuse_net(net);
	int err = 0;

	if (mutex_lock_interruptible(&rn->switch_lock))
		return -ERESTARTSYS;

	if (READ_ONCE(rn->life) != NET_LIVE)
		err = -ENODEV;
	else if (profile != rn->profile)
		err = profile_change(net, profile);
	mutex_unlock(&rn->switch_lock);
	return err;
}

/* Called under switch_lock */
static int log_change(struct reuse_net *rn, enum reuse_log_level level)
{
	struct reuse_log *log;
	int err;

	if (level && !rn->log_level) {
		err = reuse_hook_users_get(rn, REUSE_HOOKS_OF_LOG);
		if (err)
			return err;

		err = reuse_log_open(rn);
		if (err) {
			reuse_hook_users_put(REUSE_HOOKS_OF_LOG);
			return err;
		}
	}
	if (level) {
		reuse_log_begin(rn, level);
		return 0;
	}

	log = reuse_log_withdraw(rn);
	if (log) {
		synchronize_rcu();
		reuse_log_free(log);
		reuse_hook_users_put(REUSE_HOOKS_OF_LOG);
	}
	return 0;
}

/**
 * reuse_switch_log() - begin a namespace's log anew, or end it
 * @net: network namespace
 * @level: what is to be logged
 *
 * Context: process context, may sleep, as reuse_switch().
 * Return: 0, -ENOMEM, or an error of reuse_hook_users_get(); -ERESTARTSYS if a signal is
 * pending, -ENODEV if the namespace is going. After an error, all is as before.
 */
int reuse_switch_log(struct net *net, enum reuse_log_level level)
{
	struct reuse_net *rn = reuse_net(net);
	int err;

	if (mutex_lock_interruptible(&rn->switch_lock))
		return -ERESTARTSYS;

	if (READ_ONCE(rn->life) != NET_LIVE)
		err = -ENODEV;
	else
		err = log_change(rn, level);
	mutex_unlock(&rn->switch_lock);
	return err;
}

/**
 * reuse_switch_leave() - make a namespace native, without a log, before it, or the module, goes
 * @net: network namespace
 *
 * The caller waits for an RCU grace period next, and then calls reuse_switch_left().
 *
 * Context: process context, may sleep; waits for a task that is switching @net.
 * Return: false if @net was native already.
 */
bool reuse_switch_leave(struct net *net)
{
	struct reuse_net *rn = reuse_net(net);

	/* Tasks that wait in reuse_switch() give up */
	WRITE_ONCE(rn->life, NET_LEAVING);
	mutex_lock(&rn->switch_lock);
	rn->leaving = rn->profile;
	if (rn->leaving) {
		profile_publish(rn, NULL);
		reuse_deliver_unhook(net);
	}
	rn->log_leaving = reuse_log_withdraw(rn);
	mutex_unlock(&rn->switch_lock);
	return rn->leaving;
}

/**
 * reuse_switch_left() - drop the records, the log and the hooks of a namespace that was left
 * @net: network namespace; reuse_switch_leave() was called, and a grace period is over
 *
 * Context: process context, may sleep. Does not wait: a worker removes the hooks.
 */
void reuse_switch_left(struct net *net)
{
	struct reuse_net *rn = reuse_net(net);

	if (rn->log_leaving) {
		reuse_log_free(rn->log_leaving);
		reuse_hook_users_put_later(REUSE_HOOKS_OF_LOG);
	}
	if (!rn->leaving)
		return;

	reuse_drop_close(net);
	reuse_track_forget_net(net);
	if (rn->leaving->uses_fastreuse)
		reuse_fastreuse_forget_net(net);
	reuse_hook_users_put_later(reuse_hook_groups(rn->leaving));
}
