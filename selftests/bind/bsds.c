// SPDX-License-Identifier: GPL-2.0
/* The BSDs differ in more than the recorded answers tell. */
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/fsuid.h>

#include "variants.h"

#define ALICE		1000
#define BOB		2000
#define LOW_PORT	600
#define NFS_PORT	2049

/* A client that got no answer, and a RST is not even on its way */
#define SILENCE		ETIMEDOUT
/* A port that bind() to port 0 chose although another socket holds it */
#define SHARED		0

FIXTURE(bsds) {
};

FIXTURE_VARIANT(bsds) {
	enum semantics semantics;
};

ADD_BSDS(bsds);

#define SAYS(bsd, freebsd15, openbsd, netbsd, darwin, question) do { \
	const int want[] = { bsd, freebsd15, openbsd, netbsd, darwin }; \
	EXPECT_EQ(want[variant->semantics - BSD], (question)) \
		TH_LOG("%s: %s", semantics_name[variant->semantics], #question); \
} while (0)

FIXTURE_SETUP(bsds)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	new_netns();
	semantics_set(variant->semantics);
}

FIXTURE_TEARDOWN(bsds)
{
}

static int bind_by(int fd, const char *address)
{
	int err = sock_try_bind(fd, address);

	close(fd);
	return err;
}

/* By a user without privileges */
static int alice_binds(const char *proto, const char *address, unsigned int flags)
{
	int err;

	if (seteuid(ALICE))
		die("seteuid");
	err = bind_by(sock_open(proto, sock_family(address), flags), address);
	if (seteuid(0))
		die("seteuid");
	return err;
}

/* The port is low where it is not every user's, and in use */
TEST_F(bsds, privileged_ports)
{
	const char *any = text("0.0.0.0:%d", LOW_PORT), *one = text("127.0.0.1:%d", LOW_PORT);
	const char *any6 = text("[::]:%d", LOW_PORT), *one6 = text("[::1]:%d", LOW_PORT);
	const char *nfs = text("127.0.0.1:%d", NFS_PORT);

	if (kernel_before(5, 12))
		SKIP(return, "this kernel asks for the privilege first");
	SAYS(EACCES, EACCES, EACCES, EACCES, 0, alice_binds("tcp", any, 0));
	SAYS(EACCES, EACCES, EACCES, EACCES, 0, alice_binds("udp", any, 0));
	SAYS(EACCES, EACCES, EACCES, EACCES, 0, alice_binds("tcp", any6, S_V6ONLY));
	SAYS(EACCES, EACCES, EACCES, EACCES, EACCES, alice_binds("tcp", one, 0));
	SAYS(EACCES, EACCES, EACCES, EACCES, EACCES, alice_binds("udp", one6, S_V6ONLY));
	SAYS(0, 0, EACCES, 0, 0, alice_binds("tcp", nfs, 0));
	EXPECT_EQ(0, bind_by(sock_open("tcp", AF_INET, 0), nfs));

	write_file(IPV4_SYSCTL "ip_unprivileged_port_start", "%d", LOW_PORT);
	EXPECT_EQ(0, alice_binds("tcp", one, 0));
}

/* Which comes first, that the port is in use or that it takes a privilege? */
TEST_F(bsds, privileged_port_in_use)
{
	static const char * const hosts[] = { "127.0.0.1", "[::1]" };
	static const char * const protos[] = { "tcp", "udp" };
	int i, fd;

	for (i = 0; i < 4; i++) {
		const char *proto = protos[i % 2], *host = hosts[i / 2];
		const char *address = text("%s:%d", host, LOW_PORT);
		int family = sock_family(address);

		fd = sock_bind(proto, address, RP);
		SAYS(EACCES, EACCES, EADDRINUSE, EACCES, EACCES, alice_binds(proto, address, 0));
		SAYS(EACCES, EACCES, EADDRINUSE, EACCES, EACCES, alice_binds(proto, address, RP));
		EXPECT_EQ(EACCES, alice_binds(proto, text("%s:%d", host, LOW_PORT + 1), 0));
		close(fd);
		EXPECT_EQ(EACCES, alice_binds(proto, address, 0));

		/* With one of her own she may share it, but for the privilege */
		setfsuid(ALICE);
		fd = sock_open(proto, family, RP);
		setfsuid(0);
		EXPECT_EQ(0, sock_try_bind(fd, address));
		EXPECT_EQ(EACCES, alice_binds(proto, address, RP));
		SAYS(EACCES, EACCES, EADDRINUSE, EACCES, EACCES, alice_binds(proto, address, 0));
		/* It has a port */
		if (seteuid(ALICE))
			die("seteuid");
		SAYS(EACCES, EACCES, EINVAL, EACCES, EACCES,
		     sock_try_bind(fd, text("%s:%d", host, LOW_PORT + 1)));
		if (seteuid(0))
			die("seteuid");
		close(fd);
	}
	fd = sock_bind("tcp", text("0.0.0.0:%d", LOW_PORT), 0);
	EXPECT_EQ(EADDRNOTAVAIL, alice_binds("tcp", text("192.0.2.1:%d", LOW_PORT), 0));
	close(fd);
	SAYS(EACCES, EACCES, EADDRNOTAVAIL, EACCES, EACCES,
	     alice_binds("tcp", text("[2001:db8::1]:%d", LOW_PORT), S_V6ONLY));
}

static int v6only_of(int fd)
{
	socklen_t len = sizeof(int);
	int only = -1;

	if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len))
		die("IPV6_V6ONLY");
	return only;
}

static int set_v6only(int fd, int only)
{
	return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) ? errno : 0;
}

/* Is there a socket for both families? */
TEST_F(bsds, v6only)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = socket(AF_INET6, types[i], 0);

		SAYS(0, 0, 1, 0, 0, v6only_of(fd));
		SAYS(0, 0, EINVAL, 0, 0, set_v6only(fd, 0));
		SAYS(0, 0, EADDRNOTAVAIL, 0, 0,
		     sock_try_bind(fd, text("[::ffff:127.0.0.1]:%d", PORT)));
		close(fd);
		fd = socket(AF_INET6, types[i], 0);
		EXPECT_EQ(0, set_v6only(fd, 1));
		EXPECT_EQ(1, v6only_of(fd));
		EXPECT_EQ(0, sock_try_bind(fd, text("[::]:%d", PORT)));
		EXPECT_EQ(EINVAL, set_v6only(fd, 0));
		EXPECT_EQ(EINVAL, sock_try_bind(fd, text("[::ffff:127.0.0.1]:%d", PORT)));
		close(fd);
		fd = socket(AF_INET6, types[i], 0);
		SAYS(0, 0, EADDRNOTAVAIL, 0, 0, sock_try_bind(fd, "[::ffff:127.0.0.1]:0"));
		close(fd);
	}
}

/* A multicast address is UDP's alone on FreeBSD and Darwin; this kernel lets TCP have it, too */
TEST_F(bsds, tcp_on_a_group)
{
	EXPECT_EQ(0, bind_by(sock_open("tcp", AF_INET, 0), text("239.1.1.1:%d", PORT)));
}

static int port_0(const char *proto, int family, const char *address, unsigned int flags)
{
	return bind_by(sock_open(proto, family, flags | (family == AF_INET6 ? S_V6ONLY : 0)),
		       address);
}

/* Where only one port may be chosen, and a wildcard socket of another user's holds it */
TEST_F(bsds, port_0)
{
	static const char * const protos[] = { "tcp", "udp" };
	size_t i;

	/* It passes no other error on */
	if (kernel_before(6, 0))
		SKIP(return, "this kernel says EADDRINUSE");
	write_file(PORT_RANGE, "%d %d", PORT, PORT);
	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		int none = EADDRNOTAVAIL;
		int a = sock_bind(protos[i], text("0.0.0.0:%d", PORT), 0);
		int b = sock_bind(protos[i], text("[::]:%d", PORT), S_V6ONLY);

		setfsuid(ALICE);
		SAYS(none, none, none, EAGAIN, none, port_0(protos[i], AF_INET, "127.0.0.1:0", 0));
		SAYS(SHARED, SHARED, SHARED, EAGAIN, none,
		     port_0(protos[i], AF_INET, "127.0.0.1:0", RA));
		SAYS(none, none, none, EAGAIN, EAGAIN, port_0(protos[i], AF_INET6, "[::1]:0", 0));
		SAYS(SHARED, SHARED, SHARED, SHARED, SHARED,
		     port_0(protos[i], AF_INET6, "[::1]:0", RP));
		setfsuid(0);
		close(a);
		close(b);
	}
}

/* A connection that this host had with itself ends, and TIME_WAIT remains of it */
static void leave_timewait(const char *address)
{
	int listener = sock_bind("tcp", address, S_LISTEN);
	struct pair p;

	sock_pair(&p, listener, address);
	shutdown(p.server, SHUT_WR);
	sock_wait_state(p.client, TCP_CLOSE_WAIT);
	close(p.client);
	close(p.server);
	close(listener);
}

/* By another user than made what is there */
static int bob_binds(const char *address, unsigned int flags)
{
	int err;

	setfsuid(BOB);
	err = bind_by(sock_open("tcp", sock_family(address), flags), address);
	setfsuid(0);
	return err;
}

/*
 * On PREEMPT_RT a connection in TIME_WAIT counts as bound, and each user passes for the one whose
 * it was: see reuse(7)
 */
TEST_F(bsds, another_users_timewait)
{
	const char *address = text("127.0.0.1:%d", PORT);
	bool rt = kernel_is_realtime();

	setfsuid(ALICE);
	leave_timewait(address);
	SAYS(0, 0, 0, 0, 0, bind_by(sock_open("tcp", AF_INET, RA), address));
	setfsuid(0);
	SAYS(EADDRINUSE, 0, EADDRINUSE, rt ? EADDRINUSE : 0, EADDRINUSE, bob_binds(address, 0));
	SAYS(0, 0, rt ? 0 : EADDRINUSE, 0, rt ? 0 : EADDRINUSE, bob_binds(address, RA));
	/* Root may */
	SAYS(0, 0, 0, 0, 0, bind_by(sock_open("tcp", AF_INET, RA), address));
}

/* NetBSD's tables have 128 lists; accepted sockets stay in the first */
TEST_F(bsds, accepted_at_a_multiple_of_128)
{
	int port;

	for (port = 40 * 128; port < 40 * 128 + 2; port++) {
		const char *address = text("127.0.0.1:%d", port);
		int listener = sock_bind("tcp", address, S_LISTEN);
		struct pair p;

		sock_pair(&p, listener, address);
		close(listener);
		SAYS(EADDRINUSE, EADDRINUSE, EADDRINUSE, port % 128 ? 0 : EADDRINUSE, EADDRINUSE,
		     bind_by(sock_open("tcp", AF_INET, 0), address));
		sock_abort(p.server);
		sock_abort(p.client);
	}
}

/* 0 if a connection comes about, SILENCE if there is no answer to the SYN */
static int try_connect(const char *address)
{
	int fd = sock_open("tcp", sock_family(address), S_NONBLOCK), err = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(err);

	err = sock_try_connect(fd, address);
	if (err == EINPROGRESS && !poll(&p, 1, 300 * slowness()))
		err = SILENCE;
	else if (err == EINPROGRESS && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
		die("SO_ERROR");
	close(fd);
	return err;
}

TEST_F(bsds, not_listening)
{
	const char *one = text("127.0.0.1:%d", PORT), *one6 = text("[::1]:%d", PORT);
	int any = sock_bind("tcp", text("0.0.0.0:%d", PORT), RP | S_LISTEN), fd;

	EXPECT_EQ(0, try_connect(one));
	EXPECT_EQ(ECONNREFUSED, try_connect(one6));
	fd = sock_bind("tcp", one, RP);
	SAYS(ECONNREFUSED, ECONNREFUSED, SILENCE, SILENCE, SILENCE, try_connect(one));
	EXPECT_EQ(0, try_connect(text("127.0.0.2:%d", PORT)));
	EXPECT_EQ(0, listen(fd, 1));
	EXPECT_EQ(0, try_connect(one));
	close(fd);
	close(any);
	EXPECT_EQ(ECONNREFUSED, try_connect(one));
	fd = sock_bind("tcp", one6, S_V6ONLY);
	SAYS(ECONNREFUSED, ECONNREFUSED, SILENCE, SILENCE, SILENCE, try_connect(one6));
	EXPECT_EQ(ECONNREFUSED, try_connect(text("[::1]:%d", PORT + 1)));
	close(fd);
	EXPECT_EQ(ECONNREFUSED, try_connect(one6));
}

#define REFUSE	"socket transparent 0 reject with tcp reset"

/* A firewall that refuses what is for a socket, as it sees it in @hook; false without one */
static bool firewall_refuses(const char *hook)
{
	return !system(text("nft 'flush ruleset; add table inet t; "
			    "add chain inet t c { type filter hook %s priority 0; }; "
			    "add rule inet t c tcp dport %d " REFUSE "' 2>/dev/null", hook, PORT));
}

/* Others who look for the socket of a packet find none that does not listen */
TEST_F(bsds, not_listening_for_a_firewall)
{
	static const char * const hooks[] = { "prerouting", "input" };
	const char * const to[] = { text("127.0.0.1:%d", PORT), text("[::1]:%d", PORT) };
	size_t i, j;
	int fd;

	for (i = 0; i < 2; i++) {
		for (j = 0; j < 2; j++) {
			fd = sock_bind("tcp", to[i], sock_family(to[i]) == AF_INET6 ? S_V6ONLY : 0);
			if (!firewall_refuses(hooks[j]))
				SKIP(return, "no nft, or no nft_socket in this kernel");
			SAYS(ECONNREFUSED, ECONNREFUSED, SILENCE, SILENCE, SILENCE,
			     try_connect(to[i]));
			EXPECT_EQ(0, listen(fd, 1));
			EXPECT_EQ(ECONNREFUSED, try_connect(to[i]));
			run("nft flush ruleset");
			EXPECT_EQ(0, try_connect(to[i]));
			close(fd);
		}
	}
}

/* A client that waits gets through when the server listens at last */
TEST_F(bsds, listens_at_last)
{
	const char *one = text("127.0.0.1:%d", PORT);
	int server = sock_bind("tcp", one, 0);
	int client = sock_open("tcp", AF_INET, S_NONBLOCK);
	struct pollfd p = { .fd = client, .events = POLLOUT };
	int err = sock_try_connect(client, one);

	if (err != EINPROGRESS || poll(&p, 1, 100))
		SKIP(return, "it was refused");
	EXPECT_EQ(0, listen(server, 1));
	ASSERT_EQ(1, poll(&p, 1, 5000 * slowness()));
	EXPECT_EQ(POLLOUT, p.revents);
}

/* One datagram from a socket of its own; which of the sockets got it, -1 for none */
static int gets(const int *fds, int n, const char *address, int device)
{
	int from = sock_open("udp", sock_family(address), 0), i, got = -1;
	struct pollfd p[8];
	char c = 0;

	if (device && sock_family(address) == AF_INET6)
		sock_set(from, IPPROTO_IPV6, IPV6_MULTICAST_IF, device);
	sock_connect(from, address);
	if (send(from, &c, 1, 0) != 1)
		die("send");
	for (i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	poll(p, n, 1000);
	for (i = 0; i < n; i++) {
		if (recv(fds[i], &c, 1, MSG_DONTWAIT) == 1)
			got = got < 0 ? i : 10 * got + i;
	}
	close(from);
	return got;
}

TEST_F(bsds, udp_connected_again)
{
	const char *one = text("127.0.0.1:%d", PORT);
	int fds[2], i;

	for (i = 0; i < 2; i++)
		fds[i] = sock_bind("udp", one, RP);
	EXPECT_EQ(1, gets(fds, 2, one, 0));
	sock_connect(fds[0], "127.0.0.1:9");
	EXPECT_EQ(1, gets(fds, 2, one, 0));
	sock_disconnect(fds[0]);
	SAYS(1, 1, 0, 1, 0, gets(fds, 2, one, 0));
	/* The test of the options looks at the same socket */
	sock_set(fds[0], SOL_SOCKET, SO_REUSEPORT, 0);
	SAYS(0, 0, EADDRINUSE, 0, EADDRINUSE, bind_by(sock_open("udp", AF_INET, RP), one));
}

static void join6(int fd, const char *group, int device)
{
	struct ipv6_mreq m = { .ipv6mr_interface = device };
	struct sockaddr_storage ss;

	sock_addr(text("[%s]:0", group), &ss);
	m.ipv6mr_multiaddr = ((struct sockaddr_in6 *)&ss)->sin6_addr;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m, sizeof(m)))
		die("cannot join");
}

/* Of three sockets, one joined the group and one another; one is on an address of its own */
TEST_F(bsds, group6)
{
	int lo = if_nametoindex("lo"), fds[4], i;

	run("ip -6 route add local ff00::/8 dev lo");
	fds[0] = sock_bind("udp", text("[::]:%d", PORT), RP | S_V6ONLY);
	fds[1] = sock_bind("udp", text("[::]:%d", PORT), RP | S_V6ONLY);
	fds[2] = sock_bind("udp", text("[::]:%d", PORT), RP | S_V6ONLY);
	fds[3] = sock_bind("udp", text("[::1]:%d", PORT), RP | S_V6ONLY);
	join6(fds[0], "ff05::1:3", lo);
	join6(fds[1], "ff05::1:4", lo);
	for (i = 0; i < 4; i++)
		sock_set(fds[i], IPPROTO_IPV6, 29 /* IPV6_MULTICAST_ALL */, 0);
	/* 0 is the first alone, 12 the first three, 23 all but the second */
	SAYS(0, 0, 12, 12, 23, gets(fds, 4, text("[ff05::1:3]:%d", PORT), lo));
}

TEST_HARNESS_MAIN
