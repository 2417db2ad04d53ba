/* SPDX-License-Identifier: GPL-2.0 */
/* Private to bind/: a call of get_port() that is being decided. */
#ifndef _REUSE_REQUEST_H
#define _REUSE_REQUEST_H

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/uidgid.h>
#include <net/sock.h>

#include "semantics/semantics.h"

struct bind_reason;
struct reuse_net;
struct bind_table;

/**
 * struct bind_request - one call of get_port()
 * @sk: the socket that asks for a port; locked by the caller of get_port()
 * @rn: state of its network namespace
 * @table: the kernel's table that @sk is to enter
 * @profile: semantics that were in force when the call began
 * @self: @sk as the rules see it
 * @root: root of the user namespace that owns the network namespace
 * @bind: the decision
 * @position: stands for the bind sequence of an owner that is known only by its position in
 *	the list; counts down
 * @port: the port that is being decided on
 * @known: the address that @matters is about; of UDP, an address whose sockets do not matter
 * @known_family: family of these sockets, 0 if there are none
 * @known_state: UDP: their state, as in sk_state
 * @matters: TCP: a connected socket with address @known can change the verdict
 * @other_matters: one with that address and of the other family can
 * @rest_is_older: full sockets further down the list of @known cannot change it
 * @timewait_is_older: nor can those in TIME_WAIT
 * @accepted_budget: of how many more connections the records may be looked at
 * @remote_budget: how many more remote addresses may be looked up
 * @remote: the remote address that @remote_is_local is about
 * @remote_known: there is one
 * @remote_is_local: it is an address of the host or, for IPv6, on the link of a device
 * @budget: how many more records may be looked at in vain
 * @udp: UDP or UDP-Lite
 * @forced: the kernel had refused the TCP socket
 * @in_order: owners are shown newest first, whatever their addresses
 * @explains: the reason of the decision is asked for, too
 * @unrecorded: only the reason is asked for, and @profile is not in force: no record counts
 * @list: @unrecorded: the list that @list_matters is about
 * @list_matters: a socket with the address of that list can change the verdict
 * @found: @explains: user and inode of the sockets in sem_bind.lookup
 */
struct bind_request {
	struct sock *sk;
	struct reuse_net *rn;
	const struct bind_table *table;
	const struct sem_profile *profile;
	struct sem_sock self;
	kuid_t root;
	struct sem_bind bind;
	u64 position;
	struct in6_addr known;
	unsigned short known_family;
	u8 known_state;
	unsigned short port;
	unsigned int budget;
	unsigned int accepted_budget;
	unsigned int remote_budget;
	struct in6_addr remote;
	bool remote_known;
	bool remote_is_local;
	bool matters;
	bool other_matters;
	bool rest_is_older;
	bool timewait_is_older;
	bool udp;
	bool forced;
	bool in_order;
	bool explains;
	bool unrecorded;
	bool list_matters;
	const void *list;
	struct {
		kuid_t uid;
		u32 inode;
	} found[SEM_LOOKUPS];
};

/* Is @sk of a protocol that profiles have rules for? */
static inline bool reuse_bind_has_rules(const struct sock *sk)
{
	/* Raw sockets, and those of other families, may have these numbers, too */
	if (sk->sk_type == SOCK_RAW || (sk->sk_family != AF_INET && sk->sk_family != AF_INET6))
		return false;
	return sk->sk_protocol == IPPROTO_TCP || sk->sk_protocol == IPPROTO_UDP ||
	       sk->sk_protocol == IPPROTO_UDPLITE;
}

/* Sets @ours to the address in @addr, of the family of @sk; IPv4 in the v4-mapped form */
static inline void reuse_bind_address(const struct sock *sk, const struct sockaddr *addr,
				      u8 *ours)
{
	const struct sockaddr_in6 *in6 = (const void *)addr;
	const struct sockaddr_in *in = (const void *)addr;

	if (sk->sk_family == AF_INET6)
		memcpy(ours, &in6->sin6_addr, sizeof(in6->sin6_addr));
	else
		sem_addr4(ours, (__force u32)in->sin_addr.s_addr);
}

/* owners.c */
void reuse_owners_uid(const struct bind_request *req, struct sock *sk,
		      struct sem_sock *s);
void reuse_owners_show(struct bind_request *req, unsigned short port);

/* connected.c */
bool reuse_owner_is_gone(struct bind_request *req, const struct sock *sk);
bool reuse_owner_accepted(struct bind_request *req, const struct sock *sk);
void reuse_owner_connected_uid(const struct bind_request *req, const struct sock *sk,
			       struct sem_sock *s);

/* privilege.c */
bool reuse_bind_lacks_privilege(const struct bind_request *req, unsigned short port);

/* get_port.c */
bool reuse_bind_is_in_use(struct sock *sk, const u8 *addr, unsigned short port);

/* explain.c */
void reuse_bind_reason(const struct bind_request *req, int err, struct bind_reason *reason);

/* decide.c */
void reuse_bind_begin(struct bind_request *req, struct sock *sk, bool udp,
		      const struct sem_profile *profile);
bool reuse_bind_is_stale(const struct bind_request *req);
int reuse_bind_ask(struct bind_request *req, unsigned short port, bool search, u32 owners);
int reuse_bind_decide(struct bind_request *req, unsigned short port, bool search);

#endif
