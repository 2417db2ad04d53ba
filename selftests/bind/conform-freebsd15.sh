#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Sockets of this kernel give all answers that FreeBSD 15 gave, as recorded.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec conform --semantics freebsd15 freebsd-15.*bind.tsv freebsd-15.*.seq.want freebsd-15.seq.want
