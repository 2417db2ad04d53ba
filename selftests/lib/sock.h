/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets in every state there is, made from addresses as the file spells them. */
#ifndef REUSE_SOCK_H
#define REUSE_SOCK_H

#include <stdbool.h>
#include <sys/socket.h>

#define S_REUSEADDR	0x01
#define S_REUSEPORT	0x02
#define S_V6ONLY	0x04
#define S_LISTEN	0x08
#define S_NONBLOCK	0x10

/* A port that Linux does not choose by itself, for a test that needs one */
#define PORT		30000
#define AT_PORT		":30000"

#define RA		S_REUSEADDR
#define RP		S_REUSEPORT

/**
 * struct family - a way for two to talk to each other over lo
 * @listen: the address of the listener
 * @connect: the address that the client connects to
 * @child: local address of what is accepted
 * @client: an address for the other to bind to
 * @only: " v6only=1" if rows of @listen and @child have that, or ""; bind()
 *	sets it for an address that is IPv6's alone
 * @flags: S_V6ONLY if it is to be asked for
 */
struct family {
	const char *listen;
	const char *connect;
	const char *child;
	const char *client;
	const char *only;
	unsigned int flags;
};

enum { V4, V4_ANY, V6, V6_MAPPED, V6_DUAL_FROM4, V6_DUAL_FROM6, V6_ONLY, FAMILIES };
extern const struct family families[FAMILIES];

/**
 * struct pair - both ends of a connection
 * @client: the socket that called connect()
 * @server: the accepted socket
 */
struct pair {
	int client;
	int server;
};

socklen_t sock_addr(const char *address, struct sockaddr_storage *ss);
const char *sock_name(int fd);
const char *sock_row(int fd);
int sock_family(const char *address);
bool sock_has(const char *proto);
const char *sock_rows(const struct family *f, const char *listen, const char *child);
int sock_open(const char *proto, int family, unsigned int flags);
int sock_bind(const char *proto, const char *address, unsigned int flags);
int sock_bind_dev(const char *proto, const char *address, unsigned int flags, const char *dev);
int sock_try_bind(int fd, const char *address);
int sock_try_connect(int fd, const char *address);
void sock_connect(int fd, const char *address);
int sock_accept(int listener);
void sock_pair(struct pair *pair, int listener, const char *address);
void sock_set(int fd, int level, int name, int value);
int sock_option(int fd, int level, int name);
void sock_dev(int fd, const char *dev);
void sock_abort(int fd);
void sock_close_pair(int first, int second);
void sock_deaf(int fd, bool deaf);
void sock_disconnect(int fd);
void sock_fence(int fd);
bool sock_syn_answered(int fd, const char *address, int fence);
unsigned long inode_of(int fd);
int sock_state(int fd);
void sock_wait_state(int fd, int state);

#endif
