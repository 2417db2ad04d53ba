// SPDX-License-Identifier: GPL-2.0
/* Sockets by the ten thousand: numbers instead of text, errors end the test. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bulk.h"
#include "env.h"
#include "sock.h"

/**
 * bulk_less() - as much as can be done here
 * @n: on a usual kernel
 *
 * Return: @n, or a part of it on a slow one.
 */
int bulk_less(int n)
{
	return n / slowness();
}

/**
 * bulk_more() - as long as it has to take here for something to happen
 * @n: on a usual kernel
 *
 * Return: @n, or a multiple of it on a slow one.
 */
int bulk_more(int n)
{
	return n * slowness();
}

/**
 * bulk_files() - allow this process many open files
 * @n: how many sockets it is going to have
 */
void bulk_files(unsigned long n)
{
	struct rlimit limit = { n + 64, n + 64 };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("cannot have %lu files", n);
}

static struct sockaddr_in bulk_addr(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(addr),
	};
}

/**
 * bulk_bind() - make an IPv4 socket that is bound
 * @proto: tcp or udp
 * @addr: address, host byte order
 * @port: port, 0 for any
 * @flags: as of sock_bind()
 *
 * Return: the socket.
 */
int bulk_bind(const char *proto, uint32_t addr, uint16_t port, unsigned int flags)
{
	struct sockaddr_in sin = bulk_addr(addr, port);
	int fd = sock_open(proto, AF_INET, flags);

	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("bind %s to %#x port %u", proto, addr, port);
	if (flags & S_LISTEN && listen(fd, 1024))
		die("listen on %#x port %u", addr, port);
	return fd;
}

/**
 * bulk_connect() - make a TCP socket that is connected
 * @from: its address, host byte order; the port is any
 * @to: address of a listener, host byte order
 * @port: port of the listener
 *
 * Return: the socket.
 */
int bulk_connect(uint32_t from, uint32_t to, uint16_t port)
{
	struct sockaddr_in local = bulk_addr(from, 0), peer = bulk_addr(to, port);
	int fd = sock_open("tcp", AF_INET, 0);

	/* The port is chosen by connect(): all of 127.0.0.0/8 has as many */
	sock_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (bind(fd, (struct sockaddr *)&local, sizeof(local)) ||
	    connect(fd, (struct sockaddr *)&peer, sizeof(peer)))
		die("connect from %#x to %#x port %u", from, to, port);
	return fd;
}

/**
 * bulk_name() - an address as the file spells it
 * @addr: address, host byte order
 * @port: port
 * @buf: filled in
 * @size: of @buf
 *
 * Return: @buf.
 */
const char *bulk_name(uint32_t addr, uint16_t port, char *buf, size_t size)
{
	snprintf(buf, size, "%u.%u.%u.%u:%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
		 addr & 255, port);
	return buf;
}
