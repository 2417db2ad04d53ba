// SPDX-License-Identifier: GPL-2.0
/* The module is loaded and unloaded while its file is read, and leaves nothing behind. */
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bulk.h"
#include "harness.h"
#include "why.h"

#define TIMES	30

static void __attribute__((destructor)) end_with_the_module(void)
{
	reuse_load_again();
}

static void __attribute__((constructor)) skip_without_path(void)
{
	if (reuse_ko())
		return;
	printf("TAP version 13\n1..0 # SKIP set REUSE_KO to the path of reuse.ko\n");
	exit(KSFT_SKIP);
}

static bool missing(const char *path)
{
	return access(path, F_OK) && errno == ENOENT;
}

/* Until it is killed; @fn returns only to be called again */
static pid_t repeat(void (*fn)(void))
{
	pid_t pid = fork();

	if (pid < 0)
		die("no process");
	while (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn();
	}
	return pid;
}

/* The child must still be alive: it dies of an unexpected result */
static bool end(pid_t pid)
{
	bool alive = !waitpid(pid, NULL, WNOHANG);

	kill(pid, SIGKILL);
	return alive && waitpid(pid, NULL, 0) == pid;
}

/* Events, counted by all processes */
static struct {
	unsigned long whole;
	unsigned long broken;
	unsigned long netns;
} *done;

/* Reads the file; that it ends early is all that may happen */
static void read_any(void)
{
	int fd = open(REUSE_FILE, O_RDONLY | O_CLOEXEC);
	char buf[3000];
	ssize_t n;

	if (fd < 0) {
		if (errno != ENOENT && errno != ENXIO)
			die("open");
		usleep(500);
		return;
	}
	do {
		n = read(fd, buf, sizeof(buf));
	} while (n > 0);
	if (n < 0 && errno != EIO)
		die("read");
	__atomic_add_fetch(n ? &done->broken : &done->whole, 1, __ATOMIC_RELAXED);
	close(fd);
	usleep(1000);
}

/* Asks; that the module is gone is all that may happen */
static void ask_any(void)
{
	int fd = open(WHY, O_RDWR | O_CLOEXEC);
	char buf[2000];

	if (fd < 0 && errno != ENOENT && errno != ENXIO)
		die("open");
	if (fd >= 0 && (write(fd, "proto=tcp local_address=127.0.0.1:1000", 38) < 0 ||
			read(fd, buf, sizeof(buf)) < 0) && errno != EIO)
		die("ask");
	if (fd >= 0)
		close(fd);
	usleep(500);
}

static void enter_netns(void)
{
	new_netns();
	bulk_bind("tcp", LOOPBACK(0), 7, S_LISTEN);
	bulk_bind("udp", LOOPBACK(0), 7, 0);
	read_any();
	__atomic_add_fetch(&done->netns, 1, __ATOMIC_RELAXED);
}

/* Namespaces come and go, and with them what was bound there */
static void churn_netns(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		enter_netns();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("no namespace");
	usleep(5000);
}

static void churn_sockets(void)
{
	int listener = bulk_bind("tcp", LOOPBACK(0), 8000, S_LISTEN | S_REUSEADDR), i;

	for (i = 0; i < 50; i++) {
		int fd = bulk_connect(LOOPBACK(i), LOOPBACK(0), 8000);
		int child = sock_accept(listener);

		close(bulk_bind("udp", LOOPBACK(i), 9000 + i, 0));
		if (i % 2) {
			close(child);
			close(fd);
		} else {
			sock_abort(fd);
			close(child);
		}
	}
	close(listener);
	usleep(5000);
}

FIXTURE(reload) {
};

FIXTURE_SETUP(reload)
{
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, done);
	reuse_load_again();
	new_netns();
}

FIXTURE_TEARDOWN(reload)
{
}

/* All calls on files that were open give an error; none is left */
TEST_F(reload, open_files_end)
{
	struct pollfd poll_fd = { .events = POLLIN };
	struct why why;
	char buf[1000];
	struct stat st;
	int i, fd, asked;

	for (i = 0; i < 1000; i++)
		bulk_bind("tcp", LOOPBACK(0), 1000 + i, 0);
	fd = open(REUSE_FILE, O_RDONLY);
	poll_fd.fd = fd;
	ASSERT_EQ(1000, read(fd, buf, sizeof(buf)));
	asked = open(WHY, O_RDWR);
	ASSERT_EQ(0, why_ask_fd(&why, asked, "proto=tcp local_address=127.0.0.1:1000"));
	reuse_unload();

	EXPECT_EQ(-1, read(fd, buf, sizeof(buf)));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, pread(fd, buf, sizeof(buf), 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(EIO, why_ask_fd(&why, asked, "proto=tcp local_address=127.0.0.1:1000"));
	EXPECT_EQ(-1, pread(asked, buf, sizeof(buf), 0));
	EXPECT_EQ(EIO, errno);
	EXPECT_TRUE(missing(WHY));
	EXPECT_EQ(0, close(asked));
	EXPECT_EQ(-1, lseek(fd, 0, SEEK_SET));
	EXPECT_LE(0, poll(&poll_fd, 1, 0));
	EXPECT_EQ(0, fstat(fd, &st));
	EXPECT_TRUE(missing(REUSE_FILE));
	EXPECT_TRUE(missing("/proc/1/net/reuse"));
	EXPECT_TRUE(missing("/sys/module/reuse"));

	reuse_load();
	EXPECT_EQ(-1, read(fd, buf, sizeof(buf)));
	EXPECT_EQ(0, close(fd));
	EXPECT_TRUE(!missing("/proc/1/net/reuse"));
	EXPECT_LT(0, strlen(slurp(REUSE_FILE)));
}

/* However slow this machine is: the test has a time limit */
static bool enough_done(void)
{
	return __atomic_load_n(&done->whole, __ATOMIC_RELAXED) > 10 &&
	       __atomic_load_n(&done->broken, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&done->netns, __ATOMIC_RELAXED) > 10;
}

/* Again and again, while files are open and read, namespaces made and destroyed, sockets churned */
TEST_F_TIMEOUT(reload, many_times, 240)
{
	struct sched_param first = { .sched_priority = 1 };
	pid_t readers[2], asker, netns, sockets;
	char buf[100];
	int i, fd;

	bulk_files(5000);
	sockets = repeat(churn_sockets);
	netns = repeat(churn_netns);
	for (i = 0; i < 5000; i++)
		bulk_bind("tcp", LOOPBACK(i / 50), 7, S_REUSEADDR);
	readers[0] = repeat(read_any);
	readers[1] = repeat(read_any);
	asker = repeat(ask_any);
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));

	srandom(seed());
	for (i = 0; i < bulk_less(TIMES) || !enough_done(); i++) {
		fd = open(REUSE_FILE, O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_LT(0, read(fd, buf, sizeof(buf)));
		usleep(random() % 20000);
		reuse_unload();
		ASSERT_EQ(-1, read(fd, buf, sizeof(buf)));
		ASSERT_TRUE(missing(REUSE_FILE));
		ASSERT_TRUE(missing("/proc/1/net/reuse"));
		reuse_load();
		ASSERT_EQ(0, close(fd));
		ASSERT_TRUE(!missing(REUSE_FILE));
	}
	EXPECT_TRUE(end(readers[0]));
	EXPECT_TRUE(end(readers[1]));
	EXPECT_TRUE(end(asker));
	EXPECT_TRUE(end(netns));
	EXPECT_TRUE(end(sockets));
	TH_LOG("%lu whole reads, %lu cut short, %lu namespaces", done->whole, done->broken,
	       done->netns);
}

/* The number after @name in a file */
static long value_of(const char *path, const char *name)
{
	char *s = slurp(path), *at = strstr(s, name);
	long n = at ? atol(at + strlen(name)) : -1;

	free(s);
	errno = 0;
	if (n < 0)
		die("no %s in %s", name, path);
	return n;
}

static long tcp_sockets(void)
{
	return value_of("/proc/net/sockstat", " alloc ");
}

static bool as_before(void *before)
{
	return tcp_sockets() <= *(long *)before;
}

/* Many sockets on a port, read more than once, and by a reader that is killed */
static void use_namespace(void)
{
	int i;

	new_netns();
	raise(SIGSTOP);
	bulk_files(4000);
	for (i = 0; i < 2000; i++) {
		bulk_bind("tcp", LOOPBACK(i / 100), 7, S_REUSEADDR);
		bulk_bind("udp", LOOPBACK(i), 7, 0);
	}
	for (i = 0; i < 5; i++) {
		pid_t pid = repeat(read_any);

		read_any();
		end(pid);
	}
	_exit(0);
}

static bool no_device(void *name)
{
	return !if_nametoindex(name);
}

/*
 * A namespace lives as long as there is a reference to one of its sockets. When it
 * dies, so does a device that is half in it.
 */
TEST_F(reload, namespace_dies)
{
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid)
		use_namespace();
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	if (!try_run("ip link add half type veth peer name other netns %d", pid)) {
		kill(pid, SIGKILL);
		SKIP(return, "no veth");
	}
	kill(pid, SIGCONT);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_TRUE(wait_for(no_device, "half", 15000))
		TH_LOG("the namespace lives on");
}

/* A reader that never comes to the end, and a namespace that had one */
static void use_it(int times)
{
	char buf[200];
	int fd;

	while (times--) {
		fd = open(REUSE_FILE, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, buf, sizeof(buf)) <= 0)
			die("read");
		close(fd);
		if (times % 40 == 0)
			churn_netns();
	}
}

/* Readers that are killed in a big bucket, which is then closed */
static void read_and_close(int times)
{
	int fd[3000], i;

	bulk_files(3000);
	srandom(seed());
	for (i = 0; i < 3000; i++)
		fd[i] = bulk_bind("tcp", LOOPBACK(i / 100), 7, S_REUSEADDR);
	while (times--) {
		pid_t pid = repeat(read_any);

		usleep(random() % 20000);
		if (!end(pid))
			die("the reader died");
	}
	for (i = 0; i < 3000; i++)
		close(fd[i]);
}

/* Readers, namespaces and sockets that are gone leave no memory behind */
TEST_F(reload, nothing_leaks)
{
	long sockets, slab, grown;
	int i;

	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "kmemleak looks for it, and has memory of its own");
	use_it(200);
	read_and_close(2);
	sockets = tcp_sockets();
	slab = value_of("/proc/meminfo", "SUnreclaim:");
	use_it(4000);
	read_and_close(50);
	EXPECT_TRUE(wait_for(as_before, &sockets, 10000))
		TH_LOG("%ld TCP sockets, %ld before", tcp_sockets(), sockets);
	for (i = 0; i < 50; i++) {
		grown = value_of("/proc/meminfo", "SUnreclaim:") - slab;
		if (grown < 1000)
			break;
		usleep(100000);
	}
	TH_LOG("slab memory grew by %ld kB", grown);
	EXPECT_GT(4000, grown);
}

TEST_HARNESS_MAIN
