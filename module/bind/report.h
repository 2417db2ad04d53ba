/* SPDX-License-Identifier: GPL-2.0 */
/* Private to bind/: what is told to the log. */
#ifndef _REUSE_REPORT_H
#define _REUSE_REPORT_H

#include <linux/types.h>

struct bind_reason;
struct sem_profile;
struct sem_sock;
struct sock;

bool reuse_report_before(struct sock *sk, unsigned short port, bool udp,
			 struct bind_reason *native);
void reuse_report_port(struct sock *sk, const struct sem_sock *self, unsigned short port,
		       const struct sem_profile *profile, int err, const struct bind_reason *why,
		       const struct bind_reason *native);
void reuse_report_connect(struct sock *sk, int err, int native);

#endif
