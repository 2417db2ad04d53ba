/* SPDX-License-Identifier: GPL-2.0 */
/* Private to deliver/: select the receiver of a packet, and hand the packet over. */
#ifndef _REUSE_SELECT_H
#define _REUSE_SELECT_H

#include <linux/types.h>

#include "log/log.h"
#include "log/trace.h"
#include "semantics/semantics.h"
#include "track/track.h"

struct nf_hook_state;
struct sk_buff;

/**
 * struct reuse_delivery - one packet whose receiver is selected
 * @profile: semantics in force
 * @net: network namespace
 * @packet: the packet as the rules see it
 * @from: its source address; IPv4 in the v4-mapped form
 * @decision: the profile's selection so far
 * @native: the socket that the kernel would have given it to, NULL if none
 * @key: key of the bucket that is looked into; private to select.c
 * @hook: the netfilter hook that the packet is in, NULL for a SYN
 * @dif: index of the device that it came by
 * @sdif: index of the device enslaved to @dif that it came by, or 0
 * @port: destination port, host byte order
 * @from_port: source port, network byte order
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @family: AF_INET, AF_INET6: look only at sockets of that family; 0: at all
 * @is_syn: it begins a connection
 * @refused: the selected TCP socket does not listen: refuse the SYN
 * @on_device: look only at sockets that are bound to a device
 */
struct reuse_delivery {
	const struct sem_profile *profile;
	const struct net *net;
	struct sem_packet packet;
	u8 from[16] __aligned(4);
	struct sem_deliver decision;
	const struct sock *native;
	struct bucket_key key;
	unsigned int (*hook)(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state);
	int dif;
	int sdif;
	u16 port;
	__be16 from_port;
	u8 protocol;
	u8 family;
	bool is_syn;
	bool refused;
	bool on_device;
};

/* select.c */
struct sock *reuse_deliver_select(struct reuse_delivery *dv, struct sock *native,
				  struct sk_buff *skb, int doff);
bool reuse_deliver_from_remote(const struct reuse_delivery *dv,
			       const struct sock *sk);
struct sock *reuse_deliver_connected(struct reuse_delivery *dv,
				     const struct sock *native);
void reuse_deliver_each(const struct reuse_delivery *dv, const u8 *addr,
			enum addr_class class, seen_fn_t fn, void *arg);

/* report.c */
void reuse_deliver_tell(const struct reuse_delivery *dv, const struct sock *sk);

/* Is anybody told of the receivers of packets? */
static inline bool reuse_deliver_is_told(const struct net *net)
{
	return trace_reuse_deliver_enabled() || reuse_log_level(net) == REUSE_LOG_ALL;
}

/* Called once the receiver is decided; NULL: no socket gets the packet */
static inline void reuse_deliver_report(const struct reuse_delivery *dv, const struct sock *sk)
{
	if (reuse_deliver_is_told(dv->net))
		reuse_deliver_tell(dv, sk);
}

/* handoff.c */
unsigned int reuse_deliver_ask_rest(struct sk_buff *skb,
				    const struct nf_hook_state *state,
				    const struct reuse_delivery *dv);
bool reuse_deliver_give(struct sk_buff *skb, const struct nf_hook_state *state,
			struct sock *sk);

/* multicast.c */
unsigned int reuse_deliver_multicast(struct sk_buff *skb,
				     const struct nf_hook_state *state,
				     const struct reuse_delivery *dv);

#endif
