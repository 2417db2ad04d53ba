/* SPDX-License-Identifier: GPL-2.0 */
/* kselftest_harness.h, and what a test program of /proc/net/reuse adds to it. */
#ifndef REUSE_HARNESS_H
#define REUSE_HARNESS_H

#include <kselftest_harness.h>

#include "env.h"
#include "module.h"
#include "sock.h"
#include "table.h"

/* The whole file is as described, see table_differ() */
#define EXPECT_FILE(path, ...) do { \
	char *why = table_expect(path, __VA_ARGS__); \
	EXPECT_TRUE(!why) \
		TH_LOG("%s", why); \
} while (0)

#define EXPECT_REUSE(...)	EXPECT_FILE(REUSE_FILE, __VA_ARGS__)
#define EXPECT_NO_ROWS()	EXPECT_REUSE("%s", "")

/* Without the module, or rights to make namespaces, no test here has a meaning */
static void __attribute__((constructor)) skip_without_module(void)
{
	const char *why = NULL;

	if (geteuid())
		why = "needs root";
	else if (access(REUSE_FILE, F_OK))
		why = "no " REUSE_FILE ": load the module reuse first";
	if (!why)
		return;
	printf("TAP version 13\n1..0 # SKIP %s\n", why);
	exit(KSFT_SKIP);
}

/*
 * Time limits are for an idle machine; ours may be emulated by a busy one, and
 * REUSE_SLOW=10 is for a kernel that takes ten times as long.
 */
static void __attribute__((constructor)) patience(void)
{
	struct __fixture_metadata *f;
	struct __test_metadata *t;

	for (f = __fixture_list; f; f = f->next) {
		for (t = f->tests; t; t = t->next)
			t->timeout *= 4 * slowness();
	}
}

#endif
