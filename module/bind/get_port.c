// SPDX-License-Identifier: GPL-2.0
/*
 * bind() and listen() as another system decides them: show the profile the
 * owners of the port, then refuse, or have the kernel bind, by force if it
 * would refuse.
 *
 * The verdict and the bind happen under reuse_net.bind_lock, so other binds in
 * the namespace see them as one step. It is a spinlock because BPF programs
 * bind inside an RCU section. The locks of the kernel's tables nest inside it.
 * Bottom halves are off while the sockets of one port are looked at, as in the
 * kernel's own test.
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
#include "compat/uninitialized.h"
#include "explain.h"
#include "log/log.h"
#include "log/trace.h"
#include "netns.h"
#include "report.h"
#include "request.h"
#include "tables/sock.h"
#include "tables/tables.h"
#include "track/track.h"

/* Forced UDP binds under way. A cheap first test for the hook, which runs very often. */
atomic_t reuse_forced_binds = ATOMIC_INIT(0);

static enum owner_walk owner_is_forced(struct sock *owner, void *found)
{
	if (!reuse_is_full(READ_ONCE(owner->sk_state)) || !reuse_track_is_forced(owner))
		return OWNERS_NEXT;

	*(bool *)found = true;
	return OWNERS_STOP;
}

/* Is this listen() of a bound socket, and does the profile let any bound socket listen? */
static bool is_granted_listen(const struct bind_request *req, unsigned short port)
{
	return req->self.state == SEM_LISTEN && req->sk->sk_num == port &&
	       !req->profile->checks_listen;
}

/*
 * The kernel has bound a socket with SO_REUSEPORT, and caches that another one of the same
 * address and user may join without a look at the owners. That does not hold for an owner
 * that the kernel would have refused.
 */
static bool is_beside_forced(const struct bind_request *req, unsigned short port)
{
	bool found = false;

	if (req->sk->sk_reuseport && atomic_read(&req->rn->tcp_forced))
		req->table->for_each_owner(req->sk, port, owner_is_forced, NULL, &found);
	return found;
}

/* Have the kernel bind with all conflicts hidden from it */
static int request_force(struct bind_request *req, unsigned short port)
{
	struct sock *sk = req->sk;
	unsigned char reuse = sk->sk_reuse;
	int err;

	if (req->udp) {
		WRITE_ONCE(req->rn->forced_sk, sk);
		atomic_inc(&reuse_forced_binds);
		err = sk->sk_prot->get_port(sk, port);
		atomic_dec(&reuse_forced_binds);
		WRITE_ONCE(req->rn->forced_sk, NULL);
		return err;
	}

	/* Binds to the same port read it without this socket's lock, as in the kernel */
	data_race((int)(sk->sk_reuse = SK_FORCE_REUSE));
	err = sk->sk_prot->get_port(sk, port);
	/* Other binds still read it without this socket's lock */
	data_race((int)(sk->sk_reuse = reuse));
	req->forced = !err;
	return err;
}

/*
 * Have the kernel bind, by force if it refuses. Then, and as long as an owner is there whose
 * bind was forced, reset the cache of TCP's bucket, so that the kernel looks at each owner
 * next time.
 *
 * connect(), and a search that is left to the kernel, take ports without bind_lock. If one of
 * them took this port after the decision, the kernel refuses for a reason that the profile has
 * not seen: decide again before the force.
 */
static int request_enter(struct bind_request *req, unsigned short port)
{
	struct sock *sk = req->sk;
	int err;

	req->forced = false;
	err = sk->sk_prot->get_port(sk, port);
	if (err && !is_granted_listen(req, port) &&
	    reuse_bind_decide(req, port, req->bind.search))
		return err;
	if (err)
		err = request_force(req, port);

	if (!err && !req->udp && (req->forced || is_beside_forced(req, port)))
		reuse_fastreuse_reset(sk);
	if (!err && !req->udp && req->profile->uses_fastreuse)
		reuse_fastreuse_set(sk, req->bind.fastreuse);
	return err;
}

/* Have the kernel bind, and track the socket; also for listen() of a bound socket */
static int request_bind(struct bind_request *req, unsigned short port)
{
	bool listens = req->self.state == SEM_LISTEN;
	bool held = listens && req->sk->sk_num == port;
	int err = reuse_track_reserve() ?: request_enter(req, port);

	if (err)
		return err;

	if (held)
		reuse_track_existing(req->sk, TRACK_AS_OLDEST);
	else
		reuse_track_bound(req->sk);
	if (req->forced)
		reuse_track_set_forced(req->sk);

	if (listens && req->profile->checks_listen)
		reuse_track_set_listens(req->sk, true);
	return 0;
}

static int request_port(struct bind_request *req, unsigned short port)
{
	bool denied = reuse_bind_lacks_privilege(req, port);
	int err;

	spin_lock_bh(&req->rn->bind_lock);
	err = reuse_bind_decide(req, port, false);
	if (!err)
		err = denied ? -EACCES : request_bind(req, port);
	spin_unlock_bh(&req->rn->bind_lock);
	return err;
}

/* Try one port. After any error but -ENOMEM and -ESTALE, the search goes on. */
static int request_try(struct bind_request *req, unsigned short port)
{
	int err;

	spin_lock_bh(&req->rn->bind_lock);
	err = reuse_bind_decide(req, port, true) ?: request_bind(req, port);
	spin_unlock_bh(&req->rn->bind_lock);
	return err;
}

/* Longest sleep of a search, in jiffies: rmmod may have to wait for it */
#define SEARCH_REST_MAX	(4 * HZ)

/*
 * When the ports are used up, each search looks at all of them. Hundreds of searching tasks
 * would keep the CPUs busy, and synchronize_rcu_tasks() waits until each task that was
 * preempted in here has run again. So a task that has run for a tick since @since sleeps
 * for as long as the namespace's other searches would take one after the other: together
 * they use one CPU. A lock would do the same, but a task that gets no CPU could hold it.
 *
 * A task that binds a kernel socket does not sleep: it may hold a lock that others wait
 * for, such as RTNL while it sets up a WireGuard device.
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

/**
 * struct port_search - bind() to port 0 under way
 * @req: the bind
 * @since: when the task last slept, in jiffies
 * @fallback: port to take if none can be had without sharing, 0 if there is none
 * @owners: how many owners @fallback has
 */
struct port_search {
	struct bind_request *req;
	unsigned long since;
	int fallback;
	u32 owners;
};

/*
 * Try every @step-th of @n ports, the first of which is @first, upwards from a random one.
 * Returns -EADDRINUSE if the search goes on.
 */
static int search_every(struct port_search *search, int step, int first, int n)
{
	int count = DIV_ROUND_UP(n, step), start = count ? get_random_u32() % count : 0, i, err;
	struct bind_request *req = search->req;

	for (i = 0; i < count; i++) {
		int port = first + step * ((start + i) % count);

		if (inet_is_local_reserved_port(sock_net(req->sk), port))
			continue;

		err = request_try(req, port);
		/* The next port would not find more memory, nor the old profile */
		if (!err || err == -ENOMEM || err == -ESTALE)
			return err;
		if (fatal_signal_pending(current))
			return -EINTR;

		if (req->bind.fastreuse > 0 && req->bind.owners < search->owners) {
			search->owners = req->bind.owners;
			search->fallback = port;
		}
		search_rest(req, &search->since);
	}
	return -EADDRINUSE;
}

/*
 * bind() to port 0: try the ports of the range. With TCP, those that connect() prefers come last,
 * as in the kernel's own search. If no port can be had without sharing, Linux 3.8 takes, of the
 * ports whose owners all allow sharing (fastreuse > 0), the one with the fewest owners.
 */
static int search_ports(struct bind_request *req)
{
	struct port_search search = { .req = req, .since = jiffies, .owners = U32_MAX };
	int low, high, err;

	reuse_port_range(req->sk, &low, &high);
	if (req->udp) {
		err = search_every(&search, 1, low, high - low + 1);
	} else {
		err = search_every(&search, 2, low + 1, high - low);
		if (err == -EADDRINUSE)
			err = search_every(&search, 2, low, high - low + 1);
	}
	if (err != -EADDRINUSE)
		return err;

	if (search.fallback && req->self.reuseaddr) {
		err = request_port(req, search.fallback);
		if (!err || err == -ESTALE)
			return err;
	}
	return sem_mapped(req->self.addr) ? req->profile->search_error :
					    req->profile->search_error6;
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
 * The kernel's get_port() may sleep if it searches for a port. What was set aside before may have
 * been used up, or the task may be on another CPU: reserve again. Called under bind_lock.
 */
static int request_reserve_again(struct bind_request *req)
{
	struct sock *sk = req->sk;
	int err;

	if (!req->rn->profile)
		return 0;
	err = reuse_track_reserve();
	if (err)
		sk->sk_prot->unhash(sk);
	return err;
}

static int request_reserve(struct bind_request *req)
{
	return reuse_bind_is_stale(req) ? -ESTALE : reuse_track_reserve();
}

/*
 * The kernel searches for a port alone. That may sleep, so it cannot run under bind_lock: see
 * request_enter() for a bind that is decided meanwhile.
 */
static int request_native_search(struct bind_request *req)
{
	struct sock *sk = req->sk;
	int err;

	spin_lock_bh(&req->rn->bind_lock);
	err = request_reserve(req);
	spin_unlock_bh(&req->rn->bind_lock);
	if (!err)
		err = sk->sk_prot->get_port(sk, 0);
	if (err)
		return err;

	spin_lock_bh(&req->rn->bind_lock);
	err = request_reserve_again(req);
	if (!err)
		reuse_track_bound(sk);
	spin_unlock_bh(&req->rn->bind_lock);
	return err;
}

/*
 * The kernel decides on a port alone. Even so it binds under bind_lock: what other binds have
 * been shown must stay true.
 */
static int request_native_port(struct bind_request *req, unsigned short port)
{
	struct sock *sk = req->sk;
	int err;

	spin_lock_bh(&req->rn->bind_lock);
	err = request_reserve(req);
	if (!err)
		err = sk->sk_prot->get_port(sk, port);
	if (!err)
		reuse_track_bound(sk);
	spin_unlock_bh(&req->rn->bind_lock);
	return err;
}

static int request_run(struct bind_request *req, unsigned short port)
{
	const struct sem_profile *profile = req->profile;
	struct sock *sk = req->sk;

	if (profile->separate_families && req->self.ipv6 && !sk->sk_num) {
		if (sem_mapped(req->self.addr))
			return -EADDRNOTAVAIL;
		/* bind() takes it back if it fails */
		sk->sk_ipv6only = 1;
		req->self.v6only = true;
	}

	if (profile->same_as_linux && profile->same_as_linux(&req->self, req->udp, !port))
		return port ? request_native_port(req, port) : request_native_search(req);

	if (!port)
		return request_search(req);

	if (is_granted_listen(req, port)) {
		int err;

		spin_lock_bh(&req->rn->bind_lock);
		err = reuse_bind_is_stale(req) ? -ESTALE : request_bind(req, port);
		spin_unlock_bh(&req->rn->bind_lock);
		return err;
	}
	return request_port(req, port);
}

/*
 * Decide by the semantics *@profile or, if they are no longer in force, by those that are, which
 * *@profile is set to; NULL: the kernel has decided. After an error, @why is the reason, if @why is
 * not NULL and the semantics have one.
 */
static int decide(struct sock *sk, unsigned short port, bool udp,
		  const struct sem_profile **profile, struct bind_reason *why)
{
	/* It is large, and what is read of it is set: the compiler need not clear it */
	struct bind_request req __uninitialized;
	int err;

	while (*profile) {
		reuse_bind_begin(&req, sk, udp, *profile);
		req.explains = why;
		err = request_run(&req, port);
		if (err != -ESTALE) {
			if (err && why)
				reuse_bind_reason(&req, err, why);
			return err;
		}
		*profile = reuse_net_profile(sock_net(sk));
	}
	return sk->sk_prot->get_port(sk, port);
}

/* The kernel decides alone: this is quick unless it refuses */
static int leave_and_log(struct sock *sk, unsigned short port)
{
	int err = sk->sk_prot->get_port(sk, port);

	if ((err && reuse_log_level(sock_net(sk))) || trace_reuse_bind_enabled())
		reuse_report_port(sk, NULL, err ? port : sk->sk_num, NULL, err, NULL, NULL);
	return err;
}

static int decide_and_log(struct sock *sk, unsigned short port, bool udp,
			  const struct sem_profile *profile)
{
	struct bind_reason why = {}, native;
	bool before = reuse_report_before(sk, port, udp, &native);
	int err = decide(sk, port, udp, &profile, &why);

	if (err || before || trace_reuse_bind_enabled())
		reuse_report_port(sk, NULL, err ? port : sk->sk_num, profile, err, &why,
				  before ? &native : NULL);
	return err;
}

/**
 * reuse_bind_get_port() - decide on a port, and have the kernel bind
 * @sk: TCP, UDP or UDP-Lite socket
 * @port: the port, in host byte order; 0 to search for one
 * @udp: UDP or UDP-Lite
 *
 * Called by bind(), by listen() (sk->sk_state is TCP_LISTEN already), and by
 * calls that bind implicitly.
 *
 * Context: @sk is locked; may sleep if @port is 0.
 * Return: 0 or an error, as the kernel's own get_port() returns it.
 */
int reuse_bind_get_port(struct sock *sk, unsigned short port, bool udp)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));

	if (!profile)
		return leave_and_log(sk, port);
	if (reuse_log_level(sock_net(sk)) || trace_reuse_bind_enabled())
		return decide_and_log(sk, port, udp, profile);
	return decide(sk, port, udp, &profile, NULL);
}

/**
 * reuse_bind_is_in_use() - does a bind fail with EADDRINUSE? If so, log it
 * @sk: TCP, UDP or UDP-Lite socket without a port
 * @addr: the address; IPv4 in the v4-mapped form
 * @port: the port, in host byte order; not 0
 *
 * Context: any but hard interrupts; @sk need not be locked.
 * Return: true if so; false if the namespace has just been switched.
 */
bool reuse_bind_is_in_use(struct sock *sk, const u8 *addr, unsigned short port)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct bind_request req;
	struct bind_reason why;
	int err;

	if (!profile)
		return false;
	reuse_bind_begin(&req, sk, sk->sk_protocol != IPPROTO_TCP, profile);
	memcpy(req.self.addr, addr, sizeof(req.self.addr));
	if (profile->separate_families && req.self.ipv6)
		req.self.v6only = true;

	req.explains = reuse_log_level(sock_net(sk)) || trace_reuse_bind_enabled();

	spin_lock_bh(&req.rn->bind_lock);
	err = reuse_bind_decide(&req, port, false);
	spin_unlock_bh(&req.rn->bind_lock);
	if (err != -EADDRINUSE)
		return false;

	if (req.explains) {
		reuse_bind_reason(&req, err, &why);
		reuse_report_port(sk, &req.self, port, profile, err, &why, NULL);
	}
	return true;
}

/**
 * reuse_bind_separates_families() - is IPV6_V6ONLY always set?
 * @net: network namespace
 *
 * Context: any.
 * Return: true if so.
 */
bool reuse_bind_separates_families(const struct net *net)
{
	const struct sem_profile *profile = reuse_net_profile(net);

	return profile && profile->separate_families;
}

/**
 * reuse_bind_is_forced() - must the kernel overlook a socket's conflicts?
 * @sk: the socket that is being bound
 * @match_wildcard: argument of inet_rcv_saddr_equal(); not set when the kernel
 *	looks for a SO_REUSEPORT group
 *
 * Context: any, from the hook of inet_rcv_saddr_equal().
 * Return: true during a forced bind of @sk.
 */
bool reuse_bind_is_forced(const struct sock *sk, bool match_wildcard)
{
	const struct reuse_net *rn = reuse_net(sock_net(sk));

	return match_wildcard && rn && READ_ONCE(rn->forced_sk) == sk;
}
