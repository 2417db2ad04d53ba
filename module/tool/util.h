/* SPDX-License-Identifier: GPL-2.0 */
/* Messages, exit statuses, small files, and where /proc and /sys are. */
#ifndef REUSE_UTIL_H
#define REUSE_UTIL_H

#include <stdbool.h>
#include <stddef.h>

#ifndef __printf
#define __printf(a, b)	__attribute((format(printf, a, b)))
#endif
#ifndef __noreturn
#define __noreturn	__attribute((noreturn))
#endif

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * enum status - exit statuses, as reuse(8) documents them
 * @DONE: done, and something was found
 * @NOTHING: done, and nothing matches
 * @USAGE: wrong arguments
 * @NO_MODULE: the module is not loaded
 * @FAILED: anything else, with a message
 * @RUN_DIFFERS: "reuse run --fail-on-difference" has seen a difference
 * @RUN_FAILED: "reuse run" could not begin the command
 * @RUN_NO_EXEC: the command cannot be executed
 * @RUN_NO_FILE: there is no such command
 */
enum status {
	DONE = 0,
	NOTHING = 1,
	USAGE = 2,
	NO_MODULE = 3,
	FAILED = 4,
	RUN_DIFFERS = 3,
	RUN_FAILED = 125,
	RUN_NO_EXEC = 126,
	RUN_NO_FILE = 127,
};

/* The longest path below /proc, /sys or /run/netns that is made here */
#define PATH_LEN	512

/* Room for the name and the number of a user */
#define USER_LEN	96

__printf(1, 2) void say(const char *fmt, ...);
int no_module(void);
bool say_unknown(const char *semantics);
const char *sysctl_hint(int err);
const char *proc_dir(void);
const char *sys_dir(void);
__printf(2, 3) void path_print(char path[PATH_LEN], const char *fmt, ...);
char *slurp(const char *path, size_t *len);
int write_text(const char *path, const char *text);
bool read_word(const char *path, char *word, size_t size);
bool read_first_line(const char *path, char *line, size_t size);
void *need_memory(void *memory);
void *grow(void *array, size_t n, size_t *room, size_t size);
const char *read_digits(const char *text, unsigned long *number);
bool to_number(const char *text, unsigned long *number);
void print_clean(const char *text);

/* A character that a terminal would obey, or not print, becomes a question mark */
static inline char clean_char(char c)
{
	return c >= ' ' && c <= '~' ? c : '?';
}

void user_print(unsigned long uid, char user[USER_LEN]);

#endif
