// SPDX-License-Identifier: GPL-2.0
/* The module's tracepoints, by tracefs alone, in an instance of this program's own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env.h"
#include "tracefs.h"

/* An instance is made with the option of the top level */
#define RECORD_CMD	TRACEFS "options/record-cmd"

/* Nobody else's events come here, nor do ours go elsewhere */
static const char *instance;
static pid_t owner;

/**
 * tracefs_there() - has this kernel such a tracepoint?
 * @name: its name, "" for any of the module
 *
 * Return: true if so.
 */
bool tracefs_there(const char *name)
{
	return !access(text(TRACEFS "events/reuse/%s", name), F_OK);
}

/**
 * tracefs_begin() - make an instance, for this process and those that it forks
 *
 * It does not record the names of tasks, which would have the scheduler patched each time that a
 * tracepoint is enabled: now and then QEMU goes on executing what was patched away.
 */
void tracefs_begin(void)
{
	char *before = slurp(RECORD_CMD);

	owner = getpid();
	instance = text(TRACEFS "instances/reuse_test_%d/", owner);
	write_file(RECORD_CMD, "0");
	if (mkdir(instance, 0700))
		die("%s", instance);
	write_file(RECORD_CMD, "%s", before);
	free(before);
}

/**
 * tracefs_enable() - enable or disable a tracepoint
 * @name: its name
 * @on: enable it
 *
 * Return: 0 or an errno.
 */
int tracefs_enable(const char *name, bool on)
{
	const char *file = text("%sevents/reuse/%s/enable", instance, name);

	return -try_write(file, 0, on ? "1" : "0", 1);
}

/**
 * tracefs_filter() - trace only some of the events of a tracepoint
 * @name: its name
 * @filter: as tracefs takes it; "0" for all
 */
void tracefs_filter(const char *name, const char *filter)
{
	write_file(text("%sevents/reuse/%s/filter", instance, name), "%s", filter);
}

/**
 * tracefs_forget() - empty the trace
 */
void tracefs_forget(void)
{
	int fd = open(text("%strace", instance), O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		die("cannot empty the trace");
	close(fd);
}

/**
 * tracefs_end() - disable all, and remove the instance, if this process made it
 */
void tracefs_end(void)
{
	if (owner != getpid())
		return;
	try_write(text("%sevents/enable", instance), 0, "0", 1);
	if (rmdir(instance))
		die("cannot remove %s", instance);
}

/**
 * tracefs_read() - read the events of a tracepoint, and empty the trace
 * @name: its name
 *
 * Return: the events, oldest first; NULL if there are none.
 */
struct tracefs_event *tracefs_read(const char *name)
{
	const char *mark = text(" %s: ", name);
	char *all = slurp(text("%strace", instance)), *line, *rest = all;
	struct tracefs_event *first = NULL, **last = &first;

	while ((line = strsep(&rest, "\n"))) {
		char *at = strstr(line, mark);

		if (*line == '#' || !at)
			continue;
		*last = malloc(sizeof(**last));
		(*last)->text = at + strlen(mark);
		(*last)->next = NULL;
		last = &(*last)->next;
	}
	tracefs_forget();
	return first;
}

/**
 * tracefs_field() - read a field as text
 * @event: the event
 * @field: the field's name
 *
 * Return: the text, or "missing" if the event has no such field.
 */
const char *tracefs_field(const struct tracefs_event *event, const char *field)
{
	const char *at = text(" %s", event->text);

	at = strstr(at, text(" %s=", field));
	if (!at)
		return "missing";
	at = strchr(at, '=') + 1;
	return text("%.*s", (int)strcspn(at, " "), at);
}

/**
 * tracefs_number() - read a field as a number
 * @event: the event
 * @field: the field's name
 *
 * Return: the number, ULONG_MAX if the event has no such field or it is not one.
 */
unsigned long tracefs_number(const struct tracefs_event *event, const char *field)
{
	const char *value = tracefs_field(event, field);
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	return *value && !*end ? n : -1UL;
}
