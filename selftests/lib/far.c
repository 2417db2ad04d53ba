// SPDX-License-Identifier: GPL-2.0
/* Connections that come from far away, in a namespace that has no other end. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "env.h"
#include "far.h"

/* The kernel makes the route to an IPv6 address a while after the address */
static bool far6_has_route(void *arg)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool has;

	(void)arg;
	inet_pton(AF_INET6, FAR6, &sin6.sin6_addr);
	has = !bind(fd, (struct sockaddr *)&sin6, sizeof(sin6));
	sin6.sin6_port = htons(9);
	has = has && !connect(fd, (struct sockaddr *)&sin6, sizeof(sin6));
	close(fd);
	return has;
}

/**
 * far_addresses() - give the host the addresses FAR4 and FAR6, or take them away
 * @there: give
 */
void far_addresses(bool there)
{
	struct ifreq in = { .ifr_name = "lo:far", .ifr_flags = there ? IFF_UP : 0 };
	struct sockaddr_in *addr = (struct sockaddr_in *)&in.ifr_addr;
	struct {
		struct in6_addr addr;
		uint32_t prefix;
		int index;
	} in6 = { .prefix = 128, .index = if_nametoindex("lo") };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd6;

	if (there) {
		addr->sin_family = AF_INET;
		inet_pton(AF_INET, FAR4, &addr->sin_addr);
	}
	if (ioctl(fd, there ? SIOCSIFADDR : SIOCSIFFLAGS, &in))
		die("address of lo");
	close(fd);
	if (!has_ipv6())
		return;

	fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET6, FAR6, &in6.addr);
	if (ioctl(fd6, there ? SIOCSIFADDR : SIOCDIFADDR, &in6))
		die("IPv6 address of lo");
	close(fd6);
	if (there && !wait_for(far6_has_route, NULL, 10000))
		die("no route to " FAR6);
}
