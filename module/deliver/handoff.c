// SPDX-License-Identifier: GPL-2.0
/* Hand a datagram over from our netfilter hook to the socket that was chosen. */
#include <linux/netfilter.h>
#include <net/sock.h>

#include "select.h"
#include "tables/sock.h"

/**
 * reuse_deliver_ask_rest() - ask the netfilter hooks that come after ours
 * @skb: the datagram that our hook is about to deliver
 * @state: what netfilter called our hook with
 * @dv: the same datagram; @dv->hook is our hook
 *
 * Of hooks with equal priority, the one that was registered last runs first. Our
 * priority is the last one, which conntrack has, too: if it was registered before
 * ours, its hook runs after ours. There it confirms the datagram's connection, and
 * drops the datagram if another one was confirmed first.
 *
 * Context: under RCU.
 * Return: NF_REPEAT if all hooks have let @skb pass, so that it may be delivered; NF_STOLEN if
 * one has dropped, queued or taken it, so that it is gone; NF_ACCEPT if our own hook is just
 * being removed, so that the other hooks and Linux are to handle it.
 */
unsigned int reuse_deliver_ask_rest(struct sk_buff *skb,
				    const struct nf_hook_state *state,
				    const struct reuse_delivery *dv)
{
	bool ipv6 = state->pf == NFPROTO_IPV6;
	const struct nf_hook_entries *hooks;
	struct nf_hook_state rest = *state;
	unsigned int i;

	hooks = ipv6 ? rcu_dereference(state->net->nf.hooks_ipv6[state->hook]) :
		       rcu_dereference(state->net->nf.hooks_ipv4[state->hook]);

	/* The hooks may have changed since netfilter called ours: find it anew */
	for (i = 0; hooks && i < hooks->num_hook_entries; i++) {
		if (hooks->hooks[i].hook != dv->hook)
			continue;

		if (i + 1 == hooks->num_hook_entries)
			return NF_REPEAT;
		return nf_hook_slow(skb, &rest, hooks, i + 1) == 1 ? NF_REPEAT :
								     NF_STOLEN;
	}
	return NF_ACCEPT;
}

/**
 * reuse_deliver_give() - deliver a datagram
 * @skb: the datagram; has no socket yet, and all hooks have let it pass
 * @state: what netfilter called our hook with
 * @sk: the receiver
 *
 * If a datagram comes with its receiver, UDP assumes that early demultiplexing
 * found it, and keeps the datagram's route in the socket for the next one.
 * Natively, an unconnected socket keeps only the route of a multicast datagram,
 * and no multicast datagram may take the route of another kind; a connected
 * socket gets the route again from the next datagram. So the route is released
 * at once, and route_again() handles datagrams that take it in between. @sk may
 * be used: UDP sockets are freed a grace period after their last reference is
 * dropped.
 *
 * Context: under RCU, bottom halves off.
 * Return: true if @skb was delivered and is gone, false if @sk has been closed.
 */
bool reuse_deliver_give(struct sk_buff *skb, const struct nf_hook_state *state,
			struct sock *sk)
{
	if (!refcount_inc_not_zero(&sk->sk_refcnt))
		return false;

	skb->sk = sk;
	skb->destructor = sock_edemux;
	state->okfn(state->net, state->sk, skb);
	reuse_sock_release_route(sk);
	return true;
}
