// SPDX-License-Identifier: GPL-2.0
/*
 * Workers of a stress run, which make sockets. Where the semantics stay, a worker
 * publishes each port after the kernel has granted it, and withdraws it before it lets
 * go. A worker that finds two published owners that may not share has found a bug.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env.h"
#include "events.h"
#include "sock.h"
#include "stress.h"
#include "table.h"

#define CHILDREN	3	/* of a worker at a time */
#define STEPS		30	/* in a namespace that does not live long */

static const struct {
	const char *addr;
	unsigned int flags;
} addresses[ADDRESSES] = {
	{ "127.0.0.1", 0 }, { "127.0.0.2", 0 }, { "0.0.0.0", 0 }, { "[::1]", 0 },
	{ "[::]", 0 }, { "[::]", S_V6ONLY }, { "[::ffff:127.0.0.1]", 0 },
};

static const struct {
	unsigned int flags;
	uid_t uid;
} owners[KINDS / ADDRESSES] = {
	{ 0, 0 }, { S_REUSEADDR, 0 }, { S_REUSEPORT, 0 }, { S_REUSEPORT, 1000 },
};

static struct rules_sock kinds[KINDS];

/* By the rules, these never hold a port, or listen on it, at the same time */
static bool never_hold[SEMANTICS_COUNT][KINDS][KINDS];
static bool never_listen[SEMANTICS_COUNT][KINDS][KINDS];

struct slot {
	int fd;
	bool udp;
	bool explicit;	/* bound to a port by its number: keeps it until it is closed */
	bool holds;	/* ... and says so */
	bool ears;	/* listen() was called */
	bool listens;
	int lane;
	int kind;
};

struct worker {
	int space;
	int nr;
	int children;
	unsigned int told;	/* what it was asked last */
	uint64_t rng;
	struct slot slot[POOL];
};

static bool both(enum semantics semantics, struct rules_sock a, struct rules_sock b,
		 unsigned int state)
{
	const struct rules_sock *pa = &a, *pb = &b;

	a.flags |= state;
	if (rules_admit(semantics, &b, &pa, 1))
		return true;
	a.flags &= ~state;
	b.flags |= state;
	return rules_admit(semantics, &a, &pb, 1);
}

/**
 * stress_work_begin() - find out which sockets may never hold a port together
 */
void stress_work_begin(void)
{
	int i, j, s;

	for (i = 0; i < KINDS; i++) {
		kinds[i].addr = addresses[i % ADDRESSES].addr;
		kinds[i].flags = addresses[i % ADDRESSES].flags | owners[i / ADDRESSES].flags;
		kinds[i].uid = owners[i / ADDRESSES].uid;
	}
	for (s = NATIVE; s < SEMANTICS_COUNT; s++) {
		for (i = 0; i < KINDS; i++) {
			for (j = 0; j < KINDS; j++) {
				never_hold[s][i][j] = !both(s, kinds[i], kinds[j], 0);
				/* The BSDs have nothing against it */
				never_listen[s][i][j] = s < BSD &&
					!both(s, kinds[i], kinds[j], S_LISTEN);
			}
		}
	}
}

static const char *describe(const struct slot *s, int kind)
{
	const struct rules_sock *k = &kinds[kind];

	return text("%s port %d %s%s%s%s uid %d", s->udp ? "udp" : "tcp", LANE_PORT + s->lane,
		    k->addr, k->flags & S_V6ONLY ? " V6ONLY" : "",
		    k->flags & S_REUSEADDR ? " RA" : "", k->flags & S_REUSEPORT ? " RP" : "",
		    k->uid);
}

/* One more is there; dies if it may not be beside one that is there as well */
static void claim(const struct worker *w, const struct slot *s, const char *what,
		  unsigned int *there, const bool *never)
{
	int i;

	__atomic_add_fetch(&there[s->kind], 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < KINDS; i++) {
		unsigned int n = __atomic_load_n(&there[i], __ATOMIC_SEQ_CST);

		errno = 0;
		if (never[i] && n > (i == s->kind ? 1 : 0))
			die("%s: two %s at a time: %s, and %s",
			    semantics_name[stress->space[w->space].semantics], what,
			    describe(s, s->kind), describe(s, i));
	}
}

static void release(const struct worker *w, struct slot *s)
{
	if (s->listens)
		__atomic_sub_fetch(&stress->listens[w->space][s->udp][s->lane][s->kind], 1,
				   __ATOMIC_SEQ_CST);
	if (s->holds)
		__atomic_sub_fetch(&stress->holds[w->space][s->udp][s->lane][s->kind], 1,
				   __ATOMIC_SEQ_CST);
	s->listens = false;
	s->holds = false;
}

/*
 * Whether two may not hold a port is a question of these two only. Not so in lanes with
 * options: a BSD looks at one socket; natively UDP looks no further when it finds one to
 * share with, and TCP relies on its cache.
 */
static bool is_exclusive(const struct worker *w, const struct slot *s)
{
	const struct space *space = &stress->space[w->space];

	return w->nr >= 0 && space->fixed && s->explicit &&
	       LANE_SORT(s->lane) <= (space->semantics == PRE39 ? MIXED : PLAIN);
}

static void close_slot(const struct worker *w, struct slot *s, bool abort)
{
	release(w, s);
	if (abort && !s->udp)
		sock_abort(s->fd);
	else
		close(s->fd);
	s->fd = -1;
}

static void keep(struct slot *s, int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		die("O_NONBLOCK");
	s->fd = fd;
}

/* May bind() fail with errno, under some semantics? */
static bool may_refuse(const struct slot *s)
{
	bool mapped = strstr(kinds[s->kind].addr, "::ffff:");

	switch (errno) {
	case EADDRINUSE:
		return true;
	case EADDRNOTAVAIL:
		/* openbsd has no v4-mapped addresses */
		return !s->explicit || mapped;
	case EINVAL:
		/* Nor has Linux, for a socket that openbsd has made IPv6 only, before a switch */
		return mapped;
	case EAGAIN:
		return !s->explicit;
	default:
		return false;
	}
}

static void come(const struct worker *w, struct slot *s, uint64_t r)
{
	enum semantics semantics = stress->space[w->space].semantics;
	int fd, err, lane, kind;

	s->udp = !stress_take(&r, 3);
	lane = stress_take(&r, LANES);
	kind = stress_take(&r, KINDS);
	s->explicit = stress_take(&r, 8) || LANE_SORT(lane) != WILD;
	s->ears = false;
	s->lane = lane;
	s->kind = LANE_SORT(lane) == PLAIN ? kind % ADDRESSES : kind;
	fd = rules_open(s->udp ? "udp" : "tcp", &kinds[s->kind]);
	err = rules_bind(fd, &kinds[s->kind], s->explicit ? LANE_PORT + lane : 0);
	if (err) {
		errno = err;
		if (!may_refuse(s))
			die("bind %s", describe(s, s->kind));
		close(fd);
		stress_did(REFUSALS);
		return;
	}
	stress_did(BINDS);
	keep(s, fd);
	if (!is_exclusive(w, s))
		return;
	s->holds = true;
	claim(w, s, "sockets", stress->holds[w->space][s->udp][lane],
	      never_hold[semantics][s->kind]);
}

static void listen_on(const struct worker *w, struct slot *s)
{
	enum semantics semantics = stress->space[w->space].semantics;

	if (s->udp)
		return;
	if (listen(s->fd, 4)) {
		if (errno != EADDRINUSE && errno != EINVAL)
			die("listen %s", describe(s, s->kind));
		return;
	}
	stress_did(LISTENS);
	s->ears = true;
	if (!s->holds || s->listens)
		return;
	s->listens = true;
	claim(w, s, "listeners", stress->listens[w->space][s->udp][s->lane],
	      never_listen[semantics][s->kind]);
}

static void accept_from(struct worker *w, const struct slot *s)
{
	int fd, i;

	while (s->ears && (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		stress_did(ACCEPTS);
		for (i = 0; i < POOL && w->slot[i].fd >= 0; i++)
			;
		if (i == POOL) {
			sock_abort(fd);
			continue;
		}
		w->slot[i] = (struct slot) { .lane = s->lane, .kind = s->kind };
		keep(&w->slot[i], fd);
	}
}

/* Where a packet or a connection goes to */
static socklen_t somewhere(const struct slot *s, struct sockaddr_storage *ss, uint64_t *r)
{
	static const char * const v4[] = { "127.0.0.1", "127.0.0.2" };
	static const char * const v6[] = { "[::1]", "[::ffff:127.0.0.1]" };
	int i = stress_take(r, 2);
	char addr[64];

	snprintf(addr, sizeof(addr), "%s:%d", *kinds[s->kind].addr == '[' ? v6[i] : v4[i],
		 LANE_PORT + stress_take(r, LANES));
	return sock_addr(addr, ss);
}

/* A connection has another address and, when it is closed, perhaps no port */
static void connect_it(const struct worker *w, struct slot *s, uint64_t r)
{
	struct sockaddr_storage ss;
	socklen_t len = somewhere(s, &ss, &r);

	/* Without this the other lanes would run out of owners */
	if (LANE_SORT(s->lane) != WILD && stress_take(&r, 4))
		return;
	release(w, s);
	connect(s->fd, (struct sockaddr *)&ss, len);
	stress_did(CONNECTS);
}

static void send_it(struct slot *s, uint64_t r)
{
	struct sockaddr_storage ss;
	socklen_t len = somewhere(s, &ss, &r);
	char buf[100];

	if (s->udp)
		sendto(s->fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&ss, len);
	else
		send(s->fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT);
}

/* Options and devices of a socket that has its port already */
static void flip(const struct slot *s, uint64_t r)
{
	int option = stress_take(&r, 2) ? SO_REUSEADDR : SO_REUSEPORT, on = stress_take(&r, 2);

	if (LANE_SORT(s->lane) != WILD)
		return;
	if (stress_take(&r, 4))
		setsockopt(s->fd, SOL_SOCKET, option, &on, sizeof(on));
	else
		setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", on ? 3 : 0);
	stress_did(FLIPS);
}

static void disconnect(const struct slot *s, uint64_t r)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };

	if (LANE_SORT(s->lane) != WILD)
		return;
	if (stress_take(&r, 2))
		connect(s->fd, (struct sockaddr *)&ss, sizeof(ss));
	else
		shutdown(s->fd, stress_take(&r, 3));
}

/* A child has what its parent has, and for a moment some of its own */
static void live(const struct worker *parent, uint64_t r)
{
	struct worker w = { .space = parent->space, .nr = -1 };
	int i;

	for (i = 0; i < POOL; i++) {
		w.slot[i].fd = -1;
		if (parent->slot[i].fd >= 0 && stress_take(&r, 2))
			close(parent->slot[i].fd);
	}
	w.rng = r;
	for (i = 0; i < 3; i++) {
		r = stress_draw(&w.rng);
		come(&w, &w.slot[i], r);
	}
	usleep(stress_take(&r, 3000));
	if (stress_take(&r, 2))
		raise(SIGKILL);
	_exit(0);
}

/* Waits until so many children are left */
static void reap(struct worker *w, int left)
{
	int status;

	while (w->children > left) {
		if (wait(&status) < 0)
			die("no child");
		w->children--;
		/* It has printed why it died */
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
			die("a child died of signal %d", WTERMSIG(status));
	}
}

static void multiply(struct worker *w, uint64_t r)
{
	pid_t pid;

	reap(w, CHILDREN - 1);
	pid = fork();
	if (pid < 0)
		die("no process");
	if (!pid)
		live(w, r);
	w->children++;
	stress_did(FORKS);
}

static void act(struct worker *w, struct slot *s, uint64_t r)
{
	accept_from(w, s);
	switch (stress_take(&r, 16)) {
	case 0 ... 3:
		close_slot(w, s, stress_take(&r, 2));
		break;
	case 4 ... 6:
		listen_on(w, s);
		break;
	case 7 ... 10:
		connect_it(w, s, r);
		break;
	case 11 ... 12:
		flip(s, r);
		break;
	case 13:
		disconnect(s, r);
		break;
	case 14:
		send_it(s, r);
		break;
	case 15:
		if (!stress_take(&r, 4))
			multiply(w, r);
	}
}

/* One number decides a whole step, independent of the results of earlier steps */
static void step(struct worker *w)
{
	uint64_t r = stress_draw(&w->rng), nap = stress_draw(&w->rng);
	struct slot *s = &w->slot[stress_take(&r, POOL)];

	if (s->fd < 0)
		come(w, s, r);
	else
		act(w, s, r);
	/* Without a rest it keeps RCU from its work */
	if (!stress_take(&nap, 4))
		usleep(stress_take(&nap, 1000));
}

static int column(const struct slot *s)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (s->udp)
		return getpeername(s->fd, (struct sockaddr *)&ss, &len) ? BOUND : CONNECTED;
	switch (sock_state(s->fd)) {
	case TCP_LISTEN:
		return LISTEN;
	case TCP_CLOSE:
		return s->explicit ? BOUND : 0;
	default:
		return CONNECTED;
	}
}

static void tell(const struct slot *s, struct held *h)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} ss;
	socklen_t len = sizeof(ss), dev_len = sizeof(h->dev);
	char host[INET6_ADDRSTRLEN];

	h->name[0] = '\0';
	h->col = s->fd < 0 || (s->udp && !s->explicit) ? 0 : column(s);
	if (!h->col)
		return;
	if (getsockname(s->fd, (struct sockaddr *)&ss, &len) ||
	    getsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, h->dev, &dev_len))
		die("no name");
	if (!dev_len)
		strcpy(h->dev, "-");
	h->udp = s->udp;
	h->reuseaddr = sock_option(s->fd, SOL_SOCKET, SO_REUSEADDR);
	/* -1 where pre39 has no such option */
	h->reuseport = sock_option(s->fd, SOL_SOCKET, SO_REUSEPORT);
	strcpy(h->v6only, "-");
	if (ss.v4.sin_family == AF_INET) {
		inet_ntop(AF_INET, &ss.v4.sin_addr, host, sizeof(host));
		snprintf(h->name, sizeof(h->name), "%s:%d", host, ntohs(ss.v4.sin_port));
		return;
	}
	inet_ntop(AF_INET6, &ss.v6.sin6_addr, host, sizeof(host));
	snprintf(h->name, sizeof(h->name), "[%s]:%d", host, ntohs(ss.v6.sin6_port));
	h->v6only[0] = sock_option(s->fd, IPPROTO_IPV6, IPV6_V6ONLY) ? '1' : '0';
}

/* Nothing moves until it goes on; tells what it has as often as it is asked */
static void rest(struct worker *w)
{
	unsigned int asked;
	int i;

	reap(w, 0);
	while (__atomic_load_n(&stress->rest, __ATOMIC_ACQUIRE) && !stress_over()) {
		asked = __atomic_load_n(&stress->asked, __ATOMIC_ACQUIRE);
		if (asked != w->told) {
			for (i = 0; i < POOL; i++)
				tell(&w->slot[i], &stress->held[w->space][w->nr][i]);
			__atomic_add_fetch(&stress->resting, 1, __ATOMIC_RELEASE);
			w->told = asked;
		}
		usleep(1000);
	}
}

static void init(struct worker *w, int space, int nr, uint64_t rng)
{
	int i;

	*w = (struct worker) { .space = space, .nr = nr, .rng = rng };
	for (i = 0; i < POOL; i++)
		w->slot[i].fd = -1;
}

/**
 * stress_work() - sockets, until it is over
 * @post: the place of this worker
 */
void stress_work(struct post *post)
{
	struct worker w;
	int i;

	init(&w, post->space, post->nr, post->rng);
	while (!stress_over()) {
		if (__atomic_load_n(&stress->rest, __ATOMIC_ACQUIRE))
			rest(&w);
		step(&w);
		stress_pause(post, 1);
	}
	reap(&w, 0);
	for (i = 0; i < POOL; i++) {
		if (w.slot[i].fd >= 0)
			close_slot(&w, &w.slot[i], false);
	}
}

/* Reads the beginning of a file, which stays open: the namespace dies with it */
static void leave_open(const char *path)
{
	char c;

	if (read(open(path, O_RDONLY | O_CLOEXEC), &c, 1) != 1 && !stress->unloads)
		die("read %s", path);
}

/* A namespace that dies while it has some sockets, readers and, unless it stays native, a log */
static void found_one(const struct space *like, uint64_t rng)
{
	enum semantics semantics = like->fixed ? like->semantics :
						  semantics_nth(stress_draw(&rng) % INT_MAX);
	struct worker w;
	int i;

	stress_new_netns();
	errno = semantics_try(semantics);
	if (!errno && !like->fixed)
		errno = -try_write(EVENTS_SYSCTL, 0, "all", 3);
	if (errno && !stress->unloads)
		die("cannot switch");
	init(&w, 0, -1, rng);
	for (i = 0; i < STEPS; i++)
		step(&w);
	reap(&w, 0);
	leave_open(REUSE_FILE);
	leave_open(EVENTS_FILE);
	_exit(0);
}

/**
 * stress_found() - found namespaces, until it is over
 * @post: the place of this worker
 */
void stress_found(struct post *post)
{
	int status;
	pid_t pid;

	while (!stress_over()) {
		uint64_t rng = stress_draw(&post->rng);

		pid = fork();
		if (!pid)
			found_one(&stress->space[post->space], rng);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			die("no namespace");
		stress_did(NAMESPACES);
		stress_pause(post, STEPS);
	}
}
