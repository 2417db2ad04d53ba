// SPDX-License-Identifier: GPL-2.0
/* The state that this module keeps for each network namespace. */
#include <net/net_namespace.h>

#include "compat/proc.h"
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

/**
 * reuse_net_of_file() - take a reference to the network namespace of a file in /proc/net
 * @inode: of a file that was created with its namespace as the data
 *
 * The file is there until the namespace's exit has run, so the namespace may be going.
 *
 * Context: process context; called by proc_ops.proc_open.
 * Return: the namespace, NULL if it is going.
 */
struct net *reuse_net_of_file(struct inode *inode)
{
	return maybe_get_net(pde_data(inode));
}
