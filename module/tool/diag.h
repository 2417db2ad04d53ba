/* SPDX-License-Identifier: GPL-2.0 */
/* Inode numbers from sock_diag(7), for a module whose file has none. */
#ifndef REUSE_DIAG_H
#define REUSE_DIAG_H

#include "netns.h"
#include "table.h"

bool diag_inodes(const struct netns *ns, struct table *t);

#endif
