// SPDX-License-Identifier: GPL-2.0
/*
 * Judges what deliver_storm saw. A socket was certainly there while a packet was
 * on its way if bind() had returned before and close() was called after; it may
 * have been there if bind() was called before and close() returned after. A socket
 * may get a packet if it may have been there, and no socket that certainly was there
 * comes before it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "env.h"
#include "sock.h"
#include "storm_judge.h"

static const char * const kind_name[KINDS] = { "127.0.0.1", "0.0.0.0", "::1", "::", ":: dual" };

static int by_bind(const void *a, const void *b)
{
	const struct storm_sock *x = *(struct storm_sock **)a, *y = *(struct storm_sock **)b;

	return x->bind[0] < y->bind[0] ? -1 : 1;
}

/**
 * storm_sort() - put sockets in the order that the others want
 * @socks: the sockets of a port
 * @n: how many
 */
void storm_sort(struct storm_sock **socks, size_t n)
{
	uint64_t last = 0;
	size_t i;

	qsort(socks, n, sizeof(*socks), by_bind);
	for (i = 0; i < n; i++) {
		if (last < socks[i]->close[1])
			last = socks[i]->close[1];
		socks[i]->gone = last;
	}
}

/* How well a socket matches; 0: not at all. To FreeBSD 15 all wildcard addresses are alike */
static int match(const struct storm_rules *rules, const struct storm_sock *s, bool v6)
{
	static const int v4_match[KINDS] = { [ONE4] = 3, [ANY4] = 2, [DUAL] = 1 };
	static const int v6_match[KINDS] = { [ONE6] = 3, [ANY6] = 2, [DUAL] = 2 };

	if (v6 || (s->kind == DUAL && rules->semantics == FREEBSD15))
		return v6_match[s->kind];
	return v4_match[s->kind];
}

/* To be found is to be bound, or (TCP of Linux) to listen */
static const uint64_t *found_since(const struct storm_rules *rules, const struct storm_sock *s)
{
	return rules->way == TCP && rules->semantics < BSD ? s->listen : s->bind;
}

static bool certainly(const struct storm_rules *rules, const struct storm_sock *s,
		      const struct storm_packet *p)
{
	return match(rules, s, p->v6) && found_since(rules, s)[1] < p->sent &&
	       s->close[0] > p->known;
}

static bool maybe(const struct storm_rules *rules, const struct storm_sock *s,
		  const struct storm_packet *p)
{
	return match(rules, s, p->v6) && found_since(rules, s)[0] < p->known &&
	       s->close[1] > p->sent;
}

static bool beats(const struct storm_rules *rules, const struct storm_sock *x,
		  const struct storm_sock *y, bool v6)
{
	int x_match = match(rules, x, v6), y_match = match(rules, y, v6);
	bool oldest = x_match < 3 && (rules->semantics == BSD || rules->semantics == DARWIN);

	if (x_match != y_match)
		return x_match > y_match;
	/* Linux has one listener, or shares out among a group */
	if (rules->semantics < BSD && rules->way == TCP)
		return false;
	if (rules->semantics == NATIVE && rules->port == PORT_RP)
		return false;
	return oldest ? x->order[1] < y->order[0] : x->order[0] > y->order[1];
}

/* Of the sockets, the first that was bound later */
static size_t first_after(struct storm_sock *const *socks, size_t n, uint64_t time)
{
	size_t low = 0, mid;

	while (low < n) {
		mid = low + (n - low) / 2;
		if (socks[mid]->bind[0] < time)
			low = mid + 1;
		else
			n = mid;
	}
	return low;
}

#define MAX_THERE	10000

/* The sockets that may get a packet */
struct candidates {
	const struct storm_sock *may[MAX_THERE];
	size_t n;
	bool nobody;
};

static void find(const struct storm_rules *rules, struct storm_sock *const *socks, size_t n,
		 const struct storm_packet *p, struct candidates *c)
{
	static const struct storm_sock *there[MAX_THERE], *sure[MAX_THERE];
	size_t nthere = 0, nsure = 0, i, j, end = first_after(socks, n, p->known);

	for (i = end; i && socks[i - 1]->gone > p->sent && nthere < MAX_THERE; i--) {
		if (!maybe(rules, socks[i - 1], p))
			continue;
		there[nthere++] = socks[i - 1];
		if (certainly(rules, socks[i - 1], p))
			sure[nsure++] = socks[i - 1];
	}
	c->n = 0;
	c->nobody = !nsure;
	for (i = 0; i < nthere; i++) {
		for (j = 0; j < nsure && !beats(rules, sure[j], there[i], p->v6); j++)
			;
		if (j == nsure)
			c->may[c->n++] = there[i];
	}
}

static bool listens(const struct storm_sock *s, const struct storm_packet *p)
{
	return s->listen[1] < p->sent && s->close[0] > p->known;
}

static bool may_not_listen(const struct candidates *c, const struct storm_packet *p)
{
	size_t i;

	for (i = 0; i < c->n && listens(c->may[i], p); i++)
		;
	return i < c->n;
}

/* A socket that gets a remote end keeps what is in its queue */
static bool may_be_closed(const struct candidates *c, const struct storm_packet *p)
{
	size_t i;

	for (i = 0; i < c->n && (c->may[i]->moved || c->may[i]->close[0] > p->known); i++)
		;
	return i < c->n;
}

/**
 * storm_judge() - was it right what became of a packet?
 * @rules: of the port
 * @socks: the sockets of the port, sorted
 * @n: how many
 * @packet: the packet
 *
 * Return: NULL, or what is wrong.
 */
const char *storm_judge(const struct storm_rules *rules, struct storm_sock *const *socks,
			size_t n, const struct storm_packet *packet)
{
	bool silent = storm_is_silent(rules->semantics);
	static struct candidates c;
	size_t i;

	find(rules, socks, n, packet, &c);
	switch (packet->fate) {
	case GOT:
		for (i = 0; i < c.n && c.may[i]->first != packet->by->first; i++)
			;
		if (i == c.n)
			return "another one was to get it";
		return rules->way == UDP || packet->by->listen[0] < packet->known ? NULL :
		       "who got it did not listen";
	case REFUSED:
		if (c.nobody)
			return NULL;
		if (rules->way == UDP || rules->semantics < BSD || silent)
			return "refused though a socket was there";
		/* To the BSDs that are left, a socket that is only bound refuses */
		return may_not_listen(&c, packet) ? NULL :
		       "refused though the one who was to get it listened";
	case SILENT:
		return may_not_listen(&c, packet) ? NULL :
		       "no answer though the one who was to get it listened, or nobody was there";
	default:
		return may_be_closed(&c, packet) ? NULL : "lost though no socket was closed";
	}
}

static const char *since(uint64_t time, uint64_t start)
{
	return time == NEVER ? "never" : text("%+lld", (long long)(time - start));
}

/**
 * storm_describe() - list the sockets that were there when a packet came
 * @socks: the sockets of the port, sorted
 * @n: how many
 * @packet: the packet
 *
 * Return: a line for each, * is who got it; times are since it was sent.
 */
const char *storm_describe(struct storm_sock *const *socks, size_t n,
			   const struct storm_packet *packet)
{
	size_t i = first_after(socks, n, packet->known);
	uint64_t t = packet->sent;
	const char *list = "";

	while (i-- && socks[i]->gone > t) {
		const struct storm_sock *s = socks[i];

		if (s->close[1] < t)
			continue;
		list = text("%s#  %c %-9s bind %s %s order %s %s listen %s %s close %s %s\n", list,
			    packet->by && s->first == packet->by->first ? '*' : ' ',
			    kind_name[s->kind], since(s->bind[0], t), since(s->bind[1], t),
			    since(s->order[0], t), since(s->order[1], t), since(s->listen[0], t),
			    since(s->listen[1], t), since(s->close[0], t), since(s->close[1], t));
	}
	return text("fate %d known %s, sent to IPv%d\n%s", packet->fate,
		    since(packet->known, t), packet->v6 ? 6 : 4, list);
}
