// SPDX-License-Identifier: GPL-2.0
/*
 * Opens sockets one after the other and keeps them until it ends, for tests of reuse(8):
 *	sockets PROTO ADDRESS FLAGS...
 * a: SO_REUSEADDR, p: SO_REUSEPORT, l: listen(); s: not a socket, but 20 datagrams to ADDRESS;
 * w: wait for a line of standard input. Prints what bind() and listen() say.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "sock.h"

#define DATAGRAMS	20

/* Each from a port of its own: Linux deals them out among a group */
static void send_all(const char *proto, const char *address)
{
	int i, fd;

	for (i = 0; i < DATAGRAMS; i++) {
		fd = sock_open(proto, sock_family(address), 0);
		sock_connect(fd, address);
		if (write(fd, "x", 1) != 1)
			die("write");
		close(fd);
	}
}

static void open_one(const char *proto, const char *address, const char *flags)
{
	unsigned int options = 0;
	int fd, err;

	if (strchr(flags, 'a'))
		options |= S_REUSEADDR;
	if (strchr(flags, 'p'))
		options |= S_REUSEPORT;
	fd = sock_open(proto, sock_family(address), options);
	err = sock_try_bind(fd, address);
	if (!err && strchr(flags, 'l') && listen(fd, 16))
		err = errno;
	printf("%s %s %s: %s\n", proto, address, flags, err ? strerror(err) : "ok");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i + 2 < argc; i += 3) {
		if (strchr(argv[i + 2], 's'))
			send_all(argv[i], argv[i + 1]);
		else
			open_one(argv[i], argv[i + 1], argv[i + 2]);
		if (strchr(argv[i + 2], 'w'))
			getchar();
	}
	return 0;
}
