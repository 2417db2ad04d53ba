// SPDX-License-Identifier: GPL-2.0
/* Order of init and exit, nothing else. */
#include <linux/module.h>

#include "hook.h"
#include "reuse.h"

static int __init reuse_init(void)
{
	int err = reuse_hook_setup();

	if (err)
		return err;
	err = reuse_netns_setup();
	if (err)
		reuse_hook_teardown();
	return err;
}

static void __exit reuse_exit(void)
{
	reuse_netns_teardown();
	reuse_hook_teardown();
}

module_init(reuse_init);
module_exit(reuse_exit);

MODULE_DESCRIPTION("/proc/net/reuse: who holds which port, and how it may be shared");
MODULE_AUTHOR("The reuse developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(REUSE_VERSION);
