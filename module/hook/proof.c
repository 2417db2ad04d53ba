// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that this kernel redirects calls.
 *
 * If a kernel differs from its headers, a redirect may have no effect, or the arguments
 * may be elsewhere. So before it intercepts a function of the kernel, the module intercepts
 * one of its own and calls it: the call must arrive at the replacement, with the third
 * argument changed by the handler.
 *
 * ftrace must be able to trace both functions: the compiler may optimise a static one so
 * that it cannot, so they are not static.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/printk.h>

#include "ftrace.h"

#define FIRST	0x1357
#define SECOND	0x2468
#define THIRD	0x7531
#define CHANGED	0x8642	/* the handler puts it in place of THIRD */

/**
 * reuse_proof_target() - the function whose call is redirected
 * @first: FIRST
 * @second: SECOND
 * @third: THIRD
 *
 * Context: any.
 * Return: 0, which proof_lands() sees if the call was not redirected.
 */
noinline unsigned long reuse_proof_target(unsigned long first, unsigned long second,
					  unsigned long third)
{
	return 0;
}

/**
 * reuse_proof_landed() - the replacement of reuse_proof_target()
 * @first: FIRST
 * @second: SECOND
 * @third: CHANGED, if the handler can change it
 *
 * Context: any.
 * Return: all arguments in one number.
 */
noinline unsigned long reuse_proof_landed(unsigned long first, unsigned long second,
					  unsigned long third)
{
	return first << 32 | second << 16 | third;
}

/* Redirects only if it finds the arguments */
static void notrace proof_handler(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, reuse_fregs_t *regs)
{
	if (reuse_ftrace_arg(regs, 0) != FIRST ||
	    reuse_ftrace_arg(regs, 1) != SECOND ||
	    reuse_ftrace_arg(regs, 2) != THIRD)
		return;

	reuse_ftrace_set_third_arg(regs, CHANGED);
	reuse_ftrace_replace(ops, regs);
}

static struct hook_target proof_target = {
	.name = "reuse_proof_target", .to = reuse_proof_landed,
	.ops.func = proof_handler,
};

static bool proof_lands(void)
{
	unsigned long (*target)(unsigned long first, unsigned long second,
				unsigned long third) = reuse_proof_target;

	/* Hides from the compiler which function is called, or it could use the known result */
	OPTIMIZER_HIDE_VAR(target);
	return target(FIRST, SECOND, THIRD) ==
	       ((unsigned long)FIRST << 32 | SECOND << 16 | CHANGED);
}

/* Result of the proof; -EAGAIN until it is known, then never changes */
static int proof = -EAGAIN;

/* 0 or an error; a later call may succeed, except after -EOPNOTSUPP */
static int proof_find(void)
{
	static DEFINE_MUTEX(proof_lock);
	int err;

	mutex_lock(&proof_lock);
	err = proof;
	if (err == -EAGAIN)
		err = reuse_ftrace_install(&proof_target);

	if (!err && proof == -EAGAIN) {
		WRITE_ONCE(proof, proof_lands() ? 0 : -EOPNOTSUPP);
		reuse_ftrace_remove(&proof_target);
		err = proof;
	}
	mutex_unlock(&proof_lock);
	return err;
}

/**
 * reuse_proof() - does this kernel redirect a call as it should?
 *
 * Context: process context, may sleep.
 * Return: 0, or an error of reuse_ftrace_install(); dmesg says why.
 */
int reuse_proof(void)
{
	int err = proof_find();

	if (err && err == READ_ONCE(proof) && reuse_ftrace_may_explain())
		pr_warn("only native semantics: ftrace of this kernel did not redirect a function of this module's own as it should\n");
	return err;
}

/**
 * reuse_proof_possible() - can reuse_proof() succeed, now or later?
 *
 * Context: process context, may sleep.
 * Return: true if so.
 */
bool reuse_proof_possible(void)
{
	return !reuse_ftrace_find(&proof_target) && proof_find() != -EOPNOTSUPP;
}

/**
 * reuse_proof_teardown() - free what reuse_proof() has allocated
 *
 * Context: process context, may sleep.
 */
void reuse_proof_teardown(void)
{
	reuse_ftrace_clear(&proof_target);
}
