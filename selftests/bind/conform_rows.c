// SPDX-License-Identifier: GPL-2.0
/* NAME.bind.tsv: may one socket bind and listen beside another one? */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "conform.h"

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

static void play(struct record *rec, char **f)
{
	const char *setup, *result = "NA", *listening = "-";
	struct host_sock a, b = { -1, -1, 0, 0, 0 }, child = b;
	const struct place *at = find_place(rec, f[A_ADDR]), *to = find_place(rec, f[B_ADDR]);
	const struct state *state = find_state(rec, f[A_STATE]);
	int port = host_port(), err;

	err = make(rec, &a, f[PROTO_], at, f[A_FLAGS], f[A_UID]);
	err = err ?: host_bind(&a, at->host, port);
	setup = host_error(err ?: bring_to(rec, &a, &child, state, at, port));
	if (!strcmp(setup, "OK")) {
		err = make(rec, &b, f[PROTO_], to, f[B_FLAGS], f[B_UID]);
		result = err ? text("setsockopt:%s", host_error(err)) : NULL;
		err = err ?: host_bind(&b, to->host, port);
		result = result ?: host_error(err);
		if (!err && !b.udp)
			listening = host_error(host_listen(&b));
	}
	host_close(&b);
	host_close(&child);
	host_close(&a);
	compare(rec, f, setup, result, listening);
}

/**
 * conform_rows() - play a .bind.tsv file
 * @rec: the file
 */
void conform_rows(struct record *rec)
{
	char line[1024], *column[COLUMNS], *rest;
	FILE *f = record_open(rec->path);
	int n;

	while (record_line(rec, f, line, sizeof(line)) &&
	       rec->only & (ANSWER_BIND | ANSWER_LISTEN)) {
		rest = line;
		for (n = 0; n < COLUMNS && rest; n++)
			column[n] = strsep(&rest, "\t");
		if (n < COLUMNS)
			record_bad(rec, "%d columns, not %d", n, COLUMNS);
		if (strcmp(column[ID], "id"))
			play(rec, column);
	}
	fclose(f);
}
