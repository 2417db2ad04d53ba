// SPDX-License-Identifier: GPL-2.0
/* UDP and UDP-Lite sockets in each state. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "harness.h"

FIXTURE(udp) {
};

FIXTURE_VARIANT(udp) {
	const char *proto;
	const struct family *f;
};

FIXTURE_VARIANT_ADD(udp, v4) { "udp", &families[V4] };
FIXTURE_VARIANT_ADD(udp, v4_any) { "udp", &families[V4_ANY] };
FIXTURE_VARIANT_ADD(udp, v6) { "udp", &families[V6] };
FIXTURE_VARIANT_ADD(udp, v6_mapped) { "udp", &families[V6_MAPPED] };
FIXTURE_VARIANT_ADD(udp, v6_dual_from4) { "udp", &families[V6_DUAL_FROM4] };
FIXTURE_VARIANT_ADD(udp, v6_dual_from6) { "udp", &families[V6_DUAL_FROM6] };
FIXTURE_VARIANT_ADD(udp, v6_only) { "udp", &families[V6_ONLY] };
FIXTURE_VARIANT_ADD(udp, lite_v4) { "udplite", &families[V4] };
FIXTURE_VARIANT_ADD(udp, lite_v4_any) { "udplite", &families[V4_ANY] };
FIXTURE_VARIANT_ADD(udp, lite_v6) { "udplite", &families[V6] };
FIXTURE_VARIANT_ADD(udp, lite_v6_mapped) { "udplite", &families[V6_MAPPED] };
FIXTURE_VARIANT_ADD(udp, lite_v6_dual_from4) { "udplite", &families[V6_DUAL_FROM4] };
FIXTURE_VARIANT_ADD(udp, lite_v6_dual_from6) { "udplite", &families[V6_DUAL_FROM6] };
FIXTURE_VARIANT_ADD(udp, lite_v6_only) { "udplite", &families[V6_ONLY] };

FIXTURE_SETUP(udp)
{
	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	new_netns();
}

FIXTURE_TEARDOWN(udp)
{
}

static const char *any_of(const struct family *f)
{
	return sock_family(f->client) == AF_INET ? "0.0.0.0:81" : "[::]:81";
}

/* A bound socket is one row, gone when it closes */
TEST_F(udp, bound)
{
	const struct family *f = variant->f;
	int s;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	s = sock_bind(variant->proto, f->listen, f->flags);
	EXPECT_REUSE("%s %s%s bound=1\n", variant->proto, f->listen, f->only);
	close(s);
	EXPECT_NO_ROWS();
}

/* Sockets that share an address are counted in one row, each with its flags */
TEST_F(udp, flags)
{
	const struct family *f = variant->f;
	const char *row = text("%s %s%s", variant->proto, f->listen, f->only);
	int s;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	s = sock_bind(variant->proto, f->listen, f->flags | S_REUSEADDR);
	EXPECT_REUSE("%s bound=1 reuseaddr=1\n", row);
	sock_bind(variant->proto, f->listen, f->flags | S_REUSEADDR | S_REUSEPORT);
	sock_bind(variant->proto, f->listen, f->flags | S_REUSEADDR | S_REUSEPORT);
	EXPECT_REUSE("%s bound=3 reuseaddr=3 reuseport=2\n", row);
	sock_set(s, SOL_SOCKET, SO_REUSEADDR, 0);
	EXPECT_REUSE("%s bound=3 reuseaddr=2 reuseport=2\n", row);
}

/* connect() moves a socket from bound to connected, AF_UNSPEC moves it back */
TEST_F(udp, connected)
{
	const struct family *f = variant->f;
	const char *server = text("%s %s%s bound=1\n", variant->proto, f->listen, f->only);
	const char *client;
	int c;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	sock_bind(variant->proto, f->listen, f->flags);
	c = sock_bind(variant->proto, f->client, 0);
	client = sock_row(c);
	EXPECT_REUSE("%s%s %s bound=1\n", server, variant->proto, client);
	sock_connect(c, f->connect);
	EXPECT_REUSE("%s%s %s connected=1\n", server, variant->proto, client);
	sock_disconnect(c);
	EXPECT_REUSE("%s%s %s bound=1\n", server, variant->proto, client);
}

/* connect() gives a socket bound to the wildcard an address, AF_UNSPEC takes it back */
TEST_F(udp, narrowed)
{
	const struct family *f = variant->f;
	int c;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	c = sock_bind(variant->proto, any_of(f), 0);
	EXPECT_REUSE("%s %s bound=1\n", variant->proto, any_of(f));
	sock_connect(c, f->connect);
	EXPECT_STREQ(f->client, sock_name(c));
	EXPECT_REUSE("%s %s connected=1\n", variant->proto, sock_row(c));
	sock_disconnect(c);
	EXPECT_REUSE("%s %s bound=1\n", variant->proto, any_of(f));
}

/* A port taken by connect() is listed, and gone with the connection */
TEST_F(udp, connect_only)
{
	const struct family *f = variant->f;
	int c;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	c = sock_open(variant->proto, sock_family(f->connect), 0);
	sock_connect(c, f->connect);
	EXPECT_REUSE("%s %s connected=1\n", variant->proto, sock_row(c));
	sock_disconnect(c);
	EXPECT_NO_ROWS();
}

/* A port taken by sendto() is bound to the wildcard */
TEST_F(udp, autobound)
{
	const struct family *f = variant->f;
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(f->connect, &ss);
	int c;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	sock_bind(variant->proto, f->listen, f->flags);
	c = sock_open(variant->proto, sock_family(f->connect), 0);
	ASSERT_EQ(1, sendto(c, "", 1, 0, (struct sockaddr *)&ss, len));
	EXPECT_REUSE("%s %s%s bound=1\n%s %s bound=1\n", variant->proto, f->listen, f->only,
		     variant->proto, sock_row(c));
}

FIXTURE(multicast) {
};

FIXTURE_VARIANT(multicast) {
	const char *proto;
	const char *group;
};

FIXTURE_VARIANT_ADD(multicast, v4) { "udp", "239.1.2.3:5000" };
FIXTURE_VARIANT_ADD(multicast, v6) { "udp", "[ff05::1:3]:5000" };
FIXTURE_VARIANT_ADD(multicast, lite_v4) { "udplite", "239.1.2.3:5000" };
FIXTURE_VARIANT_ADD(multicast, lite_v6) { "udplite", "[ff05::1:3]:5000" };

FIXTURE_SETUP(multicast)
{
	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	new_netns();
}

FIXTURE_TEARDOWN(multicast)
{
}

static void join(int fd, const char *group)
{
	struct sockaddr_storage ss;
	struct ip_mreqn four = { .imr_ifindex = 1 };
	struct ipv6_mreq six = { .ipv6mr_interface = 1 };

	sock_addr(group, &ss);
	if (ss.ss_family == AF_INET) {
		four.imr_multiaddr = ((struct sockaddr_in *)&ss)->sin_addr;
		if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof(four)))
			die("IP_ADD_MEMBERSHIP");
	} else {
		six.ipv6mr_multiaddr = ((struct sockaddr_in6 *)&ss)->sin6_addr;
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six, sizeof(six)))
			die("IPV6_ADD_MEMBERSHIP");
	}
}

/* Receivers of a group share its address, those of all groups the wildcard */
TEST_F(multicast, receivers)
{
	bool v6 = sock_family(variant->group) == AF_INET6;
	const char *any = v6 ? "[::]:5000" : "0.0.0.0:5000";
	int i;

	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	for (i = 0; i < 3; i++)
		join(sock_bind(variant->proto, variant->group, S_REUSEADDR), variant->group);
	for (i = 0; i < 2; i++)
		join(sock_bind(variant->proto, any, S_REUSEADDR), variant->group);
	EXPECT_REUSE("%s %s%s bound=3 reuseaddr=3\n%s %s bound=2 reuseaddr=2\n",
		     variant->proto, variant->group, v6 ? " v6only=1" : "",
		     variant->proto, any);
}

/* One port of UDP, UDP-Lite and TCP is three rows */
TEST(protocols_apart)
{
	new_netns();
	sock_bind("tcp", "127.0.0.1:80", 0);
	sock_bind("udp", "127.0.0.1:80", S_REUSEADDR);
	if (sock_has("udplite"))
		sock_bind("udplite", "127.0.0.1:80", S_REUSEPORT);
	EXPECT_REUSE("tcp 127.0.0.1:80 bound=1\nudp 127.0.0.1:80 bound=1 reuseaddr=1\n%s",
		     sock_has("udplite") ? "udplite 127.0.0.1:80 bound=1 reuseport=1\n" : "");
}

/* A datagram that was sent and not read changes nothing, nor does shutdown() */
TEST(half_closed)
{
	struct sockaddr_storage ss;
	socklen_t len = sock_addr("127.0.0.1:80", &ss);
	int s;

	new_netns();
	s = sock_bind("udp", "127.0.0.1:80", 0);
	ASSERT_EQ(1, sendto(s, "", 1, 0, (struct sockaddr *)&ss, len));
	EXPECT_REUSE("udp 127.0.0.1:80 bound=1\n");
	sock_connect(s, "127.0.0.1:80");
	shutdown(s, SHUT_RDWR);
	EXPECT_REUSE("udp 127.0.0.1:80 connected=1\n");
}

TEST_HARNESS_MAIN
