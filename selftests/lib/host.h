/* SPDX-License-Identifier: GPL-2.0 */
/* A host of its own for programs that play recorded answers, and the sockets on it. */
#ifndef REUSE_HOST_H
#define REUSE_HOST_H

#include <stdbool.h>
#include <sys/types.h>

/* Exit statuses of a program that plays recorded answers */
#define EXIT_WRONG	1
#define EXIT_USAGE	2
#define EXIT_SKIP	4

/* As many as a sequence may have */
#define MAX_SOCKS	256

/**
 * struct host_sock - a socket that plays a part
 * @fd: the socket, or -1
 * @peer: other end of its connection, or -1
 * @uid: the user that made it
 * @udp: UDP, otherwise TCP
 * @listening: listen() succeeded
 */
struct host_sock {
	int fd;
	int peer;
	uid_t uid;
	bool udp;
	bool listening;
};

void host_new(const char *semantics);
int host_port(void);
const char *host_error(int error);
void host_open(struct host_sock *s, const char *proto, int family, uid_t uid, bool v6only);
int host_flag(const struct host_sock *s, const char *flag, bool on);
int host_v6only(const struct host_sock *s, bool on);
int host_bind(const struct host_sock *s, const char *host, int port);
int host_listen(struct host_sock *s);
void host_close(struct host_sock *s);
int host_connect(const char *host, int port, int *error);
void host_accept(struct host_sock *child, const struct host_sock *listener, int client);
int host_timewait_far(const struct host_sock *listener, const char *host, int at);
void host_timewait(struct host_sock *s);
int host_connect_out(struct host_sock *s, const char *host);
int host_join(const struct host_sock *s, const char *group);
int host_leave(const struct host_sock *s, const char *group);
void host_to_groups(int fd, int family);
void host_on_device(const char *name);
int host_send(const char *host, int port, unsigned int token);
int host_received(const struct host_sock *s, unsigned int token);
void host_arrived(void);
int host_ready(const struct host_sock *socks, int n, bool udp, bool all, int *who);

#endif
