// SPDX-License-Identifier: GPL-2.0
/*
 * Common claims about SO_REUSEADDR and SO_REUSEPORT, and the answers of Linux
 * as it is (native), Linux 3.8 (pre39), and five BSDs.
 *
 * A test is a claim. there_is() puts a socket on the port, may() asks whether
 * another one could join it, and SAYS() has the answers, OK or NO (EADDRINUSE):
 * native, pre39, and those of the BSDs, which are one where BSDS() does not tell
 * them apart. RA and RP are SO_REUSEADDR and SO_REUSEPORT. Unless a test says
 * otherwise, all sockets are of one user, which is not root.
 *
 * All claims are tried in IPv4 and IPv6, with the same answers unless it says
 * BY_FAMILY(), and most of them with TCP and UDP.
 */
#include "folklore.h"

FIXTURE(folklore) {};
FIXTURE_VARIANT(folklore) {
	enum semantics semantics;
	const char * const *place;
};

ADD_SEMANTICS_ON(folklore, _v4, ipv4);
ADD_SEMANTICS_ON(folklore, _v6, ipv6);

FIXTURE_SETUP(folklore)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	world(semantics_name[variant->semantics], variant->place);
}

FIXTURE_TEARDOWN(folklore)
{
}

/* "There is a table which tells what SO_REUSEADDR changes." It is that of BSD */
static const struct row {
	const char *option;
	enum where first, second;
	int server[BSD + 1];	/* the BSDs are as one */
	int bound[BSD + 1];
} table[] = {
	/* option   first second   both are TCP servers   UDP, or TCP only bound */
	{ "off",    ONE, ONE,    { NO, NO, NO },        { NO, NO, NO } },
	{ "on",     ONE, ONE,    { NO, NO, NO },        { OK, OK, NO } },
	{ "on/off", ONE, TWO,    { OK, OK, OK },        { OK, OK, OK } },
	{ "on/off", TWO, ONE,    { OK, OK, OK },        { OK, OK, OK } },
	{ "off",    ANY, ONE,    { NO, NO, NO },        { NO, NO, NO } },
	{ "off",    ONE, ANY,    { NO, NO, NO },        { NO, NO, NO } },
	{ "on",     ANY, ONE,    { NO, NO, OK },        { OK, OK, OK } },
	{ "on",     ONE, ANY,    { NO, NO, OK },        { OK, OK, OK } },
	{ "off",    ANY, ANY,    { NO, NO, NO },        { NO, NO, NO } },
	{ "on",     ANY, ANY,    { NO, NO, NO },        { OK, OK, NO } },
};

static int answer_of(const struct row *row, unsigned int options)
{
	other_port();
	there_is(options, row->first);
	return may(options, row->second);
}

TEST_F(folklore, the_table)
{
	enum semantics column = variant->semantics < BSD ? variant->semantics : BSD;
	const struct row *row;
	unsigned int options;

	if (place == ipv6)
		add_address("fd00::2", "lo", NULL);
	for (row = table; row < table + ARRAY_SIZE(table); row++) {
		for (options = 0; options <= RA; options += RA) {
			if (!strstr(row->option, options ? "on" : "off"))
				continue;
			proto = "tcp";
			EXPECT_EQ(row->server[column], answer_of(row, options | LISTEN))
				TH_LOG("row %zu, servers", row - table + 1);
			EXPECT_EQ(row->bound[column], answer_of(row, options))
				TH_LOG("row %zu, TCP bound", row - table + 1);
			proto = "udp";
			EXPECT_EQ(row->bound[column], answer_of(row, options))
				TH_LOG("row %zu, UDP", row - table + 1);
		}
	}
}

/* "Only the newcomer needs SO_REUSEADDR." On BSD; Linux wants it of both */
TEST_F(folklore, only_the_newcomer_needs_it)
{
	for_tcp_and_udp {
		there_is(0, ANY);
		SAYS(NO, NO, OK, may(RA, ONE));
		SAYS(NO, NO, NO, may(RA, ANY));
		other_port();
		there_is(0, ONE);
		SAYS(NO, NO, OK, may(RA, ANY));
		other_port();
		there_is(RA, ANY);
		SAYS(NO, NO, NO, may(0, ONE));
	}
}

/* "SO_REUSEPORT implies SO_REUSEADDR." On BSD, where any of them is an option */
TEST_F(folklore, reuseport_implies_reuseaddr)
{
	for_tcp_and_udp {
		there_is(0, ANY);
		SAYS(NO, NO, OK, may(RP, ONE));
		other_port();
		there_is(RA, ANY);
		SAYS(NO, NO, OK, may(RP, ONE));
	}
}

/*
 * "With SO_REUSEADDR a server restarts over TIME_WAIT." If, on Linux, the old one had it too.
 * FreeBSD 15 keeps no TIME_WAIT of a connection within the host, and NetBSD does not look at it.
 */
TEST_F(folklore, restart_over_time_wait)
{
	int without = BSDS(NO, OK, NO, OK, NO);

	was_there(0, ANY, TIME_WAIT);
	SAYS(NO, NO, without, may(LISTEN, ANY));
	SAYS(NO, NO, OK, may(LISTEN | RA, ANY));
	other_port();
	was_there(RA, ANY, TIME_WAIT);
	SAYS(NO, NO, without, may(LISTEN, ANY));
	SAYS(OK, OK, OK, may(LISTEN | RA, ANY));
	other_port();
	was_there(RA, ONE, TIME_WAIT);
	SAYS(NO, NO, without, may(LISTEN, ONE));
	SAYS(OK, OK, OK, may(LISTEN | RA, ONE));
}

/* "SO_REUSEADDR helps against TIME_WAIT, and not against a connection that is alive." It does */
TEST_F(folklore, child_outlives_its_listener)
{
	int without = BSDS(NO, NO, NO, OK, NO);

	was_there(0, ANY, ESTABLISHED);
	SAYS(NO, NO, without, may(LISTEN, ANY));
	SAYS(NO, NO, OK, may(LISTEN | RA, ANY));
	other_port();
	was_there(RA, ANY, ESTABLISHED);
	SAYS(NO, NO, without, may(LISTEN, ANY));
	SAYS(OK, OK, OK, may(LISTEN | RA, ANY));
	SAYS(NO, NO, without, may(LISTEN, ONE));
	SAYS(OK, OK, OK, may(LISTEN | RA, ONE));
}

/* "SO_REUSEPORT lets a server restart as well." If both had it, and there is any */
TEST_F(folklore, restart_with_reuseport)
{
	was_there(RP, ANY, TIME_WAIT);
	SAYS(OK, NO, OK, may(LISTEN | RP, ANY));
	other_port();
	was_there(0, ANY, TIME_WAIT);
	SAYS(NO, NO, OK, may(LISTEN | RP, ANY));
	other_port();
	was_there(RA, ANY, TIME_WAIT);
	SAYS(NO, NO, OK, may(LISTEN | RP, ANY));
}

/*
 * "Another user cannot take over the port after a restart." True of OpenBSD and Darwin alone;
 * elsewhere it needs only SO_REUSEADDR, or not even that
 */
TEST_F(folklore, restart_by_another)
{
	int with = BSDS(OK, OK, NO, OK, NO);

	was_there(RA, ANY, TIME_WAIT);
	now_comes(BOB);
	SAYS(NO, NO, BSDS(NO, OK, NO, OK, NO), may(LISTEN, ANY));
	SAYS(OK, OK, with, may(LISTEN | RA, ANY));
	other_port();
	was_there(RA, ANY, ESTABLISHED);
	now_comes(ALICE);
	SAYS(NO, NO, BSDS(NO, NO, NO, OK, NO), may(LISTEN, ANY));
	SAYS(OK, OK, with, may(LISTEN | RA, ANY));
}

/* "A server that stops keeps its port for a while." Not if it had no connection, or aborted it */
TEST_F(folklore, nothing_is_left)
{
	close(there_is(LISTEN, ANY));
	SAYS(OK, OK, OK, may(LISTEN, ANY));
	was_there(0, ANY, ABORTED);
	SAYS(OK, OK, OK, may(LISTEN, ANY));
}

/* "SO_REUSEADDR makes complete duplicates of UDP sockets." On Linux; BSD wants SO_REUSEPORT */
TEST_F(folklore, complete_duplicates)
{
	for_tcp_and_udp {
		there_is(RA, ONE);
		SAYS(OK, OK, NO, may(RA, ONE));
		SAYS(NO, NO, NO, may(RP, ONE));
		other_port();
		there_is(RP, ONE);
		SAYS(OK, NO, OK, may(RP, ONE));
		SAYS(NO, NO, NO, may(RA, ONE));
	}
}

/* "SO_REUSEPORT has to be set on all of them." On BSD: if they have the very same address */
TEST_F(folklore, all_need_reuseport)
{
	for_tcp_and_udp {
		there_is(LISTEN, ONE);
		SAYS(NO, NO, NO, may(LISTEN | RP, ONE));
		SAYS(NO, NO, OK, may(LISTEN | RP, ANY));
		other_port();
		there_is(LISTEN | RP, ONE);
		SAYS(NO, NO, NO, may(LISTEN, ONE));
		SAYS(NO, NO, NO, may(LISTEN, ANY));
		SAYS(OK, NO, OK, may(LISTEN | RP, ONE));
		SAYS(OK, NO, OK, may(LISTEN | RP, ANY));
	}
}

/* "SO_REUSEPORT came with Linux 3.9." Until then it is no option at all */
TEST_F(folklore, reuseport_is_new)
{
	socklen_t len = sizeof(int);
	int value = 1, fd;

	for_tcp_and_udp {
		fd = new_socket(0, ANY);
		SAYS(0, ENOPROTOOPT, 0, setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, len) ?
					errno : 0);
		SAYS(0, ENOPROTOOPT, 0, getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, &len) ?
					errno : 0);
	}
}

/*
 * "Different users never share an address." Not by SO_REUSEPORT; by SO_REUSEADDR on Linux. On the
 * wildcard address Darwin and NetBSD let them; IPv6 of NetBSD knows no users
 */
TEST_F(folklore, different_users)
{
	int netbsd6 = BY_FAMILY(NO, OK);

	for_tcp_and_udp {
		now_comes(ALICE);
		there_is(RP, ONE);
		now_comes(BOB);
		SAYS(NO, NO, BSDS(NO, NO, NO, netbsd6, NO), may(RP, ONE));
		SAYS(NO, NO, BSDS(NO, NO, NO, netbsd6, NO), may(RP, ANY));
		other_port();
		there_is(RA, ONE);
		now_comes(ALICE);
		SAYS(OK, OK, NO, may(RA, ONE));
		SAYS(OK, OK, BSDS(NO, NO, NO, netbsd6, NO), may(RA, ANY));
		other_port();
		there_is(RP, ANY);
		now_comes(BOB);
		SAYS(NO, NO, BSDS(NO, NO, NO, OK, OK), may(RP, ANY));
		SAYS(NO, NO, NO, may(RA, ANY));
	}
}

/* "Root is a user like any other." Not on BSD: root's sockets may join all others */
TEST_F(folklore, root)
{
	for_tcp_and_udp {
		now_comes(ALICE);
		there_is(RP, ONE);
		now_comes(ROOT);
		SAYS(NO, NO, OK, may(RP, ONE));
		SAYS(NO, NO, OK, may(RP, ANY));
		other_port();
		there_is(RP, ONE);
		now_comes(ALICE);
		SAYS(NO, NO, BSDS(NO, NO, NO, BY_FAMILY(NO, OK), NO), may(RP, ONE));
	}
}

/* "A stranger can bind an address under a wildcard server, and steal." From UDP, on Linux */
TEST_F(folklore, stranger_under_a_server)
{
	int netbsd6 = BY_FAMILY(NO, OK);

	there_is(LISTEN | RA, ANY);
	now_comes(BOB);
	SAYS(NO, NO, BSDS(NO, NO, NO, netbsd6, NO), may(LISTEN | RA, ONE));
	proto = "udp";
	now_comes(ALICE);
	there_is(RA, ANY);
	now_comes(BOB);
	SAYS(OK, OK, BSDS(NO, NO, NO, netbsd6, NO), may(RA, ONE));
	SAYS(NO, NO, NO, may(0, ONE));
}

/*
 * "BSD protects a TCP server from that." On FreeBSD until it has a connection, which hides the
 * listener; OpenBSD and Darwin look at its user, too
 */
TEST_F(folklore, stranger_behind_a_connection)
{
	served(0, ANY, ESTABLISHED);
	now_comes(BOB);
	SAYS(NO, NO, NO, may(LISTEN, ONE));
	SAYS(NO, NO, BSDS(OK, OK, NO, BY_FAMILY(NO, OK), NO), may(LISTEN | RA, ONE));
	SAYS(NO, NO, NO, may(LISTEN | RA, ANY));
}

/* "To a multicast address SO_REUSEADDR is SO_REUSEPORT." On BSD, but for Darwin one way round */
TEST_F(folklore, multicast)
{
	proto = "udp";
	there_is(RA, GROUP);
	SAYS(NO, NO, NO, may(0, GROUP));
	SAYS(OK, OK, OK, may(RA, GROUP));
	SAYS(NO, NO, BSDS(OK, OK, OK, OK, NO), may(RP, GROUP));
	other_port();
	there_is(RP, GROUP);
	SAYS(OK, NO, OK, may(RP, GROUP));
	SAYS(NO, NO, OK, may(RA, GROUP));
	other_port();
	there_is(0, ANY);
	SAYS(NO, NO, OK, may(RA, GROUP));
	SAYS(NO, NO, NO, may(0, GROUP));
}

/* "Everybody may listen to a group." With SO_REUSEADDR; SO_REUSEPORT is by user on Linux */
TEST_F(folklore, multicast_of_different_users)
{
	proto = "udp";
	there_is(RA | RP, GROUP);
	now_comes(BOB);
	SAYS(OK, OK, OK, may(RA, GROUP));
	SAYS(NO, NO, OK, may(RP, GROUP));
	SAYS(NO, NO, NO, may(0, GROUP));
}

/* "Options have to be set before bind()." A later socket sees the options as they are then */
TEST_F(folklore, option_set_late)
{
	int fd;

	for_tcp_and_udp {
		fd = there_is(0, ONE);
		SAYS(NO, NO, NO, may(RP, ONE));
		set(fd, SO_REUSEPORT, 1);
		SAYS(OK, NO, OK, may(RP, ONE));
		other_port();
		fd = there_is(0, ONE);
		SAYS(NO, NO, OK, may(RA, ANY));
		set(fd, SO_REUSEADDR, 1);
		SAYS(OK, OK, OK, may(RA, ANY));
	}
}

/* "Options can be taken back after bind()." So they can, but Linux's TCP may have cached them */
TEST_F(folklore, option_taken_back)
{
	int fd;

	for_tcp_and_udp {
		fd = there_is(RP, ONE);
		set(fd, SO_REUSEPORT, 0);
		SAYS(*proto == 't' ? EITHER : NO, NO, NO, may(RP, ONE));
	}
	other_port();
	for_tcp_and_udp {
		fd = there_is(RA, ONE);
		set(fd, SO_REUSEADDR, 0);
		SAYS(*proto == 't' ? EITHER : NO, *proto == 't' ? OK : NO, NO, may(RA, ONE));
	}
}

/* "All of a group are asked." BSD asks the newest; what the others have set is nothing to it */
TEST_F(folklore, newest_is_asked)
{
	int first, second;

	proto = "udp";
	first = there_is(RA | RP, ONE);
	second = there_is(RA | RP, ONE);
	SAYS(OK, OK, OK, may(RA | RP, ONE));
	set(first, SO_REUSEADDR, 0);
	set(first, SO_REUSEPORT, 0);
	SAYS(NO, NO, OK, may(RA | RP, ONE));
	set(first, SO_REUSEPORT, 1);
	set(first, SO_REUSEADDR, 1);
	set(second, SO_REUSEADDR, 0);
	set(second, SO_REUSEPORT, 0);
	SAYS(NO, NO, NO, may(RA | RP, ONE));
}

/* "Who is bound may listen." On BSD; on Linux the first listen() wins */
TEST_F(folklore, first_listen_wins)
{
	int first = there_is(RA | RP, ONE), second = there_is(RA | RP, ONE);

	set(first, SO_REUSEPORT, 0);
	set(second, SO_REUSEPORT, 0);
	SAYS(OK, OK, OK, may_listen(second));
	SAYS(NO, NO, OK, may_listen(first));
	close(second);
	SAYS(OK, OK, OK, may_listen(first));
}

/*
 * "Port 0 gives a port of one's own." To BSD one's own is: with no socket on this very address.
 * NetBSD and Darwin look at the other addresses as well, but not in IPv6
 */
TEST_F(folklore, port_0)
{
	int own4 = BY_FAMILY(NONE, OK), shared = BSDS(OK, OK, OK, own4, own4);

	write_file(PORT_RANGE, "%d %d", port, port);
	there_is(LISTEN, ANY);
	now_comes(BOB);
	SAYS(NO, NO, NONE, may_with_port_0(LISTEN, ONE));
	SAYS(NO, NO, shared, may_with_port_0(LISTEN | RA, ONE));
	SAYS(NO, NO, NONE, may_with_port_0(LISTEN | RA, ANY));
	proto = "udp";
	now_comes(ALICE);
	there_is(RA, ANY);
	now_comes(BOB);
	SAYS(NO, NO, NONE, may_with_port_0(0, ONE));
	SAYS(OK, OK, shared, may_with_port_0(RA, ONE));
	SAYS(OK, OK, NONE, may_with_port_0(RA, ANY));
}

/* "SO_REUSEADDR makes more ports." Where no other is left, Linux 3.8 gives a shared one */
TEST_F(folklore, port_0_of_many)
{
	int own4 = BY_FAMILY(NONE, OK);

	write_file(PORT_RANGE, "%d %d", port, port);
	there_is(RA, ONE);
	SAYS(NO, NO, NONE, may_with_port_0(0, ONE));
	SAYS(NO, OK, NONE, may_with_port_0(RA, ONE));
	SAYS(NO, OK, BSDS(OK, OK, OK, own4, own4), may_with_port_0(RA, ANY));
}

/* IPv4, and IPv6 sockets that take part in it */
FIXTURE(dual) {};
FIXTURE_VARIANT(dual) {
	enum semantics semantics;
};

ADD_SEMANTICS(dual);

static void __attribute__((constructor)) one_bsd(void)
{
	leave_out_untried();
}

FIXTURE_SETUP(dual)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	world(semantics_name[variant->semantics], ipv4);
}

FIXTURE_TEARDOWN(dual)
{
}

/* ":: and 0.0.0.0 exclude each other." On BSD if :: is first; OpenBSD's :: is not for both */
TEST_F(dual, order)
{
	for_tcp_and_udp {
		there_is(LISTEN, ANY);
		SAYS(NO, NO, OK, may(LISTEN, DUAL));
		other_port();
		there_is(LISTEN, DUAL);
		SAYS(NO, NO, BSDS(NO, NO, OK, NO, NO), may(LISTEN, ANY));
	}
}

/* "They share as any two sockets do." On FreeBSD and Darwin not by SO_REUSEADDR, if :: is first */
TEST_F(dual, options)
{
	for_tcp_and_udp {
		there_is(RA, DUAL);
		SAYS(OK, OK, BSDS(NO, NO, OK, OK, NO), may(RA, ANY));
		SAYS(OK, OK, OK, may(RA, ONE));
		other_port();
		there_is(RP, DUAL);
		SAYS(OK, NO, OK, may(RP, ANY));
	}
}

/* "IPV6_V6ONLY keeps them apart." Always */
TEST_F(dual, v6only)
{
	for_tcp_and_udp {
		there_is(LISTEN, ANY6);
		SAYS(OK, OK, OK, may(LISTEN, ANY));
		other_port();
		there_is(LISTEN, ANY);
		SAYS(OK, OK, OK, may(LISTEN, ANY6));
	}
}

/* "::ffff:127.0.0.1 is 127.0.0.1." Always, but for OpenBSD, where it is no address */
TEST_F(dual, mapped)
{
	for_tcp_and_udp {
		if (variant->semantics == OPENBSD) {
			EXPECT_EQ(EADDRNOTAVAIL, may(LISTEN, MAPPED));
			continue;
		}
		there_is(LISTEN, MAPPED);
		SAYS(NO, NO, NO, may(LISTEN, ONE));
		other_port();
		there_is(LISTEN, ONE);
		SAYS(NO, NO, NO, may(LISTEN, MAPPED));
	}
}

TEST_HARNESS_MAIN
