/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations that are made to fail, one at a time: /proc/self/fail-nth, with
 * CONFIG_FAULT_INJECTION_STACKTRACE_FILTER, CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC.
 */
#ifndef REUSE_FAIL_H
#define REUSE_FAIL_H

const char *fail_impossible(void);
void fail_begin(void);
void fail_end(void);
void fail_open(void);
const char *fail_complaint(void);

void fail_nth(int n);
int fail_left(void);
void fail_of_module(void);
void fail_of_init(void);

#endif
