// SPDX-License-Identifier: GPL-2.0
/* What each network namespace has of this module, from its birth or ours on. */
#include <linux/mutex.h>
#include <net/net_namespace.h>

#include "deliver.h"
#include "hook.h"
#include "netns.h"
#include "order.h"
#include "reuse.h"
#include "sysctl.h"

unsigned int reuse_net_id __read_mostly;

/* How many namespaces need which hooks; they are there while any does */
static DEFINE_MUTEX(switch_lock);
static unsigned int needed[REUSE_HOOKS];

static bool needs(const struct sem_profile *profile, enum reuse_hooks group)
{
	return profile &&
	       (group != REUSE_HOOKS_SOCKOPT || profile->no_reuseport);
}

/* Under switch_lock */
static void hooks_put(const struct sem_profile *profile, unsigned int n)
{
	while (n--) {
		if (needs(profile, n) && !--needed[n])
			reuse_hook_remove(n);
	}
}

/* Under switch_lock; all of them or none */
static int hooks_get(const struct sem_profile *profile)
{
	unsigned int i;
	int err;

	for (i = 0; i < REUSE_HOOKS; i++) {
		if (!needs(profile, i) || needed[i]++)
			continue;
		err = reuse_hook_install(i);
		if (err) {
			needed[i]--;
			hooks_put(profile, i);
			return err;
		}
	}
	return 0;
}

/* Under switch_lock; the hooks of both are there, those of the old one go */
static void switch_profile(struct net *net, const struct sem_profile *profile)
{
	struct reuse_net *rn = reuse_net(net);
	const struct sem_profile *old = rn->profile;

	if (!old) {
		atomic_set(&rn->udp_added_last, 0);
		atomic_set(&rn->on_device, 0);
		memset(rn->udp_connected, 0, sizeof(rn->udp_connected));
	}
	/* A bind that is under way may still be decided by the old one */
	WRITE_ONCE(rn->profile, profile);

	if (!profile)
		reuse_datagram_unhook(net);
	if (old) {
		reuse_order_forget_net(net);
		hooks_put(old, REUSE_HOOKS);
		/* Something under way may leave a note: the last clears up */
		if (!needed[REUSE_HOOKS_BIND])
			reuse_order_forget_net(NULL);
	}
	if (old && old->cached)
		reuse_tcp_forget_cached(net);
	if (profile)
		reuse_deliver_begin(net);
}

/**
 * reuse_net_set_profile() - switch a namespace
 * @net: network namespace
 * @profile: NULL for native
 *
 * Context: process context, may sleep.
 * Return: 0, or with nothing changed what reuse_hook_install() or
 * reuse_datagram_hook() returns.
 */
int reuse_net_set_profile(struct net *net, const struct sem_profile *profile)
{
	struct reuse_net *rn = reuse_net(net);
	int err = 0;

	mutex_lock(&switch_lock);
	if (profile == rn->profile)
		goto unlock;
	err = hooks_get(profile);
	if (err)
		goto unlock;
	err = rn->profile ? 0 : reuse_datagram_hook(net);
	if (err) {
		hooks_put(profile, REUSE_HOOKS);
		goto unlock;
	}
	switch_profile(net, profile);
unlock:
	mutex_unlock(&switch_lock);
	return err;
}

static int __net_init reuse_net_init(struct net *net)
{
	int err;

	spin_lock_init(&reuse_net(net)->bind_lock);
	reuse_net(net)->root = make_kuid(net->user_ns, 0);
	err = reuse_proc_create(net);
	if (err)
		return err;
	err = reuse_sysctl_create(net);
	if (err)
		reuse_proc_remove(net);
	return err;
}

static void __net_exit reuse_net_exit(struct net *net)
{
	reuse_sysctl_remove(net);
	reuse_net_set_profile(net, NULL);
	reuse_proc_remove(net);
}

static struct pernet_operations reuse_net_ops = {
	.init	= reuse_net_init,
	.exit	= reuse_net_exit,
	.id	= &reuse_net_id,
	.size	= sizeof(struct reuse_net),
};

/**
 * reuse_netns_setup() - equip all network namespaces, those to come included
 *
 * Context: process context, may sleep.
 * Return: 0 or a negative errno; on error no namespace is left equipped.
 */
int __init reuse_netns_setup(void)
{
	int err = reuse_order_setup();

	if (err)
		return err;
	err = register_pernet_subsys(&reuse_net_ops);
	if (err)
		reuse_order_teardown();
	return err;
}

/**
 * reuse_netns_teardown() - undo reuse_netns_setup()
 *
 * Context: process context, may sleep. On return no reader is inside the
 * module, and no function of the kernel leads here.
 */
void reuse_netns_teardown(void)
{
	unregister_pernet_subsys(&reuse_net_ops);
	reuse_order_teardown();
}
