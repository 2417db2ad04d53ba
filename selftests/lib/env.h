/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of /proc/net/reuse share. Whatever a test needs and does not
 * get ends it with a message: a helper here has no error that is to be ignored.
 */
#ifndef REUSE_ENV_H
#define REUSE_ENV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* kselftest.h of some kernels has these */
#ifndef __printf
#define __printf(a, b)   __attribute((format(printf, a, b)))
#endif
#ifndef __noreturn
#define __noreturn       __attribute((noreturn))
#endif

#define REUSE_FILE	"/proc/net/reuse"
#define REUSE_HEADER	"proto local_address dev v6only uid sockets reuseaddr reuseport " \
			"listen bound connected timewait fastreuse fastreuseport fastuid"

/* Columns of /proc/net/reuse, in the order of the file */
enum reuse_col {
	PROTO, ADDRESS, DEV, V6ONLY, UID, SOCKETS, REUSEADDR, REUSEPORT,
	LISTEN, BOUND, CONNECTED, TIMEWAIT, FASTREUSE, FASTREUSEPORT, FASTUID,
	REUSE_COLS
};

/**
 * struct reuse_row - a line of the file
 * @col: its columns as text
 * @num: those from SOCKETS to TIMEWAIT as numbers; the others are 0
 */
struct reuse_row {
	const char *col[REUSE_COLS];
	unsigned long num[REUSE_COLS];
};

/**
 * struct reuse_table - the file
 * @row: sorted by the columns that make a row one, not as the file has them
 * @n: how many
 * @text: what the rows point into
 */
struct reuse_table {
	struct reuse_row *row;
	size_t n;
	char *text;
};

/* table.c */
void reuse_parse(char *text, struct reuse_table *table);
void reuse_read(const char *path, struct reuse_table *table);
void reuse_read_fd(int fd, struct reuse_table *table);
void reuse_free(struct reuse_table *table);
const struct reuse_row *reuse_find(const struct reuse_table *table, const char *proto,
				   const char *address, const char *dev, const char *v6only);
char *reuse_differ(const struct reuse_table *table, const char *want);
__printf(2, 3) char *reuse_expect(const char *path, const char *fmt, ...);
char *slurp(const char *path);
char *slurp_fd(int fd);

/* env.c */
__printf(1, 2) __noreturn void die(const char *fmt, ...);
__printf(1, 2) const char *text(const char *fmt, ...);
int slowness(void);
unsigned int seed(void);
long long now_ns(void);
bool wait_for(bool (*done)(void *arg), void *arg, int ms);
int try_write(const char *path, int flags, const void *data, size_t len);
__printf(2, 3) void write_file(const char *path, const char *fmt, ...);
__printf(1, 2) void run(const char *fmt, ...);
__printf(1, 2) bool try_run(const char *fmt, ...);
unsigned long net_counter(const char *file, const char *section, const char *name);
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

/* module.c */
#define HOOKED		"/sys/kernel/tracing/enabled_functions"

int module_insert(const char *path);
int module_remove(const char *name);
const char *reuse_ko(void);
void reuse_load(void);
int reuse_try_load_with(const char *parameters);
int reuse_try_load_as(const char *semantics);
void reuse_load_as(const char *semantics);
void reuse_unload(void);
int reuse_log(void);
const char *reuse_said(int log);
const char *reuse_left_behind(bool symbols);
void reuse_load_again(void);
bool nothing_hooked(void *unused);
void stay_hooked(void);

/* sock.c */
#define S_REUSEADDR	0x01
#define S_REUSEPORT	0x02
#define S_V6ONLY	0x04
#define S_LISTEN	0x08
#define S_NONBLOCK	0x10

/**
 * struct family - a way for two to talk to each other over lo
 * @listen: where one listens
 * @connect: where the other connects to
 * @child: local address of what is accepted
 * @client: an address for the other to bind to
 * @only: " v6only=1" if rows of @listen and @child have that, or ""; bind()
 *	sets it for an address that is IPv6's alone
 * @flags: S_V6ONLY if it is to be asked for
 */
struct family {
	const char *listen;
	const char *connect;
	const char *child;
	const char *client;
	const char *only;
	unsigned int flags;
};

enum { V4, V4_ANY, V6, V6_MAPPED, V6_DUAL_FROM4, V6_DUAL_FROM6, V6_ONLY, FAMILIES };
extern const struct family families[FAMILIES];

/**
 * struct pair - both ends of a connection
 * @client: who called connect()
 * @server: who was accepted
 */
struct pair {
	int client;
	int server;
};

socklen_t sock_addr(const char *address, struct sockaddr_storage *ss);
const char *sock_name(int fd);
const char *sock_row(int fd);
int sock_family(const char *address);
bool sock_has(const char *proto);
const char *sock_rows(const struct family *f, const char *listen, const char *child);
int sock_open(const char *proto, int family, unsigned int flags);
int sock_bind(const char *proto, const char *address, unsigned int flags);
int sock_bind_dev(const char *proto, const char *address, unsigned int flags, const char *dev);
int sock_try_bind(int fd, const char *address);
int sock_try_connect(int fd, const char *address);
void sock_connect(int fd, const char *address);
int sock_accept(int listener);
void sock_pair(struct pair *pair, int listener, const char *address);
void sock_set(int fd, int level, int name, int value);
void sock_dev(int fd, const char *dev);
void sock_abort(int fd);
void sock_deaf(int fd, bool deaf);
void sock_disconnect(int fd);
void sock_fence(int fd);
int sock_state(int fd);
void sock_wait_state(int fd, int state);

#endif
