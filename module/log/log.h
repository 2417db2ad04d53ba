/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The log of a network namespace, net.reuse.log and /proc/net/reuse_log: which calls were
 * refused or, if it has all, decided otherwise than this kernel would have.
 *
 * The code that decides tells it by reuse_log(). It knows no socket and keeps no reference.
 */
#ifndef _REUSE_LOG_H
#define _REUSE_LOG_H

#include <linux/compiler.h>
#include <linux/in6.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include "netns.h"
#include "semantics/semantics.h"

/* Lines that a log has at most */
#define REUSE_LOG_LINES	256

/* The words of net.reuse.log */
enum reuse_log_level {
	REUSE_LOG_OFF,
	REUSE_LOG_REFUSED,
	REUSE_LOG_ALL,
};

/* The call of a process, or the kind of a packet; in the order of call_words[] of words.c */
enum reuse_call {
	REUSE_CALL_BIND,
	REUSE_CALL_LISTEN,
	REUSE_CALL_CONNECT,
	REUSE_CALL_SETSOCKOPT,
	REUSE_CALL_DATAGRAM,
	REUSE_CALL_SYN,
};

/* Verdicts on a datagram or SYN; on a call the verdict is 0 or a negative errno */
enum reuse_fate {
	REUSE_DELIVERED,
	REUSE_REFUSED,
	REUSE_DROPPED,
};

/**
 * struct reuse_event_sock - a socket as a line shows it
 * @addr: local address; IPv4 in the v4-mapped form
 * @inode: number of its inode, 0 if it has none
 * @uid: its user, INVALID_UID if not known
 * @dev: index of the device that it is bound to, 0 for none
 * @port: local port, in host byte order
 * @state: enum sem_state
 * @ipv6: AF_INET6
 * @v6only: IPV6_V6ONLY
 * @reuseaddr: SO_REUSEADDR
 * @reuseport: SO_REUSEPORT
 */
struct reuse_event_sock {
	struct in6_addr addr;
	unsigned long inode;
	kuid_t uid;
	s32 dev;
	u16 port;
	u8 state;
	bool ipv6;
	bool v6only;
	bool reuseaddr;
	bool reuseport;
};

/**
 * struct reuse_event - what is told to the log
 * @sock: the socket that called, or the one that a packet was for; without @state and @inode,
 *	which no line shows
 * @other: the socket that decided, or the one that got the packet
 * @profile: semantics that decided, NULL for native
 * @native_inode: of a datagram or SYN: the socket that the kernel would have chosen, 0 for none
 * @verdict: 0 or a negative errno; of a datagram or SYN, enum reuse_fate
 * @native: 0 or a negative errno: what this kernel would have said
 * @rule: enum sem_rule
 * @call: enum reuse_call
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @has_other: @other is known
 * @has_native: @native is known
 *
 * Events are equal if their bytes are: reuse_event_init() clears all. Who calls is no part.
 */
struct reuse_event {
	struct reuse_event_sock sock;
	struct reuse_event_sock other;
	const struct sem_profile *profile;
	unsigned long native_inode;
	s32 verdict;
	s32 native;
	u8 rule;
	u8 call;
	u8 protocol;
	bool has_other;
	bool has_native;
};

/**
 * struct reuse_caller - who called
 * @pid: number of the process in the first PID namespace, 0 for a packet
 * @own_pid: its number in its own PID namespace
 * @pid_ns: inode number of that PID namespace
 * @comm: name of the thread
 */
struct reuse_caller {
	pid_t pid;
	pid_t own_pid;
	unsigned int pid_ns;
	char comm[TASK_COMM_LEN];
};

/**
 * struct reuse_line - a line of the log
 * @event: the event
 * @caller: the last caller
 * @count: how often
 * @first: when first, in nanoseconds since boot
 * @last: when last
 */
struct reuse_line {
	struct reuse_event event;
	struct reuse_caller caller;
	u64 count;
	u64 first;
	u64 last;
};

/**
 * struct reuse_log_copy - a log as it was at one moment
 * @lost: how many lines had to go
 * @n: number of lines
 * @line: the lines; the one that was used least recently comes first
 */
struct reuse_log_copy {
	u64 lost;
	unsigned int n;
	struct reuse_line line[REUSE_LOG_LINES];
};

/* store.c: for those who decide */
void reuse_event_init(struct reuse_event *event, enum reuse_call call, int protocol,
		      const struct sem_profile *profile);
void reuse_event_sock(struct reuse_event_sock *to, const struct sem_sock *sk,
		      unsigned short port, kuid_t uid, unsigned long inode);
void reuse_log(const struct net *net, const struct reuse_event *event);

/* store.c: for the switch */
int reuse_log_open(struct reuse_net *rn);
void reuse_log_begin(struct reuse_net *rn, enum reuse_log_level level);
struct reuse_log *reuse_log_withdraw(struct reuse_net *rn);
void reuse_log_free(struct reuse_log *log);

/* store.c: for the reader */
void reuse_log_copy(struct reuse_net *rn, struct reuse_log_copy *copy);

/* words.c; @word has room for REUSE_LOG_WORD characters */
#define REUSE_LOG_WORD	16
const char *reuse_log_call_word(u8 call);
const char *reuse_log_fate_word(u8 fate);
const char *reuse_log_error_word(char *word, int err);
const char *reuse_log_dev_word(char *word, struct net *net, int ifindex);
void reuse_log_address(void *to, bool ipv6, const u8 *addr, __be16 port);

/* proc.c */
int reuse_log_create(struct net *net);
void reuse_log_remove(struct net *net);

/**
 * reuse_log_level() - what does a namespace log?
 * @net: network namespace
 *
 * Context: any.
 * Return: what its net.reuse.log says.
 */
static inline enum reuse_log_level reuse_log_level(const struct net *net)
{
	const struct reuse_net *rn = reuse_net(net);

	return rn ? READ_ONCE(rn->log_level) : REUSE_LOG_OFF;
}

#endif
