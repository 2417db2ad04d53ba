/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Decides binds by the rules of each semantics, not by the code of their profiles: for
 * tests that meet more cases than can be written down one by one.
 */
#ifndef REUSE_RULES_H
#define REUSE_RULES_H

#include <stdbool.h>
#include <sys/types.h>

enum semantics { NATIVE, PRE39, BSD, FREEBSD15, OPENBSD, NETBSD, DARWIN, SEMANTICS_COUNT };
extern const char * const semantics_name[];

/* Functions that the module may intercept, NULL-terminated; not every kernel has all */
extern const char * const semantics_functions[];

/**
 * struct rules_sock - a socket that is bound to the port, or wants to be
 * @addr: its address, as sock_addr() wants it but without the port
 * @flags: S_REUSEADDR, S_REUSEPORT, S_V6ONLY, S_LISTEN (TCP)
 * @uid: the user that made it
 */
struct rules_sock {
	const char *addr;
	unsigned int flags;
	uid_t uid;
};

void semantics_set(enum semantics semantics);
int semantics_try(enum semantics semantics);
bool semantics_is(enum semantics semantics);
enum semantics semantics_seen(int port);
bool rules_admit(enum semantics semantics, const struct rules_sock *sk,
		 const struct rules_sock *const *owners, int n);
int rules_bind(int fd, const struct rules_sock *s, int port);
int rules_open(const char *proto, const struct rules_sock *s);

#endif
