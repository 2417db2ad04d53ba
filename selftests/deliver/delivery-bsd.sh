#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# who receives on FreeBSD 13, as recorded in words: each row comes out so with real sockets here.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec delivery --semantics bsd freebsd-13.delivery.tsv freebsd-13.extra.tsv
