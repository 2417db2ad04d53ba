/* SPDX-License-Identifier: GPL-2.0 */
/* /proc/net/reuse_log, read: binds that were refused, and what Linux would have done otherwise. */
#ifndef REUSE_EVENT_H
#define REUSE_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "netns.h"

/* The columns that are known here */
enum event_col {
	E_COUNT, E_FIRST, E_LAST, E_PID, E_COMM, E_UID, E_CALL, E_PROTO, E_LOCAL, E_DEV, E_V6ONLY,
	E_REUSEADDR, E_REUSEPORT, E_SEMANTICS, E_VERDICT, E_NATIVE, E_RULE, E_OTHER, E_OTHER_DEV,
	E_OTHER_STATE, E_OTHER_UID, E_OTHER_REUSEADDR, E_OTHER_REUSEPORT, E_OTHER_INODE,
	EVENT_COLS
};

/**
 * enum treated - how a socket was treated, compared with what Linux would have done
 * @AS_LINUX: the same, or it is not known
 * @REFUSED: Linux would have allowed it, or given the packet to a socket, or another error
 * @ALLOWED: Linux would have refused it
 * @ELSEWHERE: the packet went to another socket
 */
enum treated { AS_LINUX, REFUSED, ALLOWED, ELSEWHERE };

/**
 * struct event - a line of the file
 * @col: the columns; "-" if the file does not have one
 * @extra: the columns that are not known here, as struct log names them
 * @count: how often it happened
 * @number: its place in struct history; after history_merge() that of the last one
 */
struct event {
	const char *col[EVENT_COLS];
	const char **extra;
	unsigned long count;
	size_t number;
};

/**
 * struct log - the file
 * @text: its text, with a zero behind each column
 * @extra_name: the names of the columns that are not known here
 * @extras: how many these are
 * @event: the events, in the order of the file
 * @n: how many
 * @lost: how many events are missing, as there was no room for them
 */
struct log {
	char *text;
	const char **extra_name;
	size_t extras;
	struct event *event;
	size_t n;
	unsigned long lost;
};

/**
 * struct history - events of many readings of the file, each once
 * @tree: finds an event, for tsearch(3)
 * @event: the events, in the order in which they came
 * @n: how many
 * @room: for how many there is room
 */
struct history {
	void *tree;
	struct event **event;
	size_t n;
	size_t room;
};

extern const char * const event_name[EVENT_COLS];

int log_read(struct log *log, const char *path);
int netns_log(const struct netns *ns, struct log *log);
void log_free(struct log *log);
bool event_is_packet(const struct event *e);
enum treated event_treated(const struct event *e);
unsigned long event_inode(const struct event *e);
unsigned long event_native_inode(const struct event *e);
bool history_add(struct history *h, const struct log *log, const struct event *e);
void history_merge(struct history *h);
void history_free(struct history *h);

#endif
