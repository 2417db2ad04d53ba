// SPDX-License-Identifier: GPL-2.0
/* The memory that the module takes for a user without rights is charged to that user. */
#include <fcntl.h>
#include <sched.h>

#include "bulk.h"
#include "events.h"
#include "harness.h"
#include "hostile.h"

#define SOCKETS	4000
#define LOGS	60

/* A cgroup whose memory is accounted, or NULL */
static const char *memory_group(void)
{
	int subtree = open(CGROUP "/cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
	bool there = subtree >= 0 && write(subtree, "+memory", 7) == 7;

	close(subtree);
	bulk_files(SOCKETS);
	return there ? text(CGROUP "/hostile.%d", getpid()) : NULL;
}

struct bound {
	const char *proto;
	enum semantics semantics;
};

static void take_sockets(const void *arg)
{
	const struct bound *bound = arg;
	int i;

	semantics_set(bound->semantics);
	for (i = 0; i < SOCKETS; i++)
		bulk_bind(bound->proto, LOOPBACK(i), PORT, 0);
}

static void check_charge(struct __test_metadata *_metadata, const char *group,
			 const char *proto)
{
	struct bound bound = { proto, NATIVE };
	long long native = hostile_charge(group, take_sockets, &bound).objects, more;

	for (bound.semantics = PRE39; bound.semantics < SEMANTICS_COUNT; bound.semantics++) {
		if (!semantics_tried(bound.semantics))
			continue;
		more = hostile_charge(group, take_sockets, &bound).objects - native;
		TH_LOG("%s, %s: a socket: %lld bytes, %lld more", proto,
		       semantics_name[bound.semantics], native / SOCKETS, more / SOCKETS);
		/* 5.10 charges nothing with bottom halves off */
		if (!kernel_before(5, 11))
			EXPECT_LT(100 * SOCKETS, more);
		/* Twice as much where red zones are around all objects */
		EXPECT_GT((slowness() > 1 ? 800 : 400) * SOCKETS, more);
	}
}

FIXTURE(charged) {
	const char *group;
};

FIXTURE_SETUP(charged)
{
	if (access(SEMANTICS, F_OK))
		SKIP(return, "no net.reuse.semantics");
	if (!hostile_may_make_netns())
		SKIP(return, "users may not make namespaces here");
	self->group = memory_group();
	if (!self->group)
		SKIP(return, "no cgroup2 at " CGROUP ", or no memory controller");
}

FIXTURE_TEARDOWN(charged)
{
}

/* The memory that the module takes for a user's sockets is small, and charged to the user */
TEST_F_TIMEOUT(charged, pays_for_memory, 300)
{
	check_charge(_metadata, self->group, "udp");
	check_charge(_metadata, self->group, "tcp");
}

/* Namespaces, each with a log of that level and a reader of it */
static void take_logs(const void *level)
{
	char c;
	int i;

	for (i = 0; i < LOGS; i++) {
		if (unshare(CLONE_NEWNET))
			die("no namespace");
		events_begin(level);
		if (read(open(EVENTS_FILE, O_RDONLY), &c, 1) != 1)
			die("no log");
	}
}

static void take_namespaces(const void *unused)
{
	int i;

	(void)unused;
	for (i = 0; i < LOGS; i++) {
		if (unshare(CLONE_NEWNET) || open(EVENTS_SYSCTL, O_RDONLY) < 0 ||
		    open("/proc/self/ns/net", O_RDONLY) < 0)
			die("no namespace");
	}
}

/* So is that of logs and of their readers: some 50 kB each */
TEST_F_TIMEOUT(charged, pays_for_logs, 300)
{
	long long namespaces, readers, logs;

	namespaces = hostile_charge(self->group, take_namespaces, NULL).all;
	readers = hostile_charge(self->group, take_logs, "off").all - namespaces;
	logs = hostile_charge(self->group, take_logs, "refused").all - namespaces - readers;
	TH_LOG("a namespace: %lld bytes, a reader %lld more, a log %lld more", namespaces / LOGS,
	       readers / LOGS, logs / LOGS);
	EXPECT_LT(30000 * LOGS, readers);
	EXPECT_GT(200000 * LOGS, readers);
	EXPECT_LT(30000 * LOGS, logs);
	EXPECT_GT(200000 * LOGS, logs);
}

TEST_HARNESS_MAIN
