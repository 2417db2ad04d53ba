/* SPDX-License-Identifier: GPL-2.0 */
/* In which order sockets were bound. */
#ifndef _REUSE_TRACK_H
#define _REUSE_TRACK_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/sock.h>

/*
 * A socket that is bound while its namespace emulates gets a bind sequence between these. Below
 * SEQ_TRACKED_MIN are sockets without a record, and below SEQ_LEARNED_MAX those tracked as oldest,
 * which were bound before the switch: a connection without a record was most likely accepted by
 * one of them. Above SEQ_TRACKED_MAX are those in TIME_WAIT. No amount of binding and switching
 * uses the range up: see events.c.
 */
#define SEQ_TRACKED_MIN	BIT_ULL(61)
#define SEQ_LEARNED_MAX	(SEQ_TRACKED_MIN - BIT_ULL(32))
#define SEQ_TRACKED_MAX	BIT_ULL(62)

/**
 * enum addr_class - sockets of one class on one address receive the same packets
 * @ADDR_IPV4: AF_INET
 * @ADDR_MAPPED: AF_INET6 on a v4-mapped address
 * @ADDR_IPV6: AF_INET6 on any other address
 * @ADDR_V6ONLY: AF_INET6 on :: with IPV6_V6ONLY
 */
enum addr_class {
	ADDR_IPV4,
	ADDR_MAPPED,
	ADDR_IPV6,
	ADDR_V6ONLY,
};

/**
 * struct bucket_key - what the members of a bucket have in common
 * @net: network namespace
 * @addr: address; IPv4 in the v4-mapped form
 * @port: in host byte order
 * @protocol: IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @class: enum addr_class
 * @hash: reuse_bucket_hash() of @net, @protocol and @port
 */
struct bucket_key {
	const struct net *net;
	u8 addr[16];
	u16 port;
	u8 protocol;
	u8 class;
	u32 hash;
};

/* Buckets of one class on wildcard addresses are of one kind, those on others of another */
#define BUCKET_KINDS	8

#define BUCKET_COUNT_BITS	12

/**
 * struct bucket_count - how many buckets of each kind some ports have
 * @kind: for class C, element 2 * C + 1 counts buckets on the wildcard address, and 2 * C others
 * @members: how many sockets are in these buckets
 *
 * Most packets could match buckets of five kinds, and there are buckets of one.
 */
struct bucket_count {
	atomic_t kind[BUCKET_KINDS];
	atomic_t members;
};

extern struct bucket_count *reuse_bucket_counts;

/* Other ports may share the counters; @hash is reuse_bucket_hash() of the port */
static inline struct bucket_count *reuse_bucket_counts_of(u32 hash)
{
	return &reuse_bucket_counts[hash >> (32 - BUCKET_COUNT_BITS)];
}

/**
 * reuse_bucket_count() - find the counter of buckets of one kind
 * @hash: reuse_bucket_hash() of the port; other ports may share the counter
 * @class: class of the buckets
 * @any: they are on the wildcard address
 *
 * Context: any.
 * Return: the counter.
 */
static inline atomic_t *reuse_bucket_count(u32 hash, enum addr_class class, bool any)
{
	return &reuse_bucket_counts_of(hash)->kind[2 * class + any];
}

/**
 * struct bucket_member - what makes a socket a member of a bucket
 * @link: in a list of the bucket
 * @key: key of the bucket, NULL if the socket is in none; published when the socket is counted
 *	in bucket_count.members
 */
struct bucket_member {
	struct list_head link;
	const struct bucket_key *key;
};

/**
 * struct reuse_tracked - record of a socket in a namespace that emulates
 * @node: in the chain that @sk hashes to
 * @member: of the bucket of the address and port that @sk was bound to, if it was bound
 * @sk: the socket
 * @net: its namespace
 * @bind_seq: when it was bound or, if it was accepted, created; higher is newer
 * @created: when it was created, in the same sequence
 * @uid: instead, if it was accepted: user of the listener; in TIME_WAIT: user of the connection
 * @listens: a profile decided on listen() and granted it
 * @counted_forced: its bind was forced; counted in reuse_net.tcp_forced
 * @counted_out_of_order: counted in reuse_net.udp_out_of_order
 * @counted_connected: counted in reuse_net.udp_connected
 * @timewait: @sk is a TIME_WAIT socket, which has no more than struct sock_common
 * @accepted: it was not bound but accepted
 */
struct reuse_tracked {
	struct hlist_node node;
	struct bucket_member member;
	struct sock *sk;
	const struct net *net;
	u64 bind_seq;
	union {
		u64 created;
		kuid_t uid;
	};
	bool listens;
	bool counted_forced;
	bool counted_out_of_order;
	bool counted_connected;
	bool timewait;
	bool accepted;
};

static inline const struct reuse_tracked *
reuse_tracked_of(const struct bucket_member *member)
{
	return container_of(member, struct reuse_tracked, member);
}

/**
 * enum scan_step - how a scan of a bucket goes on after a record
 * @SCAN_NEXT: with the next record
 * @SCAN_CONNECTED: with the next record; this one is connected and may be put aside
 * @SCAN_DONE: not at all
 */
enum scan_step {
	SCAN_NEXT,
	SCAN_CONNECTED,
	SCAN_DONE,
};

typedef enum scan_step (*scan_fn_t)(const struct bucket_member *member, void *arg);

/**
 * struct bucket_seen - a member of a bucket, as it is shown to a packet
 * @key: key of the bucket
 * @sk: the socket
 * @bind_seq: reuse_tracked.bind_seq
 * @created: reuse_tracked.created
 */
struct bucket_seen {
	const struct bucket_key *key;
	struct sock *sk;
	u64 bind_seq;
	u64 created;
};

typedef enum scan_step (*seen_fn_t)(const struct bucket_seen *seen, void *arg);

/* bucket.c */
u32 reuse_bucket_hash(const struct net *net, u8 protocol, u16 port);

/* scan.c */
bool reuse_bucket_try_each(const struct bucket_key *key, bool only_devices,
			   unsigned int budget, seen_fn_t fn, void *arg);
bool reuse_bucket_try_only(const struct sock *sk, u16 port, unsigned int budget,
			   seen_fn_t fn, void *arg);
void reuse_bucket_each(const struct bucket_key *key, bool only_devices,
		       unsigned int budget, seen_fn_t fn, void *arg);
bool reuse_bucket_newest(const struct bucket_key *key, bool oldest_first,
			 unsigned int *budget, scan_fn_t fn, void *arg);

/**
 * enum track_age - the age given to a socket whose bind was not recorded
 * @TRACK_AS_OLDEST: bound before all sockets that are tracked
 * @TRACK_AS_NEWEST: bound after all of them
 */
enum track_age {
	TRACK_AS_OLDEST,
	TRACK_AS_NEWEST,
};

/* record.c */
bool reuse_track_is_sole(const struct sock *sk, unsigned short port);
int reuse_track_setup(void);
void reuse_track_teardown(void);
bool reuse_track_maybe(const struct sock *sk);
void reuse_track_freed(const struct sock *sk);
void reuse_track_forget_net(const struct net *net);
void reuse_track_flush_timewait(void);
void reuse_track_flush_all(void);

/* events.c */
u64 reuse_track_bind_seq(const struct sock *sk, bool *accepted);
bool reuse_track_listens(const struct sock *sk);
void reuse_track_set_listens(const struct sock *sk, bool listens);
bool reuse_track_is_forced(const struct sock *sk);
void reuse_track_set_forced(const struct sock *sk);
void reuse_track_created(struct sock *sk);
void reuse_track_accepted(struct sock *child);
bool reuse_track_accepted_uid(const struct sock *sk, kuid_t *uid);
int reuse_track_reserve(void);
void reuse_track_bound(struct sock *sk);
int reuse_track_existing(struct sock *sk, enum track_age age);
void reuse_track_connecting(const struct sock *sk);
void reuse_track_moved(const struct sock *sk);
u64 reuse_track_created_seq(const struct sock *sk);
void reuse_track_to_device(const struct sock *sk);

/* timewait.c */
void reuse_track_timewait(struct sock *sk, struct sock *tw);
bool reuse_track_timewait_of(const struct sock *tw, kuid_t *uid, bool *accepted);

/* learn.c */
int reuse_track_learn(const struct net *net);

#endif
