/* SPDX-License-Identifier: GPL-2.0 */
/* "reuse run --report": how the sockets of a command were treated otherwise than by Linux. */
#ifndef REUSE_REPORT_H
#define REUSE_REPORT_H

#include "words.h"

/**
 * struct report - what the log said while a command ran
 * @ns: the namespace of the command
 * @seen: all events
 * @holders: for each event, by its number: the processes that had its sockets open then
 * @room: for how many there is room
 * @missing: events that the log lost before they were read, or that could not be read
 * @before: the mode of the log before
 */
struct report {
	struct netns ns;
	struct history seen;
	struct event_holders *holders;
	size_t room;
	unsigned long missing;
	char before[SEMANTICS_LEN];
};

bool report_begin(struct report *r);
void report_poll(struct report *r);
void report_end(struct report *r);
bool report_differs(const struct report *r);
void report_print(const struct report *r, const char *semantics);
void report_json(const struct report *r, const char *semantics, char * const *command,
		 int status);
void report_free(struct report *r);

#endif
