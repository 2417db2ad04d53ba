/* SPDX-License-Identifier: GPL-2.0 */
/* "reuse who :8080": who holds a port, who receives, and what a newcomer must set. */
#ifndef REUSE_WHO_H
#define REUSE_WHO_H

#include <stdio.h>

#include "filter.h"
#include "table.h"

/**
 * struct port - the rows of one protocol and port
 * @t: the table
 * @row: the first of them
 * @n: how many
 * @udp: the protocol is UDP or UDP-Lite
 * @semantics: the rules of the namespace; empty if they are not known
 * @asked: what was asked for
 * @out: where advice goes: a line is a sentence, of any length
 */
struct port {
	const struct table *t;
	const struct row *row;
	size_t n;
	bool udp;
	const char *semantics;
	const struct filter_address *asked;
	FILE *out;
};

int who_main(int argc, char **argv);
void advise_receiver(const struct port *p);
void advise_newcomer(const struct port *p);
bool key_overlaps(const struct row_key *newcomer, const struct row_key *row);

#endif
