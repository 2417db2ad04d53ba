/* SPDX-License-Identifier: GPL-2.0 */
/* Network namespaces: found by name, by process, or all of them. */
#ifndef REUSE_NETNS_H
#define REUSE_NETNS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "table.h"
#include "util.h"

/* Room for a word of the sysctl */
#define SEMANTICS_LEN	64

/**
 * struct netns - a network namespace
 * @label: what -N takes to find it, or "self"
 * @comm: the name of the process that it was found by, or empty
 * @path: a file that stands for it, for setns(2); empty for the one that this process is in
 * @pid: a process in it; 0 if it was found by its name
 * @ino: its inode number; 0 if that cannot be known
 */
struct netns {
	char label[NAME_MAX + 1];
	char comm[64];
	char path[PATH_LEN];
	pid_t pid;
	ino_t ino;
};

bool netns_find(struct netns *ns, const char *which);
void netns_print(const struct netns *ns);
struct netns *netns_all(size_t *n, size_t *hidden);
bool netns_enter(const struct netns *ns);
void netns_leave(void);
bool netns_file(const struct netns *ns, const char *name, char path[PATH_LEN]);
int netns_table(const struct netns *ns, struct table *t);
bool netns_sysctl(const struct netns *ns, const char *name, char word[SEMANTICS_LEN]);

#endif
