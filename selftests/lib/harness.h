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

/* Does the name of a variant begin with the word for semantics that this run does not try? */
static inline bool is_untried(const char *variant)
{
	size_t len = strcspn(variant, "_");
	enum semantics s;

	for (s = NATIVE; s < SEMANTICS_COUNT; s++) {
		if (strlen(semantics_name[s]) == len && !strncmp(variant, semantics_name[s], len))
			return !semantics_tried(s);
	}
	return false;
}

/* To be called by a constructor: leaves out what takes long and this run does not try */
static inline void leave_out_untried(void)
{
	struct __fixture_variant_metadata *v, *next;
	struct __fixture_metadata *f;

	for (f = __fixture_list; f; f = f->next) {
		v = f->variant;
		f->variant = NULL;
		for (; v; v = next) {
			next = v->next;
			if (!is_untried(v->name))
				__register_fixture_variant(f, v);
		}
	}
}

#endif
