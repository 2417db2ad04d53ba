// SPDX-License-Identifier: GPL-2.0
/*
 * An address that one socket after the other holds is in each read of the file,
 * where it is in a long slot of the kernel's table that several ports share.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "bulk.h"
#include "harness.h"

/* Two ports that share a slot of a table with up to so many slots */
#define FIRST_PORT	20000
#define SLOTS_MAX	32768
#define BEFORE		256	/* sockets of the other port, that a read meets before */
#define BESIDE		600	/* sockets in the list of the address */
#define READS_LEAST	20

/* How many slots the kernel's table has, as it says when it boots; 0 if that is gone */
static unsigned long bind_slots(void)
{
	static const char text[] = "TCP bind hash table entries: ";
	static char log[1 << 20];
	const char *at;

	if (klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1) < 0)
		return 0;
	at = strstr(log, text);
	return at ? strtoul(at + sizeof(text) - 1, NULL, 10) : 0;
}

/**
 * struct address - the one that is handed over
 * @family: AF_INET: 127.0.0.9, beside sockets of 127.0.0.1; AF_INET6: :: without
 *	IPv4, beside sockets of :: with it, that have the same list on all kernels
 * @row: as the file has it
 * @v6only: "0" or "1", as in the file
 */
struct address {
	int family;
	const char *row;
	const char *v6only;
};

static int bind_address(int family, bool beside, uint16_t port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd;

	if (family == AF_INET)
		return bulk_bind("tcp", LOOPBACK(beside ? 0 : 8), port, S_REUSEADDR);
	fd = sock_open("tcp", AF_INET6, S_REUSEADDR);
	sock_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !beside);
	if (bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)))
		die("bind to [::]:%u", port);
	return fd;
}

/**
 * struct shared - what the process that hands over is told, and tells
 * @turn: that has begun
 * @done: that has ended
 * @read_ns: how long a read takes
 */
struct shared {
	volatile unsigned long turn;
	volatile unsigned long done;
	volatile long long read_ns;
};

static bool begun(void *arg)
{
	const struct shared *shared = arg;

	return shared->turn != shared->done;
}

static bool ended(void *arg)
{
	return !begun(arg);
}

/* In each turn, at some moment of a read: the next socket is bound, then the last closed */
static void hand_over(const struct address *a, int fd, struct shared *shared)
{
	struct sched_param param = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &param))
		die("no SCHED_FIFO");
	for (;; shared->done++) {
		struct timespec ts = {};
		int next;

		while (!begun(shared))
			usleep(100);
		ts.tv_nsec = random() % shared->read_ns;
		nanosleep(&ts, NULL);
		next = bind_address(a->family, false, FIRST_PORT);
		close(fd);
		fd = next;
	}
}

/* The other port comes first in the slot, and the address last of its port */
static void bind_beside(const struct address *a, int *fd)
{
	int i;

	for (i = 0; i < BESIDE; i++) {
		if (fd[i])
			close(fd[i]);
	}
	for (i = 0; i < BESIDE; i++)
		fd[i] = bind_address(a->family, true, FIRST_PORT);
}

static bool listed(const struct address *a, struct shared *shared)
{
	long long began = now_ns();
	struct table table;
	char *text = slurp(REUSE_FILE);
	bool found;

	shared->read_ns = now_ns() - began;
	table_parse(text, &table);
	found = table_find(&table, "tcp", a->row, "-", a->v6only);
	table_free(&table);
	return found;
}

/* All run on one processor: the other one gets it in the middle of a read */
static void read_meanwhile(const struct address *a)
{
	int beside[BESIDE] = {}, i, fd;
	struct shared *shared;
	long long end;
	pid_t pid;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	stay_on(sched_getcpu());
	bulk_files(BEFORE + BESIDE);
	fd = bind_address(a->family, false, FIRST_PORT);
	bind_beside(a, beside);
	for (i = 0; i < BEFORE; i++)
		bind_address(a->family, true, FIRST_PORT + SLOTS_MAX);
	if (!listed(a, shared))
		die("no row %s", a->row);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hand_over(a, fd, shared);
	}
	close(fd);
	end = now_ns() + bulk_more(2) * 1000000000LL;
	while (now_ns() < end || shared->turn < READS_LEAST) {
		bind_beside(a, beside);
		shared->turn++;
		if (!listed(a, shared))
			die("no row %s in read %lu", a->row, shared->turn);
		if (!wait_for(ended, shared, 20000))
			die("it is not handed over");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

FIXTURE(handover) {
};

FIXTURE_VARIANT(handover) {
	struct address address;
};

FIXTURE_VARIANT_ADD(handover, of_one_port) {
	.address = { AF_INET, "127.0.0.9:20000", "-" },
};

FIXTURE_VARIANT_ADD(handover, of_one_address) {
	.address = { AF_INET6, "[::]:20000", "1" },
};

FIXTURE_SETUP(handover)
{
	unsigned long slots = bind_slots();

	srandom(seed());
	if (!slots || slots > SLOTS_MAX)
		SKIP(return, "boot with thash_entries=256: no ports share a slot of %lu", slots);
	new_netns();
}

FIXTURE_TEARDOWN(handover)
{
}

TEST_F_TIMEOUT(handover, is_in_each_read, 60)
{
	read_meanwhile(&variant->address);
}

TEST_HARNESS_MAIN
