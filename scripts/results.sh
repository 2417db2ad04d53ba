# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Results of the scripts that test scripts, as TAP. Sourced.

COUNT=0 FAILED=0
# Files whose end a failure shows
SHOWN=()

# result GOOD WHAT: GOOD is 1 if it is as it should be.
result() {
	COUNT=$((COUNT + 1))
	if [ "$1" = 1 ]; then
		echo "ok $COUNT $2"
		return
	fi
	FAILED=$((FAILED + 1))
	[ ${#SHOWN[@]} = 0 ] || tail -qn 40 "${SHOWN[@]}" 2>/dev/null | sed 's/^/# /'
	echo "not ok $COUNT $2"
}

# end_of_results: writes how many there were; succeeds if all are good.
end_of_results() {
	echo "1..$COUNT"
	[ $FAILED = 0 ]
}
