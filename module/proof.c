// SPDX-License-Identifier: GPL-2.0
/*
 * Does a redirect lead where it should on this kernel, does the handler see the
 * arguments, and can it change the third? Tried on a function that does nothing.
 *
 * Both functions have to be traceable, which a static one that is optimised may not be.
 */
#include <linux/compiler.h>

#include "proof.h"

/**
 * reuse_proof_target() - the function that is redirected
 * @first: REUSE_PROOF_FIRST
 * @second: REUSE_PROOF_SECOND
 * @third: REUSE_PROOF_THIRD
 *
 * Context: any.
 * Return: 0, if it was not redirected.
 */
noinline unsigned long reuse_proof_target(unsigned long first, unsigned long second,
					  unsigned long third)
{
	return 0;
}

/**
 * reuse_proof_landed() - the function that it is redirected to
 * @first: REUSE_PROOF_FIRST
 * @second: REUSE_PROOF_SECOND
 * @third: REUSE_PROOF_CHANGED, if the handler can change it
 *
 * Context: any.
 * Return: all of them.
 */
noinline unsigned long reuse_proof_landed(unsigned long first, unsigned long second,
					  unsigned long third)
{
	return first << 32 | second << 16 | third;
}

/**
 * reuse_proof_lands() - call the function
 *
 * Context: any; the function is redirected.
 * Return: true if the call got where it should, with the arguments that it should have.
 */
bool reuse_proof_lands(void)
{
	unsigned long (*target)(unsigned long first, unsigned long second,
				unsigned long third) = reuse_proof_target;

	/* The compiler knows what reuse_proof_target() does; not so what this does */
	OPTIMIZER_HIDE_VAR(target);
	return target(REUSE_PROOF_FIRST, REUSE_PROOF_SECOND, REUSE_PROOF_THIRD) ==
	       ((unsigned long)REUSE_PROOF_FIRST << 32 | REUSE_PROOF_SECOND << 16 |
		REUSE_PROOF_CHANGED);
}
