// SPDX-License-Identifier: GPL-2.0
/* Decides binds by the rules of each semantics, not by the code of their profiles. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env.h"
#include "module.h"
#include "rules.h"
#include "sock.h"

const char * const semantics_name[] = {
	"native", "pre39", "bsd", "freebsd15", "openbsd", "netbsd", "darwin",
};

const char * const semantics_functions[] = {
	"inet_csk_get_port", "udp_v4_get_port", "udp_v6_get_port", "inet_rcv_saddr_equal",
	"__inet_inherit_port", "inet_sock_destruct", "udp_init_sock", "udpv6_init_sock",
	"__ip4_datagram_connect", "__ip6_datagram_connect", "tcp_v4_connect", "tcp_v6_connect",
	"__inet_lookup_listener", "inet6_lookup_listener",
	"sk_setsockopt", "sk_getsockopt", "sock_setsockopt", "sock_getsockopt",
	NULL
};

/* The address of a socket in IPv4 (0) and IPv6 (1), "" for none */
struct view {
	char addr[2][48];
};

static void view_of(const struct rules_sock *s, struct view *v)
{
	memset(v, 0, sizeof(*v));
	if (*s->addr != '[') {
		strcpy(v->addr[0], s->addr);
	} else if (sscanf(s->addr, "[::ffff:%47[0-9.]]", v->addr[0]) != 1) {
		if (sscanf(s->addr, "[%47[0-9a-f:]]", v->addr[1]) != 1)
			die("no address: %s", s->addr);
		if (!strcmp(v->addr[1], "::") && !(s->flags & S_V6ONLY))
			strcpy(v->addr[0], "0.0.0.0");
	}
}

static bool any(const char *addr)
{
	return !strcmp(addr, "0.0.0.0") || !strcmp(addr, "::");
}

/* Old and new Linux: the two have an address in common */
static bool overlap(const struct rules_sock *a, const struct rules_sock *b)
{
	struct view va, vb;
	int f;

	view_of(a, &va);
	view_of(b, &vb);
	for (f = 0; f < 2; f++) {
		if (*va.addr[f] && *vb.addr[f] &&
		    (any(va.addr[f]) || any(vb.addr[f]) || !strcmp(va.addr[f], vb.addr[f])))
			return true;
	}
	return false;
}

static bool linux_admits(bool reuseport, const struct rules_sock *sk,
			 const struct rules_sock *const *owners, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		unsigned int both = sk->flags & owners[i]->flags;

		if (!overlap(sk, owners[i]))
			continue;
		if (both & S_REUSEADDR && !(owners[i]->flags & S_LISTEN))
			continue;
		if (reuseport && both & S_REUSEPORT && sk->uid == owners[i]->uid)
			continue;
		return false;
	}
	return true;
}

/* FreeBSD looks at one socket: the newest on that address, or the best */
static const struct rules_sock *bsd_find(int f, const char *addr, bool exact,
					 const struct rules_sock *const *owners, int n)
{
	const struct rules_sock *best = NULL;
	int cost, best_cost = 0;
	struct view v;

	while (n--) {
		view_of(owners[n], &v);
		if (!*v.addr[f])
			continue;
		cost = strcmp(v.addr[f], addr) ? 1 : 0;
		if (cost && (exact || (!any(addr) && !any(v.addr[f]))))
			continue;
		if (f == 0 && *v.addr[1])
			cost += exact ? 0 : 3;
		if (best && cost >= best_cost)
			continue;
		best = owners[n];
		best_cost = cost;
	}
	return best;
}

static bool bsd_admits_on(const struct rules_sock *sk, int f, const char *addr, bool dual,
			  const struct rules_sock *const *owners, int n)
{
	bool exact = sk->flags & (S_REUSEADDR | S_REUSEPORT);
	const struct rules_sock *t = bsd_find(f, addr, false, owners, n);
	struct view v;

	if (t && sk->uid && t->uid != sk->uid)
		return false;
	t = bsd_find(f, addr, exact, owners, n);
	if (!t || sk->flags & t->flags & S_REUSEPORT)
		return true;
	view_of(t, &v);
	/* :: does not mind 0.0.0.0 */
	return dual && any(v.addr[0]) && *t->addr != '[';
}

static bool bsd_admits(const struct rules_sock *sk, const struct rules_sock *const *owners, int n)
{
	struct view v;

	view_of(sk, &v);
	if (*v.addr[1] && !bsd_admits_on(sk, 1, v.addr[1], false, owners, n))
		return false;
	return !*v.addr[0] || bsd_admits_on(sk, 0, v.addr[0], *v.addr[1], owners, n);
}

/**
 * rules_admit() - may a socket be bound?
 * @semantics: whose rules count
 * @sk: the socket, which does not listen
 * @owners: the sockets bound to the port, in the order of bind()
 * @n: how many
 *
 * Return: whether it may.
 */
bool rules_admit(enum semantics semantics, const struct rules_sock *sk,
		 const struct rules_sock *const *owners, int n)
{
	if (semantics == BSD)
		return bsd_admits(sk, owners, n);
	return linux_admits(semantics == NATIVE, sk, owners, n);
}

/**
 * rules_open() - make a socket of the user and with the options that are described
 * @proto: tcp, udp, ...
 * @s: the description; of S_REUSEPORT where there is no such option nothing is
 *	left
 *
 * Return: the socket.
 */
int rules_open(const char *proto, const struct rules_sock *s)
{
	int fd, one = 1;

	if (s->uid)
		syscall(SYS_setfsuid, s->uid);
	fd = sock_open(proto, sock_family(s->addr), s->flags & (S_REUSEADDR | S_V6ONLY));
	if (s->uid)
		syscall(SYS_setfsuid, 0);
	if (s->flags & S_REUSEPORT)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	return fd;
}

/**
 * rules_bind() - bind a socket as it is described
 * @fd: the socket
 * @s: the description
 * @port: the port
 *
 * Return: 0, or the errno.
 */
int rules_bind(int fd, const struct rules_sock *s, int port)
{
	char address[64];

	snprintf(address, sizeof(address), "%s:%d", s->addr, port);
	return sock_try_bind(fd, address);
}

/**
 * semantics_try() - switch the network namespace, which may be refused
 * @semantics: to these
 *
 * Return: 0 or an errno.
 */
int semantics_try(enum semantics semantics)
{
	const char *word = semantics_name[semantics];
	int fd = open(SEMANTICS, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, word, strlen(word)) != (ssize_t)strlen(word))
		err = errno;
	close(fd);
	return err;
}

/**
 * semantics_set() - switch the network namespace
 * @semantics: to these
 */
void semantics_set(enum semantics semantics)
{
	errno = semantics_try(semantics);
	if (errno)
		die("cannot switch to %s", semantics_name[semantics]);
}

/**
 * semantics_is() - does net.reuse.semantics of this namespace say so?
 * @semantics: the expected ones
 *
 * Return: true if so.
 */
bool semantics_is(enum semantics semantics)
{
	char *now = slurp(SEMANTICS);
	bool is = !strcmp(now, text("%s\n", semantics_name[semantics]));

	free(now);
	return is;
}

/**
 * semantics_seen() - find out which semantics TCP sockets meet
 * @port: a free one
 *
 * Return: the semantics in force.
 */
enum semantics semantics_seen(int port)
{
	static const struct rules_sock first = { "0.0.0.0", 0, 0 }, second = { "[::]", 0, 0 };
	int a = rules_open("tcp", &first), b = rules_open("tcp", &second), one = 1;
	enum semantics semantics = NATIVE;

	errno = rules_bind(a, &first, port);
	if (errno)
		die("bind");
	if (!rules_bind(b, &second, port))
		semantics = BSD;
	else if (setsockopt(b, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		semantics = PRE39;
	close(a);
	close(b);
	return semantics;
}
