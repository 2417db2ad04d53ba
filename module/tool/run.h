/* SPDX-License-Identifier: GPL-2.0 */
/* "reuse run": a command where other semantics are in force. */
#ifndef REUSE_RUN_H
#define REUSE_RUN_H

int run_main(int argc, char **argv);

#endif
