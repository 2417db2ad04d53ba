/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/net/reuse_why: whether a bind() would be allowed, and if not, why. */
#ifndef REUSE_ASK_H
#define REUSE_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "netns.h"

/* Room for an answer: two lines */
#define ANSWER_LEN	2048
#define ANSWER_COLS	48

/**
 * struct question - a socket that would be bound
 * @proto: tcp, udp or udplite
 * @address: the address and port as the file has them
 * @dev: the device; NULL: none
 * @semantics: NULL: those in force
 * @uid: the user; NULL: the one who asks
 * @v6only: "0" or "1"; NULL: as new sockets have it
 * @reuseaddr: it has SO_REUSEADDR
 * @reuseport: it has SO_REUSEPORT
 * @listen: listen() follows
 */
struct question {
	const char *proto;
	char address[64];
	const char *dev;
	const char *semantics;
	const char *uid;
	const char *v6only;
	bool reuseaddr;
	bool reuseport;
	bool listen;
};

/**
 * struct answer - the answer to a question
 * @text: both lines, with a zero behind each word
 * @n: how many columns there are
 * @name: their names
 * @value: their values
 */
struct answer {
	char text[ANSWER_LEN];
	size_t n;
	const char *name[ANSWER_COLS];
	const char *value[ANSWER_COLS];
};

int ask(const struct netns *ns, const struct question *q, struct answer *a);
const char *answer_get(const struct answer *a, const char *name);
bool answer_allows(const struct answer *a);

#endif
