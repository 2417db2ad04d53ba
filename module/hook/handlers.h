/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to hook/: what handlers do or ask at the entry of a function. It is inlined into
 * them, as most calls are from native namespaces.
 */
#ifndef _REUSE_HANDLERS_H
#define _REUSE_HANDLERS_H

#include <linux/uaccess.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/sock.h>

#include "bind/bind.h"
#include "compat/ftrace.h"
#include "compat/sockopt.h"
#include "log/log.h"
#include "log/trace.h"
#include "netns.h"
#include "track/track.h"

/*
 * On PREEMPT_RT taking a lock may sleep, and an observer must not, for two reasons. Unless
 * the kernel calls the function under RCU, ftrace might free the trampoline meanwhile (see
 * reuse_track_to_device()). And if another tracer uses the function, too, ftrace calls the
 * observer with preemption off. So on PREEMPT_RT a replacement does the work that must not
 * be missed; other work is skipped, as it is if there is no memory for it.
 */
/* scripts/style defines it, to see whether what is for PREEMPT_RT builds with other kernels */
#ifndef HOOK_RT
#define HOOK_RT		IS_ENABLED(CONFIG_PREEMPT_RT)
#endif

static __always_inline const struct sock *sk_arg(reuse_fregs_t *regs)
{
	return (const struct sock *)reuse_ftrace_arg(regs, 0);
}

static __always_inline bool sk_in_emulating_netns(reuse_fregs_t *regs)
{
	return reuse_net_profile(sock_net(sk_arg(regs)));
}

/* Binds are traced in all namespaces but those that are being set up, which have no state yet */
static __always_inline bool is_traced(const struct net *net)
{
	return trace_reuse_bind_enabled() && reuse_net(net);
}

/* Has a refused bind to be logged, or traced? */
static __always_inline bool is_told(const struct sock *sk)
{
	return is_traced(sock_net(sk)) || reuse_log_level(sock_net(sk));
}

static __always_inline bool sk_in_minding_netns(reuse_fregs_t *regs)
{
	const struct net *net = sock_net(sk_arg(regs));

	return is_traced(net) || reuse_net_minds_binds(net);
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

/*
 * Is a UDP socket closed that may have a record? A socket also gives its port back when it is
 * disconnected, or when its bind fails in the end.
 */
static __always_inline bool udp_closed_may_be_tracked(reuse_fregs_t *regs)
{
	if (!sock_flag(sk_arg(regs), SOCK_DEAD))
		return false;
	/* Pairs with udp_is_closed(): we see the record, or that sees that the socket is closed */
	smp_mb();
	return may_be_tracked(regs);
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

/* The socket is not public yet */
static __always_inline void on_created6(reuse_fregs_t *regs)
{
	struct sock *sk = (struct sock *)sk_arg(regs);

	if (sk->sk_family == AF_INET6 && reuse_bind_separates_families(sock_net(sk)))
		sk->sk_ipv6only = 1;
}

/* Two handlers of one function would make ftrace ask all handlers for each call */
static __always_inline void on_created(reuse_fregs_t *regs)
{
	on_created6(regs);
	reuse_track_created((struct sock *)sk_arg(regs));
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

static __always_inline void on_unhash(reuse_fregs_t *regs)
{
	if (udp_closed_may_be_tracked(regs))
		reuse_track_freed(sk_arg(regs));
}

/*
 * This kernel asks for the privilege before all else. Where the semantics do not, it is told
 * not to ask. The address is a copy in the kernel, of the length that the
 * family takes.
 */
static __always_inline void on_bind(reuse_fregs_t *regs)
{
#ifdef BIND_NO_CAP_NET_BIND_SERVICE
	const struct sock *sk = sk_arg(regs);

	if (reuse_bind_asks_privilege(sk, (const void *)reuse_ftrace_arg(regs, 1)))
		return;
	reuse_ftrace_set_arg(regs, 3, reuse_ftrace_arg(regs, 3) | BIND_NO_CAP_NET_BIND_SERVICE);
#endif
}

/* Does the kernel say EACCES, where something else comes first? The bind fails in any case */
static __always_inline bool is_denied(reuse_fregs_t *regs)
{
	on_bind(regs);
	return reuse_bind_is_denied(sk_arg(regs), (const void *)reuse_ftrace_arg(regs, 1),
				    reuse_ftrace_arg(regs, 3));
}

/*
 * The kernel, or hook_bind_denied(), refuses some binds before they come to the port. A log is
 * told when the call begins: a replacement that called the original would wait for the lock of
 * the socket, which a user can hold for as long as they like. On PREEMPT_RT these are not logged,
 * and nothing is hooked for them.
 */
static __always_inline void on_bind_begins(reuse_fregs_t *regs)
{
	struct sock *sk = (struct sock *)sk_arg(regs);

	if (is_told(sk))
		reuse_bind_begins(sk, (const void *)reuse_ftrace_arg(regs, 1),
				  (int)reuse_ftrace_arg(regs, 2), reuse_ftrace_arg(regs, 3));
}

/* On PREEMPT_RT, only connect() counts */
static __always_inline void on_disconnect(reuse_fregs_t *regs)
{
	if (!HOOK_RT && READ_ONCE(sk_arg(regs)->sk_state) == TCP_ESTABLISHED)
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
static __always_inline bool hide_option(reuse_fregs_t *regs, const struct sock *sk)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));

	if (!profile || !profile->hides_reuseport)
		return false;
	reuse_ftrace_set_arg(regs, 2, NO_SUCH_OPTION);
	return true;
}

/* On PREEMPT_RT these are not logged: that may sleep */
static __always_inline void log_refused_option(const struct sock *sk, int err,
					       enum sem_rule rule)
{
	if (!HOOK_RT)
		reuse_bind_refused_option((struct sock *)sk, err, rule);
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

	if (option == SO_REUSEPORT) {
		if (hide_option(regs, sk) && (unsigned int)reuse_ftrace_arg(regs, 5) >= sizeof(int))
			log_refused_option(sk, -ENOPROTOOPT, SEM_RULE_NO_SUCH_OPTION);
	} else if ((option == SO_BINDTODEVICE || option == SO_BINDTOIFINDEX) &&
		   reuse_net_profile(sock_net(sk))) {
		reuse_track_to_device(sk);
	}
}

#if IS_ENABLED(CONFIG_IPV6)

static __always_inline bool has_separate_families(const struct sock *sk)
{
	if (sk->sk_type == SOCK_RAW ||
	    (sk->sk_protocol != IPPROTO_TCP && sk->sk_protocol != IPPROTO_UDP &&
	     sk->sk_protocol != IPPROTO_UDPLITE))
		return false;
	return reuse_bind_separates_families(sock_net(sk));
}

/*
 * With separate families, clearing IPV6_V6ONLY fails with EINVAL. So does any value that is
 * too short, and the kernel says so by itself. An int that is not in memory now passes: the
 * option counts as set in bind() all the same, but not in connect().
 */
static __always_inline void on_setsockopt6(reuse_fregs_t *regs)
{
	const void *value = (const void *)reuse_ftrace_arg(regs, 3);
	int only;

	if ((int)reuse_ftrace_arg(regs, 1) != SOL_IPV6 ||
	    (int)reuse_ftrace_arg(regs, 2) != IPV6_V6ONLY ||
	    (unsigned int)reuse_ftrace_arg(regs, 5) < sizeof(only) ||
	    !has_separate_families(sk_arg(regs)))
		return;

	/* A sockptr_t: the pointer, and whether it is the kernel's. The kernel takes NULL for 0 */
	if (!value)
		only = 0;
	else if (reuse_ftrace_arg(regs, 4) & 1)
		only = *(const int *)value;
	else if (copy_from_user_nofault(&only, (const void __force __user *)value, sizeof(only)))
		return;
	if (only)
		return;
	reuse_ftrace_set_arg(regs, 5, 0);
	/* The kernel refuses it for a socket with a port, too */
	if (!sk_arg(regs)->sk_num)
		log_refused_option(sk_arg(regs), -EINVAL, SEM_RULE_FAMILIES);
}

/*
 * With separate families, is a v4-mapped address bound, for which the kernel would say EINVAL, as
 * IPV6_V6ONLY is set? Or does the kernel refuse the bind?
 */
static __always_inline bool is_denied6(reuse_fregs_t *regs)
{
	const struct sockaddr_in6 *addr = (const void *)reuse_ftrace_arg(regs, 1);

	if (addr->sin6_family == AF_INET6 && ipv6_addr_v4mapped(&addr->sin6_addr) &&
	    has_separate_families(sk_arg(regs)))
		return true;
	return is_denied(regs);
}

#endif

#endif
