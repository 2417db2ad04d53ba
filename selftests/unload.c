// SPDX-License-Identifier: GPL-2.0
/*
 * The semantics go away, by a switch or with the module, while they are in use:
 * what is left is the kernel as it was.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "harness.h"
#include "model.h"

#define HOOKED		"/sys/kernel/tracing/enabled_functions"
#define SPACES		4
#define THREADS		2
#define PORT		30000	/* not one that Linux chooses */
#define PORTS		4

/* Without REUSE_ROUNDS for so many seconds, and for so many rounds at least */
#define SECONDS		6
#define LEAST		3

static bool go_on(int round)
{
	const char *rounds = getenv("REUSE_ROUNDS");
	static time_t start;

	if (!round)
		start = time(NULL);
	if (rounds)
		return round < atoi(rounds);
	return round < LEAST || time(NULL) - start < SECONDS;
}

static void __attribute__((destructor)) end_with_the_module(void)
{
	reuse_load_again();
}

/* Nobody else intercepts these either: after an unload the name would be gone */
static bool hooked(void)
{
	const char * const *name;
	char *s = slurp(HOOKED);
	bool found = false;

	for (name = semantics_functions; *name; name++)
		found |= !!strstr(s, *name);
	free(s);
	return found;
}

/* What those who bind have done so far, in all processes */
static struct {
	unsigned long bound[SPACES];
	unsigned long refused[SPACES];
} *done;

struct space {
	int netns;
	pid_t pid;
};

static const struct model_sock kinds[] = {
	{ "127.0.0.1", 0, 0 },
	{ "127.0.0.1", S_REUSEADDR, 0 },
	{ "127.0.0.1", S_REUSEPORT, 0 },
	{ "0.0.0.0", S_REUSEADDR, 0 },
	{ "0.0.0.0", S_REUSEPORT, 0 },
	{ "[::]", S_REUSEADDR, 0 },
	{ "[::]", S_REUSEPORT | S_V6ONLY, 0 },
	{ "[::1]", 0, 0 },
};

static void connect_somewhere(int port)
{
	int fd = sock_open("tcp", AF_INET, S_NONBLOCK);
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	sock_try_connect(fd, address);
	sock_abort(fd);
}

/* bind(), listen(), connect(), close(): any answer will do */
static void use(int space, unsigned int *seed)
{
	const struct model_sock *kind = &kinds[rand_r(seed) % ARRAY_SIZE(kinds)];
	int option = rand_r(seed) % 2 ? SO_REUSEADDR : SO_REUSEPORT;
	bool tcp = rand_r(seed) % 3;
	int fd = model_open(tcp ? "tcp" : "udp", kind), one = 1;
	int err = model_bind(fd, kind, rand_r(seed) % 5 ? PORT + rand_r(seed) % PORTS : 0);

	__atomic_add_fetch(err ? &done->refused[space] : &done->bound[space], 1, __ATOMIC_RELAXED);
	setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one));
	if (tcp && !listen(fd, 4) && rand_r(seed) % 4 == 0)
		connect_somewhere(PORT + rand_r(seed) % PORTS);
	/* Without a rest it keeps RCU from its work */
	if (rand_r(seed) % 2)
		usleep(rand_r(seed) % 500);
	close(fd);
}

static void *use_for_ever(void *arg)
{
	unsigned int seed = (long)arg;
	int space = (long)arg / THREADS;

	for (;;)
		use(space, &seed);
	return NULL;
}

/* A namespace with sockets that stay and processes that bind there */
static void space_start(struct space *s, int nr)
{
	pthread_t thread;
	long i;

	new_netns();
	s->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (s->netns < 0)
		die("no namespace");
	s->pid = fork();
	if (s->pid < 0)
		die("no process");
	if (s->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sock_bind("tcp", "127.0.0.1:29999", S_LISTEN | S_REUSEADDR);
	sock_bind("udp", "[::]:29999", S_REUSEPORT);
	for (i = 1; i < THREADS; i++) {
		if (pthread_create(&thread, NULL, use_for_ever, (void *)(nr * THREADS + i)))
			die("no thread");
	}
	use_for_ever((void *)(long)(nr * THREADS));
}

/* They have to be alive still: they die of what they do not expect */
static bool space_stop(struct space *s)
{
	bool alive = !waitpid(s->pid, NULL, WNOHANG);

	kill(s->pid, SIGKILL);
	close(s->netns);
	return alive && waitpid(s->pid, NULL, 0) == s->pid;
}

static void space_enter(const struct space *s)
{
	if (setns(s->netns, CLONE_NEWNET))
		die("cannot enter the namespace");
}

static enum semantics answers(void)
{
	return semantics_seen(PORT + PORTS);
}

FIXTURE(use) {
	struct space space[SPACES];
	int n;
};

FIXTURE_SETUP(use)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	if (access(HOOKED, R_OK))
		SKIP(return, "no tracefs");
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, done);
	for (self->n = 0; self->n < SPACES; self->n++)
		space_start(&self->space[self->n], self->n);
}

FIXTURE_TEARDOWN(use)
{
	int i;

	for (i = 0; i < self->n; i++) {
		EXPECT_TRUE(space_stop(&self->space[i]));
		EXPECT_LT(0, done->bound[i]);
		EXPECT_LT(0, done->refused[i]);
		TH_LOG("namespace %d: %lu bound, %lu refused", i, done->bound[i], done->refused[i]);
	}
}

/* The module is unloaded while sockets are open and binds in flight */
TEST_F_TIMEOUT(use, unload, 100000)
{
	struct sched_param first = { .sched_priority = 1 };
	int round, i;

	if (!reuse_ko())
		SKIP(return, "set REUSE_KO to the path of reuse.ko");
	/* Or it waits for those that never do */
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
	for (round = 0; go_on(round); round++) {
		for (i = 0; i < SPACES; i++) {
			space_enter(&self->space[i]);
			semantics_set((round + i) % 3);
		}
		usleep(random() % 50000);
		reuse_unload();
		ASSERT_FALSE(hooked());
		ASSERT_EQ(NATIVE, answers());
		reuse_load();
	}
	TH_LOG("%d rounds", round);
}

/* Four namespaces are switched at random while they are in use */
TEST_F_TIMEOUT(use, switch, 100000)
{
	struct sched_param first = { .sched_priority = 1 };
	int round, i;

	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &first));
	for (round = 0; go_on(round); round++) {
		enum semantics semantics = random() % 3;

		space_enter(&self->space[random() % SPACES]);
		semantics_set(semantics);
		if (random() % 4 == 0)
			usleep(random() % 20000);
		if (random() % 4 == 0)
			ASSERT_EQ(semantics, answers());
	}
	for (i = 0; i < SPACES; i++) {
		space_enter(&self->space[i]);
		semantics_set(NATIVE);
	}
	EXPECT_FALSE(hooked());
	for (i = 0; i < SPACES; i++) {
		space_enter(&self->space[i]);
		EXPECT_EQ(NATIVE, answers());
	}
	TH_LOG("%d switches", round);
}

TEST_HARNESS_MAIN
