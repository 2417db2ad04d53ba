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
struct inode;
struct reuse_log;

/* Number of counters that the ports share; a port uses number port % REUSE_PORT_SETS */
#define REUSE_PORT_SETS		64

/**
 * enum net_life - may a namespace be switched?
 * @NET_LIVE: yes
 * @NET_LEAVING: no more: the namespace, or the module, is going; it is native once a switch
 *	under way has ended
 */
enum net_life {
	NET_LIVE,
	NET_LEAVING,
};

/**
 * struct reuse_net - the module's state of a network namespace
 * @profile: semantics in force; NULL: native. A namespace with a profile "emulates"
 * @leaving: the profile that was in force when @life became NET_LEAVING
 * @switch_lock: held to change @profile, @log_level and @log
 * @life: how far the namespace, or the module, has gone
 * @bind_lock: makes a verdict and the bind one step; taken with bottom halves off
 * @searching: number of bind() to port 0 that are searching for a port
 * @forced_sk: UDP socket of the forced bind under way: the kernel is to see none of its
 *	conflicts; written under @bind_lock, read without
 * @tcp_forced: number of tracked TCP sockets whose bind was forced
 * @udp_out_of_order: number of tracked UDP sockets that are not where the order of binds would
 *	have them in their slot's list: they entered it at its end, or connect() made them newest
 * @has_device_sockets: some bucket has, or had, a socket that is bound to a device
 * @any_bucket_may_have_devices: which buckets have one is not known: each may
 * @udp_connected: number of tracked UDP sockets that asked for a remote end, by
 *	port % REUSE_PORT_SETS
 * @drop_sk: TCP socket of the kernel that packets are given to which TCP is to drop; NULL if the
 *	semantics never do that
 * @log_level: enum reuse_log_level: what net.reuse.log says. A namespace that does not say off
 *	"logs"
 * @log: its log; there is one as long as @log_level is not off
 * @log_leaving: the log that it had when @life became NET_LEAVING
 * @ctl_header: the registered sysctls net.reuse.*
 * @ctl_table: the namespace's copy of their table
 */
struct reuse_net {
	const struct sem_profile *profile;
	const struct sem_profile *leaving;
	struct mutex switch_lock;	/* one switch at a time */
	enum net_life life;
	spinlock_t bind_lock;	/* verdict and bind are one step */
	atomic_t searching;
	const struct sock *forced_sk;
	atomic_t tcp_forced;
	atomic_t udp_out_of_order;
	bool has_device_sockets;
	bool any_bucket_may_have_devices;
	atomic_t udp_connected[REUSE_PORT_SETS];
	struct sock __rcu *drop_sk;
	u8 log_level;
	struct reuse_log __rcu *log;
	struct reuse_log *log_leaving;
	struct ctl_table_header *ctl_header;
	struct ctl_table *ctl_table;
};

extern unsigned int reuse_net_id;

void reuse_net_init(struct net *net);
struct net *reuse_net_of_file(struct inode *inode);

/**
 * reuse_net() - find the module's state of a network namespace
 * @net: network namespace
 *
 * Context: any.
 * Return: the state, valid as long as @net and the module live. NULL while the kernel sets
 * @net up and has not called this module yet: it creates sockets there already.
 */
static inline struct reuse_net *reuse_net(const struct net *net)
{
	const struct net_generic *ng;
	struct reuse_net *rn;

	/*
	 * Unlike net_generic(): the array of a namespace being set up may not reach our id. This
	 * kind of RCU section takes no call of a function, and each handler comes by here.
	 */
	rcu_read_lock_sched_notrace();
	ng = rcu_dereference_sched(net->gen);
	rn = reuse_net_id < ng->s.len ? ng->ptr[reuse_net_id] : NULL;
	rcu_read_unlock_sched_notrace();
	return rn;
}

/**
 * reuse_net_profile() - find the semantics in force in a namespace
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
 * reuse_net_minds_binds() - does a namespace emulate or log?
 * @net: network namespace
 *
 * Context: any.
 * Return: true if so: the module has to know of each bind.
 */
static inline bool reuse_net_minds_binds(const struct net *net)
{
	const struct reuse_net *rn = reuse_net(net);

	return rn && (READ_ONCE(rn->profile) || READ_ONCE(rn->log_level));
}

/**
 * reuse_net_connected() - find the counter of UDP sockets that asked for a remote end
 * @net: network namespace
 * @port: in host byte order; other ports share its counter
 *
 * Context: any.
 * Return: the element of reuse_net.udp_connected for @port.
 */
static inline atomic_t *reuse_net_connected(const struct net *net, u16 port)
{
	return &reuse_net(net)->udp_connected[port % REUSE_PORT_SETS];
}

#endif
