/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations that are made to fail, one at a time or all: /proc/self/fail-nth, with
 * CONFIG_FAULT_INJECTION_STACKTRACE_FILTER, CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC.
 */
#ifndef REUSE_FAIL_H
#define REUSE_FAIL_H

#include <stdbool.h>

/* Instead of the number of an allocation: all of them */
#define FAIL_ALL	0

/**
 * struct operation - what is to be tried
 * @name: of it
 * @prepare: called before, or NULL
 * @run: does it; 0 or an errno
 * @undo: undoes @prepare, and @run if that succeeded
 * @loads: the module is not there before
 * @most: so many allocations, spread over them, if there are more; 0: all
 * @binds: gets a port
 */
struct operation {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
	bool loads;
	int most;
	bool binds;
};

const char *fail_impossible(void);
void fail_begin(void);
void fail_end(void);
void fail_open(void);
const char *fail_complaint(void);

void fail_nth(int n);
int fail_left(void);
int fail_count(const struct operation *op);
bool fail_cleanly(const struct operation *op, int n, int *failed);
void fail_of_module(void);
void fail_of_init(void);

#endif
