/* SPDX-License-Identifier: GPL-2.0 */
/* The terminal: its width and colours. */
#ifndef REUSE_TERM_H
#define REUSE_TERM_H

#include <stdbool.h>
#include <stddef.h>

/* How text looks on a terminal */
enum look { PLAIN, HEADING, GOOD, ODD, OLD, BAD };

/* How many blanks are before what belongs to the line above */
#define INDENTED	4

void term_setup(void);
bool term_is(void);
size_t term_width(void);
size_t term_height(void);
void term_put(enum look look, const char *text, size_t len);
void term_wrap(const char *text, size_t hang);
void term_wrap_behind(const char *head, const char *text);
void term_clear(void);

#endif
