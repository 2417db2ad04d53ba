#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# /proc/net/reuse_why says of each recorded question what bind() and listen() then say: of the
# semantics in force, and of others what they say after a switch.

here=$(cd "$(dirname "$0")" && pwd) || exit 1
PATH=$here:$PATH
cd "${REUSE_RECORDED:-$here/recorded}" || exit 1
if [ ! -e /proc/net/reuse_why ]; then
	echo "1..0 # SKIP no /proc/net/reuse_why"
	exit 4
fi

# under SEMANTICS FILE...: asks in a namespace that has them
under() {
	echo "# under $1"
	conform --why --semantics "$@" || echo "not ok 0 under $1: exit status $?"
}

# about SEMANTICS FILE: asks in a native namespace
about() {
	echo "# about $1, natively"
	conform --as "$@" || echo "not ok 0 about $1: exit status $?"
}

# Several programs tell their results: number them anew
{
	echo "TAP version 13"
	under native freebsd-13.bind.tsv linux-3.8.bind.tsv linux-6.12.seq.want
	under pre39 linux-3.8.bind.tsv linux-3.8.seq.want
	under bsd freebsd-13.bind.tsv
	under freebsd15 freebsd-15.bind.tsv freebsd-15.localpeer.bind.tsv
	under openbsd openbsd.bind.tsv
	under netbsd netbsd.bind.tsv
	under darwin darwin.bind.tsv
	about pre39 linux-3.8.bind.tsv
	about bsd freebsd-13.bind.tsv
	about freebsd15 freebsd-15.bind.tsv
	about openbsd openbsd.bind.tsv
	about netbsd netbsd.bind.tsv
	about darwin darwin.bind.tsv
} | awk '
	/^1\.\./ || (/^TAP/ && FNR > 1) { next }
	/^not ok/ { failed = 1 }
	/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) }
	{ print; fflush() }
	END { print "1.." n; exit failed }'
