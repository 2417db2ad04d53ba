// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic that makes every kind of row of /proc/net/reuse, and what reuse(8) says
 * about it, with a line above each part that says what there is to see. Then a bind()
 * that is refused, and why; and a server whose workers share a port, under each of the
 * semantics.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "env.h"
#include "sock.h"

#define WORKERS		4
#define CONNECTIONS	100

/* Arguments of reuse(8), and a line about what it finds */
static const struct {
	const char *filter;
	const char *title;
} groups[] = {
	{ ":8080", "A web server was restarted: SO_REUSEADDR let it bind beside its TIME_WAIT." },
	{ ":8443", "Four workers of uid 33 share a port by SO_REUSEPORT: the kernel deals out." },
	{ ":5432", "The database has stopped, but a child's connection still holds the port." },
	{ ":6379", "Two users bound one address by SO_REUSEADDR: the first listen() wins." },
	{ ":7777", "Bound, not listening: ss -ltn and /proc/net/tcp are blind, yet it is taken." },
	{ ":5353", "Three receivers of multicast DNS, two users: each gets a copy." },
	{ ":9090 :9091", "9090: dual stack, an IPv4 client looks mapped. 9091: two, one IPv6 only." },
	{ "connected", "Ports that connect() chose are taken as well: ephemeral." },
};

/* Goes on until the process that called it ends */
static void go_on(void (*fn)(int arg), int arg)
{
	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		fn(arg);
}

static void serve_one(int listener)
{
	int fd = accept(listener, NULL, NULL);

	usleep(5000);
	close(fd);
}

static void request(int port)
{
	int fd = sock_open("tcp", AF_INET, 0);
	char c;

	/* The server says nothing and closes first, so TIME_WAIT is its */
	if (!sock_try_connect(fd, text("127.0.0.1:%d", port)))
		(void)!read(fd, &c, 1);
	close(fd);
	usleep(25000);
}

static void web_server(void *unused)
{
	go_on(serve_one, sock_bind("tcp", "127.0.0.1:8080", S_LISTEN | S_REUSEADDR));
}

static void worker(void *unused)
{
	go_on(serve_one, sock_bind("tcp", "0.0.0.0:8443", S_LISTEN | S_REUSEPORT));
}

static void database(void *unused)
{
	int listener = sock_bind("tcp", "127.0.0.1:5432", S_LISTEN);
	struct pair pair;

	sock_pair(&pair, listener, "127.0.0.1:5432");
	close(listener);
}

static void cache(void *unused)
{
	sock_bind("tcp", "127.0.0.1:6379", S_REUSEADDR);
}

static void forgotten(void *unused)
{
	sock_bind("tcp", "127.0.0.1:7777", 0);
}

static void receiver(void *unused)
{
	struct ip_mreqn group = {
		.imr_multiaddr.s_addr = htonl(0xe00000fb),
		.imr_ifindex = if_nametoindex("lo"),
	};
	int fd = sock_bind("udp", "0.0.0.0:5353", S_REUSEADDR);

	if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)))
		die("IP_ADD_MEMBERSHIP");
}

static void both_families(void *unused)
{
	int dual = sock_bind("tcp", "[::]:9090", S_LISTEN);
	struct pair pair;

	sock_pair(&pair, dual, "127.0.0.1:9090");
	sock_pair(&pair, dual, "[::1]:9090");
	sock_bind("tcp", "[::]:9091", S_LISTEN | S_V6ONLY);
	sock_bind("tcp", "0.0.0.0:9091", S_LISTEN);
}

static void start(uid_t uid, void (*fn)(void *unused))
{
	struct child child;

	child_start(&child, uid, fn, NULL);
}

static void traffic(void)
{
	struct child web;
	int i;

	go_on(request, 8080);
	go_on(request, 8443);
	child_start(&web, 33, web_server, NULL);
	for (i = 0; i < 4; i++)
		start(33, worker);
	start(26, database);
	start(1001, cache);
	start(1002, cache);
	start(1000, forgotten);
	start(104, receiver);
	start(104, receiver);
	start(1000, receiver);
	start(0, both_families);
	usleep(700000);
	child_stop(&web);
	child_start(&web, 33, web_server, NULL);
	usleep(1000000);
}

/* Prints a command line, and what it prints */
static void show(const char *on, const char *off, const char *command)
{
	printf("%s$ %s%s\n", on, command, off);
	fflush(stdout);
	if (system(command))
		die("%s", command);
}

static void show_groups(const char *on, const char *off)
{
	size_t i;

	for (i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		printf("%s\n", groups[i].title);
		show(on, off, text("reuse -p %s", groups[i].filter));
		putchar('\n');
	}
	puts("The same in words:");
	show(on, off, "reuse who :7777");
}

static char worker_id;

static void answer(int listener)
{
	int fd = accept(listener, NULL, NULL);

	(void)!write(fd, &worker_id, 1);
	close(fd);
}

/* One of the workers of a server, who says why if it cannot work */
static void start_worker(void *id)
{
	int fd = sock_open("tcp", AF_INET, 0), one = 1;

	worker_id = *(char *)id;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one))) {
		dprintf(STDOUT_FILENO, "  worker %d: setsockopt(SO_REUSEPORT): %s\n",
			worker_id, strerror(errno));
		return;
	}
	if (sock_try_bind(fd, "0.0.0.0:8443") || listen(fd, CONNECTIONS))
		die("worker %d", worker_id);
	go_on(answer, fd);
}

/* The worker that serves a new connection, or 0 if it is refused */
static int served_by(const char *address)
{
	int fd = sock_open("tcp", AF_INET, 0), err;
	char id = 0;

	err = sock_try_connect(fd, address);
	if ((err && err != ECONNREFUSED) || (!err && read(fd, &id, 1) != 1))
		die("connection to %s", address);
	close(fd);
	return id;
}

static void print_bar(const char *name, int n)
{
	char bar[CONNECTIONS / 2 + 1] = "";

	memset(bar, '#', (n + 1) / 2);
	printf("  %s %3d%s%s\n", name, n, n ? " " : "", bar);
}

/* The same server and clients, in a namespace of its own */
static void spread(const char *semantics)
{
	struct child worker[WORKERS];
	int n[WORKERS + 1] = {}, idle = 0, i;
	char id;

	new_netns();
	write_file("/proc/sys/net/reuse/semantics", "%s", semantics);
	for (id = 1; id <= WORKERS; id++)
		child_start(&worker[id - 1], 33, start_worker, &id);
	for (i = 0; i < CONNECTIONS; i++)
		n[served_by("127.0.0.1:8443")]++;
	for (i = 1; i <= WORKERS; i++) {
		if (n[i])
			print_bar(text("worker %d", i), n[i]);
		idle += !n[i];
	}
	if (idle && idle < WORKERS)
		printf("  the others get none\n");
	if (n[0])
		print_bar("refused ", n[0]);
	for (i = 0; i < WORKERS; i++)
		child_stop(&worker[i]);
}

static void show_semantics(const char *on, const char *off)
{
	static const char * const about[][2] = {
		{ "native", "Linux as it is" },
		{ "bsd", "FreeBSD 13: SO_REUSEPORT shares the port, and the oldest gets all" },
		{ "freebsd15", "FreeBSD 14 and 15: so it does, and the newest gets all" },
		{ "openbsd", "OpenBSD: the same" },
		{ "netbsd", "NetBSD: the same" },
		{ "darwin", "macOS: the oldest gets all, as on FreeBSD 13" },
		{ "pre39", "Linux 3.8: there is no SO_REUSEPORT" },
	};
	size_t i;

	printf("\nnet.reuse.semantics: %d workers share a port by SO_REUSEPORT, %d clients.\n",
	       WORKERS, CONNECTIONS);
	for (i = 0; i < sizeof(about) / sizeof(*about); i++) {
		printf("\n%s%s (%s)%s\n", on, about[i][0], about[i][1], off);
		spread(about[i][0]);
	}
}

/* A bind() that is refused, what the log has of it, and what would help */
static void show_log(const char *on, const char *off)
{
	int s = sock_open("tcp", AF_INET, 0);

	printf("\nA server asks for 0.0.0.0:7777, and is refused. What the log has, and what would help:\n\n");
	fflush(stdout);
	show(on, off, "sysctl -w net.reuse.log=refused");
	if (!sock_try_bind(s, "0.0.0.0:7777"))
		die("7777 is free");
	close(s);
	show(on, off, "reuse log");
	show(on, off, "reuse why tcp 0.0.0.0:7777 || true");
	write_file("/proc/sys/net/reuse/log", "off");
}

int main(int argc, char **argv)
{
	bool color = argc > 1 && !strcmp(argv[1], "--color");
	const char *on = color ? "\033[1m" : "", *off = color ? "\033[m" : "";

	lo_up();
	traffic();
	show_groups(on, off);
	show_log(on, off);
	show_semantics(on, off);
	return 0;
}
