// SPDX-License-Identifier: GPL-2.0
/*
 * Reads /proc/net/reuse_log. As in the table, the first line says which columns there are. A
 * line that begins with "#" and ends the file says how many events were lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "util.h"

const char * const event_name[EVENT_COLS] = {
	"count", "first", "last", "pid", "comm", "uid", "call", "proto", "local_address", "dev",
	"v6only", "reuseaddr", "reuseport", "semantics", "verdict", "native", "rule",
	"other_address", "other_dev", "other_state", "other_uid", "other_reuseaddr",
	"other_reuseport", "other_inode",
};

/* Without these an event says nothing */
static const enum event_col needed[] = { E_COUNT, E_CALL, E_PROTO, E_LOCAL, E_VERDICT };

/* A file that is being read: its columns are known ones, or EVENT_COLS + their number */
struct reader {
	struct log *log;
	const char *path;
	unsigned int *col;
	size_t cols;
	size_t room;
	unsigned int line;
};

static int malformed(const struct reader *r, const char *why)
{
	say("%s: line %u %s: this is no /proc/net/reuse_log", r->path, r->line, why);
	return -EBADMSG;
}

/* Ends the word that *@p is at, and goes to the next one of the line; returns the word */
static char *next_word(char **p)
{
	char *word = *p + strspn(*p, " \t"), *end = word + strcspn(word, " \t");

	*p = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

static int read_header(struct reader *r, char *line)
{
	size_t room = 0, extra_room = 0, i;
	struct log *log = r->log;
	unsigned int col, has = 0;
	char *word;

	while ((word = next_word(&line))) {
		for (col = 0; col < EVENT_COLS && strcmp(word, event_name[col]);)
			col++;
		if (col < EVENT_COLS && has & 1u << col)
			return malformed(r, "names a column twice");
		if (col < EVENT_COLS) {
			has |= 1u << col;
		} else {
			log->extra_name = grow(log->extra_name, log->extras, &extra_room,
					       sizeof(*log->extra_name));
			log->extra_name[log->extras] = word;
			col += log->extras++;
		}
		r->col = grow(r->col, r->cols, &room, sizeof(*r->col));
		r->col[r->cols++] = col;
	}
	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (~has & 1u << needed[i])
			return malformed(r, "lacks a column that is needed");
	}
	return 0;
}

/* A name that stands for one byte of another: \040 is a blank */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static int read_event(struct reader *r, char *line)
{
	struct log *log = r->log;
	struct event *e;
	char *word;
	size_t i;

	log->event = grow(log->event, log->n, &r->room, sizeof(*log->event));
	e = &log->event[log->n];
	*e = (struct event){};
	for (i = 0; i < EVENT_COLS; i++)
		e->col[i] = "-";
	/* It is counted even if a column is missing, as it is to be freed */
	log->n++;
	if (log->extras)
		e->extra = need_memory(calloc(log->extras, sizeof(*e->extra)));
	for (i = 0; i < r->cols; i++) {
		word = next_word(&line);
		if (!word)
			return malformed(r, "has fewer columns than the first one");
		if (r->col[i] == E_COMM)
			unescape(word);
		if (r->col[i] < EVENT_COLS)
			e->col[r->col[i]] = word;
		else
			e->extra[r->col[i] - EVENT_COLS] = word;
	}
	if (next_word(&line))
		return malformed(r, "has more columns than the first one");
	return to_number(e->col[E_COUNT], &e->count) ? 0 : malformed(r, "has a strange count");
}

static int read_line(struct reader *r, char *line)
{
	if (++r->line == 1)
		return read_header(r, line);
	if (*line != '#')
		return read_event(r, line);
	if (!strncmp(line, "# lost ", 7))
		read_digits(line + 7, &r->log->lost);
	return 0;
}

/**
 * log_read() - read the file
 * @log: gets it; to be freed in any case
 * @path: the path of the file
 *
 * Return: 0, or a negative errno; for -EBADMSG a message has been printed.
 */
int log_read(struct log *log, const char *path)
{
	struct reader r = { .log = log, .path = path };
	char *line, *end;
	size_t len;
	int err = 0;

	*log = (struct log){};
	log->text = slurp(path, &len);
	if (!log->text)
		return -errno;
	for (line = log->text; !err && line < log->text + len; line = end + 1) {
		end = memchr(line, '\n', log->text + len - line);
		if (!end)
			end = log->text + len;
		*end = '\0';
		err = read_line(&r, line);
	}
	if (!r.line)
		err = malformed(&r, "is missing");
	free(r.col);
	return err;
}

/**
 * netns_log() - read the log of a namespace
 * @ns: the namespace
 * @log: gets the log; to be freed in any case
 *
 * Return: as log_read().
 */
int netns_log(const struct netns *ns, struct log *log)
{
	char path[PATH_LEN];
	int err;

	*log = (struct log){};
	if (!netns_file(ns, "reuse_log", path))
		return -errno;
	err = log_read(log, path);
	netns_leave();
	return err;
}

/**
 * log_free() - free what a log holds
 * @log: the log; it is empty then
 */
void log_free(struct log *log)
{
	size_t i;

	for (i = 0; i < log->n; i++)
		free(log->event[i].extra);
	free(log->text);
	free(log->event);
	free(log->extra_name);
	*log = (struct log){};
}

/**
 * event_is_packet() - is it about a packet, and not about a call?
 * @e: the event
 *
 * Return: whether it is.
 */
bool event_is_packet(const struct event *e)
{
	return !strcmp(e->col[E_CALL], "datagram") || !strcmp(e->col[E_CALL], "syn");
}

/**
 * event_inode() - the socket that decided, or that got the packet
 * @e: the event
 *
 * Return: its inode number; 0 if it has none.
 */
unsigned long event_inode(const struct event *e)
{
	unsigned long inode;

	return to_number(e->col[E_OTHER_INODE], &inode) ? inode : 0;
}

/**
 * event_native_inode() - the socket that Linux would have given the packet
 * @e: the event
 *
 * Return: its inode number; 0 if there is none.
 */
unsigned long event_native_inode(const struct event *e)
{
	const char *native = e->col[E_NATIVE];
	unsigned long inode;

	if (strncmp(native, "inode:", 6))
		return 0;
	return to_number(native + 6, &inode) ? inode : 0;
}

static enum treated packet_treated(const struct event *e)
{
	unsigned long native = event_native_inode(e);

	if (!strcmp(e->col[E_VERDICT], "delivered"))
		return native && native == event_inode(e) ? AS_LINUX : ELSEWHERE;
	/* Linux refuses a packet that no socket gets */
	return native || strcmp(e->col[E_VERDICT], "refused") ? REFUSED : AS_LINUX;
}

/**
 * event_treated() - was it treated otherwise than Linux would have treated it?
 * @e: the event
 *
 * Return: how.
 */
enum treated event_treated(const struct event *e)
{
	const char *verdict = e->col[E_VERDICT], *native = e->col[E_NATIVE];

	if (!strcmp(native, "-") || !strcmp(native, verdict))
		return AS_LINUX;
	if (event_is_packet(e))
		return packet_treated(e);
	return strcmp(verdict, "ok") ? REFUSED : ALLOWED;
}
