/* SPDX-License-Identifier: GPL-2.0 */
/* Private to track/: memory that was freed on a CPU and serves again. */
#ifndef _REUSE_FREE_LIST_H
#define _REUSE_FREE_LIST_H

#include <linux/kernel.h>
#include <linux/percpu.h>
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

/* Called with bottom halves off, as all of these. NULL if there is none */
static inline void *free_list_take(struct free_list __percpu *list)
{
	struct free_list *l;
	void *piece = NULL;

	local_lock(&list->lock);
	l = this_cpu_ptr(list);
	if (l->n)
		piece = l->piece[--l->n];
	local_unlock(&list->lock);
	return piece;
}

static inline bool free_list_has_any(struct free_list __percpu *list)
{
	bool any;

	local_lock(&list->lock);
	any = this_cpu_ptr(list)->n;
	local_unlock(&list->lock);
	return any;
}

/* False if the list is full */
static inline bool free_list_give(struct free_list __percpu *list, void *piece)
{
	struct free_list *l;
	bool taken;

	local_lock(&list->lock);
	l = this_cpu_ptr(list);
	taken = l->n < ARRAY_SIZE(l->piece);
	if (taken)
		l->piece[l->n++] = piece;
	local_unlock(&list->lock);
	return taken;
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
