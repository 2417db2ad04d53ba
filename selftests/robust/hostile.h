/* SPDX-License-Identifier: GPL-2.0 */
/* The user without rights of hostile and crowd. */
#ifndef REUSE_HOSTILE_H
#define REUSE_HOSTILE_H

#include <sys/types.h>

#include "rules.h"

#define HOSTILE		1000	/* its uid */
#define HOSTILE_PORTS	30000	/* that the user holds */
#define HOSTILE_CROWD	4000	/* with as many sockets */

/**
 * struct hostile_charge - memory that is charged to a user
 * @objects: bytes of objects
 * @all: bytes
 */
struct hostile_charge {
	long long objects;
	long long all;
};

void own_namespaces(void);
pid_t hostile_fork(void);
bool hostile_may_make_netns(void);
long long hostile_time_namespace(void);
void hostile_search(long long *native, long long *bsd, long long *switched);
void hostile_addresses(const char *proto);
void hostile_connections(const char *proto);
void hostile_places(const char *proto);
void hostile_binds(const char *proto, enum semantics semantics, uid_t uid,
		   void (*crowd)(const char *proto), int ready);
int status_of(pid_t pid);
int hostile_switch_under_signals(enum semantics semantics);
int hostile_bind_as(uid_t uid, int port);
void hostile_flood(const char *level, long long us);
struct hostile_charge hostile_charge(const char *group, void (*take)(const void *arg),
				     const void *arg);

#endif
