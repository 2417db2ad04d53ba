// SPDX-License-Identifier: GPL-2.0
/*
 * The semantics decide which socket receives a packet, on every way by which it comes.
 *
 * A test is one situation, and GETS() has the receiver under each of the
 * semantics: Linux as it is (native), Linux 3.8 (pre39), and the BSDs, which are one
 * where BSDS() or ON_ANY() does not tell them apart. native is what shows that a
 * test can fail.
 */
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include "bpf.h"
#include "bulk.h"
#include "deliver_paths.h"

/* A switch of semantics counts for UDP sockets that were bound before, there and back */
TEST_F(deliver, switch_udp)
{
	static const char * const hosts[] = { ONE, ANY, ONE6, ANY6 };
	const char *to;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		become("native");
		fresh();
		to = i < 2 ? ONE : ONE6;
		udp("123", hosts[i], RP | V6ONLY);
		EXPECT_STREQ("1+2+3", receivers(to));
		become(semantics_name[variant->semantics]);
		if (i % 2)
			GETS("1+2+3", "3", ON_ANY("1", "3"), receivers(to));
		else
			GETS("1+2+3", "3", "3", receivers(to));
		become("native");
		EXPECT_STREQ("1+2+3", receivers(to));
	}
}

/* A switch of semantics counts for listeners that were bound before, there and back */
TEST_F(deliver, switch_tcp)
{
	static const char * const hosts[] = { ONE, ANY, ONE6, ANY6 };
	const char *to;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hosts); i++) {
		become("native");
		fresh();
		to = i < 2 ? ONE : ONE6;
		tcp("123", hosts[i], RP | V6ONLY | LISTENS);
		EXPECT_STREQ("1+2+3", acceptors(to));
		become(semantics_name[variant->semantics]);
		if (i % 2)
			GETS("1+2+3", "3", ON_ANY("1", "3"), acceptors(to));
		else
			GETS("1+2+3", "3", "3", acceptors(to));
		become("native");
		EXPECT_STREQ("1+2+3", acceptors(to));
	}
}

/* From one emulation to another: sockets bound before, and under each of them */
TEST_F(deliver, switch_between)
{
	if (variant->semantics < BSD || access(SEMANTICS, F_OK))
		SKIP(return, "is about a BSD and pre39");
	become("native");
	udp("12", ANY, RP);
	become(semantics_name[variant->semantics]);
	udp("3", ANY, RP);
	EXPECT_STREQ(ON_ANY("1", "3"), receivers(ONE));
	become("pre39");
	EXPECT_STREQ("3", receivers(ONE));
	become(semantics_name[variant->semantics]);
	EXPECT_STREQ(ON_ANY("1", "3"), receivers(ONE));
	udp("4", ANY, RP);
	become("pre39");
	EXPECT_STREQ("4", receivers(ONE));
	closes("4");
	EXPECT_STREQ("3", receivers(ONE));
	become("native");
	EXPECT_STREQ("1+2+3", receivers(ONE));
	become("pre39");
	EXPECT_STREQ("3", receivers(ONE));
}

/* Sockets bound under a BSD are a group of Linux's when the namespace is native again */
TEST_F(deliver, group_of_bsd)
{
	if (variant->semantics == PRE39)
		SKIP(return, "no SO_REUSEPORT under pre39");
	udp("123", ONE, RP);
	GETS("1+2+3", NULL, "3", receivers(ONE));
	become("native");
	EXPECT_STREQ("1+2+3", receivers(ONE));
	become(semantics_name[variant->semantics]);
	fresh();
	tcp("123", ANY, RP | LISTENS);
	GETS("1+2+3", NULL, ON_ANY("1", "3"), acceptors(ONE));
	become("native");
	EXPECT_STREQ("1+2+3", acceptors(ONE));
}

/* A socket that is only bound takes connections away from its address, until it is closed */
TEST_F(deliver, merely_bound)
{
	const char *refused = BSDS("ECONNREFUSED", "ECONNREFUSED", "ETIMEDOUT", "ETIMEDOUT",
				   "ETIMEDOUT");

	tcp("1", ANY, self->share);
	tcp("2", ONE, self->share);
	listens('1');
	GETS("1", "1", refused, connection(ONE));
	GETS("1", "1", "1", connection(TWO));
	closes("2");
	GETS("1", "1", "1", connection(ONE));
	fresh();
	tcp("1", ANY6, self->share);
	tcp("2", ONE6, self->share);
	listens('1');
	GETS("1", "1", refused, connection(ONE6));
	closes("2");
	GETS("1", "1", "1", connection(ONE6));
}

/* Of equals the newest on an address, newest or oldest on a wildcard: by bind(), not socket() */
TEST_F(deliver, order_of_bind)
{
	opens("123", "udp", AF_INET, self->share);
	binds('2', ONE);
	binds('3', ONE);
	binds('1', ONE);
	GETS("1+2+3", "1", "1", receivers(ONE));
	fresh();
	opens("123", "udp", AF_INET, self->share);
	binds('2', ANY);
	binds('3', ANY);
	binds('1', ANY);
	GETS("1+2+3", "1", ON_ANY("2", "1"), receivers(ONE));
}

static void set_early_demux(int on)
{
	write_file(IPV4_SYSCTL "ip_early_demux", "%d", on);
	write_file(IPV4_SYSCTL "udp_early_demux", "%d", on);
	write_file(IPV4_SYSCTL "tcp_early_demux", "%d", on);
}

/* A connected UDP socket gets its peer's datagrams, early demux or not, beside any others */
TEST_F(deliver, connected_udp)
{
	int on, s;

	for (on = 1; on >= 0; on--) {
		set_early_demux(on);
		fresh();
		s = sender(ONE);
		udp("123", ONE, self->share);
		sock_connect(the('1')->fd, sock_name(s));
		GETS("1", "1", "1", datagram(s, ONE));
		GETS("2+3", "3", "3", receivers(ONE));
		/* Bound to the wildcard, it has an address by connect(); the others are a group */
		fresh();
		s = sender(ONE);
		udp("1", ANY, self->share);
		sock_connect(the('1')->fd, sock_name(s));
		udp("23", ONE, self->share);
		GETS(NULL, "1", "1", datagram(s, ONE));
		GETS("2+3", "3", "3", receivers(ONE));
		closes("23");
		GETS("1", "1", "1", datagram(s, ONE));
		GETS("ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED", refused_datagram(ONE));
	}
}

/* A connection stays where it is, early demux or not */
TEST_F(deliver, established)
{
	int on, client, child;

	for (on = 1; on >= 0; on--) {
		set_early_demux(on);
		fresh();
		tcp("1", ANY, self->share | LISTENS);
		client = connected(ONE);
		child = accepts('1');
		if (variant->semantics != PRE39)
			tcp("2", ONE, self->share | LISTENS);
		closes("1");
		ASSERT_EQ(1, send(client, "x", 1, MSG_NOSIGNAL));
		EXPECT_STREQ("1", heard(child));
		GETS("2", "ECONNREFUSED", "2", connection(ONE));
	}
}

static bool fast_open;

/* The socket that gets a connection whose SYN has data */
static const char *fast_connection(const char *host)
{
	int client = sock_open("tcp", AF_INET, 0), i, child;
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(at_port(host), &ss);
	struct tcp_info info = {};

	if (sendto(client, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&ss, len) != 1)
		return host_error(errno);
	for (i = '1'; i <= '3' && !waits_at(i); i++)
		;
	child = accepts(i);
	if (child < 0 || strcmp(heard(child), "1"))
		return "nobody";
	len = sizeof(info);
	if (getsockopt(child, IPPROTO_TCP, TCP_INFO, &info, &len))
		die("TCP_INFO");
	fast_open &= !!(info.tcpi_options & TCPI_OPT_SYN_DATA);
	sock_abort(client);
	sock_abort(child);
	return text("%c", i);
}

/* TCP Fast Open: the socket that gets the SYN gets its data */
TEST_F(deliver, tcp_fast_open)
{
	/* Both sides, no cookies, all listeners */
	write_file(IPV4_SYSCTL "tcp_fastopen", "%d", 0x607);
	fast_open = true;
	listeners(variant->semantics == PRE39, ONE);
	GETS("1+2+3", "3", "3", all_of(fast_connection, ONE));
	EXPECT_TRUE(fast_open);
}

/* SYN cookies: the listener that the SYN was for is found again when the ACK comes */
TEST_F(deliver, syn_cookies)
{
	if (access(IPV4_SYSCTL "tcp_syncookies", F_OK))
		SKIP(return, "no SYN cookies in this kernel");
	write_file(IPV4_SYSCTL "tcp_syncookies", "2");
	listeners(variant->semantics == PRE39, ONE);
	GETS("1+2+3", "3", "3", acceptors(ONE));
	EXPECT_LE(40, net_counter("netstat", "TcpExt", "SyncookiesRecv"));
	EXPECT_EQ(0, net_counter("netstat", "TcpExt", "SyncookiesFailed"));
	listeners(variant->semantics == PRE39, ANY);
	GETS("1+2+3", "3", ON_ANY("1", "3"), acceptors(ONE));
	EXPECT_LE(80, net_counter("netstat", "TcpExt", "SyncookiesRecv"));
}

static bool has_connection(void *who)
{
	return waits_at(*(char *)who);
}

static const char *mptcp_connection(const char *host)
{
	int client = sock_open("mptcp", sock_family(at_port(host)), 0), child = -1;
	char who;

	sock_connect(client, at_port(host));
	for (who = '1'; who <= '3' && child < 0; who++) {
		if (wait_for(has_connection, &who, who == '3' ? 1000 : 20))
			child = accepts(who);
	}
	if (child < 0 || send(client, "x", 1, 0) != 1 || strcmp(heard(child), "1"))
		return "nobody";
	close(client);
	return text("%c", who - 1);
}

/* MPTCP listeners are found as those of TCP */
TEST_F(deliver, mptcp)
{
	const char *who = variant->semantics == PRE39 ? "3" : "123";
	const char *one;

	if (!sock_has("mptcp"))
		SKIP(return, "no MPTCP in this kernel");
	opens(who, "mptcp", AF_INET, self->share);
	for (one = who; *one; one++)
		ASSERT_EQ(0, binds(*one, ONE) ?: listens(*one));
	GETS(NULL, "3", "3", mptcp_connection(ONE));
	GETS(NULL, "3", "3", mptcp_connection(ONE));
	EXPECT_LE(1, net_counter("netstat", "MPTcpExt", "MPCapableSYNRX"));
	if (variant->semantics == NATIVE)
		EXPECT_TRUE(strchr("123", *mptcp_connection(ONE)));
}

static int segments;	/* that a receiver got */

/* The socket that gets all of four segments, which go through the stack as one */
static const char *gso_datagram(const char *host)
{
	int s = sender(host), bytes[3] = {}, i, got = 0;
	struct sockaddr_storage ss;
	socklen_t len = sock_addr(at_port(host), &ss);
	char buf[400] = {};
	ssize_t n;

	sock_set(s, IPPROTO_UDP, UDP_SEGMENT, 100);
	if (sendto(s, buf, 400, 0, (struct sockaddr *)&ss, len) != 400)
		return host_error(errno);
	waits_at('1');
	segments = 0;
	for (i = 0; i < 3; i++) {
		while ((n = recv(the('1' + i)->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
			bytes[i] += n;
			segments++;
		}
		got += !!bytes[i];
	}
	for (i = 0; i < 3 && bytes[i] != 400; i++)
		;
	return got == 1 && i < 3 ? text("%c", '1' + i) : "some of it";
}

/* Segments that came as one go to one socket, which takes them so (UDP_GRO) or one by one */
TEST_F(deliver, udp_gso_and_gro)
{
	int gro, i;

	for (gro = 0; gro <= 1; gro++) {
		fresh();
		udp("123", ONE, self->share);
		for (i = '1'; i <= '3'; i++)
			sock_set(the(i)->fd, IPPROTO_UDP, UDP_GRO, gro);
		GETS("1+2+3", "3", "3", all_of(gso_datagram, ONE));
		/* lo of 5.10 takes no such thing, and has them one by one anyhow */
		EXPECT_TRUE(segments == 4 || (gro && segments == 1))
			TH_LOG("%d segments", segments);
	}
}

/* Sockets bound to the device come first, and among them it is as among all; others get nothing */
TEST_F(deliver, bound_to_device)
{
	if (!ether())
		SKIP(return, "no device but lo in this kernel");
	udp("3", ANY, self->share);
	on_device("12", "udp", "lo", ANY, self->share);
	on_device("4", "udp", ETHER, ANY, self->share);
	GETS("1+2", "2", ON_ANY("1", "2"), receivers(ONE));
	/* Linux gives it to the group of 3 if it comes to that one first */
	closes("3");
	udp("3", ANY, self->share);
	GETS(NULL, "2", ON_ANY("1", "2"), receivers(ONE));
	closes("12");
	GETS("3", "3", "3", receivers(ONE));
	closes("3");
	GETS("ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED", refused_datagram(ONE));
	fresh();
	on_device(variant->semantics == PRE39 ? "2" : "12", "tcp", "lo", ANY, self->share);
	on_device("4", "tcp", ETHER, ONE, self->share);
	GETS("1+2", "2", ON_ANY("1", "2"), acceptors(ONE));
	closes("12");
	GETS("ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED", connection(ONE));
}

/* So do those that were bound to it later, be they the oldest or the newest */
TEST_F(deliver, bound_to_device_later)
{
	udp("3", ANY, self->share);
	udp("12", ANY, self->share);
	sock_dev(the('1')->fd, "lo");
	sock_dev(the('2')->fd, "lo");
	GETS(NULL, "2", ON_ANY("1", "2"), receivers(ONE));
	fresh();
	udp("123", ANY, self->share);
	sock_dev(the('1')->fd, "lo");
	sock_dev(the('2')->fd, "lo");
	GETS(NULL, "2", ON_ANY("1", "2"), receivers(ONE));
	if (variant->semantics == PRE39)
		return;
	fresh();
	tcp("312", ANY, self->share | LISTENS);
	sock_dev(the('1')->fd, "lo");
	sock_dev(the('2')->fd, "lo");
	GETS(NULL, NULL, ON_ANY("1", "2"), acceptors(ONE));
}

/* In a VRF, only the sockets bound to it can receive */
TEST_F(deliver, vrf)
{
	if (!ether() || !add_device("red", "vrf table 10"))
		SKIP(return, "no VRF in this kernel");
	run("ip link set " ETHER " master red");
	on_device("12", "udp", "red", ANY, self->share);
	udp("3", ANY, self->share);
	GETS("3", "3", "3", receivers(ONE));
	through("red");
	GETS("1+2", "2", ON_ANY("1", "2"), receivers("10.0.0.1"));
	closes("12");
	GETS("nobody", "nobody", "nobody", datagram(-1, "10.0.0.1"));
	fresh();
	on_device(variant->semantics == PRE39 ? "2" : "12", "tcp", "red", ANY, self->share);
	tcp("3", ANY, self->share | LISTENS);
	through("red");
	GETS("1+2", "2", ON_ANY("1", "2"), acceptors("10.0.0.1"));
	through(NULL);
	GETS("3", "3", "3", acceptors(ONE));
}

/* Steers to the second of the group */
static void steer(char who)
{
	struct sock_filter second = BPF_STMT(BPF_RET | BPF_K, 1);
	struct sock_fprog prog = { .len = 1, .filter = &second };

	if (setsockopt(the(who)->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog)))
		die("SO_ATTACH_REUSEPORT_CBPF");
}

/* A program that is attached to a group keeps steering, attached before the switch or after */
TEST_F(deliver, reuseport_bpf)
{
	if (variant->semantics == PRE39)
		SKIP(return, "no SO_REUSEPORT under pre39");
	become("native");
	udp("123", ONE, RP);
	GETS("1+2+3", NULL, "1+2+3", receivers(ONE));
	steer('1');
	GETS("2", NULL, "2", receivers(ONE));
	become(semantics_name[variant->semantics]);
	GETS("2", NULL, "2", receivers(ONE));
	fresh();
	tcp("123", ANY, RP | LISTENS);
	GETS("1+2+3", NULL, ON_ANY("1", "3"), acceptors(ONE));
	steer('3');
	GETS("2", NULL, "2", acceptors(ONE));
	/* It chooses for its group, and not for another address */
	tcp("4", ONE, RP | LISTENS);
	GETS("4", NULL, "4", acceptors(ONE));
}

/* Refuses all that is for the group; false if this kernel has no such programs */
static bool refuse(char who)
{
	static const struct bpf_insn drop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = SK_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SK_REUSEPORT,
		.insns = (unsigned long)drop, .insn_cnt = ARRAY_SIZE(drop),
		.license = (unsigned long)"GPL",
	};
	int prog = sys_bpf(BPF_PROG_LOAD, &attr);

	if (prog < 0)
		return false;
	sock_set(the(who)->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, prog);
	close(prog);
	return true;
}

/* A program may refuse what the semantics give to its group, and Linux to another one */
TEST_F(deliver, reuseport_bpf_refuses)
{
	become("native");
	as(1000);
	udp("1", ONE6, RA | RP);
	as(0);
	udp("2", ONE6, RA | RP);
	if (!refuse('2'))
		SKIP(return, "no programs of SO_ATTACH_REUSEPORT_EBPF in this kernel");
	become(semantics_name[variant->semantics]);
	GETS(NULL, "nobody", "nobody", datagram(-1, ONE6));
	closes("2");
	GETS("1", "1", "1", datagram(-1, ONE6));
}

/* IPv4 and IPv6 sockets are equal on an IPv4 address; Linux and NetBSD prefer those of IPv4 */
TEST_F(deliver, mapped)
{
	const char *alone = BSDS("1", "1", "ECONNREFUSED", "1", "1");
	unsigned int share = variant->semantics >= BSD ? RP : RA;

	udp("1", "::ffff:127.0.0.1", share);
	udp("2", ONE, share);
	GETS("2", "2", "2", receivers(ONE));
	fresh();
	udp("2", ONE, share);
	udp("1", "::ffff:127.0.0.1", share);
	GETS("2", "2", BSDS("1", "1", "2", "2", "1"), receivers(ONE));
	fresh();
	tcp("2", ONE, RA | LISTENS);
	closes("2");
	tcp("1", "::ffff:127.0.0.1", RA | LISTENS);
	GETS("1", "1", alone, connection(ONE));
	tcp("3", ONE6, RA | LISTENS);
	GETS("1", "1", alone, connection(ONE));
}

/* A thousand connected UDP sockets on the address are not in the way of a stranger */
TEST_F(deliver, many_connected_udp)
{
	int s = sender(ONE), i, fd;

	udp("12", ONE, self->share);
	for (i = 0; i < 1000; i++) {
		fd = sock_bind("udp", at_port(ONE), self->share);
		sock_connect(fd, i == 500 ? sock_name(s) : text("127.0.0.1:%d", 1000 + i));
		if (i == 500)
			the('3')->fd = fd;
	}
	the('3')->udp = true;
	/* Linux, if it has no hash of connected sockets, does not share out any more */
	GETS(NULL, "2", "2", receivers(ONE));
	GETS("3", "3", "3", datagram(s, ONE));
}

/* UDP-Lite is as UDP */
TEST_F(deliver, udplite)
{
	int i;

	if (!sock_has("udplite"))
		SKIP(return, "no UDP-Lite in this kernel");
	opens("123", "udplite", AF_INET, self->share);
	for (i = '1'; i <= '3'; i++) {
		ASSERT_EQ(0, binds(i, ANY));
		the(i)->udp = true;
	}
	for (i = 0; i < 10; i++)
		GETS(NULL, "3", ON_ANY("1", "3"),
		     datagram(later(sock_open("udplite", AF_INET, 0)), ONE));
	EXPECT_STREQ("ECONNREFUSED", refused_datagram(ONE));
}

/* Connections of the port, without sockets at their other ends */
static void accepted(int n, unsigned int share)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int i, fd;

	bulk_files(2 * n + 1000);
	for (i = 0; i < n; i++) {
		fd = sock_bind("tcp", at_port(ONE), share);
		sock_set(fd, IPPROTO_TCP, TCP_REPAIR, 1);
		to.sin_port = htons(1024 + i);
		to.sin_addr.s_addr = htonl(LOOPBACK(1));
		if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
			die("connection %d", i);
	}
}

/* Nor are those that were accepted, or connected from the port, under the same semantics */
TEST_F(deliver, many_accepted)
{
	int i, fd, other = later(sock_bind("tcp", "0.0.0.0:9", 0));

	bulk_files(4000);
	listen(other, 1000);
	tcp("0", ONE, self->share | LISTENS);
	for (i = 0; i < 500; i++) {
		ASSERT_LE(0, host_connect(ONE, atoi(strchr(at_port(ONE), ':') + 1), &(int){ 0 }));
		sock_accept(the('0')->fd);
	}
	closes("0");
	tcp(variant->semantics == PRE39 ? "2" : "12", ONE, self->share | LISTENS);
	GETS("1+2", "2", "2", acceptors(ONE));
	closes("12");
	tcp(variant->semantics == PRE39 ? "2" : "12", ONE, self->share);
	for (i = 0; i < 500; i++) {
		fd = sock_bind("tcp", at_port(ONE), self->share);
		sock_connect(fd, text("127.0.%d.%d:9", i / 250, 1 + i % 250));
	}
	listens('1');
	listens('2');
	GETS("1+2", "2", "2", acceptors(ONE));
}

/* Of thousands of connections on the port, none is in the way of a SYN */
TEST_F(deliver, many_children)
{
	become("native");
	accepted(5000, self->share);
	become(semantics_name[variant->semantics]);
	tcp(variant->semantics == PRE39 ? "1" : "12", ANY, self->share | LISTENS);
	GETS("1+2", "1", ON_ANY("1", "2"), acceptors(ONE));
	closes("12");
	tcp(variant->semantics == PRE39 ? "2" : "12", ONE, self->share | LISTENS);
	GETS("1+2", "2", "2", acceptors(ONE));
	closes("12");
	GETS("ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED", connection(ONE));
}

TEST_HARNESS_MAIN
