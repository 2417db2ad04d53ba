# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What scripts/check-dkms and scripts/check-install share: a Debian suite to try
# things in, on top of the root that scripts/kernel made, with all changes in memory;
# a small module to try them with; and tests as TAP. Sourced after lib.sh.

# What is in single quotes is for the shells in the roots.
# shellcheck disable=SC2016,SC2034,SC2153

MAX_AGE=$((7 * 24 * 3600))
NAME=reuse

kernel_of() {
	case $1 in
	bullseye) echo 5.10 ;;
	bookworm) echo 6.1 ;;
	trixie) echo 6.12 ;;
	*) bad_usage "no suite $1: choose bullseye, bookworm, trixie" ;;
	esac
}

# The root, writable: what is written goes to a tmpfs and goes away with it. All
# of it lives in the mount namespace of this script, so nothing stays behind.
mount_root() {
	R=$CACHE/dkms/mnt/root
	mkdir -p "$CACHE/dkms/mnt"
	mount -t tmpfs -o mode=755 tmpfs "$CACHE/dkms/mnt"
	mkdir "$CACHE/dkms/mnt"/{upper,work,root}
	mount -t overlay overlay "$R" \
		-o "lowerdir=$1,upperdir=$CACHE/dkms/mnt/upper,workdir=$CACHE/dkms/mnt/work" ||
		die "cannot mount an overlay: this kernel needs overlayfs (modprobe overlay)"
}

in_r() { in_root "$R" "$@"; }

# other_headers: what else apt in $R has headers for, newest release first.
other_headers() {
	local flavour="-$FLAVOUR-amd64"
	[ "$FLAVOUR" != amd64 ] || flavour=-amd64
	in_r apt-cache search --names-only "^linux-headers-[0-9.]+(-[0-9][0-9a-z.]*|\\+deb[0-9.]+)$flavour\$" |
		sed 's/^linux-headers-//; s/ .*//' | { grep -vxF "$RELEASE" || true; } | sort -rV
}

# stale DIR KEY: the packages are none, or for another root, or old and there are newer.
stale() {
	[ "$(cat "$1/key" 2>/dev/null)" = "$2" ] || return 0
	[ $(($(date +%s) - $(stat -c %Y "$1/key"))) -gt $MAX_AGE ] || return 1
	refresh_root_net "$R"
	in_r timeout 60 apt-get -qq update >"$CACHE/log/dkms-$SUITE" 2>&1 || {
		say "the archive does not answer, using the cached packages of $SUITE"
		return 1
	}
}

# download DIR PACKAGE...: these and what they depend on.
download() {
	mkdir -p "$1/partial"
	IN_ROOT_MNT=$1 in_r apt-get -q -y --download-only -o Dir::Cache::Archives=/mnt install "${@:2}" \
		</dev/null >>"$CACHE/log/dkms-$SUITE" 2>&1
}

# fetch DIR KEY: the packages of dkms, and of a second kernel's headers. A suite
# near its end lists kernels that it does not have any more.
fetch() {
	local dir=$1 tmp rel
	say "$SUITE: fetching dkms and the headers of another kernel"
	rm -rf "$CACHE/dkms/.$SUITE."*
	tmp=$(mktemp -d "$CACHE/dkms/.$SUITE.XXXXXX")
	refresh_root_net "$R"
	in_r apt-get -qq update >"$CACHE/log/dkms-$SUITE" 2>&1 ||
		die "cannot fetch packages of $SUITE: is there a network?"
	download "$tmp/dkms" dkms openssl xz-utils ||
		die "cannot fetch dkms of $SUITE (log: $CACHE/log/dkms-$SUITE)"
	for rel in $(other_headers) ''; do
		[ -n "$rel" ] || die "$SUITE has no second kernel to fetch (log: $CACHE/log/dkms-$SUITE)"
		! download "$tmp/headers" "linux-headers-$rel" || break
		rm -rf "$tmp/headers"
	done
	echo "$rel" >"$tmp/release"
	echo "$2" >"$tmp/key"
	rm -rf "$dir"
	mv -T "$tmp" "$dir"
}

ensure() {
	! stale "$@" || fetch "$@"
}

# Sets R RELEASE SECOND DEBS.
prepare() {
	local entry ROOT=''
	entry=$("$TREE/scripts/kernel" "$(kernel_of "$SUITE")" | grep -E '^(RELEASE|ROOT)=')
	eval "$entry"
	mount_root "$ROOT"
	DEBS=$CACHE/dkms/$SUITE-$FLAVOUR
	with_lock "dkms-$SUITE" ensure "$DEBS" "$RELEASE $(stat -c %W.%i "$ROOT")"
	SECOND=$(<"$DEBS/release")
	# Without lists apt has to take the cached packages, and needs no network.
	rm -rf "$R"/var/lib/apt/lists/*
	copy_tree
}

# This tree as /root/reuse in $R.
copy_tree() {
	rm -rf "$R/root/$NAME"
	mkdir "$R/root/$NAME"
	tar -C "$TREE" --exclude=./.git -c . | tar -C "$R/root/$NAME" -x --no-same-owner
}

# make_small DIR: the module in that copy of the tree becomes one of two objects that does
# nothing, for tests of how a module is built and installed: the whole one takes half a minute.
# Makefile, dkms.conf and the rest of Kbuild stay.
make_small() {
	sed -i -e '/^reuse-[^ ]* += /d' -e 's|^reuse-y := .*|reuse-y := module/main.o module/semantics/rules.o|' "$1/Kbuild"
	cat >"$1/module/main.c" <<-END
		#include <linux/module.h>

		MODULE_DESCRIPTION("Nothing");
		MODULE_VERSION(REUSE_VERSION);
		MODULE_LICENSE("GPL");
	END
}

# is STRING PATTERN: a shell pattern.
is() {
	# shellcheck disable=SC2053
	[[ $1 == $2 ]] || { echo "got '$1', wanted '$2'"; return 1; }
}

# apt_install DIR [PACKAGE...]: all that fetch has put there, or these, which need no more of it.
# An initramfs takes long and is nothing to dkms.
apt_install() {
	local dir=$1
	shift
	[ $# != 0 ] || set -- '*'
	IN_ROOT_MNT=$dir INITRD=No in_r sh -c 'apt-get -q -y install '"$(printf '/mnt/%s.deb ' "${@/%/_*}")"
}

# headers_of RELEASE: a copy of the first kernel's headers, good enough to build with.
headers_of() {
	cp -a "$R/usr/src/linux-headers-$RELEASE" "$R/usr/src/linux-headers-$1"
	in_r sh -euc 'mkdir "/lib/modules/$1"; ln -s "/usr/src/linux-headers-$1" "/lib/modules/$1/build"' - "$1"
}

# What the tests of this script print, whole
RESULTS=${0##*/}
RESULTS=$CACHE/log/${RESULTS#check-}
PASSED=0 FAILED=0 SKIPPED=0

# run_test PREFIX "FUNCTION: WHAT"
run_test() {
	local what=$1${2#*: } log=$RESULTS-test-$$ rc start=$SECONDS n=$((PASSED + FAILED + SKIPPED + 1))
	# A plain subshell: where its status is asked for at once, set -e has no effect.
	set +e
	(
		set -e
		"t_${2%%:*}"
	) >"$log" 2>&1 </dev/null
	rc=$?
	set -e
	case $rc in
	0) PASSED=$((PASSED + 1)); echo "ok $n $what" ;;
	4) SKIPPED=$((SKIPPED + 1)); echo "ok $n $what # SKIP $(tail -n 1 "$log")" ;;
	*)
		FAILED=$((FAILED + 1))
		tail -n 30 "$log" | sed 's/^/# /'
		echo "not ok $n $what"
		;;
	esac
	{ echo "== $what: status $rc, $((SECONDS - start)) s"; cat "$log"; } >>"$RESULTS"
	rm "$log"
}


# run_in_namespace ARGUMENT...: main of the script, with mounts that end with it.
run_in_namespace() {
	case ${1:-} in
	-h | --help) usage; exit 0 ;;
	--namespace) shift; main "$@" ;;
	*)
		need_root
		exec unshare --mount --propagation private "$0" --namespace "$@"
		;;
	esac
}
