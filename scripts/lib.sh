# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts share: messages, the cache, host packages, roots of other
# suites. Sourced; sets strict mode for whoever sources it.

set -euo pipefail
export LC_ALL=C
# make hands these down, and users set them for builds of their own: ours do not take them.
unset MAKEFLAGS MFLAGS MAKELEVEL KDIR RELEASE DESTDIR INSTALL_MOD_PATH INSTALL_MOD_DIR INSTALL_MOD_STRIP
unset prefix bindir mandir completionsdir ARCH CROSS_COMPILE LLVM LLVM_IAS

# The kernels that the module is made for, oldest first, and the suite of Debian that
# has each. A new series is a line here. (scripts/check-next has others.)
SERIES=${REUSE_SERIES:-"
5.10 bullseye
6.1 bookworm
6.12 trixie
7.2 trixie-backports
7.3 trixie-backports
"}
# shellcheck disable=SC2034
ALL_KERNELS=$(awk 'NF { printf "%s%s", s, $1; s = " " }' <<<"$SERIES")
# Debian's flavour that is tested: the small one for virtual machines.
# shellcheck disable=SC2034
FLAVOUR=${REUSE_FLAVOUR:-cloud}

# Flavours that Debian does not have: built from its linux-source; and small ones, for
# scripts/check-configs.
SOURCE_FLAVOURS="debug kcsan gcov"
from_source() {
	[[ " $SOURCE_FLAVOURS $(small_flavours) " = *" $1 "* ]]
}

small_flavours() {
	local f names=()
	for f in "$TREE/selftests/kconfig/small/"*.config; do
		f=${f##*/}
		[[ $f = base* || $f = "*"* ]] || names+=("${f%.config}")
	done
	echo "${names[*]}"
}

# Of these, those that look for bugs: slow, and not to stop at the first complaint.
looks_for_bugs() {
	[[ " debug kcsan " = *" $1 "* ]]
}

TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${REUSE_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}/reuse}
# Programs of root, which not every root finds
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }

[ -f "$TREE/Kbuild" ] || [ -d "$TREE/scripts" ] || die "no source tree at $TREE"
[[ $CACHE = /* ]] || CACHE=$PWD/$CACHE

# bad_usage SENTENCE...: ends a script that was called in a wrong way.
bad_usage() {
	say "$* (see --help)"
	exit 2
}

# need_kernels K[-FLAVOUR]...: ends the script if one of them is unknown.
need_kernels() {
	local k
	for k; do
		[[ $k =~ ^[0-9.]+(-[a-z0-9]+)?$ && " $ALL_KERNELS " = *" ${k%%-*} "* ]] ||
			bad_usage "no kernel '$k': choose from $ALL_KERNELS"
		[[ $k != *-* ]] || need_flavour "${k#*-}"
	done
}

# need_flavour F: ends the script if there is no such flavour.
need_flavour() {
	[[ " cloud amd64 rt arm64 " = *" $1 "* ]] || from_source "$1" ||
		bad_usage "no flavour '$1': choose from cloud amd64 rt arm64 $SOURCE_FLAVOURS $(small_flavours)"
}

# kernel_for SUITE: the kernel for a test in a root of SUITE: its own if $KERNELS has that, or
# is not set; else the newest of $KERNELS that comes with such a root; nothing if none does.
kernel_for() {
	awk -v suite="$1" -v kernels="${KERNELS:+ $KERNELS }" '
		kernels != "" && !index(kernels, " " $1 " ") { next }
		$2 == suite { own = $1 }
		$2 == suite "-backports" { newest = $1 }
		END { print own != "" ? own : newest }' <<<"$SERIES"
}

# make_cache: makes the directories of the cache that every script needs, and has temporary
# files there: /tmp is a tmpfs on Debian 13. A script that only prints its usage has made
# nothing.
make_cache() {
	case $CACHE in
	*[[:space:]:%,]*) die "cannot build in $CACHE: set REUSE_CACHE to a path without blanks, : , and %" ;;
	esac
	{
		[ -n "${REUSE_CACHE:-}${XDG_CACHE_HOME:-}${HOME:-}" ] &&
			mkdir -p "$CACHE/lock" "$CACHE/log" "$CACHE/tmp" 2>/dev/null && [ -w "$CACHE" ] &&
			[ -w "$CACHE/lock" ] && [ -w "$CACHE/log" ] && [ -w "$CACHE/tmp" ]
	} || die "cannot write to the cache $CACHE: set REUSE_CACHE to a directory that can be written to"
	[ -z "${TMPDIR:-}" ] || return 0
	export TMPDIR=$CACHE/tmp
	# What a killed run left
	find "$TMPDIR" -mindepth 1 -maxdepth 1 -name 'reuse-*' -mtime +3 \
		-exec rm -rf --one-file-system {} + 2>/dev/null || true
}

# The version of this tree: dkms.conf says it, and nothing else does.
version() { sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TREE/dkms.conf"; }

# with_lock NAME COMMAND...: one at a time on this machine; the lock dies with
# its holder, so an interrupted run leaves nothing behind. Not to be used where
# bash ignores failures (if, ||), or COMMAND runs on after one.
with_lock() {
	local name=$1 fd
	shift
	make_cache
	exec {fd}>"$CACHE/lock/$name"
	if ! flock -n "$fd"; then
		say "waiting for another run that holds $name"
		flock "$fd"
	fi
	"$@" {fd}>&-
	exec {fd}>&-
}

need_root() {
	[ "$(id -u)" = 0 ] || die "this needs root (chroot, mount): run it as root"
}

# What is needed, by its name in Debian: what to look for (programs, files; static: one
# without libraries; lib: a library that gcc links), and the packages that have it in
# Debian, Fedora, Arch and openSUSE.
# A name that is not here is a program, or else a package.
NEEDED='
apt-get|apt-get|apt|apt|apt|-
apt-utils|apt-ftparchive|apt-utils|apt-utils|apt|-
busybox-static|static:busybox|busybox-static|busybox|busybox|busybox-static
debian-archive-keyring|/usr/share/keyrings/debian-archive-keyring.gpg|debian-archive-keyring|debian-keyring|debian-archive-keyring|-
groff-base|groff|groff-base|groff-base|groff|groff
iproute2|ip ss tc|iproute2|iproute iproute-tc|iproute2|iproute2
kmod|depmod modinfo|kmod|kmod|kmod|kmod
libc6-dev|/usr/include/stdio.h lib:libc.a|libc6-dev|glibc-devel glibc-static|glibc|glibc-devel glibc-devel-static
linux-libc-dev|/usr/include/linux/tcp.h|linux-libc-dev|kernel-headers|linux-api-headers|linux-glibc-devel
mount|mount umount|mount|util-linux|util-linux|util-linux
nftables|nft|nftables|nftables|nftables|nftables
qemu-system-x86|qemu-system-x86_64|qemu-system-x86|qemu-system-x86-core|qemu-system-x86|qemu-x86
shellcheck|shellcheck|shellcheck|ShellCheck|shellcheck|ShellCheck
util-linux|unshare nsenter setpriv|util-linux|util-linux|util-linux|util-linux
xz-utils|xz|xz-utils|xz|xz|xz
'

# need NAME...: sees to it that these are there, where this machine has apt.
need() {
	local name row missing=() packages
	for name; do
		row=$(grep "^$name|" <<<"$NEEDED") || row="$name|$name|$name|$name|$name|$name"
		# shellcheck disable=SC2046 # several words
		has $(cut -d '|' -f 2 <<<"$row") || { [ "$row" = "$name|$name|$name|$name|$name|$name" ] && installed "$name"; } ||
			missing+=("$row")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if type -P apt-get >/dev/null && type -P dpkg >/dev/null; then
		mapfile -t packages < <(printf '%s\n' "${missing[@]}" | cut -d '|' -f 3)
		[ "$(id -u)" = 0 ] || die "missing packages, as root run: apt-get install ${packages[*]}"
		with_lock apt install_packages "${packages[@]}"
	else
		die "$(missing_elsewhere "${missing[@]}")"
	fi
}

installed() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# has WHAT...: all of them.
has() {
	local what
	for what; do
		case $what in
		/*) [ -e "$what" ] ;;
		# What has libraries makes ldd succeed.
		static:*) what=$(type -P "${what#static:}") && ! ldd "$what" >/dev/null 2>&1 ;;
		# Where gcc finds none, it prints the name alone.
		lib:*) what=$(gcc -print-file-name="${what#lib:}" 2>/dev/null) && [[ $what = /* ]] ;;
		*) type -P "$what" >/dev/null ;;
		esac || return
	done
}

# missing_elsewhere ROW...: what a distribution without apt is to install.
missing_elsewhere() {
	local like command column packages none
	like=$(sed -n 's/^ID\(_LIKE\)\?=//p' "${OS_RELEASE:-/etc/os-release}" 2>/dev/null | tr -d '"' | tr '\n' ' ')
	case " $like" in
	*' fedora'* | *' rhel'*) command='dnf install' column=4 ;;
	*' arch'*) command='pacman -S' column=5 ;;
	*suse*) command='zypper install' column=6 ;;
	*) command='' column=3 ;;
	esac
	packages=$(printf '%s\n' "$@" | cut -d '|' -f $column | grep -vx -e - | tr '\n' ' ')
	none=$(printf '%s\n' "$@" | awk -F '|' -v n=$column '$n == "-" { printf "%s%s", s, $1; s = " " }')
	printf 'missing: %s' "$(printf '%s\n' "$@" | cut -d '|' -f 2 | tr '\n' ' ' | sed 's/static://; s/lib://; s/ $//')"
	if [ -n "$command" ] && [ -n "$packages" ]; then
		printf '; as root run: %s %s' "$command" "${packages% }"
	elif [ -n "$packages" ]; then
		printf '; install what Debian has as: %s' "${packages% }"
	fi
	[ -z "$none" ] || printf ' (this distribution has no package of: %s)' "$none"
	echo
}

install_packages() {
	local apt=(env -u TMPDIR DEBIAN_FRONTEND=noninteractive apt-get -y -q
		-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
	say "installing $*"
	"${apt[@]}" update >"$CACHE/log/apt" 2>&1 ||
		say "apt-get update failed, trying with the lists that are there"
	"${apt[@]}" install --no-install-recommends "$@" >>"$CACHE/log/apt" 2>&1 </dev/null || {
		tail -n 5 "$CACHE/log/apt" >&2
		die "cannot install $* (whole log: $CACHE/log/apt)"
	}
}

# in_root ROOT COMMAND...: runs it in a chroot with /proc, a /dev of its own and, at
# /mnt, the directory $IN_ROOT_MNT if set. The mounts live in a namespace of their
# own: whatever gets killed, nothing stays mounted. With $IN_ROOT_WHOLE, ROOT is a mount and
# becomes the root of that namespace: in a chroot nobody may make a user namespace.
in_root() {
	# shellcheck disable=SC2016
	unshare --mount --propagation private bash -euc '
		mount -t proc proc "$0/proc"
		mount -t tmpfs -o mode=755,size=1m dev "$0/dev"
		for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
			IFS=: read -r name major minor <<<"$node"
			# Without CAP_MKNOD the node of the host, of which nothing can be changed there.
			mknod -m 666 "$0/dev/$name" c "$major" "$minor" 2>/dev/null || {
				: >"$0/dev/$name"
				mount --bind "/dev/$name" "$0/dev/$name"
				mount -o remount,bind,ro "$0/dev/$name"
			}
		done
		mkdir "$0/dev/pts" "$0/dev/shm"
		mount -t devpts -o newinstance,gid=5,mode=620,ptmxmode=666 devpts "$0/dev/pts"
		mount -t tmpfs -o mode=1777 shm "$0/dev/shm"
		ln -s pts/ptmx "$0/dev/ptmx"
		ln -s /proc/self/fd "$0/dev/fd"
		for fd in 0:stdin 1:stdout 2:stderr; do
			ln -s "/proc/self/fd/${fd%:*}" "$0/dev/${fd#*:}"
		done
		[ -z "${IN_ROOT_MNT:-}" ] || mount --bind "$IN_ROOT_MNT" "$0/mnt"
		enter=(chroot "$0")
		if [ -n "${IN_ROOT_WHOLE:-}" ]; then
			cd "$0"
			pivot_root . media
			# The root need not have umount
			chroot media umount -l /
			enter=()
		fi
		exec "${enter[@]}" /usr/bin/env -u IN_ROOT_MNT -u IN_ROOT_WHOLE -u TMPDIR \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
	' "$@"
}

# remove_root DIR...: removes roots, finished or not. Where a killed run has left /sys or /dev
# mounted in one, rm would walk into it.
remove_root() {
	local dir path
	for dir; do
		[ -d "$dir" ] || continue
		dir=$(realpath "$dir")
		while read -r path; do
			umount "$path" || die "cannot unmount $path: unmount it, and try again"
		done < <(awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac)
		rm -rf --one-file-system "$dir"
	done
}

# shellcheck source=scripts/arch.sh
. "$TREE/scripts/arch.sh"
# shellcheck source=scripts/archive.sh
. "$TREE/scripts/archive.sh"
