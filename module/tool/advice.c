// SPDX-License-Identifier: GPL-2.0
/*
 * Says in words what follows from the rows of a port: who receives, and what a newcomer must
 * set. It says only what the counts prove; reuse(7) has the rules. Those of the BSDs about a
 * newcomer are too many for a sentence.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util.h"
#include "who.h"

/* Which of several sockets on one address receives, by semantics; see reuse(7) */
static const struct {
	const char *semantics;
	const char *exact;
	const char *wildcard;
	const char *refusal;
	bool newest_v4;
} receivers[] = {
	{ "pre39", "the newest", "the newest", NULL, false },
	{ "bsd", "the newest", "the oldest", "is refused", false },
	{ "freebsd15", "the newest", "the newest", "is refused", true },
	{ "openbsd", "the newest", "the newest", "gets no answer", false },
	{ "netbsd", "the newest", "the newest", "gets no answer", false },
	{ "darwin", "the newest", "the oldest", "gets no answer", false },
};

/* Rows that are named one by one */
#define ROWS	8

__printf(2, 3) static void put(const struct port *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(p->out, fmt, args);
	va_end(args);
}

static int receiver_of(const char *semantics)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(receivers); i++) {
		if (!strcmp(semantics, receivers[i].semantics))
			return i;
	}
	return -1;
}

static bool is_native(const struct port *p)
{
	return !strcmp(p->semantics, "native");
}

static bool is_linux(const struct port *p)
{
	return is_native(p) || !strcmp(p->semantics, "pre39");
}

/* Sockets of a row that a SYN, or a datagram from anywhere, may go to */
static unsigned int receiving(const struct port *p, const struct row *row)
{
	return row_count(row, p->udp ? BOUND : LISTEN);
}

/* Is it a multicast address? */
static bool is_group(const struct row_key *key)
{
	return key->ipv6 ? key->addr[0] == 0xff : key->addr[0] >> 4 == 0xe;
}

/* Which of several sockets of a row gets it; NULL if that is not known */
static const char *which(const struct port *p, const struct row *row)
{
	unsigned int n = row_count(row, SOCKETS), reuseport = row_count(row, REUSEPORT);
	int r = receiver_of(p->semantics);

	if (r >= 0)
		return key_is_any(&row->key) ? receivers[r].wildcard : receivers[r].exact;
	if (!is_native(p))
		return NULL;
	if (reuseport == n)
		return "chosen by a hash";
	if (!reuseport && p->udp)
		return "the newest";
	return p->udp ? "the newest, or one of its SO_REUSEPORT group" : NULL;
}

/* Does a row of the same port take IPv4 away from a dual-stack wildcard? */
static bool has_any4(const struct port *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (!p->row[i].key.ipv6 && key_is_any(&p->row[i].key) && receiving(p, &p->row[i]) &&
		    !strcmp(table_text(p->t, &p->row[i], DEV), "-"))
			return true;
	}
	return false;
}

/* The families that a wildcard receives */
static const char *families(const struct port *p, const struct row *row)
{
	int r = receiver_of(p->semantics);

	if (!row->key.ipv6)
		return "IPv4";
	if (row->key.v6only == 1 || (has_any4(p) && !(r >= 0 && receivers[r].newest_v4)))
		return "IPv6";
	return "IPv6 or IPv4";
}

/* @exact: there are sockets on exact addresses, too */
static void put_receiver(const struct port *p, const struct row *row, const char *packet,
			 bool exact)
{
	const char *dev = table_text(p->t, row, DEV), *choice = which(p, row);
	unsigned int n = receiving(p, row);
	char address[128];
	int r = receiver_of(p->semantics);

	address_print(&row->key, "-", address, sizeof(address));
	*strrchr(address, ':') = '\0';
	if (key_is_any(&row->key))
		put(p, "%s to any %s%s address", packet, exact ? "other " : "", families(p, row));
	else
		put(p, "%s to %s", packet, address);
	if (strcmp(dev, "-"))
		put(p, " through %s", dev);
	address_print(&row->key, dev, address, sizeof(address));
	if (is_group(&row->key) && !is_linux(p))
		put(p, " goes to sockets on %s as reuse(7) says.\n", address);
	else if (is_group(&row->key))
		put(p, " goes to all %u sockets on %s that it fits.\n", n, address);
	else if (n == 1)
		put(p, " goes to the socket on %s.\n", address);
	else if (choice)
		put(p, " goes to one of the %u sockets on %s, %s.\n", n, address, choice);
	else
		put(p, " goes to one of the %u sockets on %s.\n", n, address);
	if (r >= 0 && receivers[r].refusal && !p->udp && row_count(row, BOUND))
		put(p, "Sockets there that do not listen count as well: if one is chosen, it %s.\n",
		    receivers[r].refusal);
}

static bool any_count(const struct port *p, enum table_col col)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (row_count(&p->row[i], col))
			return true;
	}
	return false;
}

static void put_no_receiver(const struct port *p)
{
	int r = receiver_of(p->semantics);

	if (p->udp)
		put(p, "No socket takes datagrams from anywhere.\n");
	else if (r >= 0 && receivers[r].refusal && any_count(p, BOUND))
		put(p, "No socket listens: a connection to one that is bound %s.\n",
		    receivers[r].refusal);
	else
		put(p, "No socket listens: a connection is refused.\n");
}

/**
 * advise_receiver() - say who receives
 * @p: the rows of the port
 */
void advise_receiver(const struct port *p)
{
	const char *packet = p->udp ? "A datagram" : "A connection";
	size_t i, said = 0, more = 0;
	bool any = false;

	if (p->udp && any_count(p, CONNECTED))
		put(p, "A datagram from the other end of a connected socket goes there.\n");
	for (i = 0; i < p->n; i++) {
		if (!receiving(p, &p->row[i]))
			continue;
		/* Exact addresses sort behind the wildcard, and come first */
		if (key_is_any(&p->row[i].key))
			continue;
		if (said++ < ROWS)
			put_receiver(p, &p->row[i], packet, true);
		else
			more++;
	}
	if (more)
		put(p, "%zu more addresses have sockets of their own.\n", more);
	for (i = 0; i < p->n; i++) {
		if (receiving(p, &p->row[i]) && key_is_any(&p->row[i].key)) {
			put_receiver(p, &p->row[i], packet, said);
			any = true;
		}
	}
	if (!said && !any)
		put_no_receiver(p);
	else if (p->udp && is_linux(p))
		put(p, "A multicast or broadcast datagram goes to all that it fits.\n");
}

/**
 * struct verdict - what the rows that a newcomer meets allow
 * @by_addr: all accept SO_REUSEADDR
 * @by_port: all accept SO_REUSEPORT of the same user
 * @by_either: each accepts one of them
 * @any_port: some socket has SO_REUSEPORT, and it counts
 * @blocker: a row that accepts nothing, or NULL
 * @why: the reason for that
 * @uid: the one user of all rows; empty if they have none
 * @asked: the one user of the rows that accept only SO_REUSEPORT; empty if there is none
 * @two_users: these have two
 */
struct verdict {
	bool by_addr;
	bool by_port;
	bool by_either;
	bool any_port;
	const struct row *blocker;
	const char *why;
	char uid[16];
	char asked[16];
	bool two_users;
};

/* One user, or none: then it is TIME_WAIT, which asks for no user */
static bool one_user(const char *uids)
{
	return !strchr(uids, ',');
}

/* Is there no option that all sockets of the row would accept? */
static const char *why_hopeless(const struct port *p, const struct row *row)
{
	unsigned int n = row_count(row, SOCKETS), addr = row_count(row, REUSEADDR);
	unsigned int port = row_count(row, REUSEPORT), listen = row_count(row, LISTEN);
	bool native = is_native(p);

	if (!native && listen)
		return "it listens";
	if (listen > port)
		return "it listens without SO_REUSEPORT";
	if (addr + (native ? port : 0) < n) {
		if (row_is_chosen(p->t, row))
			return "connect() chose the port; end the client, TIME_WAIT lasts a minute";
		if (row_count(row, TIMEWAIT) == n)
			return "only TIME_WAIT is left, without the options; it ends in a minute";
		if (!native)
			return "not all of its sockets have SO_REUSEADDR";
		return n == 1 ? "it has neither SO_REUSEADDR nor SO_REUSEPORT" :
				"not all of its sockets have SO_REUSEADDR or SO_REUSEPORT";
	}
	if (port == n && !addr && !one_user(table_text(p->t, row, UID)))
		return "its sockets belong to several users";
	return NULL;
}

/* Is it the same user as before, if there was one? "-" is none */
static bool same_user(char user[16], const char *uids)
{
	bool same = !*user || !strcmp(uids, "-") || !strcmp(user, uids);

	if (strcmp(uids, "-"))
		snprintf(user, 16, "%s", uids);
	return same;
}

static void judge_row(const struct port *p, const struct row *row, struct verdict *v)
{
	unsigned int n = row_count(row, SOCKETS), port = row_count(row, REUSEPORT);
	const char *uids = table_text(p->t, row, UID);
	bool by_addr, by_port;

	by_addr = row_count(row, REUSEADDR) == n && (p->udp || !row_count(row, LISTEN));
	/* The kernel's cache says so, and then the kernel looks no further */
	by_addr = by_addr || !strcmp(table_text(p->t, row, FASTREUSE), "1");
	by_port = is_native(p) && port == n && one_user(uids);
	v->by_addr = v->by_addr && by_addr;
	v->by_port = v->by_port && by_port && same_user(v->uid, uids);
	v->by_either = v->by_either && (by_addr || by_port);
	if (by_port && !by_addr && !same_user(v->asked, uids))
		v->two_users = true;
	v->any_port = v->any_port || (is_native(p) && port);
	if (!by_addr && !v->blocker) {
		v->why = why_hopeless(p, row);
		v->blocker = v->why ? row : NULL;
	}
}

static void put_whom(const struct port *p)
{
	char address[128];

	if (p->asked->addr)
		address_print(&p->asked->key, "-", address, sizeof(address));
	else
		snprintf(address, sizeof(address), "*:%u, all addresses,", p->asked->key.port);
	put(p, "A newcomer on %s ", address);
}

static void put_blocker(const struct port *p, const struct verdict *v)
{
	char address[128];

	address_print(&v->blocker->key, table_text(p->t, v->blocker, DEV), address,
		      sizeof(address));
	put(p, "is refused, whatever it sets: %s is in the way, %s.\n", address, v->why);
}

/*
 * UDP looks no further than the first socket that shares by SO_REUSEPORT, which may be any:
 * only if all or none have that option, the counts say enough. Returns whether they do not.
 */
static bool put_order_counts(const struct port *p, const struct verdict *v)
{
	if (!p->udp || !v->any_port || v->by_port)
		return false;
	if (v->by_addr) {
		put(p, "must set SO_REUSEADDR before bind(); SO_REUSEPORT alone may do.\n");
	} else {
		put(p, "must set SO_REUSEPORT before bind(), and may be refused even so: ");
		put(p, "it depends on the order of the sockets. SO_REUSEADDR can help: ");
		put(p, "ask reuse why.\n");
	}
	return true;
}

static void put_verdict(const struct port *p, const struct verdict *v)
{
	const char *user = v->by_port ? v->uid : v->asked;

	put_whom(p);
	if (put_order_counts(p, v))
		return;
	if (v->blocker) {
		put_blocker(p, v);
	} else if (v->two_users) {
		put(p, "is refused: SO_REUSEPORT shares with one user, and there are two.\n");
	} else if (v->by_addr && v->by_port) {
		put(p, "must set SO_REUSEADDR before bind(), ");
		put(p, "or SO_REUSEPORT as the same user.\n");
	} else if (v->by_addr) {
		put(p, "must set SO_REUSEADDR before bind().\n");
	} else if (v->by_port || v->by_either) {
		put(p, "must set %sSO_REUSEPORT before bind()%s%s%s.\n",
		    v->by_port ? "" : "SO_REUSEADDR and ",
		    *user ? ", and belong to user " : "", user,
		    /* Only a TIME_WAIT, which has no user, accepts SO_REUSEPORT alone */
		    *user && !*v->asked ? " or set SO_REUSEADDR as well" : "");
	} else {
		put(p, "must set both options before bind(), and may be refused even so: ");
		put(p, "the counts do not say which socket has which: ask reuse why.\n");
	}
}

/* The kernel's cache admits one user at once, whatever the other sockets are */
static void put_cached(const struct port *p, const struct verdict *v)
{
	const char *uid = "-";
	size_t i;

	/* It is the same in all rows of one device, and "-" where there is none */
	for (i = 0; i < p->n && !strcmp(uid, "-"); i++)
		uid = table_text(p->t, &p->row[i], FASTUID);
	if (!strcmp(uid, "-") || (v->by_port && !strcmp(v->uid, uid)))
		return;
	put(p, "Except: SO_REUSEPORT is enough for user %s on the address that was bound last.\n",
	    uid);
}

/* IPV6_V6ONLY keeps a newcomer away from sockets of IPv4, whatever these are */
static void put_v6only(const struct port *p)
{
	const struct filter_address *asked = p->asked;
	size_t i;

	if (asked->addr && !(asked->key.ipv6 && key_is_any(&asked->key)))
		return;
	for (i = 0; i < p->n; i++) {
		if (p->row[i].key.ipv6)
			return;
	}
	put(p, "One on [::] with IPV6_V6ONLY needs nothing.\n");
}

/**
 * advise_newcomer() - say what a newcomer must set
 * @p: the rows of the port, or those that the address asked for meets
 */
void advise_newcomer(const struct port *p)
{
	struct verdict v = { .by_addr = true, .by_port = true, .by_either = true };
	bool wildcard = false;
	size_t i;

	if (!*p->semantics) {
		put(p, "What a newcomer must set depends on the semantics, which root can read.\n");
		return;
	}
	if (!is_linux(p)) {
		put(p, "By the rules of %s a newcomer on an address that a socket has bound ",
		    p->semantics);
		put(p, "needs SO_REUSEPORT, and so does that socket. ");
		put(p, "For the rest, ask reuse why.\n");
		return;
	}
	for (i = 0; i < p->n; i++) {
		judge_row(p, &p->row[i], &v);
		wildcard = wildcard || key_is_any(&p->row[i].key);
	}
	put_verdict(p, &v);
	if (is_native(p))
		put_cached(p, &v);
	if (v.blocker)
		put_v6only(p);
	if (!p->asked->addr && !wildcard)
		put(p, "One on any other single address needs nothing.\n");
}
