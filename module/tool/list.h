/* SPDX-License-Identifier: GPL-2.0 */
/* "reuse [FILTER...]": the table. */
#ifndef REUSE_LIST_H
#define REUSE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "netns.h"
#include "table.h"

/**
 * struct list_options - what is to be listed, and how
 * @netns: of -N; NULL: the namespace of this process
 * @all: -A
 * @json: -j
 * @processes: -p
 * @watch: seconds of -w; 0: once
 * @words: filters, and NULL
 */
struct list_options {
	const char *netns;
	bool all;
	bool json;
	bool processes;
	double watch;
	char * const *words;
};

int list_main(const struct list_options *o);
int list_read(const struct netns *ns, struct table *t);
void list_processes(const struct netns *ns, struct table *t);

#endif
