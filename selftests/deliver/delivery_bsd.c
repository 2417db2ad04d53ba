// SPDX-License-Identifier: GPL-2.0
/* The rows of freebsd-13.delivery.tsv, and of freebsd-13.extra.tsv about delivery. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "delivery.h"

#define U1	1001
#define U2	1002

/* TCP: among those on one address the newest, on the wildcard the oldest */
ROW("D1")
{
	fresh();
	tcp("123", ONE, RP | LISTENS);
	connections(ONE, 6);
}

ROW("D2")
{
	closes("3");
	connections(ONE, 3);
}

ROW("D3")
{
	tcp("3", ONE, RP | LISTENS);
	connections(ONE, 3);
}

ROW("D4")
{
	fresh();
	tcp("12", ONE, RP);
	listens('2');
	listens('1');
	connections(ONE, 3);
}

ROW("D5")
{
	fresh();
	tcp("12", ONE, RP);
	listens('1');
	connections(ONE, 2);
}

ROW("D6")
{
	fresh();
	tcp("12", ONE, RP);
	listens('2');
	connections(ONE, 2);
}

/* Connections waiting at a listener that closes are reset; @other gets none of them */
static void close_pending(char winner, char other)
{
	int client = connected(ONE);

	if (!waits_at(winner))
		answer("nothing waits at %c; ", winner);
	closes(text("%c", winner));
	answer("client %s / other accept ", heard(client));
	answer(accepts(other) < 0 ? "EAGAIN" : "OK");
}

ROW("D7")
{
	fresh();
	tcp("12", ONE, RP | LISTENS);
	close_pending('2', '1');
}

ROW("D8")
{
	fresh();
	tcp("123", ANY, RP | LISTENS);
	connections(ONE, 6);
}

ROW("D9")
{
	closes("1");
	connections(ONE, 3);
}

ROW("D10")
{
	tcp("1", ANY, RP | LISTENS);
	connections(ONE, 3);
}

ROW("D11")
{
	fresh();
	tcp("12", ANY, RP);
	listens('2');
	listens('1');
	connections(ONE, 3);
}

ROW("D12")
{
	fresh();
	tcp("12", ANY, RP);
	listens('1');
	connections(ONE, 2);
}

ROW("D13")
{
	fresh();
	tcp("12", ANY, RP);
	listens('2');
	connections(ONE, 2);
}

ROW("D14")
{
	fresh();
	tcp("12", ANY, RP | LISTENS);
	close_pending('1', '2');
}

ROW("D15")
{
	fresh();
	tcp("1", ONE, 0);
	connections(ONE, 1);
}

/* TCP: the address before the wildcard */
ROW("D16")
{
	fresh();
	tcp("2", ONE, RP | LISTENS);
	tcp("1", ANY, RP | LISTENS);
	connections(ONE, 2);
}

ROW("D17")
{
	connections(TWO, 2);
}

ROW("D18")
{
	closes("2");
	connections(ONE, 1);
}

ROW("D19")
{
	fresh();
	tcp("1", ANY, RP | LISTENS);
	tcp("2", ONE, RP | LISTENS);
	connections(ONE, 2);
}

ROW("D20")
{
	connections(TWO, 2);
}

ROW("D21")
{
	closes("2");
	connections(ONE, 1);
}

ROW("D22")
{
	fresh();
	tcp("1", ANY, RP | LISTENS);
	tcp("2", ONE, RP);
	connections(ONE, 2);
}

ROW("D23")
{
	int client, child;
	const char *got;

	fresh();
	tcp("1", ANY, RP | LISTENS);
	client = connected(ONE);
	child = accepts('1');
	tcp("2", ONE, RP | LISTENS);
	if (send(client, "x", 1, MSG_NOSIGNAL) != 1)
		answer("client cannot send; ");
	got = heard(child);
	if (strcmp(got, "1"))
		answer("%s", got);
	else
		answer("OK 1 byte");
}

/* The same with UDP */
ROW("D24")
{
	fresh();
	udp("123", ONE, RP);
	datagrams(ONE, 4);
}

ROW("D25")
{
	closes("3");
	datagrams(ONE, 2);
}

ROW("D26")
{
	fresh();
	udp("123", ANY, RP);
	datagrams(ONE, 4);
}

ROW("D27")
{
	closes("1");
	datagrams(ONE, 2);
}

ROW("D28")
{
	fresh();
	udp("2", ONE, RP);
	udp("1", ANY, RP);
	datagrams(ONE, 1);
	datagrams(TWO, 1);
}

ROW("D29")
{
	fresh();
	udp("1", ANY, RP);
	udp("2", ONE, RP);
	datagrams(ONE, 1);
	datagrams(TWO, 1);
}

ROW("D30")
{
	int s;

	fresh();
	s = sender(ONE);
	udp("123", ONE, RP);
	sock_connect(the('1')->fd, sock_name(s));
	datagrams_from(s, ONE, 2);
	datagrams(ONE, 2);
}

ROW("D31")
{
	fresh();
	udp("12", ANY, RP);
	sock_connect(the('2')->fd, sock_name(sender(ONE)));
	datagrams(ONE, 2);
}

/* Groups: members only, newest first, stop after one without an option */
ROW("D32")
{
	fresh();
	udp("123", ANY, RP);
	joins("13", GROUP);
	datagrams(GROUP, 2);
}

ROW("D33")
{
	fresh();
	udp("123", GROUP, RA);
	joins("13", GROUP);
	datagrams(GROUP, 2);
}

ROW("D34")
{
	fresh();
	udp("1", GROUP, RA);
	udp("2", ANY, RA);
	udp("3", ONE, RA);
	udp("4", "239.1.1.2", RA);
	joins("1234", GROUP);
	datagrams(GROUP, 2);
}

ROW("D35")
{
	datagrams(ONE, 1);
	datagrams(TWO, 1);
}

ROW("D36")
{
	fresh();
	udp("123", ANY, RP);
	joins("123", GROUP);
	sets("2", SO_REUSEPORT, false);
	datagrams(GROUP, 1);
}

ROW("D37")
{
	fresh();
	udp("1", GROUP, RA);
	udp("2", ANY, RA);
	sets("1", SO_REUSEADDR, false);
	joins("12", GROUP);
	datagrams(GROUP, 1);
}

ROW("D38")
{
	fresh();
	as(U1);
	udp("1", GROUP, RP);
	as(U2);
	udp("2", GROUP, RP);
	joins("12", GROUP);
	datagrams(GROUP, 1);
}

ROW("D40")
{
	fresh();
	if (!has_ether())
		return;
	udp("12", ANY, RP);
	udp("3", "10.0.0.1", RP);
	udp("4", "10.0.0.255", RP);
	udp("5", ONE, RP);
	datagrams("10.0.0.255", 1);
}

ROW("D41")
{
	if (has_ether())
		datagrams("10.0.0.1", 1);
}

/* IPv6, and IPv6 sockets that take part in IPv4 */
ROW("D52")
{
	fresh();
	tcp("2", ANY6, RP | LISTENS);
	tcp("1", ANY, RP | LISTENS);
	connections(ONE, 2);
	connections(ONE6, 2);
}

ROW("D53")
{
	fresh();
	tcp("1", ANY, RP | LISTENS);
	tcp("2", ANY6, RP | LISTENS);
	connections(ONE, 2);
	connections(ONE6, 2);
}

ROW("D54")
{
	fresh();
	tcp("1", ANY6, RP | LISTENS);
	tcp("2", ONE, RP | LISTENS);
	connections(ONE, 2);
}

ROW("D55")
{
	fresh();
	tcp("1", ANY6, LISTENS);
	connections(ONE, 1);
}

ROW("D56")
{
	fresh();
	tcp("123", ONE6, RP | LISTENS);
	connections(ONE6, 3);
}

ROW("D57")
{
	fresh();
	tcp("123", ANY6, RP | V6ONLY | LISTENS);
	connections(ONE6, 3);
}

ROW("D58")
{
	fresh();
	udp("123", ONE6, RP);
	datagrams(ONE6, 3);
}

ROW("D59")
{
	fresh();
	udp("123", ANY6, RP | V6ONLY);
	datagrams(ONE6, 3);
}

ROW("D60")
{
	fresh();
	tcp("123", ANY6, RP | LISTENS);
	connections(ONE, 2);
	connections(ONE6, 2);
}

/* A rule: wildcard sockets only */
ROW("D61")
{
	means("1+2");
	fresh();
	if (!has_ether())
		return;
	udp("12", ANY, RP);
	udp("3", "10.0.0.1", RP);
	udp("4", "10.0.0.255", RP);
	udp("5", ONE, RP);
	through(ETHER);
	datagrams("255.255.255.255", 1);
}

static void joins_source(char who, const char *source)
{
	struct group_source_req req = { .gsr_interface = 1 };

	sock_addr(text("%s:0", GROUP), &req.gsr_group);
	sock_addr(text("%s:0", source), &req.gsr_source);
	if (setsockopt(the(who)->fd, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req)))
		die("%c does not join %s of %s", who, GROUP, source);
}

/* A rule: 1 wants another source, 2 this one, 3 any, 4 is on the group and has not joined */
ROW("D62")
{
	means("2+3");
	fresh();
	udp("123", ANY, RP);
	udp("4", GROUP, RP);
	joins_source('1', TWO);
	joins_source('2', ONE);
	joins("3", GROUP);
	datagrams(GROUP, 1);
}

ROW("D67")
{
	not_here("jails are FreeBSD's");
}

static bool established(void *client)
{
	struct pollfd p = { .fd = *(int *)client, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

/* A rule: the SYN is at 2 when 3 comes; 2 has the connection, and takes it down with it */
ROW("D68")
{
	int client;

	means("2; ECONNRESET; 3");
	fresh();
	tcp("12", ONE, RP | LISTENS);
	client = later(sock_open("tcp", AF_INET, S_NONBLOCK));
	sock_deaf(client, true);
	if (sock_try_connect(client, at_port(ONE)) != EINPROGRESS)
		answer("refused; ");
	host_arrived();
	tcp("3", ONE, RP | LISTENS);
	sock_deaf(client, false);
	wait_for(established, &client, 5000);
	answer("%s; ", waits_at('2') ? "2" : waits_at('3') ? "3" : "1");
	closes("2");
	answer("%s", heard(client));
	connections(ONE, 1);
}

ROW("D69")
{
	not_here("about FreeBSD 14: bsd is FreeBSD 13");
}

/* X82 begins where X81 ends, without the connection */
static void x81(bool connection)
{
	int err;

	fresh();
	as(U1);
	tcp("1", ANY, LISTENS);
	if (connection) {
		connected(ONE);
		accepts('1');
	}
	as(U2);
	opens("2", "tcp", AF_INET, RA);
	err = binds('2', ONE);
	answer("bind %s", host_error(err));
	answer(" listen %s", err ? "-" : host_error(listens('2')));
}

ROW("X81")
{
	x81(false);
}

ROW("X82")
{
	x81(true);
}

ROW("X83")
{
	connected(ONE);
	answer(accepts('2') < 0 ? "no" : "OK");
}
