#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Sockets of this kernel give all answers that Darwin gave, as recorded.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
exec conform --semantics darwin darwin.bind.tsv darwin.*.seq.want darwin.seq.want
