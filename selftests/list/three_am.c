// SPDX-License-Identifier: GPL-2.0
/*
 * The situations in EXAMPLES of proc_net_reuse(5), for people to whom bind() says
 * EADDRINUSE: each test makes one of them, and looks for what the manual page says.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include "harness.h"

/* The port of that section */
#define HTTP	"8080"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT	24
#endif

/* The last three columns of a port that connect() has chosen */
#define CHOSEN		"fastreuse=-1 fastreuseport=-1 fastuid=-"

FIXTURE(port) {};

/* Two addresses that do not conflict, that which conflicts with both, and a server elsewhere */
FIXTURE_VARIANT(port) {
	const char *a;
	const char *b;
	const char *any;
	const char *server;
	const char *only;
};

FIXTURE_VARIANT_ADD(port, v4) {
	"127.0.0.1:" HTTP, "127.0.0.2:" HTTP, "0.0.0.0:" HTTP, "127.0.0.1:1", ""
};

FIXTURE_VARIANT_ADD(port, v6) {
	"[::1]:" HTTP, "[::ffff:127.0.0.2]:" HTTP, "[::]:" HTTP, "[::1]:1", " v6only=1"
};

FIXTURE_SETUP(port)
{
	new_netns();
}

FIXTURE_TEARDOWN(port)
{
}

/* A socket of a user, made without becoming the user */
static int open_as(uid_t uid, const char *proto, const char *address, unsigned int flags)
{
	int fd;

	setfsuid(uid);
	fd = sock_open(proto, sock_family(address), flags);
	setfsuid(0);
	return fd;
}

static int bind_as(uid_t uid, const char *proto, const char *address, unsigned int flags)
{
	int fd = open_as(uid, proto, address, flags);

	errno = sock_try_bind(fd, address);
	if (errno || (flags & S_LISTEN && listen(fd, 16)))
		die("bind to %s", address);
	return fd;
}

/* The errno of a newcomer, which closes its socket at once */
static int newcomer_as(uid_t uid, const char *proto, const char *address, unsigned int flags)
{
	int fd = open_as(uid, proto, address, flags), err = sock_try_bind(fd, address);

	close(fd);
	return err;
}

static int newcomer(const char *address, unsigned int flags)
{
	return newcomer_as(0, "tcp", address, flags);
}

static int accept_as(uid_t uid, int listener)
{
	int fd;

	setfsuid(uid);
	fd = sock_accept(listener);
	setfsuid(0);
	return fd;
}

static int connect_as(uid_t uid, const char *address)
{
	int fd = open_as(uid, "tcp", address, 0);

	sock_connect(fd, address);
	return fd;
}

static bool refuses_all(const char *address)
{
	return newcomer(address, 0) == EADDRINUSE &&
	       newcomer(address, S_REUSEADDR) == EADDRINUSE &&
	       newcomer(address, S_REUSEPORT) == EADDRINUSE &&
	       newcomer(address, S_REUSEADDR | S_REUSEPORT) == EADDRINUSE;
}

/* One end of a connection closes first, which leaves TIME_WAIT there */
static void close_both(int first, int second)
{
	char c;

	shutdown(first, SHUT_WR);
	if (read(second, &c, 1))
		die("no end of the connection");
	close(second);
	if (read(first, &c, 1))
		die("no end of the connection");
	close(first);
}

/* connect() has no choice but this port, the one of variant->a */
static void only_this_port(void)
{
	write_file(PORT_RANGE, HTTP " " HTTP);
}

static bool kernel_since(int major, int minor)
{
	struct utsname u;
	int x, y;

	if (uname(&u) || sscanf(u.release, "%d.%d", &x, &y) != 2)
		die("no release");
	return x > major || (x == major && y >= minor);
}

/* The first line that a command of bash prints */
static const char *shell_says(const char *command)
{
	char out[4096];
	size_t len;
	FILE *f;

	setenv("COMMAND", command, 1);
	f = popen("exec bash -c \"$COMMAND\" 2>/dev/null", "r");
	if (!f)
		die("no bash");
	len = fread(out, 1, sizeof(out) - 1, f);
	pclose(f);
	out[len] = '\0';
	return text("%.*s", (int)strcspn(out, "\n"), out);
}

/* bound=1: a process bound the port and stopped there; uid says whose it is */
TEST_F(port, bound_and_no_more)
{
	const char *file = *variant->a == '[' ? "/proc/net/tcp6" : "/proc/net/tcp";
	char *all;

	bind_as(1000, "tcp", variant->a, 0);
	EXPECT_TRUE(refuses_all(variant->a));
	EXPECT_TRUE(refuses_all(variant->any));
	EXPECT_REUSE("tcp %s%s bound=1 uid=1000\n", variant->a, variant->only);
	all = slurp(file);
	EXPECT_TRUE(!strstr(all, ":1F90 "))
		TH_LOG("%s has it", file);
}

/* All rows of a port, with their header */
TEST_F(port, grep)
{
	bind_as(1000, "tcp", variant->a, S_LISTEN);
	EXPECT_STREQ("2", shell_says("grep -E 'proto|:" HTTP " ' " REUSE_FILE " | wc -l"));
	EXPECT_STREQ("proto",
		     shell_says("grep -E 'proto|:" HTTP " ' " REUSE_FILE " | cut -d ' ' -f 1"));
}

/* Which process: ss -B, since Linux 6.8 */
TEST_F(port, which_process_by_ss)
{
	const char *want = text("pid=%d,", getpid()), *got;

	bind_as(1000, "tcp", variant->a, 0);
	if (strcmp("0", shell_says("ss -tnpB >/dev/null; echo $?")))
		SKIP(return, "this ss has no -B");
	got = shell_says("ss -HtnpB 'sport = :" HTTP "'");
	if (!kernel_since(6, 8))
		SKIP(return, "only Linux 6.8 and later list these sockets");
	EXPECT_TRUE(strstr(got, want))
		TH_LOG("no %s in \"%s\"", want, got);
}

/* Which process, on any kernel: the one whose link has the inode number of the row */
TEST_F(port, which_process_by_inode)
{
	int fd = bind_as(1000, "tcp", variant->a, 0);
	const char *link = text("/proc/%d/fd/%d -> ", getpid(), fd);
	const char *inodes = "awk '$2 ~ /:" HTTP "$/ { n = split($16, inode, \",\")\n"
		"for (i = 1; i <= n; i++) print \"[\" inode[i] \"]\" }' " REUSE_FILE;
	const char *sockets = "ls -l /proc/[0-9]*/fd/* | grep -o '/proc.*socket:.*'";
	const char *recipe = text("%s | grep -Ff <(%s)", sockets, inodes), *got;

	sock_bind("tcp", "127.0.0.1:81", 0);
	got = shell_says(recipe);
	EXPECT_EQ(got, strstr(got, link))
		TH_LOG("no %s in \"%s\"", link, got);
	EXPECT_STREQ("1", shell_says(text("%s | wc -l", recipe)));
}

/*
 * After a restart: listen=0, and connected or timewait. They share if they have
 * SO_REUSEADDR and the newcomer sets it too.
 */
TEST_F(port, old_connections)
{
	const unsigned int options[] = { S_REUSEADDR, 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		int l = bind_as(1000, "tcp", variant->a, options[i] | S_LISTEN), s[2], c[2];
		int n = options[i] ? 2 : 0;

		c[0] = connect_as(1001, variant->a);
		s[0] = accept_as(1000, l);
		c[1] = connect_as(1001, variant->a);
		s[1] = accept_as(1000, l);
		close_both(s[1], c[1]);
		close(l);
		EXPECT_REUSE("tcp %s%s connected=1 timewait=1 uid=1000 reuseaddr=%d fastreuse=0\n"
			     "tcp %s connected=1 uid=1001 fastreuse=-1\n", variant->a,
			     variant->only, n, sock_row(c[0]));
		EXPECT_EQ(options[i] ? 0 : EADDRINUSE, newcomer(variant->a, S_REUSEADDR));
		EXPECT_EQ(options[i] ? 0 : EADDRINUSE, newcomer(variant->any, S_REUSEADDR));
		EXPECT_EQ(EADDRINUSE, newcomer(variant->a, 0));
		sock_abort(s[0]);
		close(c[0]);
		/* TIME_WAIT is left: another namespace for the next turn */
		new_netns();
	}
}

/* fastreuse=-1: connect() chose the port; neither option of the server helps */
TEST_F(port, client_holds)
{
	int l = bind_as(1001, "tcp", variant->server, S_REUSEADDR | S_LISTEN), c, s;
	const char *server = text("tcp %s%s", variant->server, variant->only);
	const char *client;

	only_this_port();
	c = connect_as(1000, variant->server);
	client = text("tcp %s", sock_row(c));
	s = sock_accept(l);
	EXPECT_REUSE("%s listen=1 connected=1 reuseaddr=2 uid=0,1001 fastreuse=*\n"
		     "%s connected=1 uid=1000 " CHOSEN "\n", server, client);
	EXPECT_TRUE(refuses_all(variant->any));
	EXPECT_TRUE(refuses_all(variant->a));
	EXPECT_EQ(0, newcomer(variant->b, S_REUSEADDR));

	/* It leaves TIME_WAIT, which is the client's, too */
	close_both(c, s);
	EXPECT_REUSE("%s listen=1 reuseaddr=1 uid=1001 fastreuse=*\n"
		     "%s timewait=1 uid=- fastreuse=-1\n", server, client);
	EXPECT_TRUE(refuses_all(variant->any));
}

/* ip_local_reserved_ports keeps connect() from it, and not bind() */
TEST_F(port, reserved)
{
	int l = bind_as(0, "tcp", variant->server, S_LISTEN), c;

	only_this_port();
	write_file(RESERVED_PORTS, HTTP);
	c = open_as(1000, "tcp", variant->server, 0);
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_connect(c, variant->server));
	EXPECT_EQ(0, newcomer(variant->any, 0));
	write_file(RESERVED_PORTS, "1");
	EXPECT_EQ(0, sock_try_connect(c, variant->server));
	EXPECT_EQ(EADDRINUSE, newcomer(variant->any, 0));
	close(l);
}

/* A client may even connect to itself, where its server is to be */
TEST_F(port, client_of_itself)
{
	int c;

	only_this_port();
	c = connect_as(1000, variant->a);
	EXPECT_REUSE("tcp %s connected=1 uid=1000 " CHOSEN "\n", sock_row(c));
	EXPECT_TRUE(refuses_all(variant->any));
}

/* A client that binds first looks like a server that is gone */
TEST_F(port, client_that_binds)
{
	int l = bind_as(1001, "tcp", variant->server, S_LISTEN), c, s;
	const char *client;

	c = bind_as(1000, "tcp", variant->a, 0);
	client = text("tcp %s", sock_row(c));
	sock_connect(c, variant->server);
	s = sock_accept(l);
	EXPECT_REUSE("tcp %s%s listen=1 connected=1 uid=0,1001\n"
		     "%s connected=1 uid=1000 fastreuse=0\n", variant->server, variant->only,
		     client);
	close_both(c, s);
	EXPECT_REUSE("tcp %s%s listen=1 uid=1001\n%s timewait=1 uid=- fastreuse=0\n",
		     variant->server, variant->only, client);
	EXPECT_EQ(EADDRINUSE, newcomer(variant->a, S_REUSEADDR));
}

/* How many ports are taken, as proc_net_reuse(5) counts them */
static int ports_taken(int from, int to)
{
	return atoi(shell_says(text("awk '$1 == \"tcp\" { sub(/.*:/, \"\", $2); "
			      "if ($2 >= %d && $2 <= %d) print $2 }' " REUSE_FILE
			      " | sort -u | wc -l", from, to)));
}

/* The range is used up by sockets that bound to port 0: connect() cannot share a port of theirs */
TEST_F(port, range_used_up)
{
	const char *host = text("%.*s:0", (int)(strrchr(variant->a, ':') - variant->a), variant->a);
	const char *second = text("%.*s:2", (int)(strrchr(host, ':') - host), host);
	int i, c[4];

	bind_as(0, "tcp", variant->server, S_LISTEN);
	bind_as(0, "tcp", second, S_LISTEN);
	write_file(PORT_RANGE, "42000 42003");
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(i, ports_taken(42000, 42003));
		c[i] = bind_as(1000, "tcp", host, 0);
		sock_connect(c[i], variant->server);
	}
	EXPECT_EQ(4, ports_taken(42000, 42003));
	EXPECT_EQ(EADDRINUSE, newcomer(host, 0));
	EXPECT_EQ(EADDRINUSE, newcomer(host, S_REUSEADDR));
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_connect(open_as(0, "tcp", second, 0), second));

	/* Ports that connect() chose are shared by connections to different servers */
	for (i = 0; i < 4; i++)
		sock_abort(c[i]);
	for (i = 0; i < 4; i++) {
		c[i] = open_as(1000, "tcp", host, 0);
		sock_set(c[i], IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
		ASSERT_EQ(0, sock_try_bind(c[i], host));
		sock_connect(c[i], variant->server);
	}
	EXPECT_EQ(4, ports_taken(42000, 42003));
	EXPECT_EQ(0, sock_try_connect(open_as(0, "tcp", second, 0), second));
}

/* reuseport < sockets: one of them did not set it */
TEST_F(port, one_has_no_reuseport)
{
	bind_as(1000, "tcp", variant->a, S_REUSEADDR);
	bind_as(1001, "tcp", variant->a, S_REUSEADDR);
	EXPECT_EQ(EADDRINUSE, newcomer_as(1000, "tcp", variant->a, S_REUSEPORT));
	EXPECT_REUSE("tcp %s%s bound=2 reuseaddr=2 reuseport=0 uid=1000,1001\n", variant->a,
		     variant->only);
	/* That there are two users is no matter */
	EXPECT_EQ(0, newcomer_as(1002, "tcp", variant->a, S_REUSEADDR));
}

/* reuseport = sockets, and the uid (TCP: fastuid) is not the newcomer's */
TEST_F(port, of_another_user)
{
	bind_as(1000, "tcp", variant->a, S_REUSEPORT | S_LISTEN);
	bind_as(1000, "udp", variant->a, S_REUSEPORT);
	EXPECT_EQ(EADDRINUSE, newcomer_as(1001, "tcp", variant->a, S_REUSEPORT));
	EXPECT_EQ(EADDRINUSE, newcomer_as(0, "tcp", variant->any, S_REUSEPORT));
	EXPECT_EQ(EADDRINUSE, newcomer_as(1001, "udp", variant->a, S_REUSEPORT));
	EXPECT_REUSE("tcp %s%s listen=1 reuseport=1 uid=1000 fastuid=1000\n"
		     "udp %s%s bound=1 reuseport=1 uid=1000\n", variant->a, variant->only,
		     variant->a, variant->only);
	EXPECT_EQ(0, newcomer_as(1000, "tcp", variant->a, S_REUSEPORT));
	EXPECT_EQ(0, newcomer_as(1000, "udp", variant->a, S_REUSEPORT));
}

/* 0,33: a daemon that binds as root and accepts as 33; fastuid says whose listeners may join */
TEST_F(port, dropped_privileges)
{
	int l = bind_as(0, "tcp", variant->a, S_REUSEPORT | S_LISTEN);
	int c = connect_as(1001, variant->a);

	accept_as(33, l);
	EXPECT_REUSE("tcp %s%s listen=1 connected=1 reuseport=2 uid=0,33 fastuid=0\n"
		     "tcp %s connected=1 uid=1001\n", variant->a, variant->only, sock_row(c));
	EXPECT_EQ(EADDRINUSE, newcomer_as(33, "tcp", variant->a, S_REUSEPORT));
	EXPECT_EQ(0, newcomer_as(0, "tcp", variant->a, S_REUSEPORT));
}

/* 0,1000: the server of one user, with connections that it has not accepted yet */
TEST_F(port, not_accepted_yet)
{
	/* The uid that the kernel compares, see uid.c: what proc_net_reuse(5) says of it */
	const char *uid = kernel_since(7, 2) ? "1000" : kernel_since(6, 13) ? "*" : "0,1000";
	int l = bind_as(1000, "tcp", variant->a, S_REUSEPORT | S_LISTEN), c[2], i;

	for (i = 0; i < 2; i++)
		c[i] = connect_as(1001, variant->a);
	EXPECT_REUSE("tcp %s%s listen=1 connected=2 reuseport=3 uid=%s fastuid=1000\n"
		     "tcp %s connected=1 uid=1001\ntcp %s connected=1 uid=1001\n", variant->a,
		     variant->only, uid, sock_row(c[0]), sock_row(c[1]));
	EXPECT_EQ(EADDRINUSE, newcomer_as(0, "tcp", variant->a, S_REUSEPORT));
	EXPECT_EQ(0, newcomer_as(1000, "tcp", variant->a, S_REUSEPORT));
	close(l);
}

/* fastreuseport=2 is of one address: on another one connections of other users count */
TEST_F(port, connection_counts)
{
	int l = bind_as(0, "tcp", variant->a, S_REUSEPORT | S_LISTEN);
	const struct table_row *row;
	struct table table;

	connect_as(0, variant->a);
	accept_as(33, l);
	EXPECT_EQ(0, newcomer(variant->a, S_REUSEPORT));
	sock_bind("tcp", variant->b, S_REUSEPORT);
	table_read(REUSE_FILE, &table);
	row = table_find(&table, "tcp", variant->a, "-", *variant->only ? "1" : "-");
	ASSERT_TRUE(row);
	EXPECT_STREQ("0", row->col[FASTUID]);
	/* 1 is for all addresses: IPv4 of older kernels */
	EXPECT_EQ(strcmp("2", row->col[FASTREUSEPORT]) ? 0 : EADDRINUSE,
		  newcomer(variant->a, S_REUSEPORT));
}

/* One row is the wildcard and another, or the newcomer's, an address */
TEST_F(port, all_rows)
{
	bind_as(1000, "tcp", variant->any, S_REUSEPORT | S_LISTEN);
	EXPECT_EQ(EADDRINUSE, newcomer("127.0.0.1:" HTTP, S_REUSEPORT));
	EXPECT_EQ(EADDRINUSE, newcomer("0.0.0.0:" HTTP, S_REUSEPORT));
	EXPECT_REUSE("tcp %s listen=1 reuseport=1 uid=1000\n", variant->any);
}

static void serve(void *address)
{
	new_netns();
	sock_bind("tcp", address, S_LISTEN);
}

/* /proc/PID/net/reuse shows PID's namespace */
TEST_F(port, in_a_container)
{
	struct child child;

	child_start(&child, 0, serve, (void *)variant->a);
	EXPECT_NO_ROWS();
	EXPECT_FILE(text("/proc/%d/net/reuse", child.pid), "tcp %s%s listen=1\n", variant->a,
		    variant->only);
	child_stop(&child);
}

/* Four workers: up to 6.7 fastreuseport is 1, since then 2; fastreuse is 1 up to 6.7 only */
TEST_F(port, four_workers)
{
	bool new = kernel_since(6, 8);
	int i;

	for (i = 0; i < 4; i++)
		bind_as(33, "tcp", variant->a, S_REUSEPORT | S_LISTEN);
	EXPECT_REUSE("tcp %s%s listen=4 reuseport=4 uid=33 %s\n", variant->a, variant->only,
		     text("fastreuse=0 fastreuseport=%d fastuid=33", new ? 2 : 1));
	new_netns();
	for (i = 0; i < 4; i++)
		bind_as(33, "tcp", variant->a, S_REUSEADDR);
	EXPECT_REUSE("tcp %s%s bound=4 reuseaddr=4 uid=33 fastreuse=%d fastreuseport=0\n",
		     variant->a, variant->only, !new);
}

/* On 7.2 and later -1 comes back when all that bind() brought is gone; up to 6.12 it does not */
TEST_F(port, left_to_connect)
{
	int bound, c;

	if (kernel_since(6, 13) && !kernel_since(7, 2))
		SKIP(return, "proc_net_reuse(5) says nothing about this kernel");
	bind_as(1, "tcp", variant->server, S_LISTEN);
	only_this_port();
	c = connect_as(1000, variant->server);
	bound = bind_as(0, "tcp", variant->b, 0);
	EXPECT_REUSE("tcp %s%s listen=1 connected=1 uid=*\n"
		     "tcp %s connected=1 uid=1000 fastreuse=0\n"
		     "tcp %s bound=1 fastreuse=0\n", variant->server, variant->only, sock_row(c),
		     variant->b);
	close(bound);
	EXPECT_REUSE("tcp %s%s listen=1 connected=1 uid=*\n"
		     "tcp %s connected=1 uid=1000 fastreuse=%d\n",
		     variant->server, variant->only, sock_row(c), kernel_since(7, 2) ? -1 : 0);
}

static void three_clients(void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < 3; i++) {
		int fd = sock_open("tcp", AF_INET, 0);
		char c;

		sock_connect(fd, "192.0.2.1:8080");
		/* The server closes the first two */
		if (i < 2 && read(fd, &c, 1))
			die("no end of the connection");
		if (i < 2)
			close(fd);
	}
}

static void serve_three(void *unused)
{
	int l = bind_as(1000, "tcp", "192.0.2.1:8080", S_LISTEN), i, s;

	(void)unused;
	if (fork()) {
		close(l);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 0; i < 3; i++) {
		s = accept_as(1000, l);
		if (i < 2)
			close(s);
	}
	close(l);
	pause();
}

/* The first example of README */
TEST(the_example)
{
	struct child other, server, clients;
	int i, home;

	new_netns();
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	child_netns(&other);
	if (!try_run("ip link add eth0 type veth peer name eth0 netns %d", other.pid))
		SKIP(return, "no veth in this kernel");
	run("ip addr add 192.0.2.1/24 dev eth0");
	run("ip link set eth0 up");
	run("nsenter -n -t %d ip addr add 192.0.2.2/24 dev eth0", other.pid);
	run("nsenter -n -t %d ip link set eth0 up", other.pid);

	for (i = 0; i < 4; i++)
		bind_as(33, "tcp", "0.0.0.0:443", S_REUSEPORT | S_LISTEN);
	bind_as(0, "tcp", "127.0.0.1:9000", 0);
	bind_as(0, "udp", "0.0.0.0:5353", S_REUSEADDR);
	bind_as(1000, "udp", "0.0.0.0:5353", S_REUSEADDR);
	child_start(&server, 1000, serve_three, NULL);
	ASSERT_EQ(0, setns(open(text("/proc/%d/ns/net", other.pid), O_RDONLY), CLONE_NEWNET));
	child_start(&clients, 0, three_clients, NULL);
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	EXPECT_REUSE("tcp 0.0.0.0:443 listen=4 reuseport=4 uid=33 fastreuseport=%d fastuid=33\n"
		     "tcp 192.0.2.1:8080 connected=1 timewait=2 uid=1000 fastreuse=0 fastuid=-\n"
		     "tcp 127.0.0.1:9000 bound=1 fastreuse=0 fastreuseport=0 fastuid=-\n"
		     "udp 0.0.0.0:5353 bound=2 reuseaddr=2 uid=0,1000\n",
		     kernel_since(6, 8) ? 2 : 1);
}

TEST_HARNESS_MAIN
