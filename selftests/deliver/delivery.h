/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Words to make the situation of a recorded row and to ask which socket receives. A
 * socket is named by one character, as in the row; all are on one port.
 */
#ifndef REUSE_DELIVERY_H
#define REUSE_DELIVERY_H

#include <stdbool.h>

#include "env.h"
#include "host.h"
#include "module.h"
#include "sock.h"

#define V6ONLY	S_V6ONLY
#define LISTENS	S_LISTEN

#define ANY	"0.0.0.0"
#define ONE	"127.0.0.1"
#define TWO	"127.0.0.2"
#define ANY6	"::"
#define ONE6	"::1"
#define GROUP	"239.1.1.1"
#define GROUP6	"ff02::1234"

/* The interface that is not lo, 10.0.0.1/24 */
#define ETHER	"eth0"

/**
 * struct situation - how to play a row
 * @row: its id, or the first column and its number among those with the same,
 *	as of fnmatch()
 * @play: does it, and answers
 * @next: a list
 */
struct situation {
	const char *row;
	void (*play)(void);
	struct situation *next;
};

void situation_known(struct situation *situation);

/* ROW("D1") { ... } plays row D1 */
#define ROW(id)		ROW_AT(id, __LINE__)
#define ROW_AT(id, at)	ROW_ON(id, at)
#define ROW_ON(id, at) \
static void play_##at(void); \
static void __attribute__((constructor)) known_##at(void) \
{ \
	static struct situation situation = { id, play_##at, NULL }; \
	\
	situation_known(&situation); \
} \
static void play_##at(void)

/* The name of the row, and the answer to it */
const char *row_name(void);
void rows(const char *names);
__printf(1, 2) void answer(const char *fmt, ...);
void means(const char *answers);
void not_here(const char *why);
bool has_ether(void);

/* Answers which sockets get each of @n */
void connections(const char *host, int n);
void datagrams(const char *host, int n);
void datagrams_from(int from, const char *host, int n);

void delivery_start(const char *word);
void delivery_between(const char *string);

/* A host with nothing on it, a port of its own; without it a row goes on where the last ended */
void fresh(void);
void fresh_host(void);
bool ether(void);
void as(uid_t uid);
void through(const char *dev);

void tcp(const char *who, const char *host, unsigned int flags);
void udp(const char *who, const char *host, unsigned int flags);
void opens(const char *who, const char *proto, int family, unsigned int flags);
int binds(char who, const char *host);
int listens(char who);
void closes(const char *who);
void sets(const char *who, int option, bool on);
void joins(const char *who, const char *group);
void leaves(const char *who, const char *group);
struct host_sock *the(char who);
const char *at_port(const char *host);

const char *connection(const char *host);
const char *datagram(int from, const char *host);
const char *sends(int from, const char *host);
const char *received(void);
int sender(const char *host);

int connected(const char *host);
bool waits_at(char who);
int accepts(char who);
const char *heard(int fd);
int later(int fd);

#endif
