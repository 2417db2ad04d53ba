// SPDX-License-Identifier: GPL-2.0
/* For a test: a livepatch of a function that the module reuse redirects. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/string.h>

static char *function = "inet_csk_get_port";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "to be replaced: by one that finds no port, no listener, no conflict");

/* Whatever the arguments, and whatever it is that it does not find */

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

static int __init rival_init(void)
{
	funcs[0].old_name = function;
	funcs[0].new_func = strstr(function, "get_port") ? rival_refuse :
							    rival_nothing;
	return klp_enable_patch(&patch);
}

static void __exit rival_exit(void)
{
}

module_init(rival_init);
module_exit(rival_exit);

MODULE_DESCRIPTION("a livepatch of a function that the module reuse needs");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
