#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# all of Linux 3.8's answers, as recorded, come from real sockets here too.

cd "$(dirname "$0")" || exit 1
PATH=.:$PATH
exec conform --semantics pre39 semantics/linux-3.8.bind.tsv semantics/linux-3.8.seq.txt
