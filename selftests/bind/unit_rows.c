// SPDX-License-Identifier: GPL-2.0
/* NAME.bind.tsv: single questions. */
#include "unit.h"

static const char *row_addr(const char *name)
{
	static const char * const names[][2] = {
		{ "wildcard", "0.0.0.0" }, { "specific1", "127.0.0.1" },
		{ "specific2", "127.0.0.2" }, { "any6_v6only0", "::" },
		{ "any6_v6only1", "::" }, { "mcast239.1.1.1", "239.1.1.1" },
		{ "mcast239.1.1.2", "239.1.1.2" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!strcmp(name, names[i][0]))
			return names[i][1];
	}
	return name;
}

/* The error of the options that the row sets before bind() */
static int row_socket(struct sock *sk, bool udp, const char *addr, char *flags,
		      const char *uid)
{
	const char *host = row_addr(addr);
	char v6only[] = "V6=0";

	new_socket(sk, udp, strchr(host, ':'),
		   strcmp(uid, "root") ? uid[1] - '0' : 0);
	set_flags(sk, flags, "+");
	if (!strcmp(addr, "any6_v6only1"))
		v6only[3] = '1';
	else if (strcmp(addr, "any6_v6only0") && strncmp(host, "::ffff:", 7))
		return 0;
	return set_flags(sk, v6only, " ");
}

/* Address of a connection to a socket on @addr */
static const char *row_peer(const char *addr)
{
	if (!strcmp(addr, "any6_v6only1"))
		return "::1";
	if (!strcmp(addr, "wildcard") || !strcmp(addr, "0.0.0.0") ||
	    !strcmp(addr, "any6_v6only0"))
		return "127.0.0.1";
	return row_addr(addr);
}

static void row_state(struct sock *a, const char *addr, const char *state, bool localpeer)
{
	bool only = strstr(state, "-only");
	const char *to = row_peer(addr);

	if (!strcmp(state, "bound"))
		return;
	if (strstr(state, "connected")) {
		do_connect(a, sem_any(a->s.addr) && strchr(row_addr(addr), ':') ?
			   "::1" : to);
		return;
	}
	do_listen(a);
	if (strstr(state, "child") || strstr(state, "timewait"))
		make_child(&socks[2], a, a->s.ipv6 && sem_any(a->s.addr) ?
			   "::1" : to);
	if (strstr(state, "timewait"))
		socks[2].s.state = SEM_TIMEWAIT;
	if (localpeer && profile->drops_local_timewait && strstr(state, "timewait"))
		socks[2].used = false;
	if (only)
		a->used = false;
}

static void run_row(char **f, bool localpeer, const char **setup, const char **result,
		    const char **listen)
{
	struct sock *a = &socks[0], *b = &socks[1];
	bool udp = !strcmp(f[1], "udp");
	int err;

	*listen = "-";
	reset();
	err = row_socket(a, udp, f[2], f[3], f[4]);
	err = err ?: do_bind(a, row_addr(f[2]));
	*setup = errname(err);
	if (err) {
		*result = "NA";
		return;
	}
	row_state(a, f[2], f[5], localpeer);

	if (row_socket(b, udp, f[6], f[7], f[8])) {
		*result = "setsockopt:EINVAL";
		return;
	}
	err = do_bind(b, row_addr(f[6]));
	*result = errname(err);
	if (!err && !udp)
		*listen = errname(do_listen(b));
}

#define COLUMNS	12

/* Of the next row: its columns, and a copy of it before they were taken apart. False at the end */
static bool read_row(FILE *in, char *line, size_t size, char *row, char **f)
{
	char *save = NULL;
	int i;

	do {
		if (!fgets(line, size, in))
			return false;
		strcpy(row, chomp(line));
		for (i = 0; i < COLUMNS; i++)
			f[i] = strtok_r(i ? NULL : line, "\t", &save) ?: "";
	} while (!strcmp(f[0], "id"));
	return true;
}

void run_rows(FILE *in, const char *path, int *right, int *all)
{
	char line[512], row[512], *f[COLUMNS];
	const char *setup, *result, *listen;

	while (read_row(in, line, sizeof(line), row, f)) {
		run_row(f, strstr(path, ".localpeer."), &setup, &result, &listen);
		++*all;
		if (!strcmp(setup, f[11]) && !strcmp(result, f[9]) &&
		    !strcmp(listen, f[10]))
			++*right;
		else
			printf("# %s: have %s %s %s for: %s\n", path, setup, result,
			       listen, row);
	}
}

/* The rows with the answers of the profile */
void say_rows(FILE *in)
{
	char line[512], row[512], *f[COLUMNS], *p;
	const char *setup, *result, *listen;
	int i;

	while (read_row(in, line, sizeof(line), row, f)) {
		run_row(f, false, &setup, &result, &listen);
		for (i = 0, p = row; i < 9; i++)
			p = strchr(p, '\t') + 1;
		printf("%.*s%s\t%s\t%s\n", (int)(p - row), row, result, listen, setup);
	}
}
