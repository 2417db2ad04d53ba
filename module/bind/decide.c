// SPDX-License-Identifier: GPL-2.0
/* One decision on a port: show the profile the port's owners, and take its verdict. */
#include <net/tcp_states.h>

#include "netns.h"
#include "request.h"
#include "tables/sock.h"
#include "tables/tables.h"
#include "track/track.h"

/* Map it now: uid_map may be written long after the namespace was created */
static kuid_t root_of(struct user_namespace *user_ns)
{
	return user_ns == &init_user_ns ? GLOBAL_ROOT_UID : make_kuid(user_ns, 0);
}

/**
 * reuse_bind_begin() - describe a bind
 * @req: is set, but for the fields that reuse_bind_decide() sets
 * @sk: the socket that asks for a port
 * @udp: UDP or UDP-Lite
 * @profile: semantics to decide by
 *
 * Context: any; where the kernel has no sk_uid(), it takes sk_callback_lock.
 */
void reuse_bind_begin(struct bind_request *req, struct sock *sk, bool udp,
		      const struct sem_profile *profile)
{
	unsigned int i;

	req->bind.fastreuse = 0;
	req->bind.rule = SEM_RULE_NONE;
	req->bind.blocker = NULL;
	/* request_note() compares all, also those that the profile does not use */
	for (i = 0; i < SEM_LOOKUPS; i++)
		req->bind.lookup[i].id = NULL;
	req->explains = false;
	req->unrecorded = false;
	req->sk = sk;
	req->rn = reuse_net(sock_net(sk));
	req->table = udp ? &reuse_udp : &reuse_tcp;	/* also for UDP-Lite */
	req->profile = profile;
	req->udp = udp;
	reuse_sock_snapshot(sk, &req->self);

	if (profile->needs_bind_order) {
		req->root = root_of(sock_net(sk)->user_ns);
		reuse_owners_uid(req, sk, &req->self);
	}
}

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

/* Are the owners in the kernel's list newest first, as the profile sees it? */
static bool owners_in_order(const struct bind_request *req)
{
	if (req->profile->kernel_view)
		return true;
	if (!req->udp)
		return reuse_tcp_in_order();
	return !req->unrecorded && !atomic_read(&req->rn->udp_out_of_order);
}

/**
 * reuse_bind_ask() - show the profile the owners of a port, and take its verdict
 * @req: the bind; @req->bind.fastreuse, or for native @req->bind.cache and @req->bind.in_slot, is
 *	set
 * @port: the port, in host byte order
 * @search: bind() to port 0 tries this port
 * @owners: number of owners that are not shown: 1 if the socket that asks has the port
 *
 * Context: reuse_net.bind_lock is held, with bottom halves off.
 * Return: 0 or -EADDRINUSE.
 */
int reuse_bind_ask(struct bind_request *req, unsigned short port, bool search, u32 owners)
{
	struct sem_bind *b = &req->bind;

	b->sk = &req->self;
	b->udp = req->udp;
	b->search = search;
	b->port = port;
	b->owners = owners;
	req->position = SEQ_TRACKED_MIN;
	req->in_order = owners_in_order(req);
	req->profile->begin(b);

	if (fastreuse_decides(req))
		b->owners++;	/* there is one; how many does not matter */
	else
		reuse_owners_show(req, port);

	return req->profile->verdict(b);
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

	/* listen() asks again: that it was granted before no longer counts */
	if (req->profile->checks_listen && req->self.state == SEM_LISTEN)
		reuse_track_set_listens(req->sk, false);

	b->fastreuse = 0;
	if (req->profile->uses_fastreuse && !req->udp)
		b->fastreuse = reuse_fastreuse(req->sk, port);

	/* In listen(), @sk owns the port already */
	return reuse_bind_ask(req, port, search, req->sk->sk_num == port);
}
