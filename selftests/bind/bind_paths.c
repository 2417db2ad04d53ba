// SPDX-License-Identifier: GPL-2.0
/* The semantics decide on every way by which a socket gets a port. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "bpf.h"
#include "rules.h"
#include "variants.h"

#ifndef TCP_ULP
#define TCP_ULP		31
#endif

/* Of a socket that is made for the purpose */
static int try_bind(const char *proto, const char *addr, unsigned int flags)
{
	const struct rules_sock s = { addr, flags, 0 };
	int fd = rules_open(proto, &s), err = rules_bind(fd, &s, PORT);

	close(fd);
	return err;
}

static int do_bind(const char *proto, const char *addr, unsigned int flags)
{
	return sock_bind(proto, text("%s:%d", addr, PORT), flags);
}

FIXTURE(path) {};

FIXTURE_VARIANT(path) {
	enum semantics semantics;
};

ADD_SEMANTICS(path);

static void __attribute__((constructor)) one_bsd(void)
{
	leave_out_untried();
}

FIXTURE_SETUP(path)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	new_netns();
	semantics_set(variant->semantics);
}

FIXTURE_TEARDOWN(path)
{
}

/* Two binds that tell the BSDs from old and new Linux: 0.0.0.0 then ::, a wildcard and RA */
static void expect_path(struct __test_metadata *_metadata, enum semantics semantics,
			const char *proto)
{
	int linux_says = semantics >= BSD ? 0 : EADDRINUSE;
	int a = do_bind(proto, "0.0.0.0", 0);

	EXPECT_EQ(linux_says, try_bind(proto, "[::]", 0));
	EXPECT_EQ(linux_says, try_bind(proto, "127.0.0.1", RA));
	EXPECT_EQ(EADDRINUSE, try_bind(proto, "127.0.0.1", 0));
	EXPECT_EQ(EADDRINUSE, try_bind(proto, "0.0.0.0", 0));
	close(a);
}

TEST_F(path, tcp)
{
	expect_path(_metadata, variant->semantics, "tcp");
}

TEST_F(path, udp)
{
	expect_path(_metadata, variant->semantics, "udp");
}

TEST_F(path, udplite)
{
	if (!sock_has("udplite"))
		SKIP(return, "no UDP-Lite on this kernel");
	expect_path(_metadata, variant->semantics, "udplite");
}

TEST_F(path, mptcp)
{
	if (!sock_has("mptcp"))
		SKIP(return, "no MPTCP on this kernel");
	expect_path(_metadata, variant->semantics, "mptcp");
}

/* MPTCP's sockets are TCP's: only on a BSD may two of them that share an address listen */
TEST_F(path, mptcp_and_tcp)
{
	unsigned int share = variant->semantics >= BSD ? S_REUSEPORT : RA;
	int a, b;

	if (!sock_has("mptcp"))
		SKIP(return, "no MPTCP on this kernel");
	a = do_bind("mptcp", "127.0.0.1", share);
	b = do_bind("tcp", "127.0.0.1", share);
	EXPECT_EQ(0, listen(a, 1));
	EXPECT_EQ(variant->semantics >= BSD ? 0 : -1, listen(b, 1));
	close(a);
	close(b);
}

/* listen() and sendto() of a socket that was not bound take a port that is theirs alone */
TEST_F(path, implicit)
{
	int a = sock_open("tcp", AF_INET, 0), b = sock_open("udp", AF_INET, 0);
	struct sockaddr_storage ss;
	socklen_t len = sock_addr("127.0.0.1:9", &ss);
	int c = sock_open("tcp", AF_INET, 0), d = sock_open("udp", AF_INET, 0);

	ASSERT_EQ(0, listen(a, 1));
	EXPECT_EQ(EADDRINUSE, sock_try_bind(c, sock_name(a)));
	ASSERT_EQ(1, sendto(b, "", 1, 0, (struct sockaddr *)&ss, len));
	EXPECT_EQ(EADDRINUSE, sock_try_bind(d, sock_name(b)));
	close(a);
	EXPECT_EQ(0, sock_try_bind(c, "0.0.0.0:30001"));
}

/* Sockets that Linux keeps apart by device stay apart, and no others */
TEST_F(path, devices)
{
	const char *addr = "0.0.0.0" AT_PORT;
	int tcp, udp, fd;

	if (!add_device("reuse0", "dummy") || !add_device("reuse1", "dummy"))
		SKIP(return, "no dummy devices");
	tcp = sock_bind_dev("tcp", addr, 0, "reuse0");
	udp = sock_bind_dev("udp", addr, 0, "reuse0");
	fd = sock_bind_dev("tcp", addr, S_LISTEN, "reuse1");
	close(fd);
	fd = sock_bind_dev("udp", addr, 0, "reuse1");
	close(fd);

	fd = sock_open("tcp", AF_INET, 0);
	EXPECT_EQ(EADDRINUSE, sock_try_bind(fd, addr));
	sock_dev(fd, "reuse0");
	EXPECT_EQ(EADDRINUSE, sock_try_bind(fd, addr));
	sock_dev(fd, "reuse1");
	EXPECT_EQ(0, sock_try_bind(fd, addr));
	close(fd);
	fd = sock_open("udp", AF_INET, 0);
	EXPECT_EQ(EADDRINUSE, sock_try_bind(fd, addr));
	sock_dev(fd, "reuse1");
	EXPECT_EQ(0, sock_try_bind(fd, addr));
	close(fd);
	close(tcp);
	close(udp);
}

/* The cache of a bucket takes owners on other devices into account */
TEST_F(path, devices_in_one_bucket)
{
	const char *addr = "0.0.0.0" AT_PORT;
	int a, b, c;

	if (!add_device("reuse0", "dummy") || !add_device("reuse1", "dummy"))
		SKIP(return, "no dummy devices");
	a = sock_bind_dev("tcp", addr, 0, "reuse0");
	b = sock_bind_dev("tcp", addr, S_REUSEADDR, "reuse1");
	c = sock_open("tcp", AF_INET, S_REUSEADDR);
	sock_dev(c, "reuse0");
	EXPECT_EQ(EADDRINUSE, sock_try_bind(c, addr));
	close(a);
	EXPECT_EQ(0, sock_try_bind(c, addr));
	close(b);
	close(c);
}

/*
 * An accepted connection without options is left on the port: RA gets in on the BSDs alone, and on
 * NetBSD anything
 */
static void expect_contended(struct __test_metadata *_metadata, enum semantics semantics)
{
	EXPECT_EQ(semantics == NETBSD ? 0 : EADDRINUSE, try_bind("tcp", "127.0.0.1", 0));
	EXPECT_EQ(semantics >= BSD ? 0 : EADDRINUSE, try_bind("tcp", "127.0.0.1", RA));
	EXPECT_EQ(0, try_bind("tcp", "127.0.0.2", 0));
}

/* A connection that was given to kTLS */
TEST_F(path, tls)
{
	int listener = do_bind("tcp", "127.0.0.1", S_LISTEN);
	struct pair pair;

	sock_pair(&pair, listener, "127.0.0.1" AT_PORT);
	if (setsockopt(pair.server, IPPROTO_TCP, TCP_ULP, "tls", 4))
		SKIP(return, "no kTLS on this kernel");
	close(listener);
	expect_contended(_metadata, variant->semantics);
}

static int make_sockmap(int fd)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4, .value_size = 4, .max_entries = 1,
	};
	int map = sys_bpf(BPF_MAP_CREATE, &attr), key = 0;

	if (map < 0)
		return -1;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (unsigned long)&key;
	attr.value = (unsigned long)&fd;
	if (sys_bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die("cannot add a socket to a sockmap");
	return map;
}

/* A listener and a connection in a sockmap, which gives them other operations */
TEST_F(path, sockmap_tcp)
{
	int listener = do_bind("tcp", "127.0.0.1", S_LISTEN), map = make_sockmap(listener);
	struct pair pair;

	if (map < 0)
		SKIP(return, "no sockmap on this kernel");
	EXPECT_EQ(EADDRINUSE, try_bind("tcp", "127.0.0.1", RA));
	EXPECT_EQ(variant->semantics >= BSD ? 0 : EADDRINUSE, try_bind("tcp", "0.0.0.0", RA));
	sock_pair(&pair, listener, "127.0.0.1" AT_PORT);
	close(make_sockmap(pair.server));
	close(map);
	map = make_sockmap(pair.server);
	close(listener);
	expect_contended(_metadata, variant->semantics);
	close(map);
}

/* bind() by way of a sockmap's operations */
TEST_F(path, sockmap_udp)
{
	int a = do_bind("udp", "0.0.0.0", 0), b = sock_open("udp", AF_INET, RA), map;

	sock_connect(b, "127.0.0.1:9");
	map = make_sockmap(b);
	if (map < 0)
		SKIP(return, "no sockmap on this kernel");
	sock_disconnect(b);
	EXPECT_EQ(variant->semantics >= BSD ? 0 : EADDRINUSE,
		  sock_try_bind(b, "127.0.0.1" AT_PORT));
	close(map);
	close(a);
}

/* More UDP sockets than ten: 3.8 looks for others on the wildcard only, then */
TEST_F(path, udp_wildcard_beside_many)
{
	/* To these, :: is nothing to IPv4 sockets that are there before */
	bool apart = variant->semantics == OPENBSD || variant->semantics == NETBSD;
	int fd[12], beside_ten, i;

	for (i = 0; i < 12; i++) {
		if (i == 10) {
			EXPECT_EQ(EADDRINUSE, try_bind("udp", "0.0.0.0", 0));
			EXPECT_EQ(apart ? 0 : EADDRINUSE, try_bind("udp", "[::]", 0));
		}
		fd[i] = do_bind("udp", text("127.0.1.%d", i + 1), 0);
	}
	EXPECT_EQ(EADDRINUSE, try_bind("udp", "127.0.1.1", 0));
	EXPECT_EQ(0, try_bind("udp", "127.0.1.13", 0));
	/* 5.10 does as 3.8 did */
	beside_ten = try_bind("udp", "0.0.0.0", 0);
	if (variant->semantics != NATIVE)
		EXPECT_EQ(variant->semantics == PRE39 ? 0 : EADDRINUSE, beside_ten);
	if (variant->semantics == PRE39) {
		int any = do_bind("udp", "0.0.0.0", 0);

		EXPECT_EQ(EADDRINUSE, try_bind("udp", "0.0.0.0", 0));
		EXPECT_EQ(EADDRINUSE, try_bind("udp", "[::]", 0));
		EXPECT_EQ(0, try_bind("udp", "[::]", S_V6ONLY));
		close(any);
	}
	for (i = 0; i < 12; i++)
		close(fd[i]);
}

static unsigned long sockets_on(const char *address)
{
	const struct table_row *row;
	struct table table;
	unsigned long n;

	table_read(REUSE_FILE, &table);
	row = table_find(&table, "tcp", address, "-", *address == '[' ? "1" : "-");
	n = row ? row->num[SOCKETS] : 0;
	table_free(&table);
	return n;
}

/* To a server that another has a connection to from there, and to one that it has not */
static void expect_taken(struct __test_metadata *_metadata, bool bsd, int fd, const char *host,
			 bool asked)
{
	char *name = strdup(sock_name(fd));

	EXPECT_EQ(bsd ? EADDRINUSE : EADDRNOTAVAIL,
		  sock_try_connect(fd, text("%s:%d", host, PORT + 1)));
	EXPECT_EQ(bsd || asked ? 2 : 1, sockets_on(name));
	EXPECT_EQ(0, sock_try_connect(fd, text("%s:%d", host, PORT + 2)));
	if (bsd || asked)
		EXPECT_STREQ(name, sock_name(fd));
	free(name);
	sock_abort(fd);
}

/* connect() of a bound socket, to a remote end that is taken */
TEST_F(path, connect_to_taken)
{
	static const char * const hosts[] = { "127.0.0.1", "[::1]" };
	bool bsd = variant->semantics >= BSD;
	unsigned int share = bsd ? RA | S_REUSEPORT : RA;
	int servers[2], other, fd, i;

	for (i = 0; i < 2; i++) {
		const char *host = hosts[i], *to;

		servers[0] = sock_bind("tcp", text("%s:%d", host, PORT + 1), S_LISTEN);
		servers[1] = sock_bind("tcp", text("%s:%d", host, PORT + 2), S_LISTEN);
		to = text("%s:%d", host, PORT + 1);
		other = do_bind("tcp", host, RA);
		sock_connect(other, to);
		expect_taken(_metadata, bsd, do_bind("tcp", host, RA), host, true);
		sock_abort(other);

		fd = sock_bind("tcp", text("%s:0", host), share);
		other = sock_bind("tcp", sock_name(fd), share);
		sock_connect(other, text("%s:%d", host, PORT + 1));
		expect_taken(_metadata, bsd, fd, host, false);
		sock_abort(other);
		close(servers[0]);
		close(servers[1]);
	}
}

/* connect() of a bound socket where no address can be the source: nobody has taken anything */
TEST_F(path, connect_without_source)
{
	int fd = do_bind("tcp", "[::]", 0), found = sock_bind("tcp", "[::]:0", S_V6ONLY);
	char *address = strdup(sock_name(found));

	if (!try_run("ip link add far type dummy"))
		SKIP(return, "no dummy devices");
	run("ip link set far addrgenmode none");
	run("ip link set far up");
	run("ip -6 address flush dev lo");
	run("ip -6 route add 2001:db8::/64 dev far");
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_connect(fd, "[2001:db8::1]:9"));
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_connect(found, "[2001:db8::1]:9"));
	EXPECT_EQ(1, sockets_on(address));
	free(address);
	close(found);
	close(fd);
}

/* A program that binds to 127.0.0.1 AT_PORT each socket that connects, or refuses that */
static int load_binder(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, -8, 0),
		INSN(BPF_ST | BPF_MEM | BPF_H, BPF_REG_10, 0, -16, AF_INET),
		INSN(BPF_ST | BPF_MEM | BPF_H, BPF_REG_10, 0, -14, htons(PORT)),
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -12, htonl(INADDR_LOOPBACK)),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -16),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, sizeof(struct sockaddr_in)),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_bind),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		.expected_attach_type = BPF_CGROUP_INET4_CONNECT,
		.insns = (unsigned long)insns, .insn_cnt = ARRAY_SIZE(insns),
		.license = (unsigned long)"GPL",
	};

	return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* bind() by a BPF program, while the socket connects */
TEST_F(path, bpf)
{
	const char *cgroup = text(CGROUP "/reuse-%d", getpid());
	int prog = load_binder(), listener, owner, fd, err;
	union bpf_attr attr = { .attach_type = BPF_CGROUP_INET4_CONNECT };

	if (prog < 0 || mkdir(cgroup, 0700))
		SKIP(return, "no such BPF program, or no cgroup2");
	write_file(text("%s/cgroup.procs", cgroup), "%d", getpid());
	attr.target_fd = open(cgroup, O_RDONLY);
	attr.attach_bpf_fd = prog;
	ASSERT_EQ(0, sys_bpf(BPF_PROG_ATTACH, &attr));

	listener = sock_bind("tcp", "127.0.0.1:30001", S_LISTEN);
	owner = do_bind("tcp", "0.0.0.0", 0);
	fd = sock_open("tcp", AF_INET, RA);
	err = sock_try_connect(fd, "127.0.0.1:30001");
	EXPECT_EQ(variant->semantics >= BSD ? 0 : EPERM, err);
	if (!err)
		ASSERT_STREQ("127.0.0.1" AT_PORT, sock_name(fd));
	close(fd);
	close(owner);
	close(listener);
	write_file(CGROUP "/cgroup.procs", "%d", getpid());
	ASSERT_EQ(0, rmdir(cgroup));
}

TEST_HARNESS_MAIN
