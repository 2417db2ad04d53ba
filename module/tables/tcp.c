// SPDX-License-Identifier: GPL-2.0
/*
 * TCP's bind table: bhash. A slot's lock covers its chain of bind buckets,
 * and the list of owners of each bucket, TIME_WAIT sockets included. All network
 * namespaces share the table; a bucket belongs to one namespace.
 */
#include "compat/owners.h"
#include "compat/tables.h"
#include "tables.h"
#include "tcp.h"

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

static struct sock *tcp_next(const struct sock *sk)
{
	return reuse_owner(sk->sk_bind_node.next);
}

static const void *tcp_list(const struct sock *sk)
{
	return reuse_list_of(sk);
}

static struct sock *tcp_list_first(const struct hlist_head *head,
				   const struct sock *sk)
{
	return reuse_owner(reuse_list_of(sk)->owners.first);
}

static struct sock *tcp_list_next(const struct net *net, const struct sock *sk)
{
	struct sock *next = reuse_next_list(sk);

	if (next)
		return next;
	return tcp_first_from(net, reuse_bucket_of(sk)->node.next);
}

static bool tcp_holds(const struct reuse_slots *slots, unsigned int slot,
		      const struct sock *sk, const void *list)
{
	const struct inet_bind_bucket *bucket = reuse_bucket_of(sk);
	const struct inet_bind_bucket *tb;

	/* The socket may be in another slot by now: look for its bucket in our own chain only */
	hlist_for_each_entry(tb, reuse_slot_head(slots, slot), node) {
		if (tb == bucket)
			return reuse_list_of(sk) == list;
	}
	return false;
}

static void tcp_fastreuse(const struct sock *sk, struct reuse_fastreuse *fastreuse)
{
	const struct inet_bind_bucket *tb = reuse_bucket_of(sk);

	fastreuse->uid = tb->fastuid;
	fastreuse->reuse = tb->fastreuse;
	fastreuse->reuseport = tb->fastreuseport;
	fastreuse->valid = true;
}

/* False if @visit said to stop */
static bool tcp_owners(const struct inet_bind_bucket *tb,
		       const struct sock *sk, owner_visit_t visit, void *arg)
{
	struct sock *owner = reuse_first_owner(tb);

	while (owner) {
		enum owner_walk step = OWNERS_NEXT;

		if (owner != sk)
			step = visit(owner, arg);

		if (step == OWNERS_STOP)
			return false;

		owner = step == OWNERS_NEXT ? reuse_next_owner(owner) :
					      reuse_next_address(owner);
	}
	return true;
}

static void tcp_show_owners(const struct sock *sk, unsigned short port,
			    owner_visit_t visit, owner_visit_t then, void *arg)
{
	struct inet_bind_hashbucket *head = reuse_tcp_slot(sock_net(sk), port);
	const struct inet_bind_bucket *tb;

	spin_lock(&head->lock);
	tb = reuse_tcp_bucket(sk, head, port);
	if (tb && tcp_owners(tb, sk, visit, arg) && then)
		tcp_owners(tb, sk, then, arg);
	spin_unlock(&head->lock);
}

const struct bind_table reuse_tcp = {
	.name		= "tcp",
	.slots		= tcp_slots,
	.first		= tcp_first,
	.next		= tcp_next,
	.list		= tcp_list,
	.list_first	= tcp_list_first,
	.list_next	= tcp_list_next,
	.holds		= tcp_holds,
	.fastreuse	= tcp_fastreuse,
	.for_each_owner	= tcp_show_owners,
};

/**
 * reuse_tcp_owners_like() - show the owners of a port that have one address
 * @sk: the first owner with that address that reuse_tcp.for_each_owner() shows
 * @visit: called for each, until it returns something else than OWNERS_NEXT
 * @arg: argument of @visit
 *
 * Context: inside @visit of reuse_tcp.for_each_owner().
 */
void reuse_tcp_owners_like(struct sock *sk, owner_visit_t visit, void *arg)
{
	while (sk && visit(sk, arg) == OWNERS_NEXT)
		sk = tcp_next(sk);
}

/**
 * reuse_tcp_is_last() - is a socket the last owner in its list?
 * @sk: an owner that reuse_tcp.for_each_owner() shows
 *
 * Context: inside @visit of reuse_tcp.for_each_owner().
 * Return: true if so. If it is the first that is shown, too, no other owner has its address.
 */
bool reuse_tcp_is_last(const struct sock *sk)
{
	return !tcp_next(sk);
}

/**
 * reuse_tcp_in_order() - are the owners of a port shown newest first?
 *
 * Context: any.
 * Return: true if they are, whatever their addresses; false if each address has a list.
 */
bool reuse_tcp_in_order(void)
{
	return reuse_owners_in_order;
}

/**
 * reuse_tcp_same_bucket() - do two sockets hold the same port?
 * @sk: a socket without a remote end
 * @owner: the owner that reuse_tcp.for_each_owner() is showing
 *
 * Context: the lock of the slot is held.
 * Return: true if they are in the same bucket.
 */
bool reuse_tcp_same_bucket(const struct sock *sk, const struct sock *owner)
{
	return reuse_bucket_of(sk) == reuse_bucket_of(owner);
}
