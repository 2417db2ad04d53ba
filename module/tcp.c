// SPDX-License-Identifier: GPL-2.0
/*
 * TCP's bind table: bhash. A slot's lock covers its chain of bind buckets,
 * and under each bucket the list of its owners, TIME_WAIT ones included. The
 * table is shared by all network namespaces; a bucket belongs to one.
 */
#include "reuse.h"
#include "compat/owners.h"
#include "compat/tables.h"

static struct reuse_slots tcp_slots(const struct net *net)
{
	const struct inet_hashinfo *hashinfo = reuse_tcp_hashinfo(net);

	return (struct reuse_slots) {
		.base	= (char *)hashinfo->bhash,
		.n	= hashinfo->bhash_size,
		.size	= sizeof(struct inet_bind_hashbucket),
		.lock	= offsetof(struct inet_bind_hashbucket, lock),
		.head	= offsetof(struct inet_bind_hashbucket, chain),
	};
}

/* First owner of this namespace from the bucket at @node on */
static struct sock *tcp_first_from(const struct net *net,
				   struct hlist_node *node)
{
	struct inet_bind_bucket *tb;
	struct sock *sk;

	tb = hlist_entry_safe(node, struct inet_bind_bucket, node);
	hlist_for_each_entry_from(tb, node) {
		sk = net_eq(ib_net(tb), net) ? reuse_first_owner(tb) : NULL;
		if (sk)
			return sk;
	}
	return NULL;
}

static struct sock *tcp_first(const struct net *net,
			      const struct hlist_head *head)
{
	return tcp_first_from(net, head->first);
}

static struct sock *tcp_next(const struct net *net, const struct sock *sk)
{
	struct sock *next = reuse_next_owner(sk);

	return next ?: tcp_first_from(net, reuse_bucket_of(sk)->node.next);
}

static const void *tcp_list(const struct sock *sk)
{
	return reuse_list_of(sk);
}

static bool tcp_holds(const struct reuse_slots *slots, unsigned int slot,
		      const struct sock *sk, const void *list)
{
	const struct inet_bind_bucket *bucket = reuse_bucket_of(sk);
	const struct inet_bind_bucket *tb;

	/* The socket may sit in another slot now: trust only our own chain */
	hlist_for_each_entry(tb, reuse_slot_head(slots, slot), node) {
		if (tb == bucket)
			return reuse_list_of(sk) == list;
	}
	return false;
}

static void tcp_fast(const struct sock *sk, struct reuse_fast *fast)
{
	const struct inet_bind_bucket *tb = reuse_bucket_of(sk);

	fast->uid = tb->fastuid;
	fast->reuse = tb->fastreuse;
	fast->reuseport = tb->fastreuseport;
	fast->valid = true;
}

const struct reuse_table reuse_tcp = {
	.name	= "tcp",
	.slots	= tcp_slots,
	.first	= tcp_first,
	.next	= tcp_next,
	.list	= tcp_list,
	.holds	= tcp_holds,
	.fast	= tcp_fast,
};
