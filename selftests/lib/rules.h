/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sockets as the rules of bind() see them, and what the rules say, for tests that meet more
 * cases than can be written down one by one. A program that calls rules_admit() is made of
 * bind/admit.c, too.
 */
#ifndef REUSE_RULES_H
#define REUSE_RULES_H

#include <stdbool.h>
#include <sys/types.h>

#include "module.h"

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

bool rules_admit(enum semantics semantics, const struct rules_sock *sk,
		 const struct rules_sock *const *owners, int n);
int rules_bind(int fd, const struct rules_sock *s, int port);
int rules_open(const char *proto, const struct rules_sock *s);

#endif
