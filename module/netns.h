/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_NETNS_H
#define _REUSE_NETNS_H

#include <linux/spinlock.h>
#include <net/net_namespace.h>

#include "semantics/semantics.h"

struct ctl_table;
struct ctl_table_header;

/**
 * struct reuse_net - what a network namespace has of this module
 * @profile: semantics in force; NULL: native
 * @bind_lock: makes a verdict and the bind one step; with bottom halves off
 * @letting_in: UDP socket whose conflicts are not to be seen; under @bind_lock,
 *	read without
 * @udp_added_last: how many UDP sockets entered their list at its end
 * @on_device: how many sockets were bound to a device when they were to a port
 * @ctl_header: of net.reuse
 * @ctl_table: copy of the sysctl table
 */
struct reuse_net {
	const struct sem_profile *profile;
	spinlock_t bind_lock;	/* verdict and bind are one step */
	const struct sock *letting_in;
	atomic_t udp_added_last;
	atomic_t on_device;
	struct ctl_table_header *ctl_header;
	struct ctl_table *ctl_table;
};

struct reuse_net *reuse_net(const struct net *net);
const struct sem_profile *reuse_net_profile(const struct net *net);
int reuse_net_set_profile(struct net *net, const struct sem_profile *profile);

#endif
