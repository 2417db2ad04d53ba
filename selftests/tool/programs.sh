#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Programs of Debian that a port keeps from starting: each says so itself, reuse(8) names the
# process and the rule, and what it advises makes the program start. Arguments choose among
# nginx, python, avahi, postgres and node; by default all that are installed.

set -euo pipefail
# shellcheck source=selftests/tool/result.sh
. "$(dirname "${BASH_SOURCE[0]}")/result.sh"
export LC_ALL=C
SKIP=4
DONE=''
TESTS="nginx python avahi postgres node"
# A guest without KVM is slow
PATIENCE=90
NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all)

skip() {
	echo "1..0 # SKIP $*"
	exit $SKIP
}

# has TEXT PATTERN...: extended regular expressions
has() {
	local text=$1 pattern
	shift
	for pattern; do
		grep -qE -- "$pattern" <<<"$text" || { printf 'no "%s" in:\n%s\n' "$pattern" "$text"; return 1; }
	done
}

# within COMMAND...: waits until it succeeds
within() {
	local end=$((SECONDS + PATIENCE))
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "# not in time: $*"; return 1; }
		sleep 0.1
	done
}

# start NAME COMMAND...: goes on in the background; NAME.log and NAME.pid are its
start() {
	"${@:2}" >"$W/$1.log" 2>&1 </dev/null &
	echo $! >"$W/$1.pid"
	# So that this shell does not tell how it ends
	disown $!
}

pid() {
	cat "$W/$1.pid"
}

# ended PID
ended() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	[[ ${stat##*) } = Z* ]]
}

# stop NAME [SIGNAL]
stop() {
	kill "${2:--TERM}" "$(pid "$1")"
	within ended "$(pid "$1")"
}

# held PORT [STATE]: some socket has it, in that state
held() {
	awk -v port=":$1" -v state="${2:-sockets}" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ address = $at["local_address"] }
		substr(address, length(address) - length(port) + 1) == port && $at[state] > 0 { n++ }
		END { exit !n }' /proc/net/reuse
}

# refused PATTERN COMMAND...: it ends with an error, and says so
refused() {
	local rc=0 said
	said=$(timeout $PATIENCE "${@:2}" 2>&1 </dev/null) || rc=$?
	echo "exit status $rc"
	[ $rc != 0 ] && [ $rc != 124 ] || return 1
	has "$said" "$1"
}

has_port() {
	reuse who ":$2" 2>/dev/null | grep -qE "^ *process [^ ]+ $(pid "$1"),"
}

has_port_or_ended() {
	ended "$(pid "$1")" || has_port "$@"
}

# starts NAME PORT COMMAND...: the program runs, and has the port
starts() {
	start "$1" "${@:3}"
	within has_port_or_ended "$1" "$2"
	has_port "$1" "$2" || { cat "$W/$1.log"; return 1; }
}

# who PORT PATTERN...: what "reuse who" says, as one line
who() {
	has "$(reuse who ":$1" | tr -s ' \n' ' ')" "${@:2}"
}

# why STATUS QUESTION PATTERN...: the same of "reuse why", and its exit status
why() {
	local rc=0 said question
	read -r -a question <<<"$2"
	said=$(reuse why "${question[@]}" 2>&1) || rc=$?
	has "$(tr -s ' \n' ' ' <<<"$said")" "${@:3}"
	echo "exit status $rc"
	[ $rc = "$1" ]
}

# end_process PORT NAME: ends the process of that name that "reuse who" finds there
end_process() {
	local pid
	pid=$(reuse who ":$1" | sed -n "s/^ *process $2 \([0-9]*\),.*/\1/p" | head -n 1)
	[ -n "$pid" ]
	kill "$pid"
	within ended "$pid"
}

# ask PORT: one request to 127.0.0.1, and the server is the first to close
ask() {
	exec 4<>"/dev/tcp/127.0.0.1/$1"
	printf 'GET / HTTP/1.0\r\n\r\n' >&4
	timeout $PATIENCE cat <&4 >"$W/answer"
	exec 4>&-
	has "$(<"$W/answer")" '^HTTP/1.* 200 '
}

# nginx_in NAME LISTEN: sets NGINX, which may be started by any user
nginx_in() {
	local d=$W/$1 temp
	mkdir -p "$d"
	{
		echo "user root; daemon off; master_process off; pid $d/pid; error_log stderr;"
		echo "events { }"
		printf 'http { access_log off; server { listen %s; location / { return 200; } }\n' "$2"
		for temp in client_body proxy fastcgi uwsgi scgi; do
			echo "${temp}_temp_path $d/$temp;"
		done
		echo '}'
	} >"$d/conf"
	chmod 777 "$d"
	NGINX=(nginx -p "$d" -e stderr -c "$d/conf")
}

# A web server of another user has the port; then one has it that would share it with its user
test_nginx() {
	local in_use='bind\(\) to 0\.0\.0\.0:808[01] failed \(98: Address already in use\)'
	local NGINX
	ln -s "$(command -v busybox)" "$W/httpd"
	start httpd "${NOBODY[@]}" "$W/httpd" -f -p 8080 -h "$W"
	within held 8080
	nginx_in one 8080
	result "nginx: does not start, as another user's httpd has the port" \
		refused "$in_use" "${NGINX[@]}"
	result "nginx: who names httpd and its user, and says that no option helps" \
		who 8080 "\*:8080: one socket listens" \
		"process httpd $(pid httpd)," "user nobody \(65534\)" \
		"is refused, whatever it sets: .*:8080 is in the way, it listens without SO_REUSEPORT"
	result "nginx: why says by which rule, and to end httpd" \
		why 1 "--reuseaddr --listen 0.0.0.0:8080" "\(rule listens\)" \
		"the other socket: .*:8080, .* httpd $(pid httpd)" \
		"what helps: end httpd $(pid httpd).*, or take another port"
	result "nginx: the process that they name can be ended ..." end_process 8080 httpd
	result "nginx: ... and nginx starts" starts one 8080 "${NGINX[@]}"
	result "nginx: it answers" ask 8080
	stop one

	nginx_in theirs '8081 reuseport'
	start theirs "${NOBODY[@]}" "${NGINX[@]}"
	within held 8081
	nginx_in ours '8081 reuseport'
	result "nginx: does not start, as another user's nginx shares the port" \
		refused "$in_use" "${NGINX[@]}"
	result "nginx: who says that the port is shared with that user only" who 8081 \
		"process nginx $(pid theirs)," \
		"must set SO_REUSEPORT before bind\(\), and belong to user 65534"
	result "nginx: why says by which rule, and to be that user" \
		why 1 "--reuseaddr --reuseport --listen 0.0.0.0:8081" "\(rule reuseport-user\)" \
		"nginx $(pid theirs)" "what helps: run it as user nobody \(65534\)"
	result "nginx: as that user, it starts" \
		starts ours 8081 "${NOBODY[@]}" "${NGINX[@]}"
	stop theirs
	stop ours
}

# The default of Python's socketserver is not to set SO_REUSEADDR; http.server sets it
PLAIN='import http.server, socketserver, sys
address = ("127.0.0.1", int(sys.argv[1]))
socketserver.TCPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()'

# leave_timewait PORT COMMAND...: a server that closes first, and is ended
leave_timewait() {
	starts python "$@"
	ask "$1"
	stop python
	within held "$1" timewait
}

# Restarted: first with SO_REUSEADDR forgotten, then when the server before had forgotten it
test_python() {
	local in_use='OSError: \[Errno 98\] Address already in use' plain=(python3 -c "$PLAIN")
	local server=(python3 -m http.server --bind 127.0.0.1)
	leave_timewait 8001 "${plain[@]}" 8001
	leave_timewait 8000 "${server[@]}" 8000
	result "python: a server without SO_REUSEADDR does not start over TIME_WAIT" \
		refused "$in_use" "${plain[@]}" 8000
	result "python: who says that SO_REUSEADDR is missing" \
		who 8000 "one socket is in TIME_WAIT with SO_REUSEADDR" \
		"no process holds it" "must set SO_REUSEADDR before bind\(\)\."
	result "python: why says so, and by which rule" \
		why 1 "--listen 127.0.0.1:8000" "\(rule timewait\)" \
		"what helps: set SO_REUSEADDR before bind\(\)"
	result "python: one with SO_REUSEADDR starts" starts python 8000 "${server[@]}" 8000
	stop python
	result "python: nor does one with it, where the server before had not set it" \
		refused "$in_use" "${server[@]}" 8001
	result "python: who says that it takes a minute" \
		who 8001 "one socket is in TIME_WAIT without SO_REUSEADDR" \
		"only TIME_WAIT is left, without the options; it ends in a minute"
	result "python: why says so, and by which rule" \
		why 1 "--reuseaddr --listen 127.0.0.1:8001" "\(rule timewait-no-reuseaddr\)" \
		"what helps: wait: TIME_WAIT ends in a minute"
	within eval '! held 8001'
	result "python: after it, the server starts" starts python 8001 "${server[@]}" 8001
	stop python
}

# avahi_with yes|no: sets AVAHI; does it disallow other stacks?
avahi_with() {
	cat >"$W/avahi.conf" <<-END_CONF
		[server]
		host-name=guest
		use-ipv6=no
		enable-dbus=no
		disallow-other-stacks=$1
		[wide-area]
		enable-wide-area=no
	END_CONF
	AVAHI=(avahi-daemon -f "$W/avahi.conf" --no-drop-root --no-chroot --no-rlimits)
}

# Something else that listens on the port of mDNS
RESPONDER='import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(sys.argv[1]))
s.bind(("", 5353))
while True:
	s.recv(9000)'

ZEROCONF='import socket, threading, zeroconf
z = zeroconf.Zeroconf(interfaces=["192.0.2.1"])
z.register_service(zeroconf.ServiceInfo("_http._tcp.local.", "one._http._tcp.local.", port=80,
	addresses=[socket.inet_aton("192.0.2.1")], server="one.local."))
threading.Event().wait()'

# A responder that shares with nobody; then avahi itself is told not to share
test_avahi() {
	local in_use='bind\(\) failed: Address already in use' no_server='Failed to create server'
	local AVAHI
	ip link add dummy0 type dummy
	ip addr add 192.0.2.1/24 dev dummy0
	ip link set dummy0 up multicast on
	start responder python3 -c "$RESPONDER" 0
	within held 5353
	avahi_with no
	result "avahi: does not start beside a responder without SO_REUSEADDR" \
		refused "$in_use" "${AVAHI[@]}"
	result "avahi: who names the responder, and what it lacks" \
		who 5353 "udp 0\.0\.0\.0:5353: one socket is bound" "process python3[^ ]* $(pid responder)," \
		"is in the way, it has neither SO_REUSEADDR nor SO_REUSEPORT"
	result "avahi: why says by which rule, and to end the responder" \
		why 1 "udp --reuseaddr --reuseport 0.0.0.0:5353" "\(rule it-lacks-reuseaddr\)" \
		"what helps: end python3[^ ]* $(pid responder).*, or take another port"
	stop responder
	result "avahi: that helps" starts avahi 5353 "${AVAHI[@]}"
	stop avahi
	start responder python3 -c "$RESPONDER" 1
	within held 5353
	result "avahi: beside one that has set SO_REUSEADDR it starts" \
		starts avahi 5353 "${AVAHI[@]}"
	stop avahi
	stop responder

	start zeroconf "${NOBODY[@]}" python3 -c "$ZEROCONF"
	within held 5353
	avahi_with yes
	result "avahi: with disallow-other-stacks it does not start beside zeroconf" \
		refused "$no_server" "${AVAHI[@]}"
	result "avahi: who names zeroconf, and says that SO_REUSEADDR is missing" who 5353 \
		"process python3[^ ]* $(pid zeroconf)," "must set SO_REUSEADDR before bind\(\)"
	result "avahi: why says so, and by which rule" \
		why 1 "udp 0.0.0.0:5353" "\(rule you-lack-reuseaddr\)" \
		"what helps: set SO_REUSEADDR before bind\(\)"
	avahi_with no
	result "avahi: without disallow-other-stacks, which sets it, it starts" \
		starts avahi 5353 "${AVAHI[@]}"
	stop avahi
	stop zeroconf
}

POSTGRES=(setpriv --reuid postgres --regid postgres --init-groups)

sql() {
	"${POSTGRES[@]}" "$PG/psql" -h 127.0.0.1 -qAtc "$1" postgres 2>"$W/sql.log"
}

# The child that serves the client: its PID is child.pid
is_busy() {
	sql "SELECT pid FROM pg_stat_activity WHERE application_name = 'busy'" >"$W/child.pid"
	[ -s "$W/child.pid" ]
}

# A client keeps its server busy when the postmaster is killed: that child does not notice
leave_child() {
	starts postmaster 5432 "${SERVER[@]}"
	within sql 'SELECT 1' >"$W/answer"
	start client sql "SET application_name = 'busy'; DO 'BEGIN LOOP END LOOP; END'"
	within is_busy
	stop postmaster -KILL
	sleep 2
	! ended "$(pid child)"
}

test_postgres() {
	local PG SERVER
	PG=$(echo /usr/lib/postgresql/*/bin)
	mkdir "$W/pg"
	chown postgres "$W/pg"
	"${POSTGRES[@]}" "$PG/initdb" -D "$W/pg/data" -A trust --locale C -E UTF8 --no-sync \
		>"$W/initdb.log" 2>&1
	SERVER=("${POSTGRES[@]}" "$PG/postgres" -D "$W/pg/data" -h 127.0.0.1 -k "$W/pg")
	leave_child
	result "postgres: does not start beside a child of the server that was killed" \
		refused 'pre-existing shared memory block .* is still in use' "${SERVER[@]}"
	result "postgres: who names the child, and says that its connection is not in the way" who 5432 \
		"one socket is connected with SO_REUSEADDR" "process postgres $(pid child)," \
		"must set SO_REUSEADDR before bind\(\)"
	result "postgres: why says that bind() and listen() are not what fails" \
		why 0 "--reuseaddr --listen 127.0.0.1:5432" "tcp 127\.0\.0\.1:5432 allowed"
	result "postgres: why says what a server without SO_REUSEADDR would need" \
		why 1 "--listen 127.0.0.1:5432" "\(rule connection\)" "postgres $(pid child)" \
		"what helps: set SO_REUSEADDR before bind\(\)"
	result "postgres: the process that who names can be ended ..." end_process 5432 postgres
	result "postgres: ... and the server starts" \
		starts postmaster 5432 "${SERVER[@]}"
	result "postgres: it answers" within sql 'SELECT 1'
	stop postmaster
}

# node_on OPTIONS: sets NODE to a server that listens so
node_on() {
	NODE=(node -e "require('http').createServer((q, s) => s.end()).listen($1)")
}

# One server has all IPv4 addresses, the other wants those of both families; then in turn
test_node() {
	local in_use='Error: listen EADDRINUSE: address already in use :::8080' NODE
	node_on "{ port: 8080, host: '0.0.0.0' }"
	start four "${NODE[@]}"
	within held 8080
	node_on "{ port: 8080, host: '::' }"
	result "node: on :: does not start beside one on 0.0.0.0" \
		refused "$in_use" "${NODE[@]}"
	result "node: who names the other" \
		who 8080 "tcp 0\.0\.0\.0:8080: one socket listens" "process node $(pid four),"
	node_on "{ port: 8080, host: '::', ipv6Only: true }"
	result "node: why says by which rule, and to end the other" \
		why 1 "--reuseaddr --listen *:8080" "\(rule listens\)" \
		"what helps: end node $(pid four).*, or take another port"
	result "node: why allows it with IPV6_V6ONLY" \
		why 0 "--reuseaddr --listen --v6only 1 [::]:8080" "allowed"
	result "node: with IPV6_V6ONLY it starts" starts six 8080 "${NODE[@]}"
	result "node: each is named" \
		who 8080 "process node $(pid four)," "process node $(pid six),"
	stop six
	stop four

	node_on "{ port: 8081, host: '::' }"
	start six "${NODE[@]}"
	within held 8081
	node_on "{ port: 8081, host: '0.0.0.0' }"
	result "node: on 0.0.0.0 does not start beside one on ::" \
		refused "${in_use/:::8080/0.0.0.0:8081}" "${NODE[@]}"
	result "node: who says that the other takes IPv4 as well" \
		who 8081 "tcp \*:8081: one socket listens" "process node $(pid six)," \
		"A connection to any IPv6 or IPv4 address goes to the socket on \*:8081"
	result "node: why says by which rule, and to end the other" \
		why 1 "--reuseaddr --listen 0.0.0.0:8081" "\(rule listens\)" \
		"what helps: end node $(pid six).*, or take another port"
	stop six
	node_on "{ port: 8081, host: '::', ipv6Only: true }"
	start six "${NODE[@]}"
	within held 8081
	node_on "{ port: 8081, host: '0.0.0.0' }"
	result "node: beside one with IPV6_V6ONLY it starts" starts four 8081 "${NODE[@]}"
	stop six
	stop four
}

# missing TEST: the first of the programs that it takes and that is not here
missing() {
	local wants program
	case $1 in
	nginx) wants=nginx ;;
	python) wants=python3 ;;
	avahi) wants="avahi-daemon python3" ;;
	postgres) wants=$(echo /usr/lib/postgresql/*/bin/postgres) ;;
	node) wants=node ;;
	esac
	for program in $wants; do
		command -v "$program" >/dev/null || { echo "$program"; return; }
	done
}

for t; do
	[[ " $TESTS " = *" $t "* ]] || { echo "no test '$t': choose from $TESTS" >&2; exit 2; }
done
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH=$PWD:$PATH
if [ -z "${REUSE_PROGRAMS:-}" ]; then
	echo "TAP version 13"
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ -e /proc/net/reuse ] || skip "no /proc/net/reuse: load the module reuse first"
	command -v reuse >/dev/null || skip "no program reuse: it is built in the tree of the module"
	REUSE_PROGRAMS=$(mktemp -d)
	export REUSE_PROGRAMS
	trap 'rm -rf "$REUSE_PROGRAMS"' EXIT
	unshare -n --pid --fork --kill-child --mount-proc "./${BASH_SOURCE[0]##*/}" "$@"
	exit
fi
W=$REUSE_PROGRAMS
chmod 755 "$W"
trap '[ -n "$DONE" ] || echo "Bail out! a test could not be prepared"' EXIT
ip link set lo up
# shellcheck disable=SC2086 # several words
[ $# -gt 0 ] || set -- $TESTS
for t; do
	missing=$(missing "$t")
	if [ -z "$missing" ]; then
		"test_$t"
	else
		echo "ok $((++COUNT)) $t # SKIP no $missing"
	fi
done
DONE=1
echo "1..$COUNT"
[ $FAILED = 0 ]
