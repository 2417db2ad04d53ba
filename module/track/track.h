/* SPDX-License-Identifier: GPL-2.0 */
/* In which order sockets were bound. */
#ifndef _REUSE_TRACK_H
#define _REUSE_TRACK_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/types.h>
#include <net/sock.h>

/*
 * What is bound while sockets are tracked comes between these, and what was bound before
 * below the first. Never used up, whoever binds and switches: see events.c.
 */
#define SEQ_TRACKED_MIN	BIT_ULL(61)
#define SEQ_TRACKED_MAX	BIT_ULL(62)

/**
 * enum addr_class - what is equal of sockets that receive the same on an address
 * @ADDR_IPV4: AF_INET
 * @ADDR_MAPPED: AF_INET6 on a v4-mapped address
 * @ADDR_IPV6: AF_INET6 on any other
 * @ADDR_V6ONLY: AF_INET6 on :: with IPV6_V6ONLY
 */
enum addr_class {
	ADDR_IPV4,
	ADDR_MAPPED,
	ADDR_IPV6,
	ADDR_V6ONLY,
};

/**
 * struct bucket_key - where sockets are bound that receive the same
 * @net: network namespace
 * @addr: address; IPv4 in the v4-mapped form
 * @port: in host byte order
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @class: enum addr_class
 * @has_devices: one of them is bound to a device, or was. It does not tell buckets apart:
 *	who asks for it has nothing to do with those where it is not so
 */
struct bucket_key {
	const struct net *net;
	u8 addr[16];
	u16 port;
	u8 protocol;
	u8 class;
	bool has_devices;
};

/**
 * struct bucket_member - what makes a socket a member of a bucket
 * @link: in the bucket
 * @key: of the bucket, NULL if the socket is in none
 */
struct bucket_member {
	struct list_head link;
	const struct bucket_key *key;
};

/**
 * struct reuse_tracked - what is known of a socket in a namespace that emulates
 * @node: by socket
 * @member: of the bucket that it was bound to, if it was bound
 * @sk: the socket
 * @net: its namespace
 * @bind_seq: when bound, or an accepted one created; higher is newer
 * @created: when the socket was created, in the same numbers
 * @listens: listen() was decided and granted
 * @counted_last: counted in reuse_net.udp_added_last
 * @counted_connected: counted in reuse_net.udp_connected
 */
struct reuse_tracked {
	struct hlist_node node;
	struct bucket_member member;
	struct sock *sk;
	const struct net *net;
	u64 bind_seq;
	u64 created;
	bool listens;
	bool counted_last;
	bool counted_connected;
};

static inline const struct reuse_tracked *
reuse_tracked_of(const struct bucket_member *member)
{
	return container_of(member, struct reuse_tracked, member);
}

/**
 * enum scan_step - what comes after a record
 * @SCAN_NEXT: the next one
 * @SCAN_CONNECTED: the next one; and this one is of no use
 * @SCAN_DONE: no other
 */
enum scan_step {
	SCAN_NEXT,
	SCAN_CONNECTED,
	SCAN_DONE,
};

typedef enum scan_step (*scan_fn_t)(const struct bucket_member *member, void *arg);

/* bucket.c */
void reuse_bucket_each(const struct bucket_key *key, unsigned int budget,
		       scan_fn_t fn, void *arg);
bool reuse_bucket_newest(const struct bucket_key *key, bool oldest_first,
			 unsigned int *budget, scan_fn_t fn, void *arg);

/**
 * enum track_age - how a socket counts that was bound when nothing was recorded
 * @TRACK_AS_OLDEST: as bound before all that are tracked
 * @TRACK_AS_NEWEST: as bound after them
 */
enum track_age {
	TRACK_AS_OLDEST,
	TRACK_AS_NEWEST,
};

/* record.c */
int reuse_track_setup(void);
void reuse_track_teardown(void);
bool reuse_track_maybe(const struct sock *sk);
void reuse_track_freed(const struct sock *sk);
void reuse_track_forget_net(const struct net *net);
void reuse_track_flush_all(void);

/* events.c */
u64 reuse_track_bind_seq(const struct sock *sk, bool *accepted);
bool reuse_track_listens(const struct sock *sk);
void reuse_track_set_listens(const struct sock *sk, bool listens);
void reuse_track_created(struct sock *sk);
void reuse_track_accepted(struct sock *child);
int reuse_track_reserve(struct sock *sk);
void reuse_track_bound(struct sock *sk);
int reuse_track_existing(struct sock *sk, enum track_age age);
void reuse_track_connecting(const struct sock *sk);
void reuse_track_to_device(const struct sock *sk);

/* learn.c */
int reuse_track_learn(const struct net *net);

#endif
