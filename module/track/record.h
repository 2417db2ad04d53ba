/* SPDX-License-Identifier: GPL-2.0 */
/* Private to track/: the table of records. */
#ifndef _REUSE_RECORD_H
#define _REUSE_RECORD_H

#include <linux/hash.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/spinlock.h>

#include "track.h"

#define TRACKED_BITS	16

struct tracked_chain {
	spinlock_t lock;	/* protects @sockets and the records in it */
	struct hlist_head sockets;
};

extern struct tracked_chain *reuse_tracked_chains;

static inline struct tracked_chain *reuse_tracked_chain(const struct sock *sk)
{
	return &reuse_tracked_chains[hash_ptr(sk, TRACKED_BITS)];
}

/*
 * Find the record of a socket without a lock, under RCU. Records stay records
 * (SLAB_TYPESAFE_BY_RCU). As long as @sk is not closed, its record is found or, if this loop
 * follows another record to another chain, it is not.
 */
static inline const struct reuse_tracked *reuse_tracked_look(const struct sock *sk)
{
	const struct reuse_tracked *tracked;

	hlist_for_each_entry_rcu(tracked, &reuse_tracked_chain(sk)->sockets, node) {
		/* The record of another socket may be changing */
		if (data_race(READ_ONCE(tracked->sk)) == sk)
			return tracked;
	}
	return NULL;
}

struct reuse_tracked *reuse_tracked_find(const struct tracked_chain *chain,
					 const struct sock *sk);
bool reuse_tracked_reserve(void);
struct reuse_tracked *reuse_tracked_get(struct tracked_chain *chain, struct sock *sk);
void reuse_tracked_uncount(struct reuse_tracked *tracked);
void reuse_tracked_forget(struct reuse_tracked *tracked);

#endif
