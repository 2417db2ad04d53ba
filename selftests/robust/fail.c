// SPDX-License-Identifier: GPL-2.0
/* Allocations that are made to fail, one at a time or all. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "events.h"
#include "fail.h"
#include "module.h"

#define FAIL_NTH	"/proc/self/fail-nth"
#define MAKE_IT_FAIL	"/proc/self/make-it-fail"
#define FAULTS		"/sys/kernel/debug/"
#define PRINTK		"/proc/sys/kernel/printk"
#define FAR		1000000

static int fail_nth_fd = -1;
static int log_fd = -1;
static char *level;

/**
 * fail_nth() - let an allocation fail
 * @n: which one from here on; 0: none
 */
void fail_nth(int n)
{
	char line[16];
	int len = snprintf(line, sizeof(line), "%d", n);

	if (pwrite(fail_nth_fd, line, len, 0) != len)
		die("cannot write %d to " FAIL_NTH, n);
}

/**
 * fail_left() - let no more fail
 *
 * Return: how many are left before the one of fail_nth(); 0: it failed.
 */
int fail_left(void)
{
	char line[16] = "";

	if (pread(fail_nth_fd, line, sizeof(line) - 1, 0) <= 0)
		die("cannot read " FAIL_NTH);
	fail_nth(0);
	return atoi(line);
}

static void setting(const char *what, const char *name, unsigned long value)
{
	const char *path = text(FAULTS "%s/%s", what, name);

	if (!access(path, W_OK))
		write_file(path, "%#lx", value);
}

/*
 * Let all of this task's allocations fail, or none: where one that failed is tried in another
 * way, that has to fail as well
 */
static void fail_all(bool all)
{
	static const char * const what[] = { "failslab", "fail_page_alloc" };
	size_t i;

	for (i = 0; i < sizeof(what) / sizeof(*what); i++) {
		write_file(text(FAULTS "%s/task-filter", what[i]), "Y");
		setting(what[i], "times", INT_MAX);
		setting(what[i], "probability", all ? 100 : 0);
	}
	write_file(MAKE_IT_FAIL, "%d", all);
}

/* That fails which is called from these addresses */
static void only_from(const char *what, unsigned long start, unsigned long end, int depth)
{
	setting(what, "require-start", start);
	setting(what, "require-end", end);
	setting(what, "stacktrace-depth", depth);
}

/* Objects and pages fail, in the order in which they are asked for */
static void memory_from(unsigned long start, unsigned long end)
{
	only_from("failslab", start, end, 32);
	only_from("fail_page_alloc", start, end, 32);
}

/**
 * fail_of_module() - those fail that the module has made
 *
 * Its code is in /proc/modules: its length, and where it is.
 */
void fail_of_module(void)
{
	char *modules = slurp("/proc/modules"), *at = strstr(modules, "reuse ");
	unsigned long start, size;

	if (!at || sscanf(at, "reuse %lu %*s %*s %*s %lx", &size, &start) != 2 || !start)
		die("the module is not in /proc/modules");
	memory_from(start, start + size);
	free(modules);
}

/**
 * fail_of_init() - those fail that are made while a module is loaded
 *
 * By what calls its init function, up to the next symbol.
 */
void fail_of_init(void)
{
	char *symbols = slurp("/proc/kallsyms"), *at = strstr(symbols, " do_one_initcall\n");
	unsigned long start = 0, end = 0, symbol;

	if (at && at - symbols > 18)
		start = strtoul(at - 18, NULL, 16);
	for (at = symbols; start && at; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
		symbol = strtoul(at, NULL, 16);
		if (symbol > start && (!end || symbol < end))
			end = symbol;
	}
	if (!end)
		die("no do_one_initcall in /proc/kallsyms");
	memory_from(start, end);
	free(symbols);
}

/**
 * fail_impossible() - can allocations be made to fail here?
 *
 * Return: why not, NULL if they can.
 */
const char *fail_impossible(void)
{
	if (access(FAIL_NTH, W_OK) || access(FAULTS "failslab", F_OK) ||
	    access(FAULTS "fail_page_alloc", F_OK))
		return "this kernel is built without CONFIG_FAULT_INJECTION";
	if (access(FAULTS "failslab/require-start", F_OK))
		return "this kernel is built without CONFIG_FAULT_INJECTION_STACKTRACE_FILTER";
	return NULL;
}

/**
 * fail_begin() - for all tests of a program
 *
 * vmalloc() shows the stack when it fails, at the level of a warning: until
 * fail_end() the console has none, and fail_complaint() looks for others.
 */
void fail_begin(void)
{
	setting("failslab", "verbose", 0);
	write_file(FAULTS "failslab/ignore-gfp-wait", "N");
	setting("fail_page_alloc", "verbose", 0);
	setting("fail_page_alloc", "min-order", 0);
	write_file(FAULTS "fail_page_alloc/ignore-gfp-wait", "N");
	write_file(FAULTS "fail_page_alloc/ignore-gfp-highmem", "N");
	/* fail-nth is read and written by copying, too */
	only_from("fail_usercopy", 1, 2, 0);
	only_from("fail_futex", 1, 2, 0);
	level = slurp(PRINTK);
	write_file(PRINTK, "4");
}

/**
 * fail_end() - undo fail_begin(), also after tests that died
 */
void fail_end(void)
{
	if (level)
		write_file(PRINTK, "%s", level);
}

/**
 * fail_open() - for a test: its own allocations are meant, and its complaints
 */
void fail_open(void)
{
	fail_nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fail_nth_fd < 0 || log_fd < 0 || lseek(log_fd, 0, SEEK_END) < 0)
		die("cannot read the kernel's log");
}

/**
 * fail_complaint() - what the kernel complained about since fail_open()
 *
 * Return: the line, NULL if there is none.
 */
const char *fail_complaint(void)
{
	static const char * const complaints[] = {
		";WARNING:", ";BUG:", ";ODEBUG:", "refcount_t:", ";ref_tracker:",
		"suspicious RCU usage", "leak detector disabled", NULL
	};
	static char record[8192];
	ssize_t len;
	const char * const *complaint;

	while ((len = read(log_fd, record, sizeof(record) - 1)) > 0) {
		record[len] = '\0';
		for (complaint = complaints; *complaint; complaint++) {
			if (strstr(record, *complaint))
				return record;
		}
	}
	return errno == EPIPE ? "the log was overwritten" : NULL;
}

/**
 * fail_count() - count the allocations that an operation makes when none fails
 * @op: the operation, which is to succeed
 *
 * Return: how many.
 */
int fail_count(const struct operation *op)
{
	int left, err;

	if (op->prepare)
		op->prepare();
	fail_nth(FAR);
	err = op->run();
	left = fail_left();
	errno = err;
	if (err)
		die("%s", op->name);
	op->undo();
	return FAR - left;
}

/* The errno of bind() without memory depends on the allocation that failed */
static bool is_clean(const struct operation *op, int err)
{
	return err == ENOMEM ||
	       (op->binds && (err == EADDRINUSE || err == EADDRNOTAVAIL || err == EAGAIN));
}

/* The functions that are intercepted, and this namespace's net.reuse */
static char *state(void)
{
	bool there = !access(SEMANTICS, F_OK);
	char *hooked = slurp(HOOKED), *semantics = slurp(there ? SEMANTICS : "/dev/null");
	char *level = slurp(there ? EVENTS_SYSCTL : "/dev/null"), *all;

	if (asprintf(&all, "%s%s%s", hooked, semantics, level) < 0)
		die("no memory");
	free(hooked);
	free(semantics);
	free(level);
	return all;
}

/**
 * fail_cleanly() - have an operation fail for want of memory, and then succeed
 * @op: the operation
 * @n: the allocation that fails, or FAIL_ALL
 * @failed: counts operations that fail
 *
 * Return: true if it did not fail, or did with the right error and left all as it was.
 */
bool fail_cleanly(const struct operation *op, int n, int *failed)
{
	char *before, *after;
	const char *left;
	bool same, clean;
	int err;

	if (op->prepare)
		op->prepare();
	before = state();
	if (n == FAIL_ALL)
		fail_all(true);
	else
		fail_nth(n);
	err = op->run();
	if (n == FAIL_ALL)
		fail_all(false);
	else
		fail_left();
	after = state();
	left = op->loads && err ? reuse_left_behind(false) : NULL;
	same = !err || (!strcmp(before, after) && !left);
	clean = !err || is_clean(op, err);
	*failed += !!err;
	if (!same || !clean)
		printf("# %s, allocation %d: %s%s%s\n", op->name, n, strerror(err),
		       same ? "" : ", and something is not as before ", left ?: "");
	if (err)
		err = op->run();
	if (err)
		printf("# %s, after allocation %d failed: %s\n", op->name, n, strerror(err));
	op->undo();
	free(before);
	free(after);
	return same && clean && !err;
}
