/* SPDX-License-Identifier: GPL-2.0 */
/* Private to record.c and events.c: the table of notes. */
#ifndef _REUSE_RECORD_H
#define _REUSE_RECORD_H

#include <linux/hash.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "order.h"

#define NOTE_BITS	16

struct note_chain {
	spinlock_t lock;	/* of @notes, and of what they say */
	struct hlist_head notes;
};

extern struct note_chain *reuse_note_chains;

static inline struct note_chain *reuse_note_chain(const struct sock *sk)
{
	return &reuse_note_chains[hash_ptr(sk, NOTE_BITS)];
}

struct reuse_note *reuse_note_find(const struct note_chain *chain,
				   const struct sock *sk);
struct reuse_note *reuse_note_new(struct note_chain *chain, struct sock *sk);
void reuse_note_count(const struct reuse_note *note, int n);
void reuse_note_uncount(struct reuse_note *note);

#endif
