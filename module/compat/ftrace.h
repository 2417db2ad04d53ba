/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers of a traced function: pt_regs, saved in full, or ftrace_regs, which hold only
 * the arguments (on kernels that have accessors for them).
 */
#ifndef _REUSE_COMPAT_FTRACE_H
#define _REUSE_COMPAT_FTRACE_H

#include <linux/ftrace.h>

#ifdef REUSE_FTRACE_REGS
#define reuse_fregs_t	struct ftrace_regs
#else
#define reuse_fregs_t	struct pt_regs
#endif

/* Arguments of a function, in pt_regs or a structure with the same members */
#ifdef CONFIG_X86_64
#define reuse_third_arg(r)	((r)->dx)
#define reuse_fourth_arg(r)	((r)->cx)
#define reuse_sixth_arg(r)	((r)->r9)
#else
#define reuse_third_arg(r)	((r)->regs[2])
#define reuse_fourth_arg(r)	((r)->regs[3])
#define reuse_sixth_arg(r)	((r)->regs[5])
#endif

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

static inline void reuse_ftrace_set_third_arg(reuse_fregs_t *regs, unsigned long value)
{
	reuse_third_arg(reuse_ftrace_pt_regs(regs)) = value;
}

static inline void reuse_ftrace_set_fourth_arg(reuse_fregs_t *regs, unsigned long value)
{
	reuse_fourth_arg(reuse_ftrace_pt_regs(regs)) = value;
}

static inline void reuse_ftrace_set_sixth_arg(reuse_fregs_t *regs, unsigned long value)
{
	reuse_sixth_arg(reuse_ftrace_pt_regs(regs)) = value;
}

#endif
