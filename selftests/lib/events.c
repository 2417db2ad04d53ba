// SPDX-License-Identifier: GPL-2.0
/* net.reuse.log and /proc/net/reuse_log: read, checked, and compared to what is expected. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

/**
 * events_begin() - begin a new log
 * @level: off, refused or all
 */
void events_begin(const char *level)
{
	write_file(EVENTS_SYSCTL, "%s", level);
}

/* Splits at single blanks; false if there are not EVENTS_COLS columns, each of at least a byte */
static bool split(char *line, struct event *event)
{
	size_t n = 0;
	char *col;

	while ((col = strsep(&line, " "))) {
		if (n == EVENTS_COLS || !*col)
			return false;
		event->col[n++] = col;
	}
	return n == EVENTS_COLS;
}

/**
 * events_parse() - take a log apart
 * @text: the whole file, which the columns point into; is modified
 * @events: is set
 *
 * A log in another format than the documented one ends the test.
 */
void events_parse(char *text, struct events *events)
{
	char *rest = text, *line;

	memset(events, 0, sizeof(*events));
	events->text = text;
	errno = 0;
	line = strsep(&rest, "\n");
	if (strcmp(line, EVENTS_HEADER))
		die("header: %s", line);
	while ((line = strsep(&rest, "\n")) && rest) {
		if (sscanf(line, "# lost %lu", &events->lost) == 1 && !*rest)
			return;
		if (events->n == EVENTS_MAX)
			die("more than %d lines", EVENTS_MAX);
		if (!split(line, &events->event[events->n++]))
			die("line %zu has not %d columns, or is not the last", events->n,
			    EVENTS_COLS);
	}
}

/**
 * events_read() - read a log, and take it apart
 * @path: EVENTS_FILE, or that of another process
 * @events: to be freed by events_free()
 */
void events_read(const char *path, struct events *events)
{
	events_parse(slurp(path), events);
}

/**
 * events_free() - free what events_read() has allocated
 * @events: the log
 */
void events_free(struct events *events)
{
	free(events->text);
}

static int col_of(const char *name, size_t len)
{
	const char *at = EVENTS_HEADER;
	int n;

	for (n = 0; n < EVENTS_COLS; n++) {
		size_t this = strcspn(at, " ");

		if (this == len && !strncmp(at, name, len))
			return n;
		at += this + 1;
	}
	errno = 0;
	die("no column %.*s", (int)len, name);
}

/**
 * event_col() - find a column
 * @event: the event
 * @name: as the header has it
 *
 * Return: its text.
 */
const char *event_col(const struct event *event, const char *name)
{
	return event->col[col_of(name, strlen(name))];
}

/* Has the event all that @want says, with blanks or tabs between? @want is modified */
static bool matches(const struct event *event, char *want)
{
	char *word, *value;

	while ((word = strsep(&want, " \t"))) {
		if (!*word)
			continue;
		value = strchr(word, '=');
		if (!value)
			die("no = in %s", word);
		if (strcmp(event->col[col_of(word, value - word)], value + 1))
			return false;
	}
	return true;
}

/**
 * events_expect() - compare the log with what it is to have
 * @fmt: as of printf(): what each line has at least, "name=value name=value" with blanks or
 *	tabs between, one line for each event, in the order of the file; "" for no event
 *
 * Return: NULL if it has exactly these; otherwise what it has.
 */
char *events_expect(const char *fmt, ...)
{
	struct events events;
	bool same = true;
	char *want, *rest, *line;
	va_list args;
	size_t n = 0;

	va_start(args, fmt);
	if (vasprintf(&want, fmt, args) < 0)
		die("no memory");
	va_end(args);

	events_read(EVENTS_FILE, &events);
	rest = want;
	while ((line = strsep(&rest, "\n"))) {
		if (!*line)
			continue;
		same = same && n < events.n && matches(&events.event[n], line);
		n++;
	}
	same = same && n == events.n;
	free(want);
	events_free(&events);
	return same ? NULL : slurp(EVENTS_FILE);
}
