// SPDX-License-Identifier: GPL-2.0
/*
 * Fills a new network namespace with sockets and runs a command in it:
 *	fill SHAPE N COMMAND...
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulk.h"
#include "env.h"
#include "sock.h"

#define SERVER_PORT	8000

/* Each a row, and a listener */
static void listeners(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		bulk_bind("tcp", LOOPBACK(i / 30000), 1000 + i % 30000, S_LISTEN);
}

/* Each a row */
static void datagrams(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		bulk_bind("udp", LOOPBACK(i / 30000), 1000 + i % 30000, 0);
}

static void listeners6(unsigned int n, const char *host)
{
	char address[64];
	unsigned int i;

	for (i = 0; i < n; i++) {
		snprintf(address, sizeof(address), "[%s]:%u", host, 1000 + i);
		sock_bind("tcp", address, S_LISTEN);
	}
}

/* Listeners, each a row, on the shortest address of IPv6 and on one of the longest */
static void ipv6(unsigned int n)
{
	listeners6(n, "::1");
}

static void ipv6_long(unsigned int n)
{
	add_address("fd01:1234:5678:9abc:def0:1234:5678:9abc", "lo", NULL);
	listeners6(n, "fd01:1234:5678:9abc:def0:1234:5678:9abc");
}

/* Bound to one port, on 2,000 addresses */
static void bound(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		bulk_bind("tcp", LOOPBACK((uint64_t)i * 2000 / n), SERVER_PORT, RA | RP);
}

/*
 * Connections of one port, without sockets at their other ends: TCP_REPAIR makes
 * them without a packet. A port of a server that has accepted many looks so.
 */
static void connections(unsigned int n)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	unsigned int i;
	int fd;

	for (i = 0; i < n; i++) {
		fd = bulk_bind("tcp", LOOPBACK(0), SERVER_PORT, RA | RP);
		sock_set(fd, IPPROTO_TCP, TCP_REPAIR, 1);
		to.sin_port = htons(1024 + i % 50000);
		to.sin_addr.s_addr = htonl(LOOPBACK(1 + i / 50000));
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			die("connection %u", i);
	}
}

/* TIME_WAIT of one port: the server closes first */
static void timewait(unsigned int n)
{
	int listener = bulk_bind("tcp", LOOPBACK(0), SERVER_PORT, S_LISTEN), fd;
	unsigned int i;

	write_file(IPV4_SYSCTL "tcp_max_tw_buckets", "%u", 2 * n);
	for (i = 0; i < n; i++) {
		fd = bulk_connect(LOOPBACK(1 + i % 5000), LOOPBACK(0), SERVER_PORT);
		close(sock_accept(listener));
		close(fd);
	}
}

static void ends(struct pair *pair, int listener, const char *address, int client, int server)
{
	sock_pair(pair, listener, address);
	if (client == TCP_FIN_WAIT2)
		shutdown(pair->client, SHUT_WR);
	if (client == TCP_FIN_WAIT1) {
		sock_deaf(pair->server, true);
		shutdown(pair->client, SHUT_WR);
	}
	if (server == TCP_LAST_ACK) {
		shutdown(pair->client, SHUT_WR);
		/* The answer to the FIN may come late */
		sock_wait_state(pair->client, TCP_FIN_WAIT2);
		sock_deaf(pair->client, true);
		shutdown(pair->server, SHUT_WR);
	}
	sock_wait_state(pair->client, client);
	sock_wait_state(pair->server, server);
}

static void all_states(int listener, const char *address, unsigned int n)
{
	static const int states[][2] = {
		{ TCP_ESTABLISHED, TCP_ESTABLISHED },
		{ TCP_ESTABLISHED, TCP_ESTABLISHED },
		{ TCP_FIN_WAIT2, TCP_CLOSE_WAIT },
		{ TCP_FIN_WAIT1, TCP_ESTABLISHED },
		{ TCP_FIN_WAIT2, TCP_LAST_ACK },
	};
	struct pair pair;
	unsigned int i;

	while (n--) {
		for (i = 0; i < sizeof(states) / sizeof(*states); i++)
			ends(&pair, listener, address, states[i][0], states[i][1]);
		/* TIME_WAIT of the server, of the client, FIN_WAIT2 without a process */
		sock_pair(&pair, listener, address);
		close(pair.server);
		close(pair.client);
		sock_pair(&pair, listener, address);
		close(pair.client);
		close(pair.server);
		sock_pair(&pair, listener, address);
		close(pair.client);
	}
}

/* Some of everything, @n of each */
static void mixed(unsigned int n)
{
	static const char * const servers[] = { "127.0.0.1:80", "[::1]:81", "127.0.0.2:82" };
	int dual = sock_bind("tcp", "[::]:90", S_LISTEN), fd;
	int deaf = sock_bind("tcp", "127.0.0.1:91", S_LISTEN);
	unsigned int i;

	for (i = 0; i < sizeof(servers) / sizeof(*servers); i++)
		all_states(sock_bind("tcp", servers[i], S_LISTEN | S_REUSEADDR), servers[i], n);
	all_states(dual, "127.0.0.1:90", n);
	all_states(dual, "[::1]:90", n);
	sock_deaf(deaf, true);
	for (i = 0; i < n; i++) {
		fd = sock_open("tcp", AF_INET, S_NONBLOCK);
		if (sock_try_connect(fd, "127.0.0.1:91") != EINPROGRESS)
			die("connect to 127.0.0.1:91");
		sock_bind("tcp", "127.0.0.1:100", S_REUSEADDR);
		sock_bind("tcp", "[::1]:101", S_REUSEADDR);
		sock_bind("udp", "0.0.0.0:200", S_REUSEADDR);
		sock_bind("udp", "127.0.0.1:200", S_REUSEADDR);
		sock_bind("udp", "[::]:201", S_REUSEPORT);
		sock_connect(sock_bind("udp", "127.0.0.1:202", S_REUSEADDR), "127.0.0.1:200");
		sock_connect(sock_open("udp", AF_INET6, 0), "[::1]:201");
	}
}

static const struct shape {
	const char *name;
	void (*fill)(unsigned int n);
} shapes[] = {
	{ "listeners", listeners },
	{ "datagrams", datagrams },
	{ "ipv6", ipv6 },
	{ "ipv6_long", ipv6_long },
	{ "bound", bound },
	{ "connections", connections },
	{ "timewait", timewait },
	{ "mixed", mixed },
};

static int run_command(char **argv)
{
	int status;
	pid_t pid;

	if (!*argv)
		return 0;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		execvp(*argv, argv);
		die("cannot run %s", *argv);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("no process");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 2 && i < sizeof(shapes) / sizeof(*shapes); i++) {
		unsigned int n = atoi(argv[2]);

		if (strcmp(shapes[i].name, argv[1]))
			continue;
		new_netns();
		bulk_files(2 * n + 1000);
		shapes[i].fill(n);
		return run_command(argv + 3);
	}
	fprintf(stderr, "usage: fill SHAPE N [COMMAND...], SHAPE being one of:");
	for (i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		fprintf(stderr, " %s", shapes[i].name);
	fprintf(stderr, "\n");
	return 2;
}
