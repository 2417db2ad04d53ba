/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers of a traced function: pt_regs, saved in full, or ftrace_regs, which hold only
 * the arguments (on kernels that have accessors for them).
 */
#ifndef _REUSE_COMPAT_FTRACE_H
#define _REUSE_COMPAT_FTRACE_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/ftrace.h>

#ifdef REUSE_FTRACE_REGS
#define reuse_fregs_t	struct ftrace_regs
#else
#define reuse_fregs_t	struct pt_regs
#endif

/* The arguments of functions that handlers change, counted from 0; hook/proof.c tries each */
#define REUSE_CHANGED_ARGS	(BIT(2) | BIT(3) | BIT(5))

#ifdef REUSE_FTRACE_ARGUMENT

#define REUSE_FTRACE_FLAGS	0

/* No accessor sets a single argument, so look inside: since 6.13 that takes a macro */
#ifdef arch_ftrace_regs
#define reuse_arch_regs(fregs)	arch_ftrace_regs(fregs)
#else
#define reuse_arch_regs(fregs)	(fregs)
#endif

#ifdef CONFIG_X86_64
#define reuse_ftrace_pt_regs(fregs)	(&reuse_arch_regs(fregs)->regs)
#else
#define reuse_ftrace_pt_regs(fregs)	reuse_arch_regs(fregs)
#endif

static inline unsigned long reuse_ftrace_arg(reuse_fregs_t *regs, unsigned int n)
{
	return ftrace_regs_get_argument(regs, n);
}

static inline void reuse_ftrace_redirect(reuse_fregs_t *regs, void *to)
{
	ftrace_regs_set_instruction_pointer(regs, (unsigned long)to);
}

#else

#define REUSE_FTRACE_FLAGS	FTRACE_OPS_FL_SAVE_REGS

static inline struct pt_regs *reuse_ftrace_pt_regs(reuse_fregs_t *regs)
{
#ifdef REUSE_FTRACE_REGS
	return ftrace_get_regs(regs);
#else
	return regs;
#endif
}

static inline unsigned long reuse_ftrace_arg(reuse_fregs_t *regs, unsigned int n)
{
	return regs_get_kernel_argument(reuse_ftrace_pt_regs(regs), n);
}

/*
 * Set it in pt_regs: with FTRACE_OPS_FL_SAVE_REGS all registers are restored from there.
 * On a kernel without accessors for arguments, ftrace_instruction_pointer_set() may be an
 * empty macro.
 */
static inline void reuse_ftrace_redirect(reuse_fregs_t *regs, void *to)
{
	instruction_pointer_set(reuse_ftrace_pt_regs(regs), (unsigned long)to);
}

#endif

/* Where argument @n is, in pt_regs or a structure with the same members */
static inline unsigned long *reuse_ftrace_arg_at(reuse_fregs_t *fregs, unsigned int n)
{
#ifdef CONFIG_X86_64
	switch (n) {
	case 0: return &reuse_ftrace_pt_regs(fregs)->di;
	case 1: return &reuse_ftrace_pt_regs(fregs)->si;
	case 2: return &reuse_ftrace_pt_regs(fregs)->dx;
	case 3: return &reuse_ftrace_pt_regs(fregs)->cx;
	case 4: return &reuse_ftrace_pt_regs(fregs)->r8;
	default: return &reuse_ftrace_pt_regs(fregs)->r9;
	}
#else
	/* An u64 in pt_regs, an unsigned long in ftrace_regs: the same here */
	return (unsigned long *)&reuse_ftrace_pt_regs(fregs)->regs[n];
#endif
}

/* @n: a constant that REUSE_CHANGED_ARGS has */
static __always_inline void reuse_ftrace_set_arg(reuse_fregs_t *regs, unsigned int n,
						 unsigned long value)
{
	BUILD_BUG_ON(!(REUSE_CHANGED_ARGS & BIT(n)));
	*reuse_ftrace_arg_at(regs, n) = value;
}

#endif
