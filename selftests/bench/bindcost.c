// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of socket(), bind() and close() under each semantics, beside a number
 * of owners of the port; where guest time counts instructions, in instructions:
 *	bindcost N...	lines "bind PROTO FLAGS N NATIVE PRE39 BSD", - if refused
 * Or what bind() alone costs beside the connections that a server has accepted:
 *	bindcost accepted N	lines "accepted SERVER FLAGS ADDRESS N NATIVE BSD", where
 *				SERVER still listens (up) or has closed its listener (gone),
 *				each with /ERRNO if refused
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bulk.h"
#include "env.h"
#include "module.h"
#include "sock.h"

#define ADDRESS	"127.0.0.1:4000"
#define TURNS	20

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* The least of some turns, or -1 if a bind is refused */
static long long turns(const char *proto, unsigned int flags)
{
	long long least = -1;
	int i;

	for (i = 0; i < TURNS; i++) {
		long long start = now(), took;
		int s = sock_open(proto, AF_INET, flags);
		int err = sock_try_bind(s, ADDRESS);

		close(s);
		took = now() - start;
		if (err)
			return -1;
		if (least < 0 || took < least)
			least = took;
	}
	return least;
}

/* Owners are bound under the same semantics, and gone before they change */
static void measure(const char *proto, unsigned int flags, int owners)
{
	static const char * const words[3] = { "native", "pre39", "bsd" };
	int *fd = calloc(owners + 1, sizeof(*fd));
	size_t w;
	int i, n;

	printf("bind %s %s%s%s %d", proto, flags & S_REUSEADDR ? "RA" : "",
	       flags & S_REUSEPORT ? "RP" : "", flags ? "" : "none", owners);
	for (w = 0; w < 3; w++) {
		long long cost = -1;

		write_file(SEMANTICS, "%s", words[w]);
		if (w == 1 && flags & S_REUSEPORT) {
			printf(" -");
			continue;
		}
		for (n = 0; n < owners; n++) {
			fd[n] = sock_open(proto, AF_INET, flags);
			if (sock_try_bind(fd[n], ADDRESS)) {
				close(fd[n]);
				break;
			}
		}
		if (n == owners)
			cost = turns(proto, flags);
		for (i = 0; i < n; i++)
			close(fd[i]);
		printf(cost < 0 ? " -" : " %lld", cost);
	}
	printf("\n");
	fflush(stdout);
	write_file(SEMANTICS, "native");
	free(fd);
}

#define SERVER		INADDR_LOOPBACK
#define CLIENT		0x7f010001	/* and the addresses after it */
#define PER_CLIENT	25000		/* connections: fewer than an address has ports */

struct newcomer {
	const char *server;
	unsigned int flags;
	const char *address;
	char native[32];
	char bsd[32];
};

static struct newcomer newcomers[] = {
	{ .server = "up", .flags = 0, .address = ADDRESS },
	{ .server = "up", .flags = S_REUSEADDR, .address = ADDRESS },
	{ .server = "up", .flags = 0, .address = "127.0.0.2:4000" },
	{ .server = "up", .flags = S_REUSEADDR, .address = "0.0.0.0:4000" },
	{ .server = "gone", .flags = 0, .address = ADDRESS },
	{ .server = "gone", .flags = S_REUSEADDR, .address = ADDRESS },
	{ .server = "gone", .flags = 0, .address = "127.0.0.2:4000" },
	{ .server = "gone", .flags = S_REUSEADDR, .address = "0.0.0.0:4000" },
	{ .server = NULL },
};

/* The least of some turns, as text */
static void bind_costs(const struct newcomer *new, char *text, size_t size)
{
	long long least = -1;
	int i, err = 0;

	for (i = 0; i < TURNS; i++) {
		int s = sock_open("tcp", AF_INET, new->flags);
		struct sockaddr_storage ss;
		socklen_t len = sock_addr(new->address, &ss);
		long long took = -now();

		err = bind(s, (struct sockaddr *)&ss, len) ? errno : 0;
		took += now();
		close(s);
		if (least < 0 || took < least)
			least = took;
	}
	if (err)
		snprintf(text, size, "%lld/%d", least, err);
	else
		snprintf(text, size, "%lld", least);
}

/* The connections were accepted under bsd, so that is measured first */
static void newcomers_beside(const char *server)
{
	struct newcomer *new;

	write_file(SEMANTICS, "bsd");
	for (new = newcomers; new->server; new++) {
		if (!strcmp(new->server, server))
			bind_costs(new, new->bsd, sizeof(new->bsd));
	}
	write_file(SEMANTICS, "native");
	for (new = newcomers; new->server; new++) {
		if (!strcmp(new->server, server))
			bind_costs(new, new->native, sizeof(new->native));
	}
}

/* The client's end of a connection goes, and the server's end stays */
static void accept_one(int server, int i)
{
	int client = bulk_connect(CLIENT + i / PER_CLIENT, SERVER, 4000);

	if (accept(server, NULL, NULL) < 0)
		die("connection %d is not accepted", i);
	sock_set(client, IPPROTO_TCP, TCP_REPAIR, 1);
	close(client);
}

static void measure_accepted(int n)
{
	struct newcomer *new;
	int server, i;

	write_file("/proc/sys/fs/nr_open", "%d", n + 1000);
	bulk_files(n + 100);
	write_file(SEMANTICS, "bsd");
	server = bulk_bind("tcp", SERVER, 4000, S_LISTEN | S_REUSEADDR);
	for (i = 0; i < n; i++)
		accept_one(server, i);
	newcomers_beside("up");
	close(server);
	newcomers_beside("gone");
	for (new = newcomers; new->server; new++) {
		printf("accepted %s %s %s %d %s %s\n", new->server, new->flags ? "RA" : "none",
		       new->address, n, new->native, new->bsd);
	}
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 100000, 100000 };
	int i;

	new_netns();
	if (argc == 3 && !strcmp(argv[1], "accepted")) {
		measure_accepted(atoi(argv[2]));
		return 0;
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 1; i < argc; i++) {
		int n = atoi(argv[i]);

		if (!n) {
			measure("tcp", 0, 0);
			measure("udp", 0, 0);
		}
		measure("tcp", S_REUSEADDR, n);
		measure("tcp", S_REUSEPORT, n);
		measure("udp", S_REUSEADDR, n);
		measure("udp", S_REUSEPORT, n);
	}
	return 0;
}
