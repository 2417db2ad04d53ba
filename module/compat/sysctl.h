/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sysctl handler gets a const table since 6.11. The kernel gets the size of a table since
 * 6.6, and then needs no empty last entry; since 6.11 it warns of one.
 */
#ifndef _REUSE_COMPAT_SYSCTL_H
#define _REUSE_COMPAT_SYSCTL_H

#include <linux/sysctl.h>
#include <net/net_namespace.h>

#ifdef REUSE_SYSCTL_CONST
#define reuse_ctl_table	const struct ctl_table
#else
#define reuse_ctl_table	struct ctl_table
#endif

#ifdef REUSE_HAVE_NET_SYSCTL_SZ
#define REUSE_CTL_END	0
#define reuse_register_net_sysctl	register_net_sysctl_sz
#else
#define REUSE_CTL_END	1
static inline struct ctl_table_header *
reuse_register_net_sysctl(struct net *net, const char *path,
			  struct ctl_table *table, size_t n)
{
	return register_net_sysctl(net, path, table);
}
#endif

#endif
