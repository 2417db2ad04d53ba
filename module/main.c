// SPDX-License-Identifier: GPL-2.0
/* Order of init and exit, nothing else. */
#include <linux/module.h>

#include "hook.h"
#include "reuse.h"

static int __init reuse_init(void)
{
	reuse_hook_setup();
	return reuse_netns_setup();
}

static void __exit reuse_exit(void)
{
	reuse_netns_teardown();
}

module_init(reuse_init);
module_exit(reuse_exit);

MODULE_DESCRIPTION("/proc/net/reuse: who holds which port, and how it may be shared");
MODULE_AUTHOR("The reuse developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
