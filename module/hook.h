/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_HOOK_H
#define _REUSE_HOOK_H

#include <linux/types.h>

/**
 * enum reuse_hooks - what functions are intercepted for
 * @REUSE_HOOKS_BIND: semantics other than native
 * @REUSE_HOOKS_SOCKOPT: semantics without SO_REUSEPORT
 * @REUSE_HOOKS_CONNECT: semantics where connect() decides on the port otherwise
 * @REUSE_HOOKS: how many there are of these
 * @REUSE_HOOKS_PROOF: to see that a redirect works, see proof.c
 */
enum reuse_hooks {
	REUSE_HOOKS_BIND,
	REUSE_HOOKS_SOCKOPT,
	REUSE_HOOKS_CONNECT,
	REUSE_HOOKS,
	REUSE_HOOKS_PROOF = REUSE_HOOKS,
};

int reuse_hook_setup(void);
void reuse_hook_teardown(void);
bool reuse_hook_possible(void);
int reuse_hook_install(enum reuse_hooks group);
void reuse_hook_remove(enum reuse_hooks group);
void reuse_hook_drain(void);
int reuse_hook_enter(void);
void reuse_hook_leave(int idx);

#endif
