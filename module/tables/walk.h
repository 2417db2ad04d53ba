/* SPDX-License-Identifier: GPL-2.0 */
/* Read one slot of a table of bound sockets in short holds of its lock. */
#ifndef _REUSE_WALK_H
#define _REUSE_WALK_H

/* selftests/list/walk_model.c compiles this in userspace, with definitions of its own */
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
 * @size: size of a slot in bytes
 * @lock: offset of the slot's spinlock in bytes, to be taken with bottom halves off
 * @head: offset of the slot's list in bytes
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
 * enum owner_walk - which owners of a port are to be shown next
 * @OWNERS_NEXT: the owner that follows
 * @OWNERS_SKIP_ADDRESS: the owners of the next address, if each address has a list;
 *	otherwise the owner that follows
 * @OWNERS_STOP: none
 */
enum owner_walk {
	OWNERS_NEXT,
	OWNERS_SKIP_ADDRESS,
	OWNERS_STOP,
};

typedef enum owner_walk (*owner_visit_t)(struct sock *sk, void *arg);

/**
 * struct bind_table - how to read one protocol's table of bound sockets
 * @name: the protocol, as in the first column of /proc/net/reuse
 * @slots: where the table of a namespace is; that never changes
 * @first: the first socket of the slot's first list, or NULL
 * @next: the socket after one that is in the slot, in the same list, or NULL
 * @list: the list that a socket is in. The caller remembers it while the lock is
 *	not held and only compares it: it may be freed memory by then
 * @list_first: the first socket of the list that a socket of the slot is in
 * @list_next: the first socket of the list after the one that a socket is in, or NULL
 * @holds: is a socket still in the slot and in the same list? The caller owns a
 *	reference to the socket
 * @fastreuse: read the cache of a socket's bucket; NULL if the table has none
 *
 * @for_each_owner: show the owners of a port to @visit and, unless that says OWNERS_STOP, once
 *	more to @then, which may be NULL; but not the socket that asks for the port. The
 *	newest owner comes first, except that IPv6 UDP sockets with SO_REUSEPORT come last and
 *	oldest first.
 *	Where each address has a list (see reuse_tcp_in_order()), that is the order within
 *	a list, and a failed connect() moves a socket to the head of its list
 *
 * All but @slots and @for_each_owner are called with the lock of the slot held.
 * @for_each_owner is called with bottom halves off, takes that lock, and calls @visit and
 * @then under it.
 *
 * A slot holds the sockets of all the ports that hash to it, in one list or in
 * several. The sockets of one row of /proc/net/reuse are in one list. A socket
 * enters its list at the head (or, some of UDP, at its very end), and a list
 * enters the slot before the other lists, or before those of the same port.
 *
 * @first and @list_next leave out sockets of other namespaces only if that costs
 * nothing: the caller must check each socket's namespace.
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
