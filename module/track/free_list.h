/* SPDX-License-Identifier: GPL-2.0 */
/* Private to track/: memory that was freed on a CPU and serves again. */
#ifndef _REUSE_FREE_LIST_H
#define _REUSE_FREE_LIST_H

#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/local_lock.h>	/* must come after spinlock.h */

/**
 * struct free_list - pieces of memory of one kind that were freed on one CPU
 * @lock: protects the rest: with PREEMPT_RT, other tasks may run on this CPU while bottom halves
 *	are off
 * @n: how many pieces there are
 * @piece: the pieces; several, as UDP sockets are freed in batches, and buckets, too
 */
struct free_list {
	local_lock_t lock;
	unsigned int n;
	void *piece[30];
};

#define DEFINE_FREE_LIST(name)						\
	DEFINE_PER_CPU(struct free_list, name) = { .lock = INIT_LOCAL_LOCK(lock) }

/* Called with bottom halves off, as all of these. Without a piece, from @cache; NULL: no memory */
static inline void *free_list_take(struct free_list __percpu *list, struct kmem_cache *cache)
{
	struct free_list *l;
	void *piece = NULL;

	local_lock(&list->lock);
	l = this_cpu_ptr(list);
	if (l->n)
		piece = l->piece[--l->n];
	local_unlock(&list->lock);
	return piece ?: kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
}

/* To @cache if the list is full */
static inline void free_list_give(struct free_list __percpu *list, struct kmem_cache *cache,
				  void *piece)
{
	struct free_list *l;
	bool taken;

	local_lock(&list->lock);
	l = this_cpu_ptr(list);
	taken = l->n < ARRAY_SIZE(l->piece);
	if (taken)
		l->piece[l->n++] = piece;
	local_unlock(&list->lock);
	if (!taken)
		kmem_cache_free(cache, piece);
}

/*
 * Sees to it that there is a piece: the next free_list_take() succeeds if bottom halves stay off
 * until then. (With PREEMPT_RT, another task on this CPU may take it.) False without memory
 */
static inline bool free_list_reserve(struct free_list __percpu *list, struct kmem_cache *cache)
{
	void *piece;
	bool any;

	local_lock(&list->lock);
	any = this_cpu_ptr(list)->n;
	local_unlock(&list->lock);
	if (any)
		return true;
	piece = kmem_cache_alloc(cache, GFP_ATOMIC | __GFP_NOWARN);
	if (piece)
		free_list_give(list, cache, piece);
	return piece;
}

/* For use when nothing is given any more: takes from the list of any CPU */
static inline void *free_list_take_last(struct free_list __percpu *list)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct free_list *l = per_cpu_ptr(list, cpu);

		if (l->n)
			return l->piece[--l->n];
	}
	return NULL;
}

#endif
