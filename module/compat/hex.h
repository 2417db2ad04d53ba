/* SPDX-License-Identifier: GPL-2.0 */
/* hex_byte_pack() was in linux/kernel.h before 6.4. */
#ifndef _REUSE_COMPAT_HEX_H
#define _REUSE_COMPAT_HEX_H

#if __has_include("linux/hex.h")
#include <linux/hex.h>
#else
#include <linux/kernel.h>
#endif

#endif
