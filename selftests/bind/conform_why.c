// SPDX-License-Identifier: GPL-2.0
/* Asks /proc/net/reuse_why beforehand about a bind() that conform makes. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "conform.h"
#include "why.h"

/**
 * conform_ask() - ask what a bind would say
 * @as: semantics, or NULL for those in force
 * @s: the socket: its protocol and user count
 * @host: address
 * @port: port
 * @flags: RA, RP: options
 * @v6only: IPV6_V6ONLY
 * @listens: listen() follows
 *
 * Return: OK or the name of the errno, in static memory.
 */
const char *conform_ask(const char *as, const struct host_sock *s, const char *host, int port,
			const char *flags, bool v6only, bool listens)
{
	bool ipv6 = strchr(host, ':'), ra = strstr(flags, "RA"), rp = strstr(flags, "RP");
	static struct why why;
	const char *verdict;

	if (why_ask(&why, "proto=%s local_address=%s%s%s:%d uid=%d v6only=%d %s %s %s %s%s",
		    s->udp ? "udp" : "tcp", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port, s->uid,
		    v6only, ra ? "reuseaddr=1" : "", rp ? "reuseport=1" : "",
		    listens ? "listen=1" : "", as ? "semantics=" : "", as ?: ""))
		die("no answer for %s:%d", host, port);
	verdict = why_get(&why, "verdict");
	return strcmp(verdict, "ok") ? verdict : "OK";
}

/**
 * conform_ask_socket() - ask what a bind of a socket would say
 * @s: the socket
 * @host: address
 * @port: port
 *
 * Return: as conform_ask().
 */
const char *conform_ask_socket(const struct host_sock *s, const char *host, int port)
{
	int ra = 0, rp = 0, v6only = 0;
	socklen_t len = sizeof(int);

	getsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &ra, &len);
	getsockopt(s->fd, SOL_SOCKET, SO_REUSEPORT, &rp, &len);
	if (strchr(host, ':'))
		getsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len);
	return conform_ask(NULL, s, host, port, text("%s%s", ra ? "RA" : "", rp ? "RP" : ""),
			   v6only, false);
}
