/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stress run: processes that make random calls to sockets, /proc/net/reuse and
 * net.reuse in a few network namespaces at a time. One seed decides all calls.
 */
#ifndef REUSE_STRESS_H
#define REUSE_STRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "rules.h"

#define SPACES		4	/* network namespaces: native, pre39, a BSD, one that is switched */
#define WORKERS		3	/* of each */
#define POOL		12	/* sockets of a worker at most */

/* Ports: two of each sort. Linux does not choose them */
#define LANE_PORT	30000
#define LANES		6

enum lane_sort {
	PLAIN,	/* no socket has an option */
	MIXED,	/* options are set before bind() and stay */
	WILD,	/* options change, sockets connect, disconnect, go to another device */
};

#define LANE_SORT(lane)	((enum lane_sort)((lane) / 2))

/* Address of a socket (7), and its owner and options (4) */
#define ADDRESSES	7
#define KINDS		(4 * ADDRESSES)

/**
 * struct space - a network namespace
 * @netns: of it
 * @semantics: it has always
 * @fixed: it has @semantics; otherwise they change
 */
struct space {
	int netns;
	enum semantics semantics;
	bool fixed;
};

/**
 * struct held - a socket as its owner knows it
 * @name: its address, as the file spells it; "" for none
 * @dev: its device, "-" for none
 * @v6only: "0", "1" or "-"
 * @udp: UDP, otherwise TCP
 * @col: LISTEN, BOUND or CONNECTED
 * @reuseaddr: it has the option
 * @reuseport: it has the option
 */
struct held {
	char name[64];
	char dev[16];
	char v6only[2];
	bool udp;
	int col;
	int reuseaddr;
	int reuseport;
};

/* Counted events */
enum deed {
	BINDS, REFUSALS, LISTENS, ACCEPTS, CONNECTS, FLIPS, FORKS,
	READS, PIECES, QUESTIONS, MISSING, WRITES, LOGS, SWITCHES, NAMESPACES, DEEDS
};

/**
 * struct stress - the memory that all processes share
 * @seed: of all that is decided
 * @pause: mean time between two calls of a process, in us; 0: all CPUs are busy
 * @unloads: the module may be missing
 * @over: all processes are to end
 * @rest: workers are to rest
 * @asked: each new number asks the workers to tell what they hold
 * @resting: how many have told
 * @space: the namespaces
 * @holds: how many hold a port, by what they were bound as
 * @listens: how many listen
 * @held: the sockets that the workers told of
 * @done: how often each event happened
 */
struct stress {
	uint64_t seed;
	unsigned int pause;
	bool unloads;
	bool over;
	bool rest;
	unsigned int asked;
	unsigned int resting;
	struct space space[SPACES];
	unsigned int holds[SPACES][2][LANES][KINDS];
	unsigned int listens[SPACES][2][LANES][KINDS];
	struct held held[SPACES][WORKERS][POOL];
	unsigned long done[DEEDS];
};

/**
 * struct post - the place of one process in a stress run
 * @space: the namespace that it is in
 * @nr: its number among the processes of its sort there
 * @rng: state of its random numbers
 */
struct post {
	int space;
	int nr;
	uint64_t rng;
};

extern struct stress *stress;

static inline void stress_did(enum deed deed)
{
	__atomic_add_fetch(&stress->done[deed], 1, __ATOMIC_RELAXED);
}

static inline bool stress_over(void)
{
	return __atomic_load_n(&stress->over, __ATOMIC_ACQUIRE);
}

uint64_t stress_draw(uint64_t *state);

static inline unsigned int stress_take(uint64_t *drawn, unsigned int n)
{
	unsigned int taken = *drawn % n;

	*drawn /= n;
	return taken;
}

/* stress_common.c */
void stress_begin(void);
void stress_new_netns(void);
void stress_enter(int space);
void stress_spawn(void (*fn)(struct post *post), int space, int nr);
void stress_spawn_workers(void);
void stress_pause(struct post *post, unsigned int steps);
int stress_end(void);
const char *stress_left(void);
const char *stress_summary(void);

/* stress_work.c */
void stress_work_begin(void);
void stress_work(struct post *post);
void stress_found(struct post *post);

/* stress_read.c */
void stress_read(struct post *post);
void stress_write(struct post *post);
void stress_switch(struct post *post);
void stress_log(struct post *post);

#endif
