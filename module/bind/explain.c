// SPDX-License-Identifier: GPL-2.0
/*
 * Says what some semantics, or this kernel's own rules, decide about a port, and binds nothing.
 *
 * Nothing changes: no record, no cache, no bind bucket. The semantics that are in force are
 * shown the owners of the port as a bind() is. For others no record counts, since a switch
 * makes all records anew: they are shown the owners as they would be after a switch, in the
 * order of the kernel's lists.
 */
#include <linux/kernel.h>

#include "bind.h"
#include "compat/uid.h"
#include "explain.h"
#include "netns.h"
#include "request.h"
#include "tables/sock.h"
#include "tables/tables.h"

/* Of a bind that is to be followed by listen(): until that, @sk is as bound as any other */
static bool is_bind_and_listen(const struct bind_request *req, unsigned short port)
{
	return !req->udp && req->self.state == SEM_LISTEN && req->sk->sk_num != port;
}

/*
 * Would a switch to other semantics clear the cache? So it does with that of pre39: see
 * reuse_fastreuse_forget_net().
 */
static bool is_cache_forgotten(const struct bind_request *req)
{
	const struct sem_profile *in_force = req->rn->profile;

	return req->unrecorded && in_force && in_force->uses_fastreuse && !reuse_tcp_in_order();
}

/* Beside the owners of the port, the kernel goes by these */
static void read_kernel(struct bind_request *req, unsigned short port)
{
	struct sem_cache *cache = req->bind.cache;

	if (req->udp) {
		req->bind.in_slot = reuse_udp_in_slot(req->sk, port);
		return;
	}
	reuse_fastreuse_cache(req->sk, port, cache);
	if (cache->reuse > 0 && is_cache_forgotten(req))
		cache->reuse = 0;
	if (req->profile->uses_fastreuse)
		req->bind.fastreuse = cache->reuse;
}

/* Called under bind_lock */
static int ask_profile(struct bind_request *req, unsigned short port)
{
	bool both = is_bind_and_listen(req, port);
	int err;

	read_kernel(req, port);
	if (both)
		req->self.state = SEM_BOUND;
	err = reuse_bind_ask(req, port, false, req->sk->sk_num == port);
	if (err || !both)
		return err;

	/* The verdict has set what would be cached now */
	req->self.state = SEM_LISTEN;
	return req->profile->checks_listen ? reuse_bind_ask(req, port, false, 1) : 0;
}

/**
 * reuse_bind_reason() - say why a bind was decided as it was
 * @req: the bind, with @explains
 * @err: 0 or the negative errno
 * @reason: is set
 *
 * Context: any.
 */
void reuse_bind_reason(const struct bind_request *req, int err, struct bind_reason *reason)
{
	const struct sem_bind *b = &req->bind;
	const struct sem_lookup *lookup;

	*reason = (struct bind_reason){ .err = err, .rule = b->rule, .uid = INVALID_UID };
	if (!b->blocker)
		return;
	lookup = container_of(b->blocker, struct sem_lookup, owner);
	reason->has_blocker = true;
	reason->blocker = *b->blocker;
	reason->uid = req->found[lookup - b->lookup].uid;
	reason->inode = req->found[lookup - b->lookup].inode;
}

/* The profile that is asked in the end: some leave a bind to the kernel */
static const struct sem_profile *decider(const struct sem_profile *profile,
					 const struct sem_sock *self, bool udp)
{
	if (profile->same_as_linux && profile->same_as_linux(self, udp, false))
		return &sem_native;
	return profile;
}

static void describe(struct sock *sk, struct sem_sock *self)
{
	reuse_sock_snapshot(sk, self);
	self->uid = __kuid_val(reuse_sock_uid(sk));
}

static void explain_begin(struct bind_request *req, struct sock *sk, const struct sem_sock *self,
			  bool udp, const struct sem_profile *profile)
{
	reuse_bind_begin(req, sk, udp, profile);
	req->self = *self;
	if (profile->needs_bind_order)
		req->self.root = uid_eq(KUIDT_INIT(self->uid), req->root);
	req->explains = true;
	req->bind.native = reuse_bind_native;
}

/**
 * reuse_bind_explain() - say what semantics decide about a port, and why
 * @sk: TCP, UDP or UDP-Lite socket, with the port or without; its namespace, protocol and device
 *	count in any case
 * @self: the address, options, state and uid to ask about; NULL: as @sk is. @self->dev is the
 *	device of @sk. If it listens and @sk does not have the port: bind(), then listen()
 * @port: the port, in host byte order; not 0
 * @udp: UDP or UDP-Lite
 * @profile: any profile, or &sem_native: what this kernel decides, and would while some profile
 *	is in force
 * @reason: is set
 *
 * Neither privileges nor whether the host has the address are looked at.
 *
 * Context: bottom halves on or off; reuse_net.bind_lock is not held, nor a lock of the kernel's
 * tables. @sk need not be locked if @self is given.
 */
void reuse_bind_explain(struct sock *sk, const struct sem_sock *self, unsigned short port,
			bool udp, const struct sem_profile *profile,
			struct bind_reason *reason)
{
	struct bind_request req = {};
	struct sem_cache cache = {};
	struct sem_sock newcomer;
	int err;

	*reason = (struct bind_reason){ .rule = SEM_RULE_NONE, .uid = INVALID_UID };
	if (self)
		newcomer = *self;
	else
		describe(sk, &newcomer);
	if (profile->separate_families && newcomer.ipv6 && sk->sk_num != port) {
		if (sem_mapped(newcomer.addr)) {
			reason->err = -EADDRNOTAVAIL;
			reason->rule = SEM_RULE_FAMILIES;
			return;
		}
		newcomer.v6only = true;
	}

	profile = decider(profile, &newcomer, udp);
	explain_begin(&req, sk, &newcomer, udp, profile);
	req.bind.cache = &cache;

	spin_lock_bh(&req.rn->bind_lock);
	req.unrecorded = req.rn->profile != profile;
	err = ask_profile(&req, port);
	spin_unlock_bh(&req.rn->bind_lock);
	reuse_bind_reason(&req, err, reason);
}
