/* SPDX-License-Identifier: GPL-2.0 */
/* In which order sockets were bound. */
#ifndef _REUSE_TRACK_H
#define _REUSE_TRACK_H

#include <linux/bits.h>
#include <linux/list.h>
#include <net/sock.h>

#include "bucket.h"

struct sem_profile;

/*
 * What is bound while sockets are tracked comes between these, and what was bound before
 * below the first. Never used up, whoever binds and switches: see events.c.
 */
#define SEQ_TRACKED_MIN	BIT_ULL(61)
#define SEQ_TRACKED_MAX	BIT_ULL(62)

/**
 * struct reuse_tracked - what is known of a socket in a namespace that emulates
 * @node: by socket
 * @link: in the bucket of @key
 * @sk: the socket
 * @net: its namespace
 * @key: where it was bound, NULL if it was not
 * @bind_seq: when bound, or an accepted one created; higher is newer
 * @created: when the socket was created, in the same numbers
 * @listens: listen() was decided and granted
 * @counted_last: counted in reuse_net.udp_added_last
 * @counted_connected: counted in reuse_net.udp_connected
 */
struct reuse_tracked {
	struct hlist_node node;
	struct list_head link;
	struct sock *sk;
	const struct net *net;
	const struct bucket_key *key;
	u64 bind_seq;
	u64 created;
	bool listens;
	bool counted_last;
	bool counted_connected;
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
int reuse_track_existing(struct sock *sk, bool before);
void reuse_track_connecting(const struct sock *sk);
void reuse_track_to_device(const struct sock *sk);

/* learn.c */
int reuse_track_learn(const struct net *net);

#endif
