#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's own tests of SO_REUSEADDR, SO_REUSEPORT and bind() say the same
# whether the module is there or not: natively, and while another namespace is bsd.
# What they fail or skip on this kernel without it they have to fail or skip with it.

set -euo pipefail
export LC_ALL=C PATH=.:$PATH
SKIP=4
SWITCH=/proc/sys/net/reuse/semantics
HOOKED=/sys/kernel/tracing/enabled_functions
# Built by the Makefile, from the kernel tree that has the harness
TESTS="reuseport_addr_any reuseport_bpf reuseport_bpf_cpu reuseport_dualstack reuseaddr_conflict
	reuseaddr_ports_exhausted bind_wildcard bind_timewait sk_bind_sendto_listen
	sk_connect_zero_addr ip_local_port_range so_incoming_cpu"

skip() {
	echo "1..0 # SKIP $*"
	exit $SKIP
}

module_path() {
	local path
	for path in ${REUSE_KO:-/lib/modules/reuse.ko ../reuse.ko}; do
		[ ! -r "$path" ] || { echo "$path"; break; }
	done
}

# one TEST: what it says, but for how long things took, and its exit status
one() {
	local rc=0
	ip link set lo up
	case $1 in
	ip_local_port_range) echo 40000 49999 >/proc/sys/net/ipv4/ip_local_port_range ;;
	reuseaddr_ports_exhausted)
		echo 32768 32768 >/proc/sys/net/ipv4/ip_local_port_range
		echo 1 >/proc/sys/net/ipv4/ip_autobind_reuse
		;;
	esac
	"$1" 2>&1 </dev/null | sed -E 's/[0-9.]+ ?(ns|us|ms|s|sec|seconds)\b/TIME/g' || rc=$?
	echo "exit status $rc"
}

# all NAME: the results of all tests, each in a namespace of its own
all() {
	local t
	mkdir "$D/$1"
	for t in $PRESENT; do
		unshare -n "$0" one "$t" >"$D/$1/$t"
	done
}

# result GOOD WHAT
result() {
	COUNT=$((COUNT + 1))
	if [ "$1" = 1 ]; then
		echo "ok $COUNT $2"
	else
		FAILED=1
		echo "not ok $COUNT $2"
	fi
}

# same NAME: all tests said there what they said without the module
same() {
	local t good
	all "$1"
	for t in $PRESENT; do
		good=1
		diff -u "$D/without/$t" "$D/$1/$t" >"$D/diff" || good=0
		sed 's/^/# /' "$D/diff"
		result $good "$t, $1"
	done
}

# hold FILE: a namespace that is bsd until it is killed
hold() {
	echo bsd >"$SWITCH"
	cat "$SWITCH" >"$1"
	exec sleep 1000
}

# Is another namespace bsd, and is that more than a word?
is_beside() {
	kill -0 "$HOLDER" && [ "$(cat "$D/beside")" = bsd ] || return 1
	[ ! -r "$HOOKED" ] || grep -q '^inet_csk_get_port ' "$HOOKED"
}

# The next program finds the module, also if this one dies
# shellcheck disable=SC2317 # the trap calls it
finish() {
	[ -z "$HOLDER" ] || kill "$HOLDER" || true
	[ -e /proc/net/reuse ] || insmod "$KO"
	rm -rf "$D"
}

main() {
	local t n=0 good
	rmmod reuse
	all without
	for t in $PRESENT; do
		[ "$(tail -n 1 "$D/without/$t")" != "exit status 0" ] || n=$((n + 1))
	done
	[ ! -e /proc/net/reuse ] && [ $n -ge 5 ] && good=1 || good=0
	result $good "$n of them pass without the module"

	insmod "$KO"
	same native
	unshare -n "$0" hold "$D/beside" &
	HOLDER=$!
	for ((n = 0; n < 100; n++)); do
		[ ! -s "$D/beside" ] || break
		sleep 0.1
	done
	same 'beside bsd'
	is_beside && good=1 || good=0
	result $good 'there was one that is bsd'
	echo "1..$COUNT"
	exit $FAILED
}

case ${1:-} in
one) one "$2"; exit ;;
hold) hold "$2" ;;
esac
echo "TAP version 13"
[ "$(id -u)" = 0 ] || skip "needs root"
[ -e /proc/net/reuse ] || skip "no /proc/net/reuse: load the module reuse first"
[ -e "$SWITCH" ] || skip "no net.reuse.semantics"
KO=$(module_path) PRESENT='' COUNT=0 FAILED=0 HOLDER=''
[ -n "$KO" ] || skip "set REUSE_KO to the path of reuse.ko"
for t in $TESTS; do
	! command -v "$t" >/dev/null || PRESENT+=" $t"
done
[ -n "$PRESENT" ] || skip "the kernel tree of the harness has no tests of its own"
D=$(mktemp -d)
trap finish EXIT
main
