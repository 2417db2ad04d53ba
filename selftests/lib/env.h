/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Namespaces, devices, processes, and waiting with a limit. A function of lib/ that
 * cannot do what it is asked for ends the test with a message, unless its name or its
 * comment says that it may fail.
 */
#ifndef REUSE_ENV_H
#define REUSE_ENV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

/* kselftest.h of some kernels has these */
#ifndef __printf
#define __printf(a, b)   __attribute((format(printf, a, b)))
#endif
#ifndef __noreturn
#define __noreturn       __attribute((noreturn))
#endif

/* sysctls of the network namespace */
#define IPV4_SYSCTL	"/proc/sys/net/ipv4/"
#define PORT_RANGE	IPV4_SYSCTL "ip_local_port_range"
#define RESERVED_PORTS	IPV4_SYSCTL "ip_local_reserved_ports"

#define CGROUP		"/sys/fs/cgroup"

__printf(1, 2) __noreturn void die(const char *fmt, ...);
__printf(1, 2) const char *text(const char *fmt, ...);
int slowness(void);
int test_seconds(int usual);
unsigned int some_of(unsigned int all, unsigned int some);
unsigned int seed(void);
long long now_ns(void);
bool wait_for(bool (*done)(void *arg), void *arg, int ms);
int try_write(const char *path, int flags, const void *data, size_t len);
__printf(2, 3) void write_file(const char *path, const char *fmt, ...);
char *slurp(const char *path);
char *slurp_fd(int fd);
__printf(1, 2) void run(const char *fmt, ...);
__printf(1, 2) bool try_run(const char *fmt, ...);
unsigned long net_counter(const char *file, const char *section, const char *name);
unsigned long udp_counter(const char *name);
void new_netns(void);
void stay_on(int cpu);
void lo_up(void);
void new_userns(const char *uid_map);
bool add_device(const char *name, const char *kind);
void add_address(const char *address, const char *dev, const char *vrf);

/**
 * struct child - a process that did something and holds it until it is stopped
 * @pid: the process
 * @go: a byte written here ends it
 */
struct child {
	pid_t pid;
	int go;
};

void child_start(struct child *child, uid_t uid, void (*fn)(void *arg), void *arg);
void child_netns(struct child *child);
void child_stop(struct child *child);

/* Has this kernel IPv6, more than one network namespace, sysctls? */
static inline bool has_ipv6(void)
{
	return !access("/proc/net/if_inet6", F_OK);
}

static inline bool has_netns(void)
{
	return !access("/proc/self/ns/net", F_OK);
}

static inline bool has_sysctl(void)
{
	return !access("/proc/sys", F_OK);
}

bool kernel_before(int major, int minor);
bool kernel_is_realtime(void);

#endif
