// SPDX-License-Identifier: GPL-2.0
/* Sockets in every state there is, made from addresses as the file spells them. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env.h"
#include "sock.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP	262
#endif

#define WAIT_MS		5000

static const struct proto {
	const char *name;
	int type;
	int number;
} protos[] = {
	{ "tcp", SOCK_STREAM, IPPROTO_TCP },
	{ "udp", SOCK_DGRAM, IPPROTO_UDP },
	{ "udplite", SOCK_DGRAM, IPPROTO_UDPLITE },
	{ "mptcp", SOCK_STREAM, IPPROTO_MPTCP },
};

const struct family families[FAMILIES] = {
	[V4] = {
		"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:81", "", 0
	}, [V4_ANY] = {
		"0.0.0.0:80", "127.0.0.1:80", "127.0.0.1:80", "127.0.0.1:81", "", 0
	}, [V6] = {
		"[::1]:80", "[::1]:80", "[::1]:80", "[::1]:81", " v6only=1", 0
	}, [V6_MAPPED] = {
		"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80",
		"[::ffff:127.0.0.1]:81", "", 0
	}, [V6_DUAL_FROM4] = {
		"[::]:80", "127.0.0.1:80", "[::ffff:127.0.0.1]:80", "127.0.0.1:81", "", 0
	}, [V6_DUAL_FROM6] = {
		"[::]:80", "[::1]:80", "[::1]:80", "[::1]:81", "", 0
	}, [V6_ONLY] = {
		"[::]:80", "[::1]:80", "[::1]:80", "[::1]:81", " v6only=1", S_V6ONLY
	},
};

/**
 * sock_rows() - the rows of a listener and of what it accepted
 * @f: how they talk
 * @listen: columns of the listener, or NULL if there is none
 * @child: columns of what was accepted, or NULL
 *
 * Return: for table_expect(): one row or two, as the addresses are.
 */
const char *sock_rows(const struct family *f, const char *listen, const char *child)
{
	if (listen && child && !strcmp(f->listen, f->child))
		return text("tcp %s%s %s %s\n", f->listen, f->only, listen, child);
	return text("%s%s", listen ? text("tcp %s%s %s\n", f->listen, f->only, listen) : "",
		    child ? text("tcp %s%s %s\n", f->child, f->only, child) : "");
}

/**
 * sock_addr() - parse an address
 * @address: as the file spells it: 127.0.0.1:80 or [::1]:80
 * @ss: is filled in
 *
 * Return: the length of the address in @ss.
 */
socklen_t sock_addr(const char *address, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	char host[INET6_ADDRSTRLEN];
	int port;

	memset(ss, 0, sizeof(*ss));
	errno = 0;
	if (sscanf(address, "[%45[0-9a-f:.]]:%d", host, &port) == 2 &&
	    inet_pton(AF_INET6, host, &sin6->sin6_addr) == 1) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		return sizeof(*sin6);
	}
	if (sscanf(address, "%45[0-9.]:%d", host, &port) == 2 &&
	    inet_pton(AF_INET, host, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		return sizeof(*sin);
	}
	die("no address: %s", address);
}

/**
 * sock_family() - the family of an address
 * @address: as the file spells it
 *
 * Return: AF_INET or AF_INET6.
 */
int sock_family(const char *address)
{
	return *address == '[' ? AF_INET6 : AF_INET;
}

/**
 * sock_name() - what getsockname() says
 * @fd: a socket
 *
 * Return: the address as the file spells it.
 */
const char *sock_name(int fd)
{
	struct sockaddr_storage ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)&ss;
	socklen_t len = sizeof(ss);
	char host[INET6_ADDRSTRLEN];

	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		die("getsockname");
	if (ss.ss_family == AF_INET)
		return text("%s:%d", inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host)),
			    ntohs(sin->sin_port));
	return text("[%s]:%d", inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host)),
		    ntohs(sin6->sin6_port));
}

/**
 * sock_row() - what makes the row of a socket, but protocol and device
 * @fd: a socket
 *
 * Return: its address, and v6only=1 if it is, for table_expect().
 */
const char *sock_row(int fd)
{
	const char *name = sock_name(fd);
	socklen_t len = sizeof(int);
	int only = 0;

	if (*name == '[' && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len))
		die("IPV6_V6ONLY");
	return text("%s%s", name, only ? " v6only=1" : "");
}

static const struct proto *find_proto(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(protos) / sizeof(*protos); i++) {
		if (!strcmp(protos[i].name, name))
			return &protos[i];
	}
	errno = 0;
	die("no protocol %s", name);
}

/**
 * sock_has() - does this kernel have the protocol?
 * @proto: tcp, udp, udplite or mptcp
 *
 * Return: whether it has.
 */
bool sock_has(const char *proto)
{
	const struct proto *p = find_proto(proto);
	int fd = socket(AF_INET, p->type, p->number);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/**
 * sock_set() - set an integer option
 * @fd: a socket
 * @level: of setsockopt()
 * @name: of setsockopt()
 * @value: of the option
 */
void sock_set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die("setsockopt(%d, %d, %d)", level, name, value);
}

/**
 * sock_option() - ask for an option that is a number
 * @fd: the socket
 * @level: SOL_SOCKET, ...
 * @name: SO_REUSEADDR, ...
 *
 * Return: its value, or -1 where there is no such option.
 */
int sock_option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

/**
 * sock_dev() - bind a socket to a device
 * @fd: a socket
 * @dev: name of the device; NULL or empty for none
 */
void sock_dev(int fd, const char *dev)
{
	/* Without CONFIG_NETDEVICES there is no such option, and no socket is bound to a device */
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev ?: "", dev ? strlen(dev) : 0) &&
	    ((dev && *dev) || errno != ENOPROTOOPT))
		die("SO_BINDTODEVICE %s", dev ?: "");
}

/**
 * sock_open() - make a socket
 * @proto: tcp, udp, udplite or mptcp
 * @family: AF_INET or AF_INET6
 * @flags: S_REUSEADDR, S_REUSEPORT, S_V6ONLY, S_NONBLOCK
 *
 * Return: the socket.
 */
int sock_open(const char *proto, int family, unsigned int flags)
{
	const struct proto *p = find_proto(proto);
	int type = p->type | SOCK_CLOEXEC | (flags & S_NONBLOCK ? SOCK_NONBLOCK : 0);
	int fd = socket(family, type, p->number), only = !!(flags & S_V6ONLY);

	if (fd < 0)
		die("no %s socket", proto);
	/* Some semantics have no dual-stack sockets */
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) &&
	    (only || errno != EINVAL))
		die("IPV6_V6ONLY");
	if (flags & S_REUSEADDR)
		sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (flags & S_REUSEPORT)
		sock_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return fd;
}

/**
 * sock_try_bind() - bind() that may fail
 * @fd: a socket
 * @address: as the file spells it
 *
 * Return: 0, or the errno.
 */
int sock_try_bind(int fd, const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(address, &ss);

	return bind(fd, (struct sockaddr *)&ss, len) ? errno : 0;
}

/**
 * sock_bind_dev() - make a socket that is bound
 * @proto: tcp, udp, udplite or mptcp
 * @address: to bind to, as the file spells it
 * @flags: as of sock_open(), and S_LISTEN
 * @dev: device to bind to before, or NULL
 *
 * Return: the socket.
 */
int sock_bind_dev(const char *proto, const char *address, unsigned int flags, const char *dev)
{
	int fd = sock_open(proto, sock_family(address), flags);
	int err;

	if (dev)
		sock_dev(fd, dev);
	err = sock_try_bind(fd, address);
	if (err) {
		errno = err;
		die("bind to %s %s", proto, address);
	}
	if (flags & S_LISTEN && listen(fd, 16))
		die("listen on %s", address);
	return fd;
}

/**
 * sock_bind() - make a socket that is bound
 * @proto: tcp, udp, udplite or mptcp
 * @address: to bind to, as the file spells it
 * @flags: as of sock_open(), and S_LISTEN
 *
 * Return: the socket.
 */
int sock_bind(const char *proto, const char *address, unsigned int flags)
{
	return sock_bind_dev(proto, address, flags, NULL);
}

/**
 * sock_try_connect() - connect() that may fail
 * @fd: a socket
 * @address: as the file spells it
 *
 * Return: 0, or the errno.
 */
int sock_try_connect(int fd, const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(address, &ss);

	return connect(fd, (struct sockaddr *)&ss, len) ? errno : 0;
}

/**
 * sock_connect() - connect a socket
 * @fd: a socket
 * @address: as the file spells it
 */
void sock_connect(int fd, const char *address)
{
	int err = sock_try_connect(fd, address);

	if (err) {
		errno = err;
		die("connect to %s", address);
	}
}

/**
 * sock_disconnect() - connect a socket to AF_UNSPEC
 * @fd: a socket
 */
void sock_disconnect(int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };

	if (connect(fd, (struct sockaddr *)&ss, sizeof(ss)))
		die("connect to AF_UNSPEC");
}

/**
 * sock_accept() - accept a connection
 * @listener: the listener
 *
 * Return: the socket.
 */
int sock_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		die("accept");
	return fd;
}

/**
 * sock_pair() - make a connection
 * @pair: is filled in
 * @listener: a listener
 * @address: of @listener, to connect to
 */
void sock_pair(struct pair *pair, int listener, const char *address)
{
	pair->client = sock_open("tcp", sock_family(address), 0);
	sock_connect(pair->client, address);
	pair->server = sock_accept(listener);
}

/**
 * sock_abort() - close with SO_LINGER 0
 * @fd: a socket
 */
void sock_abort(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		die("SO_LINGER");
	close(fd);
}

/**
 * sock_close_pair() - close both ends of a TCP connection, and see it enter TIME_WAIT
 * @first: the end that closes first, and has TIME_WAIT after it
 * @second: the other end
 */
void sock_close_pair(int first, int second)
{
	shutdown(first, SHUT_WR);
	sock_wait_state(second, TCP_CLOSE_WAIT);
	close(second);
	/* Packets of the second may still be on their way */
	sock_wait_state(first, TCP_CLOSE);
	close(first);
}

/**
 * sock_deaf() - let a socket drop all packets that come in, or hear them again
 * @fd: a socket
 * @deaf: which of it
 *
 * So the other end stays in a state that waits for an answer.
 */
void sock_deaf(int fd, bool deaf)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &drop };
	int option = deaf ? SO_ATTACH_FILTER : SO_DETACH_FILTER;

	if (setsockopt(fd, SOL_SOCKET, option, &prog, sizeof(prog)))
		die("socket filter");
}

/**
 * sock_fence() - wait until all that this CPU has sent over lo is there
 * @fd: a UDP socket that is connected to itself
 *
 * The kernel may leave the work to ksoftirqd, but keeps the order of the packets
 * of a CPU: for who stays there (stay_on()) this one is behind all the others.
 */
void sock_fence(int fd)
{
	char c = 0;

	if (send(fd, &c, 1, 0) != 1 || recv(fd, &c, 1, 0) != 1)
		die("lo lost a datagram");
}

/**
 * sock_syn_answered() - begin to connect to an address of lo
 * @fd: a TCP socket that is to be connected
 * @address: to what
 * @fence: see sock_fence(); the caller stays on a CPU
 *
 * A SYN is answered at once, or never. When a datagram that was sent behind it has arrived,
 * so has the SYN; when another one has, so has the answer.
 *
 * Return: false if there is no answer; otherwise, connect() tells what it was.
 */
bool sock_syn_answered(int fd, const char *address, int fence)
{
	int i;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) || sock_try_connect(fd, address) != EINPROGRESS ||
	    fcntl(fd, F_SETFL, 0))
		die("cannot begin to connect");
	for (i = 0; i < 2 && sock_state(fd) == TCP_SYN_SENT; i++)
		sock_fence(fence);
	return sock_state(fd) != TCP_SYN_SENT;
}

/**
 * inode_of() - find the inode number of a socket
 * @fd: the socket, or another file
 *
 * Return: the number, as /proc/net/tcp has it.
 */
unsigned long inode_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		die("fstat");
	return st.st_ino;
}

/**
 * sock_state() - the state of a TCP socket
 * @fd: a socket
 *
 * Return: TCP_ESTABLISHED, ...
 */
int sock_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		die("TCP_INFO");
	return info.tcpi_state;
}

struct state {
	int fd;
	int state;
};

static bool has_state(void *arg)
{
	struct state *want = arg;

	return sock_state(want->fd) == want->state;
}

/**
 * sock_wait_state() - wait until a TCP socket is in a state
 * @fd: a socket
 * @state: TCP_ESTABLISHED, ...
 */
void sock_wait_state(int fd, int state)
{
	struct state want = { fd, state };

	errno = 0;
	if (!wait_for(has_state, &want, WAIT_MS))
		die("socket in state %d, not %d", sock_state(fd), state);
}
