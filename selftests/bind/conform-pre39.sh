#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Sockets of this kernel give all answers that Linux 3.8 gave, as recorded.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec conform --semantics pre39 linux-3.8.bind.tsv linux-3.8.seq.want
