/* SPDX-License-Identifier: GPL-2.0 */
/* Reading one slot of a table of bound sockets in short holds of its lock. */
#ifndef _REUSE_WALK_H
#define _REUSE_WALK_H

/* A program has its own, see selftests/walk_model.c */
#ifdef __KERNEL__
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#endif

struct net;
struct reuse_fastreuse;
struct sock;

/**
 * struct reuse_slots - the slots of one of the kernel's tables of bound sockets
 * @base: first slot
 * @n: number of slots, a power of two
 * @size: of a slot in bytes
 * @lock: offset of the slot's spinlock, to be taken with bottom halves off
 * @head: offset of the slot's list
 */
struct reuse_slots {
	char *base;
	unsigned int n;
	unsigned int size;
	unsigned int lock;
	unsigned int head;
};

static inline spinlock_t *reuse_slot_lock(const struct reuse_slots *slots,
					  unsigned int slot)
{
	return (spinlock_t *)(slots->base + (size_t)slot * slots->size +
			      slots->lock);
}

static inline struct hlist_head *
reuse_slot_head(const struct reuse_slots *slots, unsigned int slot)
{
	return (struct hlist_head *)(slots->base + (size_t)slot * slots->size +
				     slots->head);
}

/**
 * enum owner_walk - what else of a port is to be shown
 * @OWNERS_NEXT: go on
 * @OWNERS_SKIP_ADDRESS: nothing of this address, where each has a list
 * @OWNERS_STOP: nothing
 */
enum owner_walk {
	OWNERS_NEXT,
	OWNERS_SKIP_ADDRESS,
	OWNERS_STOP,
};

typedef enum owner_walk (*owner_visit_t)(struct sock *sk, void *arg);

/**
 * struct bind_table - how to read one protocol's table of bound sockets
 * @name: the protocol, as the first column has it
 * @slots: where the table of a namespace is; it stays there
 * @first: the first socket of the slot's first list, or NULL
 * @next: the socket after one that is in the slot, in the same list, or NULL
 * @list: the list that a socket is in. The caller remembers it while the lock is
 *	not held and only compares it: it may be freed memory by then
 * @list_first: the first socket of the list that one of the slot is in
 * @list_next: the first socket of the list after that one, or NULL
 * @holds: a socket is in the slot still and in the same @list; the caller owns
 *	a reference to the socket
 * @fastreuse: the cache of the socket's bucket, or NULL
 *
 * @for_each_owner: show the sockets on a port that a socket asks for, but for itself:
 *	first to one function, then to the other, which may be NULL. Newest first, but
 *	for UDP sockets with SO_REUSEPORT and IPv6, which come last and oldest first;
 *	and only of each address where each has a list, see reuse_tcp_in_order(). There
 *	a socket is at the head of its list again when its connect() has failed
 *
 * All but @slots and @for_each_owner are called with the lock of the slot held. The
 * latter takes it, with bottom halves off already, and calls the functions under it.
 *
 * A slot holds the sockets of all the ports that hash to it, in one list or in
 * several. The sockets of one row of /proc/net/reuse are in one list. A socket
 * enters its list at the head (or, some of UDP, at its very end), and a list
 * enters the slot before the other lists, or before those of the same port.
 *
 * @first and @list_next leave out other namespaces' sockets where that costs
 * nothing: the caller looks at each socket's net.
 */
struct bind_table {
	const char *name;
	struct reuse_slots (*slots)(const struct net *net);
	struct sock *(*first)(const struct net *net,
			      const struct hlist_head *head);
	struct sock *(*next)(const struct sock *sk);
	const void *(*list)(const struct sock *sk);
	struct sock *(*list_first)(const struct hlist_head *head,
				   const struct sock *sk);
	struct sock *(*list_next)(const struct net *net, const struct sock *sk);
	bool (*holds)(const struct reuse_slots *slots, unsigned int slot,
		      const struct sock *sk, const void *list);
	void (*fastreuse)(const struct sock *sk, struct reuse_fastreuse *fastreuse);
	void (*for_each_owner)(const struct sock *sk, unsigned short port,
			       owner_visit_t visit, owner_visit_t then, void *arg);
};

typedef int (*reuse_visit_t)(struct sock *sk, unsigned int round, void *arg);

int reuse_walk(const struct bind_table *table, const struct net *net,
	       const struct reuse_slots *slots, unsigned int slot,
	       unsigned int chunk, reuse_visit_t visit, void *arg);

#endif
