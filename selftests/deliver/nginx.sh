#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A real server, nginx with "listen ... reuseport" and four workers: natively all of
# them serve, under bsd one of them gets every connection, under pre39 it does not start.

set -euo pipefail
export LC_ALL=C
SKIP=4
SWITCH=/proc/sys/net/reuse/semantics
WORKERS=4 CONNECTIONS=60
# As bound, and where the client connects to
LISTEN=(127.0.0.1:8001 0.0.0.0:8002 "[::1]:8003" "[::]:8004")

skip() {
	echo "1..0 # SKIP $*"
	exit $SKIP
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

config() {
	local listen temp
	cat <<-END
		user root;
		worker_processes $WORKERS;
		pid $D/pid;
		error_log $D/log;
		events { worker_connections 200; }
		http {
			access_log off;
			server {
	END
	for listen in "${LISTEN[@]}"; do
		case $listen in
		"[::]"*) echo "listen $listen reuseport ipv6only=off;" ;;
		*) echo "listen $listen reuseport;" ;;
		esac
	done
	# shellcheck disable=SC2016 # nginx's variable
	printf '%s\n' 'location / { return 200 "$pid\n"; } }'
	for temp in client_body proxy fastcgi uwsgi scgi; do
		echo "${temp}_temp_path $D/$temp;"
	done
	echo '}'
}

# Starts it; its children answer when this returns. False if it refuses.
start() {
	rm -f "$D/log"
	nginx -p "$D" -e "$D/log" -c "$D/conf" 2>"$D/stderr"
}

stop() {
	local pid
	pid=$(<"$D/pid")
	kill "$pid"
	while [ -e "/proc/$pid" ]; do sleep 0.05; done
}

# ask HOST PORT: the worker that serves one connection
ask() {
	local line worker=
	exec 4<>"/dev/tcp/$1/$2"
	printf 'GET / HTTP/1.0\r\n\r\n' >&4
	while read -r -t 10 line <&4; do
		worker=$line
	done
	exec 4>&-
	[[ $worker =~ ^[0-9]+$ ]] || worker=nobody
	echo "$worker"
}

# served HOST PORT: how many workers share the connections. Each must be answered.
served() {
	local i
	for ((i = 0; i < CONNECTIONS; i++)); do
		ask "$1" "$2" 2>/dev/null || echo nobody
	done | sort | uniq -c | sort -rn >"$D/served"
	! grep -q nobody "$D/served" || return 0
	wc -l <"$D/served"
}

# all WANT WHEN: that many workers serve, whichever address they listen at
all() {
	local listen to n
	for listen in "${LISTEN[@]}"; do
		to=127.0.0.1
		[[ $listen != "["* ]] || to=::1
		n=$(served $to "${listen##*:}")
		[ "$n" = "$1" ] || sed 's/^ */# connections, worker: /' "$D/served"
		result $((${n:-0} == $1)) "$2, $listen: $CONNECTIONS connections to $1 of $WORKERS workers"
	done
}

# in_namespace: all that is done there
in_namespace() {
	local good
	ip link set lo up
	start || die_of "does not start"
	all $WORKERS native
	echo bsd >$SWITCH
	all 1 'switched to bsd'
	stop
	start || die_of "does not start under bsd"
	all 1 bsd
	echo native >$SWITCH
	all $WORKERS 'switched back to native'
	echo pre39 >$SWITCH
	all 1 'switched to pre39'
	stop
	good=1
	! start || { good=0; stop; }
	result $good 'pre39: does not start'
	grep -q 'setsockopt(SO_REUSEPORT) .*Protocol not available' "$D/log" || good=0
	sed 's/^/# /' "$D/log"
	result $good 'pre39: its log says that SO_REUSEPORT is "Protocol not available"'
	echo "1..$COUNT"
	exit $FAILED
}

die_of() {
	sed 's/^/# /' "$D/stderr"
	echo "Bail out! nginx $1"
	exit 1
}

cd "$(dirname "${BASH_SOURCE[0]}")"
COUNT=0 FAILED=0
if [ "${1:-}" = in_namespace ]; then
	D=$2
	in_namespace
fi
echo "TAP version 13"
[ "$(id -u)" = 0 ] || skip "needs root"
[ -e $SWITCH ] || skip "no $SWITCH: load the module reuse first"
command -v nginx >/dev/null || skip "no nginx: install it, or as \`make check\` does, scripts/vm --program nginx"
D=$(mktemp -d)
trap 'kill "$(cat "$D/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$D"' EXIT
config >"$D/conf"
unshare -n "$PWD/${BASH_SOURCE[0]##*/}" in_namespace "$D"
