#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# who receives on Linux 3.8, as recorded in words: each row comes out so with real sockets here.

cd "$(dirname "$0")" || exit 1
PATH=.:$PATH
exec delivery --semantics pre39 semantics/linux-3.8.delivery.tsv semantics/linux-3.8.special.tsv
