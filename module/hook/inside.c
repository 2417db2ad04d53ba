// SPDX-License-Identifier: GPL-2.0
/*
 * Marks who is inside a replacement, so that its call of the original proceeds.
 *
 * The return address of a call does not tell: a kretprobe or another tracer may have put its
 * own there before the handler sees it. So a replacement enters a key while it runs. The key
 * says which function was redirected for which socket, or in which context. The handler
 * redirects no call whose key is entered; it only ever looks for a key that was entered by
 * the same task, or by the one that held the lock of the socket before.
 *
 * A bucket is a few keys, so that no lock is needed, and each call of a function that is
 * redirected compares no more. Calls that find theirs full are in a list.
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "inside.h"

#define BUCKET_BITS	10
#define SLOTS		4

static struct bucket {
	unsigned long slot[SLOTS];	/* keys; 0 is free */
} buckets[1 << BUCKET_BITS] ____cacheline_aligned_in_smp;

static DEFINE_RAW_SPINLOCK(overflow_lock);	/* protects overflow; taken in any context */
static HLIST_HEAD(overflow);
static atomic_t overflowed;			/* length of overflow */

static struct bucket *bucket_of(unsigned long key)
{
	return &buckets[hash_long(key, BUCKET_BITS)];
}

/**
 * reuse_inside_enter() - note that a replacement begins
 * @in: storage for reuse_inside_leave(), on the stack
 * @key: what the replacement is called for
 *
 * Context: any.
 */
void reuse_inside_enter(struct hook_inside *in, unsigned long key)
{
	struct bucket *b = bucket_of(key);
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		if (!READ_ONCE(b->slot[i]) && !cmpxchg(&b->slot[i], 0, key)) {
			in->slot = &b->slot[i];
			return;
		}
	}

	in->slot = NULL;
	in->key = key;
	raw_spin_lock_irqsave(&overflow_lock, flags);
	hlist_add_head(&in->node, &overflow);
	atomic_inc(&overflowed);
	raw_spin_unlock_irqrestore(&overflow_lock, flags);
}

/**
 * reuse_inside_leave() - note that a replacement is about to return
 * @in: what was passed to reuse_inside_enter()
 *
 * Context: any.
 */
void reuse_inside_leave(struct hook_inside *in)
{
	unsigned long flags;

	if (in->slot) {
		WRITE_ONCE(*in->slot, 0);
		return;
	}

	raw_spin_lock_irqsave(&overflow_lock, flags);
	hlist_del(&in->node);
	atomic_dec(&overflowed);
	raw_spin_unlock_irqrestore(&overflow_lock, flags);
}

static notrace bool in_overflow(unsigned long key)
{
	struct hook_inside *in;
	unsigned long flags;
	bool found = false;

	raw_spin_lock_irqsave(&overflow_lock, flags);
	hlist_for_each_entry(in, &overflow, node)
		found |= in->key == key;
	raw_spin_unlock_irqrestore(&overflow_lock, flags);
	return found;
}

/**
 * reuse_inside() - is this a call of the original by a replacement?
 * @key: what the function is called for
 *
 * Context: any, from a handler.
 * Return: true if so.
 */
notrace bool reuse_inside(unsigned long key)
{
	const struct bucket *b = bucket_of(key);
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		if (READ_ONCE(b->slot[i]) == key)
			return true;
	}
	return atomic_read(&overflowed) && in_overflow(key);
}
