// SPDX-License-Identifier: GPL-2.0
/* A host of its own for programs that play recorded answers, and the sockets on it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "env.h"
#include "far.h"
#include "host.h"
#include "module.h"
#include "sock.h"

/* Ports: ours, those of the tests, and those for clients */
#define AWAY_PORT	1998
#define FENCE_PORT	1999
#define FIRST_PORT	2000
#define LAST_PORT	49999
#define CLIENT_PORTS	"50000 65535"
/* Without sysctl, a kernel gives clients ports from here on */
#define FIXED_CLIENT_PORTS	32768

#define WAIT_S		5

static const char *semantics;
static int fence = -1, away4 = -1, away6 = -1, port, last_port = LAST_PORT;

static void set_time_limit(int fd, int option)
{
	struct timeval tv = { .tv_sec = WAIT_S };

	if (setsockopt(fd, SOL_SOCKET, option, &tv, sizeof(tv)))
		die("time limit of a socket");
}

static const char *group_device = "lo";

/**
 * host_on_device() - where groups are joined and sent to from now on
 * @name: of a device; lo unless this is called
 */
void host_on_device(const char *name)
{
	group_device = name;
}

/*
 * IPv4 takes it that a group is where it is sent through, IPv6 asks for a route;
 * one through lo that is not local is one that rejects.
 */
static void route_groups(void)
{
	struct in6_rtmsg route = {
		.rtmsg_dst.s6_addr[0] = 0xff,
		.rtmsg_dst_len = 8,
		.rtmsg_metric = 1,
		.rtmsg_flags = RTF_UP | RTF_LOCAL,
		.rtmsg_ifindex = if_nametoindex("lo"),
	};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || (ioctl(fd, SIOCADDRT, &route) && errno != EEXIST))
		die("no route to groups");
	close(fd);
}

static void set_semantics(void)
{
	int fd = open(SEMANTICS, O_WRONLY | O_CLOEXEC);
	ssize_t len = strlen(semantics);

	if (fd < 0 || write(fd, semantics, len) != len) {
		printf("Bail out! net.reuse.semantics does not take %s: %s\n", semantics,
		       strerror(errno));
		exit(EXIT_WRONG);
	}
	close(fd);
}

static void host_start(void)
{
	if (fence >= 0) {
		close(fence);
		close(away4);
		close(away6);
	}
	if (has_netns())
		new_netns();
	else if (port > last_port)
		die("all ports were used, and there is no other namespace");
	else
		lo_up();
	if (has_sysctl()) {
		write_file(PORT_RANGE, CLIENT_PORTS);
		write_file(IPV4_SYSCTL "tcp_max_tw_buckets", "262144");
	} else {
		last_port = FIXED_CLIENT_PORTS - 1;
	}
	fence = sock_bind("udp", text("127.0.0.1:%d", FENCE_PORT), 0);
	sock_connect(fence, text("127.0.0.1:%d", FENCE_PORT));
	set_time_limit(fence, SO_RCVTIMEO);
	away4 = sock_bind("tcp", text("0.0.0.0:%d", AWAY_PORT), S_LISTEN);
	if (has_ipv6()) {
		route_groups();
		away6 = sock_bind("tcp", text("[::]:%d", AWAY_PORT), S_LISTEN | S_V6ONLY);
	}
	if (semantics)
		set_semantics();
	if (has_netns() || !port)
		port = FIRST_PORT;
}

/**
 * host_new() - go to a host with nothing on it: a new network namespace, where there are any
 * @word: the net.reuse.semantics of that host, or NULL
 *
 * A packet through lo has arrived when the call that sent it returns. This process
 * never waits for a packet, except in host_arrived().
 */
void host_new(const char *word)
{
	semantics = word;
	/* As sock_fence() wants it */
	stay_on(sched_getcpu());
	host_start();
}

/**
 * host_port() - a port that nothing was ever bound to
 *
 * So TIME_WAIT of earlier tests does not matter. Nothing may be open when this is
 * called. It is no multiple of 128: NetBSD has other rules for those.
 *
 * Return: its number.
 */
int host_port(void)
{
	if (port > last_port)
		host_start();
	if (port % 128 == 0)
		port++;
	return port++;
}

/**
 * host_error() - name of an error
 * @error: errno, or 0
 *
 * Return: the name, or OK.
 */
const char *host_error(int error)
{
	const char *name = strerrorname_np(error);

	if (!error)
		return "OK";
	return name ?: "?";
}

static const char *host_addr(const char *host, int at, char *buf, size_t size)
{
	snprintf(buf, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, at);
	return buf;
}

/* The owner of a socket is the uid of its inode when it is made */
static void check_owner(int fd, uid_t uid)
{
	struct stat st;

	if (fstat(fd, &st))
		die("no owner");
	errno = 0;
	if (st.st_uid != uid)
		die("socket of uid %d has uid %d", uid, st.st_uid);
}

/**
 * host_open() - make a socket
 * @s: is filled in
 * @proto: tcp or udp
 * @family: AF_INET or AF_INET6
 * @uid: of its owner
 * @v6only: IPV6_V6ONLY
 */
void host_open(struct host_sock *s, const char *proto, int family, uid_t uid, bool v6only)
{
	memset(s, 0, sizeof(*s));
	s->udp = !strcmp(proto, "udp");
	s->uid = uid;
	s->peer = -1;
	setfsuid(uid);
	s->fd = sock_open(proto, family, v6only ? S_V6ONLY : 0);
	setfsuid(0);
	check_owner(s->fd, uid);
}

/**
 * host_flag() - set or clear an option
 * @s: a socket
 * @flag: RA or RP
 * @on: which of it
 *
 * Return: 0, or the errno.
 */
int host_flag(const struct host_sock *s, const char *flag, bool on)
{
	int option = !strcmp(flag, "RA") ? SO_REUSEADDR : SO_REUSEPORT;
	int value = on;

	return setsockopt(s->fd, SOL_SOCKET, option, &value, sizeof(value)) ? errno : 0;
}

/**
 * host_v6only() - set or clear IPV6_V6ONLY
 * @s: an AF_INET6 socket
 * @on: which of it
 *
 * Return: 0, or the errno.
 */
int host_v6only(const struct host_sock *s, bool on)
{
	int value = on;

	return setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof(value)) ? errno : 0;
}

/**
 * host_bind() - bind a socket
 * @s: a socket
 * @host: address
 * @at: port
 *
 * Return: 0, or the errno.
 */
int host_bind(const struct host_sock *s, const char *host, int at)
{
	char buf[64];

	return sock_try_bind(s->fd, host_addr(host, at, buf, sizeof(buf)));
}

/**
 * host_listen() - let a socket listen
 * @s: a socket
 *
 * Return: 0, or the errno.
 */
int host_listen(struct host_sock *s)
{
	if (listen(s->fd, 16))
		return errno;
	s->listening = true;
	return 0;
}

/**
 * host_close() - close a socket and leave nothing of it
 * @s: a socket, or what was one
 */
void host_close(struct host_sock *s)
{
	if (s->fd >= 0 && s->udp)
		close(s->fd);
	else if (s->fd >= 0)
		sock_abort(s->fd);
	if (s->peer >= 0)
		sock_abort(s->peer);
	s->fd = -1;
	s->peer = -1;
	s->listening = false;
}

/*
 * The SYN, its answer and the answer to that: each has arrived when the fence after it has. If
 * there is no answer then, none comes.
 */
static int connect_result(int fd, int ms)
{
	struct tcp_info info = { .tcpi_state = TCP_SYN_SENT };
	socklen_t len = sizeof(info), error_len = sizeof(int);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int i, err = 0;

	if (ms && poll(&p, 1, ms) < 0)
		die("poll");
	for (i = 0; i < 3 && info.tcpi_state == TCP_SYN_SENT; i++) {
		host_arrived();
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
			die("no TCP_INFO");
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &error_len))
		die("no SO_ERROR");
	return info.tcpi_state == TCP_SYN_SENT ? ETIMEDOUT : err;
}

struct binding {
	int fd;
	const char *address;
};

/* IPv6 lets a new address be used when a worker has looked at it */
static bool may_bind(void *arg)
{
	const struct binding *b = arg;

	errno = sock_try_bind(b->fd, b->address);
	return !errno;
}

static int connect_from(const char *from, const char *host, int at, int *error)
{
	char buf[64];
	int fd;

	host_addr(host, at, buf, sizeof(buf));
	fd = sock_open("tcp", sock_family(buf), S_NONBLOCK);
	if (from && !wait_for(may_bind, &(struct binding){ fd, from }, 5000))
		die("bind to %s", from);
	*error = sock_try_connect(fd, buf);
	if (*error == EINPROGRESS)
		*error = connect_result(fd, from ? 2000 : 0);	/* a new address may take a while */
	if (!*error && !fcntl(fd, F_SETFL, 0))
		return fd;
	close(fd);
	return -1;
}

/**
 * host_connect() - connect a new TCP socket
 * @host: address
 * @at: port
 * @error: set to 0, or the errno; ETIMEDOUT if no answer has come by now
 *
 * Return: the socket, or -1.
 */
int host_connect(const char *host, int at, int *error)
{
	return connect_from(NULL, host, at, error);
}

/**
 * host_timewait_far() - leave a connection in TIME_WAIT whose remote end is no address of the host
 * @listener: the socket to connect to
 * @host: its address
 * @at: its port
 *
 * Return: 0, or the errno of connect().
 */
int host_timewait_far(const struct host_sock *listener, const char *host, int at)
{
	const char *from = strchr(host, ':') ? "[" FAR6 "]:0" : FAR4 ":0";
	struct host_sock child;
	int client, err, i;

	far_addresses(true);
	/* An address is taken away, given and found while the kernel still changes its routes */
	for (i = 0; i < 10000; i++) {
		client = connect_from(from, host, at, &err);
		if (err != ENETUNREACH)
			break;
		usleep(1000 * slowness());
	}
	if (!err) {
		host_accept(&child, listener, client);
		host_timewait(&child);
	}
	far_addresses(false);
	return err;
}

/**
 * host_accept() - accept a connection, as the listener's owner
 * @child: is filled in
 * @listener: the socket with the connection waiting
 * @client: the other end of it, which @child has from now on
 */
void host_accept(struct host_sock *child, const struct host_sock *listener, int client)
{
	struct host_sock s = { .peer = client, .uid = listener->uid };

	setfsuid(s.uid);
	s.fd = sock_accept(listener->fd);
	setfsuid(0);
	check_owner(s.fd, s.uid);
	*child = s;
}

/**
 * host_timewait() - let an accepted connection end in TIME_WAIT
 * @s: the accepted socket
 *
 * Its client leaves LAST_ACK when the FIN is acknowledged, that is, when TIME_WAIT has begun.
 */
void host_timewait(struct host_sock *s)
{
	char c;

	close(s->fd);
	s->fd = -1;
	if (read(s->peer, &c, 1))
		die("no end of the connection");
	if (shutdown(s->peer, SHUT_WR))
		die("shutdown");
	sock_wait_state(s->peer, TCP_CLOSE);
	close(s->peer);
	s->peer = -1;
}

/* Which of these listens where @fd is connected to */
static int away(int fd)
{
	struct sockaddr_in6 to;
	socklen_t len = sizeof(to);

	if (getpeername(fd, (struct sockaddr *)&to, &len))
		die("getpeername");
	return to.sin6_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&to.sin6_addr) ? away6 : away4;
}

/**
 * host_connect_out() - connect() a socket to a server on another port
 * @s: a socket
 * @host: address of the server
 *
 * Return: 0, or the errno.
 */
int host_connect_out(struct host_sock *s, const char *host)
{
	char buf[64];
	int err;

	err = sock_try_connect(s->fd, host_addr(host, AWAY_PORT, buf, sizeof(buf)));
	if (!err && !s->udp)
		s->peer = sock_accept(away(s->fd));
	return err;
}

static int change_membership(const struct host_sock *s, const char *group, int change)
{
	struct group_req req = { .gr_interface = if_nametoindex(group_device) };
	char buf[64];
	int level;

	sock_addr(host_addr(group, 0, buf, sizeof(buf)), &req.gr_group);
	level = req.gr_group.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	return setsockopt(s->fd, level, change, &req, sizeof(req)) ? errno : 0;
}

/**
 * host_join() - join a group on lo
 * @s: a UDP socket
 * @group: address
 *
 * Return: 0, or the errno.
 */
int host_join(const struct host_sock *s, const char *group)
{
	return change_membership(s, group, MCAST_JOIN_GROUP);
}

/**
 * host_leave() - leave a group on lo
 * @s: a UDP socket
 * @group: address
 *
 * Return: 0, or the errno.
 */
int host_leave(const struct host_sock *s, const char *group)
{
	return change_membership(s, group, MCAST_LEAVE_GROUP);
}

/**
 * host_to_groups() - let a socket send to groups where they are joined
 * @fd: a UDP socket
 * @family: AF_INET or AF_INET6
 */
void host_to_groups(int fd, int family)
{
	bool lo = !strcmp(group_device, "lo");
	struct ip_mreqn mreqn = {
		.imr_address.s_addr = lo ? htonl(INADDR_LOOPBACK) : 0,
		.imr_ifindex = if_nametoindex(group_device),
	};

	if (family == AF_INET6)
		sock_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, mreqn.imr_ifindex);
	else if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreqn, sizeof(mreqn)))
		die("IP_MULTICAST_IF");
}

/**
 * host_send() - send one datagram from a new socket
 * @host: address, of a group as well
 * @at: port
 * @token: its content
 *
 * Return: 0, or the errno.
 */
int host_send(const char *host, int at, unsigned int token)
{
	struct sockaddr_storage ss;
	char buf[64];
	socklen_t len = sock_addr(host_addr(host, at, buf, sizeof(buf)), &ss);
	int fd = sock_open("udp", ss.ss_family, 0);
	int err = 0;

	host_to_groups(fd, ss.ss_family);
	if (sendto(fd, &token, sizeof(token), 0, (struct sockaddr *)&ss, len) < 0)
		err = errno;
	close(fd);
	return err;
}

/**
 * host_received() - take what a socket got
 * @s: a UDP socket
 * @token: the content that was sent
 *
 * Return: how many times it got that.
 */
int host_received(const struct host_sock *s, unsigned int token)
{
	unsigned int got;
	int n = 0;

	while (recv(s->fd, &got, sizeof(got), MSG_DONTWAIT) == sizeof(got))
		n += got == token;
	return n;
}

/**
 * host_arrived() - wait until all that was sent is there
 */
void host_arrived(void)
{
	sock_fence(fence);
}

static int poll_socks(const struct host_sock *socks, int n, bool udp, int *who)
{
	struct pollfd p[MAX_SOCKS];
	int at[MAX_SOCKS];
	int i, polled = 0, ready = 0;

	for (i = 0; i < n; i++) {
		if (socks[i].fd < 0 || socks[i].udp != udp || (!udp && !socks[i].listening))
			continue;
		p[polled].fd = socks[i].fd;
		p[polled].events = POLLIN;
		at[polled++] = i;
	}
	if (polled && poll(p, polled, 0) < 0)
		die("poll");
	for (i = 0; i < polled; i++) {
		if (p[i].revents & POLLIN)
			who[ready++] = at[i];
	}
	return ready;
}

/**
 * host_ready() - which sockets have something: a datagram, a connection
 * @socks: the sockets
 * @n: how many
 * @udp: which of them are asked: UDP, or TCP that listens
 * @all: there may be more than one
 * @who: their numbers, at least @n
 *
 * Return: how many.
 */
int host_ready(const struct host_sock *socks, int n, bool udp, bool all, int *who)
{
	int ready = 0;

	if (!all)
		ready = poll_socks(socks, n, udp, who);
	if (!ready) {
		host_arrived();
		ready = poll_socks(socks, n, udp, who);
	}
	return ready;
}
