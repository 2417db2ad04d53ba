#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Sockets of this kernel give all answers that NetBSD gave, as recorded.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec conform --semantics netbsd netbsd.bind.tsv netbsd.*.seq.want netbsd.seq.want
