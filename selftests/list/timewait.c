// SPDX-License-Identifier: GPL-2.0
/* TCP connections that no process has open: TIME_WAIT and orphans. */
#include <netinet/tcp.h>

#include "harness.h"

FIXTURE(timewait) {
	int listener;
};

FIXTURE_VARIANT(timewait) {
	const struct family *f;
};

FIXTURE_VARIANT_ADD(timewait, v4) { .f = &families[V4] };
FIXTURE_VARIANT_ADD(timewait, v4_any) { .f = &families[V4_ANY] };
FIXTURE_VARIANT_ADD(timewait, v6) { .f = &families[V6] };
FIXTURE_VARIANT_ADD(timewait, v6_mapped) { .f = &families[V6_MAPPED] };
FIXTURE_VARIANT_ADD(timewait, v6_dual_from4) { .f = &families[V6_DUAL_FROM4] };
FIXTURE_VARIANT_ADD(timewait, v6_dual_from6) { .f = &families[V6_DUAL_FROM6] };
FIXTURE_VARIANT_ADD(timewait, v6_only) { .f = &families[V6_ONLY] };

FIXTURE_SETUP(timewait)
{
	const struct family *f = variant->f;

	new_netns();
	self->listener = sock_bind("tcp", f->listen, f->flags | S_LISTEN);
}

FIXTURE_TEARDOWN(timewait)
{
}

/* A client that closes first leaves TIME_WAIT, which has no owner */
TEST_F(timewait, client)
{
	const struct family *f = variant->f;
	const char *client;
	struct pair p;

	sock_pair(&p, self->listener, f->connect);
	client = sock_row(p.client);
	sock_close_pair(p.client, p.server);
	EXPECT_REUSE("%stcp %s timewait=1 uid=-\n", sock_rows(f, "listen=1", NULL), client);
}

/* A server that closes first leaves it on its port, with and without listener */
TEST_F(timewait, server)
{
	const struct family *f = variant->f;
	struct pair p;

	sock_pair(&p, self->listener, f->connect);
	sock_close_pair(p.server, p.client);
	EXPECT_REUSE("%s", strcmp(f->listen, f->child) ?
		     sock_rows(f, "listen=1", "timewait=1 uid=-") :
		     sock_rows(f, "listen=1", "timewait=1"));
	close(self->listener);
	EXPECT_REUSE("%s", sock_rows(f, NULL, "timewait=1 uid=-"));
}

/* TIME_WAIT remembers the flags that the socket had at its end */
TEST_F(timewait, flags)
{
	const struct family *f = variant->f;
	unsigned int i;
	int c, s;

	close(self->listener);
	self->listener = sock_bind("tcp", f->listen, f->flags | S_LISTEN | S_REUSEADDR);
	for (i = 0; i < 2; i++) {
		c = sock_open("tcp", sock_family(f->connect), 0);
		sock_connect(c, f->connect);
		s = sock_accept(self->listener);
		sock_set(s, SOL_SOCKET, SO_REUSEADDR, i);
		sock_set(s, SOL_SOCKET, SO_REUSEPORT, !i);
		sock_close_pair(s, c);
	}
	close(self->listener);
	EXPECT_REUSE("%s", sock_rows(f, NULL, "timewait=2 uid=- reuseaddr=1 reuseport=1"));
}

/* A server comes back to a port that has TIME_WAIT: one row, or two */
TEST_F(timewait, restarted)
{
	const struct family *f = variant->f;
	struct pair p;
	int l;

	sock_set(self->listener, SOL_SOCKET, SO_REUSEADDR, 1);
	sock_pair(&p, self->listener, f->connect);
	sock_close_pair(p.server, p.client);
	close(self->listener);
	l = sock_bind("tcp", f->listen, f->flags | S_REUSEADDR | S_LISTEN);
	EXPECT_REUSE("%s", strcmp(f->listen, f->child) ?
		     sock_rows(f, "listen=1 reuseaddr=1", "timewait=1 uid=- reuseaddr=1") :
		     sock_rows(f, "listen=1", "timewait=1 reuseaddr=2"));
	close(l);
}

/* A new connection takes the place of the TIME_WAIT of its predecessor */
TEST_F(timewait, replaced)
{
	const struct family *f = variant->f;
	int c, s, i;

	for (i = 0; i < 2; i++) {
		c = sock_bind("tcp", f->client, S_REUSEADDR);
		sock_connect(c, f->connect);
		s = sock_accept(self->listener);
		if (!i)
			sock_close_pair(s, c);
	}
	EXPECT_REUSE("%stcp %s connected=1 reuseaddr=1\n",
		     sock_rows(f, "listen=1", "connected=1"), sock_row(c));
}

/* SO_LINGER 0 leaves no TIME_WAIT */
TEST_F(timewait, linger0)
{
	const struct family *f = variant->f;
	struct pair p;

	sock_pair(&p, self->listener, f->connect);
	shutdown(p.client, SHUT_WR);
	sock_wait_state(p.client, TCP_FIN_WAIT2);
	sock_abort(p.server);
	close(p.client);
	EXPECT_REUSE("%s", sock_rows(f, "listen=1", NULL));
}

/* Nor is there one where net.ipv4.tcp_max_tw_buckets allows none */
TEST_F(timewait, no_buckets)
{
	const struct family *f = variant->f;
	struct pair p;

	write_file(IPV4_SYSCTL "tcp_max_tw_buckets", "0");
	sock_pair(&p, self->listener, f->connect);
	sock_close_pair(p.client, p.server);
	EXPECT_REUSE("%s", sock_rows(f, "listen=1", NULL));
}

/* An orphan in FIN_WAIT2 is connected, has no owner, and expires */
TEST_F(timewait, fin_wait2)
{
	const struct family *f = variant->f;
	const char *client;
	struct pair p;

	write_file(IPV4_SYSCTL "tcp_fin_timeout", "3");
	sock_pair(&p, self->listener, f->connect);
	client = sock_row(p.client);
	close(p.client);
	EXPECT_REUSE("%stcp %s connected=1 uid=-\n", sock_rows(f, "listen=1", "connected=1"),
		     client);
	EXPECT_REUSE("%s", sock_rows(f, "listen=1", "connected=1"));
}

/* With a longer tcp_fin_timeout it is a full socket still: connected, with an owner */
TEST_F(timewait, fin_wait2_full)
{
	const struct family *f = variant->f;
	const char *client;
	struct pair p;

	write_file(IPV4_SYSCTL "tcp_fin_timeout", "120");
	sock_pair(&p, self->listener, f->connect);
	client = sock_row(p.client);
	close(p.client);
	sock_wait_state(p.server, TCP_CLOSE_WAIT);
	EXPECT_REUSE("%stcp %s connected=1 uid=0\n", sock_rows(f, "listen=1", "connected=1"),
		     client);
}

/* An orphan in FIN_WAIT1 or LAST_ACK is connected, with an owner */
TEST_F(timewait, orphans)
{
	const struct family *f = variant->f;
	struct pair p, q;

	sock_pair(&p, self->listener, f->connect);
	sock_pair(&q, self->listener, f->connect);
	shutdown(q.client, SHUT_WR);
	sock_wait_state(q.server, TCP_CLOSE_WAIT);
	sock_deaf(p.client, true);
	sock_deaf(q.client, true);
	close(p.server);
	close(q.server);
	close(self->listener);
	EXPECT_REUSE("%stcp %s connected=1\ntcp %s connected=1\n",
		     sock_rows(f, NULL, "connected=2"), sock_row(p.client),
		     sock_row(q.client));
}

TEST_HARNESS_MAIN
