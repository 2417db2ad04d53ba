// SPDX-License-Identifier: GPL-2.0
/* Sockets that were bound before their namespace was switched. */
#include <linux/sched.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "tables/sock.h"
#include "tables/tables.h"
#include "track.h"

/* So many sockets are recorded under one hold of a lock, with bottom halves off */
#define LEARN_CHUNK	32

/* Called with the lock of the slot */
static int learn_socket(struct sock *sk, unsigned int round, void *arg)
{
	const struct net *net = arg;
	u8 state = READ_ONCE(sk->sk_state);
	bool tcp;
	int err;

	/* A TIME_WAIT socket has no more than struct sock_common */
	if (!net_eq(sock_net(sk), net) || !reuse_is_full(state))
		return 0;

	tcp = sk->sk_protocol == IPPROTO_TCP;
	if (tcp && state != TCP_LISTEN && state != TCP_CLOSE && !reuse_sock_keeps_port(sk))
		return 0;

	/* The walk meets the sockets at the end of a list oldest first, all others newest first */
	err = reuse_track_existing(sk, !tcp && reuse_udp_added_last(sk) ? TRACK_AS_NEWEST :
									  TRACK_AS_OLDEST);
	if (err)
		return err;

	if (!tcp && state == TCP_ESTABLISHED)
		reuse_track_connecting(sk);
	return 0;
}

static int learn_table(const struct bind_table *table, const struct net *net)
{
	struct reuse_slots slots = table->slots(net);
	unsigned int slot, tries;
	int err;

	for (slot = 0; slot < slots.n; slot++) {
		cond_resched();
		if (hlist_empty(reuse_slot_head(&slots, slot)))
			continue;

		/*
		 * -EAGAIN: the walk lost its position and starts again. Sockets that are
		 * recorded already stay as they are. Any that were not met after 16 tries
		 * count as oldest, and receive only what no other gets.
		 */
		err = -EAGAIN;
		for (tries = 0; tries < 16 && err == -EAGAIN; tries++)
			err = reuse_walk(table, net, &slots, slot, LEARN_CHUNK,
					 learn_socket, (void *)net);
		if (err && err != -EAGAIN)
			return err;
	}
	return 0;
}

/**
 * reuse_track_learn() - learn who holds the ports of a namespace
 * @net: network namespace that has just begun to emulate and has no records
 *
 * The kernel's lists tell in which order these sockets were bound: the newest is the first
 * of its list. Only IPv6 UDP sockets with SO_REUSEPORT are at the end, the oldest first.
 *
 * Context: process context, may sleep; other tasks may bind sockets meanwhile.
 * Return: 0, -ENOMEM, or -EINTR if the task is being killed.
 */
int reuse_track_learn(const struct net *net)
{
	int err = learn_table(&reuse_tcp, net) ?: learn_table(&reuse_udp, net);

#ifdef REUSE_HAVE_UDPLITE
	err = err ?: learn_table(&reuse_udplite, net);
#endif
	return err;
}
