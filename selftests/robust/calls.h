/* SPDX-License-Identifier: GPL-2.0 */
/* Calls of each function that the module intercepts. */
#ifndef REUSE_CALLS_H
#define REUSE_CALLS_H

const char *calls_wrong(void);

#endif
