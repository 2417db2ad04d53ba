/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The owners of a TCP bind bucket, TIME_WAIT sockets among them: one list under the
 * bucket, or since 6.8 one list under each of its addresses. The kernel changes all of that
 * only with the lock of the bucket's bhash slot held.
 */
#ifndef _REUSE_COMPAT_OWNERS_H
#define _REUSE_COMPAT_OWNERS_H

#include <net/inet_hashtables.h>
#include <net/inet_timewait_sock.h>
#include <net/tcp_states.h>

static inline struct sock *reuse_owner(struct hlist_node *node)
{
	return hlist_entry_safe(node, struct sock, sk_bind_node);
}

/* READ_ONCE(): the caller has not locked the socket, so it may just be changing buckets */
static inline struct inet_bind_bucket *reuse_bucket_of(const struct sock *sk)
{
	if (READ_ONCE(sk->sk_state) == TCP_TIME_WAIT)
		return READ_ONCE(inet_twsk(sk)->tw_tb);
	return READ_ONCE(inet_csk(sk)->icsk_bind_hash);
}

#ifdef REUSE_OWNERS_BY_ADDRESS

/* Each address of a port has a list of its own, so owners do not come newest first */
#define reuse_owners_in_order	false

static inline struct sock *reuse_first_of(struct hlist_node *bhash_node)
{
	struct inet_bind2_bucket *tb2;

	tb2 = hlist_entry_safe(bhash_node, struct inet_bind2_bucket,
			       bhash_node);
	/* The list is not empty: the kernel frees an address without owners under the same lock */
	return tb2 ? reuse_owner(tb2->owners.first) : NULL;
}

static inline struct sock *reuse_first_owner(const struct inet_bind_bucket *tb)
{
	return reuse_first_of(tb->bhash2.first);
}

/* The address (and so the list) that an owner is under */
static inline struct inet_bind2_bucket *reuse_list_of(const struct sock *sk)
{
	if (READ_ONCE(sk->sk_state) == TCP_TIME_WAIT)
		return READ_ONCE(inet_twsk(sk)->tw_tb2);
	return READ_ONCE(inet_csk(sk)->icsk_bind2_hash);
}

/* 6.18 keeps fastreuse and fastreuseport for each address as well */
static inline void reuse_set_fastreuse(const struct sock *sk, int value)
{
	inet_csk(sk)->icsk_bind_hash->fastreuse = value;
#ifdef REUSE_FASTREUSE_BY_ADDRESS
	inet_csk(sk)->icsk_bind2_hash->fastreuse = value;
#endif
}

static inline void reuse_set_fastreuseport(const struct sock *sk, int value)
{
	inet_csk(sk)->icsk_bind_hash->fastreuseport = value;
#ifdef REUSE_FASTREUSEPORT_BY_ADDRESS
	inet_csk(sk)->icsk_bind2_hash->fastreuseport = value;
#endif
}

/* The first owner of the next address after that of @sk, or NULL */
static inline struct sock *reuse_next_list(const struct sock *sk)
{
	return reuse_first_of(reuse_list_of(sk)->bhash_node.next);
}

/* The same, as each address has a list of its own */
static inline struct sock *reuse_next_address(const struct sock *sk)
{
	return reuse_next_list(sk);
}

static inline struct sock *reuse_next_owner(const struct sock *sk)
{
	return reuse_owner(sk->sk_bind_node.next) ?: reuse_next_list(sk);
}

#else

/* All owners of a port are in one list, the newest first */
#define reuse_owners_in_order	true

static inline struct sock *reuse_first_owner(const struct inet_bind_bucket *tb)
{
	return reuse_owner(tb->owners.first);
}

static inline struct inet_bind_bucket *reuse_list_of(const struct sock *sk)
{
	return reuse_bucket_of(sk);
}

static inline void reuse_set_fastreuse(const struct sock *sk, int value)
{
	inet_csk(sk)->icsk_bind_hash->fastreuse = value;
}

static inline void reuse_set_fastreuseport(const struct sock *sk, int value)
{
	inet_csk(sk)->icsk_bind_hash->fastreuseport = value;
}

static inline struct sock *reuse_next_list(const struct sock *sk)
{
	return NULL;
}

static inline struct sock *reuse_next_owner(const struct sock *sk)
{
	return reuse_owner(sk->sk_bind_node.next);
}

/* The one list mixes addresses: no owner can be skipped */
static inline struct sock *reuse_next_address(const struct sock *sk)
{
	return reuse_next_owner(sk);
}

#endif
#endif
