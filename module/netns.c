// SPDX-License-Identifier: GPL-2.0
/* The state that this module keeps for each network namespace. */
#include <net/net_namespace.h>

#include "netns.h"

unsigned int reuse_net_id __read_mostly;

/**
 * reuse_net_init() - set up the module's state of a network namespace
 * @net: network namespace; its state is all 0, which means native
 *
 * Context: process context.
 */
void reuse_net_init(struct net *net)
{
	spin_lock_init(&reuse_net(net)->bind_lock);
	mutex_init(&reuse_net(net)->switch_lock);
}
