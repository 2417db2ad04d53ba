// SPDX-License-Identifier: GPL-2.0
/* Sockets that were bound before their namespace was switched. */
#include <linux/sched.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "tables/sock.h"
#include "tables/tables.h"
#include "track.h"

/* Connections are many: of those only the bound ones hold the port without remote end */
static bool keeps_port(const struct sock *sk)
{
	/* Set once, behind bind() */
	return data_race(sk->sk_userlocks & SOCK_BINDPORT_LOCK);
}

/* Under the lock of the slot */
static int learn_socket(struct sock *sk, unsigned int round, void *arg)
{
	const struct net *net = arg;
	u8 state = READ_ONCE(sk->sk_state);
	bool tcp;
	int err;

	/* Of TIME_WAIT there is no more than sock_common */
	if (!net_eq(sock_net(sk), net) || !reuse_is_full(state))
		return 0;
	tcp = sk->sk_protocol == IPPROTO_TCP;
	if (tcp && state != TCP_LISTEN && state != TCP_CLOSE && !keeps_port(sk))
		return 0;
	/* At the end of their list, the newest is the last */
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
		/* What was recorded before the place was lost is not done again */
		err = -EAGAIN;
		for (tries = 0; tries < 16 && err == -EAGAIN; tries++)
			err = reuse_walk(table, net, &slots, slot, 256,
					 learn_socket, (void *)net);
		if (err && err != -EAGAIN)
			return err;
	}
	return 0;
}

/**
 * reuse_track_learn() - learn who holds the ports of a namespace
 * @net: network namespace that emulates since a moment ago, and has no records
 *
 * Of those that were bound before, the kernel's lists tell the order: the
 * newest is the first of its list, but for UDP sockets with SO_REUSEPORT and
 * IPv6, which are at its end, the oldest first.
 *
 * Context: process context, may sleep; sockets are bound meanwhile.
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
