/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_NETNS_H
#define _REUSE_NETNS_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "semantics/semantics.h"

struct ctl_table;
struct ctl_table_header;

/* Ports that are counted together */
#define REUSE_PORT_SETS		64

/**
 * struct reuse_net - what a network namespace has of this module
 * @profile: semantics in force; NULL: native
 * @left: those that were in force when the namespace began to go
 * @switch_lock: of @profile
 * @going: it is not to be switched any more
 * @bind_lock: makes a verdict and the bind one step; with bottom halves off
 * @searching: how many binds to port 0 look for one
 * @forced_sk: UDP socket whose conflicts are not to be seen; under @bind_lock,
 *	read without
 * @udp_added_last: how many UDP sockets entered their list at its end
 * @has_device_sockets: a bucket has, or had, a socket that is bound to a device
 * @any_bucket_may_have_devices: that may be so of any
 * @udp_connected: how many UDP sockets asked for a remote end, by port
 * @ctl_header: of net.reuse
 * @ctl_table: copy of the sysctl table
 */
struct reuse_net {
	const struct sem_profile *profile;
	const struct sem_profile *left;
	struct mutex switch_lock;	/* one switch at a time */
	bool going;
	spinlock_t bind_lock;	/* verdict and bind are one step */
	atomic_t searching;
	const struct sock *forced_sk;
	atomic_t udp_added_last;
	bool has_device_sockets;
	bool any_bucket_may_have_devices;
	atomic_t udp_connected[REUSE_PORT_SETS];
	struct ctl_table_header *ctl_header;
	struct ctl_table *ctl_table;
};

extern unsigned int reuse_net_id;

void reuse_net_init(struct net *net);

/**
 * reuse_net() - what a network namespace has of this module
 * @net: network namespace
 *
 * Context: any.
 * Return: as long as @net and the module live. NULL in a namespace that is
 * being set up and has not come to us yet: the kernel creates sockets there.
 */
static inline struct reuse_net *reuse_net(const struct net *net)
{
	const struct net_generic *ng;
	struct reuse_net *rn;

	/* net_generic(), but for a namespace allocated when there was less */
	rcu_read_lock();
	ng = rcu_dereference(net->gen);
	rn = reuse_net_id < ng->s.len ? ng->ptr[reuse_net_id] : NULL;
	rcu_read_unlock();
	return rn;
}

/**
 * reuse_net_profile() - semantics in force in a namespace
 * @net: network namespace
 *
 * Context: any.
 * Return: the profile, NULL for native.
 */
static inline const struct sem_profile *
reuse_net_profile(const struct net *net)
{
	const struct reuse_net *rn = reuse_net(net);

	return rn ? READ_ONCE(rn->profile) : NULL;
}

/**
 * reuse_net_connected() - the count of UDP sockets that asked for a remote end
 * @net: network namespace
 * @port: in host byte order; others are counted with it
 *
 * Context: any.
 * Return: &reuse_net.udp_connected of that port.
 */
static inline atomic_t *reuse_net_connected(const struct net *net, u16 port)
{
	return &reuse_net(net)->udp_connected[port % REUSE_PORT_SETS];
}

#endif
