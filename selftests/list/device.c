// SPDX-License-Identifier: GPL-2.0
/* The device that sockets are bound to, and what becomes of its name. */
#include <net/if.h>
#include <netinet/tcp.h>

#include "harness.h"

FIXTURE(device) {
	bool ready;
};

FIXTURE_VARIANT(device) {
	const char *proto;
	const char *address;
};

FIXTURE_VARIANT_ADD(device, tcp_v4) { "tcp", "0.0.0.0:80" };
FIXTURE_VARIANT_ADD(device, tcp_v6) { "tcp", "[::]:80" };
FIXTURE_VARIANT_ADD(device, tcp_mapped) { "tcp", "[::ffff:0.0.0.0]:80" };
FIXTURE_VARIANT_ADD(device, udp_v4) { "udp", "0.0.0.0:80" };
FIXTURE_VARIANT_ADD(device, udp_v6) { "udp", "[::]:80" };
FIXTURE_VARIANT_ADD(device, udplite_v4) { "udplite", "0.0.0.0:80" };
FIXTURE_VARIANT_ADD(device, udplite_v6) { "udplite", "[::]:80" };

FIXTURE_SETUP(device)
{
	if (!sock_has(variant->proto))
		SKIP(return, "no %s in this kernel", variant->proto);
	new_netns();
	if (!add_device("left", "dummy") || !add_device("right", "dummy"))
		SKIP(return, "no dummy device in this kernel");
	self->ready = true;
}

FIXTURE_TEARDOWN(device)
{
}

#define BIND(flags, dev)	sock_bind_dev(variant->proto, variant->address, flags, dev)
#define ROW			text("%s %s", variant->proto, variant->address)

/* One port on two devices and on none is three rows */
TEST_F(device, rows)
{
	if (!self->ready)
		SKIP(return, "no %s or no dummy device", variant->proto);
	BIND(S_REUSEADDR, "left");
	EXPECT_REUSE("%s dev=left bound=1 reuseaddr=1\n", ROW);
	BIND(S_REUSEADDR, "right");
	EXPECT_REUSE("%s dev=left bound=1 reuseaddr=1\n%s dev=right bound=1 reuseaddr=1\n",
		     ROW, ROW);
	BIND(S_REUSEADDR, NULL);
	BIND(S_REUSEADDR, "right");
	EXPECT_REUSE("%s dev=left bound=1 reuseaddr=1\n%s dev=right bound=2 reuseaddr=2\n"
		     "%s dev=- bound=1 reuseaddr=1\n", ROW, ROW, ROW);
}

/* A socket that is bound to a device after bind(), or to none again, changes rows */
TEST_F(device, changed)
{
	int s;

	if (!self->ready)
		SKIP(return, "no %s or no dummy device", variant->proto);
	s = BIND(0, NULL);
	sock_dev(s, "left");
	EXPECT_REUSE("%s dev=left bound=1\n", ROW);
	sock_dev(s, "right");
	EXPECT_REUSE("%s dev=right bound=1\n", ROW);
	sock_dev(s, NULL);
	EXPECT_REUSE("%s dev=- bound=1\n", ROW);
}

/* The loopback device is a device like another */
TEST_F(device, loopback)
{
	if (!self->ready)
		SKIP(return, "no %s or no dummy device", variant->proto);
	BIND(0, "lo");
	EXPECT_REUSE("%s dev=lo bound=1\n", ROW);
}

/* A device shows by the name it has now, and one that is gone by its index */
TEST_F(device, renamed_and_deleted)
{
	unsigned int index = if_nametoindex("left");

	if (!self->ready)
		SKIP(return, "no %s or no dummy device", variant->proto);
	BIND(S_REUSEADDR, "left");
	BIND(S_REUSEADDR, "right");
	run("ip link set left down");
	run("ip link set left name fifteen-letters");
	EXPECT_REUSE("%s dev=fifteen-letters bound=1 reuseaddr=1\n"
		     "%s dev=right bound=1 reuseaddr=1\n", ROW, ROW);
	run("ip link del fifteen-letters");
	EXPECT_REUSE("%s dev=if%u bound=1 reuseaddr=1\n%s dev=right bound=1 reuseaddr=1\n",
		     ROW, index, ROW);
}

static void bind_elsewhere(void *arg)
{
	const char *proto = arg;

	new_netns();
	if (!add_device("other", "dummy"))
		die("no device");
	sock_bind_dev(proto, "0.0.0.0:80", 0, "other");
}

/* The name is looked up in the namespace shown; another may use the index for something else */
TEST_F(device, same_index)
{
	struct child child;

	if (!self->ready)
		SKIP(return, "no %s or no dummy device", variant->proto);
	child_start(&child, 0, bind_elsewhere, (void *)variant->proto);
	EXPECT_FILE(text("/proc/%d/net/reuse", child.pid), "%s 0.0.0.0:80 dev=other bound=1\n",
		    variant->proto);
	BIND(0, "left");
	EXPECT_REUSE("%s dev=left bound=1\n", ROW);
	child_stop(&child);
}

/* A device that went to another namespace has no name here any more */
TEST_F(device, moved)
{
	unsigned int index = if_nametoindex("left");
	struct child child;

	if (!self->ready)
		SKIP(return, "no %s or no dummy device", variant->proto);
	BIND(0, "left");
	child_start(&child, 0, bind_elsewhere, (void *)variant->proto);
	run("ip link set left netns %d", child.pid);
	EXPECT_REUSE("%s dev=if%u bound=1\n", ROW, index);
	child_stop(&child);
}

/* A VRF and its slave are devices; one port in a VRF and outside is two buckets */
TEST_F(device, vrf)
{
	if (!self->ready)
		SKIP(return, "no %s or no dummy device", variant->proto);
	if (!add_device("red", "vrf table 10"))
		SKIP(return, "no VRF in this kernel");
	run("ip link set left master red");
	BIND(S_REUSEADDR, "red");
	BIND(S_REUSEADDR | S_REUSEPORT, "left");
	BIND(S_REUSEADDR, "right");
	EXPECT_REUSE("%s dev=red bound=1 reuseaddr=1\n%s dev=left bound=1 reuseaddr=1 reuseport=1\n"
		     "%s dev=right bound=1 reuseaddr=1\n", ROW, ROW, ROW);
}

FIXTURE(connection) {
	bool ready;
};

FIXTURE_VARIANT(connection) {
	int family;
	const char *listen;
	const char *server;
};

FIXTURE_VARIANT_ADD(connection, v4) { AF_INET, "0.0.0.0:80", "10.1.1.1:80" };
FIXTURE_VARIANT_ADD(connection, v6) { AF_INET6, "[::]:80", "[fd01::1]:80" };

FIXTURE_SETUP(connection)
{
	new_netns();
	if (!add_device("red", "vrf table 10") || !add_device("left", "dummy"))
		SKIP(return, "no VRF or dummy device in this kernel");
	run("ip link set left master red");
	add_address("10.1.1.1", "left", "red");
	add_address("fd01::1", "left", "red");
	self->ready = true;
}

FIXTURE_TEARDOWN(connection)
{
}

static void connect_in(const char *dev, int listener, const char *address, struct pair *pair)
{
	pair->client = sock_open("tcp", sock_family(address), 0);
	sock_dev(pair->client, dev);
	sock_connect(pair->client, address);
	pair->server = sock_accept(listener);
}

/* Both ends of a connection in a VRF, and its TIME_WAIT, are rows of the VRF */
TEST_F(connection, vrf)
{
	unsigned int index = if_nametoindex("red");
	const char *client;
	struct pair p;
	int l;

	if (!self->ready)
		SKIP(return, "no VRF or dummy device in this kernel");
	l = sock_bind_dev("tcp", variant->listen, S_LISTEN, "red");
	connect_in("red", l, variant->server, &p);
	client = sock_name(p.client);
	EXPECT_REUSE("tcp %s dev=red listen=1\ntcp %s dev=red connected=1\n"
		     "tcp %s dev=red connected=1\n", variant->listen, variant->server, client);
	shutdown(p.server, SHUT_WR);
	sock_wait_state(p.client, TCP_CLOSE_WAIT);
	close(p.client);
	close(p.server);
	close(l);
	EXPECT_REUSE("tcp %s dev=red timewait=1 uid=-\n", variant->server);
	run("ip link del red");
	EXPECT_REUSE("tcp %s dev=if%u timewait=1 uid=-\n", variant->server, index);
}

/* tcp_l3mdev_accept: the listener has no device, what it accepted has */
TEST_F(connection, accepted_from_vrf)
{
	struct pair p;
	int l;

	if (!self->ready)
		SKIP(return, "no VRF or dummy device in this kernel");
	write_file(IPV4_SYSCTL "tcp_l3mdev_accept", "1");
	l = sock_bind("tcp", variant->listen, S_LISTEN);
	connect_in("red", l, variant->server, &p);
	EXPECT_REUSE("tcp %s dev=- listen=1\ntcp %s dev=red connected=1\n"
		     "tcp %s dev=red connected=1\n", variant->listen, variant->server,
		     sock_name(p.client));
}

/* Two buckets of one port, in a VRF and outside, have each its own cache */
TEST_F(connection, caches)
{
	if (!self->ready)
		SKIP(return, "no VRF or dummy device in this kernel");
	sock_bind_dev("tcp", variant->listen, S_REUSEPORT, "red");
	sock_bind_dev("tcp", variant->listen, 0, NULL);
	EXPECT_REUSE("tcp %s dev=red bound=1 reuseport=1 fastuid=0\n"
		     "tcp %s dev=- bound=1 fastreuse=0 fastreuseport=0 fastuid=-\n",
		     variant->listen, variant->listen);
}

TEST_HARNESS_MAIN
