/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_SELFTESTS_FAR_H
#define _REUSE_SELFTESTS_FAR_H

#include <stdbool.h>

/* Addresses that the host has for a while: then those who came from there were far away */
#define FAR4	"192.0.2.1"
#define FAR6	"2001:db8::1"

void far_addresses(bool there);

#endif
