# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernels that are built from Debian's linux-source, for scripts/kernel: the
# flavours that Debian does not have. Each is selftests/kconfig/base.config with the
# fragment of its name.

# What some of these kernels do not know any more: PROC_SYSCTL is SYSCTL since 7.3, DCCP
# went with 6.16. Any other name that one does not know is an error: it has a new name.
SOURCE_GONE="PROC_SYSCTL IP_DCCP"

SOURCE_TOOLS=(make gcc flex bison bc libelf-dev libssl-dev python3-minimal cpio kmod xz-utils lz4 rsync perl)

# source_config FLAVOUR: what is set twice has the last value.
source_config() {
	cat "$TREE/selftests/kconfig/base.config" "$TREE/selftests/kconfig/$1.config" | tac | awk -F= '/^CONFIG_/ && !seen[$1]++' | tac
}

# source_version SUITE K FLAVOUR: what decides whether a kernel is built again.
source_version() {
	local version
	version=$(archive_candidate "$1" "linux-source-$2")
	echo "$version config $(source_config "$3" | md5sum | cut -c1-12)"
	[ -n "$version" ]
}

# source_choice SUITE K FLAVOUR: for archive_fetch, "linux-source-K" and the version as its label.
source_choice() {
	echo "linux-source-$2 $(source_version "$@" || true)|${SOURCE_TOOLS[*]}|linux-source-$2"
}

# source_changed ENTRY FLAVOUR: true if it was built with another configuration.
source_changed() {
	from_source "$2" && [ "$(sed 's/.* //' "$1/version")" != "$(source_config "$2" | md5sum | cut -c1-12)" ]
}

# In the root: $1 is the series, $2 what it need not know, /usr/src/config the fragments.
# What is asked for and not granted is an error.
# shellcheck disable=SC2016 # the inner shell expands it
SOURCE_BUILD='
cd /usr/src
dpkg-deb --fsys-tarfile linux-source-*.deb | tar -xO --wildcards "*/linux-source-*.tar.xz" | xz -T0 -dc | tar -x
rm linux-source-*.deb
cd "linux-source-$1"
make KCONFIG_ALLCONFIG=/usr/src/config allnoconfig
while IFS== read -r name value; do
	case $name in CONFIG_*) ;; *) continue ;; esac
	if [ "$value" = n ]; then
		! grep -q "^$name=" .config || refused="${refused:-} $name=n"
	elif ! grep -qx "$name=$value" .config; then
		case " $2 " in
		*" ${name#CONFIG_} "*)
			! grep -rqx "[	 ]*\(menu\)\?config ${name#CONFIG_}" --include="Kconfig*" . ||
				refused="${refused:-} $name=$value" ;;
		*) refused="${refused:-} $name=$value" ;;
		esac
	fi
done </usr/src/config
[ -z "${refused:-}" ] || { echo "the configuration does not get: $refused"; exit 1; }
make -j"$(nproc)" bzImage modules
rel=$(make -s kernelrelease)
mkdir -p /usr/src/made/boot
make -s modules_install INSTALL_MOD_PATH=/usr/src/made
cp arch/x86/boot/bzImage "/usr/src/made/boot/vmlinuz-$rel"
make -s run-command KBUILD_RUN_COMMAND="\$(srctree)/scripts/package/install-extmod-build /usr/src/linux-headers-$rel"
cp .config "/usr/src/linux-headers-$rel/"
echo "$rel" >/usr/src/made/release
rm -rf "/usr/src/linux-source-$1"'

# source_entry DIR K FLAVOUR SUITE: makes the contents of a cache entry there.
source_entry() {
	local dir=$1 k=$2 flavour=$3 suite=$4 log=$CACHE/log/kernel-$2-$3 rel got=$1/fetched
	say "kernel $k: fetching Debian's linux-source-$k with a root of Debian $suite"
	archive_fetch "$suite" "$got" source_choice "$suite" "$k" "$flavour" || exit 1
	build_root "$suite" "$got" "$dir/root" "${SOURCE_TOOLS[@]}" || exit 1
	sed 's/^[^ ]* //' "$got/choice" >"$dir/version"
	mv "$got/only/"*.deb "$dir/root/usr/src/"
	rm -rf "$got"
	say "kernel $k: building it with selftests/kconfig/$flavour.config (some 10 minutes; see $log)"
	source_config "$flavour" >"$dir/root/usr/src/config"
	in_root "$dir/root" bash -euo pipefail -c "$SOURCE_BUILD" - "$k" "$SOURCE_GONE" </dev/null >"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		[ "$(archive_room)" -ge 4 ] || { no_room_for "building $k" || exit 1; }
		die "cannot build $k (whole log: $log)"
	}
	rel=$(<"$dir/root/usr/src/made/release")
	mv "$dir/root/usr/src/made/"* "$dir/"
	rm -rf "$dir/root/usr/src/made" "$dir/lib/modules/$rel/build"
}
