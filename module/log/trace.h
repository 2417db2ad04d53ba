/* SPDX-License-Identifier: GPL-2.0 */
/* The tracepoints reuse:reuse_*; reuse(7) says what their fields mean, which never change. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM reuse

#if !defined(_REUSE_LOG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _REUSE_LOG_TRACE_H

#include <linux/tracepoint.h>
#include <net/net_namespace.h>

#include "tracing.h"

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
		strscpy(__entry->proto, reuse_trace_proto(packet->protocol, packet->ipv6),
			REUSE_TRACE_WORD);
		reuse_trace_addr(__entry->saddr, packet->ipv6, packet->from, packet->from_port);
		reuse_trace_addr(__entry->daddr, packet->ipv6, packet->to, packet->to_port);
		__entry->sport = ntohs(packet->from_port);
		__entry->dport = ntohs(packet->to_port);
		strscpy(__entry->semantics, packet->semantics, REUSE_TRACE_WORD);
		strscpy(__entry->verdict, packet->verdict, REUSE_TRACE_WORD);
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
