/* SPDX-License-Identifier: GPL-2.0 */
/* "reuse why": would this bind be allowed, and if not, why? */
#ifndef REUSE_WHY_H
#define REUSE_WHY_H

#include "ask.h"

/* Room for a remedy */
#define REMEDY_LEN	512

int why_main(int argc, char **argv);

/* remedy.c */
void remedy_find(const struct netns *ns, const struct question *q, const struct answer *a,
		 const char *holder, char remedy[REMEDY_LEN]);

#endif
