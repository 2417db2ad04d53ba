/* SPDX-License-Identifier: GPL-2.0 */
/* The tracepoints reuse:reuse_*; reuse(7) says what their fields mean, which never change. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM reuse

#if !defined(_REUSE_LOG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _REUSE_LOG_TRACE_H

#include <linux/tracepoint.h>
#include <net/net_namespace.h>

#include "log.h"
#include "semantics/rules.h"
#include "tracing.h"

TRACE_EVENT_FN(reuse_bind,

	TP_PROTO(const struct net *net, const struct reuse_event *event),

	TP_ARGS(net, event),

	TP_STRUCT__entry(
		__field(__u32, netns)
		__field(__s32, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(__s32, uid)
		__array(char, call, REUSE_TRACE_WORD)
		__array(char, proto, REUSE_TRACE_WORD)
		__array(__u8, local_address, sizeof(struct sockaddr_in6))
		__field(__s32, dev)
		__field(__u16, port)
		__field(__u8, v6only)
		__field(__u8, reuseaddr)
		__field(__u8, reuseport)
		__array(char, semantics, REUSE_TRACE_WORD)
		__array(char, verdict, REUSE_TRACE_WORD)
		__array(char, native, REUSE_TRACE_WORD)
		__array(char, rule, REUSE_TRACE_RULE)
		__array(__u8, other_address, sizeof(struct sockaddr_in6))
		__field(__s32, other_dev)
		__array(char, other_state, REUSE_TRACE_WORD)
		__field(__s32, other_uid)
		__field(__u8, other_reuseaddr)
		__field(__u8, other_reuseport)
		__field(__u64, other_inode)
	),

	TP_fast_assign(
		const struct reuse_event_sock *sk = &event->sock;
		const struct reuse_event_sock *other = &event->other;
		char word[REUSE_LOG_WORD];

		__entry->netns = net->ns.inum;
		__entry->pid = task_tgid_nr(current);
		memcpy(__entry->comm, current->comm, TASK_COMM_LEN);
		__entry->uid = reuse_trace_uid(sk->uid);
		strscpy_pad(__entry->call, reuse_log_call_word(event->call), REUSE_TRACE_WORD);
		strscpy_pad(__entry->proto, reuse_trace_proto(event->protocol, sk->ipv6),
			REUSE_TRACE_WORD);
		reuse_log_address(__entry->local_address, sk->ipv6, sk->addr.s6_addr,
				 htons(sk->port));
		__entry->dev = sk->dev;
		__entry->port = sk->port;
		__entry->v6only = sk->v6only;
		__entry->reuseaddr = sk->reuseaddr;
		__entry->reuseport = sk->reuseport;
		strscpy_pad(__entry->semantics, event->profile ? event->profile->name : "native",
			REUSE_TRACE_WORD);
		strscpy_pad(__entry->verdict, reuse_log_error_word(word, event->verdict),
			REUSE_TRACE_WORD);
		strscpy_pad(__entry->native,
			event->has_native ? reuse_log_error_word(word, event->native) : "-",
			REUSE_TRACE_WORD);
		strscpy_pad(__entry->rule, sem_rules[event->rule].word, REUSE_TRACE_RULE);
		reuse_log_address(__entry->other_address, other->ipv6, other->addr.s6_addr,
				 htons(other->port));
		__entry->other_dev = other->dev;
		strscpy_pad(__entry->other_state,
			event->has_other ? sem_state_words[other->state] : "-",
			REUSE_TRACE_WORD);
		__entry->other_uid = event->has_other ? reuse_trace_uid(other->uid) : -1;
		__entry->other_reuseaddr = other->reuseaddr;
		__entry->other_reuseport = other->reuseport;
		__entry->other_inode = other->inode;
	),

	TP_printk("netns=%u pid=%d comm=%s uid=%d call=%s proto=%s local_address=%pISpc dev=%d v6only=%u reuseaddr=%u reuseport=%u semantics=%s verdict=%s native=%s rule=%s other_address=%pISpc other_dev=%d other_state=%s other_uid=%d other_reuseaddr=%u other_reuseport=%u other_inode=%llu",
		  __entry->netns, __entry->pid, __entry->comm, __entry->uid, __entry->call,
		  __entry->proto, __entry->local_address, __entry->dev, __entry->v6only,
		  __entry->reuseaddr, __entry->reuseport, __entry->semantics, __entry->verdict,
		  __entry->native, __entry->rule, __entry->other_address, __entry->other_dev,
		  __entry->other_state, __entry->other_uid, __entry->other_reuseaddr,
		  __entry->other_reuseport, __entry->other_inode),

	reuse_trace_bind_reg, reuse_trace_bind_unreg
);

TRACE_EVENT(reuse_deliver,

	TP_PROTO(const struct reuse_packet *packet),

	TP_ARGS(packet),

	TP_STRUCT__entry(
		__field(__u32, netns)
		__array(char, proto, REUSE_TRACE_WORD)
		__array(__u8, saddr, sizeof(struct sockaddr_in6))
		__array(__u8, daddr, sizeof(struct sockaddr_in6))
		__field(__u16, sport)
		__field(__u16, dport)
		__array(char, semantics, REUSE_TRACE_WORD)
		__array(char, verdict, REUSE_TRACE_WORD)
		__field(__u64, inode)
		__field(__u64, native_inode)
	),

	TP_fast_assign(
		__entry->netns = packet->net->ns.inum;
		strscpy_pad(__entry->proto, reuse_trace_proto(packet->protocol, packet->ipv6),
			REUSE_TRACE_WORD);
		reuse_log_address(__entry->saddr, packet->ipv6, packet->from, packet->from_port);
		reuse_log_address(__entry->daddr, packet->ipv6, packet->to, packet->to_port);
		__entry->sport = ntohs(packet->from_port);
		__entry->dport = ntohs(packet->to_port);
		strscpy_pad(__entry->semantics, packet->semantics, REUSE_TRACE_WORD);
		strscpy_pad(__entry->verdict, packet->verdict, REUSE_TRACE_WORD);
		__entry->inode = packet->inode;
		__entry->native_inode = packet->native_inode;
	),

	TP_printk("netns=%u proto=%s saddr=%pISpc daddr=%pISpc semantics=%s verdict=%s inode=%llu native_inode=%llu",
		  __entry->netns, __entry->proto, __entry->saddr, __entry->daddr,
		  __entry->semantics, __entry->verdict, __entry->inode, __entry->native_inode)
);

#endif

/* define_trace.h includes this file again, by this path in module/ */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH log
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
