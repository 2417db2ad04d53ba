#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# who receives on Linux 3.8, as recorded in words: each row comes out so with real sockets here.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec delivery --semantics pre39 linux-3.8.delivery.tsv linux-3.8.special.tsv
