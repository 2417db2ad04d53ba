// SPDX-License-Identifier: GPL-2.0
/* Namespaces, devices, processes, and waiting with a limit. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "env.h"
#include "sock.h"

/**
 * die() - end the test: something that it needs is missing
 * @fmt: why; errno is added if it is set
 */
void die(const char *fmt, ...)
{
	int error = errno;
	va_list args;

	fprintf(stderr, "# ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	if (error)
		fprintf(stderr, ": %s", strerror(error));
	fprintf(stderr, "\n");
	abort();
}

/**
 * text() - printf() to a string that is never freed
 * @fmt: as of printf()
 *
 * Return: the string.
 */
const char *text(const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	if (vasprintf(&s, fmt, args) < 0)
		die("no memory");
	va_end(args);
	return s;
}

/**
 * slowness() - what REUSE_SLOW says
 *
 * Return: how many times as long all takes here: 1, but for a kernel that looks at
 * all that it does.
 */
int slowness(void)
{
	const char *factor = getenv("REUSE_SLOW");
	int n = factor ? atoi(factor) : 1;

	return n > 1 ? n : 1;
}

/**
 * test_seconds() - how long a test of random steps goes on
 * @usual: without REUSE_SECONDS, on a usual kernel
 *
 * Return: seconds.
 */
int test_seconds(int usual)
{
	const char *seconds = getenv("REUSE_SECONDS");

	return seconds ? atoi(seconds) : usual * slowness();
}

/**
 * some_of() - how many cases to try, of those that each take long
 * @all: how many there are; REUSE_ALL asks for all
 * @some: how many to try otherwise, from one on that seed() chooses
 *
 * Return: a number of cases.
 */
unsigned int some_of(unsigned int all, unsigned int some)
{
	return getenv("REUSE_ALL") ? all : some;
}

/**
 * seed() - the seed of all random numbers of a test
 *
 * Return: REUSE_SEED, or a random number that is always the same to this process and those that
 * it forks later; it is printed.
 */
unsigned int seed(void)
{
	const char *given = getenv("REUSE_SEED");
	unsigned int n;

	if (given)
		n = strtoul(given, NULL, 10);
	else if (getrandom(&n, sizeof(n), 0) != sizeof(n))
		die("no random number");
	if (!given)
		setenv("REUSE_SEED", text("%u", n), 1);
	printf("# REUSE_SEED=%u\n", n);
	fflush(stdout);
	return n;
}

/**
 * now_ns() - a clock that cannot be set
 *
 * Return: ns.
 */
long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/**
 * wait_for() - wait until something is so
 * @done: whether it is
 * @arg: for @done
 * @ms: how long to wait at most, where it is not slow
 *
 * Return: whether it was, in time.
 */
bool wait_for(bool (*done)(void *arg), void *arg, int ms)
{
	long long end = now_ns() + 1000000LL * ms * slowness();
	int pause = 1;

	while (!done(arg)) {
		if (now_ns() > end)
			return false;
		poll(NULL, 0, pause);
		pause = pause < 100 ? 2 * pause : 100;
	}
	return true;
}

/**
 * try_write() - write to a file of /proc or tracefs, in one call
 * @path: the file
 * @flags: for open(), besides O_WRONLY
 * @data: the bytes
 * @len: how many
 *
 * Return: 0 or a negative errno.
 */
int try_write(const char *path, int flags, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags), err = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, data, len);
	if (n < 0)
		err = -errno;
	else if (n != (ssize_t)len)
		err = -EIO;
	close(fd);
	return err;
}

/**
 * write_file() - write a line to a file of /proc
 * @path: the file
 * @fmt: the line, as of printf()
 */
void write_file(const char *path, const char *fmt, ...)
{
	char line[256];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	errno = -try_write(path, 0, line, len);
	if (errno)
		die("cannot write \"%s\" to %s", line, path);
}

/**
 * slurp_fd() - read a file from where it is to its end
 * @fd: the file
 *
 * Return: the text, to be freed.
 */
char *slurp_fd(int fd)
{
	size_t len = 0, size = 0;
	char *s = NULL;
	ssize_t n;

	do {
		if (size - len < 65536) {
			size = 2 * size + 131072;
			s = realloc(s, size);
			if (!s)
				die("no memory");
		}
		n = read(fd, s + len, size - len - 1);
		if (n < 0)
			die("read");
		len += n;
	} while (n);
	s[len] = '\0';
	errno = 0;
	if (strlen(s) != len)
		die("the file has a zero byte");
	return s;
}

/**
 * slurp() - read a file
 * @path: the file
 *
 * Return: the text, to be freed.
 */
char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *s;

	if (fd < 0)
		die("cannot open %s", path);
	s = slurp_fd(fd);
	close(fd);
	return s;
}

/**
 * net_counter() - a counter of the network namespace
 * @file: netstat or snmp
 * @section: the first word of its two lines
 * @name: its name
 *
 * Return: its value; 0 if there is none.
 */
unsigned long net_counter(const char *file, const char *section, const char *name)
{
	char *all = slurp(text("/proc/net/%s", file)), *names, *values, *n, *v, *at, *at2;
	unsigned long value = 0;

	names = strstr(all, text("%s: ", section));
	values = names ? strchr(names, '\n') + 1 : NULL;
	if (names) {
		values[-1] = '\0';
		values[strcspn(values, "\n")] = '\0';
	}
	n = strtok_r(names ?: "", " ", &at);
	v = strtok_r(values ?: "", " ", &at2);
	while (n && v && strcmp(n, name)) {
		n = strtok_r(NULL, " ", &at);
		v = strtok_r(NULL, " ", &at2);
	}
	if (n && v)
		value = strtoul(v, NULL, 10);
	free(all);
	return value;
}

/**
 * udp_counter() - read a counter of UDP, of IPv4 and IPv6 together
 * @name: NoPorts, ...
 *
 * Return: the value in this namespace.
 */
unsigned long udp_counter(const char *name)
{
	char *snmp6 = slurp("/proc/net/snmp6"), *at = strstr(snmp6, text("Udp6%s", name));
	unsigned long n = at ? strtoul(at + strcspn(at, " \t"), NULL, 10) : 0;

	free(snmp6);
	return n + net_counter("snmp", "Udp", name);
}

/* Without a shell: some shells have builtins instead of the programs in the PATH */
static int spawn(const char *fmt, va_list args, bool quiet)
{
	char *command, *save, *argv[32];
	int i = 0, status;
	pid_t pid;

	if (vasprintf(&command, fmt, args) < 0)
		die("no memory");
	argv[0] = strtok_r(command, " ", &save);
	while (argv[i] && i < 31)
		argv[++i] = strtok_r(NULL, " ", &save);
	pid = fork();
	if (!pid) {
		if (quiet)
			close(STDERR_FILENO);
		execvp(argv[0], argv);
		die("cannot run %s", argv[0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("no process");
	free(command);
	return status;
}

/**
 * run() - run a program that has to succeed
 * @fmt: its name and arguments, as of printf(), separated by one space
 */
void run(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (spawn(fmt, args, false)) {
		errno = 0;
		die("failed: %s", fmt);
	}
	va_end(args);
}

/**
 * try_run() - run a program that may fail
 * @fmt: its name and arguments, as of printf(), separated by one space
 *
 * Return: whether it succeeded.
 */
bool try_run(const char *fmt, ...)
{
	va_list args;
	int status;

	va_start(args, fmt);
	status = spawn(fmt, args, true);
	va_end(args);
	return !status;
}

/**
 * stay_on() - run on one CPU only
 * @cpu: its number
 */
void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("no CPU %d", cpu);
}

/**
 * lo_up() - set the loopback device up
 */
void lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("cannot set lo up");
	close(fd);
}

/**
 * new_netns() - enter a fresh network namespace with lo up
 */
void new_netns(void)
{
	if (unshare(CLONE_NEWNET))
		die("no network namespace");
	lo_up();
}

/**
 * new_userns() - enter a fresh user namespace
 * @uid_map: its uid_map, as /proc wants it
 *
 * A process outside writes the map: to map the uids of others takes rights
 * there.
 */
void new_userns(const char *uid_map)
{
	pid_t self = getpid(), pid;
	int ready[2], status;
	char c;

	if (pipe2(ready, O_CLOEXEC))
		die("no pipe");
	pid = fork();
	if (pid < 0)
		die("no process");
	if (!pid) {
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			_exit(1);
		write_file(text("/proc/%d/uid_map", self), "%s", uid_map);
		_exit(0);
	}
	if (unshare(CLONE_NEWUSER))
		die("no user namespace");
	if (write(ready[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid || status)
		die("cannot map uids");
	close(ready[0]);
	close(ready[1]);
}

/**
 * add_device() - make a network device that is up
 * @name: its name
 * @kind: the words after "type", as ip(8) has them
 *
 * Return: false if this kernel has no such device.
 */
bool add_device(const char *name, const char *kind)
{
	return try_run("ip link add %s up type %s", name, kind);
}

struct reach {
	struct sockaddr_storage ss;
	socklen_t len;
	const char *dev;
};

static bool reachable(void *arg)
{
	struct reach *reach = arg;
	int fd = socket(reach->ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	sock_dev(fd, reach->dev);
	ok = !bind(fd, (struct sockaddr *)&reach->ss, reach->len) &&
	     !connect(fd, (struct sockaddr *)&reach->ss, reach->len);
	close(fd);
	return ok;
}

/**
 * add_address() - give a device an address, and wait until it can be used
 * @address: IPv4 or IPv6, without prefix length
 * @dev: name of the device
 * @vrf: its VRF, or NULL
 */
void add_address(const char *address, const char *dev, const char *vrf)
{
	struct reach reach = { .dev = vrf };
	bool v6 = strchr(address, ':');

	run("ip addr add %s/%d dev %s%s", address, v6 ? 128 : 32, dev, v6 ? " nodad" : "");
	reach.len = sock_addr(text(v6 ? "[%s]:9" : "%s:9", address), &reach.ss);
	errno = 0;
	if (!wait_for(reachable, &reach, 5000))
		die("address %s cannot be used", address);
}

/* The child must not hold files of the parent */
static void close_all_but(int a, int b)
{
	long fd, n = sysconf(_SC_OPEN_MAX);

	for (fd = STDERR_FILENO + 1; fd < n; fd++) {
		if (fd != a && fd != b && close(fd) && fd > 1024)
			break;
	}
}

/**
 * child_start() - do something in a child, as another user
 * @child: is filled in
 * @uid: the user
 * @fn: called in the child, which holds the result, such as sockets, until it is
 *	stopped
 * @arg: for @fn
 *
 * Returns when @fn has returned. The child inherits no file but the standard
 * ones.
 */
void child_start(struct child *child, uid_t uid, void (*fn)(void *arg), void *arg)
{
	int go[2], ready[2];
	char c;

	if (pipe2(go, O_CLOEXEC) || pipe2(ready, O_CLOEXEC))
		die("no pipe");
	fflush(NULL);
	child->pid = fork();
	if (child->pid < 0)
		die("no process");
	if (!child->pid) {
		close_all_but(go[0], ready[1]);
		if (uid && setresuid(uid, uid, uid))
			die("cannot become uid %d", uid);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(arg);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) == 1 ? 0 : 1);
	}
	close(go[0]);
	close(ready[1]);
	child->go = go[1];
	if (read(ready[0], &c, 1) != 1) {
		errno = 0;
		die("the child failed");
	}
	close(ready[0]);
}

static void new_netns_of_child(void *arg)
{
	(void)arg;
	new_netns();
}

/**
 * child_netns() - a child in a network namespace of its own
 * @child: is filled in
 */
void child_netns(struct child *child)
{
	child_start(child, 0, new_netns_of_child, NULL);
}

/**
 * child_stop() - end a child; what it held is released on return
 * @child: started with child_start()
 */
void child_stop(struct child *child)
{
	int status;

	if (write(child->go, "", 1) != 1 || waitpid(child->pid, &status, 0) != child->pid)
		die("no child %d", child->pid);
	close(child->go);
	errno = 0;
	if (status)
		die("child %d ended with status %#x", child->pid, status);
}

/**
 * kernel_before() - is this kernel older than a release?
 * @major: of the release
 * @minor: of the release
 */
bool kernel_before(int major, int minor)
{
	struct utsname u;
	int a, b;

	uname(&u);
	return sscanf(u.release, "%d.%d", &a, &b) == 2 &&
	       (a < major || (a == major && b < minor));
}

/**
 * kernel_is_realtime() - is this kernel PREEMPT_RT?
 */
bool kernel_is_realtime(void)
{
	struct utsname u;

	uname(&u);
	return strstr(u.version, "PREEMPT_RT");
}
