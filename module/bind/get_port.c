// SPDX-License-Identifier: GPL-2.0
/*
 * bind() and listen() as another system decides them: gather who is on the
 * port, ask the profile, refuse, or let the kernel bind whatever it thinks.
 *
 * reuse_net.bind_lock makes that one step with respect to other binds in the
 * namespace. It is a spinlock: BPF programs bind inside an RCU section. Under
 * it come the locks of the kernel's tables. Bottom halves are off for as long
 * as it takes to look at the sockets of one port, as in the kernel's own test.
 */
#include <linux/bottom_half.h>
#include <linux/freezer.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <net/inet_connection_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "bind.h"
#include "compat/portrange.h"
#include "netns.h"
#include "request.h"
#include "tables/sock.h"
#include "tables/tables.h"
#include "track/track.h"

/* How many binds have conflicts out of sight: the hook is asked very often */
atomic_t reuse_forced_binds = ATOMIC_INIT(0);

/*
 * The kernel's own bind; if it refuses, with all conflicts out of its sight.
 * What a bucket caches then is what makes it look at each owner next time.
 */
static int request_force(struct bind_request *req, unsigned short port)
{
	struct sock *sk = req->sk;
	unsigned char reuse = sk->sk_reuse;
	int err;

	err = sk->sk_prot->get_port(sk, port);
	if (err && req->udp) {
		WRITE_ONCE(req->rn->forced_sk, sk);
		atomic_inc(&reuse_forced_binds);
		err = sk->sk_prot->get_port(sk, port);
		atomic_dec(&reuse_forced_binds);
		WRITE_ONCE(req->rn->forced_sk, NULL);
	} else if (err) {
		/* Others of the port look at it meanwhile, as when it is set */
		data_race((int)(sk->sk_reuse = SK_FORCE_REUSE));
		err = sk->sk_prot->get_port(sk, port);
		/* Likewise */
		data_race((int)(sk->sk_reuse = reuse));
		if (!err)
			reuse_fastreuse_reset(sk);
	}
	if (!err && !req->udp && req->profile->uses_fastreuse)
		reuse_fastreuse_set(sk, req->bind.fastreuse);
	return err;
}

/* The kernel's own bind, and a record of it; listen() of a bound socket, too */
static int request_bind(struct bind_request *req, unsigned short port)
{
	bool listens = req->self.state == SEM_LISTEN;
	bool held = listens && req->sk->sk_num == port;
	int err = reuse_track_reserve(req->sk) ?: request_force(req, port);

	if (err)
		return err;
	if (held)
		reuse_track_existing(req->sk, TRACK_AS_OLDEST);
	else
		reuse_track_bound(req->sk);
	if (listens && req->profile->checks_listen)
		reuse_track_set_listens(req->sk, true);
	return 0;
}

static int request_port(struct bind_request *req, unsigned short port)
{
	int err;

	spin_lock_bh(&req->rn->bind_lock);
	err = reuse_bind_decide(req, port, false) ?: request_bind(req, port);
	spin_unlock_bh(&req->rn->bind_lock);
	return err;
}

/* One port of a search: 0, -ENOMEM, -ESTALE, or an error that makes it go on */
static int request_try(struct bind_request *req, unsigned short port)
{
	int err;

	if (inet_is_local_reserved_port(sock_net(req->sk), port))
		return -EADDRINUSE;
	spin_lock_bh(&req->rn->bind_lock);
	err = reuse_bind_decide(req, port, true);
	if (!err) {
		req->bind.search = false;
		err = request_bind(req, port);
	}
	spin_unlock_bh(&req->rn->bind_lock);
	return err;
}

/* In jiffies: the task that unloads may have to wait for it */
#define SEARCH_REST_MAX	(4 * HZ)

/*
 * Where the ports are used up, each search looks at all of them. Hundreds of tasks that
 * do so would keep the processors busy, and synchronize_rcu_tasks() waits until each that
 * was preempted in here has run again. So a task that has run for a tick, from @since
 * on, sleeps for as long as the others would take if they ran one after the other: those
 * of a namespace take one processor together. A lock would do the same, but a task that
 * is not let run could hold it.
 *
 * The kernel's own sockets are bound by tasks that may hold locks which others wait for,
 * such as RTNL when a WireGuard device is set up: those do not sleep.
 */
static void search_rest(const struct bind_request *req, unsigned long *since)
{
	unsigned long ran = jiffies - *since, others;

	cond_resched_tasks_rcu_qs();
	if (!ran || req->sk->sk_kern_sock || freezing(current))
		return;
	others = atomic_read(&req->rn->searching) - 1;
	if (others)
		schedule_timeout_killable(min_t(unsigned long, ran * others,
						SEARCH_REST_MAX));
	*since = jiffies;
}

/*
 * bind() to port 0: from anywhere in the range on, upwards. If nobody is to be
 * shared with, 3.8 takes the port with the fewest owners that all share.
 */
static int search_ports(struct bind_request *req)
{
	unsigned long since = jiffies;
	int low, high, i, n, start, err, fallback = 0;
	u32 fallback_owners = U32_MAX;

	reuse_port_range(req->sk, &low, &high);
	n = high - low + 1;
	start = get_random_u32() % n;
	for (i = 0; i < n; i++) {
		int port = low + (start + i) % n;

		err = request_try(req, port);
		/* Where there is no memory, the next port has none either */
		if (!err || err == -ENOMEM || err == -ESTALE)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (req->bind.fastreuse > 0 && req->bind.owners < fallback_owners) {
			fallback_owners = req->bind.owners;
			fallback = port;
		}
		search_rest(req, &since);
	}
	if (fallback && req->self.reuseaddr) {
		err = request_port(req, fallback);
		if (!err || err == -ESTALE)
			return err;
	}
	return req->profile->search_error;
}

static int request_search(struct bind_request *req)
{
	int err;

	atomic_inc(&req->rn->searching);
	err = search_ports(req);
	atomic_dec(&req->rn->searching);
	return err;
}

/*
 * Native get_port() for any port may sleep: what was reserved before may be
 * another CPU's by now, or gone with the records, if the namespace was switched.
 * Under bind_lock.
 */
static int request_reserve_again(struct bind_request *req)
{
	struct sock *sk = req->sk;
	int err;

	if (!req->rn->profile)
		return 0;
	err = reuse_track_reserve(sk);
	if (err)
		sk->sk_prot->unhash(sk);
	return err;
}

/* Under the lock all the same: what others are told must stay true */
static int request_native(struct bind_request *req, unsigned short port)
{
	struct sock *sk = req->sk;
	int err = 0;

	if (!port) {
		spin_lock_bh(&req->rn->bind_lock);
		err = reuse_bind_is_stale(req) ? -ESTALE : reuse_track_reserve(sk);
		spin_unlock_bh(&req->rn->bind_lock);
		err = err ?: sk->sk_prot->get_port(sk, port);
		if (err)
			return err;
	}
	spin_lock_bh(&req->rn->bind_lock);
	if (!port)
		err = request_reserve_again(req);
	else if (reuse_bind_is_stale(req))
		err = -ESTALE;
	else
		err = reuse_track_reserve(sk) ?:
		      sk->sk_prot->get_port(sk, port);
	if (!err)
		reuse_track_bound(sk);
	spin_unlock_bh(&req->rn->bind_lock);
	return err;
}

static int request_run(struct sock *sk, unsigned short port, bool udp,
		       const struct sem_profile *profile)
{
	struct bind_request req;

	/* The rest is set when a decision begins */
	req.bind.fastreuse = 0;
	req.sk = sk;
	req.rn = reuse_net(sock_net(sk));
	req.table = udp ? &reuse_udp : &reuse_tcp;	/* UDP-Lite, too */
	req.profile = profile;
	req.udp = udp;
	reuse_sock_snapshot(sk, &req.self);
	if (profile->same_as_linux && profile->same_as_linux(&req.self, udp, !port))
		return request_native(&req, port);
	if (profile->needs_bind_order) {
		/* uid_map may be written after the namespace was made */
		req.root = make_kuid(sock_net(sk)->user_ns, 0);
		reuse_owners_uid(&req, sk, &req.self);
	}
	if (!port)
		return request_search(&req);
	/* listen() of a socket that is bound, where that is not decided anew */
	if (req.self.state == SEM_LISTEN && sk->sk_num == port &&
	    !profile->checks_listen) {
		int err;

		spin_lock_bh(&req.rn->bind_lock);
		err = reuse_bind_is_stale(&req) ? -ESTALE :
					       request_bind(&req, port);
		spin_unlock_bh(&req.rn->bind_lock);
		return err;
	}
	return request_port(&req, port);
}

/**
 * reuse_bind_get_port() - decide on a port, and have the kernel bind
 * @sk: TCP, UDP or UDP-Lite socket
 * @port: in host byte order, 0 for any
 * @udp: UDP or UDP-Lite
 *
 * Called by bind(), by listen() with the state at TCP_LISTEN, and by whatever
 * binds implicitly.
 *
 * Context: @sk is locked; may sleep if @port is 0.
 * Return: 0 or an error as the kernel's own get_port() has it.
 */
int reuse_bind_get_port(struct sock *sk, unsigned short port, bool udp)
{
	const struct sem_profile *profile;
	int err;

	do {
		profile = reuse_net_profile(sock_net(sk));
		if (!profile)
			return sk->sk_prot->get_port(sk, port);
		err = request_run(sk, port, udp, profile);
	} while (err == -ESTALE);
	return err;
}

/**
 * reuse_bind_is_forced() - is a conflict of this socket to be overlooked?
 * @sk: who is being bound
 * @match_wildcard: as inet_rcv_saddr_equal() has it; not set when a
 *	SO_REUSEPORT group is looked for
 *
 * Context: any, from the hook of inet_rcv_saddr_equal().
 * Return: true if so.
 */
bool reuse_bind_is_forced(const struct sock *sk, bool match_wildcard)
{
	const struct reuse_net *rn = reuse_net(sock_net(sk));

	return match_wildcard && rn && READ_ONCE(rn->forced_sk) == sk;
}
