// SPDX-License-Identifier: GPL-2.0
/* NAME.seq.txt: sequences of what sockets do, with the answers in NAME.seq.want. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conform.h"
#include "sock.h"

#define MAX_WORDS	10

/* A sequence */
static struct host_sock socks[MAX_SOCKS];
static bool accepted[MAX_SOCKS];
static bool lost;	/* it went where the recorded one did not */
static int count, port;
static unsigned int token;

static void reset(void)
{
	int i;

	for (i = 0; i < count; i++)
		host_close(&socks[i]);
	for (i = 0; i < MAX_SOCKS; i++) {
		socks[i].fd = -1;
		socks[i].peer = -1;
	}
	count = 0;
	lost = false;
	port = host_port();
}

static struct host_sock *sock_of(const struct record *rec, const char *number)
{
	char *end;
	long n = strtol(number, &end, 10);

	if (*end || end == number || n < 0 || n >= MAX_SOCKS)
		record_bad(rec, "no socket %s", number);
	if (n >= count)
		count = n + 1;
	return &socks[n];
}

static const char *host_of(const struct record *rec, const char *host)
{
	struct in6_addr addr;

	if (inet_pton(strchr(host, ':') ? AF_INET6 : AF_INET, host, &addr) != 1)
		record_bad(rec, "no address %s", host);
	return host;
}

static const char *option_of(const struct record *rec, const char *flag)
{
	if (strcmp(flag, "RA") && strcmp(flag, "RP"))
		record_bad(rec, "no flag %s", flag);
	return flag;
}

/* new N proto family uid flags.. */
static const char *op_new(const struct record *rec, struct host_sock *s, char **w, int n)
{
	int family, i, err = 0;
	bool v6only = false;

	if (n < 5)
		record_bad(rec, "too short");
	if (strcmp(w[2], "tcp") && strcmp(w[2], "udp"))
		record_bad(rec, "no protocol %s", w[2]);
	family = *w[3] == '6' ? AF_INET6 : AF_INET;
	for (i = 5; i < n; i++)
		v6only |= !strcmp(w[i], "V6=1");
	host_close(s);
	accepted[s - socks] = false;
	host_open(s, w[2], family, atoi(w[4]), v6only);
	for (i = 5; i < n; i++) {
		if (strncmp(w[i], "V6=", 3))
			err = host_flag(s, option_of(rec, w[i]), true) ?: err;
	}
	return host_error(err);
}

static const char *op_bind(struct host_sock *s, const char *host)
{
	int err = host_bind(s, host, port);

	if (err)
		host_close(s);
	return host_error(err);
}

/* Names the socket that has the connection, which is kept as @child, or reset */
static const char *op_connect(struct host_sock *child, const char *host)
{
	static char answer[16];
	int who[MAX_SOCKS], client, err;
	struct host_sock s;

	client = host_connect(host, port, &err);
	if (err)
		return host_error(err);
	if (!host_ready(socks, count, false, false, who)) {
		sock_abort(client);
		return "nobody";
	}
	host_accept(&s, &socks[who[0]], client);
	if (child)
		*child = s;
	else
		host_close(&s);
	snprintf(answer, sizeof(answer), "%d", who[0]);
	return answer;
}

/* Names the sockets that have the datagram: many, if it was to a group */
static const char *op_send(const char *host, bool group)
{
	static char answer[8 * MAX_SOCKS];
	int who[MAX_SOCKS], ready, i, copies, len = 0;
	int err = host_send(host, port, ++token);

	if (err)
		return host_error(err);
	ready = host_ready(socks, count, true, group, who);
	for (i = 0; i < ready; i++) {
		copies = host_received(&socks[who[i]], token);
		while (copies-- && len < (int)sizeof(answer) - 8)
			len += sprintf(answer + len, len ? "+%d" : "%d", who[i]);
	}
	return len ? answer : "nobody";
}

static const char *op_probe(const struct record *rec, const char *proto, const char *host)
{
	if (!strcmp(proto, "tcp"))
		return op_connect(NULL, host);
	if (strcmp(proto, "udp"))
		record_bad(rec, "no protocol %s", proto);
	return op_send(host, false);
}

static const char *op_estab(const struct record *rec, struct host_sock *s, const char *host,
			    const char *want)
{
	const char *have;

	host_close(s);
	accepted[s - socks] = true;
	have = op_connect(s, host);
	if (rec->only & ANSWER_DELIVER || !strcmp(have, want))
		return have;
	/* Not compared, but the next operations are about the recorded socket */
	host_close(s);
	lost = strtoul(want, NULL, 10) || *want == '0';
	return have;
}

/* One operation on one socket, with @a and @b */
static const char *op_socket(const struct record *rec, const char *op, struct host_sock *s,
			     const char *a, const char *b)
{
	bool gone = s->fd < 0;

	if (!strcmp(op, "bind")) {
		host_of(rec, a);
		return gone ? "gone" : op_bind(s, a);
	} else if (!strcmp(op, "listen")) {
		if (accepted[s - socks] && !gone)
			return "child";
		return gone ? "gone" : host_error(host_listen(s));
	} else if (!strcmp(op, "opt")) {
		option_of(rec, a);
		return gone ? "gone" : host_error(host_flag(s, a, atoi(b)));
	} else if (!strcmp(op, "join")) {
		host_of(rec, a);
		return gone ? "gone" : host_error(host_join(s, a));
	} else if (strcmp(op, "close")) {
		record_bad(rec, "no operation %s", op);
	}
	host_close(s);
	return gone ? "gone" : "OK";
}

static const char *step(const struct record *rec, char **w, int n, const char *want)
{
	if (n < 2)
		record_bad(rec, "too short");
	if (!strcmp(w[0], "new"))
		return op_new(rec, sock_of(rec, w[1]), w, n);
	if (!strcmp(w[0], "probe") && n > 2)
		return op_probe(rec, w[1], host_of(rec, w[2]));
	if (!strcmp(w[0], "mcast"))
		return op_send(host_of(rec, w[1]), true);
	if (!strcmp(w[0], "estab") && n > 2)
		return op_estab(rec, sock_of(rec, w[1]), host_of(rec, w[2]), want);
	return op_socket(rec, w[0], sock_of(rec, w[1]), n > 2 ? w[2] : "", n > 3 ? w[3] : "");
}

static unsigned int answer_kind(const char *op)
{
	if (!strcmp(op, "bind"))
		return ANSWER_BIND;
	if (!strcmp(op, "listen"))
		return ANSWER_LISTEN;
	if (!strcmp(op, "probe") || !strcmp(op, "estab") || !strcmp(op, "mcast"))
		return ANSWER_DELIVER;
	return ANSWER_REST;
}

/* The recorded answer to step @n of @id, which is @op */
static char *find_answer(const struct record *rec, char *line, const char *id, int n,
			 const char *op)
{
	char *rest = line, *key, *what, name[256];

	snprintf(name, sizeof(name), "%s.%d", id, n);
	key = strsep(&rest, "\t");
	what = rest ? strsep(&rest, "\t") : NULL;
	if (!rest || strcmp(what, op) || strcmp(key, name))
		record_bad(rec, "the .want file has %s, not %s", key, name);
	return rest;
}

static FILE *open_answers(const struct record *rec)
{
	return record_open(text("%.*swant", (int)strlen(rec->path) - 3, rec->path));
}

/**
 * conform_seq() - play a .seq.txt file
 * @rec: the file
 */
void conform_seq(struct record *rec)
{
	char line[256], copy[256], answer[512], what[512], id[128] = "";
	char *w[MAX_WORDS], *save, *want;
	struct record answers = *rec;
	FILE *f = record_open(rec->path), *from = open_answers(rec);
	const char *have;
	int n, step_nr = 0;

	while (record_line(rec, f, line, sizeof(line))) {
		strcpy(copy, line);
		for (n = 0; n < MAX_WORDS; n++) {
			w[n] = strtok_r(n ? NULL : copy, " ", &save);
			if (!w[n])
				break;
		}
		if (n == 2 && !strcmp(w[0], "S")) {
			snprintf(id, sizeof(id), "%s", w[1]);
			step_nr = 0;
			reset();
			continue;
		}
		if (!record_line(&answers, from, answer, sizeof(answer)) || !*id)
			record_bad(rec, "no recorded answer");
		want = find_answer(rec, answer, id, ++step_nr, line);
		if (lost) {
			rec->skipped += !!(rec->only & answer_kind(w[0]));
			continue;
		}
		have = step(rec, w, n, want);
		snprintf(what, sizeof(what), "%s.%d %s", id, step_nr, line);
		if (rec->only & answer_kind(w[0]))
			record_compare(rec, what, have, want);
	}
	if (record_line(&answers, from, answer, sizeof(answer)))
		record_bad(rec, "recorded answers without a question: %s", answer);
	reset();
	fclose(f);
	fclose(from);
}
