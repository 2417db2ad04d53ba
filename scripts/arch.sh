# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Architectures, as the scripts know them. A kernel's flavour says which one it is for.
# Everything runs on amd64: what is for arm64 is built by a cross compiler and run by an
# emulated machine, and no program of it is run outside that. Sourced by lib.sh.

# set_arch FLAVOUR: sets ARCH, FOREIGN to that if it is not amd64, and CROSS_MAKE to what make
# needs to build for it.
set_arch() {
	ARCH=amd64 FOREIGN='' CROSS_MAKE=()
	[[ $1 != arm64* ]] || ARCH=arm64 FOREIGN=arm64 CROSS_MAKE=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-)
}
set_arch ''

# flavour_of_tree DIR: a flavour for the architecture of the kernel that was built there.
flavour_of_tree() {
	if grep -qsx CONFIG_ARM64=y "$1/include/config/auto.conf"; then
		echo arm64
	else
		echo cloud
	fi
}

# debian_flavour FLAVOUR: how Debian's packages of such kernels end. For arm64 that is the
# small one, as for amd64.
debian_flavour() {
	case $1 in
	amd64) echo amd64 ;;
	arm64) echo cloud-arm64 ;;
	*) echo "$1-amd64" ;;
	esac
}

# Cross compiler and emulator, in a root of Debian 13 of their own; below guest/, packages
# of arm64 as they are, of which the guest gets programs.
CROSS=$CACHE/tools-arm64
CROSS_PACKAGES=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross make rsync qemu-system-arm)
GUEST_PACKAGES=(bash busybox-static iproute2 nftables nginx util-linux)

# use_guest: sets GUEST to where programs of the guest are; empty means this machine. After
# use_tools.
use_guest() {
	GUEST=$TOOLS
	[ "$ARCH" != amd64 ] || return 0
	GUEST=$CROSS/guest
	[ "$(cat "$CROSS/made-of" 2>/dev/null)" = "$(cross_made_of)" ] || make_cross
	[ -e "$CROSS/made-of" ] || die "no cross compiler in $CACHE: this needs root, apt and a network"
}

cross_made_of() {
	echo "$TOOLS_SUITE ${CROSS_PACKAGES[*]} with ${GUEST_PACKAGES[*]}"
}

# make_cross: makes that root, if this machine can; in a shell of its own, as an older one
# is good enough.
make_cross() {
	[ "$(id -u)" = 0 ] && type -P apt-get >/dev/null || return 0
	[ -z "$(find "$CROSS/asked" -mmin -60 2>/dev/null)" ] || return 0
	with_lock tools-arm64 make_cross_alone
}

make_cross_alone() {
	local tmp
	[ "$(cat "$CROSS/made-of" 2>/dev/null)" != "$(cross_made_of)" ] || return 0
	say "making a root of Debian 13 with QEMU and a compiler for arm64"
	remove_root "$CACHE"/.tools-arm64.*
	tmp=$(mktemp -d "$CACHE/.tools-arm64.XXXXXX")
	(cross_root "$tmp") || remove_root "$tmp"
	rm -rf "$tmp.fetched"
	[ -d "$tmp" ] || {
		[ -e "$CROSS/made-of" ] || die "cannot make a $TOOLS_SUITE root: is there a network?"
		say "using the older root that is in the cache"
		touch "$CROSS/asked"
		return 0
	}
	remove_root "$CROSS"
	cross_made_of >"$tmp/made-of"
	mv -T "$tmp" "$CROSS"
}

# cross_root DIR
cross_root() {
	local dir=$1 deb
	need apt-get mmdebstrap debian-archive-keyring mount
	archive_fetch "$TOOLS_SUITE" "$dir.fetched" cross_choice || return
	build_root "$TOOLS_SUITE" "$dir.fetched" "$dir" "${CROSS_PACKAGES[@]}" || return
	mkdir "$dir/guest"
	for deb in "$dir.fetched/only/"*_arm64.deb; do
		dpkg-deb -x "$deb" "$dir/guest" || return
	done
	ln -s usr/lib "$dir/guest/lib"
	chmod 755 "$dir"
}

# cross_choice: for archive_fetch, in the state with both architectures.
cross_choice() {
	local guest
	guest=$(archive_planned "$TOOLS_SUITE" install "${GUEST_PACKAGES[@]/%/:arm64}" |
		sed -n 's/:arm64=.*/& /p' | tr -d '\n')
	[ -z "$guest" ] || echo "a root of Debian $TOOLS_SUITE|${CROSS_PACKAGES[*]}|$guest"
}

# arm64_libraries PATH: what a dynamic program of the guest needs, its loader included. Its
# loader cannot be asked, as it is a program for arm64, too.
arm64_libraries() {
	local todo=("$1") found=' ' name
	while [ ${#todo[@]} != 0 ]; do
		mapfile -t todo < <(TOOLS=$CROSS tool aarch64-linux-gnu-readelf -dW "${todo[@]}" |
			sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u | while read -r name; do
			[[ $found = *" $name "* ]] || echo "$GUEST/usr/lib/aarch64-linux-gnu/$name"
		done)
		for name in "${todo[@]}"; do
			found+="${name##*/} "
			echo "$name"
		done
	done
	[ "$found" = ' ' ] || echo "$GUEST/lib/ld-linux-aarch64.so.1"
}

# set_machine CPUS: sets QEMU_NAME, MACHINE (its arguments for an emulated machine) and SERIAL
# (how the guest calls its serial ports).
set_machine() {
	local accel=tcg
	[ "$1" = 1 ] || accel+=,thread=multi
	QEMU_NAME=qemu-system-x86_64 SERIAL=ttyS
	MACHINE=(-accel "$accel" -cpu max)
	[ "$ARCH" != amd64 ] || return 0
	QEMU_NAME=qemu-system-aarch64 SERIAL=ttyAMA
	# Linux 5.10 does not boot with LPA2. Pointers are signed, in a way that is quick to emulate
	MACHINE=(-machine virt -accel "$accel" -cpu 'max,lpa2=off,pauth-impdef=on,sve=off')
}
