/* SPDX-License-Identifier: GPL-2.0 */
/* The arguments of tracepoints, the form of their words, and what enabling one takes. */
#ifndef _REUSE_LOG_TRACING_H
#define _REUSE_LOG_TRACING_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "log.h"

struct net;

/**
 * struct reuse_packet - a packet whose receiver was decided
 * @net: network namespace
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @ipv6: it is an IPv6 packet
 * @from: source address; IPv4 in the v4-mapped form
 * @to: destination address, in the same form
 * @from_port: source port, network byte order
 * @to_port: destination port, network byte order
 * @semantics: name of the semantics that decided
 * @verdict: what became of it: delivered, refused or dropped
 * @inode: of the socket that gets it; 0 if none does, or the socket has no inode
 * @native_inode: of the socket that this kernel would have given it to; 0 in the same cases
 */
struct reuse_packet {
	const struct net *net;
	u8 protocol;
	bool ipv6;
	const u8 *from;
	const u8 *to;
	__be16 from_port;
	__be16 to_port;
	const char *semantics;
	const char *verdict;
	unsigned long inode;
	unsigned long native_inode;
};

/* Room for a rule's word, and for any other */
#define REUSE_TRACE_RULE	32
#define REUSE_TRACE_WORD	16

/* As the first user namespace sees it; -1 if it is not known */
static inline s32 reuse_trace_uid(kuid_t uid)
{
	return uid_valid(uid) ? (s32)from_kuid(&init_user_ns, uid) : -1;
}

/* The protocol, with a 6 for AF_INET6 */
static inline const char *reuse_trace_proto(u8 protocol, bool ipv6)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return ipv6 ? "tcp6" : "tcp";
	case IPPROTO_UDP:
		return ipv6 ? "udp6" : "udp";
	default:
		return ipv6 ? "udplite6" : "udplite";
	}
}

/**
 * struct reuse_trace_hooks - how to learn of each bind, of all network namespaces
 * @get: begin; 0 or a negative errno
 * @put: undo that
 *
 * Both may sleep, and may be called under tracepoints_mutex of the kernel.
 */
struct reuse_trace_hooks {
	int (*get)(void);
	void (*put)(void);
};

void reuse_trace_setup(const struct reuse_trace_hooks *hooks);
void reuse_trace_teardown(void);

/* Called by the kernel */
int reuse_trace_bind_reg(void);
void reuse_trace_bind_unreg(void);

#endif
