// SPDX-License-Identifier: GPL-2.0
/* What happens to a socket, as far as it says in which order sockets were bound. */
#include <linux/atomic.h>
#include <net/sock.h>

#include "bucket.h"
#include "netns.h"
#include "record.h"
#include "tables/sock.h"
#include "tables/tables.h"
#include "track.h"

/*
 * For all namespaces. A number takes a lock and a tracked, so far more than a nanosecond:
 * there are as many as for 50 years of that, both ways.
 */
static atomic64_t newest_seq = ATOMIC64_INIT(SEQ_TRACKED_MIN);
static atomic64_t oldest_seq = ATOMIC64_INIT(SEQ_TRACKED_MIN);

#define SEQ_ENOUGH	(50ULL * 365 * 24 * 3600 * NSEC_PER_SEC)

static_assert(SEQ_TRACKED_MIN > SEQ_ENOUGH);
static_assert(SEQ_TRACKED_MAX - SEQ_TRACKED_MIN > SEQ_ENOUGH);

static enum addr_class class_of(const struct sem_sock *s)
{
	if (!s->ipv6)
		return ADDR_IPV4;
	if (sem_mapped(s->addr))
		return ADDR_MAPPED;
	return s->v6only && sem_any(s->addr) ? ADDR_V6ONLY :
					       ADDR_IPV6;
}

static bool tracked_join(struct reuse_tracked *tracked,
			 const struct sem_profile *profile, enum track_age age)
{
	const struct sock *sk = tracked->sk;
	struct bucket_key key = {
		.net = tracked->net, .port = sk->sk_num, .protocol = sk->sk_protocol,
	};
	bool newest_first, last;
	unsigned int locks;
	struct sem_sock s;

	reuse_sock_snapshot(sk, &s);
	/* SOCK_BINDADDR_LOCK is set once, behind bind() */
	locks = data_race((unsigned int)sk->sk_userlocks);
	/* Without its remote end it has no address again */
	if (sem_is_connected(&s) && !(locks & SOCK_BINDADDR_LOCK))
		memcpy(s.addr, s.ipv6 ? sem_any6 : sem_any4, sizeof(s.addr));
	memcpy(key.addr, s.addr, sizeof(key.addr));
	key.class = class_of(&s);
	key.has_devices = s.dev;
	/* The one that receives comes first */
	newest_first = !(profile->wildcard_oldest_first && sem_any(key.addr));
	last = (age == TRACK_AS_NEWEST) != newest_first;
	if (!reuse_bucket_join(&tracked->member, &key, last))
		return false;
	if (key.has_devices)
		WRITE_ONCE(reuse_net(tracked->net)->has_device_sockets, true);
	tracked->counted_last = key.protocol != IPPROTO_TCP &&
			     reuse_udp_added_last(sk);
	reuse_tracked_count(tracked, 1);
	return true;
}

/**
 * reuse_track_bind_seq() - when was a socket bound?
 * @sk: a full socket
 * @accepted: set if it was not, but accepted then; may be NULL
 *
 * Context: bottom halves off.
 * Return: higher is newer; 0 if that is not known.
 */
u64 reuse_track_bind_seq(const struct sock *sk, bool *accepted)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	const struct reuse_tracked *tracked;
	u64 seq = 0;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	if (tracked)
		seq = tracked->bind_seq;
	if (accepted)
		*accepted = seq && !tracked->member.key;
	spin_unlock(&chain->lock);
	return seq;
}

/**
 * reuse_track_listens() - was a socket granted to listen?
 * @sk: a full TCP socket
 *
 * Context: bottom halves off.
 * Return: true if so.
 */
bool reuse_track_listens(const struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	const struct reuse_tracked *tracked;
	bool listens;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	listens = tracked && tracked->listens;
	spin_unlock(&chain->lock);
	return listens;
}

/**
 * reuse_track_set_listens() - a socket asks to listen, or is granted it
 * @sk: locked by the caller
 * @listens: it is granted
 *
 * Context: bottom halves off.
 */
void reuse_track_set_listens(const struct sock *sk, bool listens)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	if (tracked)
		tracked->listens = listens;
	spin_unlock(&chain->lock);
}

/* Without memory there is none, and it counts as older than what is bound later */
static void track_creation(struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	spin_lock_bh(&chain->lock);
	tracked = reuse_tracked_find(chain, sk) ?: reuse_tracked_new(chain, sk);
	if (tracked) {
		tracked->bind_seq = atomic64_inc_return(&newest_seq);
		tracked->created = tracked->bind_seq;
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_track_created() - a UDP socket is being created
 * @sk: the socket
 *
 * Context: any, from the hooks of udp_init_sock() and udpv6_init_sock().
 */
void reuse_track_created(struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));

	/* Where groups' datagrams ask for it */
	if (profile && profile->ends_multicast)
		track_creation(sk);
}

/**
 * reuse_track_accepted() - a connection takes over its listener's port
 * @child: the new socket
 *
 * Context: any, from the hook of __inet_inherit_port().
 */
void reuse_track_accepted(struct sock *child)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(child));

	if (!profile || !profile->needs_bind_order || reuse_tcp_in_order() ||
	    child->sk_protocol != IPPROTO_TCP)
		return;
	track_creation(child);
}

/* When it was created may not be known: as if in the same order */
static bool tracked_bound(struct reuse_tracked *tracked,
			  const struct sem_profile *profile, enum track_age age)
{
	tracked->bind_seq = age == TRACK_AS_OLDEST ? atomic64_dec_return(&oldest_seq) :
						     atomic64_inc_return(&newest_seq);
	if (!tracked->created)
		tracked->created = tracked->bind_seq;
	return tracked_join(tracked, profile, age);
}

/**
 * reuse_track_reserve() - have what it takes to record that a socket is bound
 * @sk: a socket
 *
 * Context: bottom halves off, until reuse_track_bound().
 * Return: 0 or -ENOMEM.
 */
int reuse_track_reserve(struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	const struct reuse_tracked *tracked;

	if (!reuse_bucket_reserve())
		return -ENOMEM;
	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk) ?: reuse_tracked_new(chain, sk);
	spin_unlock(&chain->lock);
	return tracked ? 0 : -ENOMEM;
}

/**
 * reuse_track_bound() - record that a socket has been bound
 * @sk: socket that holds a port
 *
 * Nothing is done if the namespace has become native meanwhile.
 *
 * Context: bottom halves off; reuse_net.bind_lock is held, and
 * reuse_track_reserve() has been called.
 */
void reuse_track_bound(struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	if (!profile)
		return;
	spin_lock(&chain->lock);
	/* A new one, if the namespace has been switched meanwhile */
	tracked = reuse_tracked_find(chain, sk) ?: reuse_tracked_new(chain, sk);
	if (tracked) {
		/* It left another port without being closed */
		if (tracked->member.key) {
			reuse_tracked_uncount(tracked);
			reuse_bucket_leave(&tracked->member);
		}
		tracked_bound(tracked, profile, TRACK_AS_NEWEST);
	}
	spin_unlock(&chain->lock);
}

/**
 * reuse_track_existing() - record that a socket was bound when nothing was recorded
 * @sk: socket that holds a port
 * @age: how it counts
 *
 * Nothing is done if it is recorded that it was bound.
 *
 * Context: bottom halves off; @sk holds its port as long as we are here, and
 * the namespace emulates.
 * Return: 0 or -ENOMEM.
 */
int reuse_track_existing(struct sock *sk, enum track_age age)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;
	bool done;

	if (!reuse_bucket_reserve())
		return -ENOMEM;
	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk) ?: reuse_tracked_new(chain, sk);
	done = tracked && (!profile || tracked->member.key ||
			   tracked_bound(tracked, profile, age));
	spin_unlock(&chain->lock);
	return done ? 0 : -ENOMEM;
}

/**
 * reuse_track_connecting() - record that a UDP socket asks for a remote end
 * @sk: the socket
 *
 * Context: any.
 */
void reuse_track_connecting(const struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	spin_lock_bh(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	if (tracked && !tracked->counted_connected && tracked->member.key) {
		tracked->counted_connected = true;
		atomic_inc(reuse_net_connected(tracked->net, tracked->member.key->port));
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_track_to_device() - record that a socket asks to be bound to a device
 * @sk: any socket
 *
 * With PREEMPT_RT all buckets of the namespace count as having one: to find out which
 * takes locks that may sleep, and the ftrace trampoline that we were called from may be
 * freed meanwhile, as the wait for who is in it (synchronize_rcu_tasks()) takes a task
 * that waits for a lock for one that has left.
 *
 * Context: any, from the hook of setsockopt().
 */
void reuse_track_to_device(const struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	const struct reuse_tracked *tracked;

	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		struct reuse_net *rn = reuse_net(sock_net(sk));

		WRITE_ONCE(rn->any_bucket_may_have_devices, true);
		WRITE_ONCE(rn->has_device_sockets, true);
		return;
	}
	spin_lock_bh(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	if (tracked && tracked->member.key) {
		reuse_bucket_set_has_devices(&tracked->member);
		WRITE_ONCE(reuse_net(tracked->net)->has_device_sockets, true);
	}
	spin_unlock_bh(&chain->lock);
}
