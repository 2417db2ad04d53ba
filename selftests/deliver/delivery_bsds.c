// SPDX-License-Identifier: GPL-2.0
/*
 * The rows of freebsd-15, openbsd, netbsd and darwin.delivery.tsv that are not as in the tables of
 * FreeBSD 13: others, those that have more than one of its rows, and those that say it differently.
 */
#include <netinet/in.h>

#include "delivery.h"

#define U1		1001
#define U2		1002
#define MAPPED_ANY	"::ffff:0.0.0.0"
#define MAPPED		"::ffff:127.0.0.1"
#define GROUP6A		"ff05::1:3"
#define GROUP6B		"ff05::9"

/* IPv4 sockets beside IPv6 sockets that receive IPv4 as well, where there are any */
static void any_then_dual(unsigned int share)
{
	fresh();
	udp("1", ANY, share);
	udp("2", ANY6, share);
	datagrams(ONE, 1);
	datagrams(ONE6, 1);
}

ROW("N1")
{
	any_then_dual(0);
}

ROW("N2")
{
	any_then_dual(RP);
}

ROW("N3")
{
	fresh();
	udp("1", ANY6, RP);
	udp("2", ANY, RP);
	udp("3", ANY6, RP);
	datagrams(ONE, 1);
	closes("3");
	datagrams(ONE, 1);
	closes("2");
	datagrams(ONE, 1);
}

ROW("N4")
{
	fresh();
	udp("1", ANY, RP);
	udp("2", MAPPED_ANY, RP);
	datagrams(ONE, 1);
}

ROW("N5")
{
	fresh();
	udp("1", ANY6, RP);
	udp("2", ANY6, RP | V6ONLY);
	datagrams(ONE6, 1);
	datagrams(ONE, 1);
}

ROW("N6")
{
	fresh();
	tcp("1", MAPPED, RP | LISTENS);
	tcp("2", ONE, RP | LISTENS);
	connections(ONE, 1);
	closes("2");
	connections(ONE, 1);
}

ROW("N7")
{
	fresh();
	tcp("1", ONE, RP | LISTENS);
	tcp("2", MAPPED, RP | LISTENS);
	connections(ONE, 1);
}

/* A wildcard server of one user, and another user who binds its address */
static int binds_beside(bool connection)
{
	fresh();
	as(U1);
	tcp("1", ANY, LISTENS);
	if (connection) {
		connected(ONE);
		accepts('1');
	}
	as(U2);
	opens("2", "tcp", AF_INET, RA);
	return binds('2', ONE);
}

ROW("*.delivery.tsv X81")
{
	answer("%s", host_error(binds_beside(false)));
}

ROW("*.delivery.tsv X82")
{
	int err = binds_beside(true);

	answer("%s %s", host_error(err), err ? "gone" : host_error(listens('2')));
}

ROW("*.delivery.tsv X83")
{
	connections(ONE, 1);
}

/* Darwin: rows that are more than one of FreeBSD's */
ROW("darwin.* D1")
{
	rows("D1 D2 D3");
}

ROW("darwin.* D8")
{
	rows("D8 D9 D10");
}

ROW("darwin.* D16")
{
	rows("D16 D17 D18");
}

ROW("darwin.* D19")
{
	rows("D19 D20");
}

ROW("darwin.* D24")
{
	rows("D24 D25");
}

ROW("darwin.* D26")
{
	rows("D26 D27");
}

ROW("darwin.* D34")
{
	rows("D34 D35");
}

ROW("darwin.* D40")
{
	rows("D40 D41");
}

/* The same in other words */
ROW("darwin.* D7")
{
	means("client ECONNRESET / other accept EAGAIN");
	rows("D7");
}

ROW("darwin.* D23")
{
	means("OK 1 byte");
	rows("D23");
}

/* The host is a member of a group by a socket that has no port */
static void host_joins(const char *group, int family)
{
	opens("0", "udp", family, 0);
	joins("0", group);
}

ROW("D70")
{
	fresh();
	host_joins(GROUP6A, AF_INET6);
	udp("1", ONE6, RA | RP);
	udp("2", ANY6, RA | RP);
	udp("3", GROUP6A, RA | RP);
	udp("4", GROUP6B, RA | RP);
	datagrams(GROUP6A, 1);
}

ROW("D71")
{
	fresh();
	host_joins(GROUP, AF_INET);
	udp("1", ONE, RA | RP);
	udp("2", ANY, RA | RP);
	udp("3", GROUP, RA | RP);
	datagrams(GROUP, 1);
	datagrams("224.0.0.1", 1);
}

ROW("D72")
{
	fresh();
	udp("1", ANY, RA);
	opens("2", "udp", AF_INET6, RA);
	answer("%s", host_error(binds('2', ANY6)));
	joins("12", GROUP);
	datagrams(GROUP, 1);
}

ROW("D73")
{
	fresh();
	opens("123", "udp", AF_INET, RP);
	binds('3', ANY);
	binds('2', ANY);
	binds('1', ANY);
	joins("123", GROUP);
	sets("3", SO_REUSEPORT, false);
	datagrams(GROUP, 1);
}

/* A rule: 1 has joined it, 2 another group, 3 and 4 none */
ROW("D74")
{
	means("1+3+4");
	fresh();
	udp("123", ANY6, RP);
	udp("4", ONE6, RP);
	joins("1", GROUP6A);
	joins("2", GROUP6B);
	datagrams(GROUP6A, 1);
}
