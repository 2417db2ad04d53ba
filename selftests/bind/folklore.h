/* SPDX-License-Identifier: GPL-2.0 */
/* Words to ask which sockets may share a port, in the order a claim needs them: see folklore.c. */
#ifndef REUSE_FOLKLORE_H
#define REUSE_FOLKLORE_H

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/utsname.h>

#include "variants.h"

#define LISTEN	S_LISTEN

#define OK	0
#define NO	EADDRINUSE
/* Port 0, and no port is left */
#define NONE	none_left(variant->semantics)
/* It depends on what the bucket has cached, and that on the kernel's version */
#define EITHER	(-1)

#define ROOT	0
#define ALICE	1000
#define BOB	2000

/* Addresses of the family; DUAL and MAPPED are IPv6 sockets that take part in IPv4 */
enum where { ANY, ONE, TWO, GROUP, DUAL, ANY6, MAPPED, PLACES };

static const char * const ipv4[PLACES] = {
	"0.0.0.0", "127.0.0.1", "127.0.0.2", "239.1.1.1", "[::]", "[::]", "[::ffff:127.0.0.1]",
};

static const char * const ipv6[PLACES] = { "[::]", "[::1]", "[fd00::2]", "[ff05::1:3]" };

static const char * const *place;
static const char *proto;
static int port = 4000;

#define SAYS(native, pre39, bsd, question) do { \
	const int want[] = { native, pre39, bsd }; \
	int must = want[variant->semantics < BSD ? variant->semantics : BSD]; \
	int answer = (question); \
	if (must != EITHER) \
		EXPECT_EQ(must, answer) \
			TH_LOG("%s %s: %s", variant->semantics, proto, #question); \
} while (0)

/* Answers that depend on the family */
#define BY_FAMILY(v4, v6)	(place == ipv6 ? (v6) : (v4))

#define for_tcp_and_udp \
	for (proto = "tcp"; proto; proto = *proto == 't' ? other_port(), "udp" : NULL)

/* Until Linux 6.0 bind() passes no errno on but one */
static inline int none_left(enum semantics semantics)
{
	bool again = semantics == NETBSD || (semantics == DARWIN && place == ipv6);
	struct utsname kernel;

	uname(&kernel);
	return atoi(kernel.release) < 6 ? EADDRINUSE : again ? EAGAIN : EADDRNOTAVAIL;
}

/* Forgets all that was before. NetBSD has other rules for multiples of 128. */
static inline void other_port(void)
{
	port += port % 128 == 127 ? 2 : 1;
}

static inline const char *address(enum where where)
{
	return text("%s:%d", place[where], port);
}

/* An option that the system does not have is not set */
static inline void set(int fd, int option, int value)
{
	if (setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)) && errno != ENOPROTOOPT)
		die("setsockopt");
}

static inline int new_socket(unsigned int options, enum where where)
{
	unsigned int only = where != DUAL && where != MAPPED ? S_V6ONLY : 0;
	int fd = sock_open(proto, sock_family(place[where]), (options & ~RP) | only);

	if (options & RP)
		set(fd, SO_REUSEPORT, 1);
	return fd;
}

static inline int take(int fd, unsigned int options, const char *address)
{
	int err = sock_try_bind(fd, address);

	if (!err && options & LISTEN && *proto == 't')
		err = listen(fd, 5) ? errno : 0;
	return err;
}

/* A socket that is there: of TCP a listener, if it is to listen */
static inline int there_is(unsigned int options, enum where where)
{
	int fd = new_socket(options, where);

	errno = take(fd, options, address(where));
	if (errno)
		die("cannot have %s", address(where));
	return fd;
}

/* Could another one join? 0, or the errno of bind() or listen() */
static inline int may(unsigned int options, enum where where)
{
	int fd = new_socket(options, where), err = take(fd, options, address(where));

	close(fd);
	return err;
}

/* The same with port 0, where there is but one port to be had */
static inline int may_with_port_0(unsigned int options, enum where where)
{
	int fd = new_socket(options, where), err = take(fd, options, text("%s:0", place[where]));

	if (!err && strcmp(sock_name(fd), address(where)))
		die("got %s", sock_name(fd));
	close(fd);
	return err;
}

static inline int may_listen(int fd)
{
	return listen(fd, 5) ? errno : 0;
}

/* The owner of the sockets that are made from now on */
static inline void now_comes(uid_t uid)
{
	setfsuid(uid);
}

enum leftover { ESTABLISHED, TIME_WAIT, ABORTED };

/* A server served one client on ONE, and closed its end of it last or first */
static inline int served(unsigned int options, enum where where, enum leftover left)
{
	int listener = there_is(options | LISTEN, where);
	struct pair p;

	sock_pair(&p, listener, address(ONE));
	if (left == ABORTED)
		sock_abort(p.server);
	if (left != TIME_WAIT)
		return listener;
	shutdown(p.server, SHUT_WR);
	sock_wait_state(p.client, TCP_CLOSE_WAIT);
	close(p.client);
	close(p.server);
	return listener;
}

/* The same, and then it stopped */
static inline void was_there(unsigned int options, enum where where, enum leftover left)
{
	close(served(options, where, left));
}

static void __attribute__((constructor)) hooked(void)
{
	stay_hooked();
}

/* Where all of this happens: a namespace of its own, with those semantics */
static inline void world(const char *semantics, const char * const *addresses)
{
	new_netns();
	write_file(SEMANTICS, "%s", semantics);
	place = addresses;
	proto = "tcp";
	now_comes(ALICE);
}

#endif
