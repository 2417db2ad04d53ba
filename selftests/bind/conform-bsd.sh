#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# all of FreeBSD 13's answers, as recorded, come from real sockets here too.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec conform --semantics bsd freebsd-13.bind.tsv freebsd-13.*.seq.txt freebsd-13.seq.txt
