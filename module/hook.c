// SPDX-License-Identifier: GPL-2.0
/*
 * The only file that intercepts functions of the kernel.
 *
 * ftrace calls us at the entry of a function and lets us go on elsewhere: in a
 * replacement of the same prototype. Which one is decided by name; a function
 * is never called by an address found by name. A replacement that wants the
 * original calls what is exported or what the socket's proto points to, and
 * the handler lets through calls that come from this module. (So a replacement
 * must not end in a call of the original: a tail call has no return address
 * here.)
 *
 * FTRACE_OPS_FL_PERMANENT: kernel.ftrace_enabled=0 is refused while we are
 * installed, rather than switching us off in silence.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <net/inet_connection_sock.h>
#include <net/ip.h>
#include <net/inet_common.h>	/* wants to come after the former */

#include "bind.h"
#include "compat/ftrace.h"
#include "compat/sockopt.h"
#include "connect.h"
#include "deliver.h"
#include "hook.h"
#include "netns.h"
#include "order.h"
#include "proof.h"

/**
 * struct hook - one function to intercept
 * @name: of the function
 * @to: the replacement, or NULL to look only
 * @calls: the replacement calls the original
 * @group: what needs it
 * @ops: for ftrace: what says whether a call is to be redirected, made to a handler; and a
 *	 filter, from when the function was looked for
 * @looked: that was done
 * @missing: and with what it failed, or 0
 */
struct hook {
	const char *name;
	void *to;
	bool calls;
	enum reuse_hooks group;
	struct ftrace_ops ops;
	bool looked;
	int missing;
};

static struct srcu_struct hook_srcu;	/* for as long as a task is inside a replacement */
static bool hook_used;			/* something was intercepted since we were loaded */

/**
 * reuse_hook_enter() - a replacement begins
 *
 * Context: any.
 * Return: to be given to reuse_hook_leave().
 */
int reuse_hook_enter(void)
	__acquires(&hook_srcu)
{
	return srcu_read_lock(&hook_srcu);
}

/**
 * reuse_hook_leave() - a replacement is about to return
 * @idx: from reuse_hook_enter()
 *
 * Context: any.
 */
void reuse_hook_leave(int idx)
	__releases(&hook_srcu)
{
	srcu_read_unlock(&hook_srcu, idx);
}

/**
 * reuse_hook_drain() - wait until no task is inside the module's code
 *
 * A task may be between the redirect and reuse_hook_enter(), inside, or
 * between reuse_hook_leave() and its return: three waits. A lookup of a packet's
 * receiver runs under RCU, in a softirq that may have interrupted an idle CPU: a
 * fourth.
 *
 * Context: process context, may sleep, for as long as the kernel's own search for a
 * port takes: only to unload, without any lock. Nothing is intercepted any more.
 */
void reuse_hook_drain(void)
{
	if (!hook_used)
		return;
	synchronize_rcu();
	synchronize_rcu_tasks();
	synchronize_srcu(&hook_srcu);
	synchronize_rcu_tasks();
}

static __always_inline bool hook_want_letting_in(reuse_fregs_t *regs)
{
	return atomic_read(&reuse_letting_in) &&
	       reuse_bind_letting_in((void *)reuse_ftrace_arg(regs, 0),
				     reuse_ftrace_arg(regs, 2) & 1);
}

#define HOOK_NO_OPTION	(-1)

/*
 * Where there is no SO_REUSEPORT, another option is asked for that is not
 * there. The kernel itself says so then, after a look at the arguments: that
 * may wait for as long as the user likes, so it is none of our functions.
 */
static __always_inline bool hook_sockopt(reuse_fregs_t *regs)
{
	const struct sem_profile *profile;

	if ((int)reuse_ftrace_arg(regs, 2) != SO_REUSEPORT)
		return false;
	profile = reuse_net_profile(sock_net(reuse_sockopt_sk((void *)reuse_ftrace_arg(regs, 0))));
	if (profile && profile->no_reuseport)
		reuse_ftrace_set_third_arg(regs, HOOK_NO_OPTION);
	return false;
}

/*
 * Some only look, but take locks for it. With PREEMPT_RT that may sleep, so only who
 * is called under RCU may do so, or the trampoline might be freed meanwhile (see
 * reuse_order_to_device()); and where somebody else traces the function, too, ftrace
 * calls us with preemption off. What must not be missed is done by a replacement then;
 * else it counts as done without memory.
 */
#define HOOK_RT		IS_ENABLED(CONFIG_PREEMPT_RT)

/* At the entry: a replacement might wait for as long as the user likes, see above */
static __always_inline bool hook_setsockopt(reuse_fregs_t *regs)
{
	const struct sock *sk = reuse_sockopt_sk((void *)reuse_ftrace_arg(regs, 0));
	int option = (int)reuse_ftrace_arg(regs, 2);

	if (option != SO_BINDTODEVICE && option != SO_BINDTOIFINDEX)
		return hook_sockopt(regs);
	if (reuse_net_profile(sock_net(sk)))
		reuse_order_to_device(sk);
	return false;
}

static __always_inline bool hook_want_port(reuse_fregs_t *regs)
{
	const struct sock *sk = (void *)reuse_ftrace_arg(regs, 0);

	return reuse_net_profile(sock_net(sk));
}

/* The latter calls the former for an IPv4 remote end */
static __always_inline bool hook_want_connect4(reuse_fregs_t *regs)
{
	const struct sock *sk = (void *)reuse_ftrace_arg(regs, 0);

	return sk->sk_family == AF_INET && reuse_connect_keeps_taken(sk);
}

static __always_inline bool __maybe_unused hook_want_connect6(reuse_fregs_t *regs)
{
	return reuse_connect_keeps_taken((void *)reuse_ftrace_arg(regs, 0));
}

static __always_inline bool hook_want_lookup(reuse_fregs_t *regs)
{
	return reuse_net_profile((void *)reuse_ftrace_arg(regs, 0));
}

static __always_inline bool hook_created(reuse_fregs_t *regs)
{
	struct sock *sk = (void *)reuse_ftrace_arg(regs, 0);

	/* UDP-Lite comes here in the end, too, but its proto points elsewhere */
	if (HOOK_RT)
		return sk->sk_protocol == IPPROTO_UDP &&
		       reuse_net_profile(sock_net(sk));
	reuse_order_created(sk);
	return false;
}

static int __maybe_unused hook_create(struct sock *sk)
{
	int idx = reuse_hook_enter();
	int err;

	/* What it notes is noted when hooks_remove() goes on */
	rcu_read_lock();
	reuse_order_created(sk);
	rcu_read_unlock();
	err = sk->sk_prot->init(sk);
	reuse_hook_leave(idx);
	return err;
}

static __always_inline bool hook_child(reuse_fregs_t *regs)
{
	if (!HOOK_RT || preemptible())
		reuse_order_accepted((void *)reuse_ftrace_arg(regs, 1));
	return false;
}

static __always_inline bool hook_forget(reuse_fregs_t *regs)
{
	const struct sock *sk = (void *)reuse_ftrace_arg(regs, 0);

	if (!reuse_order_may_know(sk))
		return false;
	if (HOOK_RT)
		return true;
	reuse_order_forget(sk);
	return false;
}

static void __maybe_unused hook_destruct(struct sock *sk)
{
	int idx = reuse_hook_enter();

	reuse_order_forget(sk);
	inet_sock_destruct(sk);
	reuse_hook_leave(idx);
}

static bool hook_never_equal(const struct sock *sk, const struct sock *sk2,
			     bool match_wildcard)
{
	return false;
}

static int hook_udp_get_port(struct sock *sk, unsigned short snum)
{
	int idx = reuse_hook_enter();
	int err = reuse_bind_get_port(sk, snum, true);

	reuse_hook_leave(idx);
	return err;
}

/* Other protocols than TCP have the same, and are none of our business */
static int hook_tcp_get_port(struct sock *sk, unsigned short snum)
{
	int idx = reuse_hook_enter();
	int err;

	if (sk->sk_protocol == IPPROTO_TCP)
		err = reuse_bind_get_port(sk, snum, false);
	else
		err = inet_csk_get_port(sk, snum);
	reuse_hook_leave(idx);
	return err;
}

static int hook_tcp_connect(struct sock *sk, void *addr, int len)
{
	int idx = reuse_hook_enter();
	int err = reuse_tcp_connect(sk, addr, len);

	reuse_hook_leave(idx);
	return err;
}

static int hook_udp4_connect(struct sock *sk, void *addr, int len)
{
	int idx = reuse_hook_enter();
	int err = reuse_udp4_connect(sk, addr, len);

	reuse_hook_leave(idx);
	return err;
}

#if IS_ENABLED(CONFIG_IPV6)
static int hook_udp6_connect(struct sock *sk, void *addr, int len)
{
	int idx = reuse_hook_enter();
	int err = reuse_udp6_connect(sk, addr, len);

	reuse_hook_leave(idx);
	return err;
}
#endif

/* @want is inlined: most calls are of namespaces that are native */
static __always_inline void hook_handle(unsigned long parent_ip,
					struct ftrace_ops *ops,
					reuse_fregs_t *regs,
					bool (*want)(reuse_fregs_t *regs))
{
	const struct hook *hook = container_of(ops, struct hook, ops);

	if (!want(regs))
		return;
	if (hook->calls && within_module(parent_ip, THIS_MODULE))
		return;
	reuse_ftrace_redirect(regs, hook->to);
}

#define HOOK_HANDLER(want)						\
static void notrace want##_handler(unsigned long ip,			\
				   unsigned long parent_ip,		\
				   struct ftrace_ops *ops,		\
				   reuse_fregs_t *regs)			\
{									\
	hook_handle(parent_ip, ops, regs, want);			\
}

HOOK_HANDLER(hook_forget)
HOOK_HANDLER(hook_child)
HOOK_HANDLER(hook_created)
HOOK_HANDLER(hook_want_letting_in)
HOOK_HANDLER(hook_want_port)
HOOK_HANDLER(hook_want_lookup)
HOOK_HANDLER(hook_want_connect4)
#if IS_ENABLED(CONFIG_IPV6)
HOOK_HANDLER(hook_want_connect6)
#endif
HOOK_HANDLER(hook_sockopt)
HOOK_HANDLER(hook_setsockopt)

/* As above, and it is seen whether @parent_ip tells calls by this module from others */
static void notrace hook_proof_handler(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops, reuse_fregs_t *regs)
{
	if (within_module(parent_ip, THIS_MODULE))
		hook_handle(parent_ip, ops, regs, reuse_proof_begin);
}

#define HOOK_RT_TO(fn)	.to = HOOK_RT ? (fn) : NULL, .calls = true

static struct hook hooks[] = {
	{ .name = "inet_sock_destruct", .ops.func = hook_forget_handler,
	  HOOK_RT_TO(hook_destruct) },
	{ .name = "__inet_inherit_port", .ops.func = hook_child_handler },
	{ .name = "udp_init_sock", .ops.func = hook_created_handler,
	  HOOK_RT_TO(hook_create) },
#if IS_ENABLED(CONFIG_IPV6)
	{ .name = "udpv6_init_sock", .ops.func = hook_created_handler,
	  HOOK_RT_TO(hook_create) },
#endif
	{ .name = "__ip4_datagram_connect", .ops.func = hook_want_port_handler,
	  .to = hook_udp4_connect, .calls = true },
#if IS_ENABLED(CONFIG_IPV6)
	{ .name = "__ip6_datagram_connect", .ops.func = hook_want_port_handler,
	  .to = hook_udp6_connect, .calls = true },
#endif
	{ .name = "inet_rcv_saddr_equal", .ops.func = hook_want_letting_in_handler,
	  .to = hook_never_equal },
	{ .name = "udp_v4_get_port", .ops.func = hook_want_port_handler,
	  .to = hook_udp_get_port, .calls = true },
#if IS_ENABLED(CONFIG_IPV6)
	{ .name = "udp_v6_get_port", .ops.func = hook_want_port_handler,
	  .to = hook_udp_get_port, .calls = true },
#endif
	{ .name = "inet_csk_get_port", .ops.func = hook_want_port_handler,
	  .to = hook_tcp_get_port, .calls = true },
	{ .name = "__inet_lookup_listener", .ops.func = hook_want_lookup_handler,
	  .to = reuse_tcp4_lookup, .calls = true },
	{ .name = "tcp_v4_connect", .ops.func = hook_want_connect4_handler,
	  .to = hook_tcp_connect, .calls = true, .group = REUSE_HOOKS_CONNECT },
#if IS_ENABLED(CONFIG_IPV6)
	{ .name = "inet6_lookup_listener", .ops.func = hook_want_lookup_handler,
	  .to = reuse_tcp6_lookup, .calls = true },
	{ .name = "tcp_v6_connect", .ops.func = hook_want_connect6_handler,
	  .to = hook_tcp_connect, .calls = true, .group = REUSE_HOOKS_CONNECT },
#endif
	{ .name = REUSE_SETSOCKOPT, .ops.func = hook_setsockopt_handler },
	{ .name = REUSE_GETSOCKOPT, .ops.func = hook_sockopt_handler,
	  .group = REUSE_HOOKS_SOCKOPT },
	{ .name = "reuse_proof_target", .ops.func = hook_proof_handler,
	  .to = reuse_proof_landed, .group = REUSE_HOOKS_PROOF },
};

/* A container's root makes us say it once a second, which is too often */
static bool hook_may_explain(void)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, 3);

	return ns_capable_noaudit(&init_user_ns, CAP_NET_ADMIN) || __ratelimit(&limit);
}

static void hook_explain(const struct hook *hook, int err)
{
	if (!hook_may_explain())
		return;
	if (err == -EBUSY)
		pr_warn("%s() cannot be intercepted: something else redirects it (a livepatch?), see enabled_functions in tracefs, or kernel.ftrace_enabled is 0\n",
			hook->name);
	else
		pr_warn("%s() cannot be intercepted on this kernel (%d)\n",
			hook->name, err);
}

/* ftrace_free_filter() is younger; this leaves nothing allocated either */
static int hook_clear_filter(struct hook *hook)
{
	return ftrace_set_filter(&hook->ops, NULL, 0, 1);
}

/* What a filter is without functions: that means all of the kernel's */
static const void *no_filter __ro_after_init;

/*
 * Without memory for the function, ftrace_set_filter() succeeds and leaves an
 * empty filter.
 */
static int hook_set_filter(struct hook *hook)
{
	int err = ftrace_set_filter(&hook->ops, (unsigned char *)hook->name,
				    strlen(hook->name), 1);

	if (!err &&
	    rcu_access_pointer(hook->ops.func_hash->filter_hash) == no_filter)
		return -ENOMEM;
	return err;
}

static DEFINE_MUTEX(find_lock);

/*
 * Looked for when it is needed first, and once: ftrace compares a name to those
 * of all functions, and that takes longer than all the rest. 0 or an error.
 */
static int hook_find(struct hook *hook)
{
	int err;

	mutex_lock(&find_lock);
	if (!hook->looked) {
		hook->missing = hook_set_filter(hook);
		hook->looked = hook->missing != -ENOMEM;
	}
	err = hook->missing;
	mutex_unlock(&find_lock);
	return err;
}

static int hook_install(struct hook *hook)
{
	int err = hook_find(hook);

	if (!err) {
		hook->ops.flags |= FTRACE_OPS_FL_PERMANENT | REUSE_FTRACE_FLAGS;
		if (hook->to)
			hook->ops.flags |= FTRACE_OPS_FL_IPMODIFY;
		err = register_ftrace_function(&hook->ops);
	}
	if (!err || err == -ENOMEM)
		return err;
	hook_explain(hook, err);
	return err == -EBUSY ? err : -EOPNOTSUPP;
}

/*
 * If this fails, ftrace met a bug of its own and still calls us: our text must never be
 * freed. rmmod has looked at the references already, so it is held up here.
 */
static void hook_remove(struct hook *hook)
{
	int err = unregister_ftrace_function(&hook->ops);

	if (!err)
		return;
	__module_get(THIS_MODULE);
	pr_err("%s() stays intercepted (%d), and this module loaded: see what ftrace has complained of, and reboot\n",
	       hook->name, err);
	while (THIS_MODULE->state != MODULE_STATE_LIVE)
		schedule_timeout_uninterruptible(MAX_SCHEDULE_TIMEOUT);
}

/**
 * reuse_hook_setup() - make ready to intercept
 *
 * Context: process context, may sleep; while the module is loaded.
 * Return: 0 or -ENOMEM.
 */
int __init reuse_hook_setup(void)
{
	int err = init_srcu_struct(&hook_srcu);

	if (err)
		return err;

	err = hook_clear_filter(&hooks[0]);
	if (err)
		cleanup_srcu_struct(&hook_srcu);
	else
		no_filter = rcu_access_pointer(hooks[0].ops.func_hash->filter_hash);
	return err;
}

/**
 * reuse_hook_teardown() - undo reuse_hook_setup()
 *
 * Context: process context, may sleep; nothing is installed.
 */
void reuse_hook_teardown(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		hook_clear_filter(&hooks[i]);
	cleanup_srcu_struct(&hook_srcu);
}

/*
 * The first hook goes last: until then a freed socket takes its note along.
 *
 * unregister_ftrace_function() waits for those that are inside a handler. A replacement
 * takes notes only because it saw that a namespace is not native: it looks, and
 * notes, under reuse_net.bind_lock or rcu_read_lock(). So none comes after this, though
 * tasks may be inside replacements for long: for that see reuse_hook_drain().
 */
static void hooks_remove(enum reuse_hooks group, unsigned int n)
{
	while (n--) {
		if (hooks[n].group == group)
			hook_remove(&hooks[n]);
	}
	if (group == REUSE_HOOKS_BIND)
		synchronize_rcu();
}

static int hooks_install(enum reuse_hooks group)
{
	unsigned int i;
	int err;

	hook_used = true;
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (hooks[i].group != group)
			continue;
		err = hook_install(&hooks[i]);
		if (err) {
			hooks_remove(group, i);
			return err;
		}
	}
	return 0;
}

static int proof = -EAGAIN;	/* not yet known; changes once */

/*
 * Where a kernel is not what its headers made us think, a redirect may have no effect,
 * or the arguments be elsewhere. So one of our own functions is redirected and called,
 * once. 0 or an error; -EOPNOTSUPP is for good.
 */
static int hooks_prove(void)
{
	static DEFINE_MUTEX(proof_lock);
	int err;

	mutex_lock(&proof_lock);
	err = proof;
	if (err == -EAGAIN)
		err = hooks_install(REUSE_HOOKS_PROOF);
	if (!err && proof == -EAGAIN) {
		WRITE_ONCE(proof, reuse_proof_lands() ? 0 : -EOPNOTSUPP);
		hooks_remove(REUSE_HOOKS_PROOF, ARRAY_SIZE(hooks));
		err = proof;
	}
	mutex_unlock(&proof_lock);
	return err;
}

/**
 * reuse_hook_possible() - has this kernel all that is to be intercepted?
 *
 * Context: process context, may sleep.
 * Return: true if so; whether somebody else has it is another question.
 */
bool reuse_hook_possible(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (hook_find(&hooks[i]))
			return false;
	}
	return hooks_prove() != -EOPNOTSUPP;
}

/**
 * reuse_hook_install() - intercept what is needed
 * @group: for what
 *
 * Context: process context, may sleep. Calls are serialised by the caller.
 * Return: 0; -EBUSY if a function is redirected by somebody else or
 * kernel.ftrace_enabled is 0; -EOPNOTSUPP if this kernel has no such function,
 * cannot trace it or does not redirect it; -ENOMEM. On error nothing of @group is
 * intercepted, and dmesg says why.
 */
int reuse_hook_install(enum reuse_hooks group)
{
	int err = hooks_prove();

	if (err && err == READ_ONCE(proof) && hook_may_explain())
		pr_warn("only native semantics: ftrace of this kernel did not redirect a function of this module's own as it should\n");
	return err ?: hooks_install(group);
}

/**
 * reuse_hook_remove() - undo reuse_hook_install()
 * @group: for what
 *
 * Context: process context, may sleep. On return tasks may be inside replacements
 * still, but take no notes.
 */
void reuse_hook_remove(enum reuse_hooks group)
{
	hooks_remove(group, ARRAY_SIZE(hooks));
}
