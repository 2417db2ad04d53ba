// SPDX-License-Identifier: GPL-2.0
/*
 * Reads the log again and again while a command runs: it has room for some hundred events, and
 * a process can be found only while it has the socket open.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "procs.h"
#include "report.h"
#include "term.h"
#include "util.h"

static const struct {
	enum treated treated;
	const char *title;
	const char *key;
} kinds[] = {
	{ REFUSED, "refused", "refused" },
	{ ALLOWED, "allowed", "allowed" },
	{ ELSEWHERE, "delivered elsewhere", "elsewhere" },
};

static int set_log(const char *mode)
{
	char path[PATH_LEN];

	path_print(path, "%s/sys/net/reuse/log", proc_dir());
	return write_text(path, mode);
}

/**
 * report_begin() - begin a log of all events in the namespace that this process is in
 * @r: the report
 *
 * Return: whether it could be begun; if not, a message has been printed.
 */
bool report_begin(struct report *r)
{
	int err;

	*r = (struct report){};
	netns_find(&r->ns, NULL);
	netns_sysctl(&r->ns, "log", r->before);
	err = set_log("all");
	if (!err)
		return true;
	if (err == ENOENT)
		say("this module keeps no log: it is older than this program");
	else
		say("cannot write net.reuse.log: %s%s", strerror(err), sysctl_hint(err));
	return false;
}

static void find_holders(struct report *r, size_t from)
{
	size_t i;

	for (i = from; i < r->seen.n; i++)
		event_want_holders(r->seen.event[i]);
	procs_scan();
	for (i = from; i < r->seen.n; i++) {
		r->holders = grow(r->holders, i, &r->room, sizeof(*r->holders));
		event_find_holders(r->seen.event[i], &r->holders[i]);
	}
	procs_free();
}

/**
 * report_poll() - take what is new in the log
 * @r: the report
 */
void report_poll(struct report *r)
{
	size_t i, n = r->seen.n;
	struct log log;
	int err;

	err = netns_log(&r->ns, &log);
	for (i = 0; !err && i < log.n; i++)
		history_add(&r->seen, &log, &log.event[i]);
	if (r->seen.n > n)
		find_holders(r, n);
	/* Each event is in the file, or was lost; those that were seen before are no loss */
	if (!err && log.lost + log.n > r->seen.n)
		r->missing = log.lost + log.n - r->seen.n;
	if (err && !r->missing) {
		log_say_error(&r->ns, err);
		r->missing = 1;
	}
	log_free(&log);
}

/**
 * report_end() - take what is left in the log, put back its mode, and sum up
 * @r: the report
 */
void report_end(struct report *r)
{
	report_poll(r);
	history_merge(&r->seen);
	if (*r->before && set_log(r->before))
		say("net.reuse.log stays all");
}

/* An event that history_merge() has left as it is */
static bool is(const struct event *e, enum treated treated)
{
	return e->count && event_treated(e) == treated;
}

static size_t count(const struct report *r, enum treated treated)
{
	size_t i, n = 0;

	for (i = 0; i < r->seen.n; i++)
		n += is(r->seen.event[i], treated);
	return n;
}

/**
 * report_differs() - was a socket treated otherwise than by Linux?
 * @r: the report
 *
 * Return: whether one was, or may have been, as events are missing.
 */
bool report_differs(const struct report *r)
{
	return r->missing || count(r, REFUSED) || count(r, ALLOWED) || count(r, ELSEWHERE);
}

static void print_kind(const struct report *r, enum treated treated)
{
	const struct event *e;
	char *text;
	size_t len, i;
	FILE *out = need_memory(open_memstream(&text, &len));

	for (i = 0; i < r->seen.n; i++) {
		e = r->seen.event[i];
		if (is(e, treated))
			event_words(out, e, &r->holders[e->number]);
	}
	fclose(out);
	term_wrap(text, INDENTED);
	free(text);
}

/**
 * report_print() - print a report for people
 * @r: the report
 * @semantics: the rules that were in force
 */
void report_print(const struct report *r, const char *semantics)
{
	size_t i, n;

	if (!report_differs(r))
		printf("No difference from Linux under %s.\n", semantics);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		n = count(r, kinds[i].treated);
		if (!n)
			continue;
		printf("Differences from Linux under %s, %s: %zu\n", semantics, kinds[i].title, n);
		print_kind(r, kinds[i].treated);
	}
	if (r->missing)
		printf("There may be more: %lu event%s could not be read.\n", r->missing,
		       r->missing == 1 ? "" : "s");
}

/**
 * report_json() - print a report as JSON
 * @r: the report
 * @semantics: the rules that were in force
 * @command: the command and its arguments
 * @status: its exit status
 */
void report_json(const struct report *r, const char *semantics, char * const *command, int status)
{
	const struct event *e;
	size_t i;

	json_open(NULL, '{');
	json_text("semantics", semantics);
	json_open("command", '[');
	for (; *command; command++)
		json_text(NULL, *command);
	json_close(']');
	json_number("exit_status", status);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		json_number(kinds[i].key, count(r, kinds[i].treated));
	json_number("missing", r->missing);
	json_open("differences", '[');
	for (i = 0; i < r->seen.n; i++) {
		e = r->seen.event[i];
		if (e->count && !is(e, AS_LINUX))
			event_json(e, NULL, 0, &r->holders[e->number]);
	}
	json_close(']');
	json_close('}');
	json_end();
}

/**
 * report_free() - free what a report holds
 * @r: the report
 */
void report_free(struct report *r)
{
	history_free(&r->seen);
	free(r->holders);
}
