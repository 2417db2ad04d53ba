// SPDX-License-Identifier: GPL-2.0
/*
 * Read and correct what a TCP bind bucket caches about SO_REUSEADDR and SO_REUSEPORT
 * of its owners.
 */
#include "compat/owners.h"
#include "semantics/semantics.h"
#include "tables.h"
#include "tcp.h"

/**
 * reuse_fastreuse() - read what the bucket of a port caches of SO_REUSEADDR
 * @sk: the socket that asks for the port
 * @port: the port, in host byte order
 *
 * Context: bottom halves off.
 * Return: tb->fastreuse, 0 if there is no bucket.
 */
int reuse_fastreuse(const struct sock *sk, unsigned short port)
{
	struct inet_bind_hashbucket *head = reuse_tcp_slot(sock_net(sk), port);
	struct inet_bind_bucket *tb;
	int fastreuse = 0;

	spin_lock(&head->lock);
	tb = reuse_tcp_bucket(sk, head, port);
	if (tb)
		fastreuse = tb->fastreuse;
	spin_unlock(&head->lock);

	return fastreuse;
}

/**
 * reuse_fastreuse_cache() - read all that the bucket of a port caches
 * @sk: the socket that asks for the port
 * @port: the port, in host byte order
 * @cache: is set; to zeroes if there is no bucket
 *
 * Context: bottom halves off.
 */
void reuse_fastreuse_cache(const struct sock *sk, unsigned short port, struct sem_cache *cache)
{
	struct inet_bind_hashbucket *head = reuse_tcp_slot(sock_net(sk), port);
	const struct inet_bind_bucket *tb;

	memset(cache, 0, sizeof(*cache));
	spin_lock(&head->lock);
	tb = reuse_tcp_bucket(sk, head, port);
	if (tb) {
		cache->reuse = tb->fastreuse;
		cache->reuseport = tb->fastreuseport;
		cache->uid = __kuid_val(tb->fastuid);
		cache->ipv6 = tb->fast_sk_family == AF_INET6;
		cache->v6only = tb->fast_ipv6_only;
		sem_addr4(cache->addr, (__force u32)tb->fast_rcv_saddr);
#if IS_ENABLED(CONFIG_IPV6)
		if (cache->ipv6)
			memcpy(cache->addr, &tb->fast_v6_rcv_saddr, sizeof(cache->addr));
#endif
	}
	spin_unlock(&head->lock);
}

/**
 * reuse_fastreuse_set() - set what a bucket caches of SO_REUSEADDR
 * @sk: an owner of the bucket
 * @fastreuse: new value of tb->fastreuse
 *
 * Context: bottom halves off; @sk is locked by the caller.
 */
void reuse_fastreuse_set(const struct sock *sk, int fastreuse)
{
	struct inet_bind_hashbucket *head = reuse_tcp_slot(sock_net(sk), sk->sk_num);

	/* The bucket lives as long as @sk owns it. A task that sets it now comes after us */
	if (data_race(reuse_bucket_of(sk)->fastreuse) == fastreuse)
		return;

	spin_lock(&head->lock);
	reuse_set_fastreuse(sk, fastreuse);
	spin_unlock(&head->lock);
}

/**
 * reuse_fastreuse_reset() - make a bucket's cache say that owners may conflict
 * @sk: an owner that was bound by force, or one beside such an owner
 *
 * inet_csk_update_fastreuse() assumes that an owner conflicts with no other.
 *
 * Context: bottom halves off; @sk is locked by the caller.
 */
void reuse_fastreuse_reset(const struct sock *sk)
{
	struct inet_bind_hashbucket *head = reuse_tcp_slot(sock_net(sk), sk->sk_num);

	spin_lock(&head->lock);
	reuse_set_fastreuse(sk, 0);
	reuse_set_fastreuseport(sk, 0);
	spin_unlock(&head->lock);
}

/**
 * reuse_fastreuse_forget_net() - clear what the kernel would not have cached by itself
 * @net: network namespace that is native, or whose profile has just changed
 *
 * Since 6.8, the kernel never sets tb->fastreuse to 1: it would do so for the first owner, but
 * finds the bucket not empty by then. So reset what reuse_fastreuse_set() has set.
 *
 * Context: process context, may sleep.
 */
void reuse_fastreuse_forget_net(const struct net *net)
{
	struct inet_hashinfo *hashinfo = reuse_tcp_hashinfo(net);
	struct inet_bind_bucket *tb;
	unsigned int i;

	if (reuse_owners_in_order)
		return;

	for (i = 0; i < hashinfo->bhash_size; i++) {
		struct inet_bind_hashbucket *head = &hashinfo->bhash[i];

		cond_resched();
		if (hlist_empty(&head->chain))
			continue;

		spin_lock_bh(&head->lock);
		hlist_for_each_entry(tb, &head->chain, node) {
			if (net_eq(ib_net(tb), net) && tb->fastreuse > 0)
				tb->fastreuse = 0;
		}
		spin_unlock_bh(&head->lock);
	}
}
