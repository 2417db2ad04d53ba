// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of reuse(7) that say whether a second socket may have the port, "Sharing a port" and
 * "The BSDs compared", are true of each system.
 *
 * A row has the words of the manual page: S, if both sockets have SO_REUSEADDR, P, if both have
 * SO_REUSEPORT. What it says about receivers is in receiving.c; privileged ports, port 0 and
 * IPV6_V6ONLY are in bsds.c.
 */
#include "folklore.h"

#define OF_2ND	"S or P of the second"

enum state { IS_BOUND, LISTENS, LISTENS_AND_SERVES, ONLY_CONNECTION, ONLY_TIME_WAIT, CONNECTS };

struct row {
	const char *what;		/* which sockets, in this order */
	const char *proto;		/* NULL: TCP and UDP */
	const char * const *family;	/* NULL: both */
	enum state state;		/* of the first */
	enum where first, second;
	const char *says[SEMANTICS_COUNT];
};

static const struct row ones_own[] = {
	{ "A, then A", NULL, NULL, IS_BOUND, ONE, ONE,
	  { "S or P", "S", "P", "P", "P", "P", "P" } },
	{ "A listening, then A", "tcp", NULL, LISTENS, ONE, ONE,
	  { "P", "no", "P", "P", "P", "P", "P" } },
	{ "any, then A", NULL, NULL, IS_BOUND, ANY, ONE,
	  { "S or P", "S", "S or P", "S or P", "S or P", "S or P", "S or P" } },
	{ "A, then any", NULL, NULL, IS_BOUND, ONE, ANY,
	  { "S or P", "S", "S or P", "S or P", "S or P", "S or P", "S or P" } },
	{ "any listening, then A", "tcp", NULL, LISTENS, ANY, ONE,
	  { "P", "no", "S or P", "S or P", "S or P", "S or P", "S or P" } },
	{ "A listening, then any", "tcp", NULL, LISTENS, ONE, ANY,
	  { "P", "no", "S or P", "S or P", "S or P", "S or P", "S or P" } },
	{ "A, then B", NULL, NULL, IS_BOUND, ONE, TWO,
	  { "yes", "yes", "yes", "yes", "yes", "yes", "yes" } },
	{ "only a connection of A, then A", "tcp", NULL, ONLY_CONNECTION, ONE, ONE,
	  { "S or P", "S", OF_2ND, OF_2ND, OF_2ND, "yes", OF_2ND } },
	{ "only TIME_WAIT of A, within the host, then A", "tcp", NULL, ONLY_TIME_WAIT, ONE, ONE,
	  { "S or P", "S", OF_2ND, "yes", OF_2ND, "yes", OF_2ND } },
	{ "a group, then the same", "udp", NULL, IS_BOUND, GROUP, GROUP,
	  { "S or P", "S", "S or P", "S or P", "S or P", "S or P", "S or P" } },
	{ }
};

static const struct row another_users[] = {
	{ "A, then A", NULL, ipv4, IS_BOUND, ONE, ONE,
	  { "S", "S", "no", "no", "no", "no", "no" } },
	{ "A, then A", NULL, ipv6, IS_BOUND, ONE, ONE,
	  { "S", "S", "no", "no", "no", "P", "no" } },
	{ "any, then A", NULL, ipv4, IS_BOUND, ANY, ONE,
	  { "S", "S", "no", "no", "no", "no", "no" } },
	{ "any, then A", NULL, ipv6, IS_BOUND, ANY, ONE,
	  { "S", "S", "no", "no", "no", "S or P", "no" } },
	{ "any listening, then A", "tcp", ipv4, LISTENS, ANY, ONE,
	  { "no", "no", "no", "no", "no", "no", "no" } },
	{ "any listening, then A", "tcp", ipv6, LISTENS, ANY, ONE,
	  { "no", "no", "no", "no", "no", "S or P", "no" } },
	{ "any, then any", NULL, NULL, IS_BOUND, ANY, ANY,
	  { "S", "S", "no", "no", "no", "P", "P" } },
	{ "only a connection of A, then A", "tcp", NULL, ONLY_CONNECTION, ONE, ONE,
	  { "S", "S", OF_2ND, OF_2ND, "no", "yes", "no" } },
	{ "only TIME_WAIT of A, within the host, then A", "tcp", NULL, ONLY_TIME_WAIT, ONE, ONE,
	  { NULL, "S", OF_2ND, "yes", "no", "yes", "no" } },
	{ "A of a client that was bound, then A", "tcp", ipv4, CONNECTS, ONE, ONE,
	  { "S", "S", OF_2ND, OF_2ND, "no", "no", "no" } },
	{ "A of a client that was bound, then A", "tcp", ipv6, CONNECTS, ONE, ONE,
	  { "S", "S", OF_2ND, OF_2ND, "no", OF_2ND, "no" } },
	{ "any listening, a connection to A, then A", "tcp", ipv4, LISTENS_AND_SERVES, ANY, ONE,
	  { "no", "no", OF_2ND, OF_2ND, "no", "no", "no" } },
	{ "any listening, a connection to A, then A", "tcp", ipv6, LISTENS_AND_SERVES, ANY, ONE,
	  { "no", "no", OF_2ND, OF_2ND, "no", OF_2ND, "no" } },
	{ }
};

/* Dual-stack sockets, which OpenBSD has not */
static const struct row dual_stack[] = {
	{ ":: dual-stack, then 0.0.0.0", NULL, NULL, IS_BOUND, DUAL, ANY,
	  { "S or P", "S", "P", "P", NULL, OF_2ND, "P" } },
	{ "0.0.0.0, then :: dual-stack", NULL, NULL, IS_BOUND, ANY, DUAL,
	  { "S or P", "S", "yes", "yes", NULL, "yes", "yes" } },
	{ "0.0.0.0 listening, then :: dual-stack", "tcp", NULL, LISTENS, ANY, DUAL,
	  { "P", "no", "yes", "yes", NULL, "yes", "yes" } },
	{ }
};

static const struct row another_users_dual_stack[] = {
	{ "0.0.0.0, then :: dual-stack", NULL, NULL, IS_BOUND, ANY, DUAL,
	  { "S", "S", "no", "no", NULL, "yes", "yes" } },
	{ }
};

/* A client that is bound; its server is on another port */
static void connects(unsigned int options, enum where where)
{
	const char *server = text("%s:%d", place[ONE], 3000 + port);

	sock_bind("tcp", server, S_LISTEN);
	sock_connect(there_is(options, where), server);
}

static void first_is(const struct row *row, unsigned int options)
{
	switch (row->state) {
	case IS_BOUND:
		there_is(options, row->first);
		break;
	case LISTENS:
		there_is(options | LISTEN, row->first);
		break;
	case LISTENS_AND_SERVES:
		served(options, row->first, ESTABLISHED);
		break;
	case ONLY_CONNECTION:
		was_there(options, row->first, ESTABLISHED);
		break;
	case ONLY_TIME_WAIT:
		was_there(options, row->first, TIME_WAIT);
		break;
	case CONNECTS:
		connects(options, row->first);
	}
}

/* The first socket is Alice's */
static bool shares(const struct row *row, uid_t second, unsigned int options, unsigned int with)
{
	int err;

	other_port();
	now_comes(ALICE);
	first_is(row, options);
	now_comes(second);
	err = may(with, row->second);
	if (err && err != EADDRINUSE)
		die("%s", strerror(err));
	return !err;
}

/* In the words of the manual page; of options of the second alone if it speaks of these */
static const char *answer(const struct row *row, uid_t second, const char *like)
{
	bool alone = !strcmp(like, OF_2ND), s, p;

	if (shares(row, second, 0, 0))
		return "yes";
	s = shares(row, second, alone ? 0 : RA, RA);
	p = shares(row, second, alone ? 0 : RP, RP);
	if (s && p)
		return alone ? OF_2ND : "S or P";
	return s ? "S" : p ? "P" : "no";
}

static void ask(struct __test_metadata *_metadata, const struct row *row, uid_t second,
		enum semantics semantics)
{
	for (; row->what; row++) {
		const char *want = row->says[semantics];

		if (!want || (row->family && row->family != place))
			continue;
		for_tcp_and_udp {
			if (row->proto && strcmp(row->proto, proto))
				continue;
			EXPECT_STREQ(want, answer(row, second, want))
				TH_LOG("%s, %s: %s", semantics_name[semantics], proto, row->what);
		}
	}
}

FIXTURE(sharing) {};
FIXTURE_VARIANT(sharing) {
	enum semantics semantics;
	const char * const *place;
};

ADD_SEMANTICS_ON(sharing, _v4, ipv4);
ADD_SEMANTICS_ON(sharing, _v6, ipv6);

FIXTURE_SETUP(sharing)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	world(semantics_name[variant->semantics], variant->place);
	if (place == ipv6)
		add_address("fd00::2", "lo", NULL);
}

FIXTURE_TEARDOWN(sharing)
{
}

TEST_F(sharing, ones_own)
{
	ask(_metadata, ones_own, ALICE, variant->semantics);
	if (place == ipv4)
		ask(_metadata, dual_stack, ALICE, variant->semantics);
}

TEST_F(sharing, another_users)
{
	ask(_metadata, another_users, BOB, variant->semantics);
	if (place == ipv4)
		ask(_metadata, another_users_dual_stack, BOB, variant->semantics);
}

/* A multicast group: S or P, or one each */
TEST_F(sharing, group_with_one_each)
{
	proto = "udp";
	there_is(RA, GROUP);
	EXPECT_EQ(variant->semantics < BSD || variant->semantics == DARWIN ? NO : OK,
		  may(RP, GROUP));
	other_port();
	there_is(RP, GROUP);
	EXPECT_EQ(variant->semantics < BSD ? NO : OK, may(RA, GROUP));
}

TEST_HARNESS_MAIN
