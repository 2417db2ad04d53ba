// SPDX-License-Identifier: GPL-2.0
/* The module under test: loaded, unloaded, and in what state it is. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "env.h"
#include "module.h"
#include "rules.h"
#include "table.h"

#define PARAMETER	PARAMETERS "semantics"

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

/**
 * nothing_hooked() - does the module intercept no function?
 * @unused: as wait_for() wants it: a namespace that dies lets go of what it needed
 *	    some time later
 *
 * Return: true if not.
 */
bool nothing_hooked(void *unused)
{
	char *s = slurp(HOOKED);
	bool none = !strstr(s, "[reuse]");

	(void)unused;
	free(s);
	return none;
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

/* A cache that was merged with another leaves its name in /sys to that */
static bool no_cache(void *nothing)
{
	struct stat st;

	(void)nothing;
	return (lstat("/sys/kernel/slab/reuse_tracked", &st) || S_ISLNK(st.st_mode)) &&
	       !has("/proc/slabinfo", "\nreuse");
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
		REUSE_FILE, "/proc/1/net/reuse", "/proc/sys/net/reuse", "/sys/module/reuse",
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
