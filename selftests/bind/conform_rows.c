// SPDX-License-Identifier: GPL-2.0
/* NAME.bind.tsv: may one socket bind and listen beside another one? */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "conform.h"
#include "module.h"

enum {
	ID, PROTO_, A_ADDR, A_FLAGS, A_UID, A_STATE, B_ADDR, B_FLAGS, B_UID, RESULT, B_LISTEN,
	A_SETUP, COLUMNS
};

/**
 * struct place - an address as the tables name it
 * @name: there
 * @host: its address
 * @via: the address that a client connects to, to get to a listener there
 * @out: an address that a socket on it can connect() to
 */
struct place {
	const char *name;
	const char *host;
	const char *via;
	const char *out;
};

static const struct place places[] = {
	{ "wildcard", "0.0.0.0", "127.0.0.1", "127.0.0.1" },
	{ "0.0.0.0", "0.0.0.0", "127.0.0.1", "127.0.0.1" },
	{ "specific1", "127.0.0.1", "127.0.0.1", "127.0.0.1" },
	{ "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1" },
	{ "specific2", "127.0.0.2", "127.0.0.2", "127.0.0.1" },
	{ "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.1" },
	/* The recorded children of a dual-stack listener came by IPv6 */
	{ "any6_v6only0", "::", "::1", "::1" },
	{ "any6_v6only1", "::", "::1", "::1" },
	{ "::1", "::1", "::1", "::1" },
	{ "::ffff:127.0.0.1", "::ffff:127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1" },
	{ "mcast239.1.1.1", "239.1.1.1", NULL, "127.0.0.1" },
	{ "mcast239.1.1.2", "239.1.1.2", NULL, "127.0.0.1" },
};

static const struct state {
	const char *name;
	bool listens;	/* or did so, until the end */
	bool child;
	bool timewait;
	bool only;	/* the listener is closed */
	bool connects;
} states[] = {
	{ .name = "bound" },
	{ .name = "listening", .listens = true },
	{ .name = "listening+child", .listens = true, .child = true },
	{ .name = "listening+timewait", .listens = true, .child = true, .timewait = true },
	{ .name = "accepted-child-only", .listens = true, .child = true, .only = true },
	{ .name = "timewait-only", .listens = true, .child = true, .timewait = true, .only = true },
	{ .name = "client-connected", .connects = true },
	{ .name = "connected", .connects = true },
};

static const struct place *find_place(const struct record *rec, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (!strcmp(places[i].name, name))
			return &places[i];
	}
	record_bad(rec, "no address %s", name);
}

static const struct state *find_state(const struct record *rec, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (!strcmp(states[i].name, name))
			return &states[i];
	}
	record_bad(rec, "no state %s", name);
}

static uid_t find_uid(const struct record *rec, const char *name)
{
	if (!strcmp(name, "root"))
		return 0;
	if (!strcmp(name, "u1"))
		return 1001;
	if (!strcmp(name, "u2"))
		return 1002;
	record_bad(rec, "no user %s", name);
}

/* Is IPV6_V6ONLY to be cleared for that address? Otherwise it is set, or makes no difference */
static bool is_dual(const struct place *place)
{
	return !strcmp(place->name, "any6_v6only0") || !strncmp(place->host, "::ffff:", 7);
}

/* A socket with its flags; returns what came of setting those */
static int make(const struct record *rec, struct host_sock *s, const char *proto,
		const struct place *place, const char *flags, const char *uid)
{
	int err = 0;

	host_open(s, proto, strchr(place->host, ':') ? AF_INET6 : AF_INET, find_uid(rec, uid),
		  true);
	if (strstr(flags, "RA"))
		err = host_flag(s, "RA", true);
	if (strstr(flags, "RP"))
		err = host_flag(s, "RP", true) ?: err;
	if (is_dual(place))
		err = host_v6only(s, false) ?: err;
	return err;
}

/* In these, what is in TIME_WAIT was connected to another host */
static bool is_far(const struct record *rec)
{
	return !strstr(rec->name, ".localpeer.");
}

/* The states of A; an accepted child is a socket of its own */
static int bring_to(const struct record *rec, struct host_sock *a, struct host_sock *child,
		    const struct state *state, const struct place *place, int port)
{
	int client, err;

	if (state->connects)
		return host_connect_out(a, place->out);
	if (!state->listens)
		return 0;
	err = host_listen(a);
	if (err)
		return err;
	if (state->timewait && is_far(rec)) {
		err = host_timewait_far(a, place->via, port);
		if (err)
			return err;
	} else if (state->child) {
		client = host_connect(place->via, port, &err);
		if (err)
			return err;
		host_accept(child, a, client);
	}
	if (state->timewait && !is_far(rec))
		host_timewait(child);
	if (state->only)
		host_close(a);
	return 0;
}

/* One answer a row, of which a part may be all that is asked for */
static void compare(struct record *rec, char **f, const char *setup, const char *result,
		    const char *listening)
{
	char what[512], have[64], want[64];

	snprintf(what, sizeof(what), "%s %s %s %s %s %s, %s %s %s", f[ID], f[PROTO_], f[A_ADDR],
		 f[A_FLAGS], f[A_UID], f[A_STATE], f[B_ADDR], f[B_FLAGS], f[B_UID]);
	snprintf(have, sizeof(have), "%s %s", result, listening);
	snprintf(want, sizeof(want), "%s %s", f[RESULT], f[B_LISTEN]);
	if (!(rec->only & ANSWER_BIND) && !strcmp(f[B_LISTEN], "-"))
		return;
	if (strcmp(setup, f[A_SETUP]))
		record_compare(rec, what, setup, f[A_SETUP]);
	else if (!(rec->only & ANSWER_LISTEN))
		record_compare(rec, what, result, f[RESULT]);
	else if (rec->only & ANSWER_BIND)
		record_compare(rec, what, have, want);
	else
		record_compare(rec, what, listening, f[B_LISTEN]);
}

/**
 * struct row - a line, and how far it has been played
 * @line: the line
 * @f: its columns
 * @a: the socket that is there first
 * @child: a connection that it accepted
 * @port: the port
 * @setup: how @a got to its state
 * @asked: what /proc/net/reuse_why said
 */
struct row {
	char line[1024];
	char *f[COLUMNS];
	struct host_sock a;
	struct host_sock child;
	int port;
	const char *setup;
	char asked[64];
};

static void row_set_up(const struct record *rec, struct row *row)
{
	const struct place *at = find_place(rec, row->f[A_ADDR]);
	const struct state *state = find_state(rec, row->f[A_STATE]);
	int err;

	row->child = (struct host_sock){ -1, -1, 0, 0, 0 };
	row->port = host_port();
	err = make(rec, &row->a, row->f[PROTO_], at, row->f[A_FLAGS], row->f[A_UID]);
	err = err ?: host_bind(&row->a, at->host, row->port);
	err = err ?: bring_to(rec, &row->a, &row->child, state, at, row->port);
	row->setup = host_error(err);
}

/* Asks what bind() will say, and what listen() will, or bind() if that fails */
static void row_ask(const struct record *rec, struct row *row)
{
	const struct place *to = find_place(rec, row->f[B_ADDR]);
	bool v6only = !is_dual(to), udp = !strcmp(row->f[PROTO_], "udp");
	struct host_sock b = { .uid = find_uid(rec, row->f[B_UID]), .udp = udp };
	const char *flags = row->f[B_FLAGS], *bind, *listen;

	bind = text("%s", conform_ask(rec->as, &b, to->host, row->port, flags, v6only, false));
	listen = udp ? "-" :
		 conform_ask(rec->as, &b, to->host, row->port, flags, v6only, true);
	snprintf(row->asked, sizeof(row->asked), "%s %s", bind, listen);
}

static void compare_why(struct record *rec, const struct row *row, const char *result,
			const char *listening)
{
	char what[512], said[64];
	char * const *f = row->f;

	if (!strncmp(result, "setsockopt:", 11))
		result += 11;
	if (!strcmp(listening, "-") && !row->a.udp)
		listening = result;
	snprintf(what, sizeof(what), "%s %s %s %s %s %s, %s %s %s", f[ID], f[PROTO_], f[A_ADDR],
		 f[A_FLAGS], f[A_UID], f[A_STATE], f[B_ADDR], f[B_FLAGS], f[B_UID]);
	snprintf(said, sizeof(said), "%s %s", result, listening);
	record_compare(rec, what, row->asked, said);
}

static void row_bind(struct record *rec, struct row *row)
{
	const struct place *to = find_place(rec, row->f[B_ADDR]);
	const char *result = "NA", *listening = "-";
	struct host_sock b = { -1, -1, 0, 0, 0 };
	bool good = !strcmp(row->setup, "OK");
	int err;

	if (good) {
		err = make(rec, &b, row->f[PROTO_], to, row->f[B_FLAGS], row->f[B_UID]);
		result = err ? text("setsockopt:%s", host_error(err)) : NULL;
		err = err ?: host_bind(&b, to->host, row->port);
		result = result ?: host_error(err);
		if (!err && !b.udp)
			listening = host_error(host_listen(&b));
	}
	host_close(&b);
	host_close(&row->child);
	host_close(&row->a);
	if (!rec->why)
		compare(rec, row->f, row->setup, result, listening);
	else if (good)
		compare_why(rec, row, result, listening);
}

/* Rows that are asked about together, so that the namespace is not switched for each */
#define TOGETHER	128

static void rows_play(struct record *rec, struct row *rows, int n)
{
	int i;

	for (i = 0; i < n; i++)
		row_set_up(rec, &rows[i]);
	for (i = 0; i < n && rec->why; i++)
		row_ask(rec, &rows[i]);
	if (rec->as)
		write_file(SEMANTICS, "%s", rec->as);
	for (i = 0; i < n; i++)
		row_bind(rec, &rows[i]);
	if (rec->as)
		write_file(SEMANTICS, "native");
}

/* Rows with IPv6 are left out where this kernel has none */
static bool can_play(const struct record *rec, const struct row *row)
{
	return has_ipv6() || !(strchr(find_place(rec, row->f[A_ADDR])->host, ':') ||
			       strchr(find_place(rec, row->f[B_ADDR])->host, ':'));
}

static bool row_read(struct record *rec, FILE *f, struct row *row)
{
	char *rest = row->line;
	int n;

	if (!record_line(rec, f, row->line, sizeof(row->line)))
		return false;
	for (n = 0; n < COLUMNS && rest; n++)
		row->f[n] = strsep(&rest, "\t");
	if (n < COLUMNS)
		record_bad(rec, "%d columns, not %d", n, COLUMNS);
	return true;
}

/**
 * conform_rows() - play a .bind.tsv file
 * @rec: the file
 */
void conform_rows(struct record *rec)
{
	static struct row rows[TOGETHER];
	FILE *f = record_open(rec->path);
	int n = 0;

	while (rec->only & (ANSWER_BIND | ANSWER_LISTEN) && row_read(rec, f, &rows[n])) {
		if (!strcmp(rows[n].f[ID], "id") || !can_play(rec, &rows[n]))
			continue;
		if (++n < (rec->as ? TOGETHER : 1))
			continue;
		rows_play(rec, rows, n);
		n = 0;
	}
	rows_play(rec, rows, n);
	fclose(f);
}
