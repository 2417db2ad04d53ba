/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How other systems decide who may share a port, and who receives.
 *
 * Pure decisions on plain structs: no socket, no lock, nothing of the kernel
 * but its integer types. The same files are compiled in userspace, where the
 * answers recorded from those systems are run against them.
 *
 * A decision is a fold: begin, then one call for each socket on the port, in
 * any order, then the verdict, with the socket that decided it.
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
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
#endif

enum sem_state {
	SEM_BOUND,	/* has the port, neither listens nor is connected */
	SEM_LISTEN,
	SEM_CONNECTED,	/* has a remote end: connected, accepted, closing */
	SEM_TIMEWAIT,
};

/**
 * struct sem_sock - a socket as the rules see it
 * @addr: local address; IPv4 in the v4-mapped form
 * @bind_seq: when bound, or for an accepted one when created; higher is newer
 * @uid: whose, whatever numbers: only equality counts; not for SEM_TIMEWAIT, and of
 *	TCP not for SEM_CONNECTED
 * @dev: index of the device it is bound to, 0 for none
 * @state: enum sem_state
 * @ipv6: AF_INET6
 * @v6only: IPV6_V6ONLY; false for AF_INET
 * @reuseaddr: SO_REUSEADDR is set now
 * @reuseport: SO_REUSEPORT is set now
 * @root: @uid is root of the user namespace that owns the network namespace
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
};

/* Two on the newcomer's address, two more on 0.0.0.0 for a dual-stack :: */
#define SEM_LOOKUPS	4

/**
 * struct sem_lookup - one search for one socket, as FreeBSD has them
 * @owner: what was found
 * @id: the caller's name for it, NULL if nothing was found
 * @addr: address searched for, in the v4-mapped form if @ipv4; NULL if it does
 *	not matter what would be found
 * @cost: of @owner, for a search of the best
 * @ipv4: among the sockets that are found under IPv4, not IPv6
 * @exact: only unconnected sockets on exactly @addr
 */
struct sem_lookup {
	struct sem_sock owner;
	const void *id;
	const u8 *addr;
	u8 cost;
	bool ipv4;
	bool exact;
};

/**
 * struct sem_bind - one decision whether a socket may have a port
 * @sk: the newcomer; @sk->addr is the address it asks for
 * @udp: UDP, otherwise TCP
 * @search: a port is being searched for (bind() to port 0), not asked for
 * @fastreuse: TCP bucket's cache as Linux 3.8 keeps it (-1, 0, 1): as it is, and
 *	after sem_profile.verdict() as it is to be if the kernel binds
 * @owners: sockets seen
 * @by: after the verdict, name of the socket that decided against it, or NULL
 * @by_any: pre39: one on a wildcard address that would, or NULL
 * @n: lookups in use
 * @lookup: see there
 */
struct sem_bind {
	const struct sem_sock *sk;
	const void *by;
	const void *by_any;
	bool udp;
	bool search;
	signed char fastreuse;
	u32 owners;
	u32 n;
	struct sem_lookup lookup[SEM_LOOKUPS];
};

/**
 * struct sem_packet - a datagram, or a SYN, without a connected receiver
 * @addr: destination address; IPv4 in the v4-mapped form
 * @udp: a datagram
 * @ipv6: came by IPv6
 */
struct sem_packet {
	u8 addr[16];
	bool udp;
	bool ipv6;
};

/**
 * struct sem_deliver - one decision who gets a unicast packet
 * @packet: the packet
 * @id: name of the socket that gets it, or NULL; TCP refuses if it does not
 *	listen
 * @bind_seq: of that socket
 * @rank: of that socket; higher is better
 */
struct sem_deliver {
	const struct sem_packet *packet;
	const void *id;
	u64 bind_seq;
	u8 rank;
};

/**
 * struct sem_profile - one system's semantics
 * @name: as net.reuse.semantics has it
 * @same_as_linux: may be NULL; true if today's kernel decides like that system for this
 *	newcomer to UDP (@udp) or TCP, which asks for a port or leaves that open (@search)
 * @begin: prepares a decision; @sk, @udp, @search and @fastreuse are set
 * @owner: shows it one socket of the port, named by @id; true if no older one on
 *	the same address and device can matter
 * @matters: with @needs_bind_order; could a socket like this change the verdict? Its @bind_seq is
 *	the highest that it may have, its @uid, @root and options are not looked at. False
 *	stays false for the rest of the decision
 * @done: no older one on whatever address can matter
 * @verdict: 0 or -EADDRINUSE, and @by
 * @uses_fastreuse: TCP: sem_bind.fastreuse is used
 * @needs_bind_order: it is one socket that counts, so @bind_seq and @uid of owners do
 * @checks_listen: listen() decides anew; otherwise a bound socket may listen
 * @hides_reuseport: SO_REUSEPORT does not exist
 * @connect_keeps_port: connect() of a bound TCP socket to a remote end that another has a
 *	connection to from there says EADDRINUSE, and the port is kept; otherwise
 *	EADDRNOTAVAIL, and a port that bind() chose is lost
 * @search_error: errno of a bind() to port 0 that finds none
 * @wildcard_oldest_first: of the sockets on a wildcard address the oldest receives; of any
 *	others, the newest
 * @deliver: shows a packet one socket of the port without a remote end; true if
 *	none that was bound like it (address, IPv4 or IPv6, V6ONLY) and comes
 *	behind it in that order can matter
 * @ends_multicast: may be NULL; a group's or broadcast datagram goes to the sockets
 *	that joined themselves, newest created first, and after one that this is
 *	true of to none
 *
 * Sockets that Linux keeps apart by device are not shown by the caller.
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
	bool uses_fastreuse;
	bool needs_bind_order;
	bool checks_listen;
	bool hides_reuseport;
	bool wildcard_oldest_first;
	bool connect_keeps_port;
	int search_error;
	bool (*deliver)(struct sem_deliver *d, const struct sem_sock *sk,
			const void *id);
	bool (*ends_multicast)(const struct sem_sock *sk);
};

extern const struct sem_profile sem_bsd;
extern const struct sem_profile sem_pre39;

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

/* @ipv4 is in network byte order */
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

/* There is a remote end */
static inline bool sem_is_connected(const struct sem_sock *sk)
{
	return sk->state == SEM_CONNECTED || sk->state == SEM_TIMEWAIT;
}

#endif
