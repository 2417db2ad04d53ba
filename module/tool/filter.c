// SPDX-License-Identifier: GPL-2.0
/* The words behind "reuse": which rows are asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "util.h"

static const enum table_col states[] = { LISTEN, BOUND, CONNECTED, TIMEWAIT };

/**
 * filter_address_parse() - read an address, a port or both
 * @word: ":80", "127.0.0.1:", "[::1]:80" or "*:80"
 * @address: gets them
 *
 * "*" is what ss(8) prints for a wildcard that receives IPv4 and IPv6.
 *
 * Return: whether @word is such a thing.
 */
bool filter_address_parse(const char *word, struct filter_address *address)
{
	const char *colon = strrchr(word, ':');
	unsigned long port;

	*address = (struct filter_address){ .key.v6only = 2 };
	if (!colon || (colon == word && !colon[1]))
		return false;
	if (colon[1]) {
		if (!to_number(colon + 1, &port) || port > UINT16_MAX)
			return false;
		address->port = true;
		address->key.port = port;
	}
	if (colon == word)
		return true;
	address->addr = true;
	if (colon == word + 1 && *word == '*') {
		address->key.ipv6 = 1;
		address->key.v6only = 0;
		return true;
	}
	return address_parse(word, colon - word, &address->key);
}

/* A word that stands alone */
static bool take_word(struct filter *f, const char *word)
{
	uint8_t proto;
	size_t i;

	if (key_proto(word, &proto)) {
		f->protos |= 1u << proto;
		return true;
	}
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (!strcmp(word, table_name[states[i]])) {
			f->states |= 1u << states[i];
			return true;
		}
	}
	if (!strcmp(word, "shared")) {
		f->shared = true;
		return true;
	}
	return false;
}

/* It may be a port or an address without what tells these apart */
static void say_no_filter(const char *word)
{
	static const char * const forms[] = { ":%s", "%s:", "[%s]:" };
	struct filter_address address;
	char meant[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		snprintf(meant, sizeof(meant), forms[i], word);
		if (*word && filter_address_parse(meant, &address)) {
			say("'%s' is no filter: write %s", word, meant);
			return;
		}
	}
	say("'%s' is no filter: see reuse --help", word);
}

/**
 * filter_parse() - read the words of the command line
 * @f: gets what is asked for; to be freed in any case
 * @words: the words, and NULL
 *
 * Return: whether all are understood; if not, a message has been printed.
 */
bool filter_parse(struct filter *f, char * const *words)
{
	size_t address_room = 0, uid_room = 0;

	*f = (struct filter){};
	for (; *words; words++) {
		if (take_word(f, *words))
			continue;
		if (!strcmp(*words, "uid")) {
			f->uid = grow(f->uid, f->uids, &uid_room, sizeof(*f->uid));
			if (!words[1] || !to_number(words[1], &f->uid[f->uids])) {
				say("uid needs a number behind it: uid 33");
				return false;
			}
			f->uids++;
			words++;
			continue;
		}
		f->address = grow(f->address, f->addresses, &address_room, sizeof(*f->address));
		if (!filter_address_parse(*words, &f->address[f->addresses])) {
			say_no_filter(*words);
			return false;
		}
		f->addresses++;
	}
	return true;
}

/**
 * filter_free() - free what a filter holds
 * @f: the filter
 */
void filter_free(struct filter *f)
{
	free(f->address);
	free(f->uid);
}

static bool check_col(const struct table *t, enum table_col col)
{
	if (t->has & 1u << col)
		return true;
	say("this module is too old to filter by %s",
	    table_name[col]);
	return false;
}

/**
 * filter_fits() - does the file have the columns that the filter looks at?
 * @f: the filter
 * @t: the table
 *
 * Return: whether it has; if not, a message has been printed.
 */
bool filter_fits(const struct filter *f, const struct table *t)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (f->states & 1u << states[i] && !check_col(t, states[i]))
			return false;
	}
	if (f->shared && (!check_col(t, LISTEN) || !check_col(t, BOUND)))
		return false;
	return !f->uids || check_col(t, UID);
}

static bool takes_address(const struct filter *f, const struct row_key *key)
{
	const struct filter_address *a;
	size_t i;

	for (i = 0; i < f->addresses; i++) {
		a = &f->address[i];
		if (a->port && a->key.port != key->port)
			continue;
		if (!a->addr)
			return true;
		if (a->key.ipv6 != key->ipv6 || memcmp(a->key.addr, key->addr, sizeof(key->addr)))
			continue;
		if (a->key.v6only == 2 || a->key.v6only == key->v6only)
			return true;
	}
	return false;
}

static bool takes_uid(const struct filter *f, const char *text)
{
	unsigned long uid;
	const char *end;
	size_t i;

	for (; *text >= '0' && *text <= '9'; text = end + 1) {
		end = read_digits(text, &uid);
		for (i = 0; i < f->uids; i++) {
			if (f->uid[i] == uid)
				return true;
		}
		if (*end != ',')
			break;
	}
	return false;
}

static bool takes_state(const struct filter *f, const struct row *row)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		if (f->states & 1u << states[i] && row_count(row, states[i]))
			return true;
	}
	return false;
}

/**
 * filter_takes() - is a row asked for?
 * @f: the filter
 * @t: the table
 * @row: the row
 *
 * Return: whether it is.
 */
bool filter_takes(const struct filter *f, const struct table *t, const struct row *row)
{
	if (f->protos && !(f->protos & 1u << row->key.proto))
		return false;
	if (f->addresses && !takes_address(f, &row->key))
		return false;
	if (f->states && !takes_state(f, row))
		return false;
	if (f->shared && row_count(row, LISTEN) + row_count(row, BOUND) < 2)
		return false;
	return !f->uids || takes_uid(f, table_text(t, row, UID));
}

/**
 * filter_apply() - keep the rows that are asked for
 * @f: the filter
 * @t: the table
 */
void filter_apply(const struct filter *f, struct table *t)
{
	size_t i, kept = 0;

	for (i = 0; i < t->n; i++) {
		if (filter_takes(f, t, &t->row[i]))
			t->row[kept++] = t->row[i];
	}
	t->n = kept;
}
