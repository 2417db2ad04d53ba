// SPDX-License-Identifier: GPL-2.0
/*
 * The log of a bind() beside one other socket: for each of the semantics, it has the verdict,
 * what this kernel would have said, the rule and the other socket. The profiles, run here on
 * the same two sockets, say what is to come.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/wait.h>

#include "events.h"
#include "rules.h"
#include "variants.h"
#include "../../module/semantics/semantics.h"

#define OTHER_USER	1000

static const struct sem_profile * const profiles[SEMANTICS_COUNT] = {
	&sem_native, &sem_pre39, &sem_bsd, &sem_freebsd15, &sem_openbsd, &sem_netbsd, &sem_darwin,
};

static const char * const states[] = { "bound", "listen", "connected", "timewait" };

/**
 * struct situation - a socket that has the port, and a newcomer
 * @proto: of both
 * @owner: the socket that has the port
 * @state: its state, enum sem_state; a connection was accepted, and its listener is gone
 * @sk: the newcomer
 */
struct situation {
	const char *proto;
	struct rules_sock owner;
	int state;
	struct rules_sock sk;
};

static const struct situation situations[] = {
	{ "tcp", { "127.0.0.1", 0, 0 }, SEM_BOUND, { "127.0.0.1", 0, 0 } },
	{ "udp", { "127.0.0.1", 0, 0 }, SEM_BOUND, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "[::1]", 0, 0 }, SEM_BOUND, { "[::1]", 0, 0 } },
	{ "udp", { "[::1]", 0, 0 }, SEM_BOUND, { "[::1]", 0, 0 } },
	{ "tcp", { "0.0.0.0", 0, 0 }, SEM_LISTEN, { "127.0.0.1", 0, 0 } },
	{ "udp", { "0.0.0.0", 0, 0 }, SEM_BOUND, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "127.0.0.1", 0, 0 }, SEM_LISTEN, { "0.0.0.0", 0, 0 } },
	{ "udp", { "127.0.0.1", 0, 0 }, SEM_BOUND, { "0.0.0.0", 0, 0 } },
	{ "tcp", { "0.0.0.0", 0, 0 }, SEM_BOUND, { "[::]", 0, 0 } },
	{ "udp", { "0.0.0.0", 0, 0 }, SEM_BOUND, { "[::]", 0, 0 } },
	{ "tcp", { "[::]", 0, 0 }, SEM_BOUND, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "[::]", S_V6ONLY, 0 }, SEM_BOUND, { "[::]", S_V6ONLY, 0 } },
	{ "tcp", { "127.0.0.1", 0, OTHER_USER }, SEM_LISTEN, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "127.0.0.1", RA, 0 }, SEM_LISTEN, { "127.0.0.1", RA, 0 } },
	{ "tcp", { "0.0.0.0", RA, 0 }, SEM_LISTEN, { "127.0.0.1", RA, 0 } },
	{ "tcp", { "127.0.0.1", RA, 0 }, SEM_BOUND, { "127.0.0.1", RA, 0 } },
	{ "udp", { "127.0.0.1", RA, 0 }, SEM_BOUND, { "127.0.0.1", RA, 0 } },
	{ "tcp", { "127.0.0.1", RA, 0 }, SEM_BOUND, { "127.0.0.1", 0, 0 } },
	{ "udp", { "127.0.0.1", RA, 0 }, SEM_BOUND, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "127.0.0.1", 0, 0 }, SEM_BOUND, { "127.0.0.1", RA, 0 } },
	{ "udp", { "127.0.0.1", 0, 0 }, SEM_BOUND, { "127.0.0.1", RA, 0 } },
	{ "tcp", { "127.0.0.1", RP, 0 }, SEM_LISTEN, { "127.0.0.1", 0, 0 } },
	{ "udp", { "127.0.0.1", RP, 0 }, SEM_BOUND, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "127.0.0.1", 0, 0 }, SEM_LISTEN, { "127.0.0.1", RP, 0 } },
	{ "udp", { "127.0.0.1", 0, 0 }, SEM_BOUND, { "127.0.0.1", RP, 0 } },
	{ "tcp", { "127.0.0.1", RP, 0 }, SEM_LISTEN, { "127.0.0.1", RP, 0 } },
	{ "tcp", { "127.0.0.1", RP, OTHER_USER }, SEM_LISTEN, { "127.0.0.1", RP, 0 } },
	{ "udp", { "127.0.0.1", RP, 0 }, SEM_BOUND, { "127.0.0.1", RP, OTHER_USER } },
	{ "tcp", { "0.0.0.0", RA, OTHER_USER }, SEM_BOUND, { "127.0.0.1", RA, 0 } },
	{ "tcp", { "127.0.0.1", RA, OTHER_USER }, SEM_BOUND, { "0.0.0.0", RA, 1001 } },
	{ "tcp", { "127.0.0.1", 0, 0 }, SEM_CONNECTED, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "127.0.0.1", RA, 0 }, SEM_CONNECTED, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "127.0.0.1", RA, 0 }, SEM_CONNECTED, { "127.0.0.1", RA, 0 } },
	{ "tcp", { "127.0.0.1", RA, 0 }, SEM_TIMEWAIT, { "127.0.0.1", 0, 0 } },
	{ "tcp", { "127.0.0.1", 0, 0 }, SEM_TIMEWAIT, { "127.0.0.1", RA, 0 } },
	{ "tcp", { "127.0.0.1", RP, 0 }, SEM_TIMEWAIT, { "127.0.0.1", 0, 0 } },
};

/* The verdict of a profile, and its rule */
struct answer {
	int err;
	const char *rule;
};

static void describe(struct sem_sock *s, const struct rules_sock *sock, int state,
		     enum semantics semantics)
{
	struct sockaddr_storage ss;

	sock_addr(text("%s" AT_PORT, sock->addr), &ss);
	memset(s, 0, sizeof(*s));
	s->ipv6 = ss.ss_family == AF_INET6;
	if (s->ipv6)
		memcpy(s->addr, &((struct sockaddr_in6 *)&ss)->sin6_addr, sizeof(s->addr));
	else
		sem_addr4(s->addr, ((struct sockaddr_in *)&ss)->sin_addr.s_addr);
	/* bind() sets it for an address that is IPv6's alone */
	s->v6only = s->ipv6 && (sock->flags & S_V6ONLY || !sem_any(s->addr) ||
				profiles[semantics]->separate_families);
	s->reuseaddr = sock->flags & S_REUSEADDR;
	s->reuseport = sock->flags & S_REUSEPORT && semantics != PRE39;
	s->uid = sock->uid;
	s->root = !sock->uid;
	s->state = state;
	s->bind_seq = 1;
	s->accepted = sem_is_connected(s);
}

static u32 native_rules(void)
{
	const char *names = slurp(PARAMETERS "native_rules");
	u32 rules = 0;
	int i;

	for (i = 0; i < SEM_NATIVES; i++)
		rules |= strstr(names, sem_native_names[i]) ? 1 << i : 0;
	return rules;
}

/* The kernel, or the module, keeps this about a port from one question to the next */
struct kept {
	struct sem_cache cache;
	signed char fastreuse;
};

static int ask(const struct sem_profile *profile, struct sem_bind *b, struct kept *kept,
	       const struct sem_sock *sk, const struct sem_sock *owner, u32 unseen, bool udp)
{
	memset(b, 0, sizeof(*b));
	b->sk = sk;
	b->udp = udp;
	b->port = PORT;
	b->native = native_rules();
	b->cache = &kept->cache;
	b->fastreuse = kept->fastreuse;
	profile->begin(b);
	b->owners = unseen;
	if (owner) {
		b->owners++;
		if (!profile->needs_bind_order || profile->matters(b, owner))
			profile->owner(b, owner, owner);
	}
	return profile->verdict(b);
}

static struct answer answer(const struct sem_profile *profile, const struct situation *at,
			    enum semantics in_force)
{
	struct sem_sock sk, owner, before;
	bool udp = !strcmp(at->proto, "udp");
	struct kept kept = {};
	struct sem_bind b;
	int err;

	describe(&sk, &at->sk, SEM_BOUND, in_force);
	describe(&owner, &at->owner, at->state, in_force);
	if (profile->same_as_linux && profile->same_as_linux(&sk, udp, false))
		profile = &sem_native;

	/* The port was bound, and then listened on, by the owner or by its listener */
	describe(&before, &at->owner, SEM_BOUND, in_force);
	ask(profile, &b, &kept, &before, NULL, 0, udp);
	kept.fastreuse = b.fastreuse;
	if (at->state != SEM_BOUND && profile->checks_listen) {
		before.state = SEM_LISTEN;
		ask(profile, &b, &kept, &before, NULL, 1, udp);
		kept.fastreuse = b.fastreuse;
	}

	if (owner.state == SEM_TIMEWAIT && profile->drops_local_timewait)
		err = ask(profile, &b, &kept, &sk, NULL, 1, udp);
	else
		err = ask(profile, &b, &kept, &sk, &owner, 0, udp);
	return (struct answer){ err, sem_rules[b.rule].word };
}

/* The sockets of a situation: the owner, and the other end of its connection */
struct scene {
	int owner;
	int peer;
};

static struct scene play(const struct situation *at)
{
	struct scene scene = { .owner = rules_open(at->proto, &at->owner), .peer = -1 };
	struct pair pair;
	int listener;

	if (rules_bind(scene.owner, &at->owner, PORT))
		die("the owner has no port");
	if (at->state == SEM_BOUND)
		return scene;
	if (listen(scene.owner, 8))
		die("listen");
	if (at->state == SEM_LISTEN)
		return scene;

	listener = scene.owner;
	sock_pair(&pair, listener, text("%s" AT_PORT, at->owner.addr));
	close(listener);
	if (at->state == SEM_TIMEWAIT) {
		sock_close_pair(pair.server, pair.client);
		return (struct scene){ -1, -1 };
	}
	return (struct scene){ pair.server, pair.client };
}

static void strike(struct scene *scene)
{
	/* No TIME_WAIT is left */
	if (scene->peer >= 0)
		sock_abort(scene->peer);
	if (scene->owner >= 0)
		close(scene->owner);
}

/* bind() of a newcomer @times times, with a log that has nothing else: 0, or the errno */
static int newcomer(const struct situation *at, const char *level, int times)
{
	int s = rules_open(at->proto, &at->sk), err;

	events_begin(level);
	while (times--)
		err = rules_bind(s, &at->sk, PORT);
	close(s);
	return err;
}

static const char *error_word(int err)
{
	return err ? "EADDRINUSE" : "ok";
}

static const char *other_user(const struct situation *at)
{
	/* The user of what is accepted differs from kernel to kernel */
	if (at->state == SEM_CONNECTED)
		return "";
	return at->state == SEM_TIMEWAIT ? " other_uid=- other_inode=-" :
					   text(" other_uid=%d", at->owner.uid);
}

/* The line that is to come, without the number of times */
static const char *expected(const struct situation *at, enum semantics under,
			    const struct answer *ours, const struct answer *natives,
			    const struct scene *scene)
{
	bool rp = under != PRE39;

	return text("pid=%d comm=log_rules uid=%d call=bind proto=%s local_address=%s" AT_PORT
		    " dev=- reuseaddr=%d reuseport=%d semantics=%s verdict=%s native=%s rule=%s\t"
		    "other_address=%s" AT_PORT " other_dev=- other_state=%s other_reuseaddr=%d\t"
		    "other_reuseport=%d%s%s", getpid(), at->sk.uid, at->proto, at->sk.addr,
		    !!(at->sk.flags & RA), rp && at->sk.flags & RP, semantics_name[under],
		    error_word(ours->err), error_word(natives->err),
		    ours->err ? ours->rule : natives->rule, at->owner.addr, states[at->state],
		    !!(at->owner.flags & RA), rp && at->owner.flags & RP, other_user(at),
		    scene->owner < 0 ? "" : text(" other_inode=%lu", inode_of(scene->owner)));
}

FIXTURE(log_rules) {};

FIXTURE_VARIANT(log_rules) {
	enum semantics semantics;
};

ADD_SEMANTICS(log_rules);

FIXTURE_SETUP(log_rules)
{
	if (access(EVENTS_SYSCTL, F_OK))
		SKIP(return, "no net.reuse.log");
	new_netns();
	lo_up();
	semantics_set(variant->semantics);
	events_begin("all");
}

FIXTURE_TEARDOWN(log_rules)
{
}

static void try_situation(struct __test_metadata *_metadata, const struct situation *at,
			  enum semantics semantics)
{
	const struct answer ours = answer(profiles[semantics], at, semantics);
	const struct answer natives = answer(&sem_native, at, semantics);
	struct scene scene = play(at);
	const char *line = expected(at, semantics, &ours, &natives, &scene);
	bool logged = ours.err || natives.err;

	/* Two that agree need no words, unless both refuse */
	EXPECT_EQ(-ours.err, newcomer(at, "all", 1))
		TH_LOG("%s: %s", semantics_name[semantics], line);
	EXPECT_EVENTS("%s", logged ? line : "");

	/* A socket that has shared the port may have changed what the kernel keeps about it */
	if (ours.err) {
		EXPECT_EQ(-ours.err, newcomer(at, "refused", 2));
		EXPECT_EVENTS("count=2 %s", line);
	} else {
		newcomer(at, "refused", 1);
		EXPECT_EVENTS("%s", "");
	}
	strike(&scene);
}

/* Each situation: who refused, by which rule, and what the kernel would have said */
TEST_F_TIMEOUT(log_rules, say_who_refused, 120)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(situations); i++) {
		/* There is one TIME_WAIT for each situation that makes one */
		new_netns();
		lo_up();
		semantics_set(variant->semantics);
		try_situation(_metadata, &situations[i], variant->semantics);
	}
}

/*
 * PREEMPT_RT logs no bind() that the kernel itself refuses before it comes to the port, and no
 * setsockopt(): see reuse(7)
 */
#define EXPECT_EVENTS_BUT_ON_RT(...) do { \
	if (kernel_is_realtime()) \
		EXPECT_EVENTS("%s", ""); \
	else \
		EXPECT_EVENTS(__VA_ARGS__); \
} while (0)

/* bind() to port 0 that finds no port */
TEST_F(log_rules, say_that_no_port_is_free)
{
	static const char * const errors[] = {
		"EADDRINUSE", "EADDRINUSE", "EADDRNOTAVAIL", "EADDRNOTAVAIL", "EADDRNOTAVAIL",
		"EAGAIN", "EADDRNOTAVAIL",
	};
	const char *error = errors[variant->semantics];
	const char *native = variant->semantics ? "-" : "EADDRINUSE";
	int s = sock_bind("tcp", "127.0.0.1" AT_PORT, 0), t = sock_open("tcp", AF_INET, 0);
	int u = sock_bind("udp", "0.0.0.0" AT_PORT, 0), v = sock_open("udp", AF_INET, 0);
	struct sockaddr_storage to;
	socklen_t len = sock_addr("127.0.0.1" AT_PORT, &to);

	write_file(PORT_RANGE, "%d %d", PORT, PORT);
	EXPECT_NE(0, sock_try_bind(t, "127.0.0.1:0"));
	/* This one binds, too */
	EXPECT_EQ(-1, sendto(v, "", 1, 0, (struct sockaddr *)&to, len));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EVENTS("call=bind proto=tcp local_address=127.0.0.1:0 verdict=%s native=%s\t"
		      "rule=no-port other_address=-\n"
		      "call=bind proto=udp local_address=0.0.0.0:0 verdict=%s native=%s\t"
		      "rule=no-port other_address=-", error, native, error, native);
	close(s);
	close(t);
	close(u);
	close(v);
}

/* An address that no device has; the port does not matter */
TEST_F(log_rules, say_that_an_address_is_not_local)
{
	int s = sock_open("tcp", AF_INET, 0), t = sock_open("udp", AF_INET6, S_V6ONLY);

	EXPECT_EQ(EADDRNOTAVAIL, sock_try_bind(s, "192.0.2.1" AT_PORT));
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_bind(s, "192.0.2.1:0"));
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_bind(t, "[2001:db8::1]" AT_PORT));
	EXPECT_EVENTS_BUT_ON_RT("call=bind proto=tcp local_address=192.0.2.1" AT_PORT
				" verdict=EADDRNOTAVAIL native=EADDRNOTAVAIL rule=not-local\n"
				"local_address=192.0.2.1:0 verdict=EADDRNOTAVAIL rule=not-local\n"
				"proto=udp local_address=[2001:db8::1]" AT_PORT " rule=not-local");
	close(s);
	close(t);
}

/* bind() of a TCP socket by a user without rights: 0, or the errno */
static int bind_as_user(const char *address)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (setresuid(OTHER_USER, OTHER_USER, OTHER_USER))
			_exit(255);
		_exit(sock_try_bind(sock_open("tcp", sock_family(address), 0), address));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		die("no process");
	return WEXITSTATUS(status);
}

/* A port that takes a privilege; openbsd says first that it is in use, darwin asks less */
TEST_F(log_rules, say_that_a_port_takes_a_privilege)
{
	/* openbsd has a bind() refused by the module, not by the kernel, and that is logged */
	bool logged = variant->semantics == OPENBSD || !kernel_is_realtime();
	const char *line;
	int s;

	line = "uid=1000 call=bind local_address=127.0.0.1:80 verdict=EACCES native=EACCES\t"
	       "rule=privileged other_address=-";
	EXPECT_EQ(EACCES, bind_as_user("127.0.0.1:80"));
	EXPECT_EVENTS("%s", logged ? line : "");

	events_begin("all");
	s = sock_bind("tcp", "127.0.0.1:80", 0);
	if (variant->semantics == OPENBSD) {
		EXPECT_EQ(EADDRINUSE, bind_as_user("127.0.0.1:80"));
		EXPECT_EVENTS("uid=1000 verdict=EADDRINUSE native=EACCES rule=user\t"
			      "other_address=127.0.0.1:80 other_inode=%lu", inode_of(s));
	} else {
		EXPECT_EQ(EACCES, bind_as_user("127.0.0.1:80"));
		EXPECT_EVENTS("%s", logged ? line : "");
	}
	close(s);

	events_begin("all");
	if (variant->semantics == DARWIN && !kernel_before(5, 12)) {
		EXPECT_EQ(0, bind_as_user("0.0.0.0:80"));
		EXPECT_EVENTS("uid=1000 local_address=0.0.0.0:80 verdict=ok native=EACCES\t"
			      "rule=privileged");
	} else {
		line = "uid=1000 local_address=0.0.0.0:80 verdict=EACCES native=EACCES\t"
		       "rule=privileged";
		EXPECT_EQ(EACCES, bind_as_user("0.0.0.0:80"));
		EXPECT_EVENTS("%s", logged ? line : "");
	}
}

/* listen() is refused where another socket of the port listens, or is never refused */
TEST_F(log_rules, say_why_listen_failed)
{
	int s = sock_bind("tcp", "127.0.0.1" AT_PORT, RA), t, err;

	t = sock_open("tcp", AF_INET, RA);
	if (sock_try_bind(t, "127.0.0.1" AT_PORT)) {
		close(s);
		close(t);
		SKIP(return, "two do not share the address");
	}
	events_begin("refused");
	EXPECT_EQ(0, listen(s, 8));
	EXPECT_EVENTS("%s", "");
	err = listen(t, 8) ? errno : 0;
	if (err)
		EXPECT_EVENTS("pid=%d call=listen proto=tcp local_address=127.0.0.1" AT_PORT
			      " reuseaddr=1 verdict=EADDRINUSE rule=listens other_address=127.0.0.1"
			      AT_PORT " other_state=listen other_inode=%lu", getpid(),
			      inode_of(s));
	else
		EXPECT_EVENTS("%s", "");
	EXPECT_TRUE(err || variant->semantics == PRE39);
	close(s);
	close(t);
}

/* Options that only the semantics refuse, if all is logged */
TEST_F(log_rules, say_which_option_is_refused)
{
	int s = sock_open("tcp", AF_INET, 0), t = sock_open("udp", AF_INET6, 0);
	static const char * const levels[] = { "all", "refused" };
	int one = 1, zero = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		events_begin(levels[i]);
		EXPECT_EQ(variant->semantics == PRE39 ? -1 : 0,
			  setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)));
		if (variant->semantics == PRE39 && !i)
			EXPECT_EVENTS_BUT_ON_RT("count=1 pid=%d call=setsockopt proto=tcp\t"
						"local_address=0.0.0.0:0 verdict=ENOPROTOOPT\t"
						"native=ok rule=no-such-option other_address=-",
						getpid());
		else
			EXPECT_EVENTS("%s", "");

		events_begin(levels[i]);
		EXPECT_EQ(variant->semantics == OPENBSD ? -1 : 0,
			  setsockopt(t, SOL_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)));
		if (variant->semantics == OPENBSD && !i)
			EXPECT_EVENTS_BUT_ON_RT("call=setsockopt proto=udp v6only=1\t"
						"local_address=[::]:0 verdict=EINVAL native=ok\t"
						"rule=families");
		else
			EXPECT_EVENTS("%s", "");
	}
	close(s);
	close(t);
}

/* A v4-mapped address, where IPv6 sockets do not do IPv4 */
TEST_F(log_rules, say_that_families_are_separate)
{
	int s = sock_open("tcp", AF_INET6, 0), err;

	/* sock_open() has asked for IPv4, too */
	events_begin("all");
	err = sock_try_bind(s, "[::ffff:127.0.0.1]" AT_PORT);
	EXPECT_EQ(variant->semantics == OPENBSD ? EADDRNOTAVAIL : 0, err);
	if (err)
		EXPECT_EVENTS("call=bind local_address=[::ffff:127.0.0.1]" AT_PORT
			      " verdict=EADDRNOTAVAIL native=ok rule=families");
	else
		EXPECT_EVENTS("%s", "");
	close(s);
}

/* connect() with the two ends of another connection: the BSDs keep the port */
TEST_F(log_rules, say_that_connect_keeps_the_port)
{
	int listener = sock_bind("tcp", "127.0.0.1:30001", S_LISTEN), s, t, err;
	bool keeps = profiles[variant->semantics]->connect_keeps_port;

	if (variant->semantics == PRE39) {
		close(listener);
		SKIP(return, "two sockets of one address cannot both be bound");
	}
	s = sock_bind("tcp", "127.0.0.1" AT_PORT, RP);
	t = sock_bind("tcp", "127.0.0.1" AT_PORT, RP);
	events_begin("all");
	sock_connect(s, "127.0.0.1:30001");
	err = sock_try_connect(t, "127.0.0.1:30001");
	EXPECT_EQ(keeps ? EADDRINUSE : EADDRNOTAVAIL, err);
	if (err == EADDRINUSE)
		EXPECT_EVENTS("call=connect proto=tcp local_address=127.0.0.1" AT_PORT
			      " verdict=EADDRINUSE native=EADDRNOTAVAIL rule=-");
	else
		EXPECT_EVENTS("%s", "");
	close(t);
	close(s);
	close(listener);
}

/* UDP-Lite has ports of its own */
TEST_F(log_rules, speak_of_udplite)
{
	int owner, s;

	if (!sock_has("udplite"))
		SKIP(return, "no UDP-Lite");
	owner = sock_bind("udplite", "[::1]" AT_PORT, 0);
	s = sock_open("udplite", AF_INET6, 0);
	events_begin("all");
	EXPECT_EQ(EADDRINUSE, sock_try_bind(s, "[::1]" AT_PORT));
	EXPECT_EVENTS("proto=udplite call=bind local_address=[::1]" AT_PORT
		      " verdict=EADDRINUSE native=EADDRINUSE rule=in-use\t"
		      "other_address=[::1]" AT_PORT " other_inode=%lu", inode_of(owner));
	close(s);
	close(owner);
}

/* An MPTCP socket binds by a TCP socket of its own */
TEST_F(log_rules, speak_of_mptcp_as_of_tcp)
{
	int owner, s = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	const char *early;

	if (s < 0)
		SKIP(return, "no MPTCP");
	owner = sock_bind("tcp", "127.0.0.1" AT_PORT, 0);
	EXPECT_EQ(EADDRINUSE, sock_try_bind(s, "127.0.0.1" AT_PORT));
	EXPECT_EQ(EADDRNOTAVAIL, sock_try_bind(s, "192.0.2.1" AT_PORT));
	early = "count=1 proto=tcp call=bind local_address=192.0.2.1" AT_PORT
		" verdict=EADDRNOTAVAIL rule=not-local";
	EXPECT_EVENTS("count=1 proto=tcp call=bind local_address=127.0.0.1" AT_PORT
		      " verdict=EADDRINUSE rule=in-use other_inode=%lu\n%s", inode_of(owner),
		      kernel_is_realtime() ? "" : early);
	close(s);
	close(owner);
}

static void __attribute__((constructor)) keep_hooks(void)
{
	leave_out_untried();
	stay_hooked();
}

TEST_HARNESS_MAIN
