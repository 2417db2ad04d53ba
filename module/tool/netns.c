// SPDX-License-Identifier: GPL-2.0
/*
 * Network namespaces. /proc/PID/net shows that of a process to everybody. Another that has a
 * name under /run/netns must be entered, and so must one whose sysctl is asked for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netns.h"

#define NAMED	"/run/netns"

/* The namespace that this process began in, and whether it is in another one */
static int home = -1;
static bool away;

static void name_process(struct netns *ns)
{
	char path[PATH_LEN];

	path_print(path, "%s/%d/comm", proc_dir(), ns->pid);
	read_first_line(path, ns->comm, sizeof(ns->comm));
}

static void set_ino(struct netns *ns)
{
	char self[PATH_LEN];
	struct stat st;

	path_print(self, "%s/self/ns/net", proc_dir());
	ns->ino = stat(*ns->path ? ns->path : self, &st) ? 0 : st.st_ino;
}

/**
 * netns_find() - find a namespace
 * @ns: gets it
 * @which: a process ID, a name under /run/netns, the path of a file that stands for one, or
 *	NULL: the one that this process is in
 *
 * Return: whether there is one; if not, a message has been printed.
 */
bool netns_find(struct netns *ns, const char *which)
{
	unsigned long pid;

	*ns = (struct netns){};
	snprintf(ns->label, sizeof(ns->label), "%s", which ? which : "self");
	if (!which) {
		set_ino(ns);
		return true;
	}
	if (to_number(which, &pid) && pid && pid <= INT_MAX) {
		ns->pid = pid;
		snprintf(ns->path, sizeof(ns->path), "%s/%d/ns/net", proc_dir(), ns->pid);
		name_process(ns);
		if (!*ns->comm) {
			say("there is no process %lu", pid);
			return false;
		}
	} else {
		snprintf(ns->path, sizeof(ns->path), "%s%s",
			 strchr(which, '/') ? "" : NAMED "/", which);
		if (access(ns->path, F_OK)) {
			say("there is no network namespace %s: %s", ns->path, strerror(errno));
			return false;
		}
	}
	set_ino(ns);
	return true;
}

/**
 * netns_print() - print how a namespace is found
 * @ns: the namespace
 */
void netns_print(const struct netns *ns)
{
	print_clean(ns->label);
	if (!*ns->comm)
		return;
	fputs(" (", stdout);
	print_clean(ns->comm);
	putchar(')');
}

/**
 * netns_enter() - go into a namespace
 * @ns: the namespace
 *
 * Return: whether this process is in it now; else errno says why not.
 */
bool netns_enter(const struct netns *ns)
{
	int fd, err;

	if (!*ns->path)
		return true;
	if (home < 0)
		home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return false;
	fd = open(ns->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	err = setns(fd, CLONE_NEWNET) ? errno : 0;
	close(fd);
	errno = err;
	away = !err;
	return away;
}

/**
 * netns_leave() - go back to the namespace that this process began in, if it has left that
 */
void netns_leave(void)
{
	if (away && setns(home, CLONE_NEWNET)) {
		say("cannot go back to the first network namespace: %s", strerror(errno));
		exit(FAILED);
	}
	away = false;
}

/**
 * netns_file() - find a file of /proc/net, and go into the namespace if that is needed
 * @ns: the namespace
 * @name: the name of the file
 * @path: gets its path, to be opened before netns_leave()
 *
 * Return: whether this could be done; else errno says why not.
 */
bool netns_file(const struct netns *ns, const char *name, char path[PATH_LEN])
{
	if (ns->pid) {
		path_print(path, "%s/%d/net/%s", proc_dir(), ns->pid, name);
		return true;
	}
	path_print(path, "%s/net/%s", proc_dir(), name);
	return netns_enter(ns);
}

/**
 * netns_table() - read the table of a namespace
 * @ns: the namespace
 * @t: gets the table; to be freed in any case
 *
 * Return: as table_read().
 */
int netns_table(const struct netns *ns, struct table *t)
{
	char path[PATH_LEN];
	int err;

	*t = (struct table){};
	if (!netns_file(ns, "reuse", path))
		return -errno;
	err = table_read(t, path);
	netns_leave();
	return err;
}

/**
 * netns_sysctl() - read a setting of a namespace
 * @ns: the namespace
 * @name: "semantics" for net.reuse.semantics, or another of net.reuse
 * @word: gets its word; empty if it cannot be read
 *
 * Return: whether it could be read. Another namespace takes the right to enter it.
 */
bool netns_sysctl(const struct netns *ns, const char *name, char word[SEMANTICS_LEN])
{
	char path[PATH_LEN];

	word[0] = '\0';
	if (!netns_enter(ns))
		return false;
	path_print(path, "%s/sys/net/reuse/%s", proc_dir(), name);
	read_word(path, word, SEMANTICS_LEN);
	netns_leave();
	return *word;
}

/* First by namespace, and of one namespace first the best way to name it */
static int compare(const void *a, const void *b)
{
	const struct netns *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (!*x->path != !*y->path)
		return *x->path ? 1 : -1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return strcmp(x->label, y->label);
}

/* This one, then those with a name, then those of processes */
static int compare_to_show(const void *a, const void *b)
{
	const struct netns *x = a, *y = b;

	if (!*x->path != !*y->path)
		return *x->path ? 1 : -1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return strcmp(x->label, y->label);
}

static bool entry(struct netns *ns, const char *dir, const char *name)
{
	unsigned long pid;

	*ns = (struct netns){};
	snprintf(ns->label, sizeof(ns->label), "%s", name);
	if (!dir) {
		snprintf(ns->path, sizeof(ns->path), NAMED "/%s", name);
	} else {
		if (!to_number(name, &pid) || pid > INT_MAX)
			return false;
		ns->pid = pid;
		snprintf(ns->path, sizeof(ns->path), "%s/%s/ns/net", dir, name);
	}
	return true;
}

/* Of a process that has gone meanwhile, the kernel says EACCES, too */
static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (!dir)
		return true;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !access(path, F_OK);
}

/* Those that a directory lists; counts the ones that this user may not see */
static struct netns *add_all(struct netns *ns, size_t *n, size_t *room, const char *dir,
			     size_t *hidden)
{
	DIR *d = opendir(dir ? dir : NAMED);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (*e->d_name == '.')
			continue;
		ns = grow(ns, *n, room, sizeof(*ns));
		if (!entry(&ns[*n], dir, e->d_name))
			continue;
		set_ino(&ns[*n]);
		if (ns[*n].ino)
			++*n;
		else if (errno == EACCES && is_there(dir, e->d_name))
			++*hidden;
	}
	if (d)
		closedir(d);
	return ns;
}

/**
 * netns_all() - find all namespaces that have a process or a name
 * @n: gets their number
 * @hidden: gets the number of processes whose namespace this user may not see
 *
 * Return: an array, to be freed.
 */
struct netns *netns_all(size_t *n, size_t *hidden)
{
	size_t room = 1, i, kept = 1;
	struct netns *ns = need_memory(malloc(sizeof(*ns)));

	*hidden = 0;
	*n = 1;
	netns_find(&ns[0], NULL);
	ns = add_all(ns, n, &room, NULL, hidden);
	ns = add_all(ns, n, &room, proc_dir(), hidden);
	qsort(ns, *n, sizeof(*ns), compare);
	for (i = 1; i < *n; i++) {
		if (ns[i].ino != ns[kept - 1].ino)
			ns[kept++] = ns[i];
	}
	*n = kept;
	for (i = 0; i < kept; i++) {
		if (ns[i].pid)
			name_process(&ns[i]);
	}
	qsort(ns, kept, sizeof(*ns), compare_to_show);
	return ns;
}
