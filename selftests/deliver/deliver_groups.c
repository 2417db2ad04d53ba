// SPDX-License-Identifier: GPL-2.0
/*
 * Multicast and broadcast: which sockets get a copy, as in deliver_paths.c.
 */
#include <netinet/in.h>

#include "deliver_paths.h"

/* A group's datagram: newest created first, up to one that has neither option at that moment */
TEST_F(deliver, multicast_stops)
{
	static const struct {
		int family;
		const char *any, *group;
	} to[] = { { AF_INET, ANY, GROUP }, { AF_INET6, ANY6, GROUP6 } };
	int option = variant->semantics == PRE39 ? SO_REUSEADDR : SO_REUSEPORT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		fresh();
		opens("1234", "udp", to[i].family, self->share);
		binds('4', to[i].any);
		binds('1', to[i].any);
		binds('3', to[i].any);
		binds('2', to[i].any);
		joins("1234", to[i].group);
		GETS("1+2+3+4", "1+2+3+4", "1+2+3+4", datagram(-1, to[i].group));
		sets("2", option, false);
		GETS("1+2+3+4", "1+2+3+4", "2+3+4", datagram(-1, to[i].group));
		sets("2", SO_REUSEADDR, true);
		GETS("1+2+3+4", "1+2+3+4", "1+2+3+4", datagram(-1, to[i].group));
		sets("4", option, false);
		GETS("1+2+3+4", "1+2+3+4", "4", datagram(-1, to[i].group));
		leaves("4", to[i].group);
		GETS("1+2+3+4", "1+2+3+4", MEMBERS(to[i].family, "1+2+3", "4"),
		     datagram(-1, to[i].group));
	}
}

/* A broadcast stops in the same way, and needs no membership */
TEST_F(deliver, broadcast_stops)
{
	udp("123", ANY, self->share);
	udp("4", ONE, self->share);
	udp("5", "127.255.255.255", self->share);
	GETS("1+2+3+5", "1+2+3+5", "1+2+3+5", datagram(-1, "127.255.255.255"));
	sets("2", variant->semantics == PRE39 ? SO_REUSEADDR : SO_REUSEPORT, false);
	GETS("1+2+3+5", "1+2+3+5", "2+3+5", datagram(-1, "127.255.255.255"));
}

static void join_source(char who, const char *source)
{
	struct group_source_req req = { .gsr_interface = 1 };

	sock_addr(GROUP ":0", &req.gsr_group);
	sock_addr(text("%s:0", source), &req.gsr_source);
	if (setsockopt(the(who)->fd, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req)))
		die("%c does not join %s of %s", who, GROUP, source);
}

/* A socket that does not match ends nothing: a member for other sources, one connected elsewhere */
TEST_F(deliver, multicast_not_for_all)
{
	int option = variant->semantics == PRE39 ? SO_REUSEADDR : SO_REUSEPORT, s;

	udp("12", ANY, self->share);
	joins("1", GROUP);
	join_source('2', TWO);
	sets("2", option, false);
	GETS("1", "1", MEMBERS(AF_INET, "1", "2"), datagram(-1, GROUP));
	s = sender(TWO);
	GETS("1+2", "1+2", "2", datagram(s, GROUP));
	fresh();
	s = sender(ONE);
	udp("1", ANY, self->share);
	udp("2", GROUP, self->share);
	joins("12", GROUP);
	sock_connect(the('2')->fd, sock_name(s));
	sets("2", option, false);
	GETS("1+2", "1+2", "2", datagram(s, GROUP));
	GETS("1", "1", "1", datagram(sender(TWO), GROUP));
	GETS("1", "1", "1", datagram(sender(ONE), GROUP));
}

static void join_on(char who, const char *dev, const char *group)
{
	host_on_device(dev);
	joins(text("%c", who), group);
	host_on_device("lo");
}

/* Where only members get a group's datagram, those on the interface that it comes by */
TEST_F(deliver, members_of_interface)
{
	if (!ether())
		SKIP(return, "no device but lo in this kernel");
	udp("123", ANY, self->share);
	join_on('1', "lo", GROUP);
	join_on('2', ETHER, GROUP);
	GETS("1+2+3", "1+2+3", MEMBERS(AF_INET, "1", "1+2+3"), datagram(-1, GROUP));
	host_on_device(ETHER);
	GETS("1+2+3", "1+2+3", MEMBERS(AF_INET, "2", "1+2+3"), datagram(-1, GROUP));
	host_on_device("lo");
}

/* The same of IPv6 */
TEST_F(deliver, members_of_interface_v6)
{
	if (!ether())
		SKIP(return, "no device but lo in this kernel");
	udp("123", ANY6, self->share);
	join_on('1', "lo", GROUP6);
	join_on('2', ETHER, GROUP6);
	/* Darwin leaves out those that joined, and not here */
	GETS("1+2+3", "1+2+3", BSDS("1", "1", "1+2+3", "1+2+3", "1+3"), datagram(-1, GROUP6));
}

TEST_HARNESS_MAIN
