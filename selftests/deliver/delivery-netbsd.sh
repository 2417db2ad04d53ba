#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The socket that received on NetBSD receives here, in all recorded situations.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec delivery --semantics netbsd netbsd.delivery.tsv
