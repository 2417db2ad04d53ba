// SPDX-License-Identifier: GPL-2.0
/*
 * Drop a TCP packet without an answer.
 *
 * If the lookup of a listener finds nothing, TCP answers with a RST. If it finds a socket that
 * is closed, TCP drops the packet. So a namespace whose semantics drop packets has a socket of
 * the kernel that is never bound, and the lookup finds that one. It holds no port, and no task
 * can get at it.
 */
#include <linux/ipv6.h>
#include <net/inet_common.h>
#include <net/sock.h>

#include "drop.h"
#include "netns.h"

/**
 * reuse_drop_open() - make the socket that drops packets
 * @net: network namespace
 *
 * Does nothing if there is one.
 *
 * Context: process context, may sleep; reuse_net.switch_lock is held.
 * Return: 0 or -ENOMEM.
 */
int reuse_drop_open(struct net *net)
{
	struct reuse_net *rn = reuse_net(net);
	struct sock *sk;
	int err;

	if (rcu_access_pointer(rn->drop_sk))
		return 0;

	/* TCP of both families takes an AF_INET6 socket, and IPv6 no other. IPv6 may be missing */
	err = inet_ctl_sock_create(&sk, PF_INET6, SOCK_STREAM, IPPROTO_TCP, net);
	if (err == -EAFNOSUPPORT)
		err = inet_ctl_sock_create(&sk, PF_INET, SOCK_STREAM, IPPROTO_TCP, net);
	if (err)
		return -ENOMEM;

	/* Packets find it under RCU, and take no reference */
	sock_set_flag(sk, SOCK_RCU_FREE);
	rcu_assign_pointer(rn->drop_sk, sk);
	return 0;
}

/**
 * reuse_drop_close() - undo reuse_drop_open()
 * @net: network namespace; its semantics drop nothing any more
 *
 * Context: process context, may sleep; no two calls at a time.
 */
void reuse_drop_close(struct net *net)
{
	struct reuse_net *rn = reuse_net(net);
	struct sock *sk = rcu_dereference_protected(rn->drop_sk, true);

	if (!sk)
		return;
	RCU_INIT_POINTER(rn->drop_sk, NULL);
	inet_ctl_sock_destroy(sk);
}

/**
 * reuse_drop_socket() - find the socket that drops packets
 * @net: network namespace
 *
 * Context: under RCU.
 * Return: the socket; NULL if @net has just been switched.
 */
struct sock *reuse_drop_socket(const struct net *net)
{
	return rcu_dereference(reuse_net(net)->drop_sk);
}
