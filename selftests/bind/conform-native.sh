#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Sockets of this kernel answer each recorded question, and some about where kernels differ, as
# the profile native says beforehand. (All BSDs were asked the same questions.)

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
rules=/sys/module/reuse/parameters/native_rules
said=$(mktemp -d) || exit 1
trap 'rm -rf "$said"' EXIT

if [ ! -r $rules ]; then
	echo "1..0 # SKIP no $rules"
	exit 4
fi
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
for file in freebsd-13.bind.tsv freebsd-15.localpeer.bind.tsv freebsd-13.*seq.want \
	linux-3.8.bind.tsv linux-3.8.seq.want linux.seq.txt; do
	name=$said/${file%.txt}
	[ "${file%.txt}" = "$file" ] || name=$name.want
	unit --say "native:$(cat $rules)" "$file" >"$name" || exit 1
done
echo "# this kernel: $(cat $rules)"
conform --only bind,listen "$said"/*
