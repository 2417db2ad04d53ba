// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of socket(), bind() and close() under each semantics, beside a number
 * of owners of the port; where guest time counts instructions, in instructions:
 *	bindcost N...	lines "bind PROTO FLAGS N COST...", - if refused
 * Or what bind() alone costs beside the connections that a server has accepted:
 *	bindcost accepted N	lines "accepted SERVER FLAGS ADDRESS N COST...", where
 *				SERVER still listens (up) or has closed its listener (gone),
 *				each with /ERRNO if refused
 * Or what a log or a trace adds, to a bind() that is allowed and to one that an owner refuses:
 *	bindcost logged		lines "logged SEMANTICS PROTO VERDICT OFF REFUSED ALL TRACED", the
 *				costs with each net.reuse.log, and with reuse_bind enabled
 * Or what bind() to port 0 costs with nine tenths of the range taken, on average:
 *	bindcost range		lines "range PROTO COST..."
 * Or what a switch to bsd costs the task that makes it, without what it waits for:
 *	bindcost switch N	lines "switch PROTO N COST", with N bound sockets
 * Otherwise the costs are those of the semantics, in the order of net.reuse.available_semantics.
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
#include "events.h"
#include "module.h"
#include "sock.h"
#include "tracefs.h"

#define ADDRESS	"127.0.0.1:4000"
#define TURNS	20

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* The least of some turns, or -1 if bind() does not end with @want, an errno or 0 */
static long long turns(const char *proto, unsigned int flags, int want)
{
	long long least = -1;
	int i;

	for (i = 0; i < TURNS; i++) {
		long long start = now(), took;
		int s = sock_open(proto, AF_INET, flags);
		int err = sock_try_bind(s, ADDRESS);

		close(s);
		took = now() - start;
		if (err != want)
			return -1;
		if (least < 0 || took < least)
			least = took;
	}
	return least;
}

/* Owners are bound under the same semantics, and gone before they change */
static void measure(const char *proto, unsigned int flags, int owners)
{
	int *fd = calloc(owners + 1, sizeof(*fd));
	enum semantics s;
	int i, n;

	printf("bind %s %s%s%s %d", proto, flags & S_REUSEADDR ? "RA" : "",
	       flags & S_REUSEPORT ? "RP" : "", flags ? "" : "none", owners);
	for (s = NATIVE; s < SEMANTICS_COUNT; s++) {
		long long cost = -1;

		semantics_set(s);
		if (s == PRE39 && flags & S_REUSEPORT) {
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
			cost = turns(proto, flags, 0);
		for (i = 0; i < n; i++)
			close(fd[i]);
		printf(cost < 0 ? " -" : " %lld", cost);
	}
	printf("\n");
	fflush(stdout);
	semantics_set(NATIVE);
	free(fd);
}

#define SERVER		INADDR_LOOPBACK
#define CLIENT		0x7f010001	/* and the addresses after it */
#define PER_CLIENT	25000		/* connections: fewer than an address has ports */

struct newcomer {
	const char *server;
	unsigned int flags;
	const char *address;
	char cost[SEMANTICS_COUNT][32];
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

static void newcomers_under(enum semantics s, const char *server)
{
	struct newcomer *new;

	semantics_set(s);
	for (new = newcomers; new->server; new++) {
		if (!strcmp(new->server, server))
			bind_costs(new, new->cost[s], sizeof(new->cost[s]));
	}
}

/* All but native */
static void newcomers_under_others(const char *server)
{
	enum semantics s;

	for (s = PRE39; s < SEMANTICS_COUNT; s++)
		newcomers_under(s, server);
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

static int start_server(void)
{
	return bulk_bind("tcp", SERVER, 4000, S_LISTEN | S_REUSEADDR);
}

/*
 * The connections are accepted under netbsd, which tells them from others. Under native that is
 * forgotten, so native comes last.
 */
static void measure_accepted(int n)
{
	struct newcomer *new;
	enum semantics s;
	int server, i;

	bulk_files(n + 100);
	semantics_set(NETBSD);
	server = start_server();
	for (i = 0; i < n; i++)
		accept_one(server, i);
	newcomers_under_others("up");
	close(server);
	newcomers_under_others("gone");
	newcomers_under(NATIVE, "gone");
	server = start_server();
	newcomers_under(NATIVE, "up");
	close(server);
	for (new = newcomers; new->server; new++) {
		printf("accepted %s %s %s %d", new->server, new->flags ? "RA" : "none",
		       new->address, n);
		for (s = NATIVE; s < SEMANTICS_COUNT; s++)
			printf(" %s", new->cost[s]);
		printf("\n");
	}
}

static void measure_logged(enum semantics s, const char *proto, bool refused)
{
	static const char * const levels[] = { "off", "refused", "all" };
	int owner = -1;
	size_t i;

	semantics_set(s);
	if (refused)
		owner = sock_bind(proto, ADDRESS, 0);
	printf("logged %s %s %s", semantics_name[s], proto, refused ? "refused" : "allowed");
	for (i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		events_begin(levels[i]);
		printf(" %lld", turns(proto, 0, refused ? EADDRINUSE : 0));
	}
	events_begin("off");
	tracefs_enable("reuse_bind", true);
	printf(" %lld\n", turns(proto, 0, refused ? EADDRINUSE : 0));
	fflush(stdout);
	tracefs_enable("reuse_bind", false);
	if (refused)
		close(owner);
}

static void measure_all_logged(void)
{
	enum semantics s;
	int refused;

	tracefs_begin();
	for (s = NATIVE; s < SEMANTICS_COUNT; s++) {
		for (refused = 0; refused < 2; refused++) {
			measure_logged(s, "tcp", refused);
			measure_logged(s, "udp", refused);
		}
	}
	tracefs_end();
	semantics_set(NATIVE);
}

#define RANGE		10000
#define RANGE_TURNS	1000

/* The free ports are spread over the range: what a search costs depends on where it begins */
static void measure_range(const char *proto)
{
	int *fd = calloc(RANGE, sizeof(*fd));
	enum semantics s;
	int i;

	write_file(PORT_RANGE, "%d %d", 20000, 20000 + RANGE - 1);
	for (i = 0; i < RANGE; i++)
		fd[i] = bulk_bind(proto, INADDR_LOOPBACK, 20000 + i, 0);
	for (i = 7; i < RANGE; i += 10)
		close(fd[i]);
	printf("range %s", proto);
	for (s = NATIVE; s < SEMANTICS_COUNT; s++) {
		long long sum = 0, start;

		semantics_set(s);
		for (i = 0; i < RANGE_TURNS; i++) {
			start = now();
			close(bulk_bind(proto, INADDR_LOOPBACK, 0, 0));
			sum += now() - start;
		}
		printf(" %lld", sum / RANGE_TURNS);
	}
	printf("\n");
	fflush(stdout);
	semantics_set(NATIVE);
	for (i = 0; i < RANGE; i++) {
		if (i % 10 != 7)
			close(fd[i]);
	}
	free(fd);
}

static long long busy(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Another namespace is bsd already: to install hooks is no part of it */
static void measure_switch(const char *proto, int n)
{
	int *fd = calloc(n, sizeof(*fd));
	long long start;
	int i;

	for (i = 0; i < n; i++)
		fd[i] = bulk_bind(proto, LOOPBACK(i / 30000), 1000 + i % 30000, 0);
	start = busy();
	semantics_set(BSD);
	printf("switch %s %d %lld\n", proto, n, busy() - start);
	fflush(stdout);
	semantics_set(NATIVE);
	for (i = 0; i < n; i++)
		close(fd[i]);
	free(fd);
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
	if (argc == 2 && !strcmp(argv[1], "logged")) {
		measure_all_logged();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "range")) {
		bulk_files(RANGE + 100);
		measure_range("tcp");
		measure_range("udp");
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "switch")) {
		bulk_files(atoi(argv[2]) + 100);
		semantics_set(BSD);
		new_netns();
		measure_switch("tcp", atoi(argv[2]));
		measure_switch("udp", atoi(argv[2]));
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
