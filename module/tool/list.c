// SPDX-License-Identifier: GPL-2.0
/*
 * "reuse [FILTER...]": reads the table of one namespace or of all, finds the processes if
 * they are asked for, and prints it, once or again and again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "diag.h"
#include "filter.h"
#include "json.h"
#include "list.h"
#include "print.h"
#include "term.h"
#include "util.h"

/* A namespace, its table and its rules */
struct view {
	struct netns ns;
	struct table table;
	char semantics[SEMANTICS_LEN];
};

/**
 * list_read() - read the table of a namespace, and say why that fails
 * @ns: the namespace
 * @t: gets the table; to be freed in any case
 *
 * Return: an exit status.
 */
int list_read(const struct netns *ns, struct table *t)
{
	char path[PATH_LEN];
	int err = netns_table(ns, t);
	struct table own;

	if (!err)
		return DONE;
	/* A process that has ended has no net directory, and no module has no file */
	if (err == -ENOENT || err == -ESRCH) {
		path_print(path, "%s/net/reuse", proc_dir());
		err = table_read(&own, path);
		table_free(&own);
		if (err == -ENOENT)
			return no_module();
		say("the network namespace %s is gone", ns->label);
	} else if (err == -EPERM || err == -EACCES) {
		say("it takes root to enter the network namespace %s", ns->label);
	} else if (err == -EIO) {
		say("the module was unloaded meanwhile");
		return NO_MODULE;
	} else if (err != -EBADMSG) {
		say("cannot read the table of %s: %s", ns->label, strerror(-err));
	}
	return FAILED;
}

/**
 * list_processes() - ask for the processes behind the rows of a table
 * @ns: its namespace
 * @t: the table
 *
 * An older module does not list inode numbers: then sock_diag is asked.
 */
void list_processes(const struct netns *ns, struct table *t)
{
	if (t->has & 1u << INODE)
		table_own_inodes(t);
	else if (!diag_inodes(ns, t))
		say("no processes of %s: this module lists no inodes, and sock_diag says: %s",
		    ns->label, strerror(errno));
	procs_want(t);
}

static void say_hidden(void)
{
	static bool said;

	if (!said)
		procs_say_hidden();
	said = true;
}

/* All that a round has read */
struct round {
	struct view *view;
	size_t n;
};

static void free_round(struct round *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		table_free(&r->view[i].table);
	free(r->view);
	*r = (struct round){};
}

static int find_namespaces(const struct list_options *o, struct round *r)
{
	size_t i, n = 1, hidden = 0;
	struct netns *ns, one;

	if (o->all) {
		ns = netns_all(&n, &hidden);
	} else {
		ns = &one;
		if (!netns_find(ns, o->netns))
			return FAILED;
	}
	r->n = n;
	r->view = need_memory(calloc(r->n, sizeof(*r->view)));
	for (i = 0; i < r->n; i++)
		r->view[i].ns = ns[i];
	if (o->all)
		free(ns);
	if (hidden && !o->watch)
		say("namespaces may be missing: it takes root to see those of %zu process%s",
		    hidden, hidden == 1 ? "" : "es");
	return DONE;
}

/* One namespace that cannot be read ends it; of all of them, it is left out */
static int read_tables(const struct list_options *o, const struct filter *f, struct round *r)
{
	size_t i, kept = 0;
	struct view *v;
	int status;

	for (i = 0; i < r->n; i++) {
		v = &r->view[i];
		status = list_read(&v->ns, &v->table);
		if (status && (!o->all || status == NO_MODULE))
			return status;
		if (status) {
			table_free(&v->table);
			continue;
		}
		if (!filter_fits(f, &v->table))
			return FAILED;
		filter_apply(f, &v->table);
		netns_sysctl(&v->ns, "semantics", v->semantics);
		r->view[kept++] = *v;
		if (v != &r->view[kept - 1])
			v->table = (struct table){};
	}
	r->n = kept;
	return DONE;
}

static void find_processes(struct round *r)
{
	size_t i;

	procs_free();
	for (i = 0; i < r->n; i++)
		list_processes(&r->view[i].ns, &r->view[i].table);
	procs_scan();
	say_hidden();
}

/* Marks what has changed since the round before */
static void mark_rows(struct round *r, const struct round *before)
{
	size_t i, k;

	for (i = 0; i < r->n; i++) {
		for (k = 0; k < before->n; k++) {
			if (r->view[i].ns.ino == before->view[k].ns.ino &&
			    !strcmp(r->view[i].ns.label, before->view[k].ns.label))
				break;
		}
		if (k < before->n)
			table_mark(&r->view[i].table, &before->view[k].table);
	}
}

static void print_heading(const struct list_options *o, const struct view *v)
{
	const char *semantics = *v->semantics ? v->semantics : "unknown";

	if (o->all || o->netns) {
		fputs("namespace ", stdout);
		netns_print(&v->ns);
		printf(", semantics %s\n", semantics);
	} else if (*v->semantics && strcmp(semantics, "native")) {
		printf("semantics %s\n", semantics);
	}
}

static void print_time(double seconds)
{
	time_t now = time(NULL);
	char text[32];

	strftime(text, sizeof(text), "%T", localtime(&now));
	printf("%s, every %g s: + new, * changed, - gone\n", text, seconds);
}

static void print_people(const struct list_options *o, const struct round *r)
{
	size_t i, lines = o->watch && term_is() ? term_height() : 0;

	if (o->watch) {
		term_clear();
		print_time(o->watch);
	}
	for (i = 0; i < r->n; i++) {
		if (i)
			putchar('\n');
		print_heading(o, &r->view[i]);
		print_table(&r->view[i].table, o->watch, o->processes,
			    lines > 4 * r->n ? lines / r->n - 1 : 0);
	}
}

static void print_objects(const struct list_options *o, const struct round *r)
{
	const struct view *v;
	size_t i;

	json_open(NULL, '[');
	for (i = 0; i < r->n; i++) {
		v = &r->view[i];
		json_open(NULL, '{');
		json_text("netns", v->ns.label);
		json_number("netns_inode", v->ns.ino);
		json_text("semantics", *v->semantics ? v->semantics : NULL);
		print_json(&v->table, o->watch, o->processes);
		json_close('}');
	}
	json_close(']');
	json_end();
}

static bool any_row(const struct round *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (r->view[i].table.n)
			return true;
	}
	return false;
}

static int do_round(const struct list_options *o, const struct filter *f, struct round *r,
		    const struct round *before)
{
	int status = find_namespaces(o, r);

	if (!status)
		status = read_tables(o, f, r);
	if (status)
		return status;
	if (before)
		mark_rows(r, before);
	if (o->processes)
		find_processes(r);
	if (o->json)
		print_objects(o, r);
	else
		print_people(o, r);
	return any_row(r) ? DONE : NOTHING;
}

static void sleep_for(double seconds)
{
	struct timespec t = { .tv_sec = seconds };

	t.tv_nsec = (seconds - t.tv_sec) * 1e9;
	fflush(stdout);
	nanosleep(&t, NULL);
	term_setup();
}

/**
 * list_main() - "reuse [FILTER...]"
 * @o: what is to be listed
 *
 * Return: an exit status.
 */
int list_main(const struct list_options *o)
{
	struct round now = {}, before = {};
	struct filter f;
	int status = USAGE;

	if (filter_parse(&f, o->words))
		status = do_round(o, &f, &now, NULL);
	while (o->watch && status <= NOTHING && !ferror(stdout)) {
		sleep_for(o->watch);
		free_round(&before);
		before = now;
		now = (struct round){};
		status = do_round(o, &f, &now, &before);
	}
	free_round(&now);
	free_round(&before);
	filter_free(&f);
	procs_free();
	return status;
}
