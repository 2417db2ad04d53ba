#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `reuse why` on a live kernel: the process that it names holds the port, and what it says helps
# does help.

set -euo pipefail
# shellcheck source=selftests/tool/result.sh
. "$(dirname "${BASH_SOURCE[0]}")/result.sh"
export LC_ALL=C

skip() {
	echo "1..0 # SKIP $*"
	exit 4
}

# why STATUS PATTERN WORD...: what `reuse why` says, and how it ends
why() {
	local said rc=0 status=$1 pattern=$2
	shift 2
	said=$(reuse why "$@" 2>&1) || rc=$?
	echo "reuse why $*: $said"
	# shellcheck disable=SC2053
	[[ $said == $pattern ]] || { echo "wanted '$pattern'"; return 1; }
	[ $rc = "$status" ] || { echo "exit status $rc"; return 1; }
}

# as_user COMMAND...: with no rights at all
as_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"
}

# hold COMMAND...: sockets that stay until the end of the test; HOLDER is their process
hold() {
	coproc "$@" 2>&1
	HOLDER=$COPROC_PID
	read -r said <&"${COPROC[0]}"
	[[ $said == *": ok" ]] || { echo "$said"; return 1; }
}

free() {
	why 0 "bind() to tcp 127.0.0.1:8000 allowed" 127.0.0.1:8000
	sockets tcp 127.0.0.1:8000 '' | grep -q ': ok'
}

# Ended, as it says, the port is free
listener() {
	hold sockets tcp 0.0.0.0:8001 lw
	why 1 "*refused: EADDRINUSE*rule *0.0.0.0:8001, listens, user *, held by sockets $HOLDER*helps: end sockets $HOLDER*" \
		127.0.0.1:8001 --reuseaddr
	kill "$HOLDER"
	wait "$HOLDER" || true
	why 0 "*allowed*" 127.0.0.1:8001 --reuseaddr
}

option() {
	hold sockets udp 127.0.0.1:8002 aw
	why 1 "*helps: set SO_REUSEADDR before bind()*" udp 127.0.0.1:8002
	why 0 "*allowed*" udp 127.0.0.1:8002 --reuseaddr
	sockets udp 127.0.0.1:8002 a | grep -q ': ok'
	sockets udp 127.0.0.1:8002 '' | grep -q 'in use'
}

user() {
	hold as_user sockets tcp 127.0.0.1:8003 plw
	why 1 "*it belongs to another user*helps: run it as user *65534*" 127.0.0.1:8003 --reuseport
	why 0 "*allowed*" 127.0.0.1:8003 --reuseport --uid 65534
	sockets tcp 127.0.0.1:8003 p | grep -q 'in use'
	as_user sockets tcp 127.0.0.1:8003 p | grep -q ': ok'
}

v6only() {
	hold sockets tcp 0.0.0.0:8008 lw
	why 1 "*helps: end sockets $HOLDER*, or set IPV6_V6ONLY *" '*:8008' --reuseaddr
	why 0 "*allowed*" '[::]:8008' --reuseaddr --v6only 1
	why 1 "*refused*" '[::]:8008' --reuseaddr --v6only 0
}

link_local() {
	why 1 "*refused: EINVAL*what helps: set sin6_scope_id *--dev" '[fe80::1]:8000'
	ip addr add fe80::1 dev lo
	why 0 "*allowed*" '[fe80::1]:8000' --dev lo
}

privilege() {
	why 1 "*EACCES*ip_unprivileged_port_start=80*" 0.0.0.0:80 --uid 65534
	as_user sockets tcp 0.0.0.0:80 '' | grep -q 'ermission denied'
	echo 80 >/proc/sys/net/ipv4/ip_unprivileged_port_start
	why 0 "*allowed*" 0.0.0.0:80 --uid 65534
	as_user sockets tcp 0.0.0.0:80 '' | grep -q ': ok'
}

# Without rights the rule is told, and not the process of others
without_rights() {
	hold sockets tcp 127.0.0.1:8004 lw
	as_user reuse why 127.0.0.1:8004 >"$W/said" 2>&1 || [ $? = 1 ]
	cat "$W/said"
	grep -q 'the other socket: 127.0.0.1:8004, listens, user ' "$W/said"
	grep -q 'could not be looked into' "$W/said"
	! grep -q "$HOLDER" "$W/said"
}

other_semantics() {
	hold sockets udp 0.0.0.0:8005 w
	why 1 "*it-lacks-reuseaddr*" udp 127.0.0.1:8005 --reuseaddr
	why 0 "*allowed*semantics bsd: Linux would have refused it*" udp 127.0.0.1:8005 --reuseaddr --as bsd
	[ ! -e /proc/sys/net/reuse/semantics ] ||
		grep -q native /proc/sys/net/reuse/semantics
	why 4 "*semantics*" udp 127.0.0.1:8005 --as plan9
}

other_namespace() {
	hold unshare -n sh -c 'ip link set lo up && exec sockets tcp 127.0.0.1:8006 lw'
	why 0 "*allowed*" 127.0.0.1:8006
	why 1 "*held by sockets $HOLDER*" -N "$HOLDER" 127.0.0.1:8006
}

as_json() {
	hold sockets tcp 127.0.0.1:8007 lw
	reuse why -j 127.0.0.1:8007 --reuseaddr >"$W/json" || [ $? = 1 ]
	cat "$W/json"
	jq -e '.allowed == false and .rule == "it-lacks-reuseaddr"' "$W/json"
	jq -e ".other_state == \"listen\" and .other_process == \"sockets $HOLDER\"" "$W/json"
	jq -e '.remedy and .sentence and .native == .verdict and .other_inode > 0' "$W/json"
}

echo "TAP version 13"
PATH=$PWD:$PATH
[ -e /proc/net/reuse_why ] || skip "no /proc/net/reuse_why: load the module reuse first"
[ "$(id -u)" = 0 ] || skip "needs root"
command -v reuse >/dev/null || skip "no program reuse: it is built in the tree of the module"
if [ "${1:-}" != inside ]; then
	exec unshare -n "$0" inside
fi
ip link set lo up
W=$(mktemp -d)
chmod 755 "$W"
trap 'rm -rf "$W"' EXIT
result "a port that is free" free
result "a listener: its process, which ends, and the port is free" listener
result "an option that helps" option
result "a user who may" user
result "a dual-stack socket beside one of IPv4" v6only
result "a link-local address, which takes a device" link_local
result "a privilege, and what gives it" privilege
result "a user without rights gets the rule, not the process" without_rights
result "other semantics, which do not come into force" other_semantics
result "another namespace" other_namespace
if command -v jq >/dev/null; then
	result "JSON" as_json
else
	echo "ok $((++COUNT)) JSON # SKIP no jq"
fi
echo "1..$COUNT"
[ "$FAILED" = 0 ]
