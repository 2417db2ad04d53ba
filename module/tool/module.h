/* SPDX-License-Identifier: GPL-2.0 */
/* "reuse load", "reuse unload", "reuse status", and what is known of the module. */
#ifndef REUSE_MODULE_H
#define REUSE_MODULE_H

#include <stdbool.h>

bool module_loaded(void);
int load_main(int argc, char **argv);
int unload_main(int argc, char **argv);
int status_main(int argc, char **argv);

#endif
