/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How other systems decide which sockets may share a port, and which one gets a packet.
 *
 * Pure decisions on plain structs: no socket, no lock, nothing of the kernel
 * but its integer types. A user-space test compiles the same files and compares their
 * answers with those recorded from the other systems.
 *
 * A decision on a bind is a fold: begin(), then owner() for each owner of the port, in any
 * order, then verdict(), which also names the owner that refused and the rule (rules.h).
 */
#ifndef _REUSE_SEMANTICS_H
#define _REUSE_SEMANTICS_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
#endif

#include "rules.h"

enum sem_state {
	SEM_BOUND,	/* has a port; neither listens nor has a remote end */
	SEM_LISTEN,
	SEM_CONNECTED,	/* has a remote end: connected, accepted, closing */
	SEM_TIMEWAIT,
};

/**
 * struct sem_sock - a socket as the rules see it
 * @addr: local address; IPv4 in the v4-mapped form
 * @bind_seq: bind sequence: when the socket was bound or, if accepted, created; higher is
 *	newer
 * @uid: user of the socket, by any numbering: only equality counts. Of a TCP socket with a
 *	remote end it is used only if sem_profile.needs_connected_uid
 * @dev: index of the device that the socket is bound to, 0 for none
 * @state: enum sem_state
 * @ipv6: AF_INET6
 * @v6only: IPV6_V6ONLY; false for AF_INET
 * @reuseaddr: SO_REUSEADDR is set now
 * @reuseport: SO_REUSEPORT is set now
 * @root: @uid is root of the user namespace that owns the network namespace
 * @accepted: SEM_CONNECTED, SEM_TIMEWAIT: it was not bound but accepted. Used only if
 *	sem_profile.needs_accepted
 */
struct sem_sock {
	u8 addr[16];
	u64 bind_seq;
	u32 uid;
	s32 dev;
	u8 state;
	bool ipv6;
	bool v6only;
	bool reuseaddr;
	bool reuseport;
	bool root;
	bool accepted;
};

/* Two for the address the newcomer asks for; if it is a dual-stack ::, two for 0.0.0.0 */
#define SEM_LOOKUPS	4

struct bsd_rules;

/**
 * struct sem_lookup - a search for a single owner of the port
 * @owner: the owner found so far
 * @id: the caller's name for @owner, NULL if none was found
 * @addr: the BSDs: address to search for, in the v4-mapped form unless @table is BSD_IPV6
 * @cost: the BSDs: distance of @owner (see bsd_cost()): the search takes the nearest
 * @table: the BSDs: enum bsd_table: the sockets to search
 * @test: the BSDs: enum bsd_test: what @owner has to pass
 * @exact: the BSDs: only unconnected sockets on exactly @addr count
 */
struct sem_lookup {
	struct sem_sock owner;
	const void *id;
	const u8 *addr;
	u8 cost;
	u8 table;
	u8 test;
	bool exact;
};

/* Linux may cache of SO_REUSEPORT which newcomer joins without a look at the owners */
enum {
	SEM_CACHE_NOBODY,
	SEM_CACHE_ANY,		/* a socket of that user */
	SEM_CACHE_STRICT,	/* a socket of that user on that address */
};

/**
 * struct sem_cache - what Linux caches about the owners of a TCP port
 * @reuse: fastreuse: above 0, a newcomer with SO_REUSEADDR may join
 * @reuseport: fastreuseport: above SEM_CACHE_NOBODY, a newcomer with SO_REUSEPORT may join
 * @uid: fastuid: that user, numbered as sem_sock.uid
 * @addr: fast_rcv_saddr and fast_v6_rcv_saddr: that address; IPv4 in the v4-mapped form
 * @ipv6: fast_sk_family is AF_INET6
 * @v6only: fast_ipv6_only
 */
struct sem_cache {
	signed char reuse;
	signed char reuseport;
	u32 uid;
	u8 addr[16];
	bool ipv6;
	bool v6only;
};

/**
 * enum sem_native - in what the rules of Linux kernels since 5.10 differ
 * @SEM_NATIVE_BY_ADDRESS: a TCP newcomer with an address is compared with sockets on this
 *	address and on wildcard addresses, not with all of the port
 * @SEM_NATIVE_TIMEWAIT: also with those in TIME_WAIT
 * @SEM_NATIVE_MAPPED_ANY: also, if it has a v4-mapped address, with AF_INET6 sockets on
 *	::ffff:0.0.0.0
 * @SEM_NATIVE_NEVER_FIRST: what is cached about a port does not begin with its first owner: it
 *	never says that SO_REUSEADDR is enough, nor that SO_REUSEPORT is on any address
 * @SEM_NATIVE_UDP_ALL: a UDP newcomer on a wildcard address is compared with all sockets of the
 *	port; otherwise, if there are many, only with those on wildcard addresses
 */
enum sem_native {
	SEM_NATIVE_BY_ADDRESS	= 1 << 0,
	SEM_NATIVE_TIMEWAIT	= 1 << 1,
	SEM_NATIVE_MAPPED_ANY	= 1 << 2,
	SEM_NATIVE_NEVER_FIRST	= 1 << 3,
	SEM_NATIVE_UDP_ALL	= 1 << 4,
};

/* Their names, in that order */
#define SEM_NATIVES	5
extern const char * const sem_native_names[SEM_NATIVES];

/**
 * struct sem_bind - one decision whether a socket may have a port
 * @sk: the socket that asks (the newcomer); @sk->addr is the address it asks for
 * @udp: UDP, otherwise TCP
 * @search: the port is one that bind() to port 0 tries, not one that the caller asked for
 * @port: the port, in host byte order
 * @fastreuse: fastreuse of the TCP bucket as Linux 3.8 keeps it (-1, 0, 1): the current
 *	value, and after sem_profile.verdict() the value to store if the kernel binds
 * @owners: number of owners of the port, counted by the caller; with those that it does not
 *	show, as Linux keeps them apart by device. At least 1 if the cache decides alone; not
 *	all are counted with @needs_bind_order
 * @native: native: enum sem_native of the kernel
 * @in_slot: native, UDP: number of sockets in the kernel's hash slot of the port, whatever their
 *	ports
 * @cache: native, TCP: the current values, and after sem_profile.verdict() those that the kernel
 *	stores if it binds
 * @by: after the verdict, name of the owner that refuses the port, or NULL
 * @blocker: after the verdict, that owner as it was shown, in @lookup; or NULL
 * @rule: after the verdict, the rule by which it refuses; SEM_RULE_CACHED if a cache allows
 *	what an owner refuses; or SEM_RULE_NONE
 * @rules: the BSDs: their choices
 * @n: the BSDs: number of entries of @lookup in use
 * @lookup: the searches; of the BSDs, in the order of their tests
 */
struct sem_bind {
	const struct sem_sock *sk;
	const void *by;
	const struct sem_sock *blocker;
	enum sem_rule rule;
	bool udp;
	bool search;
	signed char fastreuse;
	u16 port;
	u32 owners;
	u32 native;
	u32 in_slot;
	struct sem_cache *cache;
	const struct bsd_rules *rules;
	u32 n;
	struct sem_lookup lookup[SEM_LOOKUPS];
};

/**
 * struct sem_packet - a datagram or SYN that is for no connected socket
 * @addr: destination address; IPv4 in the v4-mapped form
 * @udp: a datagram, otherwise a SYN
 * @ipv6: it arrived by IPv6
 */
struct sem_packet {
	u8 addr[16];
	bool udp;
	bool ipv6;
};

/**
 * struct sem_deliver - one selection of the socket that gets a unicast packet
 * @packet: the packet
 * @id: name of the socket chosen so far, or NULL; TCP refuses the SYN if that socket does
 *	not listen
 * @bind_seq: bind sequence of that socket
 * @rank: how well that socket matches; higher is better
 */
struct sem_deliver {
	const struct sem_packet *packet;
	const void *id;
	u64 bind_seq;
	u8 rank;
};

/**
 * enum sem_member - which groups of a datagram's family a socket joined
 * @SEM_MEMBER: that of the datagram on the device that it came by, and accepts its source
 * @SEM_MEMBER_ELSEWHERE: not that one, but others
 * @SEM_NO_MEMBER: none
 */
enum sem_member {
	SEM_MEMBER,
	SEM_MEMBER_ELSEWHERE,
	SEM_NO_MEMBER,
};

/**
 * struct sem_profile - one system's semantics
 * @name: the word for it in net.reuse.semantics
 * @same_as_linux: may be NULL; does this kernel decide like that system for the newcomer
 *	@sk, UDP (@udp) or TCP, that asks for one port, or for any free one (@search)?
 * @begin: prepares a decision; the caller has set @sk, @udp, @search and @port. It sets
 *	@fastreuse and @owners before @verdict
 * @owner: shows the decision one owner of the port, named @id; true if no older owner that
 *	was bound alike (address, IPv4 or IPv6, V6ONLY, device) can matter
 * @matters: only with @needs_bind_order; could an owner like this change the verdict? Its
 *	@bind_seq is the highest it may have; its @uid and @root are not read; its options are
 *	clear if it stands for several owners. Once false, the answer stays false for the rest
 *	of the decision
 * @done: true if no older owner on any address can matter, nor one that has a remote end
 * @verdict: ends the decision: 0 or -EADDRINUSE, by sem_allow() or sem_refuse()
 * @uses_fastreuse: TCP: the decision reads and sets sem_bind.fastreuse
 * @needs_bind_order: the verdict depends on a single owner, so @bind_seq and @uid of owners
 *	have to be known
 * @checks_listen: listen() decides anew; otherwise a bound socket may always listen
 * @hides_reuseport: SO_REUSEPORT does not exist
 * @connect_keeps_port: if connect() of a bound TCP socket finds that another socket has the
 *	same connection, it fails with EADDRINUSE and the socket keeps its port; otherwise
 *	it fails with EADDRNOTAVAIL and the socket loses a port that bind() chose
 * @needs_privilege: may be NULL: as this kernel has it. Does bind() to an address and port take
 *	CAP_NET_BIND_SERVICE? @low: this kernel says so
 * @in_use_before_privilege: to bind a port in use that takes a privilege is EADDRINUSE for those
 *	who lack it, too; otherwise, EACCES
 * @separate_families: IPV6_V6ONLY is always set and to clear it is EINVAL; to bind a v4-mapped
 *	address is EADDRNOTAVAIL
 * @tells_families_apart: of sockets on one IPv4 address, an AF_INET one and an AF_INET6 one are
 *	not the same to the decision; and an IPv4 packet goes to an AF_INET one, if there is
 *	one on any address that it matches
 * @needs_connected_uid: the decision reads sem_sock.uid of TCP sockets with a remote end, too
 * @needs_accepted: the decision reads sem_sock.accepted
 * @udp_connect_is_newest: a UDP socket counts as bound anew when it gets or loses its remote end
 * @drops_local_timewait: a TCP socket in TIME_WAIT does not count if its remote end is an
 *	address of the host or, for IPv6, on the link of one of its devices; the caller does
 *	not show it
 * @kernel_view: native; owners are shown as this kernel sees them, not as the other system would:
 *	@bind_seq is the place in the kernel's list, @uid is that of the socket itself, and a
 *	socket listens from the beginning of listen(), even if that is refused
 * @search_error: negative errno of a bind() to port 0 that finds no port
 * @search_error6: the same for an AF_INET6 socket on another address than a v4-mapped one
 * @wildcard_oldest_first: among sockets on a wildcard address the oldest receives; among
 *	others, the newest
 * @mapped_any_oldest_first: so it is among AF_INET6 sockets on ::ffff:0.0.0.0
 * @deliver: shows the selection one socket of the port without a remote end. Sockets that
 *	were bound alike (address, IPv4 or IPv6, V6ONLY) come in the order in which they
 *	receive, see sem_oldest_first(); true if no later one of these can matter
 * @drops_refused: a SYN for which a socket is chosen that does not listen gets no answer;
 *	otherwise, a RST
 * @group_on_any_address6: an IPv6 multicast datagram reaches sockets on all addresses, so
 *	@takes_multicast has to see each socket of the port
 * @takes_multicast: only with @ends_multicast; does the socket, without a remote end or with
 *	that of the datagram, get a copy of a multicast or broadcast datagram?
 * @ends_multicast: may be NULL; a multicast or broadcast datagram goes to the sockets for
 *	which @takes_multicast is true, newest created first, up to and including the first
 *	one for which this is true
 *
 * The caller does not show sockets that Linux keeps apart by device.
 */
struct sem_profile {
	const char *name;
	bool (*same_as_linux)(const struct sem_sock *sk, bool udp, bool search);
	void (*begin)(struct sem_bind *b);
	bool (*owner)(struct sem_bind *b, const struct sem_sock *owner,
		      const void *id);
	bool (*matters)(const struct sem_bind *b, const struct sem_sock *owner);
	bool (*done)(const struct sem_bind *b);
	int (*verdict)(struct sem_bind *b);
	bool (*needs_privilege)(const u8 *addr, u16 port, bool low);
	bool uses_fastreuse;
	bool needs_bind_order;
	bool checks_listen;
	bool hides_reuseport;
	bool wildcard_oldest_first;
	bool mapped_any_oldest_first;
	bool connect_keeps_port;
	bool in_use_before_privilege;
	bool separate_families;
	bool tells_families_apart;
	bool needs_connected_uid;
	bool needs_accepted;
	bool udp_connect_is_newest;
	bool drops_local_timewait;
	bool drops_refused;
	bool group_on_any_address6;
	bool kernel_view;
	int search_error;
	int search_error6;
	bool (*deliver)(struct sem_deliver *d, const struct sem_sock *sk,
			const void *id);
	bool (*takes_multicast)(const struct sem_sock *sk, const struct sem_packet *packet,
				enum sem_member member);
	bool (*ends_multicast)(const struct sem_sock *sk);
};

extern const struct sem_profile sem_pre39;
extern const struct sem_profile sem_bsd;
extern const struct sem_profile sem_freebsd15;
extern const struct sem_profile sem_openbsd;
extern const struct sem_profile sem_netbsd;
extern const struct sem_profile sem_darwin;

/* Those that a namespace may be switched to */
#define SEM_PROFILES	6
extern const struct sem_profile * const sem_profiles[SEM_PROFILES];
const struct sem_profile *sem_profile_named(const char *name);

/* Never in force: it says what the kernel will decide. It chooses no receiver */
extern const struct sem_profile sem_native;

static const u8 sem_any4[16] = { [10] = 0xff, [11] = 0xff };
static const u8 sem_any6[16] = { 0 };

static inline bool sem_same(const u8 *a, const u8 *b)
{
	return !memcmp(a, b, 16);
}

static inline bool sem_mapped(const u8 *addr)
{
	return !memcmp(addr, sem_any4, 12);
}

/* Sets @addr to the v4-mapped form of @ipv4, which is in network byte order */
static inline void sem_addr4(u8 *addr, u32 ipv4)
{
	memcpy(addr, sem_any4, 12);
	memcpy(addr + 12, &ipv4, sizeof(ipv4));
}

static inline bool sem_any(const u8 *addr)
{
	return sem_same(addr, sem_any4) || sem_same(addr, sem_any6);
}

static inline bool sem_multicast(const u8 *addr)
{
	return sem_mapped(addr) ? (addr[12] & 0xf0) == 0xe0 : addr[0] == 0xff;
}

/* Has it a remote end? */
static inline bool sem_is_connected(const struct sem_sock *sk)
{
	return sk->state == SEM_CONNECTED || sk->state == SEM_TIMEWAIT;
}

/* Ends a decision: nobody refuses. @rule is SEM_RULE_NONE or SEM_RULE_CACHED */
static inline int sem_allow(struct sem_bind *b, enum sem_rule rule)
{
	b->by = NULL;
	b->blocker = NULL;
	b->rule = rule;
	return 0;
}

/* Ends a decision: the owner that @l has found refuses the port */
static inline int sem_refuse(struct sem_bind *b, const struct sem_lookup *l, enum sem_rule rule)
{
	b->by = l->id;
	b->blocker = &l->owner;
	b->rule = rule;
	return -EADDRINUSE;
}

/* Does the oldest of the sockets that were bound like this receive, rather than the newest? */
static inline bool sem_oldest_first(const struct sem_profile *profile, const u8 *addr, bool ipv6)
{
	return sem_any(addr) && (profile->wildcard_oldest_first ||
				 (profile->mapped_any_oldest_first && ipv6 && sem_mapped(addr)));
}

#endif
