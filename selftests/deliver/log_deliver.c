// SPDX-License-Identifier: GPL-2.0
/*
 * net.reuse.log=all has the datagrams and SYNs that went to another socket than natively, a line
 * for each two sockets, and the SYNs that are refused or dropped otherwise.
 */
#include <netinet/in.h>

#define EACH_BSD
#include "deliver_paths.h"
#include "events.h"

static const char *inode_is(char who)
{
	return text("%lu", inode_of(the(who)->fd));
}

/* The socket with that inode, of those named, or 0 */
static char with_inode(const char *names, const char *inode)
{
	for (; *names; names++) {
		if (!strcmp(inode_is(*names), inode))
			return *names;
	}
	return 0;
}

static bool is_native(const struct event *event, const char *names)
{
	const char *native = event_col(event, "native");

	return !strncmp(native, "inode:", 6) && with_inode(names, native + 6);
}

/* The lines of one call: each names the receiver and another socket, and no two the same ones */
static void expect_pairs(struct __test_metadata *_metadata, const struct events *events,
			 const char *call, const char *names, char receiver, unsigned long sent)
{
	unsigned long counted = 0;
	const char *seen = "";
	size_t i, lines = 0;

	for (i = 0; i < events->n; i++) {
		const struct event *e = &events->event[i];

		if (strcmp(event_col(e, "call"), call))
			continue;
		lines++;
		counted += strtoul(event_col(e, "count"), NULL, 10);
		EXPECT_STREQ("delivered", event_col(e, "verdict"));
		EXPECT_STREQ("-", event_col(e, "comm"));
		EXPECT_STREQ("-", event_col(e, "uid"));
		EXPECT_EQ(receiver, with_inode(names, event_col(e, "other_inode")));
		EXPECT_STREQ(at_port(ONE), event_col(e, "local_address"));
		EXPECT_STREQ(at_port(ONE), event_col(e, "other_address"));
		EXPECT_TRUE(is_native(e, names))
			TH_LOG("native is %s", event_col(e, "native"));
		EXPECT_FALSE(strstr(seen, event_col(e, "native")));
		seen = text("%s %s", seen, event_col(e, "native"));
	}
	EXPECT_LT(0, lines)
		TH_LOG("no %s in: %s", call, slurp(EVENTS_FILE));
	EXPECT_GT(strlen(names), lines);
	EXPECT_LT(0, counted);
	EXPECT_GE(sent, counted);
}

static char receiver_of_all(const char *(*one)(const char *host), int n)
{
	const char *who = one(ONE);

	while (--n)
		one(ONE);
	return *who;
}

/* A group gets by hash what one socket gets under other semantics */
TEST_F(deliver, elsewhere)
{
	struct events events;
	char udp_gets, tcp_gets;

	if (access(EVENTS_SYSCTL, F_OK))
		SKIP(return, "no net.reuse.log");
	become("native");
	udp("123", ONE, RP);
	tcp("456", ONE, RP | LISTENS);
	become(semantics_name[variant->semantics]);
	events_begin("refused");
	receiver_of_all(one_datagram, 12);
	receiver_of_all(connection, 12);
	EXPECT_EVENTS("%s", "");
	events_begin("all");
	udp_gets = receiver_of_all(one_datagram, 12);
	tcp_gets = receiver_of_all(connection, 12);
	if (variant->semantics == NATIVE) {
		EXPECT_EVENTS("%s", "");
		return;
	}
	events_read(EVENTS_FILE, &events);
	expect_pairs(_metadata, &events, "datagram", "123", udp_gets, 12);
	expect_pairs(_metadata, &events, "syn", "456", tcp_gets, 12);
	events_free(&events);
}

/* A packet that goes where it would natively is no event */
TEST_F(deliver, alike)
{
	if (access(EVENTS_SYSCTL, F_OK))
		SKIP(return, "no net.reuse.log");
	udp("1", ONE, 0);
	tcp("2", ONE, LISTENS);
	events_begin("all");
	EXPECT_STREQ("1", datagram(-1, ONE));
	EXPECT_STREQ("2", connection(ONE));
	EXPECT_EVENTS("%s", "");
}

/* A SYN for a socket that does not listen: it is refused, or gets no answer */
TEST_F(deliver, not_delivered)
{
	const char *verdict = BSDS("refused", "refused", "dropped", "dropped", "dropped");
	const char *line, *none = "";

	if (access(EVENTS_SYSCTL, F_OK))
		SKIP(return, "no net.reuse.log");
	if (variant->semantics < BSD)
		SKIP(return, "a socket that does not listen is nothing to them");
	tcp("1", ANY, self->share | LISTENS);
	tcp("2", ONE, self->share);
	events_begin("all");
	connection(ONE);
	line = text("call=syn proto=tcp local_address=%s verdict=%s native=inode:%s other_inode=-",
		    at_port(ANY), verdict, inode_is('1'));
	EXPECT_EVENTS("%s", line);

	/* Natively that is refused */
	closes("1");
	events_begin("all");
	connection(ONE);
	line = text("call=syn proto=tcp local_address=%s verdict=dropped native=none other_inode=-",
		    at_port(ONE));
	EXPECT_EVENTS("%s", BSDS(none, none, line, line, line));
}

TEST_HARNESS_MAIN
