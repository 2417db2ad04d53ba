// SPDX-License-Identifier: GPL-2.0
/*
 * After native, other semantics, native: what the kernel caches in its buckets
 * is what it would be had the same sockets been bound natively.
 *
 * REUSE_SEED repeats a run, REUSE_SECONDS says how long each variant takes.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "harness.h"
#include "rules.h"

#define SOCKETS		4
#define SECONDS		6
#define CASES_LEAST	40

static const char * const addrs[] = { "127.0.0.1", "127.0.0.2", "0.0.0.0", "[::]", "[::1]" };
static const unsigned int flags[] = { 0, S_REUSEADDR, S_REUSEPORT };
static const uid_t uids[] = { 0, 0, 1000 };

/**
 * struct population - sockets on one port
 * @sock: as they were bound, in that order
 * @fd: the same, -1 where they were refused
 * @cleared: which of them, if any, lost its option after its bind()
 */
struct population {
	struct rules_sock sock[SOCKETS];
	int fd[SOCKETS];
	int cleared;
};

static int touched, untouched;

static void enter_netns(int netns)
{
	if (setns(netns, CLONE_NEWNET))
		die("cannot enter the namespace");
}

static void draw(struct population *p, enum semantics semantics)
{
	int i;

	for (i = 0; i < SOCKETS; i++) {
		p->sock[i].addr = addrs[random() % ARRAY_SIZE(addrs)];
		p->sock[i].flags = flags[random() % ARRAY_SIZE(flags)];
		p->sock[i].uid = uids[random() % ARRAY_SIZE(uids)];
	}
	p->cleared = random() % (2 * SOCKETS);
	/* This one would keep it */
	if (semantics == PRE39 && p->cleared < SOCKETS &&
	    p->sock[p->cleared].flags & S_REUSEPORT)
		p->cleared = SOCKETS;
}

static void clear(int fd, const struct rules_sock *s)
{
	if (s->flags & S_REUSEADDR)
		sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	if (s->flags & S_REUSEPORT)
		sock_set(fd, SOL_SOCKET, SO_REUSEPORT, 0);
}

static void bind_one(struct population *p, int i)
{
	int only;

	if (rules_bind(p->fd[i], &p->sock[i], PORT)) {
		close(p->fd[i]);
		p->fd[i] = -1;
		return;
	}
	if (p->cleared == i)
		clear(p->fd[i], &p->sock[i]);
	/* To bind an IPv6 socket may set it */
	if (*p->sock[i].addr != '[')
		return;
	only = sock_option(p->fd[i], IPPROTO_IPV6, IPV6_V6ONLY);
	p->sock[i].flags |= only > 0 ? S_V6ONLY : 0;
}

/* Before the switch: pre39 does not know SO_REUSEPORT */
static void open_all(struct population *p, const char *proto)
{
	int i;

	for (i = 0; i < SOCKETS; i++)
		p->fd[i] = rules_open(proto, &p->sock[i]);
}

static void close_all(struct population *p)
{
	int i;

	for (i = 0; i < SOCKETS; i++) {
		if (p->fd[i] >= 0)
			close(p->fd[i]);
	}
}

/* The same sockets without detour: false if Linux does not let them be */
static bool build_natively(struct population *copy, const struct population *p, const char *proto)
{
	bool same = true;
	int i;

	*copy = *p;
	open_all(copy, proto);
	for (i = 0; i < SOCKETS; i++) {
		if (p->fd[i] < 0) {
			close(copy->fd[i]);
			copy->fd[i] = -1;
			continue;
		}
		bind_one(copy, i);
		same &= copy->fd[i] >= 0;
	}
	return same;
}

static bool by_the_rules(const struct population *p, const struct rules_sock *probe)
{
	const struct rules_sock *owners[SOCKETS];
	int i, n = 0;

	for (i = 0; i < SOCKETS; i++) {
		if (p->fd[i] >= 0)
			owners[n++] = &p->sock[i];
	}
	return rules_admit(NATIVE, probe, owners, n);
}

static bool asked(const char *proto, const struct rules_sock *probe)
{
	int fd = rules_open(proto, probe), err = rules_bind(fd, probe, PORT);

	close(fd);
	return !err;
}

static const char *describe(const struct population *p)
{
	static char s[SOCKETS * 80];
	size_t len = 0;
	int i;

	for (i = 0; i < SOCKETS; i++) {
		if (p->fd[i] < 0)
			continue;
		len += snprintf(s + len, sizeof(s) - len, "%s %s%s%s uid %d%s; ", p->sock[i].addr,
				p->sock[i].flags & S_REUSEADDR ? "RA" : "",
				p->sock[i].flags & S_REUSEPORT ? "RP" : "",
				p->sock[i].flags & S_V6ONLY ? " V6ONLY" : "", p->sock[i].uid,
				p->cleared == i ? " (cleared)" : "");
	}
	return s;
}

/* The probe number @i of PROBES */
#define PROBES	(ARRAY_SIZE(addrs) * ARRAY_SIZE(flags) * 2)

static struct rules_sock probe_of(unsigned int i)
{
	return (struct rules_sock) {
		addrs[i % ARRAY_SIZE(addrs)],
		flags[i / ARRAY_SIZE(addrs) % ARRAY_SIZE(flags)],
		i < PROBES / 2 ? 0 : 1000,
	};
}

/*
 * Every probe there is, from anyone on. What gets in changes the cache, for
 * its twin as well; the rules know nothing of that, they are asked until then.
 */
static const char *differ(const struct population *p, bool twin, const char *proto)
{
	unsigned int i, first = random();
	bool want, got = false;

	for (i = 0; i < PROBES && (twin || !got); i++) {
		struct rules_sock probe = probe_of((first + i) % PROBES);

		enter_netns(touched);
		got = asked(proto, &probe);
		if (twin) {
			enter_netns(untouched);
			want = asked(proto, &probe);
		} else {
			want = by_the_rules(p, &probe);
		}
		if (got != want)
			return text("%s %s %s%s uid %d: %s beside %s", twin ? "twin" : "rules",
				    probe.addr, probe.flags & S_REUSEADDR ? "RA" : "",
				    probe.flags & S_REUSEPORT ? "RP" : "", probe.uid,
				    got ? "gets in" : "is refused", describe(p));
	}
	return NULL;
}

FIXTURE(cache) {};

FIXTURE_VARIANT(cache) {
	enum semantics semantics;
	const char *proto;
};

FIXTURE_VARIANT_ADD(cache, pre39_tcp) { PRE39, "tcp" };
FIXTURE_VARIANT_ADD(cache, pre39_udp) { PRE39, "udp" };
FIXTURE_VARIANT_ADD(cache, bsd_tcp) { BSD, "tcp" };
FIXTURE_VARIANT_ADD(cache, bsd_udp) { BSD, "udp" };
FIXTURE_VARIANT_ADD(cache, freebsd15_tcp) { FREEBSD15, "tcp" };
FIXTURE_VARIANT_ADD(cache, freebsd15_udp) { FREEBSD15, "udp" };
FIXTURE_VARIANT_ADD(cache, openbsd_tcp) { OPENBSD, "tcp" };
FIXTURE_VARIANT_ADD(cache, openbsd_udp) { OPENBSD, "udp" };
FIXTURE_VARIANT_ADD(cache, netbsd_tcp) { NETBSD, "tcp" };
FIXTURE_VARIANT_ADD(cache, netbsd_udp) { NETBSD, "udp" };
FIXTURE_VARIANT_ADD(cache, darwin_tcp) { DARWIN, "tcp" };
FIXTURE_VARIANT_ADD(cache, darwin_udp) { DARWIN, "udp" };

static void __attribute__((constructor)) choose(void)
{
	leave_out_untried();
}

FIXTURE_SETUP(cache)
{
	int i;

	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	for (i = 0; i < 2; i++) {
		new_netns();
		*(i ? &untouched : &touched) = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	}
}

FIXTURE_TEARDOWN(cache)
{
}

/* Sockets at random, each bound in one or the other semantics */
static const char *one_case(enum semantics semantics, const char *proto, int cases[2])
{
	struct population p, copy;
	const char *why = NULL;
	bool twin;
	int i;

	draw(&p, semantics);
	enter_netns(touched);
	open_all(&p, proto);
	for (i = 0; i < SOCKETS; i++) {
		if (i == 1)
			semantics_set(semantics);
		bind_one(&p, i);
	}
	semantics_set(NATIVE);
	enter_netns(untouched);
	twin = build_natively(&copy, &p, proto);
	/*
	 * The rules know of no cache that remembers what an option was. UDP
	 * has none, but looks no further when it finds one to share with.
	 */
	if (twin || (*proto == 't' && (p.cleared >= SOCKETS || p.fd[p.cleared] < 0))) {
		cases[twin]++;
		why = differ(&p, twin, proto);
	}
	close_all(&copy);
	close_all(&p);
	return why;
}

/* Later native answers are those of an untouched kernel with the same sockets */
TEST_F_TIMEOUT(cache, as_untouched, 3600)
{
	time_t end = time(NULL) + test_seconds(SECONDS);
	bool ruled = variant->semantics >= BSD && *variant->proto == 't';
	int cases[2] = {}, i;
	const char *why;

	/* The hooks stay: to install them for each case takes too long */
	stay_hooked();
	srandom(seed());
	for (i = 0; i < CASES_LEAST || time(NULL) < end || (ruled && !cases[false] && i < 1000);
	     i++) {
		why = one_case(variant->semantics, variant->proto, cases);
		ASSERT_TRUE(!why)
			TH_LOG("case %d: %s", i, why);
	}
	TH_LOG("%d with a twin, %d by the rules", cases[true], cases[false]);
	EXPECT_LT(0, cases[true]);
	if (ruled)
		EXPECT_LT(0, cases[false]);
}

TEST_HARNESS_MAIN
