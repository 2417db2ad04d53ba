/* SPDX-License-Identifier: GPL-2.0 */
/* The records that deliver_storm keeps of sockets and packets, and its judge. */
#ifndef REUSE_STORM_JUDGE_H
#define REUSE_STORM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules.h"

/* Time is what has happened so far: one counter for all threads */
#define NEVER	UINT64_MAX

/* Where a socket is bound: 127.0.0.1, 0.0.0.0, ::1, :: alone and :: with IPv4 */
enum kind { ONE4, ANY4, ONE6, ANY6, DUAL, KINDS };

enum way { UDP, TCP, WAYS };

/* How equals are told apart where that is up to an option: SO_REUSEPORT or SO_REUSEADDR */
enum port { PORT_RP, PORT_RA, PORTS };

/**
 * struct storm_sock - the life of a socket
 * @kind: its address
 * @first: its first life: a UDP socket that gets a remote end ends a life, and begins another
 *	when it has lost that
 * @bind: when bind() was called, and when it had returned
 * @order: what counts when its age is compared: @bind, of this life or the first
 * @listen: the same of listen(); NEVER if it was not or failed
 * @close: the same of close()
 * @moved: it did not end by close()
 * @gone: when this and all that were bound before were closed
 */
struct storm_sock {
	enum kind kind;
	const struct storm_sock *first;
	uint64_t bind[2];
	uint64_t order[2];
	uint64_t listen[2];
	uint64_t close[2];
	bool moved;
	uint64_t gone;
};

/* The fate of a packet */
enum fate { GOT, REFUSED, SILENT, LOST, FATES };

/**
 * struct storm_packet - a datagram, or a connection
 * @v6: sent to ::1, otherwise to 127.0.0.1
 * @sent: just before it was sent
 * @known: when its fate was known
 * @fate: its fate; SILENT: a SYN without an answer; LOST: a connection that was reset, a
 *	datagram without an answer
 * @by: the socket that got it
 */
struct storm_packet {
	bool v6;
	uint64_t sent;
	uint64_t known;
	enum fate fate;
	const struct storm_sock *by;
};

/**
 * struct storm_rules - the rules of a port
 * @semantics: of the namespace
 * @way: UDP or TCP
 * @port: which
 */
struct storm_rules {
	enum semantics semantics;
	enum way way;
	enum port port;
};

/* Does a SYN for a socket that does not listen get no answer? */
static inline bool storm_is_silent(enum semantics semantics)
{
	return semantics == OPENBSD || semantics == NETBSD || semantics == DARWIN;
}

/* Is a UDP socket that was connected the newest one? */
static inline bool storm_moves(enum semantics semantics)
{
	return semantics == OPENBSD || semantics == DARWIN;
}

void storm_sort(struct storm_sock **socks, size_t n);
const char *storm_judge(const struct storm_rules *rules, struct storm_sock *const *socks,
			size_t n, const struct storm_packet *packet);
const char *storm_describe(struct storm_sock *const *socks, size_t n,
			   const struct storm_packet *packet);

#endif
