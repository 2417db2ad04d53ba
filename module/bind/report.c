// SPDX-License-Identifier: GPL-2.0
/*
 * Tells the log of calls that are refused, or decided otherwise than this kernel would have; and
 * tracers of each bind() and listen().
 *
 * A decision by the semantics of a namespace comes with its reason. If the kernel has decided
 * alone, the reason is asked for afterwards: another socket may have come or gone meanwhile, and
 * then there is none.
 */
#include <linux/capability.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <net/ip.h>
#include <net/tcp_states.h>

#include "bind.h"
#include "compat/uid.h"
#include "explain.h"
#include "log/log.h"
#include "log/trace.h"
#include "netns.h"
#include "report.h"
#include "request.h"
#include "tables/sock.h"

/* Equal events are one line, which does not show the caller's state: so all get the same one */
static void report_begin(struct reuse_event *event, enum reuse_call call, struct sock *sk,
			 const struct sem_profile *profile, const struct sem_sock *self,
			 unsigned short port)
{
	bool mptcp = sk->sk_protocol == IPPROTO_MPTCP;

	reuse_event_init(event, call, mptcp ? IPPROTO_TCP : sk->sk_protocol, profile);
	reuse_event_sock(&event->sock, self, port, reuse_sock_uid(sk), 0);
	event->sock.state = SEM_BOUND;
}

static void report_reason(struct reuse_event *event, const struct bind_reason *reason)
{
	event->rule = reason->rule;
	event->has_other = reason->has_blocker;
	if (reason->has_blocker)
		reuse_event_sock(&event->other, &reason->blocker, event->sock.port, reason->uid,
				 reason->inode);
}

static void report_native(struct reuse_event *event, int err)
{
	event->native = err;
	event->has_native = true;
}

/* Ask what this kernel says to bind() of a port, or to listen() on it */
static void explain_native(struct sock *sk, const struct sem_sock *self, unsigned short port,
			   bool udp, struct bind_reason *reason)
{
	struct net *net = sock_net(sk);

	if (sk->sk_num == port || !inet_port_requires_bind_service(net, port) ||
	    ns_capable_noaudit(net->user_ns, CAP_NET_BIND_SERVICE)) {
		reuse_bind_explain(sk, self, port, udp, &sem_native, reason);
		return;
	}
	*reason = (struct bind_reason){
		.err = -EACCES, .rule = SEM_RULE_PRIVILEGED, .uid = INVALID_UID,
	};
}

/**
 * reuse_report_before() - find out what this kernel would say, before anything changes
 * @sk: the socket that asks for a port
 * @port: the port, in host byte order
 * @udp: UDP or UDP-Lite
 * @native: is set
 *
 * Context: as of reuse_bind_explain(); @sk is locked.
 * Return: false if nobody wants to know, or it cannot differ.
 */
bool reuse_report_before(struct sock *sk, unsigned short port, bool udp,
			 struct bind_reason *native)
{
	if (!port || !reuse_net_profile(sock_net(sk)) ||
	    (reuse_log_level(sock_net(sk)) != REUSE_LOG_ALL && !trace_reuse_bind_enabled()))
		return false;
	explain_native(sk, NULL, port, udp, native);
	return true;
}

/* Only errors that say something about the port */
static bool is_refusal(int err)
{
	return err == -EADDRINUSE || err == -EADDRNOTAVAIL || err == -EACCES || err == -EAGAIN;
}

/* bind() to port 0, or a call that binds implicitly, has found no port */
static void report_search(struct reuse_event *event, const struct sem_sock *self)
{
	event->rule = sem_rule_of_error(event->profile, self, true, event->verdict);
	if (!event->profile)
		report_native(event, event->verdict);
}

/* The port was found, or given */
static void report_granted(struct reuse_event *event, const struct bind_reason *native)
{
	if (native)
		report_native(event, native->err);
	else if (!event->profile)
		report_native(event, 0);
	if (native && native->err)
		report_reason(event, native);
}

/* Is a decision for the log, not for tracers alone? */
static bool is_logged(const struct sock *sk, int err, const struct bind_reason *native)
{
	enum reuse_log_level level = reuse_log_level(sock_net(sk));

	if (err)
		return level && is_refusal(err);
	return level == REUSE_LOG_ALL && native && native->err;
}

static void report_refused(struct reuse_event *event, struct sock *sk,
			   const struct sem_sock *self, bool udp, const struct bind_reason *why)
{
	struct bind_reason native;

	explain_native(sk, self, event->sock.port, udp, &native);
	if (event->profile)
		report_native(event, native.err);
	else
		report_native(event, event->verdict);

	if (event->verdict == -EACCES)
		event->rule = SEM_RULE_PRIVILEGED;
	else if (why && why->has_blocker)
		report_reason(event, why);
	/* No profile gave a reason. If the kernel's own rules foresee this error, it is theirs */
	else if (native.err == event->verdict)
		report_reason(event, &native);
}

/**
 * reuse_report_port() - trace the decision on a port, and log it if it is to be logged
 * @sk: the socket that asked for a port
 * @self: the address, options and state that it asked with; NULL: as @sk is
 * @port: the port, in host byte order; 0 to search for one
 * @profile: semantics that decided, NULL for native
 * @err: what get_port() returned
 * @why: the reason, if the semantics have one; or NULL
 * @native: what this kernel would have said before, or NULL
 *
 * Context: process context; @sk is locked, or @self is given; reuse_net.bind_lock is not held.
 */
void reuse_report_port(struct sock *sk, const struct sem_sock *self, unsigned short port,
		       const struct sem_profile *profile, int err, const struct bind_reason *why,
		       const struct bind_reason *native)
{
	bool udp = sk->sk_protocol != IPPROTO_TCP;
	struct reuse_event event;
	struct sem_sock now;

	/* Older kernels say no more than 1 */
	if (err > 0)
		err = -EADDRINUSE;
	if (!trace_reuse_bind_enabled() && !is_logged(sk, err, native))
		return;

	if (!self) {
		reuse_sock_snapshot(sk, &now);
		now.uid = __kuid_val(reuse_sock_uid(sk));
		self = &now;
	}
	report_begin(&event, self->state == SEM_LISTEN ? REUSE_CALL_LISTEN : REUSE_CALL_BIND, sk,
		     profile, self, port);
	event.verdict = err;
	if (!err)
		report_granted(&event, native);
	else if (!port)
		report_search(&event, self);
	else
		report_refused(&event, sk, self, udp, why);
	trace_reuse_bind(sock_net(sk), &event);
	if (is_logged(sk, err, native))
		reuse_log(sock_net(sk), &event);
}

/**
 * reuse_bind_refused() - log a bind() that is refused before it comes to the port
 * @sk: TCP, UDP or any other socket
 * @addr: address and port
 * @err: negative errno of bind()
 *
 * Context: any but hard interrupts; @sk need not be locked.
 */
void reuse_bind_refused(struct sock *sk, const struct sockaddr *addr, int err)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	/* It is in the same place for IPv6 */
	unsigned short port = ntohs(((const struct sockaddr_in *)addr)->sin_port);
	struct bind_reason native;
	struct reuse_event event;
	struct sem_sock self;

	if ((err != -EACCES && err != -EADDRNOTAVAIL) || !reuse_bind_has_rules(sk))
		return;

	reuse_sock_snapshot(sk, &self);
	self.uid = __kuid_val(reuse_sock_uid(sk));
	reuse_bind_address(sk, addr, self.addr);
	report_begin(&event, REUSE_CALL_BIND, sk, profile, &self, port);
	event.verdict = err;
	event.rule = sem_rule_of_error(profile, &self, false, err);
	if (event.rule != SEM_RULE_FAMILIES) {
		report_native(&event, err);
	} else if (port) {
		explain_native(sk, &self, port, sk->sk_protocol != IPPROTO_TCP, &native);
		report_native(&event, native.err);
	}
	trace_reuse_bind(sock_net(sk), &event);
	reuse_log(sock_net(sk), &event);
}

/**
 * reuse_bind_refused_option() - log a setsockopt() that only the semantics refuse
 * @sk: the socket
 * @err: negative errno of the call
 * @rule: why
 *
 * Context: any but hard interrupts, from a hook; @sk need not be locked.
 */
void reuse_bind_refused_option(struct sock *sk, int err, enum sem_rule rule)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct reuse_event event;
	struct sem_sock self;

	/* A BPF program may set the option of a socket that a packet is for: no task calls then */
	if (!in_task() || reuse_log_level(sock_net(sk)) != REUSE_LOG_ALL ||
	    !reuse_bind_has_rules(sk))
		return;

	reuse_sock_snapshot(sk, &self);
	report_begin(&event, REUSE_CALL_SETSOCKOPT, sk, profile, &self, sk->sk_num);
	event.verdict = err;
	event.rule = rule;
	report_native(&event, 0);
	reuse_log(sock_net(sk), &event);
}

/**
 * reuse_report_connect() - log a connect() that kept the port, which the kernel would not have
 * @sk: the socket
 * @err: negative errno of the call
 * @native: that of this kernel
 *
 * Context: process context; @sk is locked.
 */
void reuse_report_connect(struct sock *sk, int err, int native)
{
	const struct sem_profile *profile = reuse_net_profile(sock_net(sk));
	struct reuse_event event;
	struct sem_sock self;

	if (reuse_log_level(sock_net(sk)) != REUSE_LOG_ALL)
		return;

	reuse_sock_snapshot(sk, &self);
	report_begin(&event, REUSE_CALL_CONNECT, sk, profile, &self, sk->sk_num);
	event.verdict = err;
	report_native(&event, native);
	reuse_log(sock_net(sk), &event);
}
