// SPDX-License-Identifier: GPL-2.0
/* What each network namespace has of this module, from its birth or ours on. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <net/net_namespace.h>

#include "netns.h"
#include "order.h"
#include "reuse.h"
#include "switch.h"
#include "sysctl.h"

unsigned int reuse_net_id __read_mostly;

static int __net_init reuse_net_init(struct net *net)
{
	spin_lock_init(&reuse_net(net)->bind_lock);
	mutex_init(&reuse_net(net)->switch_lock);
	return reuse_proc_create(net);
}

static void __net_exit reuse_net_exit(struct net *net)
{
	reuse_proc_remove(net);
}

static struct pernet_operations reuse_net_ops = {
	.init	= reuse_net_init,
	.exit	= reuse_net_exit,
	.id	= &reuse_net_id,
	.size	= sizeof(struct reuse_net),
};

/* How many namespaces were alive and not native when the module went */
static unsigned int left_emulating;

/*
 * All namespaces that go together wait for one grace period after this. init_net goes
 * with the module only, and first; then no namespace is made or ended meanwhile, but
 * some may be dead and wait for that.
 */
static void __net_exit reuse_net_switch_pre_exit(struct net *net)
{
	if (net_eq(net, &init_net))
		left_emulating = 0;
	if (reuse_switch_leave(net) && check_net(net))
		left_emulating++;
}

static void __net_exit reuse_net_switch_exit(struct net *net)
{
	reuse_sysctl_remove(net);
	reuse_switch_left(net);
}

/*
 * While functions are intercepted, reuse_net() is asked for of any namespace.
 * Until ours has been made it points to what an earlier module with the same
 * number has freed, as it does after ours is freed: no namespace is switched
 * before all have one, and none is freed before the last hook is gone.
 */
static struct pernet_operations reuse_net_switch_ops = {
	.init	  = reuse_sysctl_create,
	.pre_exit = reuse_net_switch_pre_exit,
	.exit	  = reuse_net_switch_exit,
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
		goto teardown_order;
	err = register_pernet_subsys(&reuse_net_switch_ops);
	if (!err)
		return 0;

	reuse_switch_teardown();
	unregister_pernet_subsys(&reuse_net_ops);
teardown_order:
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
	unregister_pernet_subsys(&reuse_net_switch_ops);
	if (left_emulating)
		pr_warn("unloaded while %u network namespace(s) were not native: this kernel's own rules are in force there from now on\n",
			left_emulating);
	reuse_switch_teardown();
	unregister_pernet_subsys(&reuse_net_ops);
	reuse_order_teardown();
}
