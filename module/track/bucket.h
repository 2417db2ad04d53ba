/* SPDX-License-Identifier: GPL-2.0 */
/* Which sockets share an address and port. */
#ifndef _REUSE_BUCKET_H
#define _REUSE_BUCKET_H

#include <linux/types.h>

struct net;
struct reuse_tracked;

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

typedef enum scan_step (*scan_fn_t)(const struct reuse_tracked *tracked,
				    void *arg);

int reuse_bucket_setup(void);
void reuse_bucket_teardown(void);
bool reuse_bucket_reserve(void);
bool reuse_bucket_join(struct reuse_tracked *tracked, const struct bucket_key *key,
		       bool last);
void reuse_bucket_set_has_devices(const struct reuse_tracked *tracked);
void reuse_bucket_leave(struct reuse_tracked *tracked);
void reuse_bucket_each(const struct bucket_key *key, unsigned int budget,
		       scan_fn_t fn, void *arg);
bool reuse_bucket_newest(const struct bucket_key *key, bool oldest_first,
			 unsigned int *budget, scan_fn_t fn, void *arg);

#endif
