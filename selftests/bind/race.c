// SPDX-License-Identifier: GPL-2.0
/*
 * Sixteen threads race for one port. Their results are possible for the same calls one
 * after the other, in some order.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>

#include "harness.h"
#include "rules.h"

#define THREADS		16
#define FIRST_PORT	40000
#define RANGE		8

/* Of each variant: 3,900 in all */
#define RACES		400
#define RACES_FOR_ANY	50
#define RACES_LEAST	20
#define SECONDS		6

#define ANY4	"0.0.0.0"
#define ANY6	"[::]"
#define LO4	"127.0.0.1"
#define LO4_2	"127.0.0.2"
#define LO6	"[::1]"
#define MAPPED	"[::ffff:127.0.0.1]"

/* The sockets of a race: thread i has kind[i % n] */
struct pool {
	int n;
	struct rules_sock kind[4];
};

static const struct pool pools[] = {
	{ 1, { { LO4, 0, 0 } } },
	{ 1, { { LO4, RA, 0 } } },
	{ 1, { { LO4, RP, 0 } } },
	{ 1, { { ANY6, 0, 0 } } },
	{ 1, { { LO6, RA | RP, 0 } } },
	{ 2, { { LO4, 0, 0 }, { LO4_2, 0, 0 } } },
	{ 2, { { LO4, 0, 0 }, { ANY4, 0, 0 } } },
	{ 2, { { LO4, RA, 0 }, { ANY4, RA, 0 } } },
	{ 2, { { LO4, RP, 0 }, { ANY4, 0, 0 } } },
	{ 2, { { LO4, RA, 0 }, { LO4, RP, 0 } } },
	{ 3, { { LO4, 0, 0 }, { LO4, RA, 0 }, { LO4, RP, 0 } } },
	{ 2, { { ANY4, 0, 0 }, { ANY6, 0, 0 } } },
	{ 2, { { ANY4, RA, 0 }, { ANY6, RA, 0 } } },
	{ 2, { { ANY4, RP, 0 }, { ANY6, RP, 0 } } },
	{ 2, { { ANY4, 0, 0 }, { ANY6, S_V6ONLY, 0 } } },
	{ 3, { { LO4, 0, 0 }, { LO6, 0, 0 }, { ANY6, RA, 0 } } },
	{ 4, { { LO4, RA, 0 }, { ANY4, RA, 0 }, { ANY4, RP, 0 }, { LO4_2, 0, 0 } } },
	{ 2, { { LO4, RP, 1000 }, { LO4, RP, 2000 } } },
	{ 3, { { ANY4, RP, 1000 }, { LO4, RP, 2000 }, { LO4, RP, 0 } } },
	{ 3, { { ANY4, RP, 1000 }, { ANY6, RP, 2000 }, { LO4, 0, 0 } } },
	/* The last one: openbsd has no such address */
	{ 3, { { MAPPED, 0, 0 }, { LO4, 0, 0 }, { LO6, S_V6ONLY, 0 } } },
};

/* Races that are prepared together: starting threads takes more than racing */
#define BATCH		8

struct race {
	const struct pool *pool;
	int port;
	bool bound[THREADS];	/* already, and now it is to listen */
	bool again;		/* it has done so before */
	int err[THREADS];
	int got[THREADS];	/* port */
};

static struct {
	const char *proto;
	struct race race[BATCH];
	int n;
	unsigned int runners;
	int spins;
	bool over;
	pthread_barrier_t barrier;
	unsigned int there;
	unsigned int turn;
} track;

/* All threads and the referee wait for each other */
static void meet(void)
{
	int err = pthread_barrier_wait(&track.barrier);

	if (err && err != PTHREAD_BARRIER_SERIAL_THREAD)
		die("pthread_barrier_wait");
}

/* The threads go on at once, as far as there are processors */
static void start(void)
{
	unsigned int turn = __atomic_load_n(&track.turn, __ATOMIC_ACQUIRE);
	int spins = 0;

	if (__atomic_add_fetch(&track.there, 1, __ATOMIC_ACQ_REL) == track.runners) {
		track.there = 0;
		__atomic_add_fetch(&track.turn, 1, __ATOMIC_RELEASE);
		return;
	}
	while (__atomic_load_n(&track.turn, __ATOMIC_ACQUIRE) == turn) {
		if (++spins > track.spins)
			sched_yield();
	}
}

static const struct rules_sock *kind_of(const struct race *r, int i)
{
	return &r->pool->kind[i % r->pool->n];
}

static int port_of(int fd)
{
	struct sockaddr_in6 sin6 = {};
	socklen_t len = sizeof(sin6);

	if (getsockname(fd, (struct sockaddr *)&sin6, &len))
		die("getsockname");
	return ntohs(sin6.sin6_port);
}

static void prepare(const struct race *r, int i, int *fd)
{
	*fd = rules_open(track.proto, kind_of(r, i));
	if (r->bound[i] && rules_bind(*fd, kind_of(r, i), r->port))
		die("bind before listen");
}

/* One after the other, now that all are bound */
static void listen_once(const struct race *r, int i, int fd)
{
	if (!r->bound[i] || !r->again)
		return;
	while (listen(fd, 1))
		sched_yield();
	if (shutdown(fd, SHUT_RDWR))
		die("shutdown");
}

static void take_part(struct race *r, int i, int fd)
{
	start();
	if (r->bound[i])
		r->err[i] = listen(fd, 1) ? errno : 0;
	else
		r->err[i] = rules_bind(fd, kind_of(r, i), r->port);
	r->got[i] = r->port ?: port_of(fd);
}

static void *runner(void *arg)
{
	int i = (long)arg, j, n, fd[BATCH];

	for (;;) {
		meet();
		if (track.over)
			return NULL;
		n = i < (long)track.runners ? track.n : 0;
		for (j = 0; j < n; j++)
			prepare(&track.race[j], i, &fd[j]);
		if (n)
			start();
		for (j = 0; j < n; j++)
			listen_once(&track.race[j], i, fd[j]);
		for (j = 0; j < n; j++)
			take_part(&track.race[j], i, fd[j]);
		meet();
		for (j = 0; j < n; j++)
			close(fd[j]);
	}
}

/* One race more in the batch; each @nth thread listens */
static void add_race(const struct pool *pool, int port, int nth)
{
	struct race *r = &track.race[track.n++];
	int i;

	r->pool = pool;
	r->port = port;
	r->again = nth && track.n % 2;
	for (i = 0; i < THREADS; i++)
		r->bound[i] = nth && i % nth == 0;
}

static void run_races(void)
{
	meet();
	meet();
}

static int winners(const struct race *r)
{
	int i, n = 0;

	for (i = 0; i < THREADS; i++)
		n += !r->err[i];
	return n;
}

/**
 * struct order - looking for an order that explains a race
 * @pool: the sockets that raced
 * @semantics: by these rules
 * @won: winners of each kind that are not placed yet
 * @lost: kinds of the losers, as bits
 * @owner: winners in order
 * @n: how many
 */
struct order {
	const struct pool *pool;
	enum semantics semantics;
	int won[4];
	unsigned int lost;
	const struct rules_sock *owner[THREADS];
	int n;
};

/* Each loser has to be refused at some point on the way; @refused were already */
static bool explains(struct order *o, unsigned int refused)
{
	bool placed = true, found = false;
	int k;

	for (k = 0; k < o->pool->n; k++) {
		bool admitted = rules_admit(o->semantics, &o->pool->kind[k], o->owner, o->n);

		if (!admitted)
			refused |= 1 << k;
	}
	for (k = 0; k < o->pool->n && !found; k++) {
		if (!o->won[k])
			continue;
		placed = false;
		if (!rules_admit(o->semantics, &o->pool->kind[k], o->owner, o->n))
			continue;
		o->won[k]--;
		o->owner[o->n++] = &o->pool->kind[k];
		found = explains(o, refused);
		o->n--;
		o->won[k]++;
	}
	return found || (placed && !(o->lost & ~refused));
}

static bool is_serial(const struct race *r, enum semantics semantics)
{
	struct order o = { .pool = r->pool, .semantics = semantics };
	int i;

	for (i = 0; i < THREADS; i++) {
		if (!r->err[i])
			o.won[i % r->pool->n]++;
		else if (r->err[i] == EADDRINUSE)
			o.lost |= 1 << i % r->pool->n;
		else
			return false;
	}
	return explains(&o, 0);
}

/* The winners, for a message */
static const char *outcome(const struct race *r)
{
	static char s[THREADS * 80];
	size_t len = 0;
	int i;

	for (i = 0; i < (int)track.runners; i++) {
		const struct rules_sock *kind = kind_of(r, i);

		len += snprintf(s + len, sizeof(s) - len, "%s%s%s uid %d: %s, port %d; ",
				kind->addr, kind->flags & RA ? " RA" : "",
				kind->flags & RP ? " RP" : "", kind->uid,
				r->err[i] ? strerror(r->err[i]) : r->bound[i] ? "listens" : "bound",
				r->got[i]);
	}
	return s;
}

/*
 * Are there more races to run after @i? REUSE_RACES=100 is the usual number, 2600 makes 100,000
 * races of it, 7700 for each semantics; without it a slow machine runs as many as it can.
 */
static bool more_races(int i, int usual)
{
	const char *percent = getenv("REUSE_RACES");
	static time_t end;

	if (!i)
		end = time(NULL) + SECONDS;
	if (percent)
		return i < usual * atoi(percent) / 100;
	return i < usual && (i < RACES_LEAST || time(NULL) < end);
}

FIXTURE(race) {
	pthread_t thread[THREADS];
};

FIXTURE_VARIANT(race) {
	enum semantics semantics;
	const char *proto;
};

FIXTURE_VARIANT_ADD(race, native_tcp) { NATIVE, "tcp" };
FIXTURE_VARIANT_ADD(race, native_udp) { NATIVE, "udp" };
FIXTURE_VARIANT_ADD(race, pre39_tcp) { PRE39, "tcp" };
FIXTURE_VARIANT_ADD(race, pre39_udp) { PRE39, "udp" };
FIXTURE_VARIANT_ADD(race, bsd_tcp) { BSD, "tcp" };
FIXTURE_VARIANT_ADD(race, bsd_udp) { BSD, "udp" };
FIXTURE_VARIANT_ADD(race, freebsd15_tcp) { FREEBSD15, "tcp" };
FIXTURE_VARIANT_ADD(race, freebsd15_udp) { FREEBSD15, "udp" };
FIXTURE_VARIANT_ADD(race, openbsd_tcp) { OPENBSD, "tcp" };
FIXTURE_VARIANT_ADD(race, openbsd_udp) { OPENBSD, "udp" };
FIXTURE_VARIANT_ADD(race, netbsd_tcp) { NETBSD, "tcp" };
FIXTURE_VARIANT_ADD(race, netbsd_udp) { NETBSD, "udp" };
FIXTURE_VARIANT_ADD(race, darwin_tcp) { DARWIN, "tcp" };
FIXTURE_VARIANT_ADD(race, darwin_udp) { DARWIN, "udp" };

static void __attribute__((constructor)) choose(void)
{
	leave_out_untried();
}

FIXTURE_SETUP(race)
{
	long i;

	new_netns();
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	semantics_set(variant->semantics);
	track.proto = variant->proto;
	track.runners = THREADS;
	ASSERT_EQ(0, pthread_barrier_init(&track.barrier, NULL, THREADS + 1));
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&self->thread[i], NULL, runner, (void *)i));
}

FIXTURE_TEARDOWN(race)
{
	int i;

	if (!track.proto)
		return;
	track.over = true;
	meet();
	for (i = 0; i < THREADS; i++)
		pthread_join(self->thread[i], NULL);
}

/* bind() to one port: never two where one may, never none where one must */
TEST_F_TIMEOUT(race, bind, 3600)
{
	int n = ARRAY_SIZE(pools) - (variant->semantics == OPENBSD), i, many = 0;
	struct race *r;

	for (i = 0; more_races(i, RACES);) {
		for (track.n = 0; track.n < BATCH; i++)
			add_race(&pools[i % n], FIRST_PORT + track.n, 0);
		run_races();
		for (r = track.race; r < track.race + BATCH; r++) {
			ASSERT_TRUE(is_serial(r, variant->semantics))
				TH_LOG("after %d races: %s", i, outcome(r));
			many += winners(r) > 1;
		}
	}
	TH_LOG("%d races, %d with more than one winner", i, many);
	EXPECT_TRUE(many > 0 && many < i);
}

/* Distinct ports that were given */
static int ports(const struct race *r)
{
	bool used[RANGE] = {};
	int i, n = 0;

	for (i = 0; i < THREADS; i++) {
		if (r->err[i])
			continue;
		if (r->got[i] < FIRST_PORT || r->got[i] >= FIRST_PORT + RANGE)
			return -1;
		n += !used[r->got[i] - FIRST_PORT];
		used[r->got[i] - FIRST_PORT] = true;
	}
	return n;
}

/* bind() to port 0 in a range of eight: each is given once, unless it is shared */
TEST_F_TIMEOUT(race, any_port, 3600)
{
	static const struct pool plain = { 1, { { LO4, 0, 0 } } };
	static const struct pool reuse = { 1, { { LO4, RA, 0 } } };
	int none = variant->semantics == NETBSD ? EAGAIN :
		   variant->semantics >= BSD ? EADDRNOTAVAIL : EADDRINUSE;
	int i, j;
	bool udp = *variant->proto == 'u';
	struct race *r = track.race;

	write_file(PORT_RANGE, "%d %d", FIRST_PORT, FIRST_PORT + RANGE - 1);
	for (i = 0; more_races(i, RACES_FOR_ANY); i++) {
		bool shares = i % 2 && (variant->semantics == PRE39 ||
					(variant->semantics == NATIVE && udp));

		track.n = 0;
		add_race(i % 2 ? &reuse : &plain, 0, 0);
		run_races();
		ASSERT_EQ(shares ? THREADS : RANGE, winners(r))
			TH_LOG("race %d: %s", i, outcome(r));
		/* UDP shares at once and at random, TCP of 3.8 when there is no other */
		ASSERT_TRUE(ports(r) == RANGE || (ports(r) > 0 && shares && udp))
			TH_LOG("race %d: %s", i, outcome(r));
		for (j = 0; j < THREADS; j++)
			/* inet_bind() of 5.10 knows no other error than EADDRINUSE */
			ASSERT_TRUE(!r->err[j] || r->err[j] == none || r->err[j] == EADDRINUSE);
	}
}

static int listeners(const struct race *r, bool won)
{
	unsigned int i;
	int n = 0;

	for (i = 0; i < track.runners; i++)
		n += r->bound[i] && !(won && r->err[i]);
	return n;
}

/* listen() on one address by sockets that shared it before: by two, by all, by some */
TEST_F_TIMEOUT(race, listen, 3600)
{
	static const struct pool reuse = { 1, { { LO4, RA, 0 } } };
	static const struct pool reuseport = { 1, { { LO4, RP, 0 } } };
	bool bsd = variant->semantics >= BSD;
	int i, none = 0;
	struct race *r;

	if (*variant->proto != 't')
		SKIP(return, "nobody listens");
	for (i = 0; more_races(i, RACES);) {
		/* Of many threads, a late one wins; of two, both can be early */
		track.runners = i / BATCH % 8 ? 2 : THREADS;
		track.spins = track.runners == 2 ? 10000 : 0;
		for (track.n = 0; track.n < BATCH; i++)
			add_race(bsd ? &reuseport : &reuse, FIRST_PORT + track.n,
				 track.runners == 2 ? 1 : 1 + i % 3);
		run_races();
		for (r = track.race; r < track.race + BATCH; r++) {
			int want = bsd ? listeners(r, false) : 1, won = listeners(r, true);

			/* Native Linux refuses all now and then */
			if (variant->semantics == NATIVE && !won) {
				none++;
				continue;
			}
			ASSERT_EQ(want, won)
				TH_LOG("after %d races: %s", i, outcome(r));
		}
	}
	if (none)
		TH_LOG("in %d of %d races nobody won", none, i);
}

TEST_HARNESS_MAIN
