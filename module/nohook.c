// SPDX-License-Identifier: GPL-2.0
/*
 * In place of hook.c where ftrace cannot redirect, or has its registers where
 * hook.c does not know.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/ratelimit.h>

#include "hook.h"

/**
 * reuse_hook_setup() - nothing to see
 *
 * Context: any.
 * Return: 0.
 */
int __init reuse_hook_setup(void)
{
	return 0;
}

/**
 * reuse_hook_teardown() - nothing to undo
 *
 * Context: any.
 */
void reuse_hook_teardown(void)
{
}

/**
 * reuse_hook_possible() - has this kernel all that is to be intercepted?
 *
 * Context: any.
 * Return: false.
 */
bool reuse_hook_possible(void)
{
	return false;
}

/**
 * reuse_hook_install() - not on this kernel
 * @group: whatever
 *
 * Context: any.
 * Return: -EOPNOTSUPP.
 */
int reuse_hook_install(enum reuse_hooks group)
{
	pr_warn_ratelimited("only native semantics: this kernel is built without CONFIG_DYNAMIC_FTRACE_WITH_ARGS (or _WITH_REGS), or not for x86-64 or arm64\n");
	return -EOPNOTSUPP;
}

/**
 * reuse_hook_remove() - nothing was installed
 * @group: whatever
 *
 * Context: any.
 */
void reuse_hook_remove(enum reuse_hooks group)
{
}

/**
 * reuse_hook_drain() - no task was led to the module's code
 *
 * Context: any.
 */
void reuse_hook_drain(void)
{
}

/**
 * reuse_hook_enter() - never called
 *
 * Context: any.
 * Return: 0.
 */
int reuse_hook_enter(void)
{
	return 0;
}

/**
 * reuse_hook_leave() - never called
 * @idx: whatever
 *
 * Context: any.
 */
void reuse_hook_leave(int idx)
{
}
