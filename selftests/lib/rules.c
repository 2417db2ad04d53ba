// SPDX-License-Identifier: GPL-2.0
/* Sockets made and bound as they are described to rules_admit(), see bind/admit.c. */
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rules.h"
#include "sock.h"

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
