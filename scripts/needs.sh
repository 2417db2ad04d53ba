# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Tests of scripts/check-kernel, sourced by it: what the scripts make of a machine that has
# no apt, few programs, or no network, and of what a killed run has left.

# What is in single quotes is for other shells.
# shellcheck disable=SC2016,SC2034

# A machine without apt and dpkg.
without_apt() {
	local p
	rm -rf "$T/noapt"
	mkdir "$T/noapt"
	for p in /usr/bin/*; do
		case ${p##*/} in apt* | dpkg*) ;; *) ln -sf "$p" "$T/noapt/" ;; esac
	done
}

# needs ID NAME...: what need() says there.
needs() {
	printf 'ID=x\nID_LIKE="%s"\n' "$1" >"$T/os-release"
	RC=0
	OS_RELEASE=$T/os-release PATH=$T/noapt REUSE_CACHE=$T/needs bash -c '. "$0/scripts/lib.sh"; PATH=$1; shift; need "$@"' \
		"$TREE" "$T/noapt" "${@:2}" >"$T/out" 2>"$T/err" || RC=$?
}

t_need() {
	without_apt
	rm -f "$T/noapt"/{shellcheck,tc,xz,ss,qemu-system-x86_64}
	needs fedora bash shellcheck iproute2 no-such-program
	check 'without apt: Fedora' eval \
		'[ $RC = 1 ] && one_sentence "missing: shellcheck ip ss tc no-such-program; as root run: dnf install ShellCheck iproute iproute-tc no-such-program\$"'
	needs arch xz-utils
	check 'without apt: Arch' eval '[ $RC = 1 ] && one_sentence "missing: xz; as root run: pacman -S xz\$"'
	needs 'suse opensuse' xz-utils apt-get
	check 'without apt: openSUSE, and what it has not' eval \
		'[ $RC = 1 ] && one_sentence "missing: xz apt-get; as root run: zypper install xz .this distribution has no package of: apt-get.\$"'
	needs other xz-utils
	check 'without apt: any other' eval '[ $RC = 1 ] && one_sentence "missing: xz; install what Debian has as: xz-utils\$"'
	needs fedora bash make gcc
	check 'without apt, all there: nothing said' eval '[ $RC = 0 ] && [ ! -s "$T/err" ]'
	ln -sf "$(type -P true)" "$T/noapt/busybox"
	needs fedora busybox-static
	check 'a busybox with libraries is not what is needed' says 'missing: busybox'
	needs arch qemu-system-x86
	check 'QEMU that is not there' says 'missing: qemu-system-x86_64; as root run: pacman -S qemu-system-x86$'
	ln -sf "$(type -P true)" "$T/noapt/qemu-system-x86_64"
	needs arch qemu-system-x86
	check 'and that is' eval '[ $RC = 0 ] && [ ! -s "$T/err" ]'
	printf '#!/bin/sh\necho libc.a\n' >"$T/gcc"
	chmod +x "$T/gcc"
	ln -sf "$T/gcc" "$T/noapt/gcc"
	needs fedora libc6-dev
	check 'a C library that programs cannot hold is not what is needed' \
		says 'missing: .*libc.a; as root run: dnf install glibc-devel glibc-static$'
}

t_unit() {
	without_apt
	rm -f "$T/noapt"/{busybox,cpio,ip,ss,tc,nft,zstd,xz,rsync}
	RC=0
	env PATH="$T/noapt" REUSE_CACHE="$T/unit" "$TREE/scripts/unit" >"$T/out" 2>"$T/err" || RC=$?
	check 'scripts/unit runs without apt, with a compiler alone' [ $RC = 0 ]
	rm -rf "$T/unit"
	RC=0
	env REUSE_CACHE="$T/unit" REUSE_MIRROR="copy:$T/none" "$TREE/scripts/unit" >"$T/out" 2>"$T/err" || RC=$?
	check 'and with apt the same: it makes no root' eval '[ $RC = 0 ] && [ ! -s "$T/err" ] && [ ! -e "$T/unit/tools" ]'
}

t_tools() {
	local n
	C=$T/tools/cache
	mkdir -p "$C/tools"
	echo older >"$C/tools/made-of"
	for n in '' ' again'; do
		RC=0
		env REUSE_CACHE="$C" REUSE_MIRROR="copy:$T/none" bash -c '. "$0/scripts/lib.sh"; . "$0/scripts/tools.sh"; use_tools; echo "$TOOLS"' \
			"$TREE" >"$T/out" 2>"$T/err" || RC=$?
		check "a root of programs that cannot be made anew:$n the older" eval \
			'[ $RC = 0 ] && prints "^$C/tools\$" && [ -e "$C/tools/made-of" ]'
		[ -z "$n" ] || check 'and the archive is not asked again at once' [ ! -s "$T/err" ]
		[ -n "$n" ] || check 'that is said' says 'using the older root'
	done
}

# A run that was killed while mmdebstrap made a root: what it had mounted is there still.
t_killed() {
	local left=$T/killed/.tools.left
	mkdir -p "$left/sys" "$left/dev" "$T/killed/of-the-machine"
	: >"$T/killed/of-the-machine/file"
	mount --bind "$T/killed/of-the-machine" "$left/sys"
	mount -t tmpfs dev "$left/dev"
	mkdir "$left/dev/shm"
	mount -t tmpfs shm "$left/dev/shm"
	REUSE_CACHE=$T/killed bash -euc '. "$0/scripts/lib.sh"; remove_root "$CACHE"/.tools.*' "$TREE" >"$T/out" 2>"$T/err" || true
	check 'a root that a killed run left is removed' [ ! -e "$left" ]
	check 'and nothing of what it has mounted' [ -e "$T/killed/of-the-machine/file" ]
	printf '#!/bin/sh\nreadlink /proc/self/ns/mnt\nexit 1\n' >"$T/bin/mmdebstrap"
	chmod +x "$T/bin/mmdebstrap"
	archive killed
	kernel 6.1
	check 'the mounts of mmdebstrap go with it' eval \
		'ns=$(grep "^mnt:" "$T/err") && [ "$ns" != "$(readlink /proc/self/ns/mnt)" ]'
	rm "$T/bin/mmdebstrap"
}
