#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# who receives on FreeBSD 13, as recorded in words: each row comes out so with real sockets here.

cd "$(dirname "$0")" || exit 1
PATH=.:$PATH
exec delivery --semantics bsd semantics/freebsd-13.delivery.tsv semantics/freebsd-13.extra.tsv
