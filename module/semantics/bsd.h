/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private to the profiles of the BSDs: what they have in common, from 4.4BSD, and the choices
 * that tell them apart.
 */
#ifndef _REUSE_SEMANTICS_BSD_H
#define _REUSE_SEMANTICS_BSD_H

#include "semantics.h"

/**
 * enum bsd_table - the sockets that a lookup searches
 * @BSD_IPV4: those found under IPv4, see bsd_rules.one_ipv4
 * @BSD_IPV6: AF_INET6, unless on a v4-mapped address
 * @BSD_MAPPED: NetBSD: AF_INET6 on a v4-mapped address, or a dual-stack ::
 */
enum bsd_table {
	BSD_IPV4,
	BSD_IPV6,
	BSD_MAPPED,
};

/**
 * enum bsd_test - what the socket that a lookup found has to pass
 * @BSD_USER: it belongs to the newcomer's user, or bsd_rules.lets_pass() lets it pass
 * @BSD_SHARE: the two sockets share the port by their options
 */
enum bsd_test {
	BSD_USER,
	BSD_SHARE,
};

/**
 * struct bsd_rules - what tells the binds of the BSDs apart
 * @lets_pass: may be NULL; does the test of the user let the socket that @l found pass, though
 *	it is another user's?
 * @one_ipv4: an AF_INET6 socket that receives IPv4 is found under IPv4 like an AF_INET one, and
 *	a dual-stack :: has to pass the tests there as 0.0.0.0
 * @dual_is_far: under IPv4 a dual-stack :: is further away than any other socket
 * @connected_alike: the test of the user lets all TCP sockets with a remote end pass
 * @hides_accepted: an accepted socket is not found unless the port is a multiple of
 *	BSD_HASH_SIZE
 * @search4_flags_ignored: bind() to port 0 of an IPv4 address takes no port whose nearest
 *	socket is near enough to conflict, whatever the options
 * @group_by_newcomer: a multicast address is shared by SO_REUSEADDR of the newcomer and either
 *	option of the other; otherwise, by either option on each side
 */
struct bsd_rules {
	bool (*lets_pass)(const struct sem_bind *b, const struct sem_lookup *l);
	bool one_ipv4;
	bool dual_is_far;
	bool connected_alike;
	bool hides_accepted;
	bool search4_flags_ignored;
	bool group_by_newcomer;
};

/* Size of NetBSD's hash tables: list 0 holds a port's sockets, and those without a list */
#define BSD_HASH_SIZE	128

void bsd_begin(struct sem_bind *b, const struct bsd_rules *rules);
void bsd_add(struct sem_bind *b, const u8 *addr, enum bsd_table table, enum bsd_test test);
bool bsd_owner(struct sem_bind *b, const struct sem_sock *owner, const void *id);
bool bsd_matters(const struct sem_bind *b, const struct sem_sock *p);
bool bsd_done(const struct sem_bind *b);
int bsd_verdict(struct sem_bind *b);
bool bsd_deliver_oldest(struct sem_deliver *d, const struct sem_sock *p, const void *id);
bool bsd_takes_joined(const struct sem_sock *p, const struct sem_packet *packet,
		      enum sem_member member);
bool bsd_takes_any(const struct sem_sock *p, const struct sem_packet *packet,
		   enum sem_member member);
bool bsd_ends_multicast(const struct sem_sock *p);

/* Does @p receive IPv4 (INP_IPV4)? IPv6 (INP_IPV6)? */
static inline bool bsd_in_ipv4(const struct sem_sock *p)
{
	return sem_mapped(p->addr) ||
	       (p->ipv6 && !p->v6only && sem_same(p->addr, sem_any6));
}

static inline bool bsd_in_ipv6(const struct sem_sock *p)
{
	return p->ipv6 && !sem_mapped(p->addr);
}

/* The address of @p, as IPv4 or as IPv6 sees it */
static inline const u8 *bsd_laddr(const struct sem_sock *p, bool ipv4)
{
	return ipv4 && !sem_mapped(p->addr) ? sem_any4 : p->addr;
}

static inline bool bsd_has_flag(const struct sem_sock *sk)
{
	return sk->reuseaddr || sk->reuseport;
}

/* Root may join sockets of any user; for a multicast address, everybody may */
static inline bool bsd_tests_user(const struct sem_bind *b)
{
	return !b->search && !b->sk->root && !sem_multicast(b->sk->addr);
}

/* Are the newcomer and the socket that @l found both on the wildcard address? */
static inline bool bsd_both_any(const struct sem_bind *b, const struct sem_lookup *l)
{
	return sem_any(b->sk->addr) && sem_any(l->owner.addr);
}

/**
 * enum bsd_match - how a socket's address matches a packet
 * @BSD_NO: not at all
 * @BSD_WILDCARD: it is the wildcard address
 * @BSD_EXACT: it is the packet's destination
 */
enum bsd_match {
	BSD_NO,
	BSD_WILDCARD,
	BSD_EXACT,
};

static inline enum bsd_match bsd_match(const struct sem_packet *packet, const struct sem_sock *p)
{
	bool ipv4 = !packet->ipv6;
	const u8 *laddr = bsd_laddr(p, ipv4);

	if (!(ipv4 ? bsd_in_ipv4(p) : bsd_in_ipv6(p)))
		return BSD_NO;
	if (sem_same(laddr, packet->addr))
		return BSD_EXACT;
	return sem_any(laddr) ? BSD_WILDCARD : BSD_NO;
}

/* Choose @p if its rank is higher than that of the socket chosen so far, or by its age */
static inline bool bsd_choose(struct sem_deliver *d, const struct sem_sock *p, const void *id,
			      u8 rank, bool oldest)
{
	bool worse = oldest ? p->bind_seq > d->bind_seq : p->bind_seq < d->bind_seq;

	if (d->id && (rank < d->rank || (rank == d->rank && worse)))
		return true;

	d->id = id;
	d->bind_seq = p->bind_seq;
	d->rank = rank;
	return true;
}

#endif
