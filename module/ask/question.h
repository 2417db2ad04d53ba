/* SPDX-License-Identifier: GPL-2.0 */
/* Private to ask/: a question about a bind, and its answer. */
#ifndef _REUSE_QUESTION_H
#define _REUSE_QUESTION_H

#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/net_namespace.h>

#include "bind/explain.h"

/* Bytes of a question, with its end */
#define QUESTION_MAX	256
/* Bytes of an answer, with its end: two names of devices are in it, and two IPv6 addresses */
#define ANSWER_MAX	1024

/**
 * struct question - would this bind be allowed?
 * @net: network namespace
 * @ns: user namespace of the task that asks: uids are as it sees them
 * @self: the socket
 * @uid: its user
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE, 0 if not said yet
 * @port: in host byte order; 0 if not said yet
 * @as: semantics to answer for: a profile or &sem_native
 * @others_uid: the user is another one than the task's
 * @clears_v6only: IPV6_V6ONLY=0 was asked for
 */
struct question {
	struct net *net;
	struct user_namespace *ns;
	struct sem_sock self;
	kuid_t uid;
	u8 protocol;
	u16 port;
	const struct sem_profile *as;
	bool others_uid;
	bool clears_v6only;
};

/* question.c */
int reuse_question_parse(struct question *q, char *text);

/* answer.c */
int reuse_answer(const struct question *q, char *text, size_t size);

#endif
