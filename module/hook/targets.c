// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of the kernel that are intercepted, and what for.
 *
 * There are three kinds of hooks. An observer learns of a call, which proceeds. A
 * redirector sends a call to a replacement, if the namespace is not native or, for some
 * functions, logs. Some handlers change an argument of the call.
 *
 * A replacement that may sleep calls reuse_ftrace_enter() and reuse_ftrace_leave(), so that
 * a task that unloads the module can wait for it. The replacements that look up a packet's
 * receiver do not: the kernel calls them under RCU. Nor do those that call nothing: a task in
 * one is waited for as one in the trampoline.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/net.h>
#include <linux/rcupdate.h>
#include <net/inet_connection_sock.h>
#include <net/ip.h>
#include <net/inet_common.h>	/* wants to come after the former */
#include <net/udp.h>

#include "bind/bind.h"
#include "compat/ftrace.h"
#include "compat/sockopt.h"
#include "compat/timewait.h"
#include "deliver/deliver.h"
#include "ftrace.h"
#include "handlers.h"
#include "hook.h"
#include "inside.h"
#include "netns.h"
#include "track/track.h"

/* On PREEMPT_RT this may sleep on a lock */
static int hook_bind_denied(struct sock *sk, const void *addr, int len, u32 flags)
{
	struct hook_call call;
	int err;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_BIND));
	err = reuse_bind_denied(sk, addr);
	if (is_told(sk))
		reuse_bind_refused(sk, addr, err);
	reuse_ftrace_leave(&call);
	return err;
}

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

static void hook_unhash(struct sock *sk)
{
	struct hook_call call;

	reuse_ftrace_enter(&call, reuse_inside_sock(sk, INSIDE_UNHASH));
	reuse_track_freed(sk);
	/* Not every kernel exports udp_lib_unhash(). A sockmap has its own, which calls that */
	sk->sk_prot->unhash(sk);
	reuse_ftrace_leave(&call);
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
OBSERVER(on_unhash)
OBSERVER(on_timewait)
OBSERVER(on_disconnect)
OBSERVER(on_timewait_freed)
#if IS_ENABLED(CONFIG_IPV6)
OBSERVER(on_created6)
OBSERVER(on_setsockopt6)
#endif
OBSERVER(on_setsockopt)
#if !HOOK_RT
OBSERVER(on_bind_begins)
#endif
OBSERVER(on_getsockopt)
SOCK_REDIRECTOR(create, udp_in_emulating_netns, INSIDE_CREATE)
SOCK_REDIRECTOR(unhash, udp_closed_may_be_tracked, INSIDE_UNHASH)
SOCK_REDIRECTOR(destruct, may_be_tracked, INSIDE_DESTRUCT)
SOCK_REDIRECTOR(get_port, sk_in_minding_netns, INSIDE_GET_PORT)
SOCK_REDIRECTOR(udp4_connect, sk_in_emulating_netns, INSIDE_CONNECT4)
SOCK_REDIRECTOR(tcp4_connect, keeps_port4, INSIDE_CONNECT4)
REDIRECTOR(lookup, in_emulating_netns, reuse_inside_context())
FINAL_REDIRECTOR(saddr_equal, bind_is_forced)
FINAL_REDIRECTOR(bind_denied, is_denied)
#if IS_ENABLED(CONFIG_IPV6)
SOCK_REDIRECTOR(udp6_connect, sk_in_emulating_netns, INSIDE_CONNECT6)
SOCK_REDIRECTOR(tcp6_connect, keeps_port6, INSIDE_CONNECT6)
FINAL_REDIRECTOR(bind6_denied, is_denied6)
#endif

/*
 * The kinds of hooks. GROUP: see enum reuse_hooks; FN is called for each call;
 * REDIRECTOR decides whether to redirect the call to TO.
 */
#define OBSERVE(GROUP, NAME, FN)					\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = FN##_observer }
#define OBSERVE_IF_THERE(GROUP, NAME, FN, DISPENSABLE)			\
	{ .group = REUSE_HOOKS_##GROUP, .name = (NAME),			\
	  .ops.func = FN##_observer, .dispensable = (DISPENSABLE) }
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
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "udp_lib_unhash", on_unhash, unhash, hook_unhash),
	OBSERVE(BIND, "__inet_inherit_port", on_accepted),
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "udp_init_sock", on_created, create, hook_create),
	REDIRECT(BIND, "__ip4_datagram_connect", udp4_connect, hook_udp4_connect),
	REDIRECT(BIND, "inet_rcv_saddr_equal", saddr_equal, hook_saddr_never_equal),
	REDIRECT(GET_PORT, "udp_v4_get_port", get_port, hook_udp_get_port),
	REDIRECT(GET_PORT, "inet_csk_get_port", get_port, hook_tcp_get_port),
	REDIRECT(BIND, "__inet_lookup_listener", lookup, hook_lookup4),
	REDIRECT(CONNECT, "tcp_v4_connect", tcp4_connect, hook_tcp4_connect),
#if IS_ENABLED(CONFIG_IPV6)
	OBSERVE_OR_REDIRECT_ON_RT(BIND, "udpv6_init_sock", on_created, create, hook_create,
				  .dispensable = udp6_without_init),
	REDIRECT(BIND, "__ip6_datagram_connect", udp6_connect, hook_udp6_connect),
	REDIRECT(GET_PORT, "udp_v6_get_port", get_port, hook_udp_get_port),
	REDIRECT(BIND, "inet6_lookup_listener", lookup, hook_lookup6),
	REDIRECT(CONNECT, "tcp_v6_connect", tcp6_connect, hook_tcp6_connect),
	OBSERVE(FAMILIES, "tcp_v6_init_sock", on_created6),
#if HOOK_RT
	/* hook_create() is not for UDP-Lite */
	OBSERVE(FAMILIES, "udp_init_sock", on_created6),
	OBSERVE_IF_THERE(FAMILIES, "udpv6_init_sock", on_created6, udp6_without_init),
#endif
	REDIRECT(PRIVILEGE, "__inet6_bind", bind6_denied, hook_bind_denied),
	REWRITE_ARG(FAMILIES, "ipv6_setsockopt", on_setsockopt6),
#endif
	REDIRECT(PRIVILEGE, "__inet_bind", bind_denied, hook_bind_denied),
	OBSERVE(TIMEWAIT, "tcp_twsk_destructor", on_timewait_freed),
	OBSERVE(DISCONNECT, "udp_disconnect", on_disconnect),
	OBSERVE(TIMEWAIT, REUSE_TIMEWAIT_BEGINS, on_timewait),
	REWRITE_ARG(BIND, REUSE_SETSOCKOPT, on_setsockopt),
	REWRITE_ARG(SOCKOPT, REUSE_GETSOCKOPT, on_getsockopt),
#if !HOOK_RT
	OBSERVE(ADDRESS, "__inet_bind", on_bind_begins),
#if IS_ENABLED(CONFIG_IPV6)
	OBSERVE(ADDRESS, "__inet6_bind", on_bind_begins),
#endif
#endif
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

/*
 * On return, a task that closes a UDP socket passes the hook of udp_lib_unhash(), or has marked
 * the socket as closed for all CPUs to see: reuse_track_existing() relies on that.
 */
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
	if (group == REUSE_HOOKS_BIND)
		synchronize_rcu();
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
