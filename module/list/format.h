/* SPDX-License-Identifier: GPL-2.0 */
/* Private to list/: a row as text. */
#ifndef _REUSE_FORMAT_H
#define _REUSE_FORMAT_H

#include "rows.h"

/* Room that a row takes at most */
#define REUSE_ROW_MAX	384

char *reuse_format_row(char *p, const struct reuse_rows *rows, const struct reuse_row *row);

#endif
