/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _REUSE_SOCKOPT_H
#define _REUSE_SOCKOPT_H

#include "compat/sockopt.h"

bool reuse_sockopt_hidden(reuse_sockopt_sk_t *sk, int optname);
int reuse_setsockopt(reuse_sockopt_sk_t *sk, int level, int optname,
		     sockptr_t optval, unsigned int optlen);
int reuse_getsockopt(reuse_sockopt_sk_t *sk, int level, int optname,
		     reuse_getsockopt_ptr_t optval, reuse_getsockopt_len_t optlen);

#endif
