#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# all of FreeBSD 13's answers, as recorded, come from real sockets here too.

cd "$(dirname "$0")" || exit 1
PATH=.:$PATH
exec conform --semantics bsd semantics/freebsd-13.bind.tsv semantics/freebsd-13.*.seq.txt semantics/freebsd-13.seq.txt
