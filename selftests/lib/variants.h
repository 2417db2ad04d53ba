/* SPDX-License-Identifier: GPL-2.0 */
/* Fixtures whose variants are the semantics, each with its enum semantics as variant->column. */
#ifndef REUSE_VARIANTS_H
#define REUSE_VARIANTS_H

#include "harness.h"

/* The answer of one of the BSDs; of the first, if the variant is none of them */
#define BSDS(bsd, freebsd15, openbsd, netbsd, darwin) ({ \
	const __typeof__((bsd) + 0) of[] = { bsd, freebsd15, openbsd, netbsd, darwin }; \
	of[variant->column < BSD ? 0 : variant->column - BSD]; \
})

#endif
