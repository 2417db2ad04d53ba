/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CONFIG_INIT_STACK_ALL_ZERO has the compiler clear each variable, large ones too. Kernels have
 * a word against that since 2024, and so do older ones that are still maintained.
 */
#ifndef _REUSE_COMPAT_UNINITIALIZED_H
#define _REUSE_COMPAT_UNINITIALIZED_H

#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized		__attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

#endif
