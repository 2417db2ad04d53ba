#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module does what module/INSTALL says of a kernel that lacks something: what it lists, which
# semantics there are, what it logs, and that the recorded answers are right as far as they go.

# Text in single quotes is for shells in other namespaces
# shellcheck disable=SC2016
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here:$PATH
SKIP=4
SEMANTICS=/proc/sys/net/reuse/semantics
AVAILABLE=/proc/sys/net/reuse/available_semantics
LOG=/proc/sys/net/reuse/log
ALL='native pre39 bsd freebsd15 openbsd netbsd darwin'
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
# shellcheck source=selftests/tool/result.sh
. "$here/result.sh"

NO_HOOKS='only native semantics, and no log: this kernel is built without CONFIG_DYNAMIC_FTRACE_WITH_ARGS'
NO_SYSCTL="this kernel is built without CONFIG_SYSCTL: only the module's parameter says"
NO_NETFILTER='this kernel is built without CONFIG_NETFILTER: UDP is delivered natively'

skip() {
	echo "1..0 # SKIP $*"
	exit $SKIP
}

# is NAME: is CONFIG_NAME y or m?
is() { grep -qE "^CONFIG_$1=[ym]$" "$W/config"; }

# Can functions be intercepted?
hooks() { is DYNAMIC_FTRACE_WITH_ARGS || is DYNAMIC_FTRACE_WITH_REGS; }

# fail WHAT: ends a test
fail() {
	echo "$*"
	return 1
}

# load [PARAMETER...]: the module anew; what it logs from here on is said()
load() {
	[ ! -d /sys/module/reuse ] || rmmod reuse
	dmesg | wc -l >"$W/before"
	insmod "$KO" "$@"
}

said() { dmesg | tail -n +$(($(<"$W/before") + 1)) | sed -n 's/.*\] reuse: //p'; }

# says COUNT WORDS: so many lines with these words since the module was loaded
says() { [ "$(said | grep -cF "$2" || true)" = "$1" ] || fail "dmesg has not $1 of '$2':" "$(said)"; }

# in_netns COMMAND...: in a namespace of its own, where there are others
in_netns() {
	if is NET_NS; then
		unshare -n "$@"
	else
		"$@"
	fi
}

# row PROTO ADDRESS: the file lists it as that of one socket
row() {
	awk -v proto="$1" -v address="$2" '$1 == proto && $2 == address && $6 == 1 { found = 1 } END { exit !found }' /proc/net/reuse ||
		fail "/proc/net/reuse has no $1 $2:" "$(</proc/net/reuse)"
}

# open_sockets PROTO ADDRESS FLAGS...: the program sockets has them open, as PID; the last are
# flags with w, so that it waits
open_sockets() {
	: >"$W/opened"
	sockets "$@" >"$W/opened" <&3 &
	PID=$!
	until [ "$(wc -l <"$W/opened")" = $(($# / 3)) ]; do
		kill -0 $PID || fail "sockets ended: $(<"$W/opened")"
		sleep 0.1
	done
}

t_list() {
	local open=(tcp 0.0.0.0:1001 l udp 127.0.0.1:1002 w) rc=0
	! is IPV6 || open=("${open[@]:0:5}" - tcp '[::1]:1003' l udp '[::]:1004' w)
	ip link set lo up
	open_sockets "${open[@]}"
	set -- "${open[@]}"
	while [ $# != 0 ]; do
		row "$1" "$2" || rc=1
		shift 3
	done
	[ "$(tail -n +2 /proc/net/reuse | wc -l)" = $((${#open[@]} / 3)) ] || { echo "others, too"; rc=1; }
	kill $PID
	return $rc
}

t_switch() {
	load
	says 0 "$NO_SYSCTL"
	says 0 "$NO_NETFILTER"
	[ "$(<$AVAILABLE)" = "$ALL" ] || fail "available: $(<$AVAILABLE)"
	in_netns bash -euc 'for word in $1; do echo $word >$0; [ "$(<$0)" = $word ]; done' $SEMANTICS "$ALL native"
	says 0 "$NO_HOOKS"
	says "$(is NETFILTER && echo 0 || echo 1)" "$NO_NETFILTER"
}

t_log() {
	load
	echo refused >$LOG
	open_sockets tcp 127.0.0.1:2001 l tcp 127.0.0.1:2001 lw
	kill $PID
	grep -q ' 127.0.0.1:2001 ' /proc/net/reuse_log || fail "$(</proc/net/reuse_log)"
}

# Without sysctl only the parameter says which semantics there are
t_no_sysctl() {
	load
	[ ! -e $SEMANTICS ] || fail "there is $SEMANTICS"
	says 1 "$NO_SYSCTL"
	says 0 "$NO_HOOKS"
}

t_refused() {
	load
	[ "$(<$AVAILABLE)" = native ] || fail "others than native are available"
	says 0 "$NO_HOOKS"
	not_supported bsd $SEMANTICS
	says 1 "$NO_HOOKS"
	[ "$(<$SEMANTICS)" = native ] || fail "not native: $(<$SEMANTICS)"
	not_supported refused $LOG
	[ "$(<$LOG)" = off ] || fail "not off: $(<$LOG)"
	says 2 "$NO_HOOKS"
}

# not_supported WORD SYSCTL
not_supported() {
	! in_netns bash -c 'echo $0 >$1' "$@" 2>"$W/error" || fail "$2 can be $1"
	grep -q 'Operation not supported' "$W/error" || fail "no EOPNOTSUPP, but: $(<"$W/error")"
}

# Under pre39 there would be no SO_REUSEPORT
t_native() {
	load semantics=pre39
	says 1 "$NO_HOOKS"
	open_sockets tcp 127.0.0.1:2002 pl tcp 127.0.0.1:2002 plw
	kill $PID
	[ "$(grep -c ': ok$' "$W/opened")" = 2 ] || fail "$(<"$W/opened")"
}

# t_answers SEMANTICS FILE...: all answers are right; without netfilter, but to whom datagrams
# go, which is as this kernel has it, and as pre39 has it
t_answers() {
	local how=(--semantics "$1") rc=0
	# Where all use one namespace, the ports of the last are in TIME_WAIT
	is NET_NS || until grep -q ' tw 0 ' /proc/net/sockstat; do sleep 1; done
	if is SYSCTL; then
		load
	else
		load semantics="$1"
		how=()
	fi
	conform "${how[@]}" "${@:2}" >"$W/answers" || rc=$?
	# Each file was played to its end
	[ "$(grep -cE 'ok .* of [0-9]{3,} answers' "$W/answers")" = $(($# - 1)) ] || fail "not all, but: $(<"$W/answers")"
	if is NETFILTER || [ "$1" = pre39 ]; then
		[ $rc = 0 ] || fail "$(head -n 20 "$W/answers")"
		return
	fi
	grep '^# .*: have ' "$W/answers" >"$W/wrong" || fail "UDP is not delivered natively"
	! grep -vE ' (probe udp|mcast) ' "$W/wrong" || fail "these are not about datagrams"
}

main() {
	local file
	[ -r /proc/config.gz ] || skip "no /proc/config.gz"
	[ -e /proc/net/reuse ] || skip "no /proc/net/reuse: load the module reuse first"
	[ "$(id -u)" = 0 ] || skip "needs root"
	KO=${REUSE_KO:-/lib/modules/reuse.ko}
	[ -r "$KO" ] || skip "set REUSE_KO to the path of reuse.ko"
	zcat /proc/config.gz >"$W/config"
	mkfifo "$W/hold"
	exec 3<>"$W/hold"
	echo "TAP version 13"
	cd "${REUSE_RECORDED:-$here/recorded}"
	result "/proc/net/reuse lists sockets" t_list
	if ! hooks; then
		result "without what intercepts functions, a switch is refused, and dmesg says why" t_refused
		result "... and the parameter leaves all native" t_native
	elif is SYSCTL; then
		result "a switch succeeds, and dmesg says what it cannot do" t_switch
		result "a log has what is refused" t_log
	else
		result "without sysctl there is the parameter, and dmesg says so" t_no_sysctl
	fi
	if hooks; then
		for file in pre39:linux-3.8 bsd:freebsd-13 freebsd15:freebsd-15 openbsd:openbsd netbsd:netbsd darwin:darwin; do
			result "recorded answers: ${file%:*}" t_answers "${file%:*}" "${file#*:}.bind.tsv" "${file#*:}.seq.want"
		done
	fi
	echo "1..$COUNT"
	[ "$FAILED" = 0 ]
}

main
