// SPDX-License-Identifier: GPL-2.0
/* Sockets named by one character, on a host of their own, and which of them gets what. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "delivery.h"

#define SOCKS		128	/* by name */
#define MAX_LATER	64

static struct host_sock socks[SOCKS];
static int kept[MAX_LATER], nkept;
static const char *semantics;
static bool ether_is;
static uid_t uid;
static int port;
static unsigned int token;
static const char *between = "+", *device;

/**
 * delivery_start() - go to the host
 * @word: the net.reuse.semantics of that host, or NULL
 */
void delivery_start(const char *word)
{
	int i;

	for (i = 0; i < SOCKS; i++) {
		socks[i].fd = -1;
		socks[i].peer = -1;
	}
	semantics = word;
	host_new(word);
}

/**
 * delivery_between() - set the string between two sockets that got the same datagram
 * @string: it; + unless this is called
 */
void delivery_between(const char *string)
{
	between = string;
}

/**
 * fresh() - close all, and go to another port
 */
void fresh(void)
{
	int i;

	while (nkept)
		close(kept[--nkept]);
	for (i = 0; i < SOCKS; i++)
		host_close(&socks[i]);
	port = host_port();
	uid = 0;
	through(NULL);
}

/**
 * fresh_host() - go to another host, that has lo alone
 */
void fresh_host(void)
{
	fresh();
	host_new(semantics);
	port = host_port();
	ether_is = false;
}

/**
 * ether() - have an interface that is not lo
 *
 * Return: false if this kernel has none.
 */
bool ether(void)
{
	if (ether_is)
		return true;
	if (!add_device(ETHER, "dummy") && !add_device(ETHER, "veth peer name eth1"))
		return false;
	run("ip addr add 10.0.0.1/24 brd + dev " ETHER);
	ether_is = true;
	return true;
}

/**
 * through() - bind the sockets that connect or send to a device
 * @dev: the device; NULL for none
 */
void through(const char *dev)
{
	device = dev;
}

/**
 * as() - set the owner of sockets that are made from now on
 * @user: their uid
 */
void as(uid_t user)
{
	uid = user;
}

/**
 * the() - a socket by its name
 * @who: its name
 *
 * Return: the socket.
 */
struct host_sock *the(char who)
{
	return &socks[who & 127];
}

/**
 * at_port() - an address with the port that all are on
 * @host: address
 *
 * Return: both, as sock_addr() wants it.
 */
const char *at_port(const char *host)
{
	return text(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

/**
 * opens() - make sockets
 * @who: their names, in this order
 * @proto: tcp or udp
 * @family: AF_INET or AF_INET6
 * @flags: RA, RP, V6ONLY
 */
void opens(const char *who, const char *proto, int family, unsigned int flags)
{
	for (; *who; who++) {
		host_close(the(*who));
		host_open(the(*who), proto, family, uid, flags & V6ONLY);
		if (flags & RA)
			sets(text("%c", *who), SO_REUSEADDR, true);
		if (flags & RP)
			sets(text("%c", *who), SO_REUSEPORT, true);
	}
}

/**
 * binds() - bind a socket
 * @who: its name
 * @host: address
 *
 * Return: 0, or the errno.
 */
int binds(char who, const char *host)
{
	return host_bind(the(who), host, port);
}

/**
 * listens() - let a socket listen
 * @who: its name
 *
 * Return: 0, or the errno.
 */
int listens(char who)
{
	return host_listen(the(who));
}

static void make(const char *who, const char *proto, const char *host, unsigned int flags)
{
	int err;

	for (; *who; who++) {
		opens(text("%c", *who), proto, strchr(host, ':') ? AF_INET6 : AF_INET, flags);
		err = binds(*who, host);
		if (!err && flags & LISTENS)
			err = listens(*who);
		if (err)
			printf("# %c on %s: %s\n", *who, host, host_error(err));
	}
}

/**
 * tcp() - make sockets that are bound
 * @who: their names, in this order
 * @host: address
 * @flags: RA, RP, V6ONLY, LISTENS
 */
void tcp(const char *who, const char *host, unsigned int flags)
{
	make(who, "tcp", host, flags);
}

/**
 * udp() - make sockets that are bound
 * @who: their names, in this order
 * @host: address
 * @flags: RA, RP, V6ONLY
 */
void udp(const char *who, const char *host, unsigned int flags)
{
	make(who, "udp", host, flags);
}

/**
 * closes() - close sockets, TCP by RST if it is connected
 * @who: their names
 */
void closes(const char *who)
{
	for (; *who; who++)
		host_close(the(*who));
}

/**
 * sets() - set or clear an option
 * @who: names of sockets
 * @option: SO_REUSEADDR or SO_REUSEPORT
 * @on: which of it
 */
void sets(const char *who, int option, bool on)
{
	for (; *who; who++)
		sock_set(the(*who)->fd, SOL_SOCKET, option, on);
}

/**
 * joins() - join a group on lo
 * @who: names of sockets
 * @group: address
 */
void joins(const char *who, const char *group)
{
	for (; *who; who++) {
		errno = host_join(the(*who), group);
		if (errno)
			die("%c does not join %s", *who, group);
	}
}

/**
 * leaves() - leave a group on lo
 * @who: names of sockets
 * @group: address
 */
void leaves(const char *who, const char *group)
{
	for (; *who; who++) {
		errno = host_leave(the(*who), group);
		if (errno)
			die("%c does not leave %s", *who, group);
	}
}

/**
 * later() - close it when the situation is over
 * @fd: a file
 *
 * Return: @fd.
 */
int later(int fd)
{
	if (nkept == MAX_LATER)
		die("too much to keep");
	kept[nkept++] = fd;
	return fd;
}

/**
 * connected() - connect a new TCP socket
 * @host: address
 *
 * Return: the socket, or -1.
 */
int connected(const char *host)
{
	int err, fd = host_connect(host, port, &err);

	return err ? -1 : later(fd);
}

/**
 * waits_at() - does a listener have a connection?
 * @who: its name
 *
 * Return: whether it has.
 */
bool waits_at(char who)
{
	return host_ready(the(who), 1, false, true, &(int){ 0 });
}

/**
 * accepts() - accept a connection, if there is one
 * @who: name of a listener
 *
 * Return: the accepted socket, or -1.
 */
int accepts(char who)
{
	return waits_at(who) ? later(sock_accept(the(who)->fd)) : -1;
}

/**
 * heard() - what recv() says, within a second
 * @fd: a socket
 *
 * Return: the number of bytes, or the errno.
 */
const char *heard(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[64];
	ssize_t n;

	poll(&p, 1, 1000);
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	return n < 0 ? host_error(errno) : text("%zd", n);
}

/* A new TCP socket, through the device if there is one; -1 if it cannot connect */
static int try_connected(const char *host, int *err)
{
	int client;

	if (!device)
		return host_connect(host, port, err);
	client = sock_open("tcp", sock_family(at_port(host)), 0);
	sock_dev(client, device);
	*err = sock_try_connect(client, at_port(host));
	if (!*err)
		return client;
	close(client);
	return -1;
}

/**
 * connection() - connect, and find the socket that gets it
 * @host: the destination
 *
 * Return: the socket that can accept it, or the errno; ETIMEDOUT at once if there is no answer.
 */
const char *connection(const char *host)
{
	int who[SOCKS], err, client = try_connected(host, &err);
	struct host_sock child;

	if (client < 0)
		return host_error(err);
	if (!host_ready(socks, SOCKS, false, false, who)) {
		sock_abort(client);
		return "nobody";
	}
	host_accept(&child, &socks[who[0]], client);
	host_close(&child);
	return text("%c", who[0]);
}

/**
 * sends() - send a datagram
 * @from: a socket, or -1 for a new one
 * @host: the destination
 *
 * Return: the errno's name, or NULL.
 */
const char *sends(int from, const char *host)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(at_port(host), &ss);
	int fd = from < 0 ? sock_open("udp", ss.ss_family, 0) : from, err = 0;

	host_to_groups(fd, ss.ss_family);
	sock_set(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (device)
		sock_dev(fd, device);
	++token;
	if (sendto(fd, &token, sizeof(token), 0, (struct sockaddr *)&ss, len) < 0)
		err = errno;
	if (from < 0)
		close(fd);
	return err ? host_error(err) : NULL;
}

/**
 * received() - find the sockets that got the datagram that was sent last
 *
 * Return: the sockets that have a copy.
 */
const char *received(void)
{
	int who[SOCKS], ready = host_ready(socks, SOCKS, true, true, who), i, n;
	const char *got = "";

	for (i = 0; i < ready; i++) {
		n = host_received(&socks[who[i]], token);
		while (n--)
			got = text("%s%s%c", got, *got ? between : "", who[i]);
	}
	return *got ? got : "nobody";
}

/**
 * datagram() - send one, and find the sockets that get it
 * @from: a socket, or -1 for a new one
 * @host: the destination
 *
 * Return: the sockets that have a copy, or the errno.
 */
const char *datagram(int from, const char *host)
{
	return sends(from, host) ?: received();
}

/**
 * sender() - make a socket on a port of its own
 * @host: address
 *
 * Return: the socket.
 */
int sender(const char *host)
{
	return later(sock_bind("udp", text(strchr(host, ':') ? "[%s]:0" : "%s:0", host), 0));
}

