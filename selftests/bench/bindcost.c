// SPDX-License-Identifier: GPL-2.0
/*
 * What socket(), bind() and close() cost under each semantics, beside a number
 * of owners of the port; where guest time counts instructions, in instructions:
 *	bindcost N...	lines "bind PROTO FLAGS N NATIVE PRE39 BSD", - if refused
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
	struct rlimit limit = { 100000, 100000 };
	int i;

	setrlimit(RLIMIT_NOFILE, &limit);
	new_netns();
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
