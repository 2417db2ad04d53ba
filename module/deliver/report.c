// SPDX-License-Identifier: GPL-2.0
/* Tell tracers, and the log of the namespace, which socket gets a packet. */
#include <net/sock.h>

#include "compat/uid.h"
#include "log/log.h"
#include "log/trace.h"
#include "select.h"
#include "tables/sock.h"

static enum reuse_fate fate(const struct reuse_delivery *dv, const struct sock *sk)
{
	if (sk)
		return REUSE_DELIVERED;
	if (dv->packet.udp || (dv->refused && dv->profile->drops_refused))
		return REUSE_DROPPED;
	return REUSE_REFUSED;
}

/* RCU keeps a listener, and a UDP socket */
static unsigned long inode_of(const struct sock *sk)
{
	return sk ? sock_i_ino((struct sock *)sk) : 0;
}

/* Describes a listener, or a UDP socket */
static void describe(struct reuse_event_sock *to, const struct sock *sk)
{
	struct sem_sock s;
	kuid_t uid;
	u32 inode;

	reuse_sock_snapshot(sk, &s);
	uid = reuse_sock_uid_inode((struct sock *)sk, &inode);
	reuse_event_sock(to, &s, READ_ONCE(sk->sk_num), uid, inode);
}

/*
 * An event for each pair of sockets, not for each sender or address: as long as the kernel has a
 * socket for the packet, that one stands for where it was sent.
 */
static void log_packet(const struct reuse_delivery *dv, const struct sock *sk)
{
	struct reuse_event event;

	reuse_event_init(&event, dv->packet.udp ? REUSE_CALL_DATAGRAM : REUSE_CALL_SYN,
			 dv->protocol, dv->profile);
	event.verdict = fate(dv, sk);
	event.has_native = true;
	if (dv->native) {
		describe(&event.sock, dv->native);
		event.native_inode = event.sock.inode;
		event.sock.uid = INVALID_UID;
	} else {
		memcpy(&event.sock.addr, dv->packet.addr, sizeof(event.sock.addr));
		event.sock.ipv6 = dv->packet.ipv6;
		event.sock.port = dv->port;
	}
	if (sk) {
		describe(&event.other, sk);
		event.has_other = true;
	}
	reuse_log(dv->net, &event);
}

static void trace_packet(const struct reuse_delivery *dv, const struct sock *sk)
{
	const struct reuse_packet packet = {
		.net = dv->net, .protocol = dv->protocol, .ipv6 = dv->packet.ipv6,
		.from = dv->from, .to = dv->packet.addr,
		.from_port = dv->from_port, .to_port = htons(dv->port),
		.semantics = dv->profile->name, .verdict = reuse_log_fate_word(fate(dv, sk)),
		.inode = inode_of(sk), .native_inode = inode_of(dv->native),
	};

	trace_reuse_deliver(&packet);
}

/* Does another socket get the packet than natively, or none where natively TCP would refuse? */
static bool differs(const struct reuse_delivery *dv, const struct sock *sk)
{
	return (dv->packet.udp || dv->is_syn) && (!sk || sk != dv->native);
}

/**
 * reuse_deliver_tell() - tell tracers and the log which socket gets a unicast packet
 * @dv: the packet; the profile has decided
 * @sk: the socket; NULL if none gets it
 *
 * Context: under RCU.
 */
void reuse_deliver_tell(const struct reuse_delivery *dv, const struct sock *sk)
{
	if (trace_reuse_deliver_enabled())
		trace_packet(dv, sk);
	if (reuse_log_level(dv->net) == REUSE_LOG_ALL && differs(dv, sk))
		log_packet(dv, sk);
}
