// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the processes that have a socket open, by the links /proc/PID/fd/N: one pass over
 * all of them for all sockets that are asked for, which a hash table holds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "procs.h"
#include "util.h"

/* An inode number that is asked for, and the last of its holders, from 1 */
struct wanted {
	unsigned long number;
	size_t holder;
};

/* A process that has a socket open, and the next one, from 1 */
struct holder {
	size_t process;
	size_t next;
};

static struct wanted *wanted;
static size_t slots, wanteds;
static struct holder *holder;
static size_t holders, holder_room;
static struct process *process;
static size_t processes, process_room;
static size_t hidden;

static struct wanted *slot_of(unsigned long number)
{
	size_t i = (number * 0x9e3779b97f4a7c15ul >> 20) & (slots - 1);

	while (wanted[i].number && wanted[i].number != number)
		i = (i + 1) & (slots - 1);
	return &wanted[i];
}

static void make_slots(size_t n)
{
	struct wanted *old = wanted;
	size_t i, n_old = slots;

	slots = n;
	wanted = need_memory(calloc(n, sizeof(*wanted)));
	for (i = 0; i < n_old; i++) {
		if (old[i].number)
			*slot_of(old[i].number) = old[i];
	}
	free(old);
}

/**
 * procs_want_inode() - ask for the holders of a socket
 * @number: its inode number; 0 is none
 */
void procs_want_inode(unsigned long number)
{
	struct wanted *w;

	if (!number)
		return;
	/* Half of the slots stay empty */
	if (wanteds * 2 >= slots)
		make_slots(slots ? slots * 2 : 64);
	w = slot_of(number);
	wanteds += !w->number;
	w->number = number;
}

/**
 * procs_want() - ask for the holders of a table's sockets
 * @t: the table; its rows know their inodes
 */
void procs_want(const struct table *t)
{
	size_t i, k;

	for (i = 0; i < t->n; i++) {
		for (k = t->row[i].inodes; k; k = t->inode[k - 1].next)
			procs_want_inode(t->inode[k - 1].number);
	}
}

/**
 * boot_time() - when this machine was booted
 *
 * Return: seconds since 1970; 0 if that is not known.
 */
long long boot_time(void)
{
	static unsigned long time;
	char path[PATH_LEN];
	char *text, *line;

	if (time)
		return time;
	path_print(path, "%s/stat", proc_dir());
	text = slurp(path, NULL);
	line = text ? strstr(text, "\nbtime ") : NULL;
	if (line)
		read_digits(line + 7, &time);
	free(text);
	return time;
}

/* The 22nd column, counted behind the name, which may hold anything */
static long long start_time(const char *stat)
{
	const char *p = strrchr(stat, ')');
	unsigned long ticks;
	int col;

	for (col = 2; p && col < 22; col++)
		p = strchr(p + 1, ' ');
	if (!p || !boot_time())
		return 0;
	read_digits(p + 1, &ticks);
	return boot_time() + ticks / sysconf(_SC_CLK_TCK);
}

static void learn(struct process *p)
{
	char path[PATH_LEN];
	char *text;

	path_print(path, "%s/%d/comm", proc_dir(), p->pid);
	if (!read_first_line(path, p->comm, sizeof(p->comm)))
		snprintf(p->comm, sizeof(p->comm), "?");
	path_print(path, "%s/%d/stat", proc_dir(), p->pid);
	text = slurp(path, NULL);
	if (text)
		p->started = start_time(text);
	free(text);
	path_print(path, "%s/%d/cgroup", proc_dir(), p->pid);
	text = slurp(path, NULL);
	if (text)
		cgroup_parse(text, &p->unit, &p->container);
	free(text);
}

static void add_holder(struct wanted *w, pid_t pid)
{
	/* A socket that the process has open twice */
	if (w->holder && process[holder[w->holder - 1].process].pid == pid)
		return;
	if (!processes || process[processes - 1].pid != pid) {
		process = grow(process, processes, &process_room, sizeof(*process));
		process[processes] = (struct process){ .pid = pid };
		learn(&process[processes++]);
	}
	holder = grow(holder, holders, &holder_room, sizeof(*holder));
	holder[holders++] = (struct holder){ .process = processes - 1, .next = w->holder };
	w->holder = holders;
}

static void scan_fds(DIR *dir, pid_t pid)
{
	unsigned long number;
	struct dirent *e;
	struct wanted *w;
	char link[64];
	ssize_t n;

	while ((e = readdir(dir))) {
		n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		if (n < 10 || memcmp(link, "socket:[", 8) || link[n - 1] != ']')
			continue;
		link[n - 1] = '\0';
		if (!to_number(link + 8, &number) || !number)
			continue;
		w = slot_of(number);
		if (w->number)
			add_holder(w, pid);
	}
}

/**
 * procs_scan() - find the holders of all sockets that are asked for
 */
void procs_scan(void)
{
	DIR *proc = opendir(proc_dir()), *fds;
	char path[PATH_LEN];
	unsigned long pid;
	struct dirent *e;

	if (!slots)
		make_slots(64);
	while (proc && (e = readdir(proc))) {
		if (!to_number(e->d_name, &pid) || pid > INT32_MAX)
			continue;
		path_print(path, "%s/%lu/fd", proc_dir(), pid);
		fds = opendir(path);
		if (fds) {
			scan_fds(fds, pid);
			closedir(fds);
		} else if (errno == EACCES) {
			hidden++;
		}
	}
	if (proc)
		closedir(proc);
}

/**
 * procs_say_hidden() - say how many processes could not be looked into, if any
 */
void procs_say_hidden(void)
{
	if (hidden)
		say("%zu process%s could not be looked into: it takes root to see those of others",
		    hidden, hidden == 1 ? "" : "es");
}

static int compare_pids(const void *a, const void *b)
{
	const struct process * const *x = a, * const *y = b;

	return (*x)->pid < (*y)->pid ? -1 : (*x)->pid > (*y)->pid;
}

static void take_holders(struct holders *h, unsigned long number)
{
	const struct wanted *w = slot_of(number);
	size_t i;

	h->unknown += !w->holder;
	for (i = w->holder; i; i = holder[i - 1].next) {
		h->process = grow(h->process, h->n, &h->room, sizeof(*h->process));
		h->process[h->n++] = &process[holder[i - 1].process];
	}
}

/* By process ID, and each once */
static void sort_holders(struct holders *h)
{
	size_t i, kept = 0;

	if (!h->n)
		return;
	qsort(h->process, h->n, sizeof(*h->process), compare_pids);
	for (i = 0; i < h->n; i++) {
		if (!kept || h->process[kept - 1] != h->process[i])
			h->process[kept++] = h->process[i];
	}
	h->n = kept;
}

/**
 * procs_of() - the processes behind a row
 * @t: the table
 * @row: the row
 * @h: gets them; its array is used again, and to be freed in the end
 */
void procs_of(const struct table *t, const struct row *row, struct holders *h)
{
	size_t k;

	h->n = 0;
	h->unknown = 0;
	h->more = row_more_inodes(t, row);
	for (k = row->inodes; k; k = t->inode[k - 1].next)
		take_holders(h, t->inode[k - 1].number);
	sort_holders(h);
}

/**
 * procs_of_inode() - the processes that have a socket open
 * @number: its inode number, which was asked for; 0 is none
 * @h: gets them, as of procs_of()
 */
void procs_of_inode(unsigned long number, struct holders *h)
{
	h->n = 0;
	h->unknown = 0;
	h->more = false;
	if (number && slots)
		take_holders(h, number);
	sort_holders(h);
}

/**
 * procs_free() - forget all that was asked for and found
 */
void procs_free(void)
{
	size_t i;

	for (i = 0; i < processes; i++) {
		free(process[i].unit);
		free(process[i].container);
	}
	free(process);
	free(holder);
	free(wanted);
	process = NULL;
	holder = NULL;
	wanted = NULL;
	slots = 0;
	wanteds = 0;
	holders = 0;
	holder_room = 0;
	processes = 0;
	process_room = 0;
	hidden = 0;
}
