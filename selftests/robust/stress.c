// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets of all kinds come, go and change in namespaces of each semantics and
 * in one that is switched, while all files are read and written at random: never
 * do two have what one may have, and the file says what there is.
 *
 * REUSE_SECONDS says how long, REUSE_SEED what is to happen: it is printed.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#include "events.h"
#include "stress.h"
#include "traces.h"
#include "variants.h"

#define SECONDS		8
#define BETWEEN_MS	2000	/* between two moments of rest */
#define LONG		60	/* from so many seconds on, all is waited for */
#define WAIT_MS		60000

/* Namespaces that come and go */
#define FOUNDERS	4
#define WARM_UP		50
#define MANY		2000	/* namespaces, if it is for long */

static int port_of(const char *name)
{
	return atoi(strrchr(name, ':') + 1);
}

static bool is_of(const struct table_row *row, const struct held *h)
{
	return *h->name && !strcmp(row->col[ADDRESS], h->name) &&
	       !strcmp(row->col[PROTO], h->udp ? "udp" : "tcp") &&
	       !strcmp(row->col[DEV], h->dev) && !strcmp(row->col[V6ONLY], h->v6only);
}

/* A row is the sum of what the workers say that they have */
static const char *row_differs(int space, const struct table_row *row)
{
	unsigned long n[REUSE_COLS] = {}, port = port_of(row->col[ADDRESS]);
	const struct held *h = stress->held[space][0];
	int i;

	if (port < LANE_PORT || port >= LANE_PORT + LANES)
		return NULL;
	for (i = 0; i < WORKERS * POOL; i++, h++) {
		if (!is_of(row, h))
			continue;
		n[h->col]++;
		n[REUSEADDR] += h->reuseaddr > 0;
		n[REUSEPORT] += h->reuseport > 0;
	}
	/* No worker knows connections that are not accepted yet, or that close */
	if (row->num[LISTEN] == n[LISTEN] && row->num[BOUND] == n[BOUND] &&
	    row->num[CONNECTED] >= n[CONNECTED] && row->num[REUSEADDR] >= n[REUSEADDR] &&
	    row->num[REUSEPORT] >= n[REUSEPORT] &&
	    (*row->col[PROTO] == 't' || row->num[CONNECTED] == n[CONNECTED]))
		return NULL;
	/* LISTEN, BOUND, CONNECTED, REUSEADDR, REUSEPORT */
	return text("%s %s: (%lu %lu %lu %lu %lu), held (%lu %lu %lu %lu %lu)",
		    row->col[PROTO], row->col[ADDRESS], row->num[LISTEN], row->num[BOUND],
		    row->num[CONNECTED], row->num[REUSEADDR], row->num[REUSEPORT], n[LISTEN],
		    n[BOUND], n[CONNECTED], n[REUSEADDR], n[REUSEPORT]);
}

/* The bucket's cache is right, apart from options that changed after bind() */
static const char *cache_differs(const struct table_row *row)
{
	int lane = port_of(row->col[ADDRESS]) - LANE_PORT;
	const unsigned long *n = row->num;

	if (*row->col[PROTO] != 't' || lane < 0 || lane >= LANES || LANE_SORT(lane) == WILD)
		return NULL;
	if (!strcmp(row->col[FASTREUSE], "1") && (n[REUSEADDR] < n[SOCKETS] || n[LISTEN]))
		return text("%s: fastreuse is 1, but not all share", row->col[ADDRESS]);
	if (!strcmp(row->col[FASTREUSEPORT], "1") &&
	    (n[REUSEPORT] < n[SOCKETS] ||
	     (strcmp(row->col[UID], row->col[FASTUID]) && strcmp(row->col[UID], "-"))))
		return text("%s: fastreuseport is 1, but not all share", row->col[ADDRESS]);
	return NULL;
}

/* The file lists exactly the sockets that the workers hold */
static const char *space_differs(int space)
{
	const struct held *h = stress->held[space][0];
	const char *why = NULL;
	struct table table;
	size_t i, j;

	stress_enter(space);
	table_read(REUSE_FILE, &table);
	for (i = 0; i < table.n && !why; i++)
		why = row_differs(space, &table.row[i]) ?: cache_differs(&table.row[i]);
	for (i = 0; i < WORKERS * POOL && !why; i++) {
		for (j = 0; j < table.n && !is_of(&table.row[j], &h[i]); j++)
			;
		if (*h[i].name && j == table.n)
			why = text("no row %s %s of a socket that is held",
				   h[i].udp ? "udp" : "tcp", h[i].name);
	}
	table_free(&table);
	return why;
}

static bool all_rest(void *arg)
{
	(void)arg;
	return __atomic_load_n(&stress->resting, __ATOMIC_ACQUIRE) == SPACES * WORKERS;
}

static const char *differs(void)
{
	const char *why = NULL;
	int i;

	stress->resting = 0;
	__atomic_add_fetch(&stress->asked, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&stress->rest, true, __ATOMIC_RELEASE);
	if (!wait_for(all_rest, NULL, WAIT_MS))
		return "some worker does not rest";
	for (i = 0; i < SPACES && !why; i++) {
		why = space_differs(i);
		if (why)
			why = text("namespace %d: %s", i, why);
	}
	return why;
}

static bool agree(void *why)
{
	return !(*(const char **)why = differs());
}

/*
 * Everybody rests; what is on its way still needs a moment.
 * Returns what differs then between what there is and what the file says.
 */
static const char *moment_of_rest(void)
{
	const char *why;

	if (wait_for(agree, &why, 10000))
		why = NULL;
	__atomic_store_n(&stress->rest, false, __ATOMIC_RELEASE);
	return why;
}

static bool nothing(void *arg)
{
	struct table table;
	bool none;

	(void)arg;
	table_read(REUSE_FILE, &table);
	none = !table.n;
	table_free(&table);
	return none;
}

FIXTURE(stress) {};

/* One of those is tried, beside native and pre39 */
FIXTURE_VARIANT(stress) {
	enum semantics semantics;
};

ADD_BSDS(stress);

static void __attribute__((constructor)) choose(void)
{
	leave_out_untried();
}

FIXTURE_SETUP(stress)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	stress_begin();
}

FIXTURE_TEARDOWN(stress)
{
}

/* Three namespaces that keep to their semantics, and one that is switched */
TEST_F_TIMEOUT(stress, storm, 100000)
{
	time_t end = time(NULL) + test_seconds(SECONDS);
	const char *why = NULL;
	int i, rests = 0;

	for (i = 0; i <= BSD; i++) {
		stress->space[i].semantics = i < BSD ? (enum semantics)i : variant->semantics;
		stress->space[i].fixed = true;
		stress_enter(i);
		semantics_set(stress->space[i].semantics);
	}
	stress_spawn_workers();
	stress_spawn(stress_read, 0, 0);
	stress_spawn(stress_read, 0, 1);
	stress_spawn(stress_write, 0, 0);
	stress_spawn(stress_switch, 0, 0);
	stress_spawn(stress_log, 0, 0);
	do {
		usleep(1000 * BETWEEN_MS);
		why = moment_of_rest();
		rests++;
	} while (!why && time(NULL) < end);
	EXPECT_TRUE(!why)
		TH_LOG("%s", why);
	EXPECT_EQ(0, stress_end());
	why = stress_left();
	EXPECT_TRUE(!why)
		TH_LOG("%s", why);
	for (i = 0; i < SPACES && test_seconds(SECONDS) >= LONG; i++) {
		stress_enter(i);
		EXPECT_TRUE(wait_for(nothing, NULL, 2 * WAIT_MS));
	}
	TH_LOG("%d rests, %s", rests, stress_summary());
	for (i = 0; i <= SWITCHES; i++)
		EXPECT_TRUE(i == MISSING || stress->done[i]);
}

/* Has the kernel give back what it keeps of a cache; KASAN, too, frees its objects then */
static void give_back(const char *cache)
{
	const char *path = text("/sys/kernel/slab/%s/shrink", cache);

	if (!access(path, W_OK))
		write_file(path, "1\n");
}

/* The number after @name in a file */
static long value_of(const char *path, const char *name)
{
	char *s = slurp(path), *at = strstr(s, name);
	long n;

	if (!at)
		die("no %s in %s", name, path);
	n = atol(at + strlen(name));
	free(s);
	return n;
}

/* How many there are. What a dead one leaves is freed with the next one that dies */
static long namespaces(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWNET) ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		die("no namespace");
	give_back("net_namespace");
	return value_of("/proc/slabinfo", "\nnet_namespace ");
}

static bool few_left(void *most)
{
	return namespaces() <= *(long *)most;
}

/* As many as there is time for, or only some; then all are to die */
static void found_some(struct __test_metadata *_metadata, int seconds, unsigned long least)
{
	time_t end = time(NULL) + seconds;
	long most = 2 * SPACES;
	int i;

	for (i = 0; i < FOUNDERS; i++)
		stress_spawn(stress_found, i, 0);
	while (time(NULL) < end || stress->done[NAMESPACES] < least)
		usleep(10000);
	EXPECT_EQ(0, stress_end());
	EXPECT_TRUE(wait_for(few_left, &most, WAIT_MS))
		TH_LOG("%ld namespaces live on", namespaces());
}

struct memory {
	long objects;	/* kB */
	long available;
};

/* Is this line of slabinfo about namespaces, their sockets, or objects without a name? */
static bool is_ours(const char *line)
{
	static const char * const prefix[] = {
		"kmalloc-", "net_namespace", "TCP", "UDP", "RAW", "reuse",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefix); i++) {
		if (!strncmp(line, prefix[i], strlen(prefix[i])))
			return true;
	}
	return false;
}

static void give_back_ours(void)
{
	char *s = slurp("/proc/slabinfo"), *line;

	for (line = strtok(s, "\n"); line; line = strtok(NULL, "\n")) {
		if (is_ours(line)) {
			line[strcspn(line, " ")] = '\0';
			give_back(line);
		}
	}
	free(s);
}

/* kB of objects. (Slabs are kept for long after the objects that were in them.) */
static long objects(void)
{
	char *s = slurp("/proc/slabinfo"), *line;
	unsigned long n, all, size, sum = 0;

	for (line = strtok(s, "\n"); line; line = strtok(NULL, "\n")) {
		if (is_ours(line) && sscanf(line, "%*s %lu %lu %lu", &n, &all, &size) == 3)
			sum += n * size;
	}
	free(s);
	return sum / 1024;
}

static struct memory memory_now(void)
{
	give_back_ours();
	return (struct memory){
		objects(),
		value_of("/proc/meminfo", "MemAvailable:"),
	};
}

static struct memory memory_taken(const struct memory *before)
{
	struct memory now = memory_now();

	return (struct memory){
		now.objects - before->objects, before->available - now.available,
	};
}

/* Half a kB of each is too much, beside what goes up and down */
static bool little_taken(void *before)
{
	struct memory taken = memory_taken(before);
	long founded = stress->done[NAMESPACES];

	return taken.objects < 1000 * slowness() + founded / 2 &&
	       taken.available < 20000 * slowness() + founded;
}

/* Namespaces of all semantics, with sockets and readers, leave nothing behind when they die */
TEST_F_TIMEOUT(stress, namespaces, 100000)
{
	struct memory memory;
	int i;

	for (i = PRE39; i <= BSD; i++) {
		stress_enter(i);
		semantics_set(i < BSD ? PRE39 : variant->semantics);
	}
	found_some(_metadata, 0, WARM_UP);
	memory = memory_now();
	found_some(_metadata, test_seconds(SECONDS),
		   test_seconds(SECONDS) < LONG ? 2 * WARM_UP : MANY);
	/* RCU may free late */
	EXPECT_TRUE(wait_for(little_taken, &memory, WAIT_MS));
	memory = memory_taken(&memory);
	TH_LOG("%lu namespaces, %lu binds; %ld kB of objects more, %ld kB less available",
	       stress->done[NAMESPACES], stress->done[BINDS], memory.objects, memory.available);
}

TEST_HARNESS_MAIN
