/* SPDX-License-Identifier: GPL-2.0 */
/* net.reuse.log and /proc/net/reuse_log: read, checked, and compared to what is expected. */
#ifndef REUSE_EVENTS_H
#define REUSE_EVENTS_H

#include <stddef.h>

#include "env.h"

#define EVENTS_SYSCTL	"/proc/sys/net/reuse/log"
#define EVENTS_FILE	"/proc/net/reuse_log"
#define EVENTS_HEADER	"count first last pid comm uid call proto local_address dev v6only " \
			"reuseaddr reuseport semantics verdict native rule other_address " \
			"other_dev other_state other_uid other_reuseaddr other_reuseport other_inode"
#define EVENTS_COLS	24
#define EVENTS_MAX	256

/**
 * struct event - a line of the log
 * @col: its columns as text, in the order of EVENTS_HEADER
 */
struct event {
	const char *col[EVENTS_COLS];
};

/**
 * struct events - the log
 * @event: its lines, in the order of the file
 * @n: how many
 * @lost: how many were lost, as the last line says
 * @text: what the columns point into
 */
struct events {
	struct event event[EVENTS_MAX];
	size_t n;
	unsigned long lost;
	char *text;
};

void events_begin(const char *level);
void events_parse(char *text, struct events *events);
void events_read(const char *path, struct events *events);
void events_free(struct events *events);
const char *event_col(const struct event *event, const char *name);
__printf(1, 2) char *events_expect(const char *fmt, ...);

/* The log has these lines and no others: "name=value name=value", one line for each event */
#define EXPECT_EVENTS(...) do { \
	char *why = events_expect(__VA_ARGS__); \
	EXPECT_TRUE(!why) \
		TH_LOG("%s", why); \
} while (0)

#endif
