// SPDX-License-Identifier: GPL-2.0
/*
 * Decides binds: those of native and pre39 by the rules, where a program relies on what the
 * module does with the kernel's own answer; those of the BSDs by their profiles, which recorded
 * answers have tested.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "env.h"
#include "rules.h"
#include "sock.h"
#include "../../module/semantics/semantics.h"

static const struct sem_profile * const profiles[SEMANTICS_COUNT] = {
	[BSD]		= &sem_bsd,
	[FREEBSD15]	= &sem_freebsd15,
	[OPENBSD]	= &sem_openbsd,
	[NETBSD]	= &sem_netbsd,
	[DARWIN]	= &sem_darwin,
};

/* The address of a socket in IPv4 (0) and IPv6 (1), "" for none */
struct view {
	char addr[2][48];
};

static void view_of(const struct rules_sock *s, struct view *v)
{
	memset(v, 0, sizeof(*v));
	if (*s->addr != '[') {
		strcpy(v->addr[0], s->addr);
	} else if (sscanf(s->addr, "[::ffff:%47[0-9.]]", v->addr[0]) != 1) {
		if (sscanf(s->addr, "[%47[0-9a-f:]]", v->addr[1]) != 1)
			die("no address: %s", s->addr);
		if (!strcmp(v->addr[1], "::") && !(s->flags & S_V6ONLY))
			strcpy(v->addr[0], "0.0.0.0");
	}
}

static bool any(const char *addr)
{
	return !strcmp(addr, "0.0.0.0") || !strcmp(addr, "::");
}

/* Old and new Linux: the two have an address in common */
static bool overlap(const struct rules_sock *a, const struct rules_sock *b)
{
	struct view va, vb;
	int f;

	view_of(a, &va);
	view_of(b, &vb);
	for (f = 0; f < 2; f++) {
		if (*va.addr[f] && *vb.addr[f] &&
		    (any(va.addr[f]) || any(vb.addr[f]) || !strcmp(va.addr[f], vb.addr[f])))
			return true;
	}
	return false;
}

static bool linux_admits(bool reuseport, const struct rules_sock *sk,
			 const struct rules_sock *const *owners, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		unsigned int both = sk->flags & owners[i]->flags;

		if (!overlap(sk, owners[i]))
			continue;
		if (both & S_REUSEADDR && !(owners[i]->flags & S_LISTEN))
			continue;
		if (reuseport && both & S_REUSEPORT && sk->uid == owners[i]->uid)
			continue;
		return false;
	}
	return true;
}

/* A socket as a profile sees it, with the options that it has once it is bound */
static void profile_view(const struct sem_profile *profile, const struct rules_sock *s,
			 struct sem_sock *view)
{
	struct sockaddr_storage ss;
	const struct sockaddr_in *v4 = (void *)&ss;
	const struct sockaddr_in6 *v6 = (void *)&ss;
	char address[64];

	memset(view, 0, sizeof(*view));
	snprintf(address, sizeof(address), "%s:0", s->addr);
	sock_addr(address, &ss);
	view->ipv6 = ss.ss_family == AF_INET6;
	if (view->ipv6)
		memcpy(view->addr, &v6->sin6_addr, sizeof(view->addr));
	else
		sem_addr4(view->addr, v4->sin_addr.s_addr);
	view->uid = s->uid;
	view->root = !s->uid;
	view->reuseaddr = s->flags & S_REUSEADDR;
	view->reuseport = s->flags & S_REUSEPORT;
	view->state = s->flags & S_LISTEN ? SEM_LISTEN : SEM_BOUND;
	/* Linux sets it for any IPv6 address but :: */
	view->v6only = view->ipv6 && !sem_mapped(view->addr) &&
		       (s->flags & S_V6ONLY || profile->separate_families ||
			!sem_any(view->addr));
}

static bool profile_admits(const struct sem_profile *profile, const struct rules_sock *sk,
			   const struct rules_sock *const *owners, int n)
{
	struct sem_sock self, owner;
	struct sem_bind b = { .sk = &self, .port = PORT, .owners = n };
	int i;

	profile_view(profile, sk, &self);
	profile->begin(&b);
	for (i = 0; i < n; i++) {
		profile_view(profile, owners[i], &owner);
		owner.bind_seq = 1 + i;
		profile->owner(&b, &owner, owners[i]);
	}
	return !profile->verdict(&b);
}

/**
 * rules_admit() - may a socket be bound?
 * @semantics: whose rules count
 * @sk: the socket, which does not listen
 * @owners: the sockets bound to the port, in the order of bind()
 * @n: how many
 *
 * Return: whether it may.
 */
bool rules_admit(enum semantics semantics, const struct rules_sock *sk,
		 const struct rules_sock *const *owners, int n)
{
	if (profiles[semantics])
		return profile_admits(profiles[semantics], sk, owners, n);
	return linux_admits(semantics == NATIVE, sk, owners, n);
}
