// SPDX-License-Identifier: GPL-2.0
/* TCP sockets of each state but TIME_WAIT, and their flags. */
#include <netinet/tcp.h>

#include "harness.h"

FIXTURE(tcp) {
};

FIXTURE_VARIANT(tcp) {
	const struct family *f;
};

FIXTURE_VARIANT_ADD(tcp, v4) { .f = &families[V4] };
FIXTURE_VARIANT_ADD(tcp, v4_any) { .f = &families[V4_ANY] };
FIXTURE_VARIANT_ADD(tcp, v6) { .f = &families[V6] };
FIXTURE_VARIANT_ADD(tcp, v6_mapped) { .f = &families[V6_MAPPED] };
FIXTURE_VARIANT_ADD(tcp, v6_dual_from4) { .f = &families[V6_DUAL_FROM4] };
FIXTURE_VARIANT_ADD(tcp, v6_dual_from6) { .f = &families[V6_DUAL_FROM6] };
FIXTURE_VARIANT_ADD(tcp, v6_only) { .f = &families[V6_ONLY] };

FIXTURE_SETUP(tcp)
{
	new_netns();
}

FIXTURE_TEARDOWN(tcp)
{
}

static int listener(const struct family *f, unsigned int flags)
{
	return sock_bind("tcp", f->listen, f->flags | flags | S_LISTEN);
}

/* A socket that is bound and does not listen is one row, gone when it closes */
TEST_F(tcp, bound)
{
	const struct family *f = variant->f;
	int s = sock_bind("tcp", f->listen, f->flags);

	EXPECT_REUSE("tcp %s%s bound=1\n", f->listen, f->only);
	close(s);
	EXPECT_NO_ROWS();
}

/* listen() moves a socket from bound to listen */
TEST_F(tcp, listen)
{
	const struct family *f = variant->f;
	int s = listener(f, 0);

	EXPECT_REUSE("tcp %s%s listen=1\n", f->listen, f->only);
	close(s);
	EXPECT_NO_ROWS();
}

/* Sockets that share an address are counted in one row, each with its flags */
TEST_F(tcp, flags)
{
	const struct family *f = variant->f;

	sock_bind("tcp", f->listen, f->flags | S_REUSEADDR);
	EXPECT_REUSE("tcp %s%s bound=1 reuseaddr=1\n", f->listen, f->only);
	sock_bind("tcp", f->listen, f->flags | S_REUSEADDR | S_REUSEPORT);
	EXPECT_REUSE("tcp %s%s bound=2 reuseaddr=2 reuseport=1\n", f->listen, f->only);
	sock_bind("tcp", f->listen, f->flags | S_REUSEADDR | S_REUSEPORT);
	EXPECT_REUSE("tcp %s%s bound=3 reuseaddr=3 reuseport=2\n", f->listen, f->only);
}

/* A flag that changes after bind() is shown as it is now */
TEST_F(tcp, flags_changed)
{
	const struct family *f = variant->f;
	int s = sock_bind("tcp", f->listen, f->flags | S_REUSEADDR);

	sock_set(s, SOL_SOCKET, SO_REUSEADDR, 0);
	EXPECT_REUSE("tcp %s%s bound=1\n", f->listen, f->only);
	sock_set(s, SOL_SOCKET, SO_REUSEPORT, 1);
	EXPECT_REUSE("tcp %s%s bound=1 reuseport=1\n", f->listen, f->only);
	sock_set(s, SOL_SOCKET, SO_REUSEADDR, 1);
	EXPECT_REUSE("tcp %s%s bound=1 reuseaddr=1 reuseport=1\n", f->listen, f->only);
}

/* Four listeners with SO_REUSEPORT are four of one row; a fifth may just be bound */
TEST_F(tcp, workers)
{
	const struct family *f = variant->f;
	int i;

	for (i = 0; i < 4; i++)
		listener(f, S_REUSEPORT);
	EXPECT_REUSE("tcp %s%s listen=4 reuseport=4\n", f->listen, f->only);
	sock_bind("tcp", f->listen, f->flags | S_REUSEPORT);
	EXPECT_REUSE("tcp %s%s listen=4 bound=1 reuseport=5\n", f->listen, f->only);
}

/* Both ends of a connection are listed, the accepted one under its own address */
TEST_F(tcp, connected)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	struct pair p;

	sock_pair(&p, l, f->connect);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, "listen=1", "connected=1"),
		     sock_row(p.client));
}

/* An accepted socket has the flags of its listener */
TEST_F(tcp, flags_inherited)
{
	const struct family *f = variant->f;
	int l = listener(f, S_REUSEADDR | S_REUSEPORT);
	struct pair p;

	sock_pair(&p, l, f->connect);
	close(l);
	EXPECT_REUSE("%stcp %s connected=1\n",
		     sock_rows(f, NULL, "connected=1 reuseaddr=1 reuseport=1"),
		     sock_row(p.client));
}

/* An accepted socket keeps the port when the listener is gone */
TEST_F(tcp, child_outlives_listener)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	struct pair p;

	sock_pair(&p, l, f->connect);
	close(l);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, NULL, "connected=1"),
		     sock_row(p.client));
}

/* A connection counts before it is accepted */
TEST_F(tcp, unaccepted)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	int c = sock_open("tcp", sock_family(f->connect), 0);

	sock_connect(c, f->connect);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, "listen=1", "connected=1"),
		     sock_row(c));
	close(l);
	close(c);
	EXPECT_NO_ROWS();
}

/* FIN_WAIT2 and CLOSE_WAIT are connected */
TEST_F(tcp, half_closed)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	struct pair p;

	sock_pair(&p, l, f->connect);
	shutdown(p.client, SHUT_WR);
	sock_wait_state(p.client, TCP_FIN_WAIT2);
	sock_wait_state(p.server, TCP_CLOSE_WAIT);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, "listen=1", "connected=1"),
		     sock_row(p.client));
}

/* FIN_WAIT1, where the other end does not answer, is connected */
TEST_F(tcp, fin_wait1)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	struct pair p;

	sock_pair(&p, l, f->connect);
	sock_deaf(p.client, true);
	shutdown(p.server, SHUT_WR);
	sock_wait_state(p.server, TCP_FIN_WAIT1);
	close(l);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, NULL, "connected=1"),
		     sock_row(p.client));
}

/* LAST_ACK is connected */
TEST_F(tcp, last_ack)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	struct pair p;

	sock_pair(&p, l, f->connect);
	shutdown(p.client, SHUT_WR);
	sock_wait_state(p.server, TCP_CLOSE_WAIT);
	sock_deaf(p.client, true);
	shutdown(p.server, SHUT_WR);
	sock_wait_state(p.server, TCP_LAST_ACK);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, "listen=1", "connected=1"),
		     sock_row(p.client));
}

/* CLOSING, where both closed at once, is connected */
TEST_F(tcp, closing)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	struct pair p;

	sock_pair(&p, l, f->connect);
	sock_deaf(p.client, true);
	sock_deaf(p.server, true);
	shutdown(p.client, SHUT_WR);
	shutdown(p.server, SHUT_WR);
	sock_deaf(p.server, false);
	sock_wait_state(p.server, TCP_CLOSING);
	close(l);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, NULL, "connected=1"),
		     sock_row(p.client));
}

/* SYN_SENT is connected */
TEST_F(tcp, syn_sent)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	int c = sock_open("tcp", sock_family(f->connect), S_NONBLOCK);

	sock_deaf(l, true);
	EXPECT_EQ(EINPROGRESS, sock_try_connect(c, f->connect));
	EXPECT_EQ(TCP_SYN_SENT, sock_state(c));
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, "listen=1", NULL), sock_row(c));
	close(c);
	EXPECT_REUSE("%s", sock_rows(f, "listen=1", NULL));
}

/* A socket connected to itself is one socket of one row */
TEST_F(tcp, self_connect)
{
	const struct family *f = variant->f;
	int s = sock_bind("tcp", f->client, 0);

	sock_connect(s, f->client);
	EXPECT_EQ(TCP_ESTABLISHED, sock_state(s));
	EXPECT_REUSE("tcp %s connected=1\n", sock_row(s));
}

/* connect() gives a socket bound to the wildcard an address, a failed one not */
TEST_F(tcp, narrowed)
{
	const struct family *f = variant->f;
	const char *any = sock_family(f->connect) == AF_INET ? "0.0.0.0:81" : "[::]:81";
	int s = sock_bind("tcp", any, 0);
	int l;

	EXPECT_EQ(ECONNREFUSED, sock_try_connect(s, f->connect));
	EXPECT_REUSE("tcp %s bound=1\n", any);
	l = listener(f, 0);
	sock_connect(s, f->connect);
	sock_accept(l);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, "listen=1", "connected=1"),
		     sock_row(s));
}

/* A connect() that fails leaves a bound socket bound and another without port */
TEST_F(tcp, refused)
{
	const struct family *f = variant->f;
	int bound = sock_bind("tcp", f->client, 0);
	int c = sock_open("tcp", sock_family(f->connect), 0);

	EXPECT_EQ(ECONNREFUSED, sock_try_connect(c, f->connect));
	EXPECT_EQ(ECONNREFUSED, sock_try_connect(bound, f->connect));
	EXPECT_REUSE("tcp %s bound=1\n", sock_row(bound));
}

/* SO_LINGER 0 leaves nothing of its end; the other loses a port it did not ask for */
TEST_F(tcp, aborted)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	struct pair p;

	sock_pair(&p, l, f->connect);
	sock_abort(p.server);
	sock_wait_state(p.client, TCP_CLOSE);
	EXPECT_REUSE("%s", sock_rows(f, "listen=1", NULL));
}

/* A socket whose connection was reset is bound again to the port that it asked for */
TEST_F(tcp, reset)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	int c = sock_bind("tcp", f->client, 0);

	sock_connect(c, f->connect);
	sock_abort(sock_accept(l));
	sock_wait_state(c, TCP_CLOSE);
	EXPECT_REUSE("%stcp %s bound=1\n", sock_rows(f, "listen=1", NULL), sock_row(c));
}

/* shutdown() makes a listener a bound socket, or takes the port that listen() gave */
TEST_F(tcp, shutdown)
{
	const struct family *f = variant->f;
	int u = sock_open("tcp", sock_family(f->listen), f->flags);
	int s = listener(f, 0);
	const char *row = text("tcp %s%s ", f->listen, f->only);

	ASSERT_EQ(0, listen(u, 1));
	EXPECT_REUSE("%slisten=1\ntcp %s listen=1\n", row, sock_row(u));
	shutdown(s, SHUT_RDWR);
	shutdown(u, SHUT_RDWR);
	EXPECT_REUSE("%sbound=1\n", row);
}

/* connect() to AF_UNSPEC makes a bound socket of a connection, or none */
TEST_F(tcp, disconnected)
{
	const struct family *f = variant->f;
	int l = listener(f, 0);
	int bound = sock_bind("tcp", f->client, 0);
	struct pair p;

	sock_connect(bound, f->connect);
	sock_abort(sock_accept(l));
	sock_pair(&p, l, f->connect);
	sock_disconnect(bound);
	sock_disconnect(p.client);
	close(p.server);
	EXPECT_REUSE("%stcp %s bound=1\n", sock_rows(f, "listen=1", NULL), sock_row(bound));
}

/* A port given by bind() to port 0 is a port like another */
TEST_F(tcp, autobound)
{
	const struct family *f = variant->f;
	const char *any = text("%.*s0", (int)strlen(f->listen) - 2, f->listen);
	int s = sock_bind("tcp", any, f->flags);

	EXPECT_STRNE(any, sock_name(s));
	EXPECT_REUSE("tcp %s bound=1\n", sock_row(s));
}

/* An MPTCP listener and its connections are listed as the TCP sockets they are */
TEST_F(tcp, mptcp)
{
	const struct family *f = variant->f;
	int l, c, s;

	if (!sock_has("mptcp"))
		SKIP(return, "no MPTCP in this kernel");
	l = sock_bind("mptcp", f->listen, f->flags | S_LISTEN);
	EXPECT_REUSE("%s", sock_rows(f, "listen=1", NULL));
	c = sock_open("mptcp", sock_family(f->connect), 0);
	sock_connect(c, f->connect);
	s = sock_accept(l);
	EXPECT_REUSE("%stcp %s connected=1\n", sock_rows(f, "listen=1", "connected=1"),
		     sock_row(c));
	close(s);
	close(l);
}

TEST_HARNESS_MAIN
