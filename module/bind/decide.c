// SPDX-License-Identifier: GPL-2.0
/* One decision on a port: show the profile who is there, and take its verdict. */
#include <net/tcp_states.h>

#include "netns.h"
#include "request.h"
#include "tables/tables.h"
#include "track/track.h"

/**
 * reuse_bind_is_stale() - has the namespace been switched since the bind began?
 * @req: the bind
 *
 * A search may take long: it ends when the namespace is switched, and whatever was not
 * decided by then is decided anew. So no records are made for a namespace that has become
 * native, which hooks_remove() relies on.
 *
 * Context: reuse_net.bind_lock is held.
 * Return: true if so.
 */
bool reuse_bind_is_stale(const struct bind_request *req)
{
	return req->rn->profile != req->profile;
}

/**
 * reuse_bind_decide() - may a socket have a port?
 * @req: the bind
 * @port: in host byte order
 * @search: the port is one of those that a bind() to port 0 tries
 *
 * Context: reuse_net.bind_lock is held, with bottom halves off.
 * Return: 0, -EADDRINUSE, or -ESTALE if it is to be decided anew.
 */
int reuse_bind_decide(struct bind_request *req, unsigned short port, bool search)
{
	struct sem_bind *b = &req->bind;

	if (reuse_bind_is_stale(req))
		return -ESTALE;
	b->sk = &req->self;
	b->udp = req->udp;
	b->search = search;
	b->fastreuse = 0;
	req->position = SEQ_TRACKED_MIN;
	req->in_order = req->udp ? !atomic_read(&req->rn->udp_added_last) :
				   reuse_tcp_in_order();
	req->profile->begin(b);
	/* It listened once, and asks again */
	if (req->profile->checks_listen && req->self.state == SEM_LISTEN)
		reuse_track_set_listens(req->sk, false);

	/* listen(): the bucket is our own too */
	b->owners = req->sk->sk_num == port;
	if (req->profile->uses_fastreuse && !req->udp) {
		b->fastreuse = reuse_fastreuse(req->sk, port);
		/* Then nobody is looked at */
		b->owners += b->fastreuse > 0;
	}
	if (b->fastreuse <= 0 || search || !req->self.reuseaddr ||
	    req->self.state == SEM_LISTEN)
		reuse_owners_show(req, port);
	return req->profile->verdict(b);
}
