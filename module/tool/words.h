/* SPDX-License-Identifier: GPL-2.0 */
/* Events of the log: in words, and as JSON. */
#ifndef REUSE_WORDS_H
#define REUSE_WORDS_H

#include <stdio.h>

#include "event.h"

/* Room for the processes that hold a socket */
#define HOLDER_LEN	128

/**
 * struct event_holders - the processes that have the sockets of an event open
 * @other: the one that decided, or got the packet; empty if none is known
 * @native: the one that Linux would have given the packet
 */
struct event_holders {
	char other[HOLDER_LEN];
	char native[HOLDER_LEN];
};

const char *rule_sentence(const char *rule);
void event_want_holders(const struct event *e);
void event_find_holders(const struct event *e, struct event_holders *holders);
void event_words(FILE *out, const struct event *e, const struct event_holders *holders);
void event_json(const struct event *e, const char * const *extra_name, size_t extras,
		const struct event_holders *holders);

#endif
