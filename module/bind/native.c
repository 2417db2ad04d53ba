// SPDX-License-Identifier: GPL-2.0
/* The flags of this kernel for the profile native: in what its own rules differ. */
#include "bind.h"
#include "compat/bind.h"
#include "semantics/semantics.h"

const u32 reuse_bind_native =
	(reuse_bind_by_address ? SEM_NATIVE_BY_ADDRESS : 0) |
	(reuse_timewait_by_address ? SEM_NATIVE_TIMEWAIT : 0) |
	(reuse_bind_address_type ? SEM_NATIVE_MAPPED_ANY : 0) |
	(reuse_fastreuse_never_first ? SEM_NATIVE_NEVER_FIRST : 0) |
	(reuse_udp_asks_all ? SEM_NATIVE_UDP_ALL : 0);
