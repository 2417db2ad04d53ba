// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of the kernel that are intercepted, and what for.
 *
 * There are three kinds of hooks. An observer learns of a call, which proceeds. A
 * redirector sends a call to a replacement, if the namespace is not native. Two handlers
 * change an argument of the call.
 *
 * A replacement that may sleep calls reuse_ftrace_enter() and reuse_ftrace_leave(), so that
 * a task that unloads the module can wait for it. The replacements that look up a packet's
 * receiver do not: the kernel calls them under RCU.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/net.h>
#include <linux/rcupdate.h>
#include <linux/uaccess.h>
#include <net/inet_connection_sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/inet_common.h>	/* wants to come after the former */
#include <net/udp.h>

#include "bind/bind.h"
#include "compat/ftrace.h"
#include "compat/sockopt.h"
#include "compat/timewait.h"
#include "deliver/deliver.h"
#include "ftrace.h"
#include "hook.h"
#include "inside.h"
#include "netns.h"
#include "track/track.h"

/*
 * On PREEMPT_RT taking a lock may sleep, and an observer must not, for two reasons. Unless
 * the kernel calls the function under RCU, ftrace might free the trampoline meanwhile (see
 * reuse_track_to_device()). And if another tracer uses the function, too, ftrace calls the
 * observer with preemption off. So on PREEMPT_RT a replacement does the work that must not
 * be missed; other work is skipped, as it is if there is no memory for it.
 */
#define HOOK_RT		IS_ENABLED(CONFIG_PREEMPT_RT)

/* These are inlined into the handlers, as most calls are from native namespaces */
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

/*
 * UDP-Lite's init functions call those of UDP, but sk_prot->init of such a socket is
 * UDP-Lite's own: hook_create() would call that once more.
 */
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

/* tcp_v6_connect(), which has its own hook, calls tcp_v4_connect() for an IPv4 remote end */
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

/* The socket is not public yet */
static __always_inline void __maybe_unused on_created6(reuse_fregs_t *regs)
{
	struct sock *sk = (struct sock *)sk_arg(regs);

	if (reuse_bind_separates_families(sock_net(sk)))
		sk->sk_ipv6only = 1;
}

static __always_inline void on_accepted(reuse_fregs_t *regs)
{
	if (!HOOK_RT || preemptible())
		reuse_track_accepted((struct sock *)reuse_ftrace_arg(regs, 1));
}

/* On PREEMPT_RT there are no records of TIME_WAIT: nothing that may sleep would drop them */
static __always_inline void on_timewait(reuse_fregs_t *regs)
{
	if (!HOOK_RT)
		reuse_track_timewait((struct sock *)reuse_ftrace_arg(regs, 1),
				     (struct sock *)reuse_ftrace_arg(regs, 0));
}

static __always_inline void on_freed(reuse_fregs_t *regs)
{
	if (may_be_tracked(regs))
		reuse_track_freed(sk_arg(regs));
}

#ifdef BIND_NO_CAP_NET_BIND_SERVICE

/*
 * This kernel asks for the privilege before all else. Where the semantics do not, or do so
 * later, it is told not to ask. The address is a copy in the kernel, of the length that the
 * family takes.
 */
static __always_inline void on_bind(reuse_fregs_t *regs)
{
	const struct sock *sk = sk_arg(regs);

	if (reuse_bind_asks_privilege(sk, (const void *)reuse_ftrace_arg(regs, 1)))
		return;
	reuse_ftrace_set_fourth_arg(regs, reuse_ftrace_arg(regs, 3) |
					  BIND_NO_CAP_NET_BIND_SERVICE);
}

#endif

/* On PREEMPT_RT, only connect() counts */
static __always_inline void on_disconnect(reuse_fregs_t *regs)
{
	if (!HOOK_RT)
		reuse_track_moved(sk_arg(regs));
}

static __always_inline void on_timewait_freed(reuse_fregs_t *regs)
{
	if (!HOOK_RT)
		on_freed(regs);
}

#define NO_SUCH_OPTION	(-1)

/*
 * If the semantics have no SO_REUSEPORT, this changes the option to one that does not exist:
 * the kernel checks the other arguments and answers with an error by itself. A replacement
 * would not do, as a user can make that check take as long as they like, and unloading the
 * module would have to wait for it.
 */
static __always_inline void hide_option(reuse_fregs_t *regs, const struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));

	if (profile && profile->hides_reuseport)
		reuse_ftrace_set_third_arg(regs, NO_SUCH_OPTION);
}

static __always_inline void on_getsockopt(reuse_fregs_t *regs)
{
	if ((int)reuse_ftrace_arg(regs, 2) == SO_REUSEPORT)
		hide_option(regs, reuse_getsockopt_sk((void *)reuse_ftrace_arg(regs, 0)));
}

static __always_inline void on_setsockopt(reuse_fregs_t *regs)
{
	const struct sock *sk = reuse_setsockopt_sk((void *)reuse_ftrace_arg(regs, 0));
	int option = (int)reuse_ftrace_arg(regs, 2);

	if (option == SO_REUSEPORT)
		hide_option(regs, sk);
	else if ((option == SO_BINDTODEVICE || option == SO_BINDTOIFINDEX) &&
		 reuse_net_profile(sock_net(sk)))
		reuse_track_to_device(sk);
}

#if IS_ENABLED(CONFIG_IPV6)

/*
 * With separate families, clearing IPV6_V6ONLY fails with EINVAL. So does any value that is
 * too short, and the kernel says so by itself. An int that is not in memory now passes: the
 * option counts as set in bind() all the same.
 */
static __always_inline void on_setsockopt6(reuse_fregs_t *regs)
{
	const void *value = (const void *)reuse_ftrace_arg(regs, 3);
	int only;

	if ((int)reuse_ftrace_arg(regs, 1) != SOL_IPV6 ||
	    (int)reuse_ftrace_arg(regs, 2) != IPV6_V6ONLY ||
	    (unsigned int)reuse_ftrace_arg(regs, 5) < sizeof(only) || !value ||
	    !reuse_bind_separates_families(sock_net(sk_arg(regs))))
		return;

	/* A sockptr_t: the pointer, and whether it is the kernel's */
	if (reuse_ftrace_arg(regs, 4) & 1)
		only = *(const int *)value;
	else if (copy_from_user_nofault(&only, (const void __force __user *)value, sizeof(only)))
		return;
	if (!only)
		reuse_ftrace_set_sixth_arg(regs, 0);
}

#endif

#if IS_ENABLED(CONFIG_IPV6)

/* With separate families, is an address bound that is none? */
static __always_inline bool binds_mapped(reuse_fregs_t *regs)
{
	const struct sockaddr_in6 *addr = (const void *)reuse_ftrace_arg(regs, 1);

	return addr->sin6_family == AF_INET6 && ipv6_addr_v4mapped(&addr->sin6_addr) &&
	       reuse_bind_separates_families(sock_net(sk_arg(regs)));
}

/* The kernel would say EINVAL, as IPV6_V6ONLY is set */
static int hook_bind_mapped(struct sock *sk, const void *addr, int len, u32 flags)
{
	return READ_ONCE(inet_sk(sk)->inet_num) ? -EINVAL : -EADDRNOTAVAIL;
}

#endif

static int hook_create(struct sock *sk)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_CREATE));
	/* hooks_remove() relies on RCU here: after its grace period nothing makes records */
	rcu_read_lock();
	reuse_track_created(sk);
	rcu_read_unlock();
	err = sk->sk_prot->init(sk);
	reuse_ftrace_leave(&call);
	return err;
}

static void hook_destruct(struct sock *sk)
{
	struct hook_call call;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_DESTRUCT));
	reuse_track_freed(sk);
	inet_sock_destruct(sk);
	reuse_ftrace_leave(&call);
}

static bool hook_saddr_never_equal(const struct sock *sk, const struct sock *sk2,
				   bool match_wildcard)
{
	return false;
}

static int hook_udp_get_port(struct sock *sk, unsigned short snum)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_GET_PORT));
	err = reuse_bind_get_port(sk, snum, true);
	reuse_ftrace_leave(&call);
	return err;
}

/* Other protocols than TCP call inet_csk_get_port(), too: the module leaves them alone */
static int hook_tcp_get_port(struct sock *sk, unsigned short snum)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_GET_PORT));
	if (sk->sk_protocol == IPPROTO_TCP)
		err = reuse_bind_get_port(sk, snum, false);
	else
		err = inet_csk_get_port(sk, snum);
	reuse_ftrace_leave(&call);
	return err;
}

static int hook_tcp4_connect(struct sock *sk, void *addr, int len)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_CONNECT4));
	err = reuse_connect_tcp(sk, addr, len);
	reuse_ftrace_leave(&call);
	return err;
}

static int hook_udp4_connect(struct sock *sk, void *addr, int len)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_CONNECT4));
	err = reuse_connect_udp4(sk, addr, len);
	reuse_ftrace_leave(&call);
	return err;
}

static struct sock *hook_lookup4(reuse_tcp4_net_t *net, REUSE_TCP4_TABLE_PARAM
				 struct sk_buff *skb, int doff,
				 const __be32 saddr, const __be16 sport,
				 const __be32 daddr, const unsigned short hnum,
				 const int dif, const int sdif)
{
	struct hook_inside in;
	struct sock *sk;

	reuse_inside_enter(&in, reuse_inside_context());
	sk = reuse_deliver_syn4(net, REUSE_TCP4_TABLE_ARG skb, doff, saddr,
				sport, daddr, hnum, dif, sdif);
	reuse_inside_leave(&in);
	return sk;
}

static_assert(__same_type(hook_lookup4, __inet_lookup_listener));

#if IS_ENABLED(CONFIG_IPV6)
static int hook_tcp6_connect(struct sock *sk, void *addr, int len)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_CONNECT6));
	err = reuse_connect_tcp(sk, addr, len);
	reuse_ftrace_leave(&call);
	return err;
}

static int hook_udp6_connect(struct sock *sk, void *addr, int len)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_CONNECT6));
	err = reuse_connect_udp6(sk, addr, len);
	reuse_ftrace_leave(&call);
	return err;
}

static struct sock *hook_lookup6(reuse_tcp6_net_t *net, REUSE_TCP6_TABLE_PARAM
				 struct sk_buff *skb, int doff,
				 const struct in6_addr *saddr,
				 const __be16 sport,
				 const struct in6_addr *daddr,
				 const unsigned short hnum, const int dif,
				 const int sdif)
{
	struct hook_inside in;
	struct sock *sk;

	reuse_inside_enter(&in, reuse_inside_context());
	sk = reuse_deliver_syn6(net, REUSE_TCP6_TABLE_ARG skb, doff, saddr,
				sport, daddr, hnum, dif, sdif);
	reuse_inside_leave(&in);
	return sk;
}

static_assert(__same_type(hook_lookup6, inet6_lookup_listener));

/*
 * Is there no udpv6_init_sock(), which Linux 5.15.0 does not have and 5.15.135 has? Then
 * udp_init_sock() prepares sockets of both families, and has a hook. Only a socket can tell:
 * udpv6_prot is not exported.
 */
static int udp6_without_init(void)
{
	struct socket *sock;
	bool same;
	int err = sock_create_kern(&init_net, AF_INET6, SOCK_DGRAM, IPPROTO_UDP, &sock);

	/* IPv6 was disabled when this kernel was booted: there are no such sockets */
	if (err == -EAFNOSUPPORT)
		return 0;
	if (err)
		return -ENOMEM;

	same = sock->sk->sk_prot->init == udp_prot.init;
	sock_release(sock);
	return same ? 0 : -EOPNOTSUPP;
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

/* The call of the original by a replacement, for the same KEY, proceeds */
#define REDIRECTOR(name, wanted, key)					\
static void notrace name##_redirector(unsigned long ip,			\
				      unsigned long parent_ip,		\
				      struct ftrace_ops *ops,		\
				      reuse_fregs_t *regs)		\
{									\
	if (wanted(regs) && !reuse_inside(key))				\
		reuse_ftrace_replace(ops, regs);			\
}

/* The replacement calls no original */
#define FINAL_REDIRECTOR(name, wanted)					\
static void notrace name##_redirector(unsigned long ip,			\
				      unsigned long parent_ip,		\
				      struct ftrace_ops *ops,		\
				      reuse_fregs_t *regs)		\
{									\
	if (wanted(regs))						\
		reuse_ftrace_replace(ops, regs);			\
}

#define SOCK_REDIRECTOR(name, wanted, kind)				\
	REDIRECTOR(name, wanted, reuse_inside_sock(sk_arg(regs), kind))

OBSERVER(on_created)
OBSERVER(on_accepted)
OBSERVER(on_freed)
#ifdef BIND_NO_CAP_NET_BIND_SERVICE
OBSERVER(on_bind)
#endif
OBSERVER(on_timewait)
OBSERVER(on_disconnect)
OBSERVER(on_timewait_freed)
#if IS_ENABLED(CONFIG_IPV6)
OBSERVER(on_created6)
OBSERVER(on_setsockopt6)
#endif
OBSERVER(on_setsockopt)
OBSERVER(on_getsockopt)
SOCK_REDIRECTOR(create, udp_in_emulating_netns, INSIDE_CREATE)
SOCK_REDIRECTOR(destruct, may_be_tracked, INSIDE_DESTRUCT)
SOCK_REDIRECTOR(get_port, sk_in_emulating_netns, INSIDE_GET_PORT)
SOCK_REDIRECTOR(udp4_connect, sk_in_emulating_netns, INSIDE_CONNECT4)
SOCK_REDIRECTOR(tcp4_connect, keeps_port4, INSIDE_CONNECT4)
REDIRECTOR(lookup, in_emulating_netns, reuse_inside_context())
FINAL_REDIRECTOR(saddr_equal, bind_is_forced)
#if IS_ENABLED(CONFIG_IPV6)
SOCK_REDIRECTOR(udp6_connect, sk_in_emulating_netns, INSIDE_CONNECT6)
SOCK_REDIRECTOR(tcp6_connect, keeps_port6, INSIDE_CONNECT6)
FINAL_REDIRECTOR(bind_mapped, binds_mapped)
#endif

/*
 * The kinds of hooks. GROUP: the semantics that need it; FN is called for each call;
 * REDIRECTOR decides whether to redirect the call to TO.
 */
#define OBSERVE(GROUP, NAME, FN)					\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = FN##_observer }
#define REDIRECT(GROUP, NAME, REDIRECTOR, TO)				\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = REDIRECTOR##_redirector, .to = (TO) }
#define OBSERVE_OR_REDIRECT_ON_RT(GROUP, NAME, FN, REDIRECTOR, TO, ...)	\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = HOOK_RT ? REDIRECTOR##_redirector : FN##_observer, \
	  .to = HOOK_RT ? (TO) : NULL, __VA_ARGS__ }
#define REWRITE_ARG(GROUP, NAME, FN)	OBSERVE(GROUP, NAME, FN)

/* The first is removed last: until then the record of a socket is freed with the socket */
static struct hook_target targets[] = {
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "inet_sock_destruct", on_freed, destruct,
				  hook_destruct),
	OBSERVE(BIND, "__inet_inherit_port", on_accepted),
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "udp_init_sock", on_created, create, hook_create),
	REDIRECT(BIND, "__ip4_datagram_connect", udp4_connect, hook_udp4_connect),
	REDIRECT(BIND, "inet_rcv_saddr_equal", saddr_equal, hook_saddr_never_equal),
	REDIRECT(BIND, "udp_v4_get_port", get_port, hook_udp_get_port),
	REDIRECT(BIND, "inet_csk_get_port", get_port, hook_tcp_get_port),
	REDIRECT(BIND, "__inet_lookup_listener", lookup, hook_lookup4),
	REDIRECT(CONNECT, "tcp_v4_connect", tcp4_connect, hook_tcp4_connect),
#if IS_ENABLED(CONFIG_IPV6)
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "udpv6_init_sock", on_created, create, hook_create,
				  .dispensable = udp6_without_init),
	REDIRECT(BIND, "__ip6_datagram_connect", udp6_connect, hook_udp6_connect),
	REDIRECT(BIND, "udp_v6_get_port", get_port, hook_udp_get_port),
	REDIRECT(BIND, "inet6_lookup_listener", lookup, hook_lookup6),
	REDIRECT(CONNECT, "tcp_v6_connect", tcp6_connect, hook_tcp6_connect),
	OBSERVE(FAMILIES, "tcp_v6_init_sock", on_created6),
	OBSERVE(FAMILIES, "udpv6_init_sock", on_created6),
	REDIRECT(FAMILIES, "__inet6_bind", bind_mapped, hook_bind_mapped),
	REWRITE_ARG(FAMILIES, "ipv6_setsockopt", on_setsockopt6),
#endif
	OBSERVE(TIMEWAIT, "tcp_twsk_destructor", on_timewait_freed),
#ifdef BIND_NO_CAP_NET_BIND_SERVICE
	REWRITE_ARG(PRIVILEGE, "__inet_bind", on_bind),
#if IS_ENABLED(CONFIG_IPV6)
	REWRITE_ARG(PRIVILEGE, "__inet6_bind", on_bind),
#endif
#endif
	OBSERVE(DISCONNECT, "udp_disconnect", on_disconnect),
	OBSERVE(TIMEWAIT, REUSE_TIMEWAIT_BEGINS, on_timewait),
	REWRITE_ARG(BIND, REUSE_SETSOCKOPT, on_setsockopt),
	REWRITE_ARG(SOCKOPT, REUSE_GETSOCKOPT, on_getsockopt),
};

/**
 * reuse_hook_setup() - prepare to intercept functions
 *
 * Context: process context, may sleep; called from module_init().
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
 * After this nothing makes records, though tasks may stay inside replacements for long (see
 * reuse_ftrace_drain()): a replacement makes a record only if it sees that the namespace is
 * not native, and does both in one section under reuse_net.bind_lock or rcu_read_lock().
 */
static void hooks_remove(enum reuse_hooks group, unsigned int n)
{
	while (n--) {
		if (targets[n].group == group)
			reuse_ftrace_remove(&targets[n]);
	}
	if (group == REUSE_HOOKS_BIND || group == REUSE_HOOKS_TIMEWAIT)
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
 * reuse_hook_group_possible() - does this kernel allow to intercept a group of functions?
 * @group: the group
 *
 * Context: process context, may sleep.
 * Return: true if so; something else may still redirect one of them.
 */
bool reuse_hook_group_possible(enum reuse_hooks group)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		if (targets[i].group == group && reuse_ftrace_find(&targets[i]))
			return false;
	}
	return true;
}

/**
 * reuse_hook_install() - intercept the functions of a group
 * @group: the group; not installed
 *
 * Context: process context, may sleep. The caller serialises calls.
 * Return: 0; -EBUSY if something else redirects a function or kernel.ftrace_enabled
 * is 0; -EOPNOTSUPP if this kernel lacks a function, cannot trace it or does not redirect
 * it; -ENOMEM. On error no function of @group is intercepted, and dmesg says why.
 */
int reuse_hook_install(enum reuse_hooks group)
{
	int err = reuse_proof();

	return err ?: hooks_install(group);
}

/**
 * reuse_hook_remove() - undo reuse_hook_install()
 * @group: the group; installed
 *
 * Context: process context, may sleep. On return tasks may still be inside replacements;
 * after REUSE_HOOKS_BIND is removed, they make no records.
 */
void reuse_hook_remove(enum reuse_hooks group)
{
	hooks_remove(group, ARRAY_SIZE(targets));
}
