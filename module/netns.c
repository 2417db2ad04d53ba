// SPDX-License-Identifier: GPL-2.0
/* What each network namespace has of this module. */
#include <net/net_namespace.h>

#include "netns.h"

unsigned int reuse_net_id __read_mostly;

/**
 * reuse_net_init() - set up what a network namespace has of this module
 * @net: network namespace; it is native, and all else is 0
 *
 * Context: process context.
 */
void reuse_net_init(struct net *net)
{
	spin_lock_init(&reuse_net(net)->bind_lock);
	mutex_init(&reuse_net(net)->switch_lock);
}
