# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Shared by the tests of reuse(8) that need no module: a /proc and a /sys of files. Sourced.

set -euo pipefail
export LC_ALL=C TZ=UTC
unset COLUMNS NO_COLOR

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=selftests/tool/result.sh
. "$HERE/result.sh"

# is GOT WANTED
is() {
	[ "$1" = "$2" ] || { echo "got '$1', wanted '$2'"; return 1; }
}

# skip WHAT WHY
skip() {
	COUNT=$((COUNT + 1))
	echo "ok $COUNT $1 # SKIP $2"
}

# add_process DIR PID COMM START CGROUP INODES: as /proc has it.
add_process() {
	local dir=$1/$2 inode fd=3
	mkdir -p "$dir/fd" "$dir/net" "$dir/ns"
	printf '%b\n' "$3" >"$dir/comm"
	printf '%d (%b) S 0 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0\n' "$2" "$3" "$4" >"$dir/stat"
	printf '0::%s\n' "$5" >"$dir/cgroup"
	ln -s /dev/null "$dir/fd/0"
	for inode in ${6//,/ }; do
		ln -s "socket:[$inode]" "$dir/fd/$fd"
		fd=$((fd + 1))
	done
}

# make_proc NAME SEMANTICS: a /proc at $W/NAME with the table NAME and the processes.
make_proc() {
	local dir=$W/$1 pid comm start cgroup inodes
	mkdir -p "$dir/net" "$dir/sys/net/reuse" "$dir/sys/kernel" "$dir/self/ns"
	grep -v '^#' "$HERE/tables/$1" >"$dir/net/reuse"
	echo "$2" >"$dir/sys/net/reuse/semantics"
	echo native pre39 bsd >"$dir/sys/net/reuse/available_semantics"
	echo 1 >"$dir/sys/kernel/ftrace_enabled"
	echo 5.10.0-1-amd64 >"$dir/sys/kernel/osrelease"
	printf 'cpu 0\nbtime 1000000000\nprocesses 1\n' >"$dir/stat"
	while read -r pid comm start cgroup inodes; do
		add_process "$dir" "$pid" "$comm" "$start" "$cgroup" "$inodes"
	done <"$HERE/processes"
	# One of them is in another namespace, one in none
	touch "$dir/self/ns/net" "$dir/950/ns/net"
	cp "$HERE/tables/empty" "$dir/950/net/reuse"
	for pid in 1 812 813 814 815 816 900; do
		ln "$dir/self/ns/net" "$dir/$pid/ns/net"
	done
}

# make_log PROC NAME MODE: the /proc at $W/PROC has the log NAME, by net.reuse.log=MODE.
make_log() {
	cp "$HERE/logs/$2" "$W/$1/net/reuse_log"
	echo "$3" >"$W/$1/sys/net/reuse/log"
}

# make_answers: a /proc at $W/why-NAME for each file of answers/, in which a module that is asked
# would answer that. A question goes to the end of the file. One that takes a number only is a
# module that does not take the question.
make_answers() {
	local answer
	for answer in "$HERE"/answers/*; do
		cp -a "$W/mixed" "$W/why-${answer##*/}"
		cp "$answer" "$W/why-${answer##*/}/net/reuse_why"
	done
	cp -a "$W/mixed" "$W/why-wrong"
	ln -s /proc/self/oom_score_adj "$W/why-wrong/net/reuse_why"
}

# make_sys NAME: a /sys at $W/sys-NAME, where the module is loaded and NAME is what hooks/ has.
make_sys() {
	local dir=$W/sys-$1
	mkdir -p "$dir/module/reuse/parameters" "$dir/kernel/tracing" "$dir/kernel/livepatch"
	echo 1.2.3 >"$dir/module/reuse/version"
	echo native >"$dir/module/reuse/parameters/semantics"
	echo N >"$dir/module/reuse/parameters/host_only"
	cp "$HERE/hooks/$1" "$dir/kernel/tracing/enabled_functions"
	[ "$1" != rivals ] || mkdir "$dir/kernel/livepatch/mend_it"
}

# make_all: a /proc for each table, a /sys for each list of hooks, and one of each without a module.
make_all() {
	local name
	for name in mixed recorded empty newer older who; do
		make_proc $name native
	done
	make_log mixed refused refused
	cp "$HERE/logs/refused" "$W/mixed/950/net/reuse_log"
	cp -a "$W/mixed" "$W/bsd"
	make_log bsd bsd all
	cp -a "$W/bsd" "$W/report"
	echo native >"$W/report/sys/net/reuse/semantics"
	cp -a "$W/mixed" "$W/same"
	make_log newer newer all
	make_log older older refused
	make_log empty empty refused
	make_log recorded empty off
	echo bsd >"$W/bsd/sys/net/reuse/semantics"
	for name in pre39 bsd; do
		cp -a "$W/who" "$W/who-$name"
		echo $name >"$W/who-$name/sys/net/reuse/semantics"
	done
	make_answers
	# A name may have blanks, and what a terminal obeys
	cp -a "$W/mixed" "$W/named"
	printf 'tmux: server\033[31m\n' >"$W/named/950/comm"
	cp -a "$W/bsd" "$W/bsd-6.1"
	echo 6.1.0-1-arm64 >"$W/bsd-6.1/sys/kernel/osrelease"
	for name in native bsd rivals arm64 shared; do
		make_sys $name
	done
	cp -a "$W/sys-arm64" "$W/sys-traced"
	mkdir -p "$W/sys-traced/kernel/tracing/events/reuse"
	echo X >"$W/sys-traced/kernel/tracing/events/reuse/enable"
	mkdir -p "$W/none/sys/kernel" "$W/sys-none/kernel/tracing"
	echo 0 >"$W/none/sys/kernel/ftrace_enabled"
	echo 1 >"$W/none/sys/kernel/modules_disabled"
}

# finish: prints the plan, and ends with the verdict.
finish() {
	echo "1..$COUNT"
	[ $FAILED = 0 ]
}
