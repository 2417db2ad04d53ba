#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The tests of libuv, natively and by other semantics: those that fail by these alone are the
# ones that libuv.want has, and "reuse run --report" has found why. Arguments are the semantics, by default bsd.

set -euo pipefail
export LC_ALL=C
SKIP=4
COUNT=0 FAILED=0
# Where the tests of libuv are: run-tests, and what they read below test/
LIBUV=${REUSE_LIBUV:-/libuv}
# They refuse to run as root. Nobody resolves names here, and they are not to wait for that. A
# guest without KVM is slow.
NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all
	env HOME=/tmp RES_OPTIONS="timeout:1 attempts:1" UV_TEST_TIMEOUT_MULTIPLIER=8)

skip() {
	echo "1..0 # SKIP $*"
	exit $SKIP
}

# compare WHAT WANTED GOT: two files
compare() {
	COUNT=$((COUNT + 1))
	if diff "$2" "$3" >"$W/diff"; then
		echo "ok $COUNT $1"
		return
	fi
	FAILED=1
	sed 's/^/# /' "$W/diff"
	echo "not ok $COUNT $1"
}

# network: addresses and a route that the tests need, for multicast and a connection that hangs
network() {
	ip link set lo up
	ip link add dummy0 type dummy
	ip addr add 192.0.2.1/24 dev dummy0
	ip addr add 2001:db8::1/64 dev dummy0 nodad
	ip link set dummy0 up multicast on
	ip route add default via 192.0.2.254
	ip -6 route add default via 2001:db8::2
}

# inside SEMANTICS TEST...: runs the tests, or all
inside() {
	local semantics=$1 report=()
	shift
	network
	cd "$W/libuv"
	if [ $# = 0 ]; then
		[ ! -e /proc/net/reuse_log ] || report=(--report)
		reuse run "${report[@]}" --net host "$semantics" -- "${NOBODY[@]}" \
			sh -c 'exec ./run-tests >all 2>&1' 2>"$W/report" || true
		cat all
		return
	fi
	for t; do
		reuse run --net host "$semantics" -- "${NOBODY[@]}" ./run-tests "$t" || true
	done
}

# run SEMANTICS [TEST...]: their output, in a namespace of its own
run() {
	unshare -n --pid --fork --kill-child --mount-proc "$SELF" inside "$W" "$@" 2>&1 </dev/null || true
}

# failures: the tests that have failed
failures() {
	sed -n 's/^not ok [0-9]* - \([a-z0-9_]*\).*/\1/p' | sort
}

# A test may fail because the guest is slow: only one that fails in each of three runs, and
# succeeds natively in each, tells of the semantics.
differences() {
	local semantics=$1 again s i
	run "$semantics" >"$W/$semantics"
	comm -13 <(failures <"$W/native") <(failures <"$W/$semantics") >"$W/differs"
	for i in 1 2; do
		mapfile -t again <"$W/differs"
		[ ${#again[@]} -gt 0 ] || return 0
		for s in "$semantics" native; do
			run "$s" "${again[@]}" >"$W/$s.$i"
		done
		comm -13 <(failures <"$W/native.$i") <(failures <"$W/$semantics.$i") >"$W/differs"
	done
}

# said TEST: the first lines of what a test that failed has printed
said() {
	awk -v test="$1" '
		/^(not )?ok / { its = $NF == test && $1 == "not" }
		its && n++ < 10 { print "# " $0 }' "$W/$semantics"
}

# unreported SEMANTICS: prints those of the lines of libuv.want whose reason the report does not have
unreported() {
	local reason
	awk -v semantics="$1" '$1 == semantics' libuv.want | while read -r _ _ reason _; do
		grep -q -- "${reason//_/ }" "$W/report" || echo "$reason"
	done
}

SELF=$(realpath "${BASH_SOURCE[0]}")
cd "${SELF%/*}"
PATH=$PWD:$PATH
if [ "${1:-}" = inside ]; then
	W=$2
	inside "${@:3}"
	exit
fi
echo "TAP version 13"
[ "$(id -u)" = 0 ] || skip "needs root"
[ -e /proc/net/reuse ] || skip "no /proc/net/reuse: load the module reuse first"
command -v reuse >/dev/null || skip "no program reuse: it is built in the tree of the module"
[ -x "$LIBUV/run-tests" ] || skip "no tests of libuv: set REUSE_LIBUV"
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
cp -r "$LIBUV" "$W/libuv"
chmod 755 "$W"
chown -R 65534:65534 "$W/libuv"
run native >"$W/native"
grep -q '^ok' "$W/native" || {
	sed 's/^/# /' "$W/native"
	echo "Bail out! the tests do not run"
	exit 1
}
echo "# natively $(grep -c '^ok' "$W/native") pass; these fail: $(failures <"$W/native" | xargs)"
[ $# -gt 0 ] || set -- bsd
for semantics; do
	differences "$semantics"
	while read -r t; do
		said "$t"
	done <"$W/differs"
	awk -v semantics="$semantics" '$1 == semantics { print $2 }' libuv.want | sort >"$W/want"
	compare "libuv: what fails by the rules of $semantics alone" "$W/want" "$W/differs"
	sed 's/^/# report: /' "$W/report"
	unreported "$semantics" >"$W/unreported"
	compare "libuv: the report has the reasons" /dev/null "$W/unreported"
done
echo "1..$COUNT"
[ $FAILED = 0 ]
