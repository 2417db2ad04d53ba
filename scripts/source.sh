# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernels that are built from Debian's linux-source, for scripts/kernel: the
# flavours that Debian does not have. Each is base.config with the fragment of its name, in
# selftests/kconfig/ or in selftests/kconfig/small/, whose kernels have only what few tests
# need. All flavours of a series share a root, with the source and the compilers.

# What some of these kernels do not know any more: PROC_SYSCTL is SYSCTL since 7.3, DCCP
# went with 6.16. Any other name that one does not know is an error: it has a new name.
SOURCE_GONE="PROC_SYSCTL IP_DCCP"

SOURCE_TOOLS=(make gcc flex bison bc libelf-dev libssl-dev python3-minimal cpio kmod xz-utils lz4 rsync perl)
# Some flavours need these besides
SOURCE_CLANG=(clang lld llvm)
SOURCE_CROSS=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)

# source_dir FLAVOUR: where its fragment and its base are.
source_dir() {
	local dir=$TREE/selftests/kconfig
	[ ! -e "$dir/small/$1.config" ] || dir+=/small
	echo "$dir"
}

# source_config FLAVOUR: what is set twice has the last value.
source_config() {
	local dir base ARCH FOREIGN CROSS_MAKE
	dir=$(source_dir "$1")
	set_arch "$1"
	base=("$dir/base.config" "$dir/base-$ARCH.config")
	[ -e "${base[1]}" ] || base=("${base[0]}")
	cat "${base[@]}" "$dir/$1.config" | tac | awk -F= '/^CONFIG_/ && !seen[$1]++' | tac
}

# source_version SUITE K FLAVOUR: what decides whether a kernel is built again.
source_version() {
	local version
	version=$(archive_candidate "$1" "linux-source-$2")
	echo "$version config $(source_config "$3" | md5sum | cut -c1-12)"
	[ -n "$version" ]
}

# source_choice SUITE K: for archive_fetch, "linux-source-K" and the version as its label.
source_choice() {
	echo "linux-source-$2 $(archive_candidate "$1" "linux-source-$2")|${SOURCE_TOOLS[*]}|linux-source-$2"
}

# source_changed ENTRY FLAVOUR: true if it was built with another configuration.
source_changed() {
	from_source "$2" && [ "$(sed 's/.* //' "$1/version")" != "$(source_config "$2" | md5sum | cut -c1-12)" ]
}

# source_root K SUITE: sets SOURCE_ROOT to a root with the newest source of that series, and
# SOURCE_VERSION to its version. Older ones go when no kernel was made in them.
source_root() {
	local k=$1 suite=$2 new=$CACHE/source/.$1 dir
	mkdir -p "$CACHE/source"
	SOURCE_VERSION=$(archive_locked "$suite" source_newest "$suite" "$k") || exit 1
	SOURCE_ROOT=$CACHE/source/$k-$SOURCE_VERSION
	[ ! -e "$SOURCE_ROOT" ] || return 0
	for dir in "$CACHE/source/$k"-*; do
		[ -n "$(find "$CACHE/kernel/" -maxdepth 2 -lname "*/source/${dir##*/}")" ] || remove_root "$dir"
	done
	remove_root "$new" "$new.fetched"
	say "kernel $k: fetching Debian's linux-source-$k with a root of Debian $suite"
	archive_fetch "$suite" "$new.fetched" source_choice "$suite" "$k" || exit 1
	build_root "$suite" "$new.fetched" "$new" "${SOURCE_TOOLS[@]}" || exit 1
	dpkg-deb --fsys-tarfile "$new.fetched/only/"*.deb | tar -xO --wildcards '*/linux-source-*.tar.xz' |
		xz -T0 -dc | tar -x -C "$new/usr/src" || unpack_failed "linux-source-$k" "the source"
	remove_root "$new.fetched"
	mv -T "$new" "$SOURCE_ROOT"
}

source_newest() {
	archive_update "$1" && archive_candidate "$1" "linux-source-$2" | grep .
}

# source_tools LOG PACKAGE...: sees to it that SOURCE_ROOT has these, too.
source_tools() {
	local log=$1
	shift
	! in_root "$SOURCE_ROOT" dpkg-query -W "$@" >/dev/null 2>&1 || return 0
	refresh_root_net "$SOURCE_ROOT"
	say "adding ${*} to the root of the source"
	# The lists that the root was made with may name packages that the archive no longer has
	in_root "$SOURCE_ROOT" sh -ec 'apt-get -q update; apt-get -q -y install "$@"' - "$@" </dev/null >"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		die "cannot install $* (whole log: $log)"
	}
}

# In the root: $1 is the series, $2 what it need not know, $3 the flavour, $4 where the image
# will be, $5 ... go to make. What is asked for and not granted is an error. Without an image
# only the headers are made.
# shellcheck disable=SC2016 # the inner shell expands it
SOURCE_BUILD='
k=$1 gone=$2 flavour=$3 image=$4
shift 4
out=/usr/src/build-$k-$flavour made=/usr/src/made-$k-$flavour
rm -rf "$out" "$made"
mkdir -p "$out" "$made/boot"
cd "/usr/src/linux-source-$k"
make=(make O="$out" "$@")
config=/usr/src/config-$k-$flavour
"${make[@]}" KCONFIG_ALLCONFIG="$config" allnoconfig
while IFS== read -r name value; do
	case $name in CONFIG_*) ;; *) continue ;; esac
	if [ "$value" = n ]; then
		! grep -q "^$name=" "$out/.config" || refused="${refused:-} $name=n"
	elif ! grep -qx "$name=$value" "$out/.config"; then
		case " $gone " in
		*" ${name#CONFIG_} "*)
			! grep -rqx "[	 ]*\(menu\)\?config ${name#CONFIG_}" --include="Kconfig*" . ||
				refused="${refused:-} $name=$value" ;;
		*) refused="${refused:-} $name=$value" ;;
		esac
	fi
done <"$config"
[ -z "${refused:-}" ] || { echo "the configuration does not get: $refused"; exit 1; }
if [ -n "$image" ]; then
	"${make[@]}" -j"$(nproc)" "${image##*/}" modules
	"${make[@]}" -s modules_install INSTALL_MOD_PATH="$made"
else
	"${make[@]}" -j"$(nproc)" modules_prepare
	touch "$out/Module.symvers"
fi
rel=$("${make[@]}" -s kernelrelease)
[ -z "$image" ] || cp "$out/$image" "$made/boot/vmlinuz-$rel"
rm -rf "/usr/src/linux-headers-$rel"
"${make[@]}" -s run-command KBUILD_RUN_COMMAND="\$(srctree)/scripts/package/install-extmod-build /usr/src/linux-headers-$rel"
cp "$out/.config" "/usr/src/linux-headers-$rel/"
# HOSTCC has made these, whatever CC is
cp "$out/scripts/basic/fixdep" "/usr/src/linux-headers-$rel/scripts/basic/"
cp "$out/scripts/mod/modpost" "/usr/src/linux-headers-$rel/scripts/mod/"
echo "$rel" >"$made/release"
rm -rf "$out" "$config"'

# source_make FLAVOUR: sets MAKE_ARGS to what make needs to build that kernel, PACKAGES to the
# packages, and IMAGE to where make puts the image; none if the module does not build for it.
source_make() {
	local dir
	dir=$(source_dir "$1")
	MAKE_ARGS=() PACKAGES=() IMAGE=arch/x86/boot/bzImage
	if [ "$ARCH" = arm64 ]; then
		MAKE_ARGS+=("${CROSS_MAKE[@]}")
		PACKAGES+=("${SOURCE_CROSS[@]}")
		IMAGE=arch/arm64/boot/Image
	elif grep -qx CONFIG_CC_IS_CLANG=y "$dir/$1.config"; then
		MAKE_ARGS+=(LLVM=1)
		PACKAGES+=("${SOURCE_CLANG[@]}")
	elif [[ $dir = */small ]]; then
		# A file that a configuration does not change is compiled once for all
		MAKE_ARGS+=(CC='ccache gcc')
		PACKAGES+=(ccache)
	fi
	! grep -q '^# refused: ' "$dir/$1.config" || IMAGE=''
}

# source_entry DIR K FLAVOUR SUITE: makes the contents of a cache entry there.
source_entry() {
	local dir=$1 k=$2 flavour=$3 suite=$4 log=$CACHE/log/kernel-$2-$3 rel made MAKE_ARGS PACKAGES IMAGE
	# shellcheck disable=SC2034 # the root has packages of amd64 alone, whatever the kernel is for
	local SOURCE_ROOT SOURCE_VERSION FOREIGN=''
	with_lock "source-$k" source_root "$k" "$suite"
	source_make "$flavour"
	[ ${#PACKAGES[@]} = 0 ] || with_lock "source-$k" source_tools "$log" "${PACKAGES[@]}"
	echo "$SOURCE_VERSION config $(source_config "$flavour" | md5sum | cut -c1-12)" >"$dir/version"
	ln -s "../../source/${SOURCE_ROOT##*/}" "$dir/root"
	say "kernel $k: building it with $(source_dir "$flavour" | sed "s|^$TREE/||")/$flavour.config (see $log)"
	source_config "$flavour" >"$SOURCE_ROOT/usr/src/config-$k-$flavour"
	in_root "$SOURCE_ROOT" bash -euo pipefail -c "$SOURCE_BUILD" - "$k" "$SOURCE_GONE" "$flavour" "$IMAGE" "${MAKE_ARGS[@]}" \
		</dev/null >"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		[ "$(archive_room)" -ge 4 ] || { no_room_for "building $k" || exit 1; }
		die "cannot build $k (whole log: $log)"
	}
	made=$SOURCE_ROOT/usr/src/made-$k-$flavour
	rel=$(<"$made/release")
	mv "$made/"* "$dir/"
	rm -rf "$made" "$dir/lib/modules/$rel/build"
}
