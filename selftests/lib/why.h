/* SPDX-License-Identifier: GPL-2.0 */
/* Ask /proc/net/reuse_why. */
#ifndef REUSE_WHY_H
#define REUSE_WHY_H

#include "env.h"

#define WHY	"/proc/net/reuse_why"

/**
 * struct why - an answer
 * @text: both lines, each word with a zero behind it
 * @n: number of columns
 * @name: their names
 * @value: their values
 */
struct why {
	char text[1024];
	int n;
	const char *name[32];
	const char *value[32];
};

int why_ask_fd(struct why *why, int fd, const char *question);
__printf(2, 3) int why_ask(struct why *why, const char *fmt, ...);
const char *why_get(const struct why *why, const char *name);

#endif
