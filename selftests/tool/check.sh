#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Tests of reuse(8) over files that look like /proc and /sys: no module, no rights. golden/ has
# commands, each behind "$ ", and all that they print.

# shellcheck source=selftests/tool/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
	cat <<END
usage: check.sh REUSE [REUSE-WITHOUT-SANITIZERS]
       check.sh --update REUSE

Prints TAP. With --update, writes what REUSE prints now into golden/: read the difference.
END
}

# answer COMMAND...: what the words print, run where the files are, and the exit status.
answer() {
	local rc=0
	(cd "$W" && bash -c 'reuse() { "$REUSE" "$@"; }; export REUSE_PROC REUSE_SYS COLUMNS; '"$1") 2>&1 </dev/null || rc=$?
	echo "exit $rc"
}

# transcript FILE: the commands of a file with their answers of now.
transcript() {
	local line
	grep '^\$ ' "$1" | while read -r line; do
		echo "$line"
		answer "${line#\$ }" | sed 's/"netns_inode": [0-9]*/"netns_inode": 1/'
	done
}

# golden FILE: each command of it, as a result of its own.
golden() {
	local file=$1 line n=0
	transcript "$file" >"$W/now"
	while read -r line; do
		n=$((n + 1))
		result "${file##*/}: ${line#\$ }" diff <(part $n <"$file") <(part $n <"$W/now")
	done < <(grep '^\$ ' "$file")
}

# part N: the Nth command and its answer.
part() {
	awk -v n="$1" '/^\$ / { i++ } i == n'
}

# is_json COMMAND QUERY: prints JSON for which the query of jq is true.
is_json() {
	(cd "$W" && bash -c 'reuse() { "$REUSE" "$@"; }; '"$1") | jq -e "$2"
}

json() {
	local one='.[0].rows'
	if ! command -v jq >/dev/null; then
		skip "jq reads the JSON" "no jq"
		return
	fi
	result "jq: one object for each row" is_json 'REUSE_PROC=mixed reuse -j' \
		"(${one} | length) == $(grep -c : "$HERE/tables/mixed")"
	result "jq: the columns are the keys" is_json 'REUSE_PROC=mixed reuse -j' \
		'.[0].rows[0] | '"$(head -n 1 "$HERE/tables/mixed" | sed 's/\([a-z0-9_]*\)/has("\1")/g; s/ / and /g')"
	result "jq: the same keys for an older module" is_json \
		'{ REUSE_PROC=older reuse -j; REUSE_PROC=mixed reuse -j; } | jq -s .' \
		'(.[0][0].rows[0] | keys) == (.[1][0].rows[0] | keys)'
	result "jq: a column that is not known" is_json 'REUSE_PROC=newer reuse -j :5353' "${one}[0].group == \"7\""
	result "jq: inodes" is_json 'REUSE_PROC=newer reuse -j 192.0.2.1:443' \
		"${one}[0].inode[7] == 4108 and ${one}[0].inode_more"
	result "jq: processes" is_json 'REUSE_PROC=newer reuse -j -p :443' \
		"${one}[0].processes | map(.pid) == [812, 813, 814, 815, 816]"
	result "jq: a name that is a trap for terminals" is_json 'REUSE_PROC=newer reuse -j -p :5353' \
		"${one}[0].processes[1].comm == \"chr\\u001b[31mome\\tx\""
	result "jq: log" is_json 'REUSE_PROC=bsd reuse log -j' \
		'map(.difference) == ["allowed", "refused", null, "refused", "refused", "elsewhere", "elsewhere", "refused", "refused"]'
	result "jq: the same keys for an older module's log" is_json \
		'{ REUSE_PROC=older reuse log -j; REUSE_PROC=mixed reuse log -j; } | jq -s .' \
		'(.[0][0] | keys) == (.[1][0] | keys)'
	result "jq: a report" is_json \
		'REUSE_PROC=report reuse run bsd --net host --report=jq.json -- true; cat jq.json' \
		'.refused == 5 and .allowed == 1 and .elsewhere == 2 and .missing == 12 and (.differences | length) == 8'
	result "jq: why" is_json 'REUSE_PROC=why-listens reuse why -j 0.0.0.0:443 --reuseaddr || true' \
		'(.allowed | not) and .other_inode == 4001 and .other_reuseaddr and (.remedy | contains("nginx"))'
	result "jq: status" is_json 'REUSE_PROC=bsd REUSE_SYS=sys-bsd reuse status -j' \
		'.loaded and (.hooks | index("inet_csk_get_port"))'
}

# wait_for PATTERN: until the program that is watched has printed it
wait_for() {
	local i
	for i in {1..300}; do
		! grep -q -- "$1" "$W/seen" || return 0
		sleep 0.1
	done
	echo "no $1 after $i tries"
	return 1
}

# watch OPTION...: rounds until the table has changed, and one more
watch() {
	local pid
	rm -rf "$W/watched"
	cp -a "$W/mixed" "$W/watched"
	: >"$W/seen"
	REUSE_PROC=$W/watched "$REUSE" "$@" >"$W/seen" &
	pid=$!
	wait_for :45678
	sed -i '/:9000/d; s/^\(tcp 0.0.0.0:443 .*\) 4 0 4 4/\1 5 0 5 5/; /45678/p; s/45678/45679/' \
		"$W/watched/net/reuse"
	wait_for :45679
	# It is asleep until the next round
	sleep 0.3
	kill $pid
	wait $pid || true
}

marks() {
	watch -w 1
	grep -E '^\+ .*:45679 ' "$W/seen" && grep -E '^- .*:9000 ' "$W/seen" &&
		grep -E '^\* .*0.0.0.0:443 ' "$W/seen" && ! grep -E '^[-+*] .*:8080 ' "$W/seen"
}

json_marks() {
	watch -jw1
	jq -es 'any(.[]; (.[0].rows | map(.change // empty) | sort) == ["changed", "gone", "new"])' \
		"$W/seen"
}

watching() {
	result "-w marks what is new, gone and changed" marks
	if command -v jq >/dev/null; then
		result "-jw1: a text for each round, and what has changed" json_marks
	fi
}

# follow OPTION...: the log as it is, then with an event that is new and one that came again
follow() {
	local pid log=$W/followed/net/reuse_log
	rm -rf "$W/followed"
	cp -a "$W/mixed" "$W/followed"
	: >"$W/seen"
	REUSE_PROC=$W/followed "$REUSE" log -f "$@" >"$W/seen" &
	pid=$!
	wait_for :21
	sed 's/^3 12.345 99.001/5 12.345 990.001/' "$HERE/logs/refused" >"$log.new"
	tail -n 1 "$HERE/logs/refused" | sed 's/:21 /:2222 /' >>"$log.new"
	mv "$log.new" "$log"
	wait_for :2222
	# It is asleep until the next round, which has no news
	sleep 0.7
	kill $pid
	wait $pid || true
}

follows() {
	follow
	is "$(grep -c "127.0.0.1:8080 refused" "$W/seen")" 2
	grep ':8080 .* 5 times' "$W/seen"
	is "$(grep -c ":9090 refused" "$W/seen")" 1
	is "$(grep -c ':2222' "$W/seen")" 1
}

follows_json() {
	follow -j
	jq -es 'length == 7 and (map(select(.count == 5)) | length) == 1 and .[-1].local_address == "[::]:2222"' "$W/seen"
}

following() {
	result "log -f: what is new, and what happened again" follows
	if command -v jq >/dev/null; then
		result "log -f -j: an object for each" follows_json
	fi
}

# on_terminal WIDTH WORD...: what a terminal of that width gets, without its returns.
on_terminal() {
	local width=$1
	shift
	script -qefc "stty cols $width rows 50; $*" /dev/null </dev/null | tr -d '\r'
}

# longest: the length of the longest line, without colours.
longest() {
	sed 's/\x1b\[[0-9;]*m//g' | awk '{ if (length > n) n = length } END { print n + 0 }'
}

fits() {
	local n
	n=$(on_terminal "$1" "REUSE_PROC=$W/newer $REUSE -p; REUSE_PROC=$W/mixed $REUSE" | longest)
	echo "$n characters"
	[ "$n" -le "$1" ] && [ "$n" -gt $((60 * $1 / 100)) ]
}

has_colours() {
	on_terminal 80 "$1" | grep -q $'\x1b\\[1m'
}

# no_colours COMMAND: it prints addresses, and nothing that a terminal obeys
no_colours() {
	on_terminal 80 "$1" >"$W/plain"
	grep -q '[0-9]:[0-9]' "$W/plain"
	! grep $'\x1b' "$W/plain"
}

terminal() {
	local mixed="REUSE_PROC=$W/mixed"
	if ! command -v script >/dev/null || ! script -qec true /dev/null </dev/null >/dev/null 2>&1; then
		skip "terminals" "no script(1), or no terminal for it"
		return
	fi
	result "a terminal of 80 columns: no line is longer" fits 80
	result "a terminal of 120 columns: no line is longer" fits 120
	result "a terminal has colours" has_colours "$mixed $REUSE"
	result "NO_COLOR: it has none" no_colours "NO_COLOR=1 $mixed $REUSE"
	result "TERM=dumb: it has none" no_colours "TERM=dumb $mixed $REUSE"
	result "a pipe has none" no_colours "$mixed $REUSE | cat"
	result "a name of a process cannot write to it" no_colours \
		"NO_COLOR=1 REUSE_PROC=$W/newer $REUSE -p; NO_COLOR=1 REUSE_PROC=$W/newer $REUSE who :5353"
}

# tmux_ COMMAND...: of a server of its own, without settings of this user
tmux_() {
	env -u TMUX TMUX_TMPDIR="$W" tmux -f /dev/null "$@"
}

# wait_for_pane TEXT: until tmux shows it
wait_for_pane() {
	for _ in {1..100}; do
		! tmux_ capture-pane -p 2>/dev/null | grep -q -- "$1" || return 0
		sleep 0.1
	done
	tmux_ capture-pane -p
	return 1
}

# start_pane WIDTH COMMAND: runs it in a terminal of that width
start_pane() {
	tmux_ kill-server 2>/dev/null || true
	tmux_ new-session -d -x "$1" -y 100 "$2; echo; echo =====; sleep 100"
}

# on_screen WIDTH WORDS: a terminal shows what COLUMNS says: the end of it wraps no line, and
# none is cut off. Port 443 is in all that is shown.
on_screen() {
	start_pane "$1" "cd '$W'; NO_COLOR=1 $2"
	wait_for_pane =====
	tmux_ capture-pane -p | sed '/^=====$/,$d' >"$W/pane"
	tmux_ kill-server
	grep '[0-9]:443' "$W/pane"
	(cd "$W" && bash -c "export COLUMNS=$1; $2" 2>&1; echo) | diff - "$W/pane"
}

# The next round takes the new width: in 80 columns there is no room for the cache
resized() {
	start_pane 80 "REUSE_PROC=$W/mixed NO_COLOR=1 $REUSE -w 0.5"
	wait_for_pane Options
	is "$(tmux_ capture-pane -p | grep -c Cache)" 0
	tmux_ resize-window -x 200
	wait_for_pane Cache
	tmux_ kill-server
}

# help_fits COMMAND...: so does what they say of themselves
help_fits() {
	local command
	for command in '' "$@"; do
		# shellcheck disable=SC2086 # none is no word
		"$REUSE" $command --help >"$W/help"
		awk -v c="$command" 'length > 80 { print c ": " $0; bad = 1 } END { exit bad }' "$W/help"
	done
}

# completes WORD...: what bash may make of the last word
completes() {
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _reuse; echo "${COMPREPLY[*]}"' \
		"$HERE/../../module/tool/completion.sh" "$@"
}

# Each option that --help names is completed
completes_options() {
	local command word
	for command in who why log run load unload status; do
		for word in $("$REUSE" $command --help | grep -E '^(usage:| *-)' |
			grep -oE '[[ ]--?[a-zA-Z][a-z0-9-]*' | tr -d '[ '); do
			echo "$command $word"
			[[ " $(completes reuse $command "$word") " = *" $word "* ]]
		done
	done
}

completes_words() {
	is "$(completes reuse st)" status
	is "$(completes reuse tcp tim)" timewait
	is "$(completes reuse run bsd --net p)" pasta
	is "$(completes reuse why --v6only '')" "0 1"
	is "$(completes reuse why --uid roo)" root
	is "$(completes reuse uid 0)" 0
}

screens() {
	local width words
	if ! command -v tmux >/dev/null; then
		skip "tmux" "no tmux"
		return
	fi
	for width in 80 200; do
		for words in "REUSE_PROC=mixed $REUSE" "REUSE_PROC=newer $REUSE -p" "REUSE_PROC=newer $REUSE who :443" \
			"REUSE_PROC=bsd $REUSE log"; do
			result "tmux, $width columns: reuse${words#*"$REUSE"}" on_screen $width "$words"
		done
	done
	result "tmux: -w, and another width" resized
}

# odd SEED FILE: a table or log that no module would write: a few words of it are others, or it
# ends early.
odd() {
	grep -v '^#' "$HERE/$2" | awk -v seed="$1" '
		function some(n) { return 1 + int(rand() * n) }
		BEGIN {
			srand(seed)
			n = split("- + , : [ ] 4294967296 -1 99999999999999999999 0.0.0.0: [::1]:99999 tcp , @ %s \\ \" " \
				"\033[31m \377\376 4001,,4002 ,+ 4001,+ 18446744073709551615 0 [::]:443 inode uid", word, " ")
			for (i = some(4); i; i--)
				column[some(7)] = rand() < 0.5 ? 3 + 2 * int(rand() * 2) : some(17)
			columns = int(rand() * 3) - 1
		}
		{
			if (NR in column)
				$column[NR] = word[some(n)]
			if (columns > 0 && seed % 3 == 0)
				$2 = $2 " " $3
			printf "%s%s", $0, seed % 7 || NR % 3 ? "\n" : ""
		}' | tr @ '\000' | if [ $(($1 % 5)) = 0 ]; then head -c $(($1 * 7 % 900)); else cat; fi
}

# survives SEED...: no sanitizer complains, and JSON stays JSON.
survives() {
	local seed rc words
	mkdir -p "$W/odd/net"
	ln -sfn "$W/newer/stat" "$W/odd/stat"
	for seed; do
		odd "$seed" tables/newer >"$W/odd/net/reuse"
		odd "$seed" logs/bsd >"$W/odd/net/reuse_log"
		for words in "-p" "-j -p" "who :443" "uid 33 shared listen" "log" "log -j"; do
			rc=0
			# shellcheck disable=SC2086 # several words
			REUSE_PROC=$W/odd COLUMNS=80 "$REUSE" $words >"$W/odd.out" 2>"$W/odd.err" || rc=$?
			case $rc in 0 | 1 | 4) ;; *) echo "seed $seed, $words: exit $rc"; cat "$W/odd.err"; return 1 ;; esac
			if [ $rc != 4 ] && [ "${words#*-j}" != "$words" ] && command -v jq >/dev/null; then
				jq -e . "$W/odd.out" >/dev/null || { echo "seed $seed: no JSON"; return 1; }
			fi
		done
	done
}

# Good and bad ones: with only bad ones the test would see little of the program.
odd_inputs() {
	local seeds good
	mapfile -t seeds < <(seq 1 60)
	result "odd tables: no sanitizer complains" survives "${seeds[@]}"
	good=$(for s in "${seeds[@]}"; do
		odd "$s" tables/newer >"$W/odd/net/reuse"
		if REUSE_PROC=$W/odd "$REUSE" >/dev/null 2>&1; then echo "$s"; fi
	done | wc -l)
	result "odd tables: $good of ${#seeds[@]} are read, the others refused" \
		test "$good" -gt 5 -a "$good" -lt 55
	good=$(for s in "${seeds[@]}"; do
		odd "$s" logs/bsd >"$W/odd/net/reuse_log"
		if REUSE_PROC=$W/odd "$REUSE" log >/dev/null 2>&1; then echo "$s"; fi
	done | wc -l)
	result "odd logs: $good of ${#seeds[@]} are read, the others refused" \
		test "$good" -gt 5 -a "$good" -lt 55
}

# table_of N: a table of N rows
table_of() {
	head -n 1 "$HERE/tables/newer"
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
		printf "tcp 10.%d.%d.%d:%d - - 7 1000 2 0 0 1 0 1 0 0 0 - %d,%d\n", i / 65536 % 256, i / 256 % 256, i % 256,
			i * 7919 % 65536, 100000 + 2 * i, 100001 + 2 * i }'
}

# time_for N PROGRAM WORD...: processor time for N rows, in ms
time_for() {
	local n=$1
	shift
	TIMEFORMAT='%U'
	{ time REUSE_PROC=$W/rows-$n "$@" >/dev/null 2>&1 || true; } 2>&1 | tr -d .
}

# Four times the rows take less than nine times as long, in one of some tries: others may be busy.
# Square, it would be sixteen.
not_quadratic() {
	local few many
	for _ in 1 2 3 4; do
		few=$(time_for $((ROWS / 4)) "$@")
		many=$(time_for $ROWS "$@")
		echo "$((ROWS / 4)) rows: $((10#$few)) ms, $ROWS rows: $((10#$many)) ms"
		[ $((10#$many)) = 0 ] || [ $((10#$many)) -ge $((9 * 10#$few + 100)) ] || return 0
	done
	return 1
}

many_rows() {
	local words n
	for n in $((ROWS / 4)) $ROWS; do
		mkdir -p "$W/rows-$n/net"
		table_of "$n" >"$W/rows-$n/net/reuse"
	done
	result "a million rows, and no line is lost" test \
		"$(REUSE_PROC=$W/rows-$ROWS "$1" | wc -l)" = $((ROWS + 1))
	for words in "" "-j" "-p" "who 10.0.0.0:0" "uid 1000 :80"; do
		# shellcheck disable=SC2086 # several words
		result "a million rows: reuse $words" not_quadratic "$1" $words
	done
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
--update) update=1; shift ;;
esac
if [ $# = 0 ] || [ ! -x "$1" ]; then usage >&2; exit 2; fi
ROWS=1000000
REUSE=$(realpath "$1")
export REUSE ASAN_OPTIONS=exitcode=99:detect_leaks=${REUSE_LEAKS:-1} UBSAN_OPTIONS=halt_on_error=1:exitcode=99
W=$(mktemp -d "${TMPDIR:-/tmp}/reuse-tool.XXXXXX")
trap 'rm -rf "$W"' EXIT
make_all
if [ "${update:-}" ]; then
	for f in "$HERE"/golden/*; do
		transcript "$f" >"$W/new"
		cp "$W/new" "$f"
	done
	exit
fi
echo 'TAP version 13'
for f in "$HERE"/golden/*; do
	golden "$f"
done
json
watching
following
terminal
result "--help fits 80 columns" help_fits who why log run load unload status
result "bash completes the options of --help" completes_options
result "bash completes words" completes_words
screens
odd_inputs
many_rows "${2:-$1}"
finish
