#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Sockets of this kernel give all answers that OpenBSD gave, as recorded.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec conform --semantics openbsd openbsd.bind.tsv openbsd.*.seq.want openbsd.seq.want
