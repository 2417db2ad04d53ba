/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of conform: see conform.c. */
#ifndef REUSE_CONFORM_H
#define REUSE_CONFORM_H

#include <stdbool.h>
#include <stdio.h>

#include "env.h"
#include "host.h"

/* Answers that can be compared */
#define ANSWER_BIND	0x01
#define ANSWER_LISTEN	0x02
#define ANSWER_DELIVER	0x04	/* probe, estab, mcast */
#define ANSWER_REST	0x08
#define ANSWER_ALL	0x0f

/**
 * struct record - a file of recorded answers, and how this kernel did so far
 * @path: the file
 * @name: without its directory
 * @line: number of the line that was read last
 * @only: ANSWER_* that are compared
 * @why: what binds say is compared with what /proc/net/reuse_why says beforehand
 * @as: so it is, but the namespace is switched to these semantics in between; or NULL
 * @right: answers that are as recorded
 * @all: answers compared
 * @skipped: answers that could not be asked for
 */
struct record {
	const char *path;
	const char *name;
	unsigned int line;
	unsigned int only;
	bool why;
	const char *as;
	unsigned long right;
	unsigned long all;
	unsigned long skipped;
};

/* conform.c */
FILE *record_open(const char *path);
char *record_line(struct record *rec, FILE *f, char *line, size_t size);
__printf(2, 3) __noreturn void record_bad(const struct record *rec, const char *fmt, ...);
void record_compare(struct record *rec, const char *what, const char *have, const char *want);

/* conform_rows.c */
void conform_rows(struct record *rec);

/* conform_seq.c */
void conform_seq(struct record *rec);

/* conform_why.c */
const char *conform_ask(const char *as, const struct host_sock *s, const char *host, int port,
			const char *flags, bool v6only, bool listens);
const char *conform_ask_socket(const struct host_sock *s, const char *host, int port);

#endif
