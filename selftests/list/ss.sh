#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ss(8) counts the same sockets as /proc/net/reuse, by port and state, and has the same
# inode numbers: two views of one moment, as nothing happens in the namespace.

set -euo pipefail
export LC_ALL=C
SKIP=4

skip() {
	echo "1..0 # SKIP $*"
	exit $SKIP
}

# "PORT STATE COUNT" for each, from lines of "PORT STATE COUNT"
sum() {
	awk '{ n[$1 " " $2] += $3 } END { for (k in n) if (n[k]) print k, n[k] }' | sort
}

# of_file PROTO COLUMN...: what the columns of the file say
of_file() {
	awk -v proto="$1" -v columns="${*:2}" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; n = split(columns, column) }
		$1 == proto {
			sub(/.*:/, "", $2)
			for (i = 1; i <= n; i++)
				print $2, column[i], $(at[column[i]])
		}' /proc/net/reuse | sum
}

# sockets OPTION...: "STATE LOCAL-ADDRESS" of each. ss of iproute2 6.15 leaves the column
# of the state out if only one was asked for: BOUND, here.
sockets() {
	ss -anH "$@" | awk '{ if ($1 ~ /^[A-Z]/) print $1, $4; else print "UNCONN", $3 }'
}

# of_ss FAMILY-OPTION...: TIME-WAIT and LISTEN are columns, a request for a
# connection holds no port of its own, all other states are "connected"
of_ss() {
	sockets "$@" | awk '{
		state = "connected"
		if ($1 == "LISTEN") state = "listen"
		if ($1 == "TIME-WAIT") state = "timewait"
		if ($1 == "UNCONN") state = "bound"
		if ($1 == "SYN-RECV") next
		sub(/.*:/, "", $2)
		print $2, state, 1
	}' | sum
}

# states MIN OPTION...: ss knows of at least that many states, or nothing is compared
states() {
	[ "$(sockets "${@:2}" | awk '$1 != "UNCONN" { print $1 }' | sort -u | wc -l)" -ge "$1" ]
}

# bound_of_ss: bound TCP sockets. Since 6.15, ss lists them without being asked, too;
# before 6.7 it has no option to ask with, and kernels before 6.8 do not answer.
bound_of_ss() {
	ss -tanH --bound-inactive >/dev/null 2>&1 || return 0
	sockets -t --bound-inactive | awk '{ sub(/.*:/, "", $2); print $2, "bound", 1 }' | sum
}

# inodes_of_file PROTO: "PORT INODE" of each socket of the ports whose inodes the file names
# all, without TCP sockets that are only bound
inodes_of_file() {
	awk -v proto="$1" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == proto {
			sub(/.*:/, "", $2)
			list[$2] = list[$2] "," $(at["inode"])
			if (list[$2] ~ /\+/ || proto == "tcp" && $(at["bound"])) left_out[$2]
		}
		END {
			for (port in list) {
				n = port in left_out ? 0 : split(list[port], inode, ",")
				for (i = 1; i <= n; i++)
					if (inode[i] ~ /[0-9]/) print port, inode[i]
			}
		}' /proc/net/reuse | sort
}

# inodes_of_ss PROTO OPTION: the same, of the ports that inodes_of_file names
inodes_of_ss() {
	awk 'NR == FNR { named[$1]; next }
		{ sub(/.*:/, "", $4) }
		$4 in named && match($0, / ino:[1-9][0-9]*/) {
			print $4, substr($0, RSTART + 5, RLENGTH - 5)
		}' <(inodes_of_file "$1") <(ss -anHe "$2") | sort
}

COUNT=0 FAILED=0

# agree WHAT FILE SS
agree() {
	COUNT=$((COUNT + 1))
	if [ -n "$2" ] && [ "$2" = "$3" ]; then
		echo "ok $COUNT $1"
		return
	fi
	FAILED=1
	echo "not ok $COUNT $1"
	echo "# < the file, > ss: port, state, sockets; or port, inode"
	diff <(echo "$2") <(echo "$3") | sed 's/^/# /' || true
}

compare() {
	local bound
	states 8 -t || { echo "Bail out! ss sees too few states"; exit 1; }
	echo 1..5
	agree "TCP: listen, connected, timewait" "$(of_file tcp listen connected timewait)" \
		"$(of_ss -t | grep -v ' bound ')"
	agree "UDP: bound, connected" "$(of_file udp bound connected)" "$(of_ss -u)"
	bound=$(bound_of_ss)
	if [ -n "$bound" ]; then
		agree "TCP: bound" "$(of_file tcp bound)" "$bound"
	else
		COUNT=3
		echo "ok 3 TCP: bound # SKIP this ss or kernel does not list these sockets"
	fi
	agree "TCP: inode" "$(inodes_of_file tcp)" "$(inodes_of_ss tcp -t)"
	agree "UDP: inode" "$(inodes_of_file udp)" "$(inodes_of_ss udp -u)"
	exit $FAILED
}

[ "${1:-}" != compare ] || compare
echo "TAP version 13"
[ -e /proc/net/reuse ] || skip "no /proc/net/reuse: load the module reuse first"
[ "$(id -u)" = 0 ] || skip "needs root"
command -v ss >/dev/null || skip "no ss: install iproute2"
PATH=.:$PATH exec fill mixed 5 "$0" compare
