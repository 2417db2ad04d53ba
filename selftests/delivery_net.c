// SPDX-License-Identifier: GPL-2.0
/* The sockets of delivery, on a host of their own. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "delivery.h"

#define SOCKS		128	/* by name */
#define MAX_LATER	64
#define MAX_ANSWERS	16

static struct csock socks[SOCKS];
static int kept[MAX_LATER], nkept;
static const char *semantics;
static bool has_ether;
static uid_t uid;
static int port;
static unsigned int token;

/**
 * delivery_start() - go to the host
 * @word: what net.reuse.semantics is to be there, or NULL
 */
void delivery_start(const char *word)
{
	int i;

	for (i = 0; i < SOCKS; i++) {
		socks[i].fd = -1;
		socks[i].peer = -1;
	}
	semantics = word;
	net_new(word);
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
		net_close(&socks[i]);
	port = net_port();
	uid = 0;
}

/**
 * fresh_host() - go to another host, that has lo alone
 */
void fresh_host(void)
{
	fresh();
	net_new(semantics);
	port = net_port();
	has_ether = false;
}

/**
 * ether() - have an interface that is not lo
 *
 * Return: false if that cannot be: the row is skipped.
 */
bool ether(void)
{
	if (has_ether)
		return true;
	if (!add_device(ETHER, "dummy") && !add_device(ETHER, "veth peer name eth1")) {
		not_here("no device but lo in this kernel");
		return false;
	}
	run("ip addr add 10.0.0.1/24 brd + dev " ETHER);
	has_ether = true;
	return true;
}

/**
 * as() - whose the sockets are that come now
 * @user: of whom
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
struct csock *the(char who)
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
		net_close(the(*who));
		net_open(the(*who), proto, family, uid, flags & V6ONLY);
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
	return net_bind(the(who), host, port);
}

/**
 * listens() - let a socket listen
 * @who: its name
 *
 * Return: 0, or the errno.
 */
int listens(char who)
{
	return net_listen(the(who));
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
			answer("%c on %s: %s; ", *who, host, net_error(err));
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
		net_close(the(*who));
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
		errno = net_join(the(*who), group);
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
		errno = net_leave(the(*who), group);
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
 * Return: the socket, or -1; the answer has the errno then.
 */
int connected(const char *host)
{
	int err, fd = net_connect(host, port, &err);

	if (err) {
		answer("%s", net_error(err));
		return -1;
	}
	return later(fd);
}

/**
 * waits_at() - does a listener have a connection?
 * @who: its name
 *
 * Return: whether it has.
 */
bool waits_at(char who)
{
	return net_ready(the(who), 1, false, true, &(int){ 0 });
}

/**
 * accepts() - accept a connection, if there is one
 * @who: name of a listener
 *
 * Return: what was accepted, or -1.
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
	return n < 0 ? net_error(errno) : text("%zd", n);
}

/**
 * connections() - answer who gets connections
 * @host: where to
 * @n: how many
 */
void connections(const char *host, int n)
{
	int who[SOCKS], i, err, client;
	const char *got[MAX_ANSWERS];
	struct csock child;

	for (i = 0; i < n; i++) {
		client = net_connect(host, port, &err);
		got[i] = err ? net_error(err) : "nobody";
		if (!err && net_ready(socks, SOCKS, false, false, who)) {
			net_accept(&child, &socks[who[0]], client);
			net_close(&child);
			got[i] = text("%c", who[0]);
		} else if (!err) {
			sock_abort(client);
		}
	}
	answer_list(got, n);
}

static int send_one(int fd, const char *host)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(at_port(host), &ss);

	net_through_lo(fd, ss.ss_family);
	sock_set(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (!strcmp(host, "255.255.255.255"))
		sock_dev(fd, ETHER);
	++token;
	return sendto(fd, &token, sizeof(token), 0, (struct sockaddr *)&ss, len) < 0 ? errno : 0;
}

/**
 * datagram() - send one, and look who gets it
 * @from: a socket, or -1 for a new one
 * @host: where to
 *
 * Return: who has a copy, or the errno.
 */
const char *datagram(int from, const char *host)
{
	int fd = from < 0 ? sock_open("udp", strchr(host, ':') ? AF_INET6 : AF_INET, 0) : from;
	int who[SOCKS], err = send_one(fd, host), ready, i, n;
	const char *got = "";

	if (from < 0)
		close(fd);
	if (err)
		return net_error(err);
	ready = net_ready(socks, SOCKS, true, true, who);
	for (i = 0; i < ready; i++) {
		n = net_received(&socks[who[i]], token);
		while (n--)
			got = text("%s%s%c", got, *got ? answer_and() : "", who[i]);
	}
	return *got ? got : "nobody";
}

/**
 * datagrams_from() - answer who gets datagrams of a socket
 * @from: the socket, or -1 for a new one each
 * @host: where to
 * @n: how many
 */
void datagrams_from(int from, const char *host, int n)
{
	const char *got[MAX_ANSWERS];
	int i;

	for (i = 0; i < n; i++)
		got[i] = datagram(from, host);
	answer_list(got, n);
}

/**
 * datagrams() - answer who gets datagrams of as many sockets
 * @host: where to
 * @n: how many
 */
void datagrams(const char *host, int n)
{
	datagrams_from(-1, host, n);
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

