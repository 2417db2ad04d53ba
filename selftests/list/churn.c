// SPDX-License-Identifier: GPL-2.0
/*
 * While sockets come and go, what stays is in each read of the file, once, and
 * counted right. The churners have a higher priority than the readers and sleep
 * for moments, so they get in wherever the module drops its lock.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "bulk.h"
#include "harness.h"

#define SECONDS		4
/* The test goes on until there were as many, however slow the machine is */
#define READS_LEAST	20
#define BINDS_LEAST	200
#define CONNECTS_LEAST	100
#define BIG		7	/* port of the big buckets */
#define SERVER		8000	/* port of the server */
#define SMALL		300	/* ports with one socket */
#define ADDRESSES	20	/* rows of a big bucket */
#define TCP_EACH	200	/* sockets that stay in a row of it */
#define UDP_EACH	100
#define CHILDREN	700	/* connections that stay */
#define POOL		64	/* sockets of a churner at most */
#define NAME		32

/* A row that is in each read */
struct stable {
	const char *proto;
	char name[NAME];
	unsigned int min;
	unsigned int max;
};

static struct stable stable[2 * SMALL + 2 * ADDRESSES + CHILDREN + 2];
static size_t nstable;

/* Events, counted by all processes */
static struct {
	unsigned long reads;
	unsigned long binds;
	unsigned long connects;
} *done;

static void stays(const char *proto, const char *name, unsigned int min, unsigned int max)
{
	struct stable *s = &stable[nstable++];

	s->proto = proto;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->min = min;
	s->max = max;
}

static void bind_stable(const char *proto, uint32_t addr, uint16_t port, unsigned int flags,
			unsigned int n, unsigned int max)
{
	char name[NAME];
	unsigned int i;

	for (i = 0; i < n; i++)
		bulk_bind(proto, addr, port, flags);
	stays(proto, bulk_name(addr, port, name, sizeof(name)), n, max);
}

static int server;

/* The sockets that stay */
static void populate(void)
{
	unsigned int i, max = 2 * POOL;

	bulk_files(65000);
	write_file("/proc/sys/net/core/somaxconn", "4096");
	for (i = 0; i < SMALL; i++) {
		bind_stable("tcp", LOOPBACK(i % 5), 1000 + i, S_LISTEN, 1, 1);
		bind_stable("udp", LOOPBACK(i % 5), 1000 + i, 0, 1, 1);
	}
	for (i = 0; i < ADDRESSES; i++) {
		bind_stable("tcp", LOOPBACK(i), BIG, S_REUSEADDR, TCP_EACH, TCP_EACH + max);
		bind_stable("udp", LOOPBACK(i), BIG, S_REUSEADDR, UDP_EACH, UDP_EACH + max);
	}
	server = bulk_bind("tcp", INADDR_ANY, SERVER, S_LISTEN | S_REUSEADDR);
	stays("tcp", "0.0.0.0:8000", 1, 1);
	for (i = 0; i < CHILDREN; i++) {
		int fd = bulk_connect(LOOPBACK(1000 + i), LOOPBACK(0), SERVER);

		sock_accept(server);
		stays("tcp", sock_name(fd), 1, 1);
	}
	stays("tcp", "127.0.0.1:8000", CHILDREN, 0);
	/* From now on accept() is not to wait */
	if (fcntl(server, F_SETFL, O_NONBLOCK))
		die("O_NONBLOCK");
}

/* Reads the file in pieces of @size; what stays is there, once, with its counts */
static void read_once(size_t size)
{
	static char text[4 << 20];
	int fd = open(REUSE_FILE, O_RDONLY | O_CLOEXEC);
	struct table table;
	size_t len = 0, i;
	ssize_t n;

	while ((n = read(fd, text + len, size)) > 0)
		len += n;
	if (n)
		die("read");
	text[len] = '\0';
	close(fd);
	table_parse(strdup(text), &table);
	errno = 0;
	for (i = 0; i < nstable; i++) {
		const struct stable *s = &stable[i];
		const struct table_row *row = table_find(&table, s->proto, s->name, "-", "-");

		if (!row)
			die("no row %s %s", s->proto, s->name);
		if (row->num[SOCKETS] < s->min || (s->max && row->num[SOCKETS] > s->max))
			die("%s %s has %lu sockets, not from %u to %u", s->proto, s->name,
			    row->num[SOCKETS], s->min, s->max);
	}
	table_free(&table);
	__atomic_add_fetch(&done->reads, 1, __ATOMIC_RELAXED);
}

static bool enough_done(void)
{
	return __atomic_load_n(&done->reads, __ATOMIC_RELAXED) >= READS_LEAST &&
	       __atomic_load_n(&done->binds, __ATOMIC_RELAXED) >= BINDS_LEAST &&
	       __atomic_load_n(&done->connects, __ATOMIC_RELAXED) >= CONNECTS_LEAST;
}

/* For @seconds, and on until enough was done; the test has a time limit */
static void read_for(int seconds, size_t size)
{
	long long end = now_ns() + seconds * 1000000000LL;

	while (now_ns() < end || !enough_done())
		read_once(size);
}

/* Preempts a reader as soon as it drops its lock */
static void urgent(void)
{
	struct sched_param param = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("no SCHED_FIFO");
}

static void moment(void)
{
	struct timespec ts = { .tv_nsec = 1000 + random() % 50000 };

	nanosleep(&ts, NULL);
}

/* A process that does something until it is killed */
static pid_t spawn(void (*fn)(void))
{
	unsigned int drawn = random();
	pid_t pid = fork();

	if (pid < 0)
		die("no process");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		srandom(drawn);
		fn();
		_exit(0);
	}
	return pid;
}

static bool ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && !status;
}

static void finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* One more socket somewhere: beside those that stay, or on its own; -1 if it cannot be */
static int bind_somewhere(void)
{
	bool udp = random() % 2, big = random() % 2;
	int fd = sock_open(udp ? "udp" : "tcp", AF_INET, S_REUSEADDR);
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(big ? BIG : 1000 + random() % (2 * SMALL)),
		/* Next to the addresses of the small ports, on that of the big one, on a new one */
		.sin_addr.s_addr = htonl(LOOPBACK((big ? 0 : ADDRESSES) +
						  random() % (2 * ADDRESSES))),
	};

	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin))) {
		close(fd);
		return -1;
	}
	if (!udp && !big && random() % 2)
		listen(fd, 1);
	return fd;
}

static void churn_bind(void)
{
	int fd[POOL];

	memset(fd, -1, sizeof(fd));
	urgent();
	for (;;) {
		int i = random() % POOL;

		if (fd[i] < 0) {
			fd[i] = bind_somewhere();
		} else {
			close(fd[i]);
			fd[i] = -1;
		}
		__atomic_add_fetch(&done->binds, 1, __ATOMIC_RELAXED);
		moment();
	}
}

/*
 * A connection to the server. One of two comes from the big bucket: a socket
 * of any address there, which connect() moves to one that others stay on.
 */
static int connect_somehow(bool big)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(SERVER),
		.sin_addr.s_addr = htonl(LOOPBACK(random() % ADDRESSES)),
	};
	int fd;

	if (big)
		fd = bulk_bind("tcp", INADDR_ANY, BIG, S_REUSEADDR);
	else
		fd = sock_open("tcp", AF_INET, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void churn_connect(void)
{
	int fd[POOL];
	bool big[POOL] = {};

	memset(fd, -1, sizeof(fd));
	urgent();
	for (;;) {
		int i = random() % POOL, child;

		if (fd[i] < 0) {
			big[i] = random() % 2;
			fd[i] = connect_somehow(big[i]);
			__atomic_add_fetch(&done->connects, 1, __ATOMIC_RELAXED);
		} else {
			/* TIME_WAIT is for the other ports: the big one's sockets are counted */
			if (big[i] || random() % 2)
				sock_abort(fd[i]);
			else
				close(fd[i]);
			fd[i] = -1;
		}
		moment();
		child = random() % 2 ? accept(server, NULL, NULL) : -1;
		if (child >= 0)
			close(child);
	}
}

FIXTURE(churn) {
};

FIXTURE_SETUP(churn)
{
	srandom(seed());
	new_netns();
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, done);
}

FIXTURE_TEARDOWN(churn)
{
}

static void read_in_pieces(void)
{
	read_for(bulk_more(SECONDS), 700);
}

/* Two readers, sockets that stay in small and big buckets, two that bind, connect and close */
TEST_F_TIMEOUT(churn, what_stays, 300)
{
	pid_t reader, bind, connect;

	populate();
	read_once(1 << 20);
	bind = spawn(churn_bind);
	connect = spawn(churn_connect);
	reader = spawn(read_in_pieces);
	read_for(bulk_more(SECONDS), 1 << 20);
	EXPECT_TRUE(ended_well(reader));
	finish(bind);
	finish(connect);
	TH_LOG("%lu reads during %lu binds and closes, %lu connections", done->reads, done->binds,
	       done->connects);
}

static void hold(void)
{
	pause();
}

#define OWNERS	5000
#define OWNERS_LEAST	1000	/* divides by all that they are divided by */

/*
 * A bucket with rows of five addresses; all sockets but one in @every are closed
 * at once, by the death of their owner, while it is read.
 */
static void mass_close(const char *proto, int every)
{
	int owners = bulk_less(OWNERS) < OWNERS_LEAST ? OWNERS_LEAST : OWNERS;
	unsigned int stay = owners / every / 5;
	static int fd[OWNERS];
	char name[NAME];
	pid_t owner;
	int i;

	nstable = 0;
	for (i = 0; i < 5; i++)
		stays(proto, bulk_name(LOOPBACK(i), BIG, name, sizeof(name)), stay, owners / 5);
	for (i = 0; i < owners; i++)
		fd[i] = bulk_bind(proto, LOOPBACK(i / every % 5), BIG, S_REUSEADDR);
	owner = spawn(hold);
	for (i = 0; i < owners; i++) {
		if (i % every)
			close(fd[i]);
	}
	/* The owner has all of them still */
	read_once(1 << 20);
	kill(owner, SIGKILL);
	do {
		read_once(1 << 20);
	} while (!waitpid(owner, NULL, WNOHANG));

	for (i = 0; i < 5; i++)
		stable[i].max = stay;
	read_once(1 << 20);
	for (i = 0; i < owners; i += every)
		close(fd[i]);
}

/* With one in eight that stays, and with so few that a reader may lose its place */
TEST_F_TIMEOUT(churn, mass_close_tcp, 60)
{
	int i;

	bulk_files(OWNERS);
	for (i = 0; i < 3; i++) {
		mass_close("tcp", 8);
		mass_close("tcp", 100);
	}
}

TEST_F_TIMEOUT(churn, mass_close_udp, 60)
{
	int i;

	bulk_files(OWNERS);
	for (i = 0; i < 3; i++) {
		mass_close("udp", 8);
		mass_close("udp", 100);
	}
}

#define IN_USE	1500

static const char *handover_proto;

/*
 * All addresses have a socket at all times, but none for long: the next one is
 * bound, newest of the bucket, before the last one, oldest of it, is closed.
 */
static void hand_over(void)
{
	int fd[IN_USE] = {}, next;
	unsigned int i;

	urgent();
	for (i = 0;; i++) {
		int *old = &fd[i % IN_USE];

		if (i > IN_USE)
			moment();
		next = bulk_bind(handover_proto, LOOPBACK(i % IN_USE), BIG, S_REUSEADDR);
		if (i >= IN_USE)
			close(*old);
		*old = next;
		done->binds = i;
	}
}

static bool all_in_use(void *binds)
{
	return __atomic_load_n((unsigned long *)binds, __ATOMIC_RELAXED) > IN_USE;
}

static bool more_in_use(void *binds)
{
	return __atomic_load_n((unsigned long *)binds, __ATOMIC_RELAXED) > IN_USE + 100;
}

static int lines(const char *s)
{
	int n = 0;

	for (; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

/*
 * An address that is in use all the time is in each read, also if its socket changes. All
 * run on one processor: the task that hands over preempts a read.
 */
static void read_handover(const char *proto)
{
	long long end;
	pid_t pid;
	char *s;

	stay_on(sched_getcpu());
	bulk_files(OWNERS);
	handover_proto = proto;
	pid = spawn(hand_over);
	if (!wait_for(all_in_use, &done->binds, 20000))
		die("no hand over");
	end = now_ns() + 3000000000LL;
	for (; now_ns() < end || !more_in_use(&done->binds); done->reads++) {
		s = slurp(REUSE_FILE);
		errno = 0;
		if (lines(s) != 1 + IN_USE)
			die("%d addresses in read %lu, not %u", lines(s) - 1, done->reads, IN_USE);
		free(s);
	}
	finish(pid);
}

TEST_F_TIMEOUT(churn, handover_tcp, 120)
{
	read_handover("tcp");
	TH_LOG("%lu reads, %lu times handed over", done->reads, done->binds);
}

TEST_F_TIMEOUT(churn, handover_udp, 120)
{
	read_handover("udp");
	TH_LOG("%lu reads, %lu times handed over", done->reads, done->binds);
}

TEST_HARNESS_MAIN
