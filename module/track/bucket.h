/* SPDX-License-Identifier: GPL-2.0 */
/* Private to track/: which sockets share an address and port. */
#ifndef _REUSE_BUCKET_H
#define _REUSE_BUCKET_H

#include "track.h"

int reuse_bucket_setup(void);
void reuse_bucket_teardown(void);
bool reuse_bucket_reserve(void);
bool reuse_bucket_join(struct bucket_member *member, const struct bucket_key *key,
		       bool last, bool on_device);
void reuse_bucket_set_has_devices(const struct bucket_member *member);
void reuse_bucket_move(struct bucket_member *member, bool last, u64 *seq, u64 value);
void reuse_bucket_leave(struct bucket_member *member);

#endif
