/* SPDX-License-Identifier: GPL-2.0 */
/* Which sockets share an address and port, and in which order they were bound. */
#ifndef _REUSE_ORDER_H
#define _REUSE_ORDER_H

#include <linux/bits.h>
#include <linux/list.h>
#include <net/sock.h>

/* What is bound while notes are taken comes between these */
#define REUSE_ORDER_FIRST	BIT_ULL(32)
#define REUSE_ORDER_LAST	BIT_ULL(62)

struct reuse_chain;

/**
 * enum reuse_kind - what is equal of sockets that receive the same on an address
 * @REUSE_KIND_IPV4: AF_INET
 * @REUSE_KIND_MAPPED: AF_INET6 on a v4-mapped address
 * @REUSE_KIND_IPV6: AF_INET6 on any other
 * @REUSE_KIND_V6ONLY: AF_INET6 on :: with IPV6_V6ONLY
 */
enum reuse_kind {
	REUSE_KIND_IPV4,
	REUSE_KIND_MAPPED,
	REUSE_KIND_IPV6,
	REUSE_KIND_V6ONLY,
};

/**
 * struct reuse_note - what is known of a socket in a namespace that emulates
 * @node: by socket
 * @sharing: by address, or empty; see reuse_order_each()
 * @sk: the socket
 * @net: its namespace
 * @chain: of @sharing
 * @seq: when bound, or an accepted one created; higher is newer
 * @created: when the socket was created, in the same numbers
 * @addr: address it was bound to; IPv4 in the v4-mapped form
 * @port: in host byte order
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @kind: enum reuse_kind
 * @listens: listen() was decided and granted
 * @counted_last: counted in reuse_net.udp_added_last
 * @counted_dev: counted in reuse_net.on_device
 * @counted_peer: counted in reuse_net.udp_connected
 */
struct reuse_note {
	struct hlist_node node;
	struct list_head sharing;
	struct sock *sk;
	const struct net *net;
	struct reuse_chain *chain;
	u64 seq;
	u64 created;
	u8 addr[16];
	u16 port;
	u8 protocol;
	u8 kind;
	bool listens;
	bool counted_last;
	bool counted_dev;
	bool counted_peer;
};

/**
 * enum reuse_note_next - what comes after a note
 * @REUSE_NOTE_NEXT: the next one
 * @REUSE_NOTE_ASIDE: the next one; and this one is of no use
 * @REUSE_NOTE_DONE: no other
 */
enum reuse_note_next {
	REUSE_NOTE_NEXT,
	REUSE_NOTE_ASIDE,
	REUSE_NOTE_DONE,
};

typedef enum reuse_note_next (*reuse_note_fn_t)(const struct reuse_note *note,
						void *arg);

int reuse_order_setup(void);
void reuse_order_teardown(void);
u64 reuse_order_find(const struct sock *sk);
bool reuse_order_listens(const struct sock *sk);
void reuse_order_set_listens(const struct sock *sk, bool listens);
void reuse_order_note(struct sock *sk);
void reuse_order_bound(struct sock *sk, const struct sem_profile *profile);
void reuse_order_seen(struct sock *sk, bool before);
void reuse_order_connects(const struct sock *sk);
void reuse_order_forget(const struct sock *sk);
void reuse_order_forget_net(const struct net *net);
void reuse_order_each(const struct net *net, u8 protocol, u16 port,
		      const u8 *addr, enum reuse_kind kind, unsigned int looks,
		      reuse_note_fn_t fn, void *arg);

#endif
