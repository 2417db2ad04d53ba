/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_HOOK_H
#define _REUSE_HOOK_H

#include <linux/types.h>

void reuse_hook_setup(void);
bool reuse_hook_possible(void);
int reuse_hook_install(void);
void reuse_hook_remove(void);
int reuse_hook_enter(void);
void reuse_hook_leave(int idx);

#endif
