/* SPDX-License-Identifier: GPL-2.0 */
/* The table for people, and for programs as JSON. */
#ifndef REUSE_PRINT_H
#define REUSE_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "netns.h"
#include "procs.h"
#include "table.h"

void print_table(const struct table *t, bool marks, bool processes, size_t lines);
void print_json(const struct table *t, bool marks, bool processes);
void print_states(FILE *out, const struct row *row);
size_t print_group(FILE *out, const struct holders *h, size_t from);

#endif
