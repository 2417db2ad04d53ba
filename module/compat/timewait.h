/* SPDX-License-Identifier: GPL-2.0 */
/* The function by which a TIME_WAIT socket takes the place of a connection, as (tw, sk, ...). */
#ifndef _REUSE_COMPAT_TIMEWAIT_H
#define _REUSE_COMPAT_TIMEWAIT_H

#ifdef REUSE_HAVE_HASHDANCE_SCHEDULE
#define REUSE_TIMEWAIT_BEGINS	"inet_twsk_hashdance_schedule"
#else
#define REUSE_TIMEWAIT_BEGINS	"inet_twsk_hashdance"
#endif

#endif
