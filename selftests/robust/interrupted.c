// SPDX-License-Identifier: GPL-2.0
/*
 * A task is killed, closes a socket or waits at the worst possible moment. Afterwards
 * the state is the old one or the one that was asked for.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "bulk.h"
#include "harness.h"
#include "rules.h"

#define OTHERS	3000	/* sockets that make a switch take its time */
#define ROUNDS	30
#define MEMBERS	300
#define STAY	20	/* of them, to the end */
#define QUEUE	2000	/* connections that no task accepts */
#define LEAST	20	/* connections while a listener closes */
#define GROUP	"239.1.1.1"

/* See sock_fence(): once a datagram through it is read, all that was sent before has arrived */
static int fence;

/* The one that this run tries */
static enum semantics bsd;

FIXTURE(interrupted) {};

FIXTURE_SETUP(interrupted)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	bsd = semantics_bsd();
	stay_hooked();
	new_netns();
	srandom(seed());
	bulk_files(OTHERS + MEMBERS + QUEUE + 100);
	stay_on(0);
	fence = sock_bind("udp", "127.0.0.1:9", 0);
	sock_connect(fence, "127.0.0.1:9");
}

FIXTURE_TEARDOWN(interrupted)
{
}

/* Which of two gets 16 datagrams, each from another port; 0: both do */
static int receiver(const int *fd)
{
	int n[2] = {}, i, j, s;
	char c;

	for (i = 0; i < 16; i++) {
		s = sock_open("udp", AF_INET, 0);
		sock_connect(s, "127.0.0.1" AT_PORT);
		if (send(s, "x", 1, 0) != 1)
			die("send");
		close(s);
	}
	sock_fence(fence);
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 16; j++)
			n[i] += recv(fd[i], &c, 1, MSG_DONTWAIT) == 1;
	}
	if (n[0] + n[1] != 16)
		die("%d datagrams of 16", n[0] + n[1]);
	return n[0] && n[1] ? 0 : n[0] ? 1 : 2;
}

/* Of two on 0.0.0.0 that were bound one after the other */
static int receiver_of(enum semantics semantics)
{
	return semantics == BSD || semantics == DARWIN ? 1 : 2;
}

static pid_t switcher(enum semantics to)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	stay_on(get_nprocs() > 1);
	semantics_set(to);
	_exit(0);
}

/* How long the task takes, in us */
static long switcher_takes(enum semantics to)
{
	long long took = -now_ns();

	if (waitpid(switcher(to), NULL, 0) < 0)
		die("no switcher");
	took += now_ns();
	semantics_set(bsd);
	return took / 1000;
}

/* A task that is killed while it switches has switched or not, never in part */
TEST_F_TIMEOUT(interrupted, killed_while_switching, 600)
{
	/* Such that another socket receives */
	enum semantics to = receiver_of(bsd) == 1 ? PRE39 : BSD, is;
	int fd[2], i, kept = 0;
	long takes;
	pid_t pid;

	semantics_set(bsd);
	for (i = 0; i < 2; i++)
		fd[i] = sock_bind("udp", "0.0.0.0" AT_PORT, S_REUSEPORT);
	for (i = 0; i < OTHERS; i++)
		sock_bind("udp", text("127.0.0.1:%d", 10000 + i), 0);
	ASSERT_EQ(receiver_of(bsd), receiver(fd));
	takes = switcher_takes(to);
	/* Until some were killed before and some after: other load changes how long it takes */
	for (i = 0; i < ROUNDS || !kept || kept == i; i++) {
		pid = switcher(to);
		usleep(random() % (3 * takes / 2));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		is = semantics_is(bsd) ? bsd : to;
		ASSERT_TRUE(semantics_is(is));
		kept += is == bsd;
		takes += (is == bsd ? takes : -takes) / 8;
		ASSERT_EQ(receiver_of(is), receiver(fd))
			TH_LOG("round %d: %s", i, semantics_name[is]);
		semantics_set(bsd);
	}
	TH_LOG("a switch takes %ld us; %d of %d not switched", takes, kept, i);
}

/* However many were bound before a switch, they are older than what is bound after it */
TEST_F_TIMEOUT(interrupted, many_bound_before, 300)
{
	/* openbsd and netbsd do not take AF_INET6 sockets for the same kind */
	bool families = bsd == OPENBSD || bsd == NETBSD;
	const char *same = families ? "127.0.0.1" AT_PORT : "[::ffff:127.0.0.1]" AT_PORT;
	int fd[2], i;

	fd[0] = sock_bind("udp", "127.0.0.1" AT_PORT, S_REUSEPORT);
	for (i = 0; i < OTHERS; i++)
		sock_bind("udp", text("127.0.0.1:%d", 10000 + i), 0);
	for (i = 0; i < 3; i++) {
		semantics_set(NATIVE);
		semantics_set(bsd);
	}
	/* The newest receives; elsewhere their lists are two */
	fd[1] = sock_bind("udp", same, S_REUSEPORT);
	EXPECT_EQ(2, receiver(fd));
}

/* Closes all but some, one after the other */
static void *closer(void *arg)
{
	int *fd = arg, i;

	stay_on(get_nprocs() > 1);
	for (i = MEMBERS - 1; i >= STAY; i--) {
		close(fd[i]);
		usleep(200);
	}
	return NULL;
}

static void join(int fd)
{
	const struct ip_mreqn group = {
		.imr_multiaddr.s_addr = inet_addr(GROUP), .imr_ifindex = 1,
	};

	if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)))
		die("no member of %s", GROUP);
}

static int copies(int fd, unsigned int number)
{
	unsigned int got;
	int n = 0;

	while (recv(fd, &got, sizeof(got), MSG_DONTWAIT) == sizeof(got))
		n += got == number;
	return n;
}

/* Members leave a group while a datagram is delivered to it: no socket gets two copies */
TEST_F_TIMEOUT(interrupted, members_close, 600)
{
	unsigned int number = 0;
	int fd[MEMBERS], s, i, round, oldest;
	pthread_t thread;

	run("ip route add 224.0.0.0/4 dev lo");
	semantics_set(bsd);
	for (round = 0; round < ROUNDS; round++) {
		/* It is older than the socket that ends the delivery, so it gets none */
		oldest = sock_bind("udp", "0.0.0.0" AT_PORT, S_REUSEPORT);
		join(oldest);
		for (i = 0; i < MEMBERS; i++) {
			fd[i] = sock_bind("udp", "0.0.0.0" AT_PORT, S_REUSEPORT);
			join(fd[i]);
		}
		sock_set(fd[0], SOL_SOCKET, SO_REUSEPORT, 0);
		s = sock_open("udp", AF_INET, 0);
		sock_connect(s, GROUP AT_PORT);
		if (pthread_create(&thread, NULL, closer, fd))
			die("no thread");
		for (i = 0; i < 20; i++) {
			number++;
			if (send(s, &number, sizeof(number), 0) != sizeof(number))
				die("send");
			sock_fence(fence);
			ASSERT_EQ(1, copies(fd[0], number));
			ASSERT_EQ(1, copies(fd[STAY - 1], number));
			ASSERT_EQ(0, copies(oldest, number));
		}
		pthread_join(thread, NULL);
		for (i = 0; i < STAY; i++)
			close(fd[i]);
		close(oldest);
		close(s);
	}
}

/*
 * Connects LEAST times, and until there is something to read from @until. Writes to @said
 * that it began, then how many connections there were and how many were refused
 */
static void connect_for_ever(int until, int said)
{
	struct pollfd p = { .fd = until, .events = POLLIN };
	int n = 0, refused = 0, fd;

	stay_on(get_nprocs() > 1);
	while (n < LEAST || !poll(&p, 1, 0)) {
		fd = sock_open("tcp", AF_INET, 0);
		refused += sock_try_connect(fd, "127.0.0.1" AT_PORT) == ECONNREFUSED;
		close(fd);
		if (!n++ && write(said, &n, sizeof(n)) != sizeof(n))
			die("write");
	}
	if (write(said, &n, sizeof(n)) != sizeof(n) ||
	    write(said, &refused, sizeof(refused)) != sizeof(refused))
		die("write");
}

/* A listener closes while its queue is long: clients still reach the other listener */
TEST_F_TIMEOUT(interrupted, listener_closes, 100)
{
	int until[2], said[2], fd[2], i, n, refused;
	pid_t pid;

	ASSERT_EQ(0, pipe(until));
	ASSERT_EQ(0, pipe(said));
	write_file("/proc/sys/net/core/somaxconn", "%d", 10 * QUEUE);
	semantics_set(bsd);
	for (i = 0; i < 2; i++) {
		fd[i] = sock_bind("tcp", "127.0.0.1" AT_PORT, S_REUSEPORT);
		ASSERT_EQ(0, listen(fd[i], 10 * QUEUE));
	}
	for (i = 0; i < QUEUE; i++)
		bulk_connect(LOOPBACK(0), LOOPBACK(0), PORT);
	pid = fork();
	if (!pid) {
		close(fd[0]);
		close(fd[1]);
		connect_for_ever(until[0], said[1]);
		_exit(0);
	}
	ASSERT_EQ(sizeof(n), read(said[0], &n, sizeof(n)));
	/* The newest has got them all */
	close(fd[1]);
	usleep(50000 * slowness());
	ASSERT_EQ(1, write(until[1], "", 1));
	ASSERT_EQ(sizeof(n), read(said[0], &n, sizeof(n)));
	ASSERT_EQ(sizeof(refused), read(said[0], &refused, sizeof(refused)));
	waitpid(pid, NULL, 0);
	TH_LOG("%d connections, %d refused", n, refused);
	EXPECT_EQ(0, refused);
}

static void *sets_reuseport(void *value)
{
	int fd = sock_open("tcp", AF_INET, 0);

	/* Waits until there is something at @value */
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, value, sizeof(int)) || errno != ENOPROTOOPT)
		die("SO_REUSEPORT: %s", strerror(errno));
	close(fd);
	return NULL;
}

/* A page fault in setsockopt() that its owner delays holds up no switch and no rmmod */
TEST_F_TIMEOUT(interrupted, waits_for_user_memory, 300)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_zeropage zero = {};
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	size_t size = sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;

	if (uffd < 0)
		SKIP(return, "no userfaultfd in this kernel");
	reg.range = (struct uffdio_range){ (uintptr_t)page, size };
	zero.range = reg.range;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
	semantics_set(PRE39);
	ASSERT_EQ(0, pthread_create(&thread, NULL, sets_reuseport, page));
	ASSERT_EQ(1, poll(&p, 1, 60000));
	/* All that was installed goes, with the module */
	if (reuse_ko())
		reuse_unload();
	else
		semantics_set(NATIVE);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	reuse_load_again();
	close(uffd);
}

TEST_HARNESS_MAIN
