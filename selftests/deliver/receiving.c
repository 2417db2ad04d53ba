// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of reuse(7) that say which socket receives, "Receiving a packet" and the second half
 * of "The BSDs compared", are true of each system: a row a test, as in deliver_paths.c.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#define EACH_BSD
#include "deliver_paths.h"

/* UDP, from the remote end of a connected socket: that one */
TEST_F(deliver, connected)
{
	int s = sender(ONE);

	udp("123", ONE, self->share);
	sock_connect(the('2')->fd, sock_name(s));
	GETS("2", "2", "2", datagram(s, ONE));
}

/* Sockets on exactly the address: one of a group by hash, or the newest */
TEST_F(deliver, exact_address)
{
	udp("1", ONE, self->share);
	udp("2", ANY, self->share);
	udp("3", ONE, self->share);
	udp("4", ANY, self->share);
	GETS("1+3", "3", "3", receivers(ONE));
	if (variant->semantics == PRE39)
		return;
	tcp("567", ONE, RP | LISTENS);
	GETS("5+6+7", NULL, "7", acceptors(ONE));
}

/* Else on the wildcard address: the same, the newest, or the oldest */
TEST_F(deliver, wildcard_address)
{
	udp("123", ANY, self->share);
	GETS("1+2+3", "3", ON_ANY("1", "3"), receivers(ONE));
	udp("456", ANY6, self->share | V6ONLY);
	GETS("4+5+6", "6", ON_ANY("4", "6"), receivers(ONE6));
	if (variant->semantics == PRE39)
		return;
	tcp("789", ANY, RP | LISTENS);
	GETS("7+8+9", NULL, ON_ANY("7", "9"), acceptors(ONE));
}

/* 0.0.0.0 and dual-stack ::, IPv4: 0.0.0.0, or the newest */
TEST_F(deliver, wildcards_of_both_families)
{
	udp("1", ANY, self->share);
	udp("2", ANY6, self->share);
	GETS("1", "1", BSDS("1", "2", "1", "1", "1"), receivers(ONE));
	fresh();
	udp("2", ANY6, self->share);
	udp("1", ANY, self->share);
	GETS("1", "1", "1", receivers(ONE));
}

/* 127.0.0.1 and ::ffff:127.0.0.1: the newest, or 127.0.0.1; OpenBSD has no such addresses */
TEST_F(deliver, mapped_address)
{
	udp("1", ONE, self->share);
	udp("2", "::ffff:127.0.0.1", self->share);
	GETS("1", "1", BSDS("2", "2", "1", "1", "2"), receivers(ONE));
	fresh();
	udp("2", "::ffff:127.0.0.1", self->share);
	udp("1", ONE, self->share);
	GETS("1", "1", "1", receivers(ONE));
}

/* A SYN for a socket that does not listen: no such one counts, it is refused, or gets no answer */
TEST_F(deliver, does_not_listen)
{
	tcp("1", ANY, self->share | LISTENS);
	if (variant->semantics != PRE39)
		tcp("2", ONE, self->share);
	GETS("1", "1", BSDS("ECONNREFUSED", "ECONNREFUSED", "ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT"),
	     connection(ONE));
}

/* Multicast or broadcast: all of them, or the newest created up to one without options */
TEST_F(deliver, many_receivers)
{
	int option = variant->semantics == PRE39 ? SO_REUSEADDR : SO_REUSEPORT;

	udp("123", ANY, self->share);
	joins("123", GROUP);
	sets("2", option, false);
	GETS("1+2+3", "1+2+3", "2+3", datagram(-1, GROUP));
	GETS("1+2+3", "1+2+3", "2+3", datagram(-1, "127.255.255.255"));
}

/* A group's datagram, if not a member but bound alike: Linux's wildcard sockets get it, too */
TEST_F(deliver, not_a_member)
{
	udp("12", ANY, self->share);
	joins("1", GROUP);
	GETS("1+2", "1+2", MEMBERS(AF_INET, "1", "1+2"), datagram(-1, GROUP));
	udp("34", ANY6, self->share | V6ONLY);
	joins("3", GROUP6);
	GETS("3+4", "3+4", MEMBERS(AF_INET6, "3", "3+4"), datagram(-1, GROUP6));
}

/* connect() of a UDP socket makes it the newest: on OpenBSD and Darwin */
TEST_F(deliver, connected_again)
{
	udp("12", ONE, self->share);
	sock_connect(the('1')->fd, "127.0.0.1:9");
	sock_disconnect(the('1')->fd);
	GETS(NULL, NULL, BSDS("2", "2", "1", "2", "1"), receivers(ONE));
}

TEST_HARNESS_MAIN
