// SPDX-License-Identifier: GPL-2.0
/*
 * Which functions of the kernel are intercepted, and what for.
 *
 * A function that is only observed keeps running, and the module learns of the call. A call
 * of one that is redirected goes to a replacement, if the namespace emulates. Of two
 * functions an argument is changed.
 *
 * A replacement that may sleep says when it begins and ends, as a task that unloads the
 * module has to wait for it. Lookups of a packet's receiver run under RCU.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <net/inet_connection_sock.h>
#include <net/ip.h>
#include <net/inet_common.h>	/* wants to come after the former */

#include "bind/bind.h"
#include "compat/ftrace.h"
#include "compat/sockopt.h"
#include "deliver/deliver.h"
#include "ftrace.h"
#include "hook.h"
#include "netns.h"
#include "track/track.h"

/*
 * Observers that take locks must not do so on PREEMPT_RT, where that may sleep: unless
 * the function is called under RCU, the trampoline might be freed meanwhile (see
 * reuse_track_to_device()); and where somebody else traces the function, too, ftrace
 * calls them with preemption off. So what must not be missed is done by a replacement
 * there, and else it counts as done without memory.
 */
#define HOOK_RT		IS_ENABLED(CONFIG_PREEMPT_RT)

/* Inlined into handlers, as most calls are of namespaces that are native */
static __always_inline const struct sock *sk_arg(reuse_fregs_t *regs)
{
	return (const struct sock *)reuse_ftrace_arg(regs, 0);
}

static __always_inline bool sk_in_emulating_netns(reuse_fregs_t *regs)
{
	return reuse_net_profile(sock_net(sk_arg(regs)));
}

static __always_inline bool in_emulating_netns(reuse_fregs_t *regs)
{
	return reuse_net_profile((const struct net *)reuse_ftrace_arg(regs, 0));
}

/* UDP-Lite is created by the same function in the end, but its proto points elsewhere */
static __always_inline bool udp_in_emulating_netns(reuse_fregs_t *regs)
{
	return sk_arg(regs)->sk_protocol == IPPROTO_UDP && sk_in_emulating_netns(regs);
}

static __always_inline bool may_be_tracked(reuse_fregs_t *regs)
{
	return reuse_track_maybe(sk_arg(regs));
}

static __always_inline bool bind_is_forced(reuse_fregs_t *regs)
{
	return atomic_read(&reuse_forced_binds) &&
	       reuse_bind_is_forced(sk_arg(regs), reuse_ftrace_arg(regs, 2) & 1);
}

/* tcp_v6_connect() calls tcp_v4_connect() for an IPv4 remote end, and is redirected itself */
static __always_inline bool keeps_port4(reuse_fregs_t *regs)
{
	return sk_arg(regs)->sk_family == AF_INET &&
	       reuse_connect_keeps_port(sk_arg(regs));
}

static __always_inline bool __maybe_unused keeps_port6(reuse_fregs_t *regs)
{
	return reuse_connect_keeps_port(sk_arg(regs));
}

static __always_inline void on_created(reuse_fregs_t *regs)
{
	reuse_track_created((struct sock *)sk_arg(regs));
}

static __always_inline void on_accepted(reuse_fregs_t *regs)
{
	if (!HOOK_RT || preemptible())
		reuse_track_accepted((struct sock *)reuse_ftrace_arg(regs, 1));
}

static __always_inline void on_freed(reuse_fregs_t *regs)
{
	if (may_be_tracked(regs))
		reuse_track_freed(sk_arg(regs));
}

#define NO_SUCH_OPTION	(-1)

/*
 * Where there is no SO_REUSEPORT, the kernel is made to look for an option that does not
 * exist: it answers that itself, after a look at the other arguments. A replacement would
 * not do, as the user can make that look take as long as he likes.
 */
static __always_inline void on_getsockopt(reuse_fregs_t *regs)
{
	const struct sem_profile *profile;

	if ((int)reuse_ftrace_arg(regs, 2) != SO_REUSEPORT)
		return;

	profile = reuse_net_profile(sock_net(reuse_sockopt_sk((void *)reuse_ftrace_arg(regs, 0))));
	if (profile && profile->hides_reuseport)
		reuse_ftrace_set_third_arg(regs, NO_SUCH_OPTION);
}

static __always_inline void on_setsockopt(reuse_fregs_t *regs)
{
	const struct sock *sk = reuse_sockopt_sk((void *)reuse_ftrace_arg(regs, 0));
	int option = (int)reuse_ftrace_arg(regs, 2);

	if (option != SO_BINDTODEVICE && option != SO_BINDTOIFINDEX)
		on_getsockopt(regs);
	else if (reuse_net_profile(sock_net(sk)))
		reuse_track_to_device(sk);
}

static int hook_create(struct sock *sk)
{
	int idx = reuse_ftrace_enter();
	int err;

	/* hooks_remove() waits for RCU, and then no more records are made */
	rcu_read_lock();
	reuse_track_created(sk);
	rcu_read_unlock();
	err = sk->sk_prot->init(sk);
	reuse_ftrace_leave(idx);
	return err;
}

static void hook_destruct(struct sock *sk)
{
	int idx = reuse_ftrace_enter();

	reuse_track_freed(sk);
	inet_sock_destruct(sk);
	reuse_ftrace_leave(idx);
}

static bool hook_saddr_never_equal(const struct sock *sk, const struct sock *sk2,
				   bool match_wildcard)
{
	return false;
}

static int hook_udp_get_port(struct sock *sk, unsigned short snum)
{
	int idx = reuse_ftrace_enter();
	int err = reuse_bind_get_port(sk, snum, true);

	reuse_ftrace_leave(idx);
	return err;
}

/* Protocols other than TCP call it, too, and are none of our business */
static int hook_tcp_get_port(struct sock *sk, unsigned short snum)
{
	int idx = reuse_ftrace_enter();
	int err;

	if (sk->sk_protocol == IPPROTO_TCP)
		err = reuse_bind_get_port(sk, snum, false);
	else
		err = inet_csk_get_port(sk, snum);
	reuse_ftrace_leave(idx);
	return err;
}

static int hook_tcp_connect(struct sock *sk, void *addr, int len)
{
	int idx = reuse_ftrace_enter();
	int err = reuse_connect_tcp(sk, addr, len);

	reuse_ftrace_leave(idx);
	return err;
}

static int hook_udp4_connect(struct sock *sk, void *addr, int len)
{
	int idx = reuse_ftrace_enter();
	int err = reuse_connect_udp4(sk, addr, len);

	reuse_ftrace_leave(idx);
	return err;
}

#if IS_ENABLED(CONFIG_IPV6)
static int hook_udp6_connect(struct sock *sk, void *addr, int len)
{
	int idx = reuse_ftrace_enter();
	int err = reuse_connect_udp6(sk, addr, len);

	reuse_ftrace_leave(idx);
	return err;
}
#endif

#define OBSERVER(fn)							\
static void notrace fn##_observer(unsigned long ip,			\
				  unsigned long parent_ip,		\
				  struct ftrace_ops *ops,		\
				  reuse_fregs_t *regs)			\
{									\
	fn(regs);							\
}

/* Calls by this module are for the original */
#define REDIRECTOR(wanted)						\
static void notrace wanted##_redirector(unsigned long ip,		\
					unsigned long parent_ip,	\
					struct ftrace_ops *ops,		\
					reuse_fregs_t *regs)		\
{									\
	if (wanted(regs) && !within_module(parent_ip, THIS_MODULE))	\
		reuse_ftrace_replace(ops, regs);			\
}

OBSERVER(on_created)
OBSERVER(on_accepted)
OBSERVER(on_freed)
OBSERVER(on_setsockopt)
OBSERVER(on_getsockopt)
REDIRECTOR(sk_in_emulating_netns)
REDIRECTOR(in_emulating_netns)
REDIRECTOR(udp_in_emulating_netns)
REDIRECTOR(may_be_tracked)
REDIRECTOR(bind_is_forced)
REDIRECTOR(keeps_port4)
#if IS_ENABLED(CONFIG_IPV6)
REDIRECTOR(keeps_port6)
#endif

/* The kinds of hooks: GROUP needs it; FN sees each call; a call that is WANTED goes to TO */
#define OBSERVE(GROUP, NAME, FN)					\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = FN##_observer }
#define REDIRECT(GROUP, NAME, WANTED, TO)				\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = WANTED##_redirector, .to = (TO) }
#define OBSERVE_OR_REDIRECT_ON_RT(GROUP, NAME, FN, WANTED, TO)		\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = HOOK_RT ? WANTED##_redirector : FN##_observer,	\
	  .to = HOOK_RT ? (TO) : NULL }
#define REWRITE_ARG(GROUP, NAME, FN)	OBSERVE(GROUP, NAME, FN)

/* The first is removed last: until then a socket that is freed takes its record along */
static struct hook_target targets[] = {
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "inet_sock_destruct", on_freed,
				  may_be_tracked, hook_destruct),
	OBSERVE(BIND, "__inet_inherit_port", on_accepted),
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "udp_init_sock", on_created,
				  udp_in_emulating_netns, hook_create),
	REDIRECT(BIND, "__ip4_datagram_connect", sk_in_emulating_netns, hook_udp4_connect),
	REDIRECT(BIND, "inet_rcv_saddr_equal", bind_is_forced, hook_saddr_never_equal),
	REDIRECT(BIND, "udp_v4_get_port", sk_in_emulating_netns, hook_udp_get_port),
	REDIRECT(BIND, "inet_csk_get_port", sk_in_emulating_netns, hook_tcp_get_port),
	REDIRECT(BIND, "__inet_lookup_listener", in_emulating_netns, reuse_deliver_syn4),
	REDIRECT(CONNECT, "tcp_v4_connect", keeps_port4, hook_tcp_connect),
#if IS_ENABLED(CONFIG_IPV6)
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "udpv6_init_sock", on_created,
				  udp_in_emulating_netns, hook_create),
	REDIRECT(BIND, "__ip6_datagram_connect", sk_in_emulating_netns, hook_udp6_connect),
	REDIRECT(BIND, "udp_v6_get_port", sk_in_emulating_netns, hook_udp_get_port),
	REDIRECT(BIND, "inet6_lookup_listener", in_emulating_netns, reuse_deliver_syn6),
	REDIRECT(CONNECT, "tcp_v6_connect", keeps_port6, hook_tcp_connect),
#endif
	REWRITE_ARG(BIND, REUSE_SETSOCKOPT, on_setsockopt),
	REWRITE_ARG(SOCKOPT, REUSE_GETSOCKOPT, on_getsockopt),
};

/**
 * reuse_hook_setup() - make ready to intercept
 *
 * Context: process context, may sleep; while the module is loaded.
 * Return: 0 or -ENOMEM.
 */
int __init reuse_hook_setup(void)
{
	return reuse_ftrace_setup(&targets[0]);
}

/**
 * reuse_hook_teardown() - undo reuse_hook_setup()
 *
 * Context: process context, may sleep; nothing is intercepted.
 */
void reuse_hook_teardown(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++)
		reuse_ftrace_clear(&targets[i]);
	reuse_proof_teardown();
	reuse_ftrace_teardown();
}

/*
 * A replacement makes records only because it saw that a namespace is not native: it looks,
 * and makes them, under reuse_net.bind_lock or rcu_read_lock(). So none comes after this,
 * though tasks may be inside replacements for long: for that see reuse_ftrace_drain().
 */
static void hooks_remove(enum reuse_hooks group, unsigned int n)
{
	while (n--) {
		if (targets[n].group == group)
			reuse_ftrace_remove(&targets[n]);
	}
	if (group == REUSE_HOOKS_BIND)
		synchronize_rcu();
}

static int hooks_install(enum reuse_hooks group)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		if (targets[i].group != group)
			continue;
		err = reuse_ftrace_install(&targets[i]);
		if (err) {
			hooks_remove(group, i);
			return err;
		}
	}
	return 0;
}

/**
 * reuse_hook_possible() - has this kernel all that is to be intercepted?
 *
 * Context: process context, may sleep.
 * Return: true if so; whether something else intercepts it already is another question.
 */
bool reuse_hook_possible(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		if (reuse_ftrace_find(&targets[i]))
			return false;
	}
	return reuse_proof_possible();
}

/**
 * reuse_hook_install() - intercept what is needed
 * @group: for what
 *
 * Context: process context, may sleep. Calls are serialised by the caller.
 * Return: 0; -EBUSY if a function is redirected by something else or
 * kernel.ftrace_enabled is 0; -EOPNOTSUPP if this kernel has no such function,
 * cannot trace it or does not redirect it; -ENOMEM. On error nothing of @group is
 * intercepted, and dmesg says why.
 */
int reuse_hook_install(enum reuse_hooks group)
{
	int err = reuse_proof();

	return err ?: hooks_install(group);
}

/**
 * reuse_hook_remove() - undo reuse_hook_install()
 * @group: for what
 *
 * Context: process context, may sleep. On return tasks may be inside replacements
 * still, but make no records.
 */
void reuse_hook_remove(enum reuse_hooks group)
{
	hooks_remove(group, ARRAY_SIZE(targets));
}
