// SPDX-License-Identifier: GPL-2.0
/*
 * Defines the module's tracepoints, and intercepts binds as long as reuse_bind is enabled.
 *
 * The kernel calls reuse_trace_bind_reg() when the first tracer enables the tracepoint, and
 * reuse_trace_bind_unreg() when the last one disables it. Both may be called before module_init()
 * has run and after module_exit() has, as tracefs shows the tracepoints that long.
 *
 * Locks: event_mutex and tracepoints_mutex of the kernel, then trace_lock, then what installs hooks
 * takes: hooks_lock of hook/users.c and ftrace_lock. Nothing takes one of the first two under one
 * of the others.
 */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/perf_event.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

static DEFINE_MUTEX(trace_lock);	/* protects what follows */
static const struct reuse_trace_hooks *trace_hooks;	/* NULL: the module is not ready, or goes */
static bool bind_hooked;

/**
 * reuse_trace_bind_reg() - the first tracer enables reuse_bind
 *
 * Context: process context, may sleep.
 * Return: 0; -ENODEV while the module is being loaded or unloaded; an error of
 * reuse_trace_hooks.get(). After an error the tracepoint stays disabled.
 */
int reuse_trace_bind_reg(void)
{
	int err = 0;

	mutex_lock(&trace_lock);
	if (!trace_hooks)
		err = -ENODEV;
	/* A kernel that has no memory for the tracer afterwards may not undo the first call */
	else if (!bind_hooked)
		err = trace_hooks->get();
	if (!err)
		bind_hooked = true;
	mutex_unlock(&trace_lock);
	return err;
}

/* Called under trace_lock */
static void bind_unhook(void)
{
	if (bind_hooked)
		trace_hooks->put();
	bind_hooked = false;
}

/**
 * reuse_trace_bind_unreg() - the last tracer disables reuse_bind
 *
 * Context: process context, may sleep.
 */
void reuse_trace_bind_unreg(void)
{
	mutex_lock(&trace_lock);
	bind_unhook();
	mutex_unlock(&trace_lock);
}

#if defined(CONFIG_PERF_EVENTS) && defined(CONFIG_EVENT_TRACING)
/*
 * perf lets everybody count a tracepoint, which enables it: that would intercept binds of all
 * namespaces, and keep the module from being unloaded.
 */
static int perf_perm(struct trace_event_call *call, struct perf_event *event)
{
	return event->parent || perfmon_capable() ? 0 : -EPERM;
}

static void __init restrict_perf(void)
{
	event_reuse_bind.perf_perm = perf_perm;
	event_reuse_deliver.perf_perm = perf_perm;
}
#else
static void __init restrict_perf(void)
{
}
#endif

/**
 * reuse_trace_setup() - allow tracers to enable reuse_bind
 * @hooks: what that takes
 *
 * Context: process context, may sleep; called from module_init(), when all else is ready.
 */
void __init reuse_trace_setup(const struct reuse_trace_hooks *hooks)
{
	restrict_perf();
	mutex_lock(&trace_lock);
	trace_hooks = hooks;
	mutex_unlock(&trace_lock);
}

/**
 * reuse_trace_teardown() - stop tracing binds, though tracers may have the tracepoint enabled
 *
 * Context: process context, may sleep; called from module_exit(), before all else.
 */
void reuse_trace_teardown(void)
{
	mutex_lock(&trace_lock);
	bind_unhook();
	trace_hooks = NULL;
	mutex_unlock(&trace_lock);
}
