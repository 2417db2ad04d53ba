// SPDX-License-Identifier: GPL-2.0
/* What each network namespace has of this module, from its birth or ours on. */
#include <net/net_namespace.h>

#include "reuse.h"

static int __net_init reuse_net_init(struct net *net)
{
	return reuse_proc_create(net);
}

static void __net_exit reuse_net_exit(struct net *net)
{
	reuse_proc_remove(net);
}

static struct pernet_operations reuse_net_ops = {
	.init	= reuse_net_init,
	.exit	= reuse_net_exit,
};

/**
 * reuse_netns_setup() - equip all network namespaces, those to come included
 *
 * Context: process context, may sleep.
 * Return: 0 or a negative errno; on error no namespace is left equipped.
 */
int reuse_netns_setup(void)
{
	return register_pernet_subsys(&reuse_net_ops);
}

/**
 * reuse_netns_teardown() - undo reuse_netns_setup()
 *
 * Context: process context, may sleep. On return no reader is inside the
 * module.
 */
void reuse_netns_teardown(void)
{
	unregister_pernet_subsys(&reuse_net_ops);
}
