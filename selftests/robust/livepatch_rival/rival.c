// SPDX-License-Identifier: GPL-2.0
/*
 * For a test: a livepatch of a function that the module reuse redirects, or
 * an ftrace that refuses to intercept one, or one that seems not to redirect.
 */
#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/string.h>

static char *function = "inet_csk_get_port";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "to be replaced: by one that finds no port, no listener, no conflict, or does nothing");

static unsigned int refuse;
module_param(refuse, uint, 0444);
MODULE_PARM_DESC(refuse, "no livepatch: that call of register_ftrace_function() fails, from now, the first is 1");

static bool later;
module_param(later, bool, 0444);
MODULE_PARM_DESC(later, "and all later ones");

static bool deaf;
module_param(deaf, bool, 0444);
MODULE_PARM_DESC(deaf, "no livepatch: the function that reuse redirects for a proof is not reached, it seems");

/* In place of functions with other arguments; 0 is also the NULL of a lookup */

static long rival_refuse(void)
{
	return -EADDRINUSE;
}

static long rival_nothing(void)
{
	return 0;
}

static struct klp_func funcs[] = { { }, { } };

static struct klp_object objs[] = {
	{
		.funcs = funcs,
	}, { }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int busy(void)
{
	return -EBUSY;
}

/* It returns at once, as if it had been the other function */
static int refuse_one(struct kprobe *p, struct pt_regs *regs)
{
	if (refuse != 1) {
		refuse -= !!refuse;
		return 0;
	}
	refuse = later;
	instruction_pointer_set(regs, (unsigned long)busy);
	return 1;
}

/* A probe that has one is not made a jump, which goes on where it was */
static void refused_none(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "register_ftrace_function",
	.pre_handler = refuse_one,
	.post_handler = refused_none,
};

/* As if the function had been entered that was not redirected */
static int landed_nowhere(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	regs_set_return_value(regs, 0);
	return 0;
}

static struct kretprobe landed = {
	.kp.symbol_name = "reuse_proof_landed",
	.handler = landed_nowhere,
};

static int __init rival_init(void)
{
	if (refuse)
		return register_kprobe(&probe);
	if (deaf)
		return register_kretprobe(&landed);
	funcs[0].old_name = function;
	funcs[0].new_func = strstr(function, "get_port") ? rival_refuse :
							    rival_nothing;
	return klp_enable_patch(&patch);
}

static void __exit rival_exit(void)
{
	if (probe.addr)
		unregister_kprobe(&probe);
	if (landed.kp.addr)
		unregister_kretprobe(&landed);
}

module_init(rival_init);
module_exit(rival_exit);

MODULE_DESCRIPTION("in the way of the module reuse: a livepatch, a refusal, or a redirect without effect");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
