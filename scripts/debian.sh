# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian 13 with some packages as a tar in the cache, for guests that need more than programs:
# scripts/check-containers and scripts/check-programs. Sourced after lib.sh.

DEBIAN_MAX_AGE=$((30 * 24 * 3600))
# Files that a guest has no use for, a third of all
DEBIAN_LEFT_OUT="./dev/* ./proc/* ./sys/* ./boot ./etc/apt ./var/lib/apt ./var/lib/dpkg ./var/cache
	./usr/lib/x86_64-linux-gnu/perl-base ./usr/lib/x86_64-linux-gnu/gconv"

# debian_tar FILE LEFT-OUT PACKAGE...: FILE becomes Debian 13 with these packages, without
# what these patterns of tar match; FILE.made-of says what is in it. Without an answer of the
# archive, a FILE that was made of the same stays.
debian_tar() {
	local file=$1 left_out="$DEBIAN_LEFT_OUT $2" tmp exclude=() x of
	shift 2
	of=$(echo "trixie $* without $left_out" | tr -s '[:space:]' ' ')
	if [ -s "$file" ] && [ "$(cat "$file.made-of" 2>/dev/null)" = "$of" ] &&
		[ $(($(date +%s) - $(stat -c %Y "$file"))) -lt $DEBIAN_MAX_AGE ]; then
		return 0
	fi
	say "making a Debian 13 with $*"
	mkdir -p "${file%/*}"
	remove_root "${file%/*}"/.debian.*
	tmp=$(mktemp -d "${file%/*}/.debian.XXXXXX")
	# shellcheck disable=SC2064 # the names of now
	trap "remove_root '$tmp'" EXIT
	if ! make_root trixie "$tmp/root" "$@"; then
		[ "$(cat "$file.made-of" 2>/dev/null)" = "$of" ] || die "cannot fetch $*: is there a network?"
		say "the archive does not answer, using the packages in the cache"
		return 0
	fi
	for x in $left_out; do
		exclude+=(--exclude="$x")
	done
	tar -C "$tmp/root" -cf "$tmp/tar" "${exclude[@]}" .
	rm -f "$file.made-of"
	mv "$tmp/tar" "$file"
	echo "$of" >"$file.made-of"
	remove_root "$tmp"
}
