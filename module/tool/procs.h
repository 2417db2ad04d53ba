/* SPDX-License-Identifier: GPL-2.0 */
/* Which processes have a socket open, and what is known about them. */
#ifndef REUSE_PROCS_H
#define REUSE_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "table.h"

/**
 * struct process - a process that has a socket open
 * @pid: its ID
 * @comm: its name
 * @unit: the systemd unit of its cgroup, or NULL
 * @container: the container of its cgroup, as "docker 0123456789ab", or NULL
 * @started: when it began, in seconds since 1970; 0 if that is not known
 */
struct process {
	pid_t pid;
	char comm[64];
	char *unit;
	char *container;
	long long started;
};

/**
 * struct holders - the processes behind a row
 * @process: they, by process ID
 * @n: how many
 * @room: for how many there is room
 * @unknown: sockets with an inode that no process is known to have open
 * @more: the row has more sockets than the module lists
 */
struct holders {
	const struct process **process;
	size_t n;
	size_t room;
	size_t unknown;
	bool more;
};

void procs_want_inode(unsigned long number);
void procs_want(const struct table *t);
void procs_scan(void);
void procs_say_hidden(void);
void procs_of(const struct table *t, const struct row *row, struct holders *holders);
void procs_of_inode(unsigned long number, struct holders *holders);
void procs_free(void);
long long boot_time(void);
void cgroup_parse(const char *text, char **unit, char **container);

#endif
