// SPDX-License-Identifier: GPL-2.0
/*
 * Keeps the lines of a log. An event that is there already is counted; another one takes a new
 * line or, if there is none, that of the event that has not happened for the longest time.
 *
 * All memory is allocated when net.reuse.log is written, as events happen where nobody may
 * sleep. A log belongs to one namespace and has a lock of its own, which is held for as long as
 * it takes to find one line: so a user who fills a log holds up no other namespace.
 */
#include <linux/jhash.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "log.h"

#define SLOT_BITS	8

/**
 * struct log_entry - a line, and where it is found
 * @recent: place in reuse_log.recent
 * @alike: place among those with the same hash
 * @line: the line
 */
struct log_entry {
	struct list_head recent;
	struct hlist_node alike;
	struct reuse_line line;
};

/**
 * struct reuse_log - the log of a namespace
 * @lock: protects the rest; taken with bottom halves off
 * @recent: the entries in use; the one that was used least recently comes first
 * @used: how many are in use
 * @lost: how many lines had to go
 * @seed: seed of the hash, so that no user can choose events that collide
 * @slot: the entries in use, by hash of the event
 * @entry: all entries
 */
struct reuse_log {
	spinlock_t lock;	/* for one line, or for a copy of all */
	struct list_head recent;
	unsigned int used;
	u64 lost;
	u32 seed;
	struct hlist_head slot[1 << SLOT_BITS];
	struct log_entry entry[REUSE_LOG_LINES];
};

/* It is hashed as words */
static_assert(sizeof(struct reuse_event) % sizeof(u32) == 0);

/**
 * reuse_event_init() - begin to describe an event
 * @event: is set
 * @call: what was called, or what arrived
 * @protocol: protocol of the socket
 * @profile: semantics that decide, NULL for native
 *
 * Context: any.
 */
void reuse_event_init(struct reuse_event *event, enum reuse_call call, int protocol,
		      const struct sem_profile *profile)
{
	memset(event, 0, sizeof(*event));
	event->call = call;
	event->protocol = protocol;
	event->profile = profile;
	event->sock.uid = INVALID_UID;
	event->other.uid = INVALID_UID;
}

/**
 * reuse_event_sock() - describe a socket of an event
 * @to: is set
 * @sk: the socket as the rules see it
 * @port: its port, in host byte order
 * @uid: its user, INVALID_UID if not known
 * @inode: number of its inode, 0 if it has none
 *
 * Context: any.
 */
void reuse_event_sock(struct reuse_event_sock *to, const struct sem_sock *sk,
		      unsigned short port, kuid_t uid, unsigned long inode)
{
	memcpy(&to->addr, sk->addr, sizeof(to->addr));
	to->inode = inode;
	to->uid = uid;
	to->dev = sk->dev;
	to->port = port;
	to->state = sk->state;
	to->ipv6 = sk->ipv6;
	to->v6only = sk->v6only;
	to->reuseaddr = sk->reuseaddr;
	to->reuseport = sk->reuseport;
}

/* A packet, or a BPF program that it runs, has no caller, whichever task it interrupts */
static void caller_of(const struct reuse_event *event, struct reuse_caller *caller)
{
	memset(caller, 0, sizeof(*caller));
	if (event->call == REUSE_CALL_DATAGRAM || event->call == REUSE_CALL_SYN || !in_task())
		return;

	caller->pid = task_tgid_nr(current);
	caller->own_pid = task_tgid_vnr(current);
	caller->pid_ns = task_active_pid_ns(current)->ns.inum;
	get_task_comm(caller->comm, current);
}

static struct log_entry *entry_find(struct hlist_head *slot, const struct reuse_event *event)
{
	struct log_entry *entry;

	hlist_for_each_entry(entry, slot, alike) {
		if (!memcmp(&entry->line.event, event, sizeof(*event)))
			return entry;
	}
	return NULL;
}

/* Called under the lock: takes an unused entry, or the one that was used least recently */
static struct log_entry *entry_take(struct reuse_log *log)
{
	struct log_entry *entry;

	if (log->used < REUSE_LOG_LINES) {
		entry = &log->entry[log->used++];
	} else {
		entry = list_first_entry(&log->recent, struct log_entry, recent);
		list_del(&entry->recent);
		hlist_del(&entry->alike);
		log->lost++;
	}
	entry->line.count = 0;
	return entry;
}

/* Called under the lock */
static void log_add(struct reuse_log *log, const struct reuse_event *event,
		    const struct reuse_caller *caller, u64 now)
{
	u32 hash = jhash2((const u32 *)event, sizeof(*event) / sizeof(u32), log->seed);
	struct hlist_head *slot = &log->slot[hash >> (32 - SLOT_BITS)];
	struct log_entry *entry = entry_find(slot, event);

	if (entry) {
		list_move_tail(&entry->recent, &log->recent);
	} else {
		entry = entry_take(log);
		memcpy(&entry->line.event, event, sizeof(*event));
		entry->line.first = now;
		list_add_tail(&entry->recent, &log->recent);
		hlist_add_head(&entry->alike, slot);
	}
	entry->line.caller = *caller;
	entry->line.count++;
	entry->line.last = now;
}

/**
 * reuse_log() - log an event
 * @net: network namespace; if it logs nothing by now, nothing happens
 * @event: the event
 *
 * The caller of an event that is no packet is the current task.
 *
 * Context: any but hard interrupts; on PREEMPT_RT it may sleep.
 */
void reuse_log(const struct net *net, const struct reuse_event *event)
{
	struct reuse_net *rn = reuse_net(net);
	struct reuse_caller caller;
	struct reuse_log *log;

	if (!rn)
		return;

	caller_of(event, &caller);
	rcu_read_lock();
	log = rcu_dereference(rn->log);
	if (log) {
		spin_lock_bh(&log->lock);
		log_add(log, event, &caller, ktime_get_boottime_ns());
		spin_unlock_bh(&log->lock);
	}
	rcu_read_unlock();
}

/* Called under the lock, or before anybody else knows the log */
static void log_clear(struct reuse_log *log)
{
	unsigned int i;

	INIT_LIST_HEAD(&log->recent);
	for (i = 0; i < ARRAY_SIZE(log->slot); i++)
		INIT_HLIST_HEAD(&log->slot[i]);
	log->used = 0;
	log->lost = 0;
}

/**
 * reuse_log_open() - make a namespace's log, unless it has one
 * @rn: state of the namespace
 *
 * Nothing is logged before reuse_log_begin().
 *
 * Context: process context, may sleep; reuse_net.switch_lock is held.
 * Return: 0 or -ENOMEM.
 */
int reuse_log_open(struct reuse_net *rn)
{
	struct reuse_log *log;

	if (rcu_access_pointer(rn->log))
		return 0;

	log = kvzalloc(sizeof(*log), GFP_KERNEL_ACCOUNT);
	if (!log)
		return -ENOMEM;

	spin_lock_init(&log->lock);
	log->seed = get_random_u32();
	log_clear(log);
	rcu_assign_pointer(rn->log, log);
	return 0;
}

/**
 * reuse_log_begin() - begin a namespace's log anew
 * @rn: state of the namespace; it has a log
 * @level: what is logged from now on
 *
 * Context: process context; reuse_net.switch_lock is held.
 */
void reuse_log_begin(struct reuse_net *rn, enum reuse_log_level level)
{
	struct reuse_log *log = rcu_dereference_protected(rn->log,
							  lockdep_is_held(&rn->switch_lock));

	WRITE_ONCE(rn->log_level, level);
	spin_lock_bh(&log->lock);
	log_clear(log);
	spin_unlock_bh(&log->lock);
}

/**
 * reuse_log_withdraw() - take a namespace's log away
 * @rn: state of the namespace
 *
 * Context: process context; reuse_net.switch_lock is held.
 * Return: the log, to be freed after an RCU grace period, or NULL.
 */
struct reuse_log *reuse_log_withdraw(struct reuse_net *rn)
{
	struct reuse_log *log = rcu_dereference_protected(rn->log,
							  lockdep_is_held(&rn->switch_lock));

	WRITE_ONCE(rn->log_level, REUSE_LOG_OFF);
	RCU_INIT_POINTER(rn->log, NULL);
	return log;
}

/**
 * reuse_log_free() - free a log
 * @log: from reuse_log_withdraw(), a grace period ago; or NULL
 *
 * Context: process context.
 */
void reuse_log_free(struct reuse_log *log)
{
	kvfree(log);
}

/**
 * reuse_log_copy() - copy a namespace's log
 * @rn: state of the namespace
 * @copy: is set; without lines if there is no log
 *
 * Context: process context.
 */
void reuse_log_copy(struct reuse_net *rn, struct reuse_log_copy *copy)
{
	struct log_entry *entry;
	struct reuse_log *log;

	copy->n = 0;
	copy->lost = 0;
	rcu_read_lock();
	log = rcu_dereference(rn->log);
	if (log) {
		spin_lock_bh(&log->lock);
		list_for_each_entry(entry, &log->recent, recent)
			copy->line[copy->n++] = entry->line;
		copy->lost = log->lost;
		spin_unlock_bh(&log->lock);
	}
	rcu_read_unlock();
}
