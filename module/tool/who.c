// SPDX-License-Identifier: GPL-2.0
/* "reuse who :8080": each row of the port in words, with its processes. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter.h"
#include "list.h"
#include "procs.h"
#include "term.h"
#include "util.h"
#include "who.h"

static const char help[] =
"usage: reuse who [-N NETNS|PID] [tcp|udp|udplite] [ADDRESS]:PORT\n"
"\n"
"Says in words who holds a port, in which state and with which options, who\n"
"receives there now, and what a newcomer must set. ADDRESS is 127.0.0.1, [::1] or\n"
"*: then it is about that address, and the wildcards that take it as well. Exit\n"
"status 1 if nobody holds it.\n";

/* Processes of a row that are shown */
#define PROCESSES	12

struct question {
	const char *netns;
	const char *proto;
	struct filter_address at;
};

/**
 * key_overlaps() - does bind() to an address meet the sockets of a row?
 * @newcomer: the address; [::] is dual-stack
 * @row: the row; its port is the same
 *
 * Return: whether the kernel compares their options.
 */
bool key_overlaps(const struct row_key *newcomer, const struct row_key *row)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct row_key *v4 = newcomer->ipv6 ? row : newcomer;
	const struct row_key *v6 = newcomer->ipv6 ? newcomer : row;
	static const unsigned char any[4];

	if (newcomer->ipv6 == row->ipv6)
		return key_is_any(newcomer) || key_is_any(row) ||
		       !memcmp(newcomer->addr, row->addr, sizeof(row->addr));
	if (v6->v6only == 1)
		return false;
	/* A connection that a dual-stack socket accepted keeps 0.0.0.0 away, even if it is IPv6 */
	if (key_is_any(v6) || (v6 == row && key_is_any(newcomer)))
		return true;
	return !memcmp(v6->addr, mapped, sizeof(mapped)) &&
	       (key_is_any(v4) || !memcmp(v6->addr + 12, any, 4) ||
		!memcmp(v6->addr + 12, v4->addr, 4));
}

static void put_state(FILE *out, const char *comma, unsigned int n, const char *one,
		      const char *many)
{
	if (n == 1)
		fprintf(out, "%sone socket %s", comma, one);
	else
		fprintf(out, "%s%u sockets %s", comma, n, many);
}

static void put_states(FILE *out, const struct row *row, bool udp)
{
	unsigned int listen = row_count(row, LISTEN), bound = row_count(row, BOUND);
	unsigned int connected = row_count(row, CONNECTED), timewait = row_count(row, TIMEWAIT);
	const char *comma = "";

	if (listen) {
		put_state(out, comma, listen, "listens", "listen");
		comma = ", ";
	}
	if (bound) {
		put_state(out, comma, bound, udp ? "is bound" : "is bound and does not listen",
			  udp ? "are bound" : "are bound and do not listen");
		comma = ", ";
	}
	if (connected) {
		put_state(out, comma, connected, "is connected", "are connected");
		comma = ", ";
	}
	if (timewait)
		put_state(out, comma, timewait, "is in TIME_WAIT", "are in TIME_WAIT");
}

static void put_option(FILE *out, const struct row *row, enum table_col col, const char *name)
{
	unsigned int n = row_count(row, col), all = row_count(row, SOCKETS);

	if (all == 1)
		fprintf(out, "    %s %s\n", n ? "with" : "without", name);
	else if (!n || n == all)
		fprintf(out, "    %s %s\n", n ? "all with" : "all without", name);
	else
		fprintf(out, "    %u of %u with %s\n", n, all, name);
}

static void put_users(FILE *out, const char *uids)
{
	const char *comma = "", *end;
	char user[USER_LEN];
	unsigned long uid;

	if (*uids < '0' || *uids > '9') {
		fputs("    no user: no process holds it\n", out);
		return;
	}
	fputs("    user ", out);
	for (; *uids >= '0' && *uids <= '9'; uids = end + 1) {
		end = read_digits(uids, &uid);
		user_print(uid, user);
		fprintf(out, "%s%s", comma, user);
		comma = ", ";
		if (*end != ',')
			break;
		if (end[1] == '+')
			fputs(" and more", out);
	}
	fputc('\n', out);
}

static void put_process(FILE *out, const struct process *p)
{
	char since[32] = "";
	time_t started = p->started;

	fprintf(out, "    process %s %d", p->comm, p->pid);
	if (started && strftime(since, sizeof(since), "%F %T", localtime(&started)))
		fprintf(out, ", since %s", since);
	if (p->container || p->unit)
		fprintf(out, " (%s)", p->container ? p->container : p->unit);
	fputc('\n', out);
}

static void put_processes(FILE *out, const struct table *t, const struct row *row,
			  struct holders *h)
{
	size_t i;

	procs_of(t, row, h);
	for (i = 0; i < h->n && i < PROCESSES; i++)
		put_process(out, h->process[i]);
	if (h->n > i)
		fprintf(out, "    and %zu more processes\n", h->n - i);
	if (h->more)
		fputs("    and sockets that the module does not list\n", out);
	else if (h->unknown || (!h->n && row_count(row, SOCKETS) != row_count(row, TIMEWAIT)))
		fputs(h->n ? "    and a process that cannot be seen\n" :
			     "    no process that can be seen holds it\n", out);
}

static void put_row(const struct port *p, const struct row *row, struct holders *h)
{
	char address[128], *text;
	size_t len;
	FILE *out = need_memory(open_memstream(&text, &len));

	address_print(&row->key, table_text(p->t, row, DEV), address, sizeof(address));
	fprintf(out, "%s %s: ", table_text(p->t, row, PROTO), address);
	put_states(out, row, p->udp);
	fputc('\n', out);
	put_option(out, row, REUSEADDR, "SO_REUSEADDR");
	put_option(out, row, REUSEPORT, "SO_REUSEPORT");
	if (row_is_chosen(p->t, row))
		fputs("    connect() chose the port\n", out);
	put_users(out, table_text(p->t, row, UID));
	put_processes(out, p->t, row, h);
	fclose(out);
	term_wrap(text, INDENTED);
	free(text);
}

/* All of one protocol: the rows, then what follows from them, if the module says enough */
static void put_port(struct port *p, struct holders *h)
{
	unsigned int col, needed = 0;
	size_t i, len;
	char *text;

	for (col = FIRST_COUNT; col <= FASTUID; col++)
		needed |= 1u << col;
	for (i = 0; i < p->n; i++)
		put_row(p, &p->row[i], h);
	putchar('\n');
	if (needed & ~p->t->has) {
		puts("This module is too old to say who receives, and what a newcomer must set.");
		return;
	}
	p->out = need_memory(open_memstream(&text, &len));
	advise_receiver(p);
	advise_newcomer(p);
	fclose(p->out);
	term_wrap(text, 0);
	free(text);
}

static bool is_asked_for(const struct question *q, const struct table *t, const struct row *row)
{
	if (row->key.port != q->at.key.port)
		return false;
	if (q->proto && strcmp(q->proto, table_text(t, row, PROTO)))
		return false;
	return !q->at.addr || key_overlaps(&q->at.key, &row->key);
}

static void keep_asked(const struct question *q, struct table *t)
{
	size_t i, kept = 0;

	for (i = 0; i < t->n; i++) {
		if (is_asked_for(q, t, &t->row[i]))
			t->row[kept++] = t->row[i];
	}
	t->n = kept;
}

static void answer(const struct question *q, const struct netns *ns, struct table *t)
{
	char semantics[SEMANTICS_LEN];
	struct holders h = {};
	struct port p = { .t = t, .semantics = semantics, .asked = &q->at };
	size_t i;

	netns_sysctl(ns, "semantics", semantics);
	list_processes(ns, t);
	procs_scan();
	for (i = 0; i < t->n; i += p.n) {
		p.row = &t->row[i];
		for (p.n = 1; i + p.n < t->n && p.row[p.n].key.proto == p.row->key.proto;)
			p.n++;
		p.udp = strncmp(table_text(t, p.row, PROTO), "tcp", 3);
		if (i)
			putchar('\n');
		put_port(&p, &h);
	}
	procs_say_hidden();
	free(h.process);
	procs_free();
}

static void put_nobody(const struct question *q)
{
	char address[128];

	address_print(&q->at.key, "-", address, sizeof(address));
	printf("nobody holds %s%s", q->proto ? q->proto : "", q->proto ? " " : "");
	if (q->at.addr)
		printf("%s here\n", address);
	else
		printf("port %u here\n", q->at.key.port);
}

static int find(const struct question *q)
{
	int status = DONE;
	struct netns ns;
	struct table t;

	if (!netns_find(&ns, q->netns))
		return FAILED;
	status = list_read(&ns, &t);
	if (!status) {
		keep_asked(q, &t);
		if (t.n) {
			answer(q, &ns, &t);
		} else {
			put_nobody(q);
			status = NOTHING;
		}
	}
	table_free(&t);
	return status;
}

/* The words behind the options */
static bool read_words(struct question *q, char * const *words)
{
	unsigned long number;
	bool seen = false;
	uint8_t proto;

	for (; *words; words++) {
		if (key_proto(*words, &proto)) {
			q->proto = *words;
		} else if (!seen && filter_address_parse(*words, &q->at) && q->at.port) {
			seen = true;
		} else {
			say("'%s' is no port: reuse who :%s", *words,
			    to_number(*words, &number) ? *words : "8080");
			return false;
		}
	}
	if (!seen)
		say("who needs a port: reuse who :8080");
	return seen;
}

/**
 * who_main() - "reuse who"
 * @argc: number of arguments
 * @argv: the arguments; the first is the command
 *
 * Return: an exit status.
 */
int who_main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, {} };
	struct question q = {};
	int c;

	argv[0] = "reuse who";
	while ((c = getopt_long(argc, argv, "N:h", options, NULL)) != -1) {
		switch (c) {
		case 'N':
			q.netns = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return DONE;
		default:
			return USAGE;
		}
	}
	return read_words(&q, argv + optind) ? find(&q) : USAGE;
}
