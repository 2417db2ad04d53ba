/* SPDX-License-Identifier: GPL-2.0 */
/* Private to module/hook/: which calls are inside a replacement. */
#ifndef _REUSE_INSIDE_H
#define _REUSE_INSIDE_H

#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/types.h>

struct sock;

/**
 * enum inside_kind - groups of functions of which one calls no other for the same subject
 * @INSIDE_BIND: refusal of a bind; a socket may have several at a time, as nobody asks for it
 * @INSIDE_GET_PORT: choice of a port
 * @INSIDE_CONNECT4: connect() to an IPv4 remote end
 * @INSIDE_CONNECT6: connect() by an IPv6 socket, which may call the former
 * @INSIDE_CREATE: initialisation
 * @INSIDE_UNHASH: the end of a UDP socket's hold on its port
 * @INSIDE_DESTRUCT: the end of a socket
 * @INSIDE_LOOKUP: lookup of a listener
 * @INSIDE_LOOKUP_SOFTIRQ: the same, in a softirq, which may interrupt the former
 */
enum inside_kind {
	INSIDE_BIND,
	INSIDE_GET_PORT,
	INSIDE_CONNECT4,
	INSIDE_CONNECT6,
	INSIDE_CREATE,
	INSIDE_UNHASH,
	INSIDE_DESTRUCT,
	INSIDE_LOOKUP,
	INSIDE_LOOKUP_SOFTIRQ,
};

/**
 * struct hook_inside - a call is inside a replacement
 * @slot: where its key is, NULL if it is in a list
 * @key: its key, if it is in a list
 * @node: its place in that list
 */
struct hook_inside {
	unsigned long *slot;
	unsigned long key;
	struct hlist_node node;
};

/*
 * A key is an address inside the socket or the task, which no other object has. Unless @kind is
 * INSIDE_BIND, the caller has locked the socket, or it is new, or about to be freed: no other task
 * calls such a function for it.
 */
static inline unsigned long reuse_inside_sock(const struct sock *sk, enum inside_kind kind)
{
	return (unsigned long)sk + kind;
}

/* In a task, or in a softirq that interrupts it, no lookup is called inside another */
static inline unsigned long reuse_inside_context(void)
{
	return (unsigned long)current +
	       (in_serving_softirq() ? INSIDE_LOOKUP_SOFTIRQ : INSIDE_LOOKUP);
}

void reuse_inside_enter(struct hook_inside *in, unsigned long key);
void reuse_inside_leave(struct hook_inside *in);
bool reuse_inside(unsigned long key);

#endif
