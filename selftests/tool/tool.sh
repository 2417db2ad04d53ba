#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# reuse(8) on a live kernel: its table is the file, it finds processes and namespaces, runs
# commands by other rules, and loads and unloads the module.

set -euo pipefail
# shellcheck source=selftests/tool/result.sh
. "$(dirname "${BASH_SOURCE[0]}")/result.sh"
export LC_ALL=C
SKIP=4
SEMANTICS=/proc/sys/net/reuse/semantics
LOG=/proc/sys/net/reuse/log

skip() {
	echo "1..0 # SKIP $*"
	exit $SKIP
}

# is GOT WANTED: a shell pattern
is() {
	# shellcheck disable=SC2053
	[[ $1 == $2 ]] || { echo "got '$1', wanted '$2'"; return 1; }
}

# status WANTED COMMAND...: the command's output, and its exit status
status() {
	local rc=0 wanted=$1
	shift
	"$@" || rc=$?
	is $rc "$wanted"
}

# as_user COMMAND...: with no rights at all
AS_USER=("$(command -v setpriv)" --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all)
as_user() {
	"${AS_USER[@]}" "$@"
}

# as_file: "proto port state count" of each row of the file, sorted
as_file() {
	awk 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split("listen bound connected timewait", state); next }
		{
			port = $at["local_address"]
			sub(/.*:/, "", port)
			for (i = 1; i <= n; i++)
				if ($at[state[i]]) print $1, port, state[i], $at[state[i]]
		}' | sort
}

# as_table: the same of what the program prints
as_table() {
	awk -F '  +' 'NR > 1 {
			port = $2
			sub(/.*:/, "", port)
			n = split($4, part, ", ")
			for (i = 1; i <= n; i++) {
				split(part[i], word, " ")
				print $1, port, word[1], word[2] ? word[2] : 1
			}
		}' | sort
}

# In a namespace with sockets of all kinds
same_as_file() {
	as_file </proc/net/reuse >"$W/file"
	[ "$(wc -l <"$W/file")" -gt 15 ]
	reuse | as_table | diff "$W/file" -
}

filtered() {
	is "$(reuse tcp bound | as_table | awk '{ print $2 }' | sort -u | tr '\n' ' ')" "100 101 "
	is "$(reuse timewait | as_table | awk '$3 == "timewait"' | wc -l)" "[1-9]*"
	status 1 reuse :4711
	status 1 reuse who :4711
}

processes() {
	is "$(reuse -p tcp :80 listen)" "*fill ${FILL_PID}*"
	is "$(reuse -j -p tcp :80)" "*\"pid\": ${FILL_PID}, \"comm\": \"fill\"*"
	is "$(reuse who tcp :80)" "*process fill ${FILL_PID}, since 20*127.0.0.1 goes to the socket on 127.0.0.1:80*"
}

# As root sees them, and as a user who may not
hidden() {
	is "$(as_user reuse -p tcp :80 listen 2>&1)" "*could not be looked into*root*"
	is "$(as_user reuse tcp :80 | as_table)" "$(reuse tcp :80 | as_table)"
}

# inside: the tests that run among sockets
inside() {
	FILL_PID=$PPID
	result "the table is the file" same_as_file
	result "filters, and exit statuses" filtered
	result "-p and who find the process" processes
	result "a user without rights sees the rows, and no processes of others" hidden
	echo "$COUNT $FAILED" >"$W/inside"
}

# wait_for_text FILE TEXT
wait_for_text() {
	for _ in {1..100}; do
		! grep -qsF -- "$2" "$1" || return 0
		sleep 0.1
	done
	echo "no '$2' in $1:"
	cat "$1"
	return 1
}

# Namespaces: one with a name, one with a process, and this one
names() {
	ip netns add "reuse-$$"
	ip netns exec "reuse-$$" sh -c "echo bsd >$SEMANTICS"
	grep -q :1002 "/proc/$FILL_PID/net/reuse"
}

# start_fill: a process with three listeners in a namespace of its own
start_fill() {
	# shellcheck disable=SC2016 # the inner shell expands it
	fill listeners 3 sh -c 'echo $$ >"$W/child"; exec sleep 1000' >/dev/null 2>&1 &
	FILL_PID=$!
	for _ in {1..100}; do
		! grep -qs :1002 "/proc/$FILL_PID/net/reuse" || break
		sleep 0.1
	done
}

other_namespaces() {
	is "$(reuse -N "$FILL_PID" listen)" "namespace $FILL_PID (fill), semantics native*:1000 *:1001 *:1002 *"
	is "$(as_user reuse -N "$FILL_PID" listen)" "*semantics unknown*:1000 *:1001 *:1002 *"
	is "$(reuse -N "$FILL_PID" -p :1000)" "*fill $FILL_PID*"
	is "$(reuse who -N "$FILL_PID" :1000)" "*process fill $FILL_PID*"
	is "$(reuse -N "reuse-$$" || true)" "namespace reuse-$$, semantics bsd*"
	status 4 as_user reuse -N "reuse-$$"
	status 4 reuse -N no-such-namespace
}

all_namespaces() {
	reuse -A :1000 >"$W/all"
	is "$(grep -c ^namespace "$W/all")" "[3-9]"
	is "$(<"$W/all")" "namespace self, *namespace reuse-$$, semantics bsd*[(]fill[)], semantics native*:1000 *"
	is "$(reuse status)" "*native *this one*bsd *reuse-$$*native *[(]fill[)]*redirects *inet_csk_get_port()*nothing"
	is "$(reuse status -j)" '*"semantics": "bsd"*"hooks": ?*inet_csk_get_port*'
}

# enabled: the functions that are intercepted
enabled() {
	sed -n 's/^\([^ ]*\) (.*/\1/p' /sys/kernel/tracing/enabled_functions | sort
}

# same_hooks WHAT: those that status lists are those that are intercepted since before
same_hooks() {
	reuse status >"$W/status"
	echo "$1:"
	enabled | awk 'FILENAME == ARGV[1] { old[$0]; next } !($0 in old)' "$W/before" - |
		diff - <(sed -n 's/.* \(redirects\|watches\) *\(.*\)()$/\2/p' "$W/status" | sort)
	is "$(tail -n 1 "$W/status")" "in the way  nothing"
}

# Whether the kernel says by whom a function is intercepted, as most do, or not. The removal of
# hooks may take a while.
hooks() {
	local semantics
	trap 'echo native >$SEMANTICS' EXIT
	for _ in {1..100}; do
		! reuse status | grep -q 'hooks *none' || break
		sleep 0.1
	done
	enabled >"$W/before"
	for semantics in pre39 bsd freebsd15 openbsd netbsd darwin; do
		echo $semantics >$SEMANTICS
		same_hooks $semantics
	done
	echo native >$SEMANTICS
	[ -e $LOG ] || return 0
	echo refused >$LOG
	same_hooks log
	echo off >$LOG
}

# A namespace ends while all of them are listed again and again
vanishing() {
	local list
	timeout 4 reuse -A -w 0.2 >"$W/watch" 2>&1 &
	list=$!
	sleep 1
	kill -9 "$FILL_PID" "$(<"$W/child")"
	ip netns del "reuse-$$"
	# Some timeout(1) end with 124, some with the status of the command
	status '1[24][43]' wait $list
	grep -q ':1000 ' "$W/watch"
	is "$(tail -n 8 "$W/watch" | grep -c ':1000 ' || true)" 0
	status 4 reuse -N "$FILL_PID"
}

# Processes and their sockets come and go while they are looked for
fleeting() {
	local loop words bad=''
	while :; do sockets tcp 127.0.0.1:4700 l tcp 127.0.0.1:4701 l >/dev/null; done &
	loop=$!
	for _ in {1..20}; do
		for words in "-p" "-A -p" "who :4700" "-j -p"; do
			# shellcheck disable=SC2086 # several words
			in_peace $words || bad=$words
		done
	done
	kill $loop
	wait $loop || true
	is "$bad" ""
}

# in_peace WORD...: it finds something or nothing, and complains of nothing
in_peace() {
	local rc=0
	reuse "$@" >"$W/fleeting" 2>"$W/complaints" || rc=$?
	[ $rc -gt 1 ] || [ -s "$W/complaints" ] || return 0
	echo "reuse $*: status $rc"
	cat "$W/complaints"
	return 1
}

# What is in force where the command runs
# shellcheck disable=SC2016 # the inner shell expands it
INSIDE='cat /proc/sys/net/reuse/semantics; ip -o addr show lo | grep -c 127.0.0.1/8
	ip -o link show lo | grep -o "[<,]UP[,>]"; id -u'

run_semantics() {
	is "$(reuse run bsd -- sh -c "$INSIDE" | tr '\n' ' ')" "bsd 1 ?UP? 0 "
	is "$(reuse run --net none pre39 sh -c "$INSIDE" | tr '\n' ' ')" "pre39 1 ?UP? 0 "
	is "$(<$SEMANTICS)" native
}

run_user() {
	is "$(as_user reuse run netbsd -- sh -c "$INSIDE" | tr '\n' ' ')" "netbsd 1 ?UP? 65534 "
}

run_status() {
	status 7 reuse run bsd -- sh -c 'exit 7'
	status 127 reuse run bsd -- /no/such/file
	status 126 reuse run bsd -- /etc/passwd
	status 125 reuse run beos -- true
	is "$(reuse run beos -- true 2>&1)" "*no semantics 'beos'*native pre39*"
	# shellcheck disable=SC2016
	status 143 reuse run bsd -- sh -c 'kill -TERM $$'
	# shellcheck disable=SC2016
	status 143 reuse run --net host bsd -- sh -c 'kill -TERM $$'
	status 7 reuse run --net host bsd -- sh -c 'exit 7'
}

run_host() {
	local pid
	is "$(reuse run --net host bsd -- cat $SEMANTICS)" bsd
	is "$(<$SEMANTICS)" native
	reuse run --net host openbsd -- sleep 1000 &
	pid=$!
	for _ in {1..100}; do
		[ "$(<$SEMANTICS)" != openbsd ] || break
		sleep 0.1
	done
	is "$(<$SEMANTICS)" openbsd
	kill -TERM $pid
	status 143 wait $pid
	is "$(<$SEMANTICS)" native
}

# on_mount COMMAND...: where / is a mount of its own: pivot_root(2) of pasta(1) does not take the
# initramfs for one
on_mount() {
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare -m sh -euc '
		mount --rbind / /mnt
		cd /mnt
		mount --move . /
		exec chroot . "$@"' - "$@"
}

# A server outside is reached by the address of the gateway, as pasta(1) has it
run_pasta() {
	local server inside=(sh -c "cat $SEMANTICS; id -u; nc -w 10 192.0.2.254 8000")
	modprobe -q tun || true
	# As udev has it
	chmod 666 /dev/net/tun
	ip link add outside type dummy
	ip addr add 192.0.2.1/24 dev outside
	ip link set outside up
	ip route add default via 192.0.2.254
	nc -ll -p 8000 -e echo from outside &
	server=$!
	is "$(on_mount reuse run bsd --net pasta -- "${inside[@]}" | tr '\n' ' ')" "bsd 0 from outside "
	is "$(on_mount "${AS_USER[@]}" reuse run bsd --net pasta -- "${inside[@]}" | tr '\n' ' ')" "bsd 65534 from outside "
	status 7 on_mount reuse run bsd --net pasta -- sh -c 'exit 7'
	kill $server
	ip link del outside
}

# The namespace is a new one; and one that the command makes is native
run_rules() {
	is "$(reuse run bsd -- reuse who :80 || true)" "nobody holds port 80 here"
	reuse run bsd -- fill listeners 2 reuse who :1000 >"$W/who"
	is "$(<"$W/who")" "tcp 127.0.*:1000: one socket listens*is refused, whatever it sets*"
}

# A log that is off, then one with a bind that was refused, and again
log_words() {
	status 1 reuse log
	is "$(reuse log 2>&1 || true)" "*the log is off*sysctl -w net.reuse.log=refused"
	echo refused >$LOG
	is "$(reuse log || true)" "nothing is in the log"
	sockets tcp 127.0.0.1:4711 l tcp 127.0.0.1:4711 - >/dev/null
	sockets tcp 127.0.0.1:4711 l tcp 127.0.0.1:4711 - >/dev/null
	is "$(reuse log)" "20*bind() to tcp 127.0.0.1:4711 refused: EADDRINUSE, 2 times since 20*by sockets *user root (0)*[(]rule in-use)
    the other socket: 127.0.0.1:4711, listens*"
	is "$(reuse log -j | tr '\n' ' ')" '?*"call": "bind"*"local_address": "127.0.0.1:4711"*"rule": "in-use"*}? '
	status 4 as_user reuse log
	is "$(as_user reuse log 2>&1 || true)" "reuse: it takes root*"
	echo off >$LOG
}

# The process that holds the port still runs when the log is read
log_holder() {
	local holder
	echo refused >$LOG
	mkfifo "$W/go"
	sockets tcp 127.0.0.1:4712 lw <"$W/go" >"$W/holder" &
	holder=$!
	exec 5>"$W/go"
	wait_for_text "$W/holder" ok
	timeout 6 reuse log -f >"$W/followed" &
	sockets tcp 127.0.0.1:4712 a >/dev/null
	wait_for_text "$W/followed" "held by sockets $holder"
	is "$(reuse log -N $holder)" "*127.0.0.1:4712*"
	exec 5>&-
	wait $holder
	echo off >$LOG
}

# reported OPTION... -- SOCKET...: what `reuse run bsd` says of the sockets, and what it ends with
reported() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	{ reuse run bsd "${options[@]}" -- sockets "${@:2}" >/dev/null; } 2>&1
}

report_words() {
	local same=(tcp 127.0.0.1:80 al tcp 127.0.0.1:80 -)
	is "$(reported --report -- "${same[@]}")" "No difference from Linux under bsd."
	reported --fail-on-difference -- "${same[@]}"
	is "$(reported --report -- udp 127.0.0.1:80 a udp 127.0.0.1:80 a)" \
		"Differences from Linux under bsd, refused: 1
20*bind() to udp 127.0.0.1:80 refused: EADDRINUSE
    by sockets *[(]rule needs-reuseport)*the other socket: 127.0.0.1:80*Linux would have allowed it"
	is "$(reported --report -- tcp 127.0.0.1:80 al tcp 0.0.0.0:80 a)" \
		"Differences from Linux under bsd, allowed: 1*bind() to tcp 0.0.0.0:80 allowed*on Linux: *EADDRINUSE"
	status 3 reported --fail-on-difference -- udp 127.0.0.1:80 a udp 127.0.0.1:80 a
	status 7 reuse run bsd --report -- sh -c 'sockets udp 127.0.0.1:80 a udp 127.0.0.1:80 a; exit 7'
}

# More events than the log has room for, one after the other: each socket has another inode. The
# report has one line for all.
report_many() {
	local n=300
	# shellcheck disable=SC2016 # the inner shell expands it
	is "$({ reuse run bsd --report -- sh -c 'for i in $(seq $0); do
			sockets udp 127.0.0.1:80 a udp 127.0.0.1:80 a
		done' $n >/dev/null; } 2>&1)" "Differences from Linux under bsd, refused: 1
*, $n times since *"
}

# Linux deals datagrams out among two sockets; by the rules of bsd the first one gets all
report_packets() {
	is "$(reported --report -- udp 127.0.0.1:80 p udp 127.0.0.1:80 p udp 127.0.0.1:80 s)" \
		"Differences from Linux under bsd, delivered elsewhere: 1
20*a datagram to udp 127.0.0.1:80 delivered, * times since *
    it went to 127.0.0.1:80, *
    semantics bsd: Linux would have given it to the socket with inode *"
}

report_file() {
	local file=$W/report.json
	status 0 reported --report="$file" -- udp 127.0.0.1:80 a udp 127.0.0.1:80 a
	is "$(tr '\n' ' ' <"$file")" '{"semantics": "bsd", *"exit_status": 0, "refused": 1, "allowed": 0, *"sockets"*'
	chmod 666 "$file"
	status 3 as_user reuse run bsd --report="$file" --fail-on-difference -- sockets udp 127.0.0.1:8080 a udp 127.0.0.1:8080 a
	is "$(tr '\n' ' ' <"$file")" '*"refused": 1, *"uid": 65534, *'
}

# The log that was kept here goes on, though with a new beginning
report_here() {
	echo refused >$LOG
	is "$(reported --net host --report -- udp 127.0.0.1:4713 a udp 127.0.0.1:4713 a)" "*refused: 1*"
	is "$(<$LOG) $(<$SEMANTICS)" "refused native"
	echo off >$LOG
}

unloaded() {
	is "$(reuse unload 2>&1)" ""
	[ ! -e /proc/net/reuse ]
	status 3 reuse
	status 3 reuse -A
	status 3 reuse who :80
	status 3 reuse status
	status 3 reuse unload
	status 125 reuse run bsd -- true
	is "$(reuse 2>&1 || true)" "reuse: the kernel module reuse is not loaded; load it, as root, with: reuse load"
}

loaded() {
	status 4 as_user reuse load "$KO"
	status 4 reuse load "$KO" beos
	reuse load "$KO" bsd host_only=1
	is "$(<$SEMANTICS)" bsd
	is "$(reuse status)" "module *semantics=bsd host_only=Y*this one*host_only is set*"
	status 0 reuse load
	status 4 reuse load pre39
	is "$(reuse unload 2>&1)" "*own rules are in force again*"
	reuse load "$KO"
	is "$(<$SEMANTICS)" native
}

if [ "${1:-}" = inside ]; then
	COUNT=$2
	inside
	exit
fi
echo "TAP version 13"
PATH=$PWD:$PATH
[ -e /proc/net/reuse ] || skip "no /proc/net/reuse: load the module reuse first"
[ "$(id -u)" = 0 ] || skip "needs root"
command -v reuse >/dev/null || skip "no program reuse: it is built in the tree of the module"
KO=${REUSE_KO:-/lib/modules/reuse.ko}
W=$(mktemp -d)
chmod 755 "$W"
export W
trap 'rm -rf "$W"; [ -e /proc/net/reuse ] || insmod "$KO"' EXIT
fill mixed 2 "$0" inside 0
read -r COUNT FAILED <"$W/inside"
start_fill
result "namespaces for the next tests" names
result "-N: by process, by name, for a user" other_namespaces
result "-A and status: all of them, and their semantics" all_namespaces
result "a namespace that vanishes is left out" vanishing
result "processes that vanish" fleeting
if [ -r /sys/kernel/tracing/enabled_functions ]; then
	result "status: the hooks of all semantics, and of a log" hooks
else
	echo "ok $((++COUNT)) status: hooks # SKIP no tracefs, or no ftrace"
fi
result "run: other rules in a namespace of its own, with lo" run_semantics
result "run: a user without rights" run_user
result "run: exit statuses and signals" run_status
result "run --net host: for as long as the command runs" run_host
if command -v pasta >/dev/null && ip link add tried type dummy 2>/dev/null; then
	ip link del tried
	result "run --net pasta: the outside, and a user without rights" run_pasta
else
	echo "ok $((++COUNT)) run --net pasta # SKIP no pasta(1), or no device dummy"
fi
result "run: the table is that of the namespace" run_rules
if [ -e $LOG ]; then
	result "log: off, a bind that was refused, a user who may not" log_words
	result "log: the process that holds the port, and -f" log_holder
	result "run --report: in words, and exit statuses" report_words
	result "run --report: more than the log has room for" report_many
	result "run --report: datagrams that another socket gets" report_packets
	result "run --report=FILE: as JSON, for a user as well" report_file
	result "run --report --net host: the log here is kept on" report_here
else
	echo "ok $((++COUNT)) log and run --report # SKIP this module keeps no log"
fi
if [ -r "$KO" ]; then
	result "unload, and all commands without the module" unloaded
	result "load: parameters, rights, and a second time" loaded
else
	echo "ok $((++COUNT)) unload and load # SKIP set REUSE_KO to the path of reuse.ko"
fi
echo "1..$COUNT"
[ "$FAILED" = 0 ]
