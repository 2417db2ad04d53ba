// SPDX-License-Identifier: GPL-2.0
/*
 * "reuse who" tells the truth about a newcomer: random sockets hold a port, and bind() takes
 * what it says that a newcomer must set, and nothing less.
 */
#include <netinet/in.h>

#include "harness.h"
#include "rules.h"

#define USER		1000
#define FIRST_PORT	20000
#define FDS		16

/* Local addresses; [::] is dual-stack, unless the socket says otherwise */
static const char * const addrs[] = { "127.0.0.1", "127.0.0.2", "0.0.0.0", "[::]", "[::1]" };

/* Verdicts about a newcomer, in the order in which they are looked for */
enum verdict {
	NOBODY, REFUSED, EITHER, MAYBE_EITHER, BY_ADDR, BY_BOTH, MAYBE_PORT, BY_PORT, MAYBE_BOTH,
	NONE
};

static const char * const sentences[NONE] = {
	[NOBODY] = "nobody holds ",
	[REFUSED] = "is refused",
	[EITHER] = "must set SO_REUSEADDR before bind(), or SO_REUSEPORT as the same user",
	[MAYBE_EITHER] = "must set SO_REUSEADDR before bind(); SO_REUSEPORT alone may do",
	[BY_ADDR] = "must set SO_REUSEADDR before bind()",
	[BY_BOTH] = "must set SO_REUSEADDR and SO_REUSEPORT before bind()",
	[MAYBE_PORT] = "must set SO_REUSEPORT before bind(), and may be refused even so",
	[BY_PORT] = "must set SO_REUSEPORT before bind()",
	[MAYBE_BOTH] = "must set both options before bind(), and may be refused even so",
};

/**
 * struct scene - the sockets on a port
 * @proto: their protocol
 * @port: the port
 * @fds: the sockets, and the other ends of their connections
 * @n: how many
 * @listens: one of them listens
 * @seen: how often which verdict was said, of this port and those before
 * @v6only: how often it was said that IPV6_V6ONLY is enough
 */
struct scene {
	const char *proto;
	int port;
	int fds[FDS];
	int n;
	bool listens;
	unsigned int seen[NONE + 1];
	unsigned int v6only;
};

FIXTURE(advice)
{
	struct scene scene;
};

FIXTURE_VARIANT(advice)
{
	enum semantics semantics;
	const char *proto;
};

FIXTURE_VARIANT_ADD(advice, native_tcp) { NATIVE, "tcp" };
FIXTURE_VARIANT_ADD(advice, native_udp) { NATIVE, "udp" };
FIXTURE_VARIANT_ADD(advice, pre39_tcp) { PRE39, "tcp" };
FIXTURE_VARIANT_ADD(advice, pre39_udp) { PRE39, "udp" };

FIXTURE_SETUP(advice)
{
	if (access("reuse", X_OK))
		SKIP(return, "no program reuse here: it is built in the tree of the module");
	new_netns();
	if (semantics_try(variant->semantics))
		SKIP(return, "this kernel cannot redirect functions");
	self->scene.proto = variant->proto;
	self->scene.port = FIRST_PORT;
	srand(seed());
}

FIXTURE_TEARDOWN(advice)
{
}

static void keep(struct scene *scene, int fd)
{
	if (scene->n == FDS)
		die("too many sockets");
	scene->fds[scene->n++] = fd;
}

/* A connection of a listener: it stays, or one of its ends goes to TIME_WAIT */
static void connect_to(struct scene *scene, int listener, const char *addr)
{
	struct pair pair;

	if (!strcmp(addr, "0.0.0.0"))
		addr = "127.0.0.1";
	else if (!strcmp(addr, "[::]"))
		addr = "[::1]";
	sock_pair(&pair, listener, text("%s:%d", addr, scene->port));
	if (rand() % 2) {
		sock_close_pair(pair.server, pair.client);
		return;
	}
	keep(scene, pair.server);
	keep(scene, pair.client);
}

/* One more socket on the port, of random address, user and options, if it may have it */
static void add_socket(struct scene *scene)
{
	struct rules_sock s = {
		.addr = addrs[rand() % ARRAY_SIZE(addrs)],
		.flags = rand() % 4,
		.uid = rand() % 3 ? 0 : USER,
	};
	bool listens = !strcmp(scene->proto, "tcp") && rand() % 2;
	int fd;

	if (*s.addr == '[' && !(rand() % 3))
		s.flags |= S_V6ONLY;
	fd = rules_open(scene->proto, &s);
	if (rules_bind(fd, &s, scene->port) || (listens && listen(fd, 16))) {
		close(fd);
		return;
	}
	/* Of two listeners either may get the connection */
	if (listens && !scene->listens && rand() % 2)
		connect_to(scene, fd, s.addr);
	if (listens && !(rand() % 4)) {
		close(fd);
		return;
	}
	scene->listens |= listens;
	keep(scene, fd);
}

/* Asks about an address of the port; NULL: about all. Returns what was said, and the verdict */
static const char *ask(struct scene *scene, const char *addr, enum verdict *verdict)
{
	const char *command = text("./reuse who %s '%s:%d' 2>&1", scene->proto, addr ? addr : "",
				   scene->port);
	static char said[8192];
	FILE *p = popen(command, "r");
	const char *newcomer;
	size_t n;

	if (!p)
		die("popen");
	n = fread(said, 1, sizeof(said) - 1, p);
	said[n] = '\0';
	pclose(p);
	newcomer = strstr(said, "A newcomer") ?: said;
	for (*verdict = NOBODY; *verdict < NONE; ++*verdict) {
		if (strstr(newcomer, sentences[*verdict]))
			break;
	}
	scene->seen[*verdict]++;
	return said;
}

/* Does bind() admit a newcomer? */
static bool admits(struct scene *scene, const char *addr, unsigned int flags, uid_t uid)
{
	struct rules_sock s = { .addr = addr, .flags = flags, .uid = uid };
	int fd = rules_open(scene->proto, &s), err = rules_bind(fd, &s, scene->port);

	close(fd);
	if (err && err != EADDRINUSE)
		die("bind says %s", strerror(err));
	return !err;
}

/* The user that is named behind some words; else root, who is one like any other */
static uid_t user_behind(const char *words, const char *said)
{
	const char *user = strstr(said, words);

	return user ? atoi(user + strlen(words)) : 0;
}

/* Do some options admit a user? Not asked of a user for whom an exception was said */
static bool some_admit(struct scene *scene, const char *addr, unsigned int flags, const char *said)
{
	static const uid_t uids[] = { 0, USER };
	static const char except[] = "Except: SO_REUSEPORT is enough for user ";
	bool exception = strstr(said, except);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uids); i++) {
		if (exception && flags & RP && user_behind(except, said) == uids[i])
			continue;
		if (admits(scene, addr, flags, uids[i]))
			return true;
	}
	return false;
}

/*
 * Is the verdict true? Binds that fail leave no trace, so they come before the one that is to
 * be admitted. @other is a user of none of the sockets.
 */
static const char *lie(struct scene *scene, const char *addr, enum verdict verdict,
		       const char *said)
{
	const uid_t other = 2 * USER, uid = user_behind("belong to user ", said);

#define SOME_ADMIT(flags)	some_admit(scene, addr, flags, said)
#define ADMITS(flags, user)	admits(scene, addr, flags, user)
	if (verdict == NOBODY)
		return ADMITS(0, other) ? NULL : "it needs an option";
	if (SOME_ADMIT(0))
		return "it needs no option";
	switch (verdict) {
	case REFUSED:
		if (SOME_ADMIT(RA) || SOME_ADMIT(RP) || SOME_ADMIT(RA | RP))
			return "it is admitted";
		return NULL;
	case BY_ADDR:
		if (SOME_ADMIT(RP))
			return "SO_REUSEPORT is enough";
		return ADMITS(RA, other) ? NULL : "SO_REUSEADDR is not enough";
	case EITHER:
	case MAYBE_EITHER:
		return ADMITS(RA, other) ? NULL : "SO_REUSEADDR is not enough";
	case BY_BOTH:
		if (SOME_ADMIT(RA) || SOME_ADMIT(RP))
			return "one option is enough";
		return ADMITS(RA | RP, uid) ? NULL : "both are not enough";
	case BY_PORT:
		if (SOME_ADMIT(RA))
			return "SO_REUSEADDR is enough";
		return ADMITS(RP, uid) ? NULL : "SO_REUSEPORT is not enough";
	case MAYBE_PORT:
		return SOME_ADMIT(RA) ? "SO_REUSEADDR is enough" : NULL;
	case MAYBE_BOTH:
		return SOME_ADMIT(RA) || SOME_ADMIT(RP) ? "one option is enough" : NULL;
	default:
		return "nothing is said";
	}
}

/* Is it true that IPV6_V6ONLY is enough, if that was said? */
static const char *v6only_lie(struct scene *scene, const char *said)
{
	if (!strstr(said, "One on [::] with IPV6_V6ONLY needs nothing"))
		return NULL;
	scene->v6only++;
	return admits(scene, "[::]", S_V6ONLY, 2 * USER) ? NULL : "IPV6_V6ONLY is not enough";
}

static void close_all(struct scene *scene)
{
	while (scene->n)
		close(scene->fds[--scene->n]);
	scene->listens = false;
}

/* All questions about one port */
static const char *try_port(struct scene *scene)
{
	const char *said, *wrong, *addr;
	enum verdict verdict;
	unsigned int i;

	/* The last question is about all addresses: such a newcomer is dual-stack */
	for (i = 0; i <= ARRAY_SIZE(addrs); i++) {
		addr = i < ARRAY_SIZE(addrs) ? addrs[i] : NULL;
		said = ask(scene, addr, &verdict);
		wrong = lie(scene, addr ? addr : "[::]", verdict, said) ?: v6only_lie(scene, said);
		if (wrong)
			return text("%s port %d: %s, but it was said:\n%s",
				    addr ? addr : "every", scene->port, wrong, said);
	}
	return NULL;
}

/* A TIME_WAIT has no user: what another socket asks of the newcomer's user is said still */
TEST_F(advice, of_timewait_beside_a_user)
{
	const struct rules_sock owner = { "[::]", RA | RP, USER };
	const char *wrong;
	struct pair pair;
	int listener, fd;

	if (variant->semantics != NATIVE || strcmp(variant->proto, "tcp"))
		SKIP(return, "UDP has no TIME_WAIT, and pre39 no SO_REUSEPORT");
	listener = sock_bind("tcp", text("[::1]:%d", FIRST_PORT), S_REUSEPORT | S_LISTEN);
	sock_pair(&pair, listener, text("[::1]:%d", FIRST_PORT));
	sock_close_pair(pair.server, pair.client);
	close(listener);
	fd = rules_open("tcp", &owner);
	keep(&self->scene, fd);
	ASSERT_EQ(0, rules_bind(fd, &owner, FIRST_PORT));
	wrong = try_port(&self->scene);
	EXPECT_FALSE(wrong)
		TH_LOG("%s", wrong);
}

/* All that is said of ports with random sockets is true, and most verdicts are met */
TEST_F_TIMEOUT(advice, of_random_sockets, 120)
{
	unsigned int i, k, verdicts = 0;
	const char *wrong;

	for (i = 0; i < some_of(600, 60); i++, self->scene.port++) {
		for (k = 1 + rand() % 3; k; k--)
			add_socket(&self->scene);
		wrong = try_port(&self->scene);
		ASSERT_FALSE(wrong)
			TH_LOG("%s", wrong);
		close_all(&self->scene);
	}
	for (i = 0; i < NONE; i++)
		verdicts += !!self->scene.seen[i];
	EXPECT_GE(verdicts, variant->semantics == NATIVE ? 5 : 3);
	EXPECT_NE(0, self->scene.v6only);
}

TEST_HARNESS_MAIN
