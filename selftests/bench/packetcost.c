// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of a packet under each semantics, by how many sockets share the port;
 * where guest time counts instructions (scripts/vm --icount), in instructions:
 *	packetcost sockets N...	lines "packet PROTO BOUND FROM FLAGS N COST..."; a
 *				datagram is send() and recv() over lo, a SYN the
 *				connect() that it is in; - if the sockets may not
 *				share so, or cannot be reached so
 *	packetcost tcp|udp N...	lines "beside PROTO N COST...", with one server beside
 *				so many connected sockets
 *	packetcost traced N...	lines "traced PROTO N OFF TRACED ALL", with N sockets that
 *				share under bsd: with neither trace nor log, with
 *				reuse_deliver enabled, with net.reuse.log=all
 *	packetcost cpus N...	lines "cpus N COST...": N CPUs send to one socket at once,
 *				the cost of a datagram is that of all CPUs until the last
 *				has sent all
 * The costs are those of states[], if nothing else is said.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bulk.h"
#include "env.h"
#include "events.h"
#include "module.h"
#include "sock.h"
#include "tracefs.h"

#define SERVER_PORT	4000
#define CLIENT_PORT	5000
#define MOST		64	/* sockets that share */
#define SAMPLES		301
#define SHARE		(S_REUSEADDR | S_REUSEPORT)
#define EACH		2000	/* datagrams that each CPU sends */

/* How a server is bound, and how it is reached */
static const struct way {
	const char *bound;
	const char *to;
} ways[] = {
	{ "127.0.0.1", "127.0.0.1" },
	{ "0.0.0.0", "127.0.0.1" },
	{ "[::1]", "[::1]" },
	{ "[::]", "[::1]" },
	{ "[::]", "127.0.0.1" },
};

static const struct state {
	enum semantics semantics;
	bool beside;	/* another namespace is bsd */
} states[] = {
	{ NATIVE, false },
	{ NATIVE, true },
	{ PRE39, false },
	{ BSD, false },
	{ FREEBSD15, false },
	{ OPENBSD, false },
	{ NETBSD, false },
	{ DARWIN, false },
};

/**
 * struct servers - sockets that share a port
 * @fd: all of them
 * @n: how many
 * @poll: those that may receive
 * @ready: how many
 */
struct servers {
	int fd[MOST];
	int n;
	struct pollfd poll[MOST];
	int ready;
};

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static long long low(long long *sample)
{
	qsort(sample, SAMPLES, sizeof(*sample), compare);
	return sample[SAMPLES / 10];
}

/* Without what looking at the clock costs. Ticks, and slabs that run out, only add. */
static long long typical(long long *sample)
{
	long long clock[SAMPLES], start;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		start = now();
		clock[i] = now() - start;
	}
	return low(sample) - low(clock);
}

/* The one that has got something */
static int receiver(struct servers *servers)
{
	int i = 0;

	errno = 0;
	if (poll(servers->poll, servers->ready, 1000) != 1)
		die("not one of %d sockets received it", servers->n);
	while (!servers->poll[i].revents)
		i++;
	return servers->poll[i].fd;
}

/* The same addresses and ports each time, so the same server of those that share */
static long long datagrams(struct servers *servers, const char *from, const char *to)
{
	int client = sock_bind("udp", from, 0), at = -1, i;
	long long sample[SAMPLES], start;
	char c;

	sock_connect(client, to);
	for (i = -1; i < SAMPLES; i++) {
		start = now();
		if (send(client, "", 1, 0) != 1)
			die("send to %s", to);
		if (i < 0)
			at = receiver(servers);
		if (recv(at, &c, 1, MSG_DONTWAIT) != 1)
			die("receive at %s", to);
		if (i >= 0)
			sample[i] = now() - start;
	}
	close(client);
	return typical(sample);
}

/* Over lo, all of the handshake is done when connect() returns */
static long long handshakes(struct servers *servers, const char *from, const char *to)
{
	int client = sock_bind("tcp", from, 0), at = -1, child, i;
	long long sample[SAMPLES], start;
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(to, &ss);

	for (i = -1; i < SAMPLES; i++) {
		start = now();
		if (connect(client, (struct sockaddr *)&ss, len))
			die("connect to %s", to);
		if (i >= 0)
			sample[i] = now() - start;
		else
			at = receiver(servers);
		child = sock_accept(at);
		/* A reset; the client keeps its port */
		sock_disconnect(client);
		close(child);
	}
	close(client);
	return typical(sample);
}

/* If they share by SO_REUSEADDR, the last one of them listens */
static bool start_servers(struct servers *servers, const char *proto, const char *address,
			  unsigned int flags, int n)
{
	int i, fd;

	for (i = 0; i < n; i++) {
		fd = sock_open(proto, sock_family(address), flags);
		servers->fd[servers->n++] = fd;
		if (sock_try_bind(fd, address))
			return false;
	}
	for (i = 0; i < n; i++) {
		fd = servers->fd[i];
		if (!strcmp(proto, "tcp")) {
			if (flags & S_REUSEADDR && i < n - 1)
				continue;
			if (listen(fd, 16))
				die("listen on %s", address);
		}
		servers->poll[servers->ready++] = (struct pollfd) { .fd = fd, .events = POLLIN };
	}
	return true;
}

/* The cost of a packet now, -1 if the servers may not share the port */
static long long packet(const char *proto, const struct way *way, unsigned int flags, int n)
{
	const char *from = text("%s:%d", way->to, CLIENT_PORT);
	const char *to = text("%s:%d", way->to, SERVER_PORT);
	struct servers servers = {};
	long long cost = -1;

	if (start_servers(&servers, proto, text("%s:%d", way->bound, SERVER_PORT), flags, n))
		cost = strcmp(proto, "tcp") ? datagrams(&servers, from, to) :
					      handshakes(&servers, from, to);
	while (servers.n)
		close(servers.fd[--servers.n]);
	return cost;
}

static bool has_reuseport(void)
{
	int fd = sock_open("tcp", AF_INET, 0), one = 1;
	bool has = !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));

	close(fd);
	return has;
}

static void be_beside(void *unused)
{
	(void)unused;
	new_netns();
	semantics_set(BSD);
}

/* The cost now, -1 where there is no SO_REUSEPORT or no dual-stack socket and it needs one */
static long long packet_under(enum semantics s, const char *proto, const struct way *way,
			      unsigned int flags, int n)
{
	unsigned int can = has_reuseport() ? flags : flags & ~S_REUSEPORT;

	if ((flags && !can) ||
	    (s == OPENBSD && sock_family(way->bound) != sock_family(way->to)))
		return -1;
	return packet(proto, way, can, n);
}

/* Sends when @start is closed; each CPU takes as many datagrams from the server as it sends */
static void send_on(int cpu, int server, int start)
{
	int client = sock_bind("udp", text("127.0.0.1:%d", CLIENT_PORT + cpu), 0), i;
	char c;

	stay_on(cpu);
	sock_connect(client, text("127.0.0.1:%d", SERVER_PORT));
	read(start, &c, 1);
	for (i = 0; i < EACH; i++) {
		if (send(client, "", 1, 0) != 1 || recv(server, &c, 1, 0) != 1)
			die("datagram %d on CPU %d", i, cpu);
	}
	_exit(0);
}

/* The cost of a datagram on so many CPUs, including what they wait for each other */
static long long at_once(int cpus)
{
	int server = sock_bind("udp", text("127.0.0.1:%d", SERVER_PORT), 0);
	int start[2], cpu, status;
	long long took;

	if (pipe(start))
		die("pipe");
	for (cpu = 0; cpu < cpus; cpu++) {
		if (fork())
			continue;
		close(start[1]);
		send_on(cpu, server, start[0]);
	}
	usleep(100000);	/* all wait in read() */
	took = -now();
	close(start[1]);
	for (cpu = 0; cpu < cpus; cpu++) {
		if (wait(&status) < 0 || status)
			die("one of %d CPUs failed", cpus);
	}
	took += now();
	close(start[0]);
	close(server);
	return took / (cpus * EACH);
}

/* The rest of a line: what it costs in each of the states; without @proto, on @n CPUs */
static void in_each(const char *proto, const struct way *way, unsigned int flags, int n)
{
	struct child other;
	long long cost;
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (states[i].beside)
			child_start(&other, 0, be_beside, NULL);
		semantics_set(states[i].semantics);
		cost = proto ? packet_under(states[i].semantics, proto, way, flags, n) :
			       at_once(n);
		printf(cost < 0 ? " -" : " %lld", cost);
		semantics_set(NATIVE);
		if (states[i].beside)
			child_stop(&other);
	}
	printf("\n");
	fflush(stdout);
}

static void row(const char *proto, const struct way *way, unsigned int flags, int n)
{
	printf("packet %s %s %s %s %d", proto, way->bound, way->to,
	       flags & S_REUSEADDR ? "RA" : flags & S_REUSEPORT ? "RP" : "none", n);
	in_each(proto, way, flags, n);
}

/*
 * TCP: what a server has accepted, made without a packet by TCP_REPAIR, as it may
 * be a lot. UDP: a socket for each client.
 */
static void crowd(const char *proto, int n)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int *fd = calloc(n + 1, sizeof(*fd)), i;

	bulk_files(n + MOST);
	for (i = 0; i < n; i++) {
		fd[i] = bulk_bind(proto, LOOPBACK(0), SERVER_PORT, SHARE);
		if (!strcmp(proto, "tcp"))
			sock_set(fd[i], IPPROTO_TCP, TCP_REPAIR, 1);
		to.sin_port = htons(10000 + i % 50000);
		to.sin_addr.s_addr = htonl(LOOPBACK(1 + i / 50000));
		if (connect(fd[i], (struct sockaddr *)&to, sizeof(to)))
			die("connection %d", i);
	}
	printf("beside %s %d", proto, n);
	in_each(proto, &ways[0], SHARE, 1);
	while (n)
		close(fd[--n]);
	free(fd);
}

static void with_trace(const char *proto, int n)
{
	unsigned int flags = n > 1 ? S_REUSEPORT : 0;

	semantics_set(BSD);
	printf("traced %s %d %lld", proto, n, packet(proto, &ways[0], flags, n));
	tracefs_enable("reuse_deliver", true);
	printf(" %lld", packet(proto, &ways[0], flags, n));
	tracefs_enable("reuse_deliver", false);
	events_begin("all");
	printf(" %lld\n", packet(proto, &ways[0], flags, n));
	fflush(stdout);
	events_begin("off");
	semantics_set(NATIVE);
}

static void table(int n)
{
	static const char * const protos[] = { "tcp", "udp" };
	size_t p, w;

	for (p = 0; p < 2; p++) {
		for (w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
			if (n == 1) {
				row(protos[p], &ways[w], 0, n);
				continue;
			}
			row(protos[p], &ways[w], S_REUSEADDR, n);
			row(protos[p], &ways[w], S_REUSEPORT, n);
		}
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	bool sockets = !strcmp(what, "sockets"), cpus = !strcmp(what, "cpus");
	bool trace = !strcmp(what, "traced");
	int i, n;

	if (!sockets && !cpus && !trace && strcmp(what, "tcp") && strcmp(what, "udp"))
		return fprintf(stderr, "usage: packetcost sockets|tcp|udp|cpus|traced N...\n"), 2;
	new_netns();
	if (trace)
		tracefs_begin();
	for (i = 2; i < argc; i++) {
		n = atoi(argv[i]);
		if (cpus) {
			at_once(n);	/* what is allocated at first use is not to be counted */
			printf("cpus %d", n);
			in_each(NULL, NULL, 0, n);
		} else if (trace) {
			with_trace("tcp", n);
			with_trace("udp", n);
		} else if (!sockets) {
			crowd(what, n);
		} else if (n > 0 && n <= MOST) {
			table(n);
		}
	}
	if (trace)
		tracefs_end();
	return 0;
}
