// SPDX-License-Identifier: GPL-2.0
/* The limits that reuse(7) names: cases that the semantics leave to Linux, or ignore. */
#include <fcntl.h>
#include <netinet/in.h>

#include "bpf.h"
#include "deliver_paths.h"

#define BINDV6ONLY	"/proc/sys/net/ipv6/bindv6only"

static const char * const hosts[] = { ONE, ONE6 };

static int make_map(enum bpf_map_type type, unsigned int value_size)
{
	union bpf_attr attr = {
		.map_type = type, .key_size = 4, .value_size = value_size, .max_entries = 1,
	};

	return sys_bpf(BPF_MAP_CREATE, &attr);
}

/* A bpf_sk_lookup program that counts its runs, and chooses the socket of @choice if any */
static int load_lookup(int runs, int choice)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
		INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, runs),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 1),
		INSN(BPF_STX | BPF_XADD | BPF_DW, BPF_REG_0, BPF_REG_1, 0, 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, choice),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 7, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_7, BPF_REG_0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_7, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sk_assign),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_7, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sk_release),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, SK_PASS),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SK_LOOKUP,
		.expected_attach_type = BPF_SK_LOOKUP,
		.insns = (unsigned long)insns, .insn_cnt = ARRAY_SIZE(insns),
		.license = (unsigned long)"GPL",
	};

	return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* Attaches it to this namespace until the link is closed; a negative number if it cannot be */
static int attach_lookup(int runs, int choice)
{
	union bpf_attr attr = { .link_create.attach_type = BPF_SK_LOOKUP };
	int prog = load_lookup(runs, choice), link;

	if (prog < 0)
		return prog;
	attr.link_create.prog_fd = prog;
	attr.link_create.target_fd = later(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	link = sys_bpf(BPF_LINK_CREATE, &attr);
	close(prog);
	return link;
}

/* How often the program ran since this was asked last */
static long long ran(int runs)
{
	unsigned long long n = 0, none = 0;
	unsigned int key = 0;
	union bpf_attr attr = {
		.map_fd = runs, .key = (unsigned long)&key, .value = (unsigned long)&n,
	};

	if (sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr))
		die("no counter");
	attr.value = (unsigned long)&none;
	if (sys_bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die("no counter");
	return n;
}

static void choose(int choice, int fd)
{
	unsigned long long value = fd;
	unsigned int key = 0;
	union bpf_attr attr = {
		.map_fd = choice, .key = (unsigned long)&key, .value = (unsigned long)&value,
	};

	if (sys_bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die("BPF_MAP_UPDATE_ELEM");
}

static const char *elsewhere(const char *host)
{
	return text(*host == ':' ? "[%s]:9" : "%s:9", host);
}

/*
 * A bpf_sk_lookup program comes first, and is run twice where the semantics are not native, but
 * once for a SYN that the port's only socket gets; once more for a datagram whose socket it
 * chooses, as the kernel looks for itself then. For a SYN that no socket gets, it is run twice
 * where that might have to be dropped.
 */
TEST_F(deliver, sk_lookup)
{
	int times = variant->semantics ? 2 : 1, runs, choice, other, link, c;
	unsigned int i;
	char buf[64];

	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		fresh();
		runs = make_map(BPF_MAP_TYPE_ARRAY, 8);
		choice = make_map(BPF_MAP_TYPE_SOCKMAP, 8);
		link = attach_lookup(runs, choice);
		if (link < 0)
			SKIP(return, "no bpf_sk_lookup programs in this kernel");
		udp("12", hosts[i], self->share);
		ASSERT_EQ('\0', datagram(-1, hosts[i])[1]);
		EXPECT_EQ(times, ran(runs));
		other = later(sock_bind("udp", elsewhere(hosts[i]), 0));
		choose(choice, other);
		EXPECT_STREQ("nobody", datagram(-1, hosts[i]));
		EXPECT_EQ(variant->semantics ? 3 : 1, ran(runs));
		EXPECT_LT(0, recv(other, buf, sizeof(buf), MSG_DONTWAIT));
		close(choice);
		close(link);

		ran(runs);
		choice = make_map(BPF_MAP_TYPE_SOCKMAP, 8);
		link = attach_lookup(runs, choice);
		ASSERT_LE(0, link);
		tcp("3", hosts[i], self->share | LISTENS);
		c = connected(hosts[i]);
		EXPECT_EQ(1, ran(runs));
		EXPECT_TRUE(waits_at('3'));
		close(c);
		closes("3");
		EXPECT_STREQ("ECONNREFUSED", connection(hosts[i]));
		EXPECT_EQ(variant->semantics >= OPENBSD ? 2 : 1, ran(runs));
		other = later(sock_bind("tcp", elsewhere(hosts[i]), S_LISTEN | S_NONBLOCK));
		choose(choice, other);
		ran(runs);
		c = connected(hosts[i]);
		EXPECT_EQ(times, ran(runs));
		EXPECT_LE(0, accept(other, NULL, NULL));
		close(c);
		close(choice);
		close(link);
	}
}

/* SO_INCOMING_CPU leads to the oldest, natively, and counts for nothing else */
TEST_F(deliver, incoming_cpu)
{
	int i, cpu;

	stay_on(0);
	for (i = 0; i < 2; i++) {
		fresh();
		udp("123", hosts[i], variant->semantics >= BSD ? RP : RA);
		for (cpu = 0; cpu < 3; cpu++)
			sock_set(the('1' + cpu)->fd, SOL_SOCKET, SO_INCOMING_CPU, cpu);
		GETS("1", "3", "3", receivers(hosts[i]));
		if (variant->semantics == PRE39)
			continue;
		tcp("456", hosts[i], RP | LISTENS);
		for (cpu = 0; cpu < 3; cpu++)
			sock_set(the('4' + cpu)->fd, SOL_SOCKET, SO_INCOMING_CPU, cpu);
		GETS(NULL, NULL, "6", acceptors(hosts[i]));
	}
}

/* From so many ports that a group which deals by hash has to deal to more than one */
#define TRIES	40

/* All sockets that get one of @len bytes, from a socket that @prepare has set up */
static const char *all_get(const char *host, void (*prepare)(int fd), size_t len)
{
	static char data[4096];
	bool seen[128] = {};
	const char *all = "";
	int i, s, who;

	for (i = 0; i < TRIES; i++) {
		s = sock_bind("udp", text("[%s]:0", host), 0);
		prepare(s);
		sock_connect(s, at_port(host));
		if (send(s, data, len, 0) != (ssize_t)len)
			die("send");
		host_arrived();
		for (who = '1'; who <= '3'; who++) {
			if (recv(the(who)->fd, data, sizeof(data), MSG_DONTWAIT) == (ssize_t)len)
				seen[who] = true;
		}
		close(s);
	}
	for (i = '1'; i <= '3'; i++) {
		if (seen[i])
			all = text("%s%s%c", all, *all ? "+" : "", i);
	}
	return all;
}

static void plain(int fd)
{
	(void)fd;
}

static void with_options(int fd)
{
	/* Two options of padding, six octets in all */
	static const char padding[8] = { 0, 0, 1, 4 };

	if (setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, padding, sizeof(padding)))
		die("IPV6_DSTOPTS");
}

/* IPv6 datagrams with extension headers, and those in fragments, go where Linux sends them */
TEST_F(deliver, extension_headers)
{
	const char *linux_way = variant->semantics == PRE39 ? "3" : "1+2+3";

	udp("123", ONE6, self->share | V6ONLY);
	GETS("1+2+3", "3", "3", all_get(ONE6, plain, 100));
	EXPECT_STREQ(linux_way, all_get(ONE6, with_options, 100));
	GETS("1+2+3", "3", "3", all_get(ONE6, plain, 3000));
	run("ip link set lo mtu 1280");
	EXPECT_STREQ(linux_way, all_get(ONE6, plain, 3000));
}

/* The default of IPV6_V6ONLY is Linux's, but under openbsd, where it is always set */
TEST_F(deliver, bindv6only)
{
	const char * const protos[] = { "tcp", "udp" };
	unsigned int i;
	int on, s[2];

	for (i = 0; i < ARRAY_SIZE(protos); i++) {
		for (on = 0; on < 2; on++) {
			struct sockaddr_in6 any = {
				.sin6_family = AF_INET6, .sin6_port = htons(80),
			};

			write_file(BINDV6ONLY, "%d", on);
			s[0] = socket(AF_INET6, *protos[i] == 't' ? SOCK_STREAM : SOCK_DGRAM, 0);
			ASSERT_EQ(0, bind(s[0], (void *)&any, sizeof(any)));
			s[1] = sock_open(protos[i], AF_INET, 0);
			EXPECT_EQ(on || variant->semantics == OPENBSD ? 0 : EADDRINUSE,
				  sock_try_bind(s[1], "0.0.0.0:80"));
			close(s[0]);
			close(s[1]);
		}
	}
}

/* Port 0, and the ports that connect() chooses: Linux's range without the reserved ones */
TEST_F(deliver, reserved_ports)
{
	const char * const any[] = { "127.0.0.1:0", "[::1]:0" };
	const char * const protos[] = { "tcp", "udp" };
	const int none[] = {
		BSDS(EADDRNOTAVAIL, EADDRNOTAVAIL, EADDRNOTAVAIL, EAGAIN, EADDRNOTAVAIL),
		BSDS(EADDRNOTAVAIL, EADDRNOTAVAIL, EADDRNOTAVAIL, EAGAIN, EAGAIN),
	};
	unsigned int i, j;
	int s[5], err, c;

	write_file(PORT_RANGE, "42000 42003");
	for (i = 0; i < ARRAY_SIZE(any) * ARRAY_SIZE(protos); i++) {
		const char *address = any[i / 2], *proto = protos[i % 2], *port;

		write_file(RESERVED_PORTS, "42000-42002");
		s[0] = sock_bind(proto, address, 0);
		port = strrchr(sock_name(s[0]), ':');
		EXPECT_STREQ(":42003", port);
		s[1] = sock_open(proto, sock_family(address), 0);
		err = sock_try_bind(s[1], address);
		EXPECT_TRUE(err == EADDRINUSE || (variant->semantics >= BSD && err == none[i / 2]))
			TH_LOG("%s %s: %s", proto, address, strerror(err));
		/* One that is asked for by name */
		EXPECT_EQ(0, sock_try_bind(s[1], text("%.*s:42001", (int)strlen(address) - 2,
						      address)));
		close(s[0]);
		close(s[1]);

		/* connect() */
		s[0] = sock_bind(proto, text("%.*s:7", (int)strlen(address) - 2, address),
				 *proto == 't' ? S_LISTEN : 0);
		c = sock_open(proto, sock_family(address), 0);
		sock_connect(c, sock_name(s[0]));
		EXPECT_STREQ(":42003", strrchr(sock_name(c), ':'));
		sock_abort(c);
		close(s[0]);

		write_file(RESERVED_PORTS, "1");
		for (j = 0; j < 4; j++)
			s[j] = sock_bind(proto, address, 0);
		while (j--)
			close(s[j]);
	}
}

/* bind() to the address of a connection whose listener is closed */
static const char *bind_beside_connection(const char *before, const char *after)
{
	become(before);
	fresh();
	tcp("1", ONE, LISTENS);
	connected(ONE);
	if (accepts('1') < 0)
		die("no connection");
	closes("1");
	become(after);
	opens("2", "tcp", AF_INET, 0);
	return host_error(binds('2', ONE));
}

/* NetBSD's bind() does not see accepted connections, but here those from before the switch */
TEST_F(deliver, connection_from_before)
{
	const char *now = semantics_name[variant->semantics];

	GETS("EADDRINUSE", "EADDRINUSE", "EADDRINUSE", bind_beside_connection("native", now));
	GETS("EADDRINUSE", "EADDRINUSE",
	     BSDS("EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "OK", "EADDRINUSE"),
	     bind_beside_connection(now, now));
}

/* SCTP stays native: two share by SO_REUSEADDR where TCP of a BSD does not */
TEST_F(deliver, sctp)
{
	const char * const address[] = { "127.0.0.1:80", "[::1]:80" };
	struct sockaddr_storage ss;
	socklen_t len;
	int i, j, s[3];

	for (i = 0; i < 2; i++) {
		len = sock_addr(address[i], &ss);
		for (j = 0; j < 3; j++) {
			s[j] = later(socket(ss.ss_family, SOCK_STREAM, IPPROTO_SCTP));
			if (s[j] < 0)
				SKIP(return, "no SCTP in this kernel");
			sock_set(s[j], SOL_SOCKET, SO_REUSEADDR, j < 2);
		}
		EXPECT_EQ(0, bind(s[0], (struct sockaddr *)&ss, len));
		EXPECT_EQ(0, bind(s[1], (struct sockaddr *)&ss, len));
		EXPECT_EQ(-1, bind(s[2], (struct sockaddr *)&ss, len));
		EXPECT_EQ(EADDRINUSE, errno);
		sock_bind("tcp", address[i], RA);
		GETS("0", "0", text("%d", EADDRINUSE),
		     text("%d", sock_try_bind(sock_open("tcp", ss.ss_family, RA), address[i])));
	}
}

TEST_HARNESS_MAIN
