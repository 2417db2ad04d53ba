// SPDX-License-Identifier: GPL-2.0
/*
 * An event in words: what happened, to whom, by which rule, and which other socket decided.
 * The rules speak to the newcomer, "you"; "it" is the other socket.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../semantics/semantics.h"
#include "json.h"
#include "print.h"
#include "procs.h"
#include "words.h"

/* Calls and packets in words, with the one that leads to the address */
static const struct {
	const char *call;
	const char *words;
} calls[] = {
	{ "bind", "bind() to" },
	{ "listen", "listen() on" },
	{ "connect", "connect() from" },
	{ "setsockopt", "setsockopt() of" },
	{ "datagram", "a datagram to" },
	{ "syn", "a connection to" },
};

static const struct {
	const char *state;
	const char *words;
} states[] = {
	{ "listen", "listens" },
	{ "bound", "is bound" },
	{ "connected", "is connected" },
	{ "timewait", "is in TIME_WAIT" },
};

static bool has(const struct event *e, enum event_col col)
{
	return strcmp(e->col[col], "-");
}

/**
 * rule_sentence() - a rule in words
 * @rule: its word
 *
 * Return: the sentence; NULL if it is not known here, or is "-".
 */
const char *rule_sentence(const char *rule)
{
	size_t i;

	for (i = SEM_RULE_NONE + 1; i < SEM_RULES; i++) {
		if (!strcmp(sem_rules[i].word, rule))
			return sem_rules[i].sentence;
	}
	return NULL;
}

/* Seconds since boot as date and time; as they are if it is not known when that was */
static void put_time(FILE *out, const char *seconds)
{
	time_t boot = boot_time();
	unsigned long number;
	char text[32];

	read_digits(seconds, &number);
	boot += number;
	if (boot_time() && strftime(text, sizeof(text), "%F %T", localtime(&boot)))
		fputs(text, out);
	else
		fputs(seconds, out);
}

static void put_call(FILE *out, const char *call)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		if (!strcmp(calls[i].call, call)) {
			fputs(calls[i].words, out);
			return;
		}
	}
	fprintf(out, "%s of", call);
}

static void put_state(FILE *out, const char *state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (!strcmp(states[i].state, state)) {
			fputs(states[i].words, out);
			return;
		}
	}
	fputs(state, out);
}

/* An address of the file as ss(8) prints it */
static void put_address(FILE *out, const char *text, const char *dev, const char *v6only)
{
	const char *colon = strrchr(text, ':');
	struct row_key key = { .v6only = *v6only == '1' };
	unsigned long port;
	char address[128];

	if (colon && to_number(colon + 1, &port) && port <= UINT16_MAX &&
	    address_parse(text, colon - text, &key)) {
		key.port = port;
		address_print(&key, dev, address, sizeof(address));
		text = address;
	}
	fputs(text, out);
}

static void put_options(FILE *out, const char *reuseaddr, const char *reuseport)
{
	bool addr = *reuseaddr == '1', port = *reuseport == '1';

	if (*reuseaddr == '-' && *reuseport == '-')
		return;
	if (addr && port)
		fputs(", with SO_REUSEADDR and SO_REUSEPORT", out);
	else if (addr || port)
		fprintf(out, ", with SO_REUSE%s", addr ? "ADDR" : "PORT");
	else
		fputs(", without SO_REUSEADDR and SO_REUSEPORT", out);
}

static void put_user(FILE *out, const char *uid)
{
	unsigned long number;
	char user[USER_LEN];

	if (!to_number(uid, &number))
		return;
	user_print(number, user);
	fprintf(out, ", user %s", user);
}

static void put_holder(FILE *out, const char *holder)
{
	if (*holder)
		fprintf(out, ", held by %s", holder);
}

static void put_happening(FILE *out, const struct event *e)
{
	const char *verdict = e->col[E_VERDICT];

	if (has(e, E_LAST)) {
		put_time(out, e->col[E_LAST]);
		fputs("  ", out);
	}
	put_call(out, e->col[E_CALL]);
	fprintf(out, " %s ", e->col[E_PROTO]);
	put_address(out, e->col[E_LOCAL], e->col[E_DEV], e->col[E_V6ONLY]);
	if (!strcmp(verdict, "ok"))
		fputs(" allowed", out);
	else if (event_is_packet(e))
		fprintf(out, " %s", verdict);
	else
		fprintf(out, " refused: %s", verdict);
	if (e->count > 1)
		fprintf(out, ", %lu times", e->count);
	if (e->count > 1 && has(e, E_FIRST)) {
		fputs(" since ", out);
		put_time(out, e->col[E_FIRST]);
	}
	fputc('\n', out);
}

static void put_newcomer(FILE *out, const struct event *e)
{
	const char *comm = has(e, E_COMM) ? e->col[E_COMM] : "process";

	if (!has(e, E_PID))
		return;
	fputs("    by ", out);
	for (; *comm; comm++)
		fputc(clean_char(*comm), out);
	fprintf(out, " %s", e->col[E_PID]);
	put_user(out, e->col[E_UID]);
	put_options(out, e->col[E_REUSEADDR], e->col[E_REUSEPORT]);
	fputc('\n', out);
}

/* If it was allowed, the rule is the one by which Linux would have refused it */
static void put_rule(FILE *out, const struct event *e)
{
	const char *linux_says = strcmp(e->col[E_VERDICT], "ok") ? "" : "on Linux: ";
	const char *why = rule_sentence(e->col[E_RULE]);

	if (why)
		fprintf(out, "    %s%s (rule %s)\n", linux_says, why, e->col[E_RULE]);
	else if (has(e, E_RULE))
		fprintf(out, "    %srule %s\n", linux_says, e->col[E_RULE]);
}

static void put_other(FILE *out, const struct event *e, const struct event_holders *holders)
{
	bool went = event_is_packet(e) && !strcmp(e->col[E_VERDICT], "delivered");

	if (!has(e, E_OTHER))
		return;
	fputs(went ? "    it went to " : "    the other socket: ", out);
	put_address(out, e->col[E_OTHER], e->col[E_OTHER_DEV], "-");
	if (has(e, E_OTHER_STATE)) {
		fputs(went ? ", which " : ", ", out);
		put_state(out, e->col[E_OTHER_STATE]);
	}
	put_user(out, e->col[E_OTHER_UID]);
	put_options(out, e->col[E_OTHER_REUSEADDR], e->col[E_OTHER_REUSEPORT]);
	put_holder(out, holders->other);
	fputc('\n', out);
}

static void put_native(FILE *out, const struct event *e, const struct event_holders *holders)
{
	enum treated treated = event_treated(e);
	const char *native = e->col[E_NATIVE];
	unsigned long inode = event_native_inode(e);

	if (!has(e, E_SEMANTICS) || !strcmp(e->col[E_SEMANTICS], "native"))
		return;
	fprintf(out, "    semantics %s", e->col[E_SEMANTICS]);
	if (!has(e, E_NATIVE)) {
		fputc('\n', out);
		return;
	}
	fputs(": Linux would have ", out);
	if (treated == AS_LINUX) {
		fputs("done the same", out);
	} else if (inode) {
		fprintf(out, "given it to the socket with inode %lu", inode);
		put_holder(out, holders->native);
	} else if (event_is_packet(e)) {
		fputs(treated == ELSEWHERE ? "given it to no socket" : "refused it", out);
	} else if (!strcmp(native, "ok")) {
		fputs("allowed it", out);
	} else {
		fprintf(out, "refused it: %s", native);
	}
	fputc('\n', out);
}

/**
 * event_words() - write an event for people
 * @out: where the lines go; one may be of any length
 * @e: the event
 * @holders: the processes that have its sockets open
 */
void event_words(FILE *out, const struct event *e, const struct event_holders *holders)
{
	put_happening(out, e);
	put_newcomer(out, e);
	put_rule(out, e);
	put_other(out, e, holders);
	put_native(out, e, holders);
}

static void json_col(const struct event *e, enum event_col col)
{
	const char *key = event_name[col], *text = e->col[col];

	switch (col) {
	case E_COUNT:
		json_number(key, e->count);
		break;
	case E_PID:
	case E_UID:
	case E_OTHER_UID:
	case E_OTHER_INODE:
		json_integer(key, text);
		break;
	case E_FIRST:
	case E_LAST:
		json_decimal(key, text);
		break;
	case E_V6ONLY:
	case E_REUSEADDR:
	case E_REUSEPORT:
	case E_OTHER_REUSEADDR:
	case E_OTHER_REUSEPORT:
		json_bool(key, text);
		break;
	default:
		json_text(key, has(e, col) ? text : NULL);
	}
}

/**
 * event_json() - write an event as a JSON object
 * @e: the event
 * @extra_name: the names of columns that are not known here
 * @extras: how many these are
 * @holders: the processes that have its sockets open
 */
void event_json(const struct event *e, const char * const *extra_name, size_t extras,
		const struct event_holders *holders)
{
	static const char * const treated[] = {
		[REFUSED] = "refused", [ALLOWED] = "allowed", [ELSEWHERE] = "elsewhere",
	};
	size_t i;

	json_open(NULL, '{');
	json_text("difference", treated[event_treated(e)]);
	for (i = 0; i < EVENT_COLS; i++)
		json_col(e, i);
	json_text("sentence", rule_sentence(e->col[E_RULE]));
	json_text("other_process", *holders->other ? holders->other : NULL);
	json_text("native_process", *holders->native ? holders->native : NULL);
	for (i = 0; i < extras; i++)
		json_text(extra_name[i], e->extra[i]);
	json_close('}');
}

/**
 * event_want_holders() - ask for the processes that have the sockets of an event open
 * @e: the event; procs_scan() finds them
 */
void event_want_holders(const struct event *e)
{
	procs_want_inode(event_inode(e));
	procs_want_inode(event_native_inode(e));
}

static void find_holder(unsigned long inode, char text[HOLDER_LEN])
{
	struct holders h = {};
	FILE *out = need_memory(fmemopen(text, HOLDER_LEN - 1, "w"));
	size_t i;

	memset(text, 0, HOLDER_LEN);
	procs_of_inode(inode, &h);
	for (i = 0; i < h.n;) {
		if (i)
			fputs(" and ", out);
		i = print_group(out, &h, i);
	}
	fclose(out);
	for (i = 0; text[i]; i++)
		text[i] = clean_char(text[i]);
	free(h.process);
}

/**
 * event_find_holders() - the processes that have the sockets of an event open
 * @e: the event; they have been scanned for
 * @holders: gets them
 */
void event_find_holders(const struct event *e, struct event_holders *holders)
{
	find_holder(event_inode(e), holders->other);
	find_holder(event_native_inode(e), holders->native);
}
