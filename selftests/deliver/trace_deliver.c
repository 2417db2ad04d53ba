// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoint reuse_deliver says which socket got each packet that the module decided, and
 * which one this kernel would have given it to.
 */
#include <netinet/in.h>

#define EACH_BSD
#include "deliver_paths.h"
#include "traces.h"

#define EVENT	"reuse_deliver"

static void trace_it(void)
{
	errno = tracefs_enable(EVENT, true);
	if (errno)
		die("cannot enable " EVENT);
	tracefs_forget();
}

/* The socket, of those that are open, with that inode: its name, or "" */
static const char *named(unsigned long inode, const char *names)
{
	for (; *names; names++) {
		if (the(*names)->fd >= 0 && inode_of(the(*names)->fd) == inode)
			return text("%c", *names);
	}
	return "";
}

/* No event follows, but of the same SYN: a slow guest sends it again after a second */
static bool only_sent_again(const struct tracefs_event *e, const char *proto)
{
	const struct tracefs_event *next;

	for (next = e->next; next; next = next->next) {
		if (strncmp(proto, "tcp", 3) || strcmp(e->text, next->text))
			return false;
	}
	return true;
}

/* @n packets of one flow each; every event must name the socket that got the packet */
static int expect_true_events(struct __test_metadata *_metadata, const char *proto,
			      const char *(*one)(const char *host), const char *host,
			      const char *names, int n)
{
	int i, others = 0;

	for (i = 0; i < n; i++) {
		const char *got, *is, *native;
		const struct tracefs_event *e;

		tracefs_forget();
		got = one(host);
		e = tracefs_read(EVENT);
		ASSERT_TRUE(e)
			TH_LOG("no event, %s to %s", proto, host);
		EXPECT_TRUE(only_sent_again(e, proto))
			TH_LOG("%s\n# %s", e->text, e->next->text);
		is = named(tracefs_number(e, "inode"), names);
		native = named(tracefs_number(e, "native_inode"), names);
		EXPECT_STREQ(got, is)
			TH_LOG("%s", e->text);
		EXPECT_STREQ(proto, tracefs_field(e, "proto"));
		EXPECT_STREQ("delivered", tracefs_field(e, "verdict"));
		EXPECT_TRUE(*native)
			TH_LOG("%s", e->text);
		others += strcmp(is, native) != 0;
	}
	return others;
}

/* A group gets by hash what one socket gets under other semantics */
TEST_F(deliver, group)
{
	static const struct {
		const char *host, *udp, *tcp;
	} hosts[] = {
		{ ONE, "udp", "tcp" }, { ONE6, "udp6", "tcp6" },
	};
	size_t i;

	if (!tracefs_there(EVENT))
		SKIP(return, "no tracepoints");
	become("native");
	for (i = 0; i < 2; i++) {
		fresh();
		udp("123", hosts[i].host, RP);
		tcp("456", hosts[i].host, RP | LISTENS);
		trace_it();
		if (variant->semantics == NATIVE) {
			datagram(-1, hosts[i].host);
			connection(hosts[i].host);
			EXPECT_TRUE(!tracefs_read(EVENT));
			continue;
		}
		become(semantics_name[variant->semantics]);
		EXPECT_LT(0, expect_true_events(_metadata, hosts[i].udp, one_datagram,
						hosts[i].host, "123", 12));
		EXPECT_LT(0, expect_true_events(_metadata, hosts[i].tcp, connection,
						hosts[i].host, "456", 12));
		become("native");
	}
}

/* Each field, of a datagram that goes where it would natively */
TEST_F(deliver, fields)
{
	unsigned long netns;
	struct tracefs_event *e;
	int s;

	if (!tracefs_there(EVENT))
		SKIP(return, "no tracepoints");
	if (variant->semantics == NATIVE)
		SKIP(return, "native decides nothing");
	udp("1", ONE, 0);
	trace_it();
	s = sender(ONE);
	EXPECT_STREQ("1", datagram(s, ONE));
	e = tracefs_read(EVENT);
	ASSERT_TRUE(e);
	EXPECT_TRUE(!e->next);
	EXPECT_STREQ(semantics_name[variant->semantics], tracefs_field(e, "semantics"));
	EXPECT_STREQ("udp", tracefs_field(e, "proto"));
	EXPECT_STREQ(sock_name(s), tracefs_field(e, "saddr"));
	EXPECT_STREQ(at_port(ONE), tracefs_field(e, "daddr"));
	EXPECT_EQ(inode_of(the('1')->fd), tracefs_number(e, "inode"));
	EXPECT_EQ(inode_of(the('1')->fd), tracefs_number(e, "native_inode"));
	netns = tracefs_number(e, "netns");
	EXPECT_EQ(inode_of(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)), netns);
}

/* A SYN for a socket that does not listen: the BSDs refuse it, or drop it */
TEST_F(deliver, refused)
{
	static const char * const verdict[] = { "", "delivered" };
	const char *want = variant->semantics < BSD ? verdict[variant->semantics] :
			   BSDS("refused", "refused", "dropped", "dropped", "dropped");
	struct tracefs_event *e;

	if (!tracefs_there(EVENT))
		SKIP(return, "no tracepoints");
	if (variant->semantics == NATIVE)
		SKIP(return, "native decides nothing");
	tcp("1", ANY, self->share | LISTENS);
	if (variant->semantics != PRE39)
		tcp("2", ONE, self->share);
	trace_it();
	connection(ONE);
	e = tracefs_read(EVENT);
	ASSERT_TRUE(e);
	EXPECT_STREQ(want, tracefs_field(e, "verdict"))
		TH_LOG("%s", e->text);
	EXPECT_EQ(inode_of(the('1')->fd), tracefs_number(e, "native_inode"));
	EXPECT_EQ(variant->semantics == PRE39 ? inode_of(the('1')->fd) : 0,
		  tracefs_number(e, "inode"));
}

/* No event for what the module does not decide: a port without sockets, a connected socket */
TEST_F(deliver, not_decided)
{
	int s;

	if (!tracefs_there(EVENT))
		SKIP(return, "no tracepoints");
	trace_it();
	connection(ONE);
	datagram(-1, ONE);
	udp("12", ONE, self->share);
	s = sender(ONE);
	sock_connect(the('2')->fd, sock_name(s));
	EXPECT_STREQ("2", datagram(s, ONE));
	EXPECT_TRUE(!tracefs_read(EVENT));
}

TEST_HARNESS_MAIN
