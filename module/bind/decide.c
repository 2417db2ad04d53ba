// SPDX-License-Identifier: GPL-2.0
/* One decision on a port: show the profile the port's owners, and take its verdict. */
#include <net/tcp_states.h>

#include "netns.h"
#include "request.h"
#include "tables/tables.h"
#include "track/track.h"

/**
 * reuse_bind_is_stale() - has the namespace been switched since the bind began?
 * @req: the bind
 *
 * A search for a port may take long. It ends when the namespace is switched, and the bind
 * is then decided anew. So no socket is tracked in a namespace that has become native:
 * hooks_remove() relies on that.
 *
 * Context: reuse_net.bind_lock is held.
 * Return: true if the bind must be decided anew.
 */
bool reuse_bind_is_stale(const struct bind_request *req)
{
	return req->rn->profile != req->profile;
}

/* May the newcomer join without a look at the owners, as the bucket's cache says? */
static bool fastreuse_decides(const struct bind_request *req)
{
	return req->bind.fastreuse > 0 && !req->bind.search && req->self.reuseaddr &&
	       req->self.state != SEM_LISTEN;
}

/* Are UDP sockets in the kernel's list newest first, as the profile sees it? */
static bool udp_in_order(const struct bind_request *req)
{
	return !atomic_read(&req->rn->udp_out_of_order);
}

/**
 * reuse_bind_decide() - may a socket have a port?
 * @req: the bind
 * @port: the port, in host byte order
 * @search: bind() to port 0 tries this port
 *
 * Context: reuse_net.bind_lock is held, with bottom halves off.
 * Return: 0, -EADDRINUSE, or -ESTALE if the bind must be decided anew.
 */
int reuse_bind_decide(struct bind_request *req, unsigned short port, bool search)
{
	struct sem_bind *b = &req->bind;

	if (reuse_bind_is_stale(req))
		return -ESTALE;

	b->sk = &req->self;
	b->udp = req->udp;
	b->search = search;
	b->port = port;
	b->fastreuse = 0;
	req->position = SEQ_TRACKED_MIN;
	req->in_order = req->udp ? udp_in_order(req) : reuse_tcp_in_order();
	req->profile->begin(b);

	/* listen() asks again: that it was granted before no longer counts */
	if (req->profile->checks_listen && req->self.state == SEM_LISTEN)
		reuse_track_set_listens(req->sk, false);

	/* In listen(), @sk owns the port already */
	b->owners = req->sk->sk_num == port;
	if (req->profile->uses_fastreuse && !req->udp)
		b->fastreuse = reuse_fastreuse(req->sk, port);

	if (fastreuse_decides(req))
		b->owners++;	/* there is one; how many does not matter */
	else
		reuse_owners_show(req, port);

	return req->profile->verdict(b);
}
