// SPDX-License-Identifier: GPL-2.0
/*
 * Random sequences of what programs do with sockets on one port. Every answer, and the
 * receiver, must be what the profile in module/semantics says to the same sequence: so it
 * is the same on all kernels, though each keeps its own lists in another way.
 *
 * REUSE_SEED repeats a run, REUSE_SECONDS is how long each lasts.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <time.h>

#include "harness.h"
#include "rules.h"
#include "../../module/semantics/semantics.h"

/* Ports of the servers that sockets connect to */
#define SERVERS		41000
#define NOBODY		42000
#define SOCKS		14
#define STEPS		60
#define SECONDS		4
#define CONNECTED	200	/* more than are looked at in vain */
#define DEVICE		"other0"

/**
 * struct sock - a socket on the port, as the rules see it and as it is
 * @s: state as the profile is to see it
 * @home: address that it was bound to
 * @fd: the socket, -1 if there is none
 * @peer: remote end of its connection, or -1
 * @is_child: was accepted
 */
struct sock {
	struct sem_sock s;
	u8 home[16];
	int fd;
	int peer;
	bool is_child;
};

static const char * const addresses[] = {
	"0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.1", "127.0.0.2",
	"[::]", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]",
};

static struct {
	const struct sem_profile *profile;
	bool udp;
	struct sock sock[SOCKS];
	int server[SOCKS];
	u64 tick;
	signed char fast;
	int other;	/* index of DEVICE, 0 if there is none */
	unsigned int random;
	char log[STEPS * 100];
	size_t logged;
} t;

static unsigned int pick(unsigned int n)
{
	t.random = t.random * 1664525 + 1013904223;
	return (t.random >> 10) % n;
}

__printf(1, 2) static void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t.logged += vsnprintf(t.log + t.logged, sizeof(t.log) - t.logged, fmt, ap);
	va_end(ap);
	if (t.logged >= sizeof(t.log))
		die("a sequence is too long");
}

static void parse_address(const char *text, u8 *addr)
{
	char host[64];

	if (sscanf(text, "[%63[0-9a-f:.]]", host) == 1) {
		inet_pton(AF_INET6, host, addr);
		return;
	}
	memcpy(addr, sem_any4, 16);
	inet_pton(AF_INET, text, addr + 12);
}

static bool holds(const struct sock *sk)
{
	return sk->fd >= 0;
}

/* The answer of the rules to a bind() or listen() */
static int decide(struct sock *sk, bool bound)
{
	struct sem_bind b = { .sk = &sk->s, .udp = t.udp, .port = PORT, .fastreuse = t.fast };
	struct sock *o;
	int err;

	t.profile->begin(&b);
	for (o = t.sock; o < t.sock + SOCKS; o++) {
		if (o == sk || !holds(o))
			continue;

		b.owners++;
		if (!o->s.dev || !sk->s.dev || o->s.dev == sk->s.dev)
			t.profile->owner(&b, &o->s, o);
	}
	b.owners += bound;
	err = t.profile->verdict(&b);
	if (!err && !t.udp)
		t.fast = b.fastreuse;
	return -err;
}

/*
 * Linux prefers those of the device that it came by; it has no say on anything else. Some
 * profiles prefer, of what gets IPv4, AF_INET sockets to all others.
 */
static const struct sock *chosen(const u8 *addr)
{
	struct sem_packet packet = { .udp = t.udp, .ipv6 = !sem_mapped(addr) };
	struct sem_deliver d = { .packet = &packet };
	bool apart = t.profile->tells_families_apart && !packet.ipv6;
	struct sock *sk;
	int pass;

	memcpy(packet.addr, addr, 16);
	for (pass = 0; pass < (apart ? 8 : 4) && !d.id; pass++) {
		for (sk = t.sock; sk < t.sock + SOCKS; sk++) {
			if (!holds(sk) || sem_is_connected(&sk->s) ||
			    (t.other && sk->s.dev == t.other) ||
			    (apart && sk->s.ipv6 != pass / 4))
				continue;
			if (pass % 4 / 2 == sem_any(sk->s.addr) && (pass % 2 || sk->s.dev))
				t.profile->deliver(&d, &sk->s, sk);
		}
	}
	return d.id;
}

static void sock_gone(struct sock *sk)
{
	if (sk->fd < 0)
		return;
	if (t.udp)
		close(sk->fd);
	else
		sock_abort(sk->fd);
	if (sk->peer >= 0)
		sock_abort(sk->peer);
	sk->fd = -1;
	sk->peer = -1;
}

static void set_device(int fd, int dev)
{
	sock_dev(fd, !dev ? "" : dev == t.other ? DEVICE : "lo");
}

static int random_device(void)
{
	unsigned int n = pick(12);

	return !n ? (int)if_nametoindex("lo") : n == 1 ? t.other : 0;
}

/* Each step: what has to come out, and what does; true if that is the same */
static bool step_bind(struct sock *sk)
{
	static const uid_t uids[] = { 0, 0, 1000, 2000 };
	struct rules_sock m = { addresses[pick(ARRAY_SIZE(addresses))],
				pick(4), uids[pick(ARRAY_SIZE(uids))] };
	int want, have, fd;

	if (t.profile->separate_families) {
		if (strchr(m.addr, '.') && *m.addr == '[')
			m.addr = "[::1]";
		m.flags |= *m.addr == '[' ? S_V6ONLY : 0;
	}
	if (!strcmp(m.addr, "[::]") && pick(2))
		m.flags |= S_V6ONLY;
	if (t.profile->hides_reuseport)
		m.flags &= ~S_REUSEPORT;
	memset(sk, 0, sizeof(*sk));
	sk->fd = -1;
	sk->peer = -1;
	parse_address(m.addr, sk->home);
	memcpy(sk->s.addr, sk->home, 16);
	sk->s.ipv6 = *m.addr == '[';
	sk->s.v6only = m.flags & S_V6ONLY;
	sk->s.reuseaddr = m.flags & S_REUSEADDR;
	sk->s.reuseport = m.flags & S_REUSEPORT;
	sk->s.uid = m.uid;
	sk->s.root = !m.uid;
	sk->s.dev = random_device();
	/* IPv6 has an address on one device */
	if (sk->s.dev == t.other && sk->s.ipv6 && !sem_any(sk->home))
		sk->s.dev = 0;
	fd = rules_open(t.udp ? "udp" : "tcp", &m);
	if (sk->s.dev)
		set_device(fd, sk->s.dev);
	want = decide(sk, false);
	have = rules_bind(fd, &m, PORT);
	note("%d: bind %s%s%s%s dev %d uid %u: %d\n", (int)(sk - t.sock), m.addr,
	     sk->s.reuseaddr ? " RA" : "", sk->s.reuseport ? " RP" : "",
	     sk->s.v6only ? " V6ONLY" : "", sk->s.dev, sk->s.uid, have);
	if (have) {
		close(fd);
		return want == have;
	}
	sk->fd = fd;
	sk->s.bind_seq = ++t.tick;
	/* So does Linux, since 2.6.30 */
	if (!sem_mapped(sk->home) && !sem_any(sk->home))
		sk->s.v6only = true;
	return !want;
}

static bool step_option(struct sock *sk)
{
	bool rp = pick(2) && !t.profile->hides_reuseport;
	bool *flag = rp ? &sk->s.reuseport : &sk->s.reuseaddr;

	*flag = !*flag;
	sock_set(sk->fd, SOL_SOCKET, rp ? SO_REUSEPORT : SO_REUSEADDR, *flag);
	note("%d: %s %d\n", (int)(sk - t.sock), rp ? "RP" : "RA", *flag);
	return true;
}

static bool step_device(struct sock *sk)
{
	sk->s.dev = sk->s.dev ? 0 : if_nametoindex("lo");
	set_device(sk->fd, sk->s.dev);
	note("%d: dev %d\n", (int)(sk - t.sock), sk->s.dev);
	return true;
}

static bool step_listen(struct sock *sk)
{
	int want = 0, have;

	if (t.udp || sk->is_child || sk->s.state != SEM_BOUND)
		return true;
	sk->s.state = SEM_LISTEN;
	if (t.profile->checks_listen)
		want = decide(sk, true);
	have = listen(sk->fd, 8) ? errno : 0;
	if (have)
		sk->s.state = SEM_BOUND;
	note("%d: listen: %d\n", (int)(sk - t.sock), have);
	return want == have;
}

static void model_moved(struct sock *sk)
{
	if (t.udp && t.profile->udp_connect_is_newest)
		sk->s.bind_seq = ++t.tick;
}

/* Without the remote end it has the address that it was bound to again */
static void model_disconnect(struct sock *sk)
{
	model_moved(sk);
	sk->s.state = SEM_BOUND;
	memcpy(sk->s.addr, sk->home, 16);
	/* So it is in Linux */
	if (t.udp)
		sk->s.dev = 0;
}

static bool step_connect(struct sock *sk)
{
	bool refused = !t.udp && pick(2);
	/* Linux does not forget that a dual-stack socket had an IPv4 remote end: none has */
	bool mapped = sem_mapped(sk->s.addr);
	const char *to = !sk->s.ipv6 ? "127.0.0.1" : mapped ? "[::ffff:127.0.0.1]" : "[::1]";
	int i = sk - t.sock, have;

	if (sk->s.state != SEM_BOUND || (t.other && sk->s.dev == t.other))
		return true;
	/* Linux does not give it this address again */
	if (sk->s.ipv6 && sem_same(sk->home, sem_any4))
		return true;
	have = sock_try_connect(sk->fd, text("%s:%d", to, refused ? NOBODY : SERVERS + i));
	note("%d: connect to %s: %d\n", i, to, have);
	if (sem_any(sk->s.addr))
		parse_address(to, sk->s.addr);
	sk->s.state = SEM_CONNECTED;
	model_moved(sk);
	if (refused)
		model_disconnect(sk);
	else if (!t.udp && !have)
		sk->peer = sock_accept(t.server[i]);
	return have == (refused ? ECONNREFUSED : 0);
}

static bool step_disconnect(struct sock *sk)
{
	if (sk->s.state != SEM_CONNECTED || sk->is_child)
		return true;
	sock_disconnect(sk->fd);
	if (sk->peer >= 0)
		sock_abort(sk->peer);
	sk->peer = -1;
	model_disconnect(sk);
	note("%d: disconnect\n", (int)(sk - t.sock));
	return true;
}

static bool step_shutdown(struct sock *sk)
{
	if (sk->s.state != SEM_LISTEN)
		return true;
	if (shutdown(sk->fd, SHUT_RDWR))
		die("shutdown");
	model_disconnect(sk);
	note("%d: shutdown\n", (int)(sk - t.sock));
	return true;
}

static bool step_close(struct sock *sk)
{
	note("%d: close\n", (int)(sk - t.sock));
	sock_gone(sk);
	return true;
}

/* Of the sockets and, as the last, @from: the first that something has come to */
static int first_ready(int from, bool listeners)
{
	struct pollfd p[SOCKS + 1];
	int i;

	for (i = 0; i < SOCKS; i++) {
		p[i].fd = listeners && t.sock[i].s.state != SEM_LISTEN ? -1 : t.sock[i].fd;
		p[i].events = POLLIN;
	}
	p[SOCKS].fd = from;
	p[SOCKS].events = 0;
	if (poll(p, SOCKS + 1, 2000 * slowness()) <= 0)
		return SOCKS;
	for (i = 0; i < SOCKS && !p[i].revents; i++)
		;
	return i;
}

static void make_child(struct sock *child, const struct sock *listener, const u8 *addr, int client)
{
	*child = *listener;
	memcpy(child->s.addr, addr, 16);
	memcpy(child->home, addr, 16);
	child->s.state = SEM_CONNECTED;
	child->s.bind_seq = ++t.tick;
	child->s.accepted = true;
	child->is_child = true;
	child->fd = sock_accept(listener->fd);
	child->peer = client;
}

static bool no_answer(const char *address)
{
	struct pollfd p = { sock_open("tcp", sock_family(address), S_NONBLOCK), POLLOUT, 0 };
	int err = sock_try_connect(p.fd, text("%s:%d", address, PORT));
	bool none = err == EINPROGRESS && !poll(&p, 1, 20);

	note("SYN to %s without an answer: %d\n", address, none);
	close(p.fd);
	return none;
}

/* A packet; a connection stays where there is room for it */
static bool step_probe(struct sock *room)
{
	static const char * const to[] = { "127.0.0.1", "127.0.0.2", "[::1]" };
	const char *address = to[pick(ARRAY_SIZE(to))];
	const struct sock *want;
	int have = SOCKS, fd;
	u8 addr[16];
	char c = 0;

	parse_address(address, addr);
	want = chosen(addr);
	if (want && !t.udp && want->s.state != SEM_LISTEN) {
		if (t.profile->drops_refused)
			return no_answer(address);
		want = NULL;
	}
	fd = sock_open(t.udp ? "udp" : "tcp", sock_family(address), 0);
	if (!sock_try_connect(fd, text("%s:%d", address, PORT))) {
		if (t.udp && send(fd, &c, 1, 0) != 1)
			die("send");
		have = first_ready(t.udp ? fd : -1, !t.udp);
	}
	note("packet to %s: %d\n", address, have < SOCKS ? have : -1);
	if (have < SOCKS && t.udp) {
		if (recv(t.sock[have].fd, &c, 1, MSG_DONTWAIT) != 1)
			die("recv");
		close(fd);
	} else if (have < SOCKS && room) {
		make_child(room, &t.sock[have], addr, fd);
	} else if (have < SOCKS) {
		sock_abort(sock_accept(t.sock[have].fd));
		sock_abort(fd);
	} else {
		close(fd);
	}
	return have == (want ? want - t.sock : SOCKS);
}

static bool step(void)
{
	static bool (* const steps[])(struct sock *sk) = {
		step_option, step_option, step_listen, step_listen, step_connect, step_connect,
		step_disconnect, step_shutdown, step_close, step_close, step_device,
	};
	struct sock *sk = &t.sock[pick(SOCKS)];
	unsigned int what = pick(10);

	if (what < 2)
		return step_probe(holds(sk) ? NULL : sk);
	if (!holds(sk))
		return what < 8 ? step_bind(sk) : true;
	return steps[pick(ARRAY_SIZE(steps))](sk);
}

/* Null, or what happened and went wrong in the last step */
static const char *sequence(void)
{
	const char *wrong = NULL;
	int i;

	t.logged = 0;
	*t.log = '\0';
	t.fast = 0;
	t.tick = 0;
	for (i = 0; i < STEPS && !wrong; i++) {
		if (!step())
			wrong = t.log;
	}
	for (i = 0; i < SOCKS; i++)
		sock_gone(&t.sock[i]);
	return wrong;
}

FIXTURE(sequences) {
};

FIXTURE_VARIANT(sequences) {
	const struct sem_profile *profile;
};

FIXTURE_VARIANT_ADD(sequences, pre39) { &sem_pre39 };
FIXTURE_VARIANT_ADD(sequences, bsd) { &sem_bsd };
FIXTURE_VARIANT_ADD(sequences, freebsd15) { &sem_freebsd15 };
FIXTURE_VARIANT_ADD(sequences, openbsd) { &sem_openbsd };
FIXTURE_VARIANT_ADD(sequences, netbsd) { &sem_netbsd };
FIXTURE_VARIANT_ADD(sequences, darwin) { &sem_darwin };

FIXTURE_SETUP(sequences)
{
	int i;

	new_netns();
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	write_file(PORT_RANGE, "50000 60000");
	if (add_device(DEVICE, "dummy"))
		t.other = if_nametoindex(DEVICE);
	for (i = 0; i < SOCKS; i++) {
		t.sock[i].fd = -1;
		t.sock[i].peer = -1;
		t.server[i] = sock_bind("tcp", text("[::]:%d", SERVERS + i), S_LISTEN);
	}
	t.profile = variant->profile;
	write_file(SEMANTICS, "%s", t.profile->name);
}

FIXTURE_TEARDOWN(sequences)
{
}

/* As the profile says to the same sequence */
TEST_F_TIMEOUT(sequences, as_the_profile, 3600)
{
	unsigned int first = seed(), i;
	time_t end = time(NULL) + test_seconds(SECONDS);

	for (i = 0; i < 20 || time(NULL) < end; i++) {
		const char *wrong;

		t.random = (first + i) * 2654435761U;
		t.udp = i % 3 == 2;
		wrong = sequence();
		ASSERT_EQ(NULL, wrong)
			TH_LOG("REUSE_SEED=%u, %s, wrong in the last step:\n%s", first + i,
			       t.udp ? "udp" : "tcp", wrong);
	}
	TH_LOG("%u sequences of %d steps", i, STEPS);
}

static int comes(const struct rules_sock *s, int port)
{
	int fd = rules_open("tcp", s), err = rules_bind(fd, s, port);

	close(fd);
	return err;
}

static int newcomer(unsigned int flags)
{
	return comes(&(struct rules_sock){ "0.0.0.0", flags, 0 }, PORT);
}

/* bsd: the one bound last decides, also if the others connect or disconnect later */
TEST_F(sequences, bound_last)
{
	int a, b;

	if (variant->profile != &sem_bsd)
		SKIP(return, "all count");
	a = sock_bind("tcp", text("0.0.0.0:%d", PORT), S_REUSEPORT);
	b = sock_bind("tcp", text("0.0.0.0:%d", PORT), S_REUSEPORT);
	EXPECT_EQ(0, newcomer(S_REUSEPORT));
	sock_set(b, SOL_SOCKET, SO_REUSEPORT, 0);
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	EXPECT_EQ(ECONNREFUSED, sock_try_connect(a, text("127.0.0.1:%d", NOBODY)));
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	EXPECT_EQ(0, sock_try_connect(a, text("127.0.0.1:%d", SERVERS)));
	sock_disconnect(a);
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	EXPECT_EQ(0, listen(a, 1));
	EXPECT_EQ(0, shutdown(a, SHUT_RDWR));
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	EXPECT_EQ(0, listen(a, 1));
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	sock_dev(a, "lo");
	sock_dev(a, "");
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	close(a);
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	close(b);
}

/* bsd: so it is if many that were bound after it have a remote end since */
TEST_F(sequences, bound_last_but_for_connected)
{
	int a, b, c, i;

	if (variant->profile != &sem_bsd)
		SKIP(return, "all count");
	a = sock_bind("tcp", text("0.0.0.0:%d", PORT), S_REUSEPORT);
	b = sock_bind("tcp", text("0.0.0.0:%d", PORT), S_REUSEPORT);
	for (i = 0; i < CONNECTED; i++) {
		c = sock_bind("tcp", text("0.0.0.0:%d", PORT), S_REUSEPORT);
		sock_set(c, IPPROTO_TCP, TCP_REPAIR, 1);
		sock_connect(c, text("127.0.0.1:%d", NOBODY + i));
	}
	/* Of the kernel's list it is the first then */
	EXPECT_EQ(ECONNREFUSED, sock_try_connect(a, text("127.0.0.1:%d", NOBODY + i)));
	EXPECT_EQ(0, newcomer(S_REUSEPORT));
	sock_set(b, SOL_SOCKET, SO_REUSEPORT, 0);
	EXPECT_EQ(EADDRINUSE, newcomer(S_REUSEPORT));
	sock_set(b, SOL_SOCKET, SO_REUSEPORT, 1);
	sock_set(a, SOL_SOCKET, SO_REUSEPORT, 0);
	EXPECT_EQ(0, newcomer(S_REUSEPORT));
}

/*
 * bsd: when one with a remote end was bound counts, not when it got that; and of one that
 * was accepted, when that was
 */
TEST_F(sequences, accepted_last)
{
	static const struct rules_sock other = { "127.0.0.1", S_REUSEPORT, 1 };
	int any, listener, client, port;

	if (variant->profile != &sem_bsd)
		SKIP(return, "all count");
	any = sock_bind("tcp", "0.0.0.0:0", S_REUSEPORT);
	port = atoi(strrchr(sock_name(any), ':') + 1);
	listener = sock_bind("tcp", text("127.0.0.1:%d", port), S_REUSEPORT | S_LISTEN);
	sock_bind("tcp", text("0.0.0.0:%d", port), S_REUSEPORT);
	client = sock_open("tcp", AF_INET, 0);
	sock_connect(client, text("127.0.0.1:%d", port));
	sock_accept(listener);
	close(listener);
	EXPECT_EQ(0, comes(&other, port));
	sock_connect(any, text("127.0.0.1:%d", SERVERS));
	EXPECT_EQ(0, comes(&other, port));
	sock_bind("tcp", text("0.0.0.0:%d", port), S_REUSEPORT);
	EXPECT_EQ(EADDRINUSE, comes(&other, port));
}

TEST_HARNESS_MAIN
