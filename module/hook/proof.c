// SPDX-License-Identifier: GPL-2.0
/*
 * Does this kernel redirect?
 *
 * Where a kernel is not what its headers made us think, a redirect may have no effect, or
 * the arguments be elsewhere. So before anything else is intercepted, a function of this
 * module is, and is called: the call must get to its replacement, with the third argument
 * changed by the handler.
 *
 * Both functions have to be traceable, which a static one that is optimised may not be.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/compiler.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "ftrace.h"

#define FIRST	0x1357
#define SECOND	0x2468
#define THIRD	0x7531
#define CHANGED	0x8642	/* instead of the third, by the handler */

/**
 * reuse_proof_target() - the function that is redirected
 * @first: FIRST
 * @second: SECOND
 * @third: THIRD
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
 * @first: FIRST
 * @second: SECOND
 * @third: CHANGED, if the handler can change it
 *
 * Context: any.
 * Return: all of them.
 */
noinline unsigned long reuse_proof_landed(unsigned long first, unsigned long second,
					  unsigned long third)
{
	return first << 32 | second << 16 | third;
}

/* Redirects only if it finds the arguments, and knows a call by this module from others */
static void notrace proof_handler(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, reuse_fregs_t *regs)
{
	if (!within_module(parent_ip, THIS_MODULE) ||
	    reuse_ftrace_arg(regs, 0) != FIRST ||
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

	/* The compiler knows what reuse_proof_target() does; not so what this does */
	OPTIMIZER_HIDE_VAR(target);
	return target(FIRST, SECOND, THIRD) ==
	       ((unsigned long)FIRST << 32 | SECOND << 16 | CHANGED);
}

static int proof = -EAGAIN;	/* not yet known; changes once */

/* 0, or an error: -EOPNOTSUPP will never change */
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
 * reuse_proof() - does this kernel redirect a function as it should?
 *
 * Context: process context, may sleep.
 * Return: 0, or an error as reuse_ftrace_install() has it; dmesg says why.
 */
int reuse_proof(void)
{
	int err = proof_find();

	if (err && err == READ_ONCE(proof) && reuse_ftrace_may_explain())
		pr_warn("only native semantics: ftrace of this kernel did not redirect a function of this module's own as it should\n");
	return err;
}

/**
 * reuse_proof_possible() - may reuse_proof() succeed, now or later?
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
