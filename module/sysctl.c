// SPDX-License-Identifier: GPL-2.0
/* net.reuse.semantics, net.reuse.available_semantics, net.reuse.log, and the parameters */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/moduleparam.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bind/bind.h"
#include "compat/sysctl.h"
#include "hook/hook.h"
#include "log/log.h"
#include "netns.h"
#include "switch.h"
#include "sysctl.h"

#define NATIVE	"native"

/* Bytes: the longest word, with room to notice that a second one follows */
#define WORD_MAX	32

static char *semantics = NATIVE;
module_param(semantics, charp, 0444);
MODULE_PARM_DESC(semantics, "semantics that namespaces begin with: native (default), pre39, bsd, freebsd15, openbsd, netbsd, darwin");

static bool host_only;
module_param(host_only, bool, 0644);
MODULE_PARM_DESC(host_only, "only CAP_NET_ADMIN over the host, not over a container alone, is enough to choose other semantics than native, which patches the kernel and can keep livepatches from it (default: N, as rootless containers are what this module is mostly for)");

/* The parameter native_rules: the names of what this kernel's own rules depend on */
static int native_rules_get(char *buffer, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < SEM_NATIVES; i++) {
		if (reuse_bind_native & BIT(i))
			len += scnprintf(buffer + len, PAGE_SIZE - len, "%s%s", len ? "," : "",
					 sem_native_names[i]);
	}
	return len + scnprintf(buffer + len, PAGE_SIZE - len, "\n");
}

static int native_rules_set(const char *value, const struct kernel_param *kp)
{
	return -EPERM;
}

module_param_call(native_rules, native_rules_set, native_rules_get, NULL, 0444);
MODULE_PARM_DESC(native_rules, "read-only: in what this kernel's own rules for bind() differ from those of other kernels, see reuse(7)");

/* The current task may switch; does host_only let it choose @what, which needs hooks, too? */
static bool hooks_allowed(const char *what)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, 3);

	if (!READ_ONCE(host_only) ||
	    ns_capable_noaudit(&init_user_ns, CAP_NET_ADMIN))
		return true;
	if (__ratelimit(&limit))
		pr_info("a task without CAP_NET_ADMIN over the host was refused %s: see /sys/module/reuse/parameters/host_only\n",
			what);
	return false;
}

/* Sets *@profile to the profile of that name (NULL for native); 0, or -EINVAL if there is none */
static int profile_by_name(const char *name, const struct sem_profile **profile)
{
	*profile = sem_profile_named(name);
	return *profile || !strcmp(name, NATIVE) ? 0 : -EINVAL;
}

/* Reads what a task writes; @word has room for WORD_MAX characters */
static int take_word(char *word, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct ctl_table tmp = { .data = word, .maxlen = WORD_MAX };

	*word = '\0';
	return proc_dostring(&tmp, 1, buffer, lenp, ppos);
}

/* Gives a task that reads @text; this does not change it */
static int show_text(const char *text, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct ctl_table tmp = { .data = (void *)text, .maxlen = strlen(text) + 1 };

	return proc_dostring(&tmp, 0, buffer, lenp, ppos);
}

static int semantics_write(reuse_ctl_table *ctl, struct net *net, void *buffer,
			   size_t *lenp, loff_t *ppos)
{
	const struct sem_profile *profile;
	char word[WORD_MAX];
	int err;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;

	err = take_word(word, buffer, lenp, ppos);
	if (err)
		return err;

	err = profile_by_name(strim(word), &profile);
	if (err) {
		pr_info_ratelimited("net.reuse.semantics: no such word; choose one of net.reuse.available_semantics\n");
		return err;
	}

	if (profile && !hooks_allowed(profile->name))
		return -EPERM;

	return reuse_switch(net, profile);
}

static int semantics_handler(reuse_ctl_table *ctl, int write, void *buffer,
			     size_t *lenp, loff_t *ppos)
{
	struct net *net = ctl->data;
	const struct sem_profile *profile;

	if (write)
		return semantics_write(ctl, net, buffer, lenp, ppos);

	profile = reuse_net_profile(net);
	return show_text(profile ? profile->name : NATIVE, buffer, lenp, ppos);
}

static int available_handler(reuse_ctl_table *ctl, int write, void *buffer,
			     size_t *lenp, loff_t *ppos)
{
	char words[WORD_MAX * (1 + SEM_PROFILES)] = NATIVE;
	unsigned int i;

	for (i = 0; i < SEM_PROFILES; i++) {
		if (!reuse_hook_possible(reuse_hook_groups(sem_profiles[i])))
			continue;
		strlcat(words, " ", sizeof(words));
		strlcat(words, sem_profiles[i]->name, sizeof(words));
	}
	return show_text(words, buffer, lenp, ppos);
}

/* In the order of enum reuse_log_level */
static const char * const log_words[] = { "off", "refused", "all" };

static int log_write(reuse_ctl_table *ctl, struct net *net, void *buffer, size_t *lenp,
		     loff_t *ppos)
{
	char word[WORD_MAX];
	int level, err;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;

	err = take_word(word, buffer, lenp, ppos);
	if (err)
		return err;

	level = match_string(log_words, ARRAY_SIZE(log_words), strim(word));
	if (level < 0) {
		pr_info_ratelimited("net.reuse.log: no such word; choose off, refused or all\n");
		return level;
	}

	if (level && !hooks_allowed("net.reuse.log"))
		return -EPERM;

	return reuse_switch_log(net, level);
}

static int log_handler(reuse_ctl_table *ctl, int write, void *buffer, size_t *lenp, loff_t *ppos)
{
	struct net *net = ctl->data;

	if (write)
		return log_write(ctl, net, buffer, lenp, ppos);

	return show_text(log_words[reuse_log_level(net)], buffer, lenp, ppos);
}

static const struct ctl_table reuse_ctl_entries[] = {
	{
		.procname	= "semantics",
		.maxlen		= WORD_MAX,
		.mode		= 0644,
		.proc_handler	= semantics_handler,
	}, {
		.procname	= "available_semantics",
		.maxlen		= WORD_MAX,
		.mode		= 0444,
		.proc_handler	= available_handler,
	}, {
		.procname	= "log",
		.maxlen		= WORD_MAX,
		.mode		= 0644,
		.proc_handler	= log_handler,
	},
};

static int table_register(struct net *net)
{
	const unsigned int n = ARRAY_SIZE(reuse_ctl_entries);
	struct reuse_net *rn = reuse_net(net);
	struct ctl_table *table;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_SYSCTL)) {
		pr_info_once("this kernel is built without CONFIG_SYSCTL: only the module's parameter says which semantics there are\n");
		return 0;
	}

	table = kcalloc(n + REUSE_CTL_END, sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;

	memcpy(table, reuse_ctl_entries, sizeof(reuse_ctl_entries));
	for (i = 0; i < n; i++)
		table[i].data = net;

	rn->ctl_header = reuse_register_net_sysctl(net, "net/reuse", table, n);
	if (!rn->ctl_header) {
		kfree(table);
		return -ENOMEM;
	}
	rn->ctl_table = table;
	return 0;
}

/**
 * reuse_sysctl_create() - create the sysctls net.reuse.* of a network namespace
 * @net: network namespace
 *
 * Context: process context, may sleep.
 * Return: 0 or a negative errno.
 */
int reuse_sysctl_create(struct net *net)
{
	const struct sem_profile *profile;
	int err;

	err = profile_by_name(semantics, &profile);
	if (err) {
		pr_err("semantics=%s: choose native, pre39, bsd, freebsd15, openbsd, netbsd or darwin\n",
		       semantics);
		return err;
	}

	/* If hooks cannot be installed, dmesg says why, and the namespace stays native */
	err = reuse_switch(net, profile);
	if (err && err != -EBUSY && err != -EOPNOTSUPP)
		return err;

	/* From here on tasks may write net.reuse.semantics */
	err = table_register(net);
	if (!err)
		return 0;

	reuse_switch_leave(net);
	synchronize_rcu();
	reuse_switch_left(net);
	return err;
}

/**
 * reuse_sysctl_remove() - undo reuse_sysctl_create()
 * @net: network namespace
 *
 * Context: process context, may sleep. On return no task is in a handler.
 */
void reuse_sysctl_remove(struct net *net)
{
	struct reuse_net *rn = reuse_net(net);

	unregister_net_sysctl_table(rn->ctl_header);
	kfree(rn->ctl_table);
}
