// SPDX-License-Identifier: GPL-2.0
/* For a test: a livepatch with which no TCP socket gets a port. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <net/sock.h>

static int rival_get_port(struct sock *sk, unsigned short snum)
{
	return -EADDRINUSE;
}

static struct klp_func funcs[] = {
	{
		.old_name = "inet_csk_get_port",
		.new_func = rival_get_port,
	}, { }
};

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
