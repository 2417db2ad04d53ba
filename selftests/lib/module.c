// SPDX-License-Identifier: GPL-2.0
/* The module under test: loaded, unloaded, and in what state it is. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env.h"
#include "module.h"
#include "sock.h"
#include "table.h"

#define PARAMETER	PARAMETERS "semantics"

const char * const semantics_name[] = {
	"native", "pre39", "bsd", "freebsd15", "openbsd", "netbsd", "darwin",
};

const char * const semantics_functions[] = {
	"inet_csk_get_port", "udp_v4_get_port", "udp_v6_get_port", "inet_rcv_saddr_equal",
	"__inet_inherit_port", "inet_sock_destruct", "udp_init_sock", "udpv6_init_sock",
	"__ip4_datagram_connect", "__ip6_datagram_connect", "tcp_v4_connect", "tcp_v6_connect",
	"__inet_lookup_listener", "inet6_lookup_listener",
	"sk_setsockopt", "sk_getsockopt", "sock_setsockopt", "sock_getsockopt",
	"ipv6_setsockopt", "__inet_bind", "__inet6_bind", "tcp_v6_init_sock", "udp_disconnect",
	"udp_lib_unhash",
	"inet_twsk_hashdance", "inet_twsk_hashdance_schedule", "tcp_twsk_destructor",
	NULL
};

/**
 * stay_hooked() - have namespaces that are not native as long as the program runs
 *
 * Otherwise each test would install and remove the hooks again, which is slow.
 */
void stay_hooked(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), i;

	if (access(SEMANTICS, F_OK) || geteuid())
		return;
	for (i = PRE39; i < SEMANTICS_COUNT; i++) {
		new_netns();
		write_file(SEMANTICS, semantics_name[i]);
		if (home < 0 || open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) < 0)
			die("cannot keep a namespace");
	}
	if (setns(home, CLONE_NEWNET))
		die("cannot go back");
	close(home);
}

#ifdef __aarch64__
#define ALL_REGISTERS	" R"
#else
#define ALL_REGISTERS	" I"
#endif

/*
 * A line of enabled_functions: a function of semantics_functions[] is intercepted, by nobody
 * knows whom. Where several look on, kernels name nobody; then it is this module or a livepatch
 * that redirects (I). Kernels for arm64 before 6.2 never name anybody; on these, only this
 * module wants all registers (R), for observers, too.
 */
static bool intercepted(const char *line)
{
	const char *flags = strchr(line, ')'), * const *name;

	if (!flags || strchr(flags, '\t') ||
	    (!strstr(flags, " I") && !strstr(flags, ALL_REGISTERS)))
		return false;
	for (name = semantics_functions; *name; name++) {
		size_t n = strlen(*name);

		if (!strncmp(line, *name, n) && line[n] == ' ')
			return true;
	}
	return false;
}

/**
 * functions_hooked() - how many functions does the module intercept?
 *
 * Return: their number.
 */
int functions_hooked(void)
{
	char *s = slurp(HOOKED), *line, *rest;
	int n = 0;

	for (line = strtok_r(s, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		n += strstr(line, "[reuse]") || intercepted(line);
	free(s);
	return n;
}

/**
 * nothing_hooked() - does the module intercept no function?
 * @unused: as wait_for() wants it: a namespace that dies lets go of what it needed
 *	    some time later
 *
 * Return: true if not.
 */
bool nothing_hooked(void *unused)
{
	(void)unused;
	return !functions_hooked();
}

static int insert(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return errno;
	err = syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
	close(fd);
	return err;
}

/**
 * module_insert() - load a kernel module
 * @path: of the file
 *
 * Return: 0 or an errno.
 */
int module_insert(const char *path)
{
	return insert(path, "");
}

/**
 * module_remove() - unload a kernel module
 * @name: of the module
 *
 * Return: 0 or an errno.
 */
int module_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

/**
 * reuse_ko() - where the module under test is
 *
 * Return: its path, or NULL.
 */
const char *reuse_ko(void)
{
	static const char * const usual[] = { "/lib/modules/reuse.ko", "../reuse.ko", NULL };
	const char *path = getenv("REUSE_KO");
	size_t i;

	for (i = 0; !path && usual[i]; i++) {
		if (!access(usual[i], R_OK))
			path = usual[i];
	}
	return path;
}

/**
 * reuse_try_load_with() - load the module under test, if it can be
 * @parameters: as insmod takes them
 *
 * Return: 0 or an errno.
 */
int reuse_try_load_with(const char *parameters)
{
	return insert(reuse_ko(), parameters);
}

/**
 * reuse_try_load_as() - load the module under test, if it can be
 * @semantics: of all namespaces
 *
 * Return: 0 or an errno.
 */
int reuse_try_load_as(const char *semantics)
{
	return reuse_try_load_with(text("semantics=%s", semantics));
}

/**
 * reuse_load_as() - load the module under test
 * @semantics: of all namespaces
 */
void reuse_load_as(const char *semantics)
{
	errno = reuse_try_load_as(semantics);
	if (errno)
		die("cannot load %s", reuse_ko());
}

/**
 * reuse_load() - load the module under test
 */
void reuse_load(void)
{
	reuse_load_as("native");
}

/**
 * reuse_unload() - unload the module under test
 */
void reuse_unload(void)
{
	errno = module_remove("reuse");
	if (errno)
		die("cannot unload");
}

/**
 * reuse_log() - listen to what the module says from now on
 *
 * Return: to be given to reuse_said().
 */
int reuse_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
		die("cannot read the kernel's log");
	return fd;
}

/**
 * reuse_said() - read what the module has said in the kernel's log
 * @log: from reuse_log(), closed here
 *
 * Return: the line, if it is one, or one for each namespace.
 */
const char *reuse_said(int log)
{
	const char *line = NULL;
	char record[2048];
	ssize_t len;

	while ((len = read(log, record, sizeof(record) - 1)) > 0) {
		char *at;

		record[len] = '\0';
		at = strstr(record, ";reuse: ");
		if (at && line && strcmp(line, at + 1))
			line = "more than one line";
		else if (at)
			line = text("%s", at + 1);
	}
	close(log);
	return line ? line : "nothing";
}

static bool has(const char *path, const char *what)
{
	char *s = slurp(path);
	bool found = strstr(s, what);

	free(s);
	return found;
}

/*
 * A cache that was merged with another leaves its name in /sys to that. A kernel without
 * CONFIG_SLUB_DEBUG lists none.
 */
static bool no_cache(void *nothing)
{
	struct stat st;

	(void)nothing;
	return (lstat("/sys/kernel/slab/reuse_tracked", &st) || S_ISLNK(st.st_mode)) &&
	       (access("/proc/slabinfo", F_OK) || !has("/proc/slabinfo", "\nreuse"));
}

/**
 * reuse_left_behind() - what the kernel still has of the module when it is not loaded
 * @symbols: look among these as well, which takes longest
 *
 * Return: the file that has it, or NULL if there is nothing.
 */
const char *reuse_left_behind(bool symbols)
{
	static const char * const paths[] = {
		REUSE_FILE, "/proc/1/net/reuse", "/proc/net/reuse_log", "/proc/net/reuse_why",
		"/proc/sys/net/reuse", "/sys/module/reuse", "/sys/kernel/tracing/events/reuse",
	};
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		if (!access(paths[i], F_OK))
			return paths[i];
	}
	if (has(HOOKED, "[reuse]"))
		return HOOKED;
	if (has("/proc/modules", "reuse "))
		return "/proc/modules";
	if (symbols && has("/proc/kallsyms", "[reuse]"))
		return "/proc/kallsyms";
	return wait_for(no_cache, NULL, 5000) ? NULL : "/proc/slabinfo";
}

/**
 * semantics_bsd() - the BSD that this run tries
 *
 * Return: the one that REUSE_SEMANTICS names, or one that seed() chooses.
 */
enum semantics semantics_bsd(void)
{
	const char *word = getenv("REUSE_SEMANTICS");
	static enum semantics bsd;

	if (bsd)
		return bsd;
	if (word) {
		for (bsd = BSD; bsd < SEMANTICS_COUNT && strcmp(word, semantics_name[bsd]); bsd++)
			;
		if (bsd == SEMANTICS_COUNT)
			die("REUSE_SEMANTICS=%s is no BSD", word);
	} else {
		bsd = BSD + (seed() * 2654435761U >> 16) % (SEMANTICS_COUNT - BSD);
	}
	printf("# REUSE_SEMANTICS=%s\n", semantics_name[bsd]);
	fflush(stdout);
	return bsd;
}

/**
 * semantics_tried() - does this run try some semantics?
 * @semantics: these
 *
 * Return: true of native, pre39 and one BSD; with REUSE_ALL, of all.
 */
bool semantics_tried(enum semantics semantics)
{
	return semantics < BSD || getenv("REUSE_ALL") || semantics == semantics_bsd();
}

/**
 * semantics_nth() - choose among the semantics that this run tries
 * @n: any number
 *
 * Return: other ones for the next @n, until each had its turn.
 */
enum semantics semantics_nth(unsigned int n)
{
	if (getenv("REUSE_ALL"))
		return n % SEMANTICS_COUNT;
	n %= BSD + 1;
	return n < BSD ? n : semantics_bsd();
}

/**
 * semantics_try() - switch the network namespace, which may be refused
 * @semantics: to these
 *
 * Return: 0 or an errno.
 */
int semantics_try(enum semantics semantics)
{
	const char *word = semantics_name[semantics];
	int fd = open(SEMANTICS, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, word, strlen(word)) != (ssize_t)strlen(word))
		err = errno;
	close(fd);
	return err;
}

/**
 * semantics_set() - switch the network namespace
 * @semantics: to these
 */
void semantics_set(enum semantics semantics)
{
	errno = semantics_try(semantics);
	if (errno)
		die("cannot switch to %s", semantics_name[semantics]);
}

/**
 * semantics_is() - does net.reuse.semantics of this namespace say so?
 * @semantics: the expected ones
 *
 * Return: true if so.
 */
bool semantics_is(enum semantics semantics)
{
	char *now = slurp(SEMANTICS);
	bool is = !strcmp(now, text("%s\n", semantics_name[semantics]));

	free(now);
	return is;
}

static bool has_option(int family, int level, int option, int value)
{
	int fd = sock_open("tcp", family, 0);
	bool has = !setsockopt(fd, level, option, &value, sizeof(value));

	close(fd);
	return has;
}

/* Are two sockets bound, each with one option or none? */
static bool both_bind(const char *proto, const char *first, unsigned int first_flag,
		      const char *second, unsigned int second_flag, int port)
{
	int a = sock_bind(proto, text("%s:%d", first, port), first_flag);
	int b = sock_open(proto, sock_family(second), second_flag);
	int err = sock_try_bind(b, text("%s:%d", second, port));

	close(a);
	close(b);
	return !err;
}

/* Of two UDP sockets that share 0.0.0.0, does the one bound last receive? */
static bool newest_receives(int port)
{
	const char *any = text("0.0.0.0:%d", port);
	struct pollfd p[2];
	int i, from = sock_open("udp", AF_INET, 0);

	for (i = 0; i < 2; i++)
		p[i] = (struct pollfd){ sock_bind("udp", any, S_REUSEPORT), POLLIN, 0 };
	sock_connect(from, text("127.0.0.1:%d", port));
	if (send(from, "", 1, 0) != 1 || poll(p, 2, 10000) != 1)
		die("no socket receives, or two do");
	close(from);
	for (i = 0; i < 2; i++)
		close(p[i].fd);
	return p[1].revents;
}

/**
 * semantics_seen() - find out which semantics sockets meet
 * @port: a free one
 *
 * Return: the semantics in force.
 */
enum semantics semantics_seen(int port)
{
	if (!has_option(AF_INET, SOL_SOCKET, SO_REUSEPORT, 1))
		return PRE39;
	if (!has_option(AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, 0))
		return OPENBSD;
	if (!both_bind("tcp", "0.0.0.0", 0, "[::]", 0, port))
		return NATIVE;
	if (both_bind("tcp", "127.0.0.1", 0, "[::]", 0, port))
		return NETBSD;
	if (!both_bind("udp", "224.0.0.251", S_REUSEADDR, "224.0.0.251", S_REUSEPORT, port))
		return DARWIN;
	return newest_receives(port) ? FREEBSD15 : BSD;
}

static bool was_there;

static void __attribute__((constructor)) look_for_module(void)
{
	was_there = !access(REUSE_FILE, F_OK);
}

static bool is_with_semantics(void)
{
	char *s = access(PARAMETER, R_OK) ? NULL : slurp(PARAMETER);
	bool is = s && strcmp(s, "native\n");

	free(s);
	return is;
}

/**
 * reuse_load_again() - have the module under test as it usually is
 *
 * A program that unloads the module calls this at its end, also if a test died, so that
 * the next one finds the module, without semantics. If none was loaded before the
 * program, none is loaded here.
 */
void reuse_load_again(void)
{
	if (geteuid() || !reuse_ko() || !was_there)
		return;
	if (is_with_semantics())
		module_remove("reuse");
	if (access(REUSE_FILE, F_OK))
		reuse_load();
}
