// SPDX-License-Identifier: GPL-2.0
/*
 * Which sockets share an address and port: a packet's receiver is one of them.
 *
 * A place is an address and port of a namespace. It has a list of the records of
 * those that were bound there, the one that receives before the others first,
 * and a lock of its own: however many they are and whatever comes for them, it
 * is nothing to other places. What places do share is a chain of a hash table;
 * the hash is not to be guessed, so nobody makes a chain long but by having
 * many places, 65,536 of them for each that is added to all chains.
 *
 * A place is found under RCU. It is made by the first who is bound there and
 * freed by the last, under the lock of its chain.
 *
 * The table is of fixed size: a port is bound and freed far more often than it
 * is looked for.
 */
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/netns/hash.h>

#include "order.h"
#include "place.h"

#define PLACE_BITS	16

/* Sockets with a remote end to be met at the head of a list each time */
#define MET_MAX		16

struct place_chain {
	spinlock_t lock;	/* of changes to @places */
	struct hlist_head places;
};

/**
 * struct place - what sockets that receive the same have in common
 * @id: which
 * @node: in @chain
 * @chain: of the hash table
 * @lock: of the lists; taken under that of @chain if it is to be freed
 * @sharing: records
 * @aside: records of those that had a remote end, when last seen
 * @rcu: to free it
 */
struct place {
	struct reuse_place id;
	struct hlist_node node;
	struct place_chain *chain;
	spinlock_t lock;	/* of the lists */
	struct list_head sharing;
	struct list_head aside;
	struct rcu_head rcu;
};

static struct place_chain *chains;
static u32 seed __ro_after_init;

/* One for the next that is bound, so that it does not fail when it is */
static DEFINE_PER_CPU(struct place *, spare);

/**
 * reuse_place_setup() - make the table
 *
 * Context: process context, may sleep; while the module is loaded.
 * Return: 0 or -ENOMEM.
 */
int __init reuse_place_setup(void)
{
	unsigned int i;

	chains = kvcalloc(BIT(PLACE_BITS), sizeof(*chains), GFP_KERNEL);
	if (!chains)
		return -ENOMEM;
	for (i = 0; i < BIT(PLACE_BITS); i++)
		spin_lock_init(&chains[i].lock);
	seed = get_random_u32();
	return 0;
}

/**
 * reuse_place_teardown() - undo reuse_place_setup()
 *
 * Context: process context, may sleep; there are no records.
 */
void reuse_place_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		kfree(per_cpu(spare, cpu));
	kvfree(chains);
}

static struct place_chain *chain_of(const struct reuse_place *id)
{
	u32 initval = seed ^ net_hash_mix(id->net) ^
		      (id->protocol << 16 | id->port);
	u32 hash = jhash2((const u32 *)id->addr, 4, initval);

	return &chains[(hash + id->kind * GOLDEN_RATIO_32) >> (32 - PLACE_BITS)];
}

/* Under RCU, or the lock of the chain */
static struct place *place_find(const struct place_chain *chain,
				const struct reuse_place *id)
{
	struct place *place;

	hlist_for_each_entry_rcu(place, &chain->places, node,
				 lockdep_is_held(&chain->lock)) {
		if (place->id.port == id->port && place->id.net == id->net &&
		    place->id.protocol == id->protocol &&
		    place->id.kind == id->kind &&
		    !memcmp(place->id.addr, id->addr, sizeof(id->addr)))
			return place;
	}
	return NULL;
}

static struct place *place_alloc(void)
{
	return kmalloc(sizeof(struct place),
		       GFP_ATOMIC | __GFP_NOWARN | __GFP_ACCOUNT);
}

/**
 * reuse_place_reserve() - have memory for one more place
 *
 * Context: bottom halves off, until reuse_place_join().
 * Return: false if there is none.
 */
bool reuse_place_reserve(void)
{
	struct place *place;

	if (this_cpu_read(spare))
		return true;
	place = place_alloc();
	kfree(this_cpu_xchg(spare, place));
	return place;
}

/* Under the lock of the chain */
static struct place *place_new(struct place_chain *chain,
			       const struct reuse_place *id)
{
	struct place *place = this_cpu_xchg(spare, NULL);

	/* With PREEMPT_RT, somebody else on this CPU may have taken it */
	if (!place)
		place = place_alloc();
	if (!place)
		return NULL;
	place->id = *id;
	place->chain = chain;
	spin_lock_init(&place->lock);
	INIT_LIST_HEAD(&place->sharing);
	INIT_LIST_HEAD(&place->aside);
	hlist_add_head_rcu(&place->node, &chain->places);
	return place;
}

/**
 * reuse_place_join() - add a record to those of a place
 * @tracked: is at no place
 * @id: the place
 * @last: it receives after the others, otherwise before
 *
 * Context: bottom halves off, reuse_place_reserve() has been called; under the
 * lock of @tracked.
 * Return: false, without memory.
 */
bool reuse_place_join(struct reuse_tracked *tracked, const struct reuse_place *id,
		      bool last)
{
	struct place_chain *chain = chain_of(id);
	struct place *place;

	spin_lock(&chain->lock);
	place = place_find(chain, id) ?: place_new(chain, id);
	if (place) {
		spin_lock(&place->lock);
		if (last)
			list_add_tail(&tracked->sharing, &place->sharing);
		else
			list_add(&tracked->sharing, &place->sharing);
		tracked->place = &place->id;
		place->id.devices |= id->devices;
		spin_unlock(&place->lock);
	}
	spin_unlock(&chain->lock);
	return place;
}

/**
 * reuse_place_set_devices() - one of a place is being bound to a device
 * @tracked: of it, is at a place
 *
 * Context: bottom halves off; under the lock of @tracked.
 */
void reuse_place_set_devices(const struct reuse_tracked *tracked)
{
	struct place *place = container_of(tracked->place, struct place, id);

	spin_lock(&place->lock);
	place->id.devices = true;
	spin_unlock(&place->lock);
}

/**
 * reuse_place_leave() - take a record away from where it is
 * @tracked: is at a place
 *
 * Context: bottom halves off; under the lock of @tracked.
 */
void reuse_place_leave(struct reuse_tracked *tracked)
{
	struct place *place = container_of(tracked->place, struct place, id);
	struct place_chain *chain = place->chain;
	bool empty;

	spin_lock(&chain->lock);
	spin_lock(&place->lock);
	list_del(&tracked->sharing);
	tracked->place = NULL;
	empty = list_empty(&place->sharing) && list_empty(&place->aside);
	spin_unlock(&place->lock);
	if (empty) {
		hlist_del_rcu(&place->node);
		kfree_rcu(place, rcu);
	}
	spin_unlock(&chain->lock);
}

/* What is asked for of a place */
struct wanted {
	unsigned int looks;
	scan_fn_t fn;
	void *arg;
};

/* Under the lock; true if no more is to be looked at */
static bool place_each(struct place *place, struct wanted *w)
{
	struct reuse_tracked *tracked, *safe;
	unsigned int met = 0;

	list_for_each_entry_safe(tracked, safe, &place->sharing, sharing) {
		enum scan_step next;

		if (!w->looks--)
			return true;
		next = w->fn(tracked, w->arg);
		if (next == SCAN_DONE)
			return true;
		if (next == SCAN_CONNECTED && ++met > MET_MAX)
			list_move(&tracked->sharing, &place->aside);
	}
	return false;
}

/* Under the lock */
static void place_each_aside(struct place *place, struct wanted *w)
{
	struct reuse_tracked *tracked;

	list_for_each_entry(tracked, &place->aside, sharing) {
		if (!w->looks--)
			break;
		if (w->fn(tracked, w->arg) == SCAN_DONE) {
			list_move(&tracked->sharing, &place->sharing);
			break;
		}
	}
}

/**
 * reuse_place_each() - go over the records of a place
 * @id: the place; with @devices, only if it has that
 * @looks: at how many records to look at most
 * @fn: called for each, the one that receives before the others first, under a
 *	lock
 * @arg: for @fn
 *
 * What @fn puts aside is met last from then on, if there are many of that: the
 * others are soon found however many have a remote end. (One that loses it
 * again counts as the one that receives last.)
 *
 * Context: bottom halves off, under RCU.
 */
void reuse_place_each(const struct reuse_place *id, unsigned int looks,
		      scan_fn_t fn, void *arg)
{
	struct wanted w = { .looks = looks, .fn = fn, .arg = arg };
	struct place *place = place_find(chain_of(id), id);

	if (!place)
		return;
	spin_lock(&place->lock);
	if ((place->id.devices || !id->devices) && !place_each(place, &w) &&
	    !list_empty(&place->aside))
		place_each_aside(place, &w);
	spin_unlock(&place->lock);
}

/* Under the lock */
static bool place_newest(const struct place *place, bool oldest_first,
			 unsigned int *looks, scan_fn_t fn, void *arg)
{
	const struct list_head *at = &place->sharing;

	for (;;) {
		at = oldest_first ? at->prev : at->next;
		if (at == &place->sharing)
			break;
		if (!*looks)
			return false;
		if (fn(list_entry(at, struct reuse_tracked, sharing), arg) == SCAN_DONE)
			break;
		--*looks;
	}
	return list_empty(&place->aside);
}

/**
 * reuse_place_newest() - go over the records of a place, the one bound last first
 * @id: the place
 * @oldest_first: it is the one bound first that receives there
 * @looks: at how many records to look in vain; counts down
 * @fn: called for each until it is done, under a lock
 * @arg: for @fn
 *
 * Context: bottom halves off; the lock of a slot of TCP's table may be held.
 * Return: false if there are others that may be newer: more than @looks, or some that had a
 * remote end when a packet met them, which are in no order.
 */
bool reuse_place_newest(const struct reuse_place *id, bool oldest_first,
			unsigned int *looks, scan_fn_t fn, void *arg)
{
	struct place *place;
	bool all = true;

	rcu_read_lock();
	place = place_find(chain_of(id), id);
	if (place) {
		spin_lock(&place->lock);
		all = place_newest(place, oldest_first, looks, fn, arg);
		spin_unlock(&place->lock);
	}
	rcu_read_unlock();
	return all;
}
