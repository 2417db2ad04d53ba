// SPDX-License-Identifier: GPL-2.0
/*
 * Record what a TIME_WAIT socket does not tell: whose it was, and whether it was accepted.
 *
 * The kernel replaces a socket that goes to TIME_WAIT by a smaller one, which has no user.
 */
#include <linux/bottom_half.h>
#include <net/sock.h>

#include "compat/uid.h"
#include "netns.h"
#include "record.h"
#include "track.h"

/**
 * reuse_track_timewait() - a connection goes to TIME_WAIT
 * @sk: the socket
 * @tw: the TIME_WAIT socket that takes its place
 *
 * Without memory there is no record.
 *
 * Context: any, from the hook of inet_twsk_hashdance(): no other task knows @tw yet.
 */
void reuse_track_timewait(struct sock *sk, struct sock *tw)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct tracked_chain *chain = reuse_tracked_chain(tw);
	struct reuse_tracked *tracked;
	bool accepted;
	kuid_t uid;

	if (!profile || !(profile->needs_connected_uid || profile->needs_accepted) ||
	    sk->sk_protocol != IPPROTO_TCP)
		return;

	local_bh_disable();
	accepted = reuse_track_accepted_uid(sk, &uid);
	if (!accepted)
		uid = reuse_sock_creator(sk);
	spin_lock(&chain->lock);
	tracked = reuse_tracked_get(chain, tw);
	if (tracked) {
		tracked->timewait = true;
		tracked->accepted = accepted;
		tracked->uid = uid;
	}
	spin_unlock(&chain->lock);
	local_bh_enable();
}

/**
 * reuse_track_timewait_of() - read the record of a TIME_WAIT socket
 * @tw: the TIME_WAIT socket
 * @uid: is set to the user of the connection
 * @accepted: is set: the connection was accepted
 *
 * Context: bottom halves off.
 * Return: false if there is no record.
 */
bool reuse_track_timewait_of(const struct sock *tw, kuid_t *uid, bool *accepted)
{
	struct tracked_chain *chain = reuse_tracked_chain(tw);
	const struct reuse_tracked *tracked;
	bool found;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, tw);
	found = tracked && tracked->timewait;
	if (found) {
		*uid = tracked->uid;
		*accepted = tracked->accepted;
	}
	spin_unlock(&chain->lock);
	return found;
}
