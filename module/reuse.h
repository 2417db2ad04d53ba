/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the module say to each other. Arrows run one way:
 * main -> netns -> proc -> rows -> walk -> tcp, udp -> compat.
 */
#ifndef _REUSE_H
#define _REUSE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <net/net_namespace.h>
#include <net/ipv6.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "tables/walk.h"

/* Distinct owner UIDs that a row names; more are told by a mark */
#define REUSE_UIDS	8

/**
 * struct reuse_key - what makes a row of /proc/net/reuse one row
 * @addr: local address; IPv4 in the v4-mapped form, so that memcmp() sorts
 * @dev: index of the device the socket is bound to, 0 for none
 * @port: local port, host byte order
 * @ipv6: the socket is AF_INET6
 * @v6only: IPV6_V6ONLY; 0 for AF_INET
 *
 * Hashed and compared as plain memory, so it has no padding.
 */
struct reuse_key {
	struct in6_addr addr;
	s32 dev;
	u16 port;
	u8 ipv6;
	u8 v6only;
};

/**
 * reuse_key_of() - what a socket is bound to
 * @sk: any kind of socket: only what sock_common has is read
 * @key: set
 *
 * Context: any. Whoever connects, or sets an option, does not hold what the
 * caller holds, so it may be of two moments: as in the kernel, who is found by it
 * counts as there.
 */
static inline void reuse_key_of(const struct sock *sk, struct reuse_key *key)
{
	memset(key, 0, sizeof(*key));
	key->dev = READ_ONCE(sk->sk_bound_dev_if);
	key->port = READ_ONCE(sk->sk_num);
#if IS_ENABLED(CONFIG_IPV6)
	if (READ_ONCE(sk->sk_family) == AF_INET6) {
		/* See above */
		key->addr = data_race(sk->sk_v6_rcv_saddr);
		key->ipv6 = 1;
		/* See above */
		key->v6only = data_race((bool)sk->sk_ipv6only);
		return;
	}
#endif
	ipv6_addr_set_v4mapped(READ_ONCE(sk->sk_rcv_saddr), &key->addr);
}

/**
 * reuse_has_reuseaddr() - has a socket SO_REUSEADDR at this moment?
 * @sk: any kind of socket
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool reuse_has_reuseaddr(const struct sock *sk)
{
	/* Whoever sets it holds the socket's lock, and the kernel looks without */
	return data_race((bool)sk->sk_reuse);
}

/**
 * reuse_has_reuseport() - has a socket SO_REUSEPORT at this moment?
 * @sk: any kind of socket
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool reuse_has_reuseport(const struct sock *sk)
{
	/* Likewise */
	return data_race((bool)sk->sk_reuseport);
}

/**
 * reuse_is_full() - has a socket more than sock_common?
 * @state: its state, read once: it is in it that who looks wants to see it
 *
 * Context: any. As sk_fullsock() has it.
 * Return: true if so.
 */
static inline bool reuse_is_full(u8 state)
{
	return (1 << state) & ~(TCPF_TIME_WAIT | TCPF_NEW_SYN_RECV);
}

/**
 * struct reuse_uids - the lowest distinct UIDs of the owners, ascending
 * @uid: as the reader's user namespace sees them
 * @n: how many of @uid are valid
 * @more: there are others, higher than all of @uid
 */
struct reuse_uids {
	uid_t uid[REUSE_UIDS];
	u8 n;
	bool more;
};

/**
 * struct reuse_fastreuse - what a TCP bind bucket caches about its owners
 * @uid: valid while @reuseport is positive
 * @reuse: tb->fastreuse
 * @reuseport: tb->fastreuseport
 * @valid: there is such a cache (TCP)
 */
struct reuse_fastreuse {
	kuid_t uid;
	s8 reuse;
	s8 reuseport;
	bool valid;
};

/**
 * struct reuse_row - one row of /proc/net/reuse
 * @key: which
 * @fastreuse: the bucket's cache, as it was when the row's first socket was seen
 * @uids: owners
 * @listen: sockets in TCP_LISTEN
 * @bound: sockets that have the port and neither listen nor are connected
 * @connected: sockets in any other state
 * @timewait: TIME_WAIT sockets
 * @reuseaddr: sockets of all states with SO_REUSEADDR
 * @reuseport: sockets of all states with SO_REUSEPORT
 * @round: of the walk that found it, see reuse_walk(); sockets that others find
 *	are not counted, they may be counted already
 */
struct reuse_row {
	struct reuse_key key;
	struct reuse_fastreuse fastreuse;
	struct reuse_uids uids;
	u32 listen;
	u32 bound;
	u32 connected;
	u32 timewait;
	u32 reuseaddr;
	u32 reuseport;
	u8 round;
};

static inline u32 reuse_row_sockets(const struct reuse_row *row)
{
	return row->listen + row->bound + row->connected + row->timewait;
}

extern const struct bind_table reuse_tcp;
extern const struct bind_table reuse_udp;
extern const struct bind_table reuse_udplite;

/* tcp.c, fastreuse.c, udp.c */
void reuse_tcp_owners_like(struct sock *sk, owner_visit_t visit, void *arg);
bool reuse_tcp_in_order(void);
bool reuse_tcp_same_bucket(const struct sock *sk, const struct sock *owner);
int reuse_fastreuse(const struct sock *sk, unsigned short port);
void reuse_fastreuse_reset(const struct sock *sk);
void reuse_fastreuse_set(const struct sock *sk, int fastreuse);
void reuse_fastreuse_forget_net(const struct net *net);

/**
 * reuse_udp_added_last() - does a socket enter its slot's list at the end?
 * @sk: UDP or UDP-Lite socket
 *
 * As sk_add_node_rcu() does it. The others enter at the head.
 *
 * Context: any.
 * Return: true if so.
 */
static inline bool reuse_udp_added_last(const struct sock *sk)
{
	return sk->sk_reuseport && sk->sk_family == AF_INET6;
}

/* rows.c */

/**
 * struct reuse_rows - the rows of one slot of one table
 * @row: the rows found, sorted once the slot is read
 * @index: hash of the key to place in @row plus one
 * @last: row of the socket looked at last
 * @ns: user namespace of the reader
 * @table: table being read
 * @net: network namespace being read
 * @seed: of the hash, so that nobody chooses what collides
 * @n: rows in use
 * @cap: rows that there is memory for, a power of two
 * @bits: the slot is read in 2^@bits parts by the top bits of the hash
 * @part: the part that @row holds
 */
struct reuse_rows {
	struct reuse_row *row;
	u16 *index;
	struct reuse_row *last;
	struct user_namespace *ns;
	const struct bind_table *table;
	const struct net *net;
	u32 seed;
	u32 n;
	u32 cap;
	u32 bits;
	u32 part;
};

int reuse_rows_init(struct reuse_rows *rows, const struct net *net,
		    struct user_namespace *ns);
void reuse_rows_clean(struct reuse_rows *rows);
int reuse_rows_read(struct reuse_rows *rows, const struct bind_table *table,
		    unsigned int slot);
bool reuse_rows_next_part(struct reuse_rows *rows);

/* proc.c */
int reuse_proc_create(struct net *net);
void reuse_proc_remove(struct net *net);

#endif
