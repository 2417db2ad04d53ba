// SPDX-License-Identifier: GPL-2.0
/*
 * Calls each function that the module intercepts, and looks whether the call is answered as
 * the semantics say. OpenBSD's need all functions but those behind SO_REUSEPORT, which are
 * pre39's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "calls.h"
#include "env.h"
#include "events.h"
#include "module.h"
#include "sock.h"

#define ALICE		1000
#define CLIENTS		8

/* For each family an address, the wildcard beside it, and the address with other ports */
static const struct host {
	const char *one;
	const char *any;
	const char *client;
	const char *low;
} hosts[] = {
	{ "127.0.0.1" AT_PORT, "0.0.0.0" AT_PORT, "127.0.0.1:30001", "127.0.0.1:600" },
	{ "[::1]" AT_PORT, "[::]" AT_PORT, "[::1]:30001", "[::1]:600" },
};

static int bind_by(const char *proto, const char *address, unsigned int flags)
{
	int fd = sock_open(proto, sock_family(address), flags);
	int err = sock_try_bind(fd, address);

	close(fd);
	return err;
}

/*
 * inet_csk_get_port(), udp_v4_get_port() or udp_v6_get_port() is replaced, and asks
 * inet_rcv_saddr_equal(): only a BSD lets a socket with SO_REUSEADDR beside a wildcard without
 */
static bool shares(const struct host *host, const char *proto)
{
	int any = sock_bind(proto, host->any, 0);
	int err = bind_by(proto, host->one, S_REUSEADDR);

	close(any);
	return !err;
}

/* __inet_bind() or __inet6_bind() is replaced: that the port is in use comes first */
static bool says_in_use(const struct host *host)
{
	int fd = sock_bind("tcp", host->low, 0), err;

	if (seteuid(ALICE))
		die("seteuid");
	err = bind_by("tcp", host->low, 0);
	if (seteuid(0))
		die("seteuid");
	close(fd);
	return err == EADDRINUSE;
}

/*
 * tcp_v4_connect() or tcp_v6_connect() is replaced: the second connection with the same two
 * ends fails with another error than Linux has. The first one ends in TIME_WAIT, and a third
 * takes its place.
 */
static bool connects(const struct host *host)
{
	int listener = sock_bind("tcp", host->one, S_LISTEN), fds[2], i, err;

	for (i = 0; i < 2; i++)
		fds[i] = sock_bind("tcp", host->client, RP);
	sock_connect(fds[0], host->one);
	err = sock_try_connect(fds[1], host->one);
	close(fds[1]);
	sock_close_pair(sock_accept(listener), fds[0]);

	fds[0] = sock_bind("tcp", host->client, RP);
	sock_connect(fds[0], host->one);
	sock_abort(fds[0]);
	close(listener);
	return err == EADDRINUSE;
}

/* __inet_lookup_listener() or inet6_lookup_listener() is replaced: one listener gets all */
static bool gathers(const struct host *host)
{
	struct pollfd p[2];
	int clients[CLIENTS], i, n;

	for (i = 0; i < 2; i++)
		p[i] = (struct pollfd){ sock_bind("tcp", host->one, RP | S_LISTEN), POLLIN, 0 };
	for (i = 0; i < CLIENTS; i++) {
		clients[i] = sock_open("tcp", sock_family(host->one), 0);
		sock_connect(clients[i], host->one);
	}
	n = poll(p, 2, 10000);
	for (i = 0; i < CLIENTS; i++)
		sock_abort(clients[i]);
	close(p[0].fd);
	close(p[1].fd);
	return n == 1;
}

/*
 * __ip4_datagram_connect() or __ip6_datagram_connect() is replaced: a socket that was connected
 * is the newest afterwards, and receives instead of another
 */
static bool becomes_newest(const struct host *host)
{
	int from = sock_open("udp", sock_family(host->one), 0), i;
	struct pollfd p[2];

	for (i = 0; i < 2; i++)
		p[i] = (struct pollfd){ sock_bind("udp", host->one, RP), POLLIN, 0 };
	sock_connect(p[0].fd, host->client);
	sock_disconnect(p[0].fd);
	sock_connect(from, host->one);
	if (send(from, "", 1, 0) != 1 || poll(p, 2, 10000) != 1)
		die("no socket receives, or two do");
	close(from);
	close(p[0].fd);
	close(p[1].fd);
	return p[0].revents;
}

/* An observer of udpv6_init_sock() or tcp_v6_init_sock(), and ipv6_setsockopt(), see the call */
static bool separates_families(const char *proto)
{
	int fd = sock_open(proto, AF_INET6, 0), no = 0, only;

	only = sock_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	errno = 0;
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
	close(fd);
	return only == 1 && errno == EINVAL;
}

/* An argument of the call for a socket option is changed */
static bool hides_reuseport(void)
{
	int fd = sock_open("tcp", AF_INET, 0), one = 1, err;
	socklen_t len = sizeof(one);

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, len);
	err = errno;
	getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, &len);
	close(fd);
	return err == ENOPROTOOPT && errno == ENOPROTOOPT;
}

/* An observer of __inet_bind() sees what the kernel refuses by itself; not on PREEMPT_RT */
static bool logs(void)
{
	bool logged;

	events_begin("refused");
	bind_by("tcp", "192.0.2.1" AT_PORT, 0);
	logged = kernel_is_realtime() || !events_expect("rule=not-local");
	events_begin("off");
	return logged;
}

/* The first that is wrong */
static const char *wrong_of(const struct host *host)
{
	if (!shares(host, "tcp"))
		return text("bind() of TCP to %s", host->one);
	if (!shares(host, "udp"))
		return text("bind() of UDP to %s", host->one);
	if (!says_in_use(host))
		return text("bind() to a low port beside %s", host->one);
	if (!connects(host))
		return text("connect() of TCP to %s", host->one);
	if (!gathers(host))
		return text("SYN to %s", host->one);
	if (!becomes_newest(host))
		return text("connect() of UDP to %s", host->one);
	return NULL;
}

/**
 * calls_wrong() - call each function that the module intercepts
 *
 * The namespace comes to have OpenBSD's semantics, and lo must be up.
 *
 * Return: NULL if each call is answered as the semantics say, or one that is not.
 */
const char *calls_wrong(void)
{
	const char *wrong = NULL;
	size_t i;

	semantics_set(PRE39);
	if (!hides_reuseport())
		return "SO_REUSEPORT";
	semantics_set(OPENBSD);
	for (i = 0; i < sizeof(hosts) / sizeof(*hosts) && !wrong; i++)
		wrong = wrong_of(&hosts[i]);
	if (wrong)
		return wrong;
	if (!separates_families("tcp") || !separates_families("udp"))
		return "IPV6_V6ONLY";
	return logs() ? NULL : "the log";
}
