// SPDX-License-Identifier: GPL-2.0
/*
 * Proves that this kernel redirects calls.
 *
 * If a kernel differs from its headers, a redirect may have no effect, or the arguments
 * may be elsewhere. So before it intercepts a function of the kernel, the module intercepts
 * one of its own and calls it: the call must arrive at the replacement, with each argument
 * that any handler changes, and no other, changed by the handler.
 *
 * ftrace must be able to trace both functions: the compiler may optimise a static one so
 * that it cannot, so they are not static.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/printk.h>

#include "ftrace.h"

/* The arguments that the function is called with */
static const unsigned long passed[] = {
	0x13579bdf02468ace, 0x2468ace013579bdf, 0x3579bdf12468ace0,
	0x468ace02579bdf13, 0x579bdf13468ace02, 0x68ace024579bdf13,
};

/* The value that the handler gives argument @n */
#define CHANGED(n)	(~passed[n])

/* The value with which argument @n arrives */
static unsigned long arriving(unsigned int n)
{
	return REUSE_CHANGED_ARGS & BIT(n) ? CHANGED(n) : passed[n];
}

/**
 * reuse_proof_target() - the function whose call is redirected
 * @first: passed[0]
 * @second: passed[1]
 * @third: passed[2]
 * @fourth: passed[3]
 * @fifth: passed[4]
 * @sixth: passed[5]
 *
 * Context: any.
 * Return: false, which proof_lands() sees if the call was not redirected.
 */
noinline bool reuse_proof_target(unsigned long first, unsigned long second,
				 unsigned long third, unsigned long fourth,
				 unsigned long fifth, unsigned long sixth)
{
	return false;
}

/**
 * reuse_proof_landed() - the replacement of reuse_proof_target()
 * @first: arriving(0)
 * @second: arriving(1)
 * @third: arriving(2), if the handler can change it
 * @fourth: arriving(3)
 * @fifth: arriving(4)
 * @sixth: arriving(5)
 *
 * Context: any.
 * Return: true if that is so.
 */
noinline bool reuse_proof_landed(unsigned long first, unsigned long second,
				 unsigned long third, unsigned long fourth,
				 unsigned long fifth, unsigned long sixth)
{
	return first == arriving(0) && second == arriving(1) && third == arriving(2) &&
	       fourth == arriving(3) && fifth == arriving(4) && sixth == arriving(5);
}

/* Redirects only if it finds the arguments */
static void notrace proof_handler(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, reuse_fregs_t *regs)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(passed); i++) {
		if (reuse_ftrace_arg(regs, i) != passed[i])
			return;
	}

	for (i = 0; i < ARRAY_SIZE(passed); i++) {
		if (REUSE_CHANGED_ARGS & BIT(i))
			*reuse_ftrace_arg_at(regs, i) = CHANGED(i);
	}
	reuse_ftrace_replace(ops, regs);
}

static struct hook_target proof_target = {
	.name = "reuse_proof_target", .to = reuse_proof_landed,
	.ops.func = proof_handler,
};

static bool proof_lands(void)
{
	typeof(reuse_proof_target) *target = reuse_proof_target;

	/* Hides from the compiler which function is called, or it could use the known result */
	OPTIMIZER_HIDE_VAR(target);
	return target(passed[0], passed[1], passed[2], passed[3], passed[4], passed[5]);
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
