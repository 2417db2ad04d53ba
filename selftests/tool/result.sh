# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Results of the shell programs that test reuse(8), as TAP. Sourced; W is a directory to write in.

COUNT=0 FAILED=0

# result WHAT COMMAND...: one result, by the status of the command. Where that of a function is
# asked for at once, set -e has no effect in it.
result() {
	local what=$1 rc
	shift
	COUNT=$((COUNT + 1))
	set +e
	(
		set -e
		"$@"
	) >"$W/out" 2>&1
	rc=$?
	set -e
	if [ $rc = 0 ]; then
		echo "ok $COUNT $what"
		return
	fi
	FAILED=$((FAILED + 1))
	head -n 60 "$W/out" | sed 's/^/# /'
	echo "not ok $COUNT $what"
}
