// SPDX-License-Identifier: GPL-2.0
/* Sets up and tears down the module, and its part of each network namespace. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <net/net_namespace.h>

#include "ask/ask.h"
#include "hook/hook.h"
#include "list/list.h"
#include "log/log.h"
#include "log/tracing.h"
#include "netns.h"
#include "switch.h"
#include "sysctl.h"
#include "track/track.h"

static int __net_init state_init(struct net *net)
{
	int err;

	reuse_net_init(net);
	err = reuse_list_create(net);
	if (err)
		return err;

	err = reuse_ask_create(net);
	if (err)
		goto remove_list;

	err = reuse_log_create(net);
	if (err)
		goto remove_ask;

	return 0;

remove_ask:
	reuse_ask_remove(net);
remove_list:
	reuse_list_remove(net);
	return err;
}

static void __net_exit state_exit(struct net *net)
{
	reuse_log_remove(net);
	reuse_ask_remove(net);
	reuse_list_remove(net);
}

static struct pernet_operations state_ops = {
	.init	= state_init,
	.exit	= state_exit,
	.id	= &reuse_net_id,
	.size	= sizeof(struct reuse_net),
};

/* Number of live namespaces that were not native when the module was unloaded */
static unsigned int left_emulating;

/*
 * After this, the kernel waits one RCU grace period for all namespaces that end together.
 *
 * init_net comes here only when the module is unloaded, and as the first namespace. No
 * namespace is created or destroyed meanwhile, but some may be dead and wait to be
 * destroyed: check_net() leaves those out.
 */
static void __net_exit switch_pre_exit(struct net *net)
{
	if (net_eq(net, &init_net))
		left_emulating = 0;

	if (reuse_switch_leave(net) && check_net(net))
		left_emulating++;
}

static void __net_exit switch_exit(struct net *net)
{
	reuse_sysctl_remove(net);
	reuse_switch_left(net);
}

/*
 * While functions are intercepted, the hooks call reuse_net() for any namespace. Before
 * state_ops has allocated the namespace's state, and after it has freed that, the pointer
 * may lead to memory that an earlier module with the same id has freed. So no namespace is
 * switched before all have their state, and none loses it before the last hook is removed.
 */
static struct pernet_operations switch_ops = {
	.init	  = reuse_sysctl_create,
	.pre_exit = switch_pre_exit,
	.exit	  = switch_exit,
};

/* Binds are traced in all namespaces: the functions of any log are intercepted for that, too */
static int trace_get(void)
{
	return reuse_hook_users_get(NULL, REUSE_HOOKS_OF_LOG);
}

static void trace_put(void)
{
	reuse_hook_users_put(REUSE_HOOKS_OF_LOG);
}

static const struct reuse_trace_hooks trace_hooks = {
	.get = trace_get,
	.put = trace_put,
};

static int __init reuse_init(void)
{
	int err;

	err = reuse_hook_setup();
	if (err)
		return err;

	err = reuse_track_setup();
	if (err)
		goto teardown_hook;

	err = register_pernet_subsys(&state_ops);	/* every namespace has its state ... */
	if (err)
		goto teardown_track;

	err = register_pernet_subsys(&switch_ops);	/* ... before any may be switched */
	if (err)
		goto unregister_state;

	reuse_trace_setup(&trace_hooks);
	return 0;

unregister_state:
	/* Namespaces that switch_ops had set up may have left their hooks to the worker */
	reuse_hook_users_teardown();
	unregister_pernet_subsys(&state_ops);
teardown_track:
	reuse_track_teardown();
teardown_hook:
	reuse_hook_teardown();
	return err;
}

/* After reuse_hook_users_teardown() no function of the kernel calls the module */
static void __exit reuse_exit(void)
{
	reuse_trace_teardown();
	unregister_pernet_subsys(&switch_ops);
	if (left_emulating)
		pr_warn("unloaded while %u network namespace(s) were not native: this kernel's own rules are in force there from now on\n",
			left_emulating);

	reuse_hook_users_teardown();
	unregister_pernet_subsys(&state_ops);
	reuse_track_teardown();
	reuse_hook_teardown();
}

module_init(reuse_init);
module_exit(reuse_exit);

MODULE_DESCRIPTION("/proc/net/reuse: who holds which port, and how it may be shared");
MODULE_AUTHOR("The reuse developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(REUSE_VERSION);
