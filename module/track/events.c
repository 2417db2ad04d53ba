// SPDX-License-Identifier: GPL-2.0
/* Record what happens to a socket that matters to the order of binds or to delivery. */
#include <linux/atomic.h>
#include <net/sock.h>

#include "bucket.h"
#include "compat/uid.h"
#include "netns.h"
#include "record.h"
#include "tables/sock.h"
#include "tables/tables.h"
#include "track.h"

/*
 * Shared by all namespaces. To take a number takes a lock and a record, so far more than a
 * nanosecond: the numbers last for 50 years, upwards and downwards.
 */
static atomic64_t newest_seq = ATOMIC64_INIT(SEQ_TRACKED_MIN);
static atomic64_t oldest_seq = ATOMIC64_INIT(SEQ_LEARNED_MAX);

#define SEQ_ENOUGH	(50ULL * 365 * 24 * 3600 * NSEC_PER_SEC)

static_assert(SEQ_LEARNED_MAX > SEQ_ENOUGH);
static_assert(SEQ_TRACKED_MAX - SEQ_TRACKED_MIN > SEQ_ENOUGH);

static enum addr_class class_of(const struct reuse_key *at)
{
	if (!at->ipv6)
		return ADDR_IPV4;
	if (sem_mapped(at->addr.s6_addr))
		return ADDR_MAPPED;
	return at->v6only && sem_any(at->addr.s6_addr) ? ADDR_V6ONLY : ADDR_IPV6;
}

static bool is_connected(const struct sock *sk)
{
	u8 state = READ_ONCE(sk->sk_state);

	return state != TCP_CLOSE && state != TCP_LISTEN;
}

static bool has_bound_address(const struct sock *sk)
{
	/* bind() sets it once, after it got the port */
	return data_race(sk->sk_userlocks & SOCK_BINDADDR_LOCK);
}

/* Called under the lock of the chain */
static void count_out_of_order(struct reuse_tracked *tracked)
{
	if (tracked->counted_out_of_order)
		return;
	tracked->counted_out_of_order = true;
	atomic_inc(&reuse_net(tracked->net)->udp_out_of_order);
}

static bool tracked_join(struct reuse_tracked *tracked,
			 const struct sem_profile *profile, enum track_age age)
{
	const struct sock *sk = tracked->sk;
	struct bucket_key key = {
		.net = tracked->net, .port = sk->sk_num, .protocol = sk->sk_protocol,
	};
	bool newest_first, last;
	struct reuse_key at;

	reuse_key_of(sk, &at);
	/* connect() chose this address: the socket is back on the wildcard when it disconnects */
	if (is_connected(sk) && !has_bound_address(sk))
		memcpy(&at.addr, at.ipv6 ? sem_any6 : sem_any4, sizeof(at.addr));
	memcpy(key.addr, &at.addr, sizeof(key.addr));
	key.class = class_of(&at);
	key.hash = reuse_bucket_hash(key.net, key.protocol, key.port);
	/* The socket that receives comes first in its bucket */
	newest_first = !sem_oldest_first(profile, key.addr, at.ipv6);
	last = (age == TRACK_AS_NEWEST) != newest_first;
	if (!reuse_bucket_join(&tracked->member, &key, last, at.dev))
		return false;
	if (at.dev)
		WRITE_ONCE(reuse_net(tracked->net)->has_device_sockets, true);
	if (key.protocol != IPPROTO_TCP && reuse_udp_added_last(sk))
		count_out_of_order(tracked);
	return true;
}

/**
 * reuse_track_bind_seq() - when was a socket bound?
 * @sk: a full socket
 * @accepted: set to true if @sk was not bound but accepted, otherwise to false; may be NULL
 *
 * Context: bottom halves off.
 * Return: the bind sequence, higher is newer; 0 if it is not known.
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
 * reuse_track_listens() - has a profile granted a socket to listen?
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
 * reuse_track_set_listens() - record whether a socket is granted to listen
 * @sk: the socket, locked by the caller
 * @listens: true when it is granted, false when the socket asks for it
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

/**
 * reuse_track_is_forced() - was the bind of a socket forced?
 * @sk: a full TCP socket
 *
 * Context: bottom halves off.
 * Return: true if so, and if a record of that is left.
 */
bool reuse_track_is_forced(const struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	const struct reuse_tracked *tracked;
	bool forced;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	forced = tracked && tracked->counted_forced;
	spin_unlock(&chain->lock);
	return forced;
}

/**
 * reuse_track_set_forced() - record that the bind of a socket was forced
 * @sk: TCP socket that holds a port, locked by the caller
 *
 * Context: bottom halves off, after reuse_track_bound(); reuse_net.bind_lock is held.
 */
void reuse_track_set_forced(const struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	if (tracked && !tracked->counted_forced) {
		tracked->counted_forced = true;
		atomic_inc(&reuse_net(tracked->net)->tcp_forced);
	}
	spin_unlock(&chain->lock);
}

/* Without memory there is no record: the socket counts as older than any bound later */
static void track_creation(struct sock *sk, bool accepted)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	spin_lock_bh(&chain->lock);
	tracked = reuse_tracked_get(chain, sk);
	if (tracked) {
		tracked->bind_seq = atomic64_inc_return(&newest_seq);
		tracked->accepted = accepted;
		if (accepted)
			tracked->uid = reuse_sock_creator(sk);
		else
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

	/* Only the delivery of multicast depends on when a socket was created */
	if (profile && profile->ends_multicast)
		track_creation(sk, false);
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

	if (!profile || child->sk_protocol != IPPROTO_TCP)
		return;
	if (!profile->needs_accepted && !profile->needs_connected_uid &&
	    (!profile->needs_bind_order || reuse_tcp_in_order()))
		return;
	track_creation(child, true);
}

/**
 * reuse_track_accepted_uid() - find the user of the listener that accepted a connection
 * @sk: a full TCP socket
 * @uid: is set
 *
 * The task that calls accept() may be another user's, and the kernel then keeps that one.
 *
 * Context: bottom halves off.
 * Return: false if @sk was not accepted, or if there is no record.
 */
bool reuse_track_accepted_uid(const struct sock *sk, kuid_t *uid)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	const struct reuse_tracked *tracked;
	bool accepted;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	accepted = tracked && tracked->accepted && !tracked->timewait;
	if (accepted)
		*uid = tracked->uid;
	spin_unlock(&chain->lock);
	return accepted;
}

/* If it is not known when the socket was created, assume: in the order of binds */
static bool tracked_bound(struct reuse_tracked *tracked,
			  const struct sem_profile *profile, enum track_age age)
{
	tracked->bind_seq = age == TRACK_AS_OLDEST ? atomic64_dec_return(&oldest_seq) :
						     atomic64_inc_return(&newest_seq);
	tracked->accepted = false;
	if (!tracked->created)
		tracked->created = tracked->bind_seq;
	return tracked_join(tracked, profile, age);
}

/**
 * reuse_track_reserve() - set aside the memory to record that a socket is bound
 *
 * Context: bottom halves off, until reuse_track_bound() returns.
 * Return: 0 or -ENOMEM.
 */
int reuse_track_reserve(void)
{
	return reuse_bucket_reserve() && reuse_tracked_reserve() ? 0 : -ENOMEM;
}

/**
 * reuse_track_bound() - record that a socket has been bound
 * @sk: socket that holds a port
 *
 * Does nothing if the namespace has become native meanwhile.
 *
 * Context: bottom halves off, after reuse_track_reserve(); reuse_net.bind_lock is held.
 */
void reuse_track_bound(struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;

	if (!profile)
		return;
	spin_lock(&chain->lock);
	tracked = reuse_tracked_get(chain, sk);
	if (tracked) {
		/* The socket may have left another port without being closed */
		reuse_tracked_uncount(tracked);
		if (tracked->member.key)
			reuse_bucket_leave(&tracked->member);
		tracked_bound(tracked, profile, TRACK_AS_NEWEST);
	}
	spin_unlock(&chain->lock);
}

/*
 * Called after @sk got a record. close() of a UDP socket sets SOCK_DEAD and looks for a record
 * before it takes the lock of the slot: none of our locks keeps it from that.
 */
static bool udp_is_closed(const struct sock *sk)
{
	if (sk->sk_protocol == IPPROTO_TCP)
		return false;
	/* Pairs with udp_closed_may_be_tracked(): that sees the record, or we see SOCK_DEAD */
	smp_mb();
	return sock_flag(sk, SOCK_DEAD);
}

/**
 * reuse_track_existing() - record a socket that was bound while nothing was recorded
 * @sk: socket that holds a port
 * @age: the age to give it
 *
 * Does nothing if the bind of @sk is recorded already, or if @sk is a UDP socket that is closed.
 *
 * Context: bottom halves off; the caller sees to it that @sk keeps its port until we return,
 * and the namespace emulates.
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
	tracked = reuse_tracked_get(chain, sk);
	done = tracked && (!profile || tracked->member.key ||
			   tracked_bound(tracked, profile, age));
	if (tracked && udp_is_closed(sk))
		reuse_tracked_forget(tracked);
	spin_unlock(&chain->lock);
	return done ? 0 : -ENOMEM;
}

/**
 * reuse_track_connecting() - record that a UDP socket is being connected
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
 * reuse_track_moved() - record that a UDP socket gets or loses its remote end
 * @sk: the socket
 *
 * Context: any, not atomic with PREEMPT_RT.
 */
void reuse_track_moved(const struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	struct reuse_tracked *tracked;
	const struct bucket_key *key;

	if (!profile || !profile->udp_connect_is_newest)
		return;
	spin_lock_bh(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	if (tracked && tracked->member.key) {
		key = tracked->member.key;
		/* If none was bound since, it is the first of its slot's list already */
		if (tracked->bind_seq != atomic64_read(&newest_seq))
			count_out_of_order(tracked);
		reuse_bucket_move(&tracked->member,
				  sem_oldest_first(profile, key->addr, key->class != ADDR_IPV4),
				  &tracked->bind_seq, atomic64_inc_return(&newest_seq));
	}
	spin_unlock_bh(&chain->lock);
}

/**
 * reuse_track_created_seq() - when was a socket created?
 * @sk: a UDP socket
 *
 * Context: bottom halves off.
 * Return: reuse_tracked.created; 0 if it is not known.
 */
u64 reuse_track_created_seq(const struct sock *sk)
{
	struct tracked_chain *chain = reuse_tracked_chain(sk);
	const struct reuse_tracked *tracked;
	u64 created;

	spin_lock(&chain->lock);
	tracked = reuse_tracked_find(chain, sk);
	created = tracked ? tracked->created : 0;
	spin_unlock(&chain->lock);
	return created;
}

/**
 * reuse_track_to_device() - record that a socket is being bound to a device
 * @sk: any socket
 *
 * A socket that is not bound is not looked for again: reuse_track_bound() reads its device. If
 * another thread binds the same socket at this moment, that may read the device too early.
 *
 * With PREEMPT_RT, all buckets of the namespace count as having a device from then on. To find
 * the one bucket takes locks that may sleep there. ftrace could free the trampoline that called
 * us meanwhile: it waits with synchronize_rcu_tasks() for the tasks that are in the trampoline,
 * and that counts a task that sleeps on a lock as one that has left.
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
