/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program that includes this has an instance of tracefs from its beginning to its end, also
 * after a test that died, if the module has tracepoints.
 */
#ifndef REUSE_TRACES_H
#define REUSE_TRACES_H

#include "tracefs.h"

static void __attribute__((constructor)) begin_traces(void)
{
	if (tracefs_there(""))
		tracefs_begin();
}

static void __attribute__((destructor)) end_traces(void)
{
	tracefs_end();
}

#endif
