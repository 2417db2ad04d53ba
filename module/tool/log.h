/* SPDX-License-Identifier: GPL-2.0 */
/* "reuse log": what was refused, and why. */
#ifndef REUSE_LOG_H
#define REUSE_LOG_H

#include "netns.h"

int log_main(int argc, char **argv);
int log_say_error(const struct netns *ns, int err);

#endif
