/* SPDX-License-Identifier: GPL-2.0 */
/* Which rows are asked for. */
#ifndef REUSE_FILTER_H
#define REUSE_FILTER_H

#include "table.h"

/**
 * struct filter_address - an address or a port that is asked for
 * @key: the address and port
 * @addr: the address counts
 * @port: the port counts
 */
struct filter_address {
	struct row_key key;
	bool addr;
	bool port;
};

/**
 * struct filter - what is asked for: one of each kind that is not empty
 * @protos: bits of row_key's proto
 * @states: bits of the columns LISTEN to TIMEWAIT
 * @shared: several sockets have bound the address and port
 * @address: addresses and ports
 * @addresses: how many
 * @uid: user IDs
 * @uids: how many
 */
struct filter {
	unsigned int protos;
	unsigned int states;
	bool shared;
	struct filter_address *address;
	size_t addresses;
	unsigned long *uid;
	size_t uids;
};

bool filter_parse(struct filter *f, char * const *words);
bool filter_address_parse(const char *word, struct filter_address *address);
bool filter_fits(const struct filter *f, const struct table *t);
bool filter_takes(const struct filter *f, const struct table *t, const struct row *row);
void filter_apply(const struct filter *f, struct table *t);
void filter_free(struct filter *f);

#endif
