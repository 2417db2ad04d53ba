/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of conform share: see conform.c. */
#ifndef REUSE_CONFORM_H
#define REUSE_CONFORM_H

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#define EXIT_WRONG	1
#define EXIT_USAGE	2
#define EXIT_SKIP	4

#define SEMANTICS_FILE	"/proc/sys/net/reuse/semantics"

/* Answers that can be compared */
#define ANSWER_BIND	0x01
#define ANSWER_LISTEN	0x02
#define ANSWER_DELIVER	0x04	/* probe, estab, mcast */
#define ANSWER_REST	0x08
#define ANSWER_ALL	0x0f

/* As many as a sequence may have */
#define MAX_SOCKS	256

/**
 * struct csock - a socket that plays a part
 * @fd: the socket, or -1
 * @peer: other end of its connection, or -1
 * @uid: who made it
 * @udp: UDP, otherwise TCP
 * @listening: listen() succeeded
 */
struct csock {
	int fd;
	int peer;
	uid_t uid;
	bool udp;
	bool listening;
};

/**
 * struct record - a file of recorded answers, and how this kernel did so far
 * @path: the file
 * @name: without its directory
 * @line: number of the line that was read last
 * @only: ANSWER_* that are compared
 * @right: answers that are as recorded
 * @all: answers compared
 * @skipped: answers that could not be asked for
 */
struct record {
	const char *path;
	const char *name;
	unsigned int line;
	unsigned int only;
	unsigned long right;
	unsigned long all;
	unsigned long skipped;
};

/* conform.c */
FILE *record_open(const char *path);
char *record_line(struct record *rec, FILE *f, char *line, size_t size);
__printf(2, 3) __noreturn void record_bad(const struct record *rec, const char *fmt, ...);
void record_compare(struct record *rec, const char *what, const char *have, const char *want);

/* conform_rows.c */
void conform_rows(struct record *rec);

/* conform_seq.c */
void conform_seq(struct record *rec);

/* lib/host.c */
void net_new(const char *semantics);
int net_port(void);
const char *net_error(int error);
void net_open(struct csock *s, const char *proto, int family, uid_t uid, bool v6only);
int net_flag(const struct csock *s, const char *flag, bool on);
int net_bind(const struct csock *s, const char *host, int port);
int net_listen(struct csock *s);
void net_close(struct csock *s);
int net_connect(const char *host, int port, int *error);
void net_accept(struct csock *child, const struct csock *listener, int client);
void net_timewait(struct csock *s);
int net_connect_out(struct csock *s, const char *host);
int net_join(const struct csock *s, const char *group);
int net_leave(const struct csock *s, const char *group);
void net_to_groups(int fd, int family);
void net_on_device(const char *name);
int net_send(const char *host, int port, unsigned int token);
int net_received(const struct csock *s, unsigned int token);
void net_arrived(void);
int net_ready(const struct csock *socks, int n, bool udp, bool all, int *who);

#endif
