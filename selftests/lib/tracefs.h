/* SPDX-License-Identifier: GPL-2.0 */
/* The module's tracepoints, by tracefs alone, in an instance of this program's own. */
#ifndef REUSE_TRACEFS_H
#define REUSE_TRACEFS_H

#include <stdbool.h>
#include <stddef.h>

#define TRACEFS		"/sys/kernel/tracing/"

/**
 * struct tracefs_event - one line of the trace
 * @text: the fields as printed: "name=value name=value"
 * @next: the line after it, NULL for the last
 */
struct tracefs_event {
	const char *text;
	struct tracefs_event *next;
};

bool tracefs_there(const char *name);
void tracefs_begin(void);
int tracefs_enable(const char *name, bool on);
void tracefs_filter(const char *name, const char *filter);
void tracefs_forget(void);
void tracefs_end(void);
struct tracefs_event *tracefs_read(const char *name);
const char *tracefs_field(const struct tracefs_event *event, const char *field);
unsigned long tracefs_number(const struct tracefs_event *event, const char *field);

#endif
