// SPDX-License-Identifier: GPL-2.0
/* The user without rights of hostile and crowd. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulk.h"
#include "env.h"
#include "events.h"
#include "hostile.h"
#include "sock.h"

#define FIRST		20000	/* of HOSTILE_PORTS that are searched */

static void own_namespaces_as(uid_t uid)
{
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		die("no namespaces");
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", "%d %d 1", uid, HOSTILE);
	lo_up();
}

/**
 * own_namespaces() - namespaces of one's own, as unshare --map-root-user makes them
 */
void own_namespaces(void)
{
	own_namespaces_as(0);
}

/**
 * hostile_fork() - fork() of which the child is a user without rights
 *
 * Return: what fork() returns.
 */
pid_t hostile_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("no process");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setresgid(HOSTILE, HOSTILE, HOSTILE) || setresuid(HOSTILE, HOSTILE, HOSTILE))
			die("cannot become uid %d", HOSTILE);
	}
	return pid;
}

/**
 * hostile_may_make_netns() - may users make namespaces here?
 *
 * Return: true if so.
 */
bool hostile_may_make_netns(void)
{
	pid_t pid = hostile_fork();

	if (!pid)
		_exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) ? 1 : 0);
	return !status_of(pid);
}

/**
 * status_of() - wait for a child
 * @pid: of the child
 *
 * Return: what waitpid() says of it.
 */
int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("no process %d", pid);
	return status;
}

/* The memory that a cgroup is charged for now */
static struct hostile_charge charged(const char *group)
{
	char *s = slurp(text("%s/memory.stat", group)), *at = strstr(s, "\nslab ");
	char *all = slurp(text("%s/memory.current", group));
	struct hostile_charge charge = {
		.objects = at ? atoll(at + 6) : 0, .all = atoll(all),
	};

	free(s);
	free(all);
	return charge;
}

/**
 * hostile_charge() - what the kernel charges such a user for something
 * @group: path of a cgroup that there is not yet
 * @take: called in namespaces of the user's own; what it takes is measured
 * @arg: for @take
 *
 * Return: bytes.
 */
struct hostile_charge hostile_charge(const char *group, void (*take)(const void *arg),
				     const void *arg)
{
	struct hostile_charge before, after;
	int ready[2], go[2];
	pid_t pid;
	char c;

	if (pipe(ready) || pipe(go))
		die("no pipe");
	pid = hostile_fork();
	if (!pid) {
		own_namespaces();
		if (write(ready[1], "", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		take(arg);
		if (write(ready[1], "", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		die("the user failed");
	/* A new one each time: what died in another is freed some time later */
	if (mkdir(group, 0755))
		die("no cgroup");
	write_file(text("%s/cgroup.procs", group), "%d", pid);
	before = charged(group);
	if (write(go[1], "", 1) != 1 || read(ready[0], &c, 1) != 1)
		die("the user failed");
	after = charged(group);
	if (write(go[1], "", 1) != 1 || status_of(pid))
		die("the user failed");
	rmdir(group);
	return (struct hostile_charge){
		after.objects - before.objects, after.all - before.all
	};
}

/* bind() to port 0, of which there is none; how long that takes */
static long long search_takes(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = sock_open("udp", AF_INET, 0), err;
	long long took = -now_ns();

	err = bind(fd, (struct sockaddr *)&any, sizeof(any));
	took += now_ns();
	close(fd);
	if (!err)
		die("there is a port");
	return took;
}

/* The same, of which the namespace is switched back to native after @ns */
static long long switched_search_takes(long long ns)
{
	long long took;
	int result[2];
	pid_t pid;

	if (pipe(result))
		die("no pipe");
	semantics_set(semantics_bsd());
	pid = fork();
	if (!pid) {
		took = search_takes();
		_exit(write(result[1], &took, sizeof(took)) != sizeof(took));
	}
	usleep(ns / 1000);
	semantics_set(NATIVE);
	if (read(result[0], &took, sizeof(took)) != sizeof(took) || status_of(pid))
		die("no search");
	close(result[0]);
	close(result[1]);
	return took;
}

/* A busy host makes one in two late */
#define TRIES	15

static long long shortest(long long (*take)(long long arg), long long arg)
{
	long long took = take(arg), again;
	int i;

	for (i = 0; i < TRIES; i++) {
		again = take(arg);
		took = took < again ? took : again;
	}
	return took;
}

static long long whole_search_takes(long long unused)
{
	(void)unused;
	return search_takes();
}

/**
 * hostile_search() - look for a port where there is none, and switch back meanwhile
 * @native: how long it takes natively, in ns
 * @bsd: under the BSD of this run
 * @switched: if the namespace is switched from that to native after an eighth of that
 */
void hostile_search(long long *native, long long *bsd, long long *switched)
{
	int i;

	own_namespaces();
	write_file(PORT_RANGE, "%d %d", FIRST,
		   FIRST + HOSTILE_PORTS - 1);
	for (i = 0; i < HOSTILE_PORTS; i++)
		bulk_bind("udp", 0, FIRST + i, 0);
	*native = shortest(whole_search_takes, 0);
	semantics_set(semantics_bsd());
	*bsd = shortest(whole_search_takes, 0);
	*switched = shortest(switched_search_takes, *bsd / 8);
}

/* Binds to the port again and again */
static void bind_for_ever(const char *proto, const char *address)
{
	int s;

	for (;;) {
		s = sock_open(proto, AF_INET, 0);
		sock_try_bind(s, address);
		close(s);
	}
}

/**
 * hostile_addresses() - a port with many addresses, and one more again and again
 * @proto: tcp or udp
 */
void hostile_addresses(const char *proto)
{
	int i;

	for (i = 0; i < HOSTILE_CROWD; i++)
		bulk_bind(proto, LOOPBACK(0x10000 + i), PORT, 0);
}

/**
 * hostile_connections() - a port with many connections of one address
 * @proto: tcp
 *
 * To a BSD they are the worst if a wildcard is newer: each of them may be newer still.
 */
void hostile_connections(const char *proto)
{
	int i, s;

	for (i = 0; i < HOSTILE_CROWD; i++) {
		s = bulk_bind(proto, LOOPBACK(0), PORT, S_REUSEPORT);
		sock_set(s, IPPROTO_TCP, TCP_REPAIR, 1);
		sock_connect(s, text("127.3.0.1:%d", 1024 + i));
	}
	bulk_bind(proto, 0, PORT, S_REUSEPORT);
}

/**
 * hostile_places() - a port with many addresses, and many that may have got one of them
 * @proto: tcp
 *
 * A socket bound to ::ffff:0.0.0.0 takes an address when it is connected, and keeps it.
 */
void hostile_places(const char *proto)
{
	const char *any = text("[::ffff:0.0.0.0]:%d", PORT);
	int i;

	for (i = 0; i < HOSTILE_CROWD; i++)
		sock_bind(proto, any, S_REUSEPORT);
	for (i = 0; i < HOSTILE_CROWD; i++)
		bulk_bind(proto, LOOPBACK(i), PORT, S_REUSEPORT);
}

/**
 * hostile_binds() - crowd a port, and bind to it for ever
 * @proto: tcp or udp
 * @semantics: of the namespace
 * @uid: of the user, in the namespaces that it makes
 * @crowd: makes the sockets that are there already
 * @ready: written to when they are
 */
void hostile_binds(const char *proto, enum semantics semantics, uid_t uid,
		   void (*crowd)(const char *proto), int ready)
{
	const char *address = crowd == hostile_addresses ? "127.2.0.1" :
			      crowd == hostile_places ? "0.0.0.0" : "127.0.0.1";

	own_namespaces_as(uid);
	if (semantics_try(semantics))
		die("no semantics");
	crowd(proto);
	if (write(ready, "", 1) != 1)
		die("pipe");
	bind_for_ever(proto, text("%s:%d", address, PORT));
}

/**
 * hostile_time_namespace() - time the making of a network namespace
 *
 * Return: nanoseconds.
 */
long long hostile_time_namespace(void)
{
	long long took = -now_ns();
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWNET));
	if (pid < 0 || status_of(pid))
		die("no namespace");
	return took + now_ns();
}

static void on_alarm(int signal)
{
	(void)signal;
}

/**
 * hostile_switch_under_signals() - switch, with a signal every some milliseconds
 * @semantics: what to
 *
 * Return: 0 or the errno.
 */
int hostile_switch_under_signals(enum semantics semantics)
{
	struct itimerval timer = { { 0, 50000 }, { 0, 50000 } };
	struct sigaction action = { .sa_handler = on_alarm };
	int err;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	err = semantics_try(semantics);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	return err;
}

/**
 * hostile_flood() - have a line in the log of a namespace of one's own for each bind(), as fast
 * as can be, and exit: with 0 if all went so
 * @level: net.reuse.log
 * @us: how long, in microseconds
 */
void hostile_flood(const char *level, long long us)
{
	long long end = now_ns() + 1000 * us * slowness();
	struct events events;
	unsigned int i;

	own_namespaces();
	sock_bind("udp", "0.0.0.0:30000", 0);
	events_begin(level);
	for (i = 0; now_ns() < end; i++) {
		int s = sock_open("udp", AF_INET, 0);

		if (sock_try_bind(s, text("127.%d.%d.%d:30000", 1 + i / 62500, i / 250 % 250,
					  1 + i % 250)) != EADDRINUSE)
			_exit(1);
		close(s);
	}
	events_read(EVENTS_FILE, &events);
	_exit(strcmp(level, "off") && events.n + events.lost != i ? 2 : 0);
}

/**
 * hostile_bind_as() - bind to a port as a user of one's own user namespace
 * @uid: the user
 * @port: in host byte order
 *
 * Return: 0 or the errno of bind().
 */
int hostile_bind_as(uid_t uid, int port)
{
	int fd, err;

	if (seteuid(uid))
		die("cannot be %u", uid);
	fd = sock_open("udp", AF_INET, S_REUSEPORT);
	err = sock_try_bind(fd, text("127.0.0.1:%d", port));
	if (seteuid(0))
		die("cannot be root");
	return err;
}
