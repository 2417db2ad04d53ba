/* SPDX-License-Identifier: GPL-2.0 */
/* pde_data() was PDE_DATA() before 5.17. */
#ifndef _REUSE_COMPAT_PROC_H
#define _REUSE_COMPAT_PROC_H

#include <linux/proc_fs.h>

#ifndef REUSE_HAVE_PDE_DATA
#define pde_data(inode)	PDE_DATA(inode)
#endif

#endif
