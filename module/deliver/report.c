// SPDX-License-Identifier: GPL-2.0
/* Tell tracers which socket gets a packet. */
#include <net/sock.h>

#include "log/trace.h"
#include "select.h"

static const char *verdict(const struct reuse_delivery *dv, const struct sock *sk)
{
	if (sk)
		return "delivered";
	if (dv->packet.udp || (dv->refused && dv->profile->drops_refused))
		return "dropped";
	return "refused";
}

/* A listener, or a UDP socket; RCU keeps it */
static unsigned long inode_of(const struct sock *sk)
{
	return sk ? sock_i_ino((struct sock *)sk) : 0;
}

/**
 * reuse_deliver_tell() - tell tracers which socket gets a unicast packet
 * @dv: the packet; the profile has decided
 * @sk: the socket; NULL if none gets it
 *
 * Context: under RCU.
 */
void reuse_deliver_tell(const struct reuse_delivery *dv, const struct sock *sk)
{
	const struct reuse_packet packet = {
		.net = dv->net, .protocol = dv->protocol, .ipv6 = dv->packet.ipv6,
		.from = dv->from, .to = dv->packet.addr,
		.from_port = dv->from_port, .to_port = htons(dv->port),
		.semantics = dv->profile->name, .verdict = verdict(dv, sk),
		.inode = inode_of(sk), .native_inode = inode_of(dv->native),
	};

	trace_reuse_deliver(&packet);
}
