/* SPDX-License-Identifier: GPL-2.0 */
/* Private to hook.c: the function that is redirected to see whether that works. */
#ifndef _REUSE_PROOF_H
#define _REUSE_PROOF_H

#include "compat/ftrace.h"

#define REUSE_PROOF_FIRST	0x1357
#define REUSE_PROOF_SECOND	0x2468
#define REUSE_PROOF_THIRD	0x7531
#define REUSE_PROOF_CHANGED	0x8642	/* instead of the third, by the handler */

unsigned long reuse_proof_target(unsigned long first, unsigned long second,
				 unsigned long third);
unsigned long reuse_proof_landed(unsigned long first, unsigned long second,
				 unsigned long third);
bool reuse_proof_lands(void);

/* In the handler: true if it has the arguments; then the call is redirected */
static __always_inline bool reuse_proof_begin(reuse_fregs_t *regs)
{
	if (reuse_ftrace_arg(regs, 0) != REUSE_PROOF_FIRST ||
	    reuse_ftrace_arg(regs, 1) != REUSE_PROOF_SECOND ||
	    reuse_ftrace_arg(regs, 2) != REUSE_PROOF_THIRD)
		return false;
	reuse_ftrace_set_third_arg(regs, REUSE_PROOF_CHANGED);
	return true;
}

#endif
