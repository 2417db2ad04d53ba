// SPDX-License-Identifier: GPL-2.0
/*
 * While sockets come and go on a few ports, every datagram and every connection
 * goes to a socket that may have it, is refused because there is none, or is lost
 * because it waited at a socket that was closed. Nothing else happens to any.
 *
 * REUSE_SECONDS says how long under each of the semantics.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <time.h>

#include "bulk.h"
#include "storm_judge.h"
#include "variants.h"

#define THREADS		4	/* of each sort, on any number of CPUs */
#define FIRST_PORT	7000
#define FENCES		6000	/* ports of the senders' own */
#define NOBODY		"9"	/* a port from which nothing comes */
#define MAX_HELD	8	/* sockets of an owner at a time */
#define MAX_SOCKS	400000	/* of an owner altogether */
#define MAX_PACKETS	400000	/* of a sender */
#define ALIKE		8	/* packets from one socket */
#define SECONDS		2
#define ANSWER_S	10	/* to wait for what does not come */
#define LATE_MS		20	/* when the socket it was at may have been closed */
#define MAX_LATE	500	/* datagrams of a sender that have no answer by then */
#define SHOWN		5	/* packets that went wrong */
#define MAX_FILES	4096

/* A port of a protocol */
#define LANES		(WAYS * PORTS)
#define LANE(way, port)	((way) * PORTS + (port))

struct packet {
	struct storm_packet is;
	int lane;
};

/* A thread that makes, serves and closes sockets */
struct owner {
	pthread_t thread;
	unsigned int seed;
	int poll;
	int n;			/* held */
	int fd[MAX_HELD];
	struct storm_sock *of[MAX_HELD];
	struct storm_sock *socks;
	int *lane;		/* of each */
	int count;
};

struct sender {
	pthread_t thread;
	unsigned int seed;
	int cpu;
	int fence;		/* see sock_syn_answered() */
	struct packet *packets;
	int count;
	int late[MAX_LATE];	/* sockets of datagrams without an answer */
	int late_packet[MAX_LATE];
	int nlate;
};

/* The answer of a socket: its number */
struct reply {
	unsigned int seq;
	const struct storm_sock *who;
};

static enum semantics semantics;
static struct owner owners[THREADS];
static struct sender senders[THREADS];
static atomic_ullong events;
static atomic_uint closed[LANES];	/* sockets so far */
static atomic_bool senders_end, owners_end;

/* Of a connection that was accepted: the listener. Its owner alone looks at it */
static const struct storm_sock *accepted_by[MAX_FILES];

static uint64_t tick(void)
{
	return atomic_fetch_add(&events, 1);
}

static unsigned int flags_of(enum kind kind, enum port port)
{
	bool reuseport = semantics >= BSD || (semantics == NATIVE && port == PORT_RP);

	return (reuseport ? S_REUSEPORT : S_REUSEADDR) | S_NONBLOCK |
	       (kind == ANY6 ? S_V6ONLY : 0);
}

static void watch(struct owner *o, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(o->poll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

/* One more socket, if it can be */
static void come(struct owner *o)
{
	static const char * const host[KINDS] = { "127.0.0.1", "0.0.0.0", "[::1]", "[::]", "[::]" };
	enum kind kind = rand_r(&o->seed) % KINDS;
	int lane = rand_r(&o->seed) % LANES, fd;
	bool tcp = lane >= LANE(TCP, 0), listens = tcp && rand_r(&o->seed) % 8;
	struct storm_sock *s = &o->socks[o->count];
	struct sockaddr_storage ss;
	char addr[64];
	socklen_t len;

	/* It has no others */
	if (kind == DUAL && semantics == OPENBSD)
		kind = ANY6;
	snprintf(addr, sizeof(addr), "%s:%d", host[kind], FIRST_PORT + lane);
	len = sock_addr(addr, &ss);
	fd = sock_open(tcp ? "tcp" : "udp", ss.ss_family, flags_of(kind, lane % PORTS));
	*s = (struct storm_sock){
		.kind = kind, .first = s, .listen = { NEVER, NEVER }, .close = { NEVER, NEVER },
	};
	s->bind[0] = tick();
	if (bind(fd, (struct sockaddr *)&ss, len)) {
		close(fd);
		return;
	}
	s->bind[1] = tick();
	memcpy(s->order, s->bind, sizeof(s->order));
	if (listens) {
		s->listen[0] = tick();
		if (listen(fd, 128))
			s->listen[0] = NEVER;
		else
			s->listen[1] = tick();
	}
	o->lane[o->count++] = lane;
	o->of[o->n] = s;
	o->fd[o->n] = fd;
	if (!tcp || s->listen[1] != NEVER)
		watch(o, fd);
	o->n++;
	if (o->count == MAX_SOCKS)
		owners_end = true;
}

static void answer_udp(int fd, const struct storm_sock *s)
{
	struct reply reply = { .who = s };
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	while (recvfrom(fd, &reply.seq, sizeof(reply.seq), 0, (struct sockaddr *)&ss, &len) > 0) {
		if (sendto(fd, &reply, sizeof(reply), 0, (struct sockaddr *)&ss, len) < 0)
			die("no answer");
		len = sizeof(ss);
	}
}

static void accept_all(struct owner *o, int fd, const struct storm_sock *s)
{
	int child;

	while ((child = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		if (child >= MAX_FILES)
			die("too many files");
		accepted_by[child] = s;
		watch(o, child);
	}
}

/*
 * Once the other end has asked, or is gone: a socket that closes before has the question
 * answered by a reset, on another CPU and maybe before the reply.
 */
static void answer_tcp(int child)
{
	struct reply reply = { .who = accepted_by[child] };
	char c;

	if (recv(child, &c, 1, 0) == 1)
		send(child, &reply, sizeof(reply), MSG_NOSIGNAL);
	accepted_by[child] = NULL;
	close(child);
}

static void serve(struct owner *o, int i)
{
	int lane = o->lane[o->of[i] - o->socks];

	if (lane < LANE(TCP, 0))
		answer_udp(o->fd[i], o->of[i]);
	else if (o->of[i]->listen[1] != NEVER)
		accept_all(o, o->fd[i], o->of[i]);
}

/* The socket gets a remote end and loses it; meanwhile it may be found as either life */
static void move(struct owner *o, int i)
{
	struct storm_sock *old = o->of[i], *s = &o->socks[o->count];
	int lane = o->lane[old - o->socks];

	/* The kernel looks elsewhere for a socket whose address changes, and misses others */
	if (lane >= LANE(TCP, 0) || (old->kind != ONE4 && old->kind != ONE6) ||
	    o->count + 1 >= MAX_SOCKS)
		return;
	serve(o, i);
	*s = *old;
	s->bind[0] = tick();
	old->close[0] = s->bind[0];
	sock_connect(o->fd[i], old->kind == ONE4 ? "127.0.0.1:" NOBODY : "[::1]:" NOBODY);
	sock_disconnect(o->fd[i]);
	s->bind[1] = tick();
	old->close[1] = s->bind[1];
	old->moved = true;
	if (storm_moves(semantics))
		memcpy(s->order, s->bind, sizeof(s->order));
	o->lane[o->count++] = lane;
	o->of[i] = s;
}

static void go(struct owner *o, int i)
{
	serve(o, i);
	o->of[i]->close[0] = tick();
	close(o->fd[i]);
	o->of[i]->close[1] = tick();
	closed[o->lane[o->of[i] - o->socks]]++;
	o->n--;
	o->fd[i] = o->fd[o->n];
	o->of[i] = o->of[o->n];
}

static void serve_all(struct owner *o)
{
	struct epoll_event event[MAX_HELD];
	int i, j, n = epoll_wait(o->poll, event, MAX_HELD, 1);

	for (i = 0; i < n; i++) {
		if (accepted_by[event[i].data.fd])
			answer_tcp(event[i].data.fd);
		for (j = 0; j < o->n; j++) {
			if (o->fd[j] == event[i].data.fd)
				serve(o, j);
		}
	}
}

static void *own(void *arg)
{
	struct owner *o = arg;
	int want;

	while (!owners_end) {
		/* From time to time there is no socket */
		want = rand_r(&o->seed) % (MAX_HELD + 1);
		if (o->n < want)
			come(o);
		else if (o->n)
			go(o, rand_r(&o->seed) % o->n);
		if (o->n && semantics >= BSD)
			move(o, rand_r(&o->seed) % o->n);
		serve_all(o);
	}
	while (o->n)
		go(o, 0);
	return NULL;
}

static int connect_to(const struct sender *s, int lane, bool v6, int *err)
{
	struct timeval tv = { .tv_sec = ANSWER_S };
	bool tcp = lane >= LANE(TCP, 0);
	struct sockaddr_storage ss;
	char addr[64];
	socklen_t len;
	int fd;

	snprintf(addr, sizeof(addr), v6 ? "[::1]:%d" : "127.0.0.1:%d", FIRST_PORT + lane);
	len = sock_addr(addr, &ss);
	fd = sock_open(tcp ? "tcp" : "udp", ss.ss_family, 0);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)))
		die("time limit");
	/* The kernel would try for minutes */
	if (tcp && storm_is_silent(semantics) && !sock_syn_answered(fd, addr, s->fence))
		*err = ETIMEDOUT;
	else
		*err = connect(fd, (struct sockaddr *)&ss, len) ? errno : 0;
	return fd;
}

/* The reply to a packet says all that can be known of it */
static void settle(struct packet *p, ssize_t got, int err, const struct reply *reply)
{
	p->is.known = tick();
	p->is.fate = LOST;
	if (got == sizeof(*reply)) {
		p->is.fate = GOT;
		p->is.by = reply->who;
	} else if (err == ECONNREFUSED) {
		p->is.fate = REFUSED;
	} else if (err == ETIMEDOUT) {
		p->is.fate = SILENT;
	}
}

/* Packets that came later than the wait */
static void settle_late(struct sender *s)
{
	struct reply reply;
	ssize_t got;
	int i;

	poll(NULL, 0, 10 * LATE_MS);
	for (i = 0; i < s->nlate; i++) {
		got = recv(s->late[i], &reply, sizeof(reply), MSG_DONTWAIT);
		if (got == sizeof(reply) || errno == ECONNREFUSED)
			settle(&s->packets[s->late_packet[i]], got, errno, &reply);
		close(s->late[i]);
	}
	s->nlate = 0;
}

/* Waits for an answer as long as there can be one: until a socket was closed in between */
static bool answered(int fd, int lane, unsigned int before)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ms;

	for (ms = 0; ms < 1000 * ANSWER_S; ms += LATE_MS) {
		if (poll(&p, 1, LATE_MS) == 1)
			return true;
		if (closed[lane] != before)
			return false;
	}
	return false;
}

static bool send_datagram(struct sender *s, int fd, int lane, bool v6)
{
	unsigned int seq = s->count++, before = closed[lane];
	struct packet *p = &s->packets[seq];
	struct reply reply;
	ssize_t got;

	p->lane = lane;
	p->is.v6 = v6;
	p->is.sent = tick();
	if (send(fd, &seq, sizeof(seq), 0) != sizeof(seq))
		die("send");
	if (!answered(fd, lane, before)) {
		settle(p, 0, 0, NULL);
		s->late_packet[s->nlate] = seq;
		s->late[s->nlate++] = fd;
		if (s->nlate == MAX_LATE)
			settle_late(s);
		return false;
	}
	got = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);
	settle(p, got, errno, &reply);
	if (got == sizeof(reply) && reply.seq != seq)
		die("an answer too many");
	return true;
}

static void send_datagrams(struct sender *s, int lane, bool v6)
{
	int err, i, fd = connect_to(s, lane, v6, &err);
	char c;

	if (err)
		die("connect");
	for (i = 0; i < ALIKE && s->count < MAX_PACKETS; i++) {
		if (!send_datagram(s, fd, lane, v6))
			return;
	}
	errno = 0;
	if (recv(fd, &c, 1, MSG_DONTWAIT) >= 0)
		die("an answer too many");
	close(fd);
}

static void make_connection(struct sender *s, int lane, bool v6)
{
	struct packet *p = &s->packets[s->count++];
	struct reply reply;
	ssize_t got = -1;
	int fd, err;

	p->lane = lane;
	p->is.v6 = v6;
	p->is.sent = tick();
	fd = connect_to(s, lane, v6, &err);
	if (!err) {
		/* The other end may be gone without a word, and answers to this only */
		send(fd, "", 1, MSG_NOSIGNAL);
		got = recv(fd, &reply, sizeof(reply), MSG_WAITALL);
		/* A client counts as refused only if it was never connected */
		err = ECONNRESET;
	}
	settle(p, got, err, &reply);
	sock_abort(fd);
}

static void *bombard(void *arg)
{
	struct sender *s = arg;

	if (storm_is_silent(semantics))
		stay_on(s->cpu);
	while (!senders_end && s->count < MAX_PACKETS) {
		int lane = rand_r(&s->seed) % LANES;
		bool v6 = rand_r(&s->seed) % 2;

		if (lane < LANE(TCP, 0))
			send_datagrams(s, lane, v6);
		else
			make_connection(s, lane, v6);
	}
	return NULL;
}

static void start(void)
{
	unsigned int first = seed();
	char fence[32];
	int i;

	for (i = 0; i < THREADS; i++) {
		owners[i].seed = first + i;
		owners[i].poll = epoll_create1(EPOLL_CLOEXEC);
		owners[i].socks = calloc(MAX_SOCKS, sizeof(*owners[i].socks));
		owners[i].lane = calloc(MAX_SOCKS, sizeof(*owners[i].lane));
		senders[i].seed = first + THREADS + i;
		senders[i].cpu = i % get_nprocs();
		snprintf(fence, sizeof(fence), "127.0.0.1:%d", FENCES + i);
		senders[i].fence = sock_bind("udp", fence, 0);
		sock_connect(senders[i].fence, fence);
		senders[i].packets = calloc(MAX_PACKETS, sizeof(*senders[i].packets));
		if (!owners[i].socks || !owners[i].lane || !senders[i].packets)
			die("no memory");
		if (pthread_create(&owners[i].thread, NULL, own, &owners[i]) ||
		    pthread_create(&senders[i].thread, NULL, bombard, &senders[i]))
			die("no thread");
	}
}

static void end(void)
{
	int i;

	senders_end = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(senders[i].thread, NULL);
	owners_end = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(owners[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		settle_late(&senders[i]);
}

/* The sockets of a lane, of all owners */
static size_t gather(int lane, struct storm_sock **socks)
{
	size_t n = 0;
	int i, j;

	for (i = 0; i < THREADS; i++) {
		for (j = 0; j < owners[i].count; j++) {
			if (owners[i].lane[j] == lane)
				socks[n++] = &owners[i].socks[j];
		}
	}
	storm_sort(socks, n);
	return n;
}

/* Judges the packets of a lane; returns how many of them went wrong */
static unsigned long judge(int lane, unsigned long *sum)
{
	const struct storm_rules rules = { semantics, lane / PORTS, lane % PORTS };
	struct storm_sock **socks = calloc(THREADS * MAX_SOCKS, sizeof(*socks));
	size_t n = gather(lane, socks);
	unsigned long bad = 0, fates[FATES] = {};
	const char *why, *name;
	int i, j;

	name = text("%s %s%s", semantics_name[semantics], rules.way == TCP ? "tcp" : "udp",
		    rules.port == PORT_RP ? "" : " (SO_REUSEADDR)");

	for (i = 0; i < THREADS; i++) {
		for (j = 0; j < senders[i].count; j++) {
			const struct packet *p = &senders[i].packets[j];

			if (p->lane != lane)
				continue;
			fates[p->is.fate]++;
			why = storm_judge(&rules, socks, n, &p->is);
			if (why && ++bad <= SHOWN)
				printf("# %s: %s\n# %s", name, why,
				       storm_describe(socks, n, &p->is));
		}
	}
	printf("# %s: %zu sockets, %lu received, %lu refused, %lu silent, %lu lost, %lu wrong\n",
	       name, n, fates[GOT], fates[REFUSED], fates[SILENT], fates[LOST], bad);
	for (i = 0; i < FATES; i++)
		sum[i] += fates[i];
	free(socks);
	return bad;
}

/* It is a storm, and not over by the clock before it was one */
static bool has_blown(void *arg)
{
	unsigned long sum[2][FATES] = {};
	int i, j;

	(void)arg;
	for (i = 0; i < THREADS; i++) {
		for (j = 0; j < __atomic_load_n(&senders[i].count, __ATOMIC_RELAXED); j++) {
			const struct packet *p = &senders[i].packets[j];

			sum[p->lane >= LANE(TCP, 0)][p->is.fate]++;
		}
	}
	return sum[0][GOT] > 100 && sum[1][GOT] > 100 && sum[0][REFUSED] > 10 &&
	       sum[1][REFUSED] > 10 &&
	       /* Should none come, the judge has seen why */
	       (sum[1][SILENT] > 10 || sum[1][GOT] > 1000 || !storm_is_silent(semantics));
}

static void __attribute__((constructor)) hooked(void)
{
	stay_hooked();
}

FIXTURE(storm) {};
FIXTURE_VARIANT(storm) {
	enum semantics semantics;
};

ADD_SEMANTICS(storm);

static void __attribute__((constructor)) choose(void)
{
	leave_out_untried();
}

FIXTURE_SETUP(storm)
{
	if (variant->semantics != NATIVE && access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	new_netns();
	if (variant->semantics != NATIVE)
		semantics_set(variant->semantics);
	semantics = variant->semantics;
}

FIXTURE_TEARDOWN(storm)
{
}

/* Each packet is received by a socket that may have it, refused, or lost with a socket */
TEST_F_TIMEOUT(storm, every_packet_is_accounted_for, 900)
{
	unsigned long udp[FATES] = {}, tcp[FATES] = {};
	int lane;

	bulk_files(THREADS * (MAX_LATE + MAX_HELD + 100));
	start();
	sleep(test_seconds(SECONDS));
	EXPECT_TRUE(wait_for(has_blown, NULL, 100000));
	end();
	for (lane = 0; lane < LANES; lane++)
		EXPECT_EQ(0, judge(lane, lane < LANE(TCP, 0) ? udp : tcp));
	/* The kernel counts the same */
	EXPECT_LE(udp[REFUSED], udp_counter("NoPorts"));
	EXPECT_GE(udp[REFUSED] + udp[LOST], udp_counter("NoPorts"));
	EXPECT_EQ(0, udp_counter("RcvbufErrors"));
	EXPECT_EQ(0, udp_counter("InErrors"));
}

TEST_HARNESS_MAIN
