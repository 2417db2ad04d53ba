// SPDX-License-Identifier: GPL-2.0
/*
 * Events of many readings of the log. The log has room for some hundred events, and counts how
 * often each happens: an event is the same one if all but the count, the time and the process
 * of the last time are the same. If it was lost meanwhile, it comes again with a new beginning.
 */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "util.h"

static int compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	int col, diff = strcmp(x->col[E_FIRST], y->col[E_FIRST]);

	for (col = E_UID; !diff && col < EVENT_COLS; col++)
		diff = strcmp(x->col[col], y->col[col]);
	return diff;
}

/* Equal for a person: inode numbers, times and process IDs do not count */
static int compare_for_people(const void *a, const void *b)
{
	const struct event *x = a, *y = b;
	int col, diff = strcmp(x->col[E_COMM], y->col[E_COMM]);

	for (col = E_UID; !diff && col < E_OTHER_INODE; col++) {
		if (col == E_NATIVE && event_native_inode(x) && event_native_inode(y))
			continue;
		diff = strcmp(x->col[col], y->col[col]);
	}
	return diff;
}

static char *copy_text(char **to, const char *text)
{
	char *copy = *to;

	*to = stpcpy(copy, text) + 1;
	return copy;
}

/* An event of its own, in one piece of memory */
static struct event *copy_event(const struct log *log, const struct event *e)
{
	size_t size = sizeof(*e) + log->extras * sizeof(*e->extra), i;
	struct event *copy;
	char *text;

	for (i = 0; i < EVENT_COLS; i++)
		size += strlen(e->col[i]) + 1;
	for (i = 0; i < log->extras; i++)
		size += strlen(e->extra[i]) + 1;
	copy = need_memory(malloc(size));
	*copy = *e;
	copy->extra = (const char **)(copy + 1);
	text = (char *)(copy->extra + log->extras);
	for (i = 0; i < EVENT_COLS; i++)
		copy->col[i] = copy_text(&text, e->col[i]);
	for (i = 0; i < log->extras; i++)
		copy->extra[i] = copy_text(&text, e->extra[i]);
	return copy;
}

/**
 * history_add() - note an event
 * @h: the history
 * @log: the log that has the event
 * @e: the event
 *
 * Return: whether it is new, or has happened again.
 */
bool history_add(struct history *h, const struct log *log, const struct event *e)
{
	struct event *copy, **node;

	node = tfind(e, &h->tree, compare);
	if (node && (*node)->count == e->count)
		return false;
	copy = copy_event(log, e);
	if (node) {
		copy->number = (*node)->number;
		free(*node);
		*node = copy;
		h->event[copy->number] = copy;
		return true;
	}
	copy->number = h->n;
	h->event = grow(h->event, h->n, &h->room, sizeof(*h->event));
	h->event[h->n++] = copy;
	need_memory(tsearch(copy, &h->tree, compare));
	return true;
}

/* The events stay when the tree goes */
static void keep(void *event)
{
	(void)event;
}

/* All that is different in events that are equal for a person is that of the last one */
static void take_last(struct event *e, const struct event *last)
{
	e->count += last->count;
	e->number = last->number;
	e->col[E_LAST] = last->col[E_LAST];
	e->col[E_PID] = last->col[E_PID];
	e->col[E_NATIVE] = last->col[E_NATIVE];
	e->col[E_OTHER_INODE] = last->col[E_OTHER_INODE];
}

/**
 * history_merge() - make one of events that are equal for a person
 * @h: the history; the first of them gets the counts of all, the others have none
 */
void history_merge(struct history *h)
{
	struct event *e, *first;
	void *tree = NULL;
	size_t i;

	for (i = 0; i < h->n; i++) {
		e = h->event[i];
		first = *(struct event **)need_memory(tsearch(e, &tree, compare_for_people));
		if (first == e)
			continue;
		take_last(first, e);
		e->count = 0;
	}
	tdestroy(tree, keep);
}

/**
 * history_free() - forget all events
 * @h: the history; it is empty then
 */
void history_free(struct history *h)
{
	tdestroy(h->tree, free);
	free(h->event);
	*h = (struct history){};
}
