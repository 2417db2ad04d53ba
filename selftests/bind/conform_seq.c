// SPDX-License-Identifier: GPL-2.0
/* NAME.seq.want: sequences of what sockets do, with the answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conform.h"
#include "sock.h"

#define MAX_WORDS	10
/* Connections that are tried until the recorded socket gets one */
#define ESTAB_TRIES	64

/* A sequence */
static struct host_sock socks[MAX_SOCKS];
static bool accepted[MAX_SOCKS];
static bool lost;	/* it went where the recorded one did not */
static int count, port;
static const char *asked;	/* what /proc/net/reuse_why said of the bind; NULL: not asked */
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
	bool dual = false;

	if (n < 5)
		record_bad(rec, "too short");
	if (strcmp(w[2], "tcp") && strcmp(w[2], "udp"))
		record_bad(rec, "no protocol %s", w[2]);
	family = *w[3] == '6' ? AF_INET6 : AF_INET;
	for (i = 5; i < n; i++)
		dual |= !strcmp(w[i], "V6=0");
	host_close(s);
	accepted[s - socks] = false;
	host_open(s, w[2], family, atoi(w[4]), true);
	for (i = 5; i < n; i++) {
		if (strncmp(w[i], "V6=", 3))
			err = host_flag(s, option_of(rec, w[i]), true) ?: err;
	}
	if (dual)
		err = host_v6only(s, false) ?: err;
	return host_error(err);
}

static const char *op_bind(struct host_sock *s, const char *host)
{
	int err;

	if (asked)
		asked = conform_ask_socket(s, host, port);
	err = host_bind(s, host, port);
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
	bool number = *want >= '0' && *want <= '9';
	const char *have;
	int i;

	accepted[s - socks] = true;
	for (i = 0; i < ESTAB_TRIES; i++) {
		host_close(s);
		have = op_connect(s, host);
		if (rec->only & ANSWER_DELIVER || !strcmp(have, want))
			return have;
		/* Of a SO_REUSEPORT group Linux chooses one by the client's port: try others */
		if (!number)
			break;
	}
	/* Not compared, but the next operations are about the recorded socket */
	host_close(s);
	lost = number;
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

/* The answers are in a .seq.want file, and the questions as well */
static FILE *open_answers(struct record *rec)
{
	size_t len = strlen(rec->path);

	if (len > 4 && !strcmp(rec->path + len - 4, ".txt"))
		rec->path = text("%.*swant", (int)len - 3, rec->path);
	return record_open(rec->path);
}

/* Of a key ID.STEP: is it another sequence than @id, which becomes that? */
static bool is_other_sequence(const struct record *rec, char *id, size_t size, const char *key)
{
	const char *dot = strrchr(key, '.');
	size_t len = dot ? dot - key : 0;

	if (!dot || len >= size)
		record_bad(rec, "no ID.STEP: %s", key);
	if (strlen(id) == len && !strncmp(id, key, len))
		return false;
	snprintf(id, size, "%.*s", (int)len, key);
	return true;
}

/* "new N PROTO 6 ...", or an operation with an address of IPv6 */
static bool needs_ipv6(const char *op)
{
	int family;

	return strchr(op, ':') || (sscanf(op, "new %*s %*s %d", &family) == 1 && family == 6);
}

/**
 * conform_seq() - play a .seq.want file
 * @rec: the file
 *
 * Where this kernel has no IPv6, the rest of a sequence is left out from its first use on.
 */
void conform_seq(struct record *rec)
{
	char line[512], copy[512], what[1024], id[128] = "";
	char *w[MAX_WORDS], *save, *want, *key, *op;
	FILE *f = open_answers(rec);
	bool playable = true;
	const char *have;
	int n;

	while (record_line(rec, f, line, sizeof(line))) {
		want = line;
		key = strsep(&want, "\t");
		op = want ? strsep(&want, "\t") : NULL;
		if (!want)
			record_bad(rec, "not three columns");
		if (is_other_sequence(rec, id, sizeof(id), key)) {
			reset();
			playable = true;
		}
		playable = playable && (has_ipv6() || !needs_ipv6(op));
		if (!playable)
			continue;
		strcpy(copy, op);
		for (n = 0; n < MAX_WORDS; n++) {
			w[n] = strtok_r(n ? NULL : copy, " ", &save);
			if (!w[n])
				break;
		}
		if (lost) {
			rec->skipped += !!(rec->only & answer_kind(w[0]));
			continue;
		}
		asked = rec->why ? "" : NULL;
		have = step(rec, w, n, want);
		snprintf(what, sizeof(what), "%s %s", key, op);
		if (asked && *asked)
			record_compare(rec, what, asked, have);
		if (asked)
			continue;
		if (rec->only & answer_kind(w[0]))
			record_compare(rec, what, have, want);
	}
	reset();
	fclose(f);
}
