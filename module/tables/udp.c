// SPDX-License-Identifier: GPL-2.0
/*
 * UDP's bind table, hashed by port. A slot's lock covers one list of sockets: those
 * of all the ports that hash to the slot and, where namespaces share the table, of
 * all namespaces. UDP-Lite has a table of the same kind.
 */
#include "compat/tables.h"
#include "tables.h"

static struct reuse_slots udp_slots_of(const struct udp_table *table)
{
	return (struct reuse_slots) {
		.base	= (char *)table->hash,
		.n	= table->mask + 1,
		.size	= sizeof(struct udp_hslot),
		.lock	= offsetof(struct udp_hslot, lock),
		.head	= offsetof(struct udp_hslot, head),
	};
}

static struct reuse_slots udp_slots(const struct net *net)
{
	return udp_slots_of(reuse_udp_table(net));
}

static struct sock *udp_first(const struct net *net,
			      const struct hlist_head *head)
{
	return sk_head(head);
}

static struct sock *udp_next(const struct sock *sk)
{
	return hlist_entry_safe(sk->sk_node.next, struct sock, sk_node);
}

/* A slot has only one list */
static const void *udp_list(const struct sock *sk)
{
	return NULL;
}

static struct sock *udp_list_first(const struct hlist_head *head,
				   const struct sock *sk)
{
	return sk_head(head);
}

static struct sock *udp_list_next(const struct net *net, const struct sock *sk)
{
	return NULL;
}

static bool udp_holds(const struct reuse_slots *slots, unsigned int slot,
		      const struct sock *sk, const void *list)
{
	u32 port = READ_ONCE(udp_sk(sk)->udp_port_hash);

	/* A socket that was bound anew may be in another slot */
	return !sk_unhashed(sk) &&
	       udp_hashfn(sock_net(sk), port, slots->n - 1) == slot;
}

/* All addresses share one list, so OWNERS_SKIP_ADDRESS just goes on. False: @visit said to stop */
static bool udp_owners(const struct udp_hslot *hslot, const struct sock *sk,
		       unsigned short port, owner_visit_t visit, void *arg)
{
	struct sock *owner;

	sk_for_each(owner, &hslot->head) {
		if (owner != sk && net_eq(sock_net(owner), sock_net(sk)) &&
		    udp_sk(owner)->udp_port_hash == port &&
		    visit(owner, arg) == OWNERS_STOP)
			return false;
	}
	return true;
}

static void udp_show_owners(const struct sock *sk, unsigned short port,
			    owner_visit_t visit, owner_visit_t then, void *arg)
{
	struct net *net = sock_net(sk);
	struct udp_table *table = reuse_udp_table_for(net, sk->sk_protocol);
	struct udp_hslot *hslot;

	hslot = &table->hash[udp_hashfn(net, port, table->mask)];
	spin_lock(&hslot->lock);
	if (udp_owners(hslot, sk, port, visit, arg) && then)
		udp_owners(hslot, sk, port, then, arg);
	spin_unlock(&hslot->lock);
}

/**
 * reuse_udp_in_slot() - count the sockets that share a slot of UDP's bind table
 * @sk: the socket that asks for the port
 * @port: the port, in host byte order
 *
 * Context: bottom halves off.
 * Return: the number of sockets of all the ports and namespaces that hash there.
 */
unsigned int reuse_udp_in_slot(const struct sock *sk, unsigned short port)
{
	struct net *net = sock_net(sk);
	struct udp_table *table = reuse_udp_table_for(net, sk->sk_protocol);
	struct udp_hslot *hslot = &table->hash[udp_hashfn(net, port, table->mask)];
	unsigned int count;

	spin_lock(&hslot->lock);
	count = hslot->count;
	spin_unlock(&hslot->lock);
	return count;
}

/**
 * reuse_udp_each() - go over the sockets of a port
 * @net: network namespace
 * @protocol: IPPROTO_UDP or IPPROTO_UDPLITE
 * @port: in host byte order
 * @visit: called for each
 * @arg: argument of @visit
 *
 * As in the kernel's own lookups, a socket that is bound or closed meanwhile may be missed.
 *
 * Context: under RCU.
 */
void reuse_udp_each(struct net *net, int protocol, u16 port,
		    void (*visit)(struct sock *sk, void *arg), void *arg)
{
	struct udp_table *table = reuse_udp_table_for(net, protocol);
	struct sock *sk;

	sk_for_each_rcu(sk, &table->hash[udp_hashfn(net, port, table->mask)].head) {
		if (net_eq(sock_net(sk), net) && READ_ONCE(udp_sk(sk)->udp_port_hash) == port)
			visit(sk, arg);
	}
}

const struct bind_table reuse_udp = {
	.name		= "udp",
	.slots		= udp_slots,
	.first		= udp_first,
	.next		= udp_next,
	.list		= udp_list,
	.list_first	= udp_list_first,
	.list_next	= udp_list_next,
	.holds		= udp_holds,
	.for_each_owner	= udp_show_owners,
};

#ifdef REUSE_HAVE_UDPLITE

static struct reuse_slots udplite_slots(const struct net *net)
{
	return udp_slots_of(&udplite_table);
}

const struct bind_table reuse_udplite = {
	.name		= "udplite",
	.slots		= udplite_slots,
	.first		= udp_first,
	.next		= udp_next,
	.list		= udp_list,
	.list_first	= udp_list_first,
	.list_next	= udp_list_next,
	.holds		= udp_holds,
	.for_each_owner	= udp_show_owners,
};

#endif
