// SPDX-License-Identifier: GPL-2.0
/* What each network namespace has of this module, from its birth or ours on. */
#include <net/net_namespace.h>

#include "netns.h"
#include "order.h"
#include "reuse.h"
#include "switch.h"
#include "sysctl.h"

unsigned int reuse_net_id __read_mostly;

static int __net_init reuse_net_init(struct net *net)
{
	int err;

	spin_lock_init(&reuse_net(net)->bind_lock);
	mutex_init(&reuse_net(net)->switch_lock);
	reuse_net(net)->root = make_kuid(net->user_ns, 0);
	err = reuse_proc_create(net);
	if (err)
		return err;
	err = reuse_sysctl_create(net);
	if (err)
		reuse_proc_remove(net);
	return err;
}

/* All namespaces that go together wait for one grace period after this */
static void __net_exit reuse_net_pre_exit(struct net *net)
{
	reuse_switch_leave(net);
}

static void __net_exit reuse_net_exit(struct net *net)
{
	reuse_sysctl_remove(net);
	reuse_switch_left(net);
	reuse_proc_remove(net);
}

static struct pernet_operations reuse_net_ops = {
	.init	= reuse_net_init,
	.pre_exit = reuse_net_pre_exit,
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
	if (err) {
		reuse_switch_teardown();
		reuse_order_teardown();
	}
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
	reuse_switch_teardown();
	reuse_order_teardown();
}
