// SPDX-License-Identifier: GPL-2.0
/* The cache of a TCP bind bucket about its owners: the last three columns. */
#include "harness.h"

/* Two addresses that do not conflict, so that one bucket has two rows */
FIXTURE(fastreuse) {
	int first_reuse;
	int first_reuseport;
};

FIXTURE_VARIANT(fastreuse) {
	const char *a;
	const char *b;
};

FIXTURE_VARIANT_ADD(fastreuse, v4) { "127.0.0.1" AT_PORT, "127.0.0.2" AT_PORT };
FIXTURE_VARIANT_ADD(fastreuse, v6) { "[::1]" AT_PORT, "[::ffff:127.0.0.2]" AT_PORT };
FIXTURE_VARIANT_ADD(fastreuse, v4_v6) { "127.0.0.1" AT_PORT, "[::1]" AT_PORT };
FIXTURE_VARIANT_ADD(fastreuse, mapped) { "[::ffff:127.0.0.1]" AT_PORT, "127.0.0.2" AT_PORT };

/* bind() of @address where @first is, which has lost its flags since it was bound */
static bool cache_lets_in(int first, const char *address, unsigned int flags)
{
	int s = sock_open("tcp", AF_INET, flags), err;

	sock_set(first, SOL_SOCKET, SO_REUSEADDR, 0);
	sock_set(first, SOL_SOCKET, SO_REUSEPORT, 0);
	err = sock_try_bind(s, address);
	close(s);
	close(first);
	return !err;
}

/*
 * Whether the first owner of a bucket makes fastreuse 1, and fastreuseport 1
 * or 2, is not the same in all kernels. What they let in without looking at the
 * owners says so.
 */
FIXTURE_SETUP(fastreuse)
{
	int s;

	new_netns();
	s = sock_bind("tcp", "127.0.0.1:1", S_REUSEADDR);
	self->first_reuse = cache_lets_in(s, "127.0.0.1:1", S_REUSEADDR);
	s = sock_bind("tcp", "127.0.0.1:2", S_REUSEPORT);
	self->first_reuseport = cache_lets_in(s, "0.0.0.0:2", S_REUSEPORT) ? 1 : 2;
}

FIXTURE_TEARDOWN(fastreuse)
{
}

static const char *cache(int reuse, int reuseport, const char *uid)
{
	return text("fastreuse=%d fastreuseport=%d fastuid=%s", reuse, reuseport, uid);
}

static const char *flags_of(unsigned int flags)
{
	return text("reuseaddr=%d reuseport=%d", !!(flags & S_REUSEADDR),
		    !!(flags & S_REUSEPORT));
}

/* Both rows of a bucket, each with one bound socket and the same cache */
static const char *rows(int a, unsigned int a_flags, int b, unsigned int b_flags,
			const char *cache)
{
	return text("tcp %s bound=1 %s %s\ntcp %s bound=1 %s %s\n", sock_row(a),
		    flags_of(a_flags), cache, sock_row(b), flags_of(b_flags), cache);
}

/* The first owner sets the cache to what it is itself */
TEST_F(fastreuse, first)
{
	const struct {
		unsigned int flags;
		int reuse;
		int reuseport;
		const char *uid;
	} cases[] = {
		{ 0, 0, 0, "-" },
		{ S_REUSEADDR, self->first_reuse, 0, "-" },
		{ S_REUSEPORT, 0, self->first_reuseport, "0" },
		{ S_REUSEADDR | S_REUSEPORT, self->first_reuse, self->first_reuseport, "0" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int s = sock_bind("tcp", variant->a, cases[i].flags);

		EXPECT_REUSE("tcp %s bound=1 %s %s\n", sock_row(s), flags_of(cases[i].flags),
			     cache(cases[i].reuse, cases[i].reuseport, cases[i].uid));
		close(s);
		EXPECT_NO_ROWS();
	}
}

/* listen() takes fastreuse away, and leaves fastreuseport */
TEST_F(fastreuse, listener)
{
	int s = sock_bind("tcp", variant->a, S_REUSEADDR | S_REUSEPORT);

	EXPECT_REUSE("tcp %s bound=1 reuseaddr=1 reuseport=1 %s\n", sock_row(s),
		     cache(self->first_reuse, self->first_reuseport, "0"));
	listen(s, 1);
	EXPECT_REUSE("tcp %s listen=1 reuseaddr=1 reuseport=1 %s\n", sock_row(s),
		     cache(0, self->first_reuseport, "0"));
}

/* A bucket of connect() has -1, that of the other end what its listener set */
TEST_F(fastreuse, connected)
{
	int l = sock_bind("tcp", variant->a, S_LISTEN | S_REUSEPORT);
	const char *server = cache(0, self->first_reuseport, "0");
	const char *client = cache(-1, -1, "-");
	const char *listener = sock_row(l);
	struct pair p;

	sock_pair(&p, l, variant->a);
	EXPECT_REUSE("tcp %s listen=1 connected=1 reuseport=2 %s\ntcp %s connected=1 %s\n",
		     listener, server, sock_row(p.client), client);
	close(l);
	EXPECT_REUSE("tcp %s connected=1 reuseport=1 %s\ntcp %s connected=1 %s\n", listener,
		     server, sock_row(p.client), client);
}

/* An owner without a flag clears it for all rows of the bucket */
TEST_F(fastreuse, cleared)
{
	int a = sock_bind("tcp", variant->a, S_REUSEADDR | S_REUSEPORT);
	int b = sock_bind("tcp", variant->b, S_REUSEADDR);

	EXPECT_REUSE("%s", rows(a, S_REUSEADDR | S_REUSEPORT, b, S_REUSEADDR,
				cache(self->first_reuse, 0, "-")));
	close(b);
	b = sock_bind("tcp", variant->b, S_REUSEPORT);
	EXPECT_REUSE("%s", rows(a, S_REUSEADDR | S_REUSEPORT, b, S_REUSEPORT,
				cache(0, 2, "0")));
	close(b);
	b = sock_bind("tcp", variant->b, 0);
	EXPECT_REUSE("%s", rows(a, S_REUSEADDR | S_REUSEPORT, b, 0, cache(0, 0, "-")));
}

/* SO_REUSEPORT after an owner without it is 2, for one address and uid */
TEST_F(fastreuse, strict)
{
	int a = sock_bind("tcp", variant->a, 0);
	int b = sock_bind("tcp", variant->b, S_REUSEPORT);

	EXPECT_REUSE("%s", rows(a, 0, b, S_REUSEPORT, cache(0, 2, "0")));
	sock_bind("tcp", variant->b, S_REUSEPORT);
	EXPECT_REUSE("tcp %s bound=1 %s\ntcp %s bound=2 reuseport=2 %s\n", sock_row(a),
		     cache(0, 2, "0"), sock_row(b), cache(0, 2, "0"));
}

static void bind_reuseport(void *address)
{
	sock_bind("tcp", address, S_REUSEPORT);
}

/* fastuid is the uid of the socket that set fastreuseport last */
TEST_F(fastreuse, uid)
{
	const char *only_a = strchr(variant->a, ':')[1] == ':' &&
			     !strstr(variant->a, "ffff") ? " v6only=1" : "";
	struct child child;
	int b;

	child_start(&child, 1000, bind_reuseport, (void *)variant->a);
	EXPECT_REUSE("tcp %s%s bound=1 uid=1000 reuseport=1 %s\n", variant->a, only_a,
		     cache(0, self->first_reuseport, "1000"));
	b = sock_bind("tcp", variant->b, S_REUSEPORT);
	EXPECT_REUSE("tcp %s%s bound=1 uid=1000 reuseport=1 %s\n"
		     "tcp %s bound=1 uid=0 reuseport=1 %s\n", variant->a, only_a,
		     cache(0, 2, "0"), sock_row(b), cache(0, 2, "0"));
	child_stop(&child);
	EXPECT_REUSE("tcp %s bound=1 reuseport=1 %s\n", sock_row(b), cache(0, 2, "0"));
}

/* bind() to a port that connect() took leaves -1 of it only where the flag is set */
TEST_F(fastreuse, bound_to_connected)
{
	static const struct {
		unsigned int flags;
		int reuse;
		int reuseport;
		const char *uid;
	} cases[] = {
		{ S_REUSEADDR, -1, 0, "-" },
		{ S_REUSEADDR | S_REUSEPORT, -1, 2, "0" },
		{ S_REUSEPORT, 0, 2, "0" },
		{ 0, 0, 0, "-" },
	};
	const char *server = text("%.*s:80", (int)(strrchr(variant->a, ':') - variant->a),
				  variant->a);
	int l = sock_bind("tcp", server, S_LISTEN);
	unsigned int i;

	write_file(PORT_RANGE, "%d %d", PORT, PORT);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *want = cache(cases[i].reuse, cases[i].reuseport, cases[i].uid);
		int c = sock_open("tcp", sock_family(server), 0), b, s;

		sock_connect(c, server);
		s = sock_accept(l);
		b = sock_bind("tcp", variant->b, cases[i].flags);
		EXPECT_REUSE("tcp %s listen=1 connected=1\ntcp %s connected=1 %s\n"
			     "tcp %s bound=1 %s %s\n", sock_row(l), sock_row(c), want,
			     sock_row(b), flags_of(cases[i].flags), want);
		close(b);
		sock_abort(s);
		close(c);
		EXPECT_REUSE("tcp %s listen=1\n", sock_row(l));
	}
}

/* Where it is -1, and only there, the kernel lets connect() share the port */
TEST(shared_by_connect)
{
	const char * const server[] = { "127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:82" };
	const char *row = "tcp 127.0.0.1" AT_PORT " connected=2";
	struct table table;
	const char *reuse;
	int i, b, err, c[3];

	new_netns();
	write_file(PORT_RANGE, "%d %d", PORT, PORT);
	for (i = 0; i < 3; i++) {
		sock_bind("tcp", server[i], S_LISTEN);
		c[i] = sock_open("tcp", AF_INET, 0);
	}
	sock_connect(c[0], server[0]);
	sock_connect(c[1], server[1]);
	b = sock_bind("tcp", "127.0.0.2" AT_PORT, 0);
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_connect(c[2], server[2]));
	EXPECT_REUSE("tcp %s listen=1 connected=1\ntcp %s listen=1 connected=1\n"
		     "tcp %s listen=1\n%s %s\ntcp %s bound=1 %s\n", server[0], server[1],
		     server[2], row, cache(0, 0, "-"), sock_name(b), cache(0, 0, "-"));

	/* Newer kernels make it -1 again once only connect() has the port */
	close(b);
	table_read(REUSE_FILE, &table);
	reuse = table_find(&table, "tcp", "127.0.0.1" AT_PORT, "-", "-")->col[FASTREUSE];
	err = sock_try_connect(c[2], server[2]);
	EXPECT_EQ(!strcmp(reuse, "-1") ? 0 : EADDRNOTAVAIL, err);
}

/* UDP has no such cache */
TEST(udp)
{
	new_netns();
	sock_bind("udp", "127.0.0.1:80", S_REUSEADDR | S_REUSEPORT);
	EXPECT_REUSE("udp 127.0.0.1:80 bound=1 reuseaddr=1 reuseport=1 %s\n",
		     "fastreuse=- fastreuseport=- fastuid=-");
}

TEST_HARNESS_MAIN
