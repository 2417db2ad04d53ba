/* SPDX-License-Identifier: GPL-2.0 */
/* A call of get_port() that is being decided. */
#ifndef _REUSE_REQUEST_H
#define _REUSE_REQUEST_H

#include <linux/in6.h>
#include <linux/uidgid.h>

#include "semantics/semantics.h"

struct reuse_net;
struct bind_table;
struct sock;

/**
 * struct bind_request - one call of get_port()
 * @sk: who asks; locked by the caller of get_port()
 * @rn: its namespace
 * @table: of the kernel that @sk is to enter
 * @profile: semantics in force
 * @self: @sk as the rules see it
 * @root: of the user namespace that owns the network namespace
 * @bind: the decision
 * @position: of the last owner, counting down
 * @port: that is decided on
 * @known: address of which @matters was found
 * @known_family: of that socket, 0 if there is none
 * @matters: a socket with a remote end that has that address can change the verdict
 * @rest_is_older: but no full one of those that follow in its list
 * @budget: at how many records to look in vain still
 * @udp: UDP or UDP-Lite
 * @in_order: owners are shown newest first, whatever their addresses
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
	unsigned short port;
	unsigned int budget;
	bool matters;
	bool rest_is_older;
	bool udp;
	bool in_order;
};

/* owners.c */
void reuse_owners_uid(const struct bind_request *req, struct sock *sk,
		      struct sem_sock *s);
void reuse_owners_show(struct bind_request *req, unsigned short port);

/* decide.c */
bool reuse_bind_is_stale(const struct bind_request *req);
int reuse_bind_decide(struct bind_request *req, unsigned short port, bool search);

#endif
