/* SPDX-License-Identifier: GPL-2.0 */
/* The fixture of deliver_paths and the like, and words to ask which socket receives. */
#ifndef REUSE_DELIVER_PATHS_H
#define REUSE_DELIVER_PATHS_H

#include <fcntl.h>
#include <sched.h>

#include "variants.h"	/* before V6ONLY is defined */
#include "delivery.h"

static void __attribute__((constructor)) hooked(void)
{
	stay_hooked();
}

FIXTURE(deliver) {
	unsigned int share;
};

FIXTURE_VARIANT(deliver) {
	enum semantics semantics;
};

ADD_SEMANTICS(deliver);

/* A program that defines EACH_BSD before is short: each run of it tries all */
#ifndef EACH_BSD
static void __attribute__((constructor)) one_bsd(void)
{
	leave_out_untried();
}
#endif

FIXTURE_SETUP(deliver)
{
	bool has = !access(SEMANTICS, F_OK);

	if (!has && variant->semantics)
		SKIP(return, "no net.reuse.semantics");
	/* The option that lets sockets share an address */
	self->share = variant->semantics == PRE39 ? RA : RP;
	delivery_start(has ? semantics_name[variant->semantics] : NULL);
	fresh();
}

FIXTURE_TEARDOWN(deliver)
{
}

/* NULL: nothing is said about it */
#define GETS(native, pre39, bsd, question) do { \
	const char * const want[] = { native, pre39, bsd }; \
	const char *must = want[variant->semantics < BSD ? variant->semantics : BSD]; \
	const char *got = (question); \
	if (must) \
		EXPECT_STREQ(must, got) \
			TH_LOG("%s: %s", semantics_name[variant->semantics], #question); \
} while (0)

static inline const char *on_any(enum semantics semantics, const char *oldest, const char *newest)
{
	return semantics == BSD || semantics == DARWIN ? oldest : newest;
}

/* Among sockets on a wildcard address, the oldest or the newest receives */
#define ON_ANY(oldest, newest)	on_any(variant->semantics, oldest, newest)

static inline const char *of_group(enum semantics semantics, int family, const char *members,
				   const char *all)
{
	if (semantics == OPENBSD || semantics == NETBSD ||
	    (semantics == DARWIN && family == AF_INET6))
		return all;
	return members;
}

/* Members of a group receive, or all sockets that are bound alike and have joined no other one */
#define MEMBERS(family, members, all)	of_group(variant->semantics, family, members, all)

static inline void become(const char *semantics)
{
	if (!access(SEMANTICS, F_OK))
		write_file(SEMANTICS, "%s", semantics);
}

/* Go to the network namespace of a process */
static inline void enter(pid_t pid)
{
	int fd = open(text("/proc/%d/ns/net", pid), O_RDONLY | O_CLOEXEC);

	if (setns(fd, CLONE_NEWNET))
		die("setns");
	close(fd);
}

/* All sockets that get one of 40, each from another port: a group of three shares them */
static inline const char *all_of(const char *(*one)(const char *host), const char *host)
{
	bool seen[128] = {};
	const char *all = "", *got;
	int i;

	for (i = 0; i < 40; i++) {
		got = one(host);
		if (got[1])
			return got;
		seen[*got & 127] = true;
	}
	for (i = 0; i < 128; i++) {
		if (seen[i])
			all = text("%s%s%c", all, *all ? "+" : "", i);
	}
	return all;
}

static inline const char *one_datagram(const char *host)
{
	return datagram(-1, host);
}

#define receivers(host)	all_of(one_datagram, host)
#define acceptors(host)	all_of(connection, host)

/* The ICMP error that a datagram comes back as */
static inline const char *refused_datagram(const char *host)
{
	int s = sender(host);

	sock_connect(s, at_port(host));
	if (send(s, "x", 1, 0) != 1)
		die("send");
	return heard(s);
}

/* Listeners on an address; pre39 has no more than one */
static inline void listeners(bool pre39, const char *host)
{
	fresh();
	tcp(pre39 ? "3" : "123", host, (pre39 ? RA : RP) | LISTENS);
}

static inline void on_device(const char *who, const char *proto, const char *dev, const char *host,
			     unsigned int flags)
{
	opens(who, proto, AF_INET, flags);
	for (; *who; who++) {
		sock_dev(the(*who)->fd, dev);
		if (binds(*who, host) || (*proto == 't' && listens(*who)))
			die("%c does not get %s on %s", *who, host, dev);
	}
}

#endif
