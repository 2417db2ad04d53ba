# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Programs that are the same on every machine: those of a root of Debian 13 in the cache.
# The guest gets its programs from it; QEMU, the compiler of the tests and what packs
# the guest's initramfs run from it. Without apt, and for an ordinary user whose cache has
# no such root, the programs of this machine are used instead; each script asks for those
# that it runs.

TOOLS_SUITE=trixie
TOOLS_PACKAGES=(bash busybox-static iproute2 nftables nginx trace-cmd util-linux
	qemu-system-x86 seabios cpio kmod xz-utils zstd mount
	gcc libc6-dev linux-libc-dev make rsync shellcheck jq tmux passt)
# What scripts/vm takes from this machine instead, beside QEMU
# shellcheck disable=SC2034
OWN_PACKAGES=(busybox-static cpio iproute2 nftables util-linux bash kmod xz-utils zstd)

# use_tools: sets TOOLS to the root; empty means this machine.
use_tools() {
	[ -z "${TOOLS+set}" ] || return 0
	TOOLS=$CACHE/tools
	[ "$(cat "$TOOLS/made-of" 2>/dev/null)" != "$TOOLS_SUITE ${TOOLS_PACKAGES[*]}" ] || return 0
	if [ "$(id -u)" = 0 ] && type -P apt-get >/dev/null; then
		# An archive that did not answer is not asked again at once.
		[ -z "$(find "$TOOLS/asked" -mmin -60 2>/dev/null)" ] || return 0
		with_lock tools make_tools
		return
	fi
	[ ! -e "$TOOLS/made-of" ] || return 0
	TOOLS=''
	say "no root of Debian 13 in $CACHE, and no apt or no right to make one: using the programs of this machine"
}

# use_made_tools: the same for what this machine can do as well: no root is made for it.
use_made_tools() {
	TOOLS=$CACHE/tools
	[ -e "$TOOLS/made-of" ] || TOOLS=''
}

make_tools() {
	local tmp
	[ "$(cat "$TOOLS/made-of" 2>/dev/null)" != "$TOOLS_SUITE ${TOOLS_PACKAGES[*]}" ] || return 0
	say "making a root of Debian 13 with QEMU, a compiler and what the guest runs"
	remove_root "$CACHE"/.tools.*
	tmp=$(mktemp -d "$CACHE/.tools.XXXXXX")
	# In a shell of its own: an older root is good enough where no newer one can be made.
	(make_root "$TOOLS_SUITE" "$tmp" "${TOOLS_PACKAGES[@]}") || {
		remove_root "$tmp"
		[ -e "$TOOLS/made-of" ] || die "cannot make a $TOOLS_SUITE root: is there a network?"
		say "using the older root that is in the cache"
		touch "$TOOLS/asked"
		return 0
	}
	chmod 755 "$tmp"
	remove_root "$TOOLS"
	echo "$TOOLS_SUITE ${TOOLS_PACKAGES[*]}" >"$tmp/made-of"
	mv -T "$tmp" "$TOOLS"
}

# tool_path NAME: prints where the program is. A link in the root may be absolute.
tool_path() {
	local dir f to
	if [ -z "$TOOLS" ]; then
		type -P "$1"
		return
	fi
	for dir in usr/bin usr/sbin; do
		f=$TOOLS/$dir/$1
		while [ -L "$f" ]; do
			to=$(readlink "$f")
			case $to in
			/*) f=$TOOLS$to ;;
			*) f=${f%/*}/$to ;;
			esac
		done
		[ ! -f "$f" ] || { echo "$f"; return; }
	done
	return 1
}

# tool_command NAME: sets TOOL to the words that run it, in any place and as any user.
tool_command() {
	local path
	path=$(tool_path "$1") || die "no program $1 on this machine: install it"
	TOOL=("$path")
	[ -z "$TOOLS" ] || TOOL=("$TOOLS/lib64/ld-linux-x86-64.so.2" --library-path "$TOOLS/usr/lib/x86_64-linux-gnu"
		--argv0 "$1" "$path")
}

tool() {
	local TOOL
	tool_command "$1"
	"${TOOL[@]}" "${@:2}"
}

# guest_path NAME: prints where the guest's program is.
guest_path() {
	TOOLS=$GUEST tool_path "$1"
}

# tool_libraries PATH: what a dynamic program of the guest needs, its loader included.
tool_libraries() {
	[ "$ARCH" != arm64 ] || { arm64_libraries "$1"; return; }
	local ld=$TOOLS/lib64/ld-linux-x86-64.so.2
	local libraries=(${TOOLS:+--library-path "$TOOLS/usr/lib/x86_64-linux-gnu"})
	"$ld" --verify "$1" || return 0
	"$ld" "${libraries[@]}" --list "$1" | sed -n 's/.*=> \(.*\) (0x.*/\1/p; s/^[[:space:]]*\(\/.*\) (0x.*/\1/p'
}

# in_tools DIR COMMAND...: runs it in DIR, as root with the compiler of the root.
in_tools() {
	local dir=$1
	shift
	if [ -n "$TOOLS" ] && [ "$(id -u)" = 0 ]; then
		# shellcheck disable=SC2016 # the inner shell expands it
		IN_ROOT_MNT=$dir in_root "$TOOLS" sh -euc 'cd /mnt; exec "$@"' - "$@"
	else
		need gcc make libc6-dev linux-libc-dev
		(cd "$dir" && "$@")
	fi
}

# copy_programs DIR: copies to DIR/tree what programs that run in the guest are built
# from, so that a root which sees DIR can build them; the times of the files stay.
copy_programs() {
	mkdir -p "$1"
	rm -rf "$1/tree"
	mkdir "$1/tree"
	tar -C "$TREE" --exclude='*.o' --exclude='*.cmd' -c selftests module scripts/demo.c | tar -C "$1/tree" -x --no-same-owner
}

# harness: prints where the kernel's test harness is: in the tree of a kernel of one's own,
# if that has one, as it may be where neither apt nor a network is.
harness() {
	local dir
	for dir in ${BUILD_DIR:+"$BUILD_DIR/source" "$BUILD_DIR"}; do
		dir=$dir/tools/testing/selftests
		[ ! -e "$dir/lib.mk" ] || [ ! -e "$dir/kselftest_harness.h" ] || { echo "$dir"; return; }
	done
	"$TREE/scripts/ksft"
}

# copy_harness DIR: copies to DIR/ksft what selftests/Makefile takes from it; a built tree
# has much more.
copy_harness() {
	local dir=$1/ksft from
	from=$(harness)
	rm -rf "$dir"
	mkdir -p "$dir/net"
	cp -rL "$from"/lib.mk "$from"/kselftest*.h "$dir/"
	[ ! -d "$from/kselftest" ] || cp -rL "$from/kselftest" "$dir/"
	[ ! -d "$from/net" ] || find "$from/net" -maxdepth 1 -name '*.c' -exec cp -L -t "$dir/net" {} +
}

# make_programs DIR MAKE-ARGUMENT...: calls selftests/Makefile in the copies that copy_programs
# and copy_harness made below DIR; what it builds is in DIR/out.
make_programs() {
	local dir=$1 TOOLS=$TOOLS
	shift
	if [ "$ARCH" = arm64 ]; then
		TOOLS=$CROSS
		set -- "${CROSS_MAKE[@]}" "$@"
	fi
	in_tools "$dir" make -C tree/selftests OUTPUT=../../out KSFT=../../ksft "$@" </dev/null
}
