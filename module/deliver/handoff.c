// SPDX-License-Identifier: GPL-2.0
/* How a datagram leaves a netfilter hook for the socket that was chosen. */
#include <linux/netfilter.h>
#include <net/sock.h>

#include "select.h"
#include "tables/sock.h"

/**
 * reuse_deliver_ask_rest() - ask the netfilter hooks that come after ours
 * @skb: the datagram, which ours is about to deliver
 * @state: of our hook
 * @dv: the same; its @hook is ours
 *
 * Of equal priority, what is registered last comes first. There is no priority
 * behind that of conntrack, which drops a datagram when it confirms its
 * connection, if another one has got there first: so it comes after us if it
 * was there before us.
 *
 * Context: under RCU.
 * Return: NF_REPEAT if all have let @skb pass, so that it may be delivered; NF_STOLEN if one
 * has dropped, queued or taken it: it is gone; NF_ACCEPT if our own hook is just being
 * removed, so that the others and Linux are to go on with it.
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
	/* Hooks may have come and gone since this datagram set out */
	for (i = 0; hooks && i < hooks->num_hook_entries; i++) {
		if (hooks->hooks[i].hook != dv->hook)
			continue;
		return nf_hook_slow(skb, &rest, hooks, i + 1) == 1 ? NF_REPEAT :
								     NF_STOLEN;
	}
	return NF_ACCEPT;
}

/**
 * reuse_deliver_give() - deliver a datagram
 * @skb: the datagram; belongs to nobody, and all hooks have let it pass
 * @state: of our hook
 * @sk: the receiver
 *
 * UDP takes it that what comes with its receiver was found early, and keeps its
 * route for the next one. Natively a socket that is not connected keeps that of
 * a group only, and no group's datagram may go by another; a connected one gets
 * it again from the next datagram. So it is taken away at once (see
 * route_again() for those that come in between). @sk is there: UDP sockets are
 * freed a grace period after their last reference is gone.
 *
 * Context: under RCU, bottom halves off.
 * Return: false if @sk has been closed; otherwise @skb is gone.
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
