# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The guest of scripts/vm: its initramfs. Sourced by it, after scripts/tools.sh.

# Programs that the guest gets beside busybox.
GUEST_PROGRAMS="bash ip ss tc nft setpriv unshare nsenter"
# Modules that it gets, with their dependencies, where the kernel has them as modules.
GUEST_MODULES="ipv6 virtio_pci virtio_mmio virtio_console dummy veth vrf tun ifb bridge 8021q macvlan ipvlan
	inet_diag tcp_diag udp_diag raw_diag unix_diag netlink_diag mptcp_diag af_packet_diag tls sctp sctp_diag
	sch_netem sch_ingress act_mirred cls_u32 cls_basic cls_bpf ipip sit ip6_tunnel nf_tables nft_queue
	nft_ct nft_tproxy nft_socket nft_reject_inet nfnetlink_queue wireguard dccp_ipv4 dccp_ipv6 lkdtm binfmt_misc"

# base_archive NAME MODDIR RELEASE: path of the cpio with everything that does not
# change between runs: made again when the programs or the kernel did.
base_archive() {
	local file key p
	mkdir -p "$CACHE/vm"
	key=$({
		for p in busybox $GUEST_PROGRAMS; do
			guest_path "$p" || die "no program $p on this machine: install it"
		done
		printf '%s\n' "$TREE"/scripts/guest/{archive.sh,init} ${2:+"$2/modules.dep"}
	} | xargs -d '\n' stat -L -c '%n %s %Y' | md5sum | cut -c1-12)
	file=$CACHE/vm/base-$1.$key
	[ -s "$file" ] || with_lock "base-$1" make_base_archive "$file" "$1" "$2" "$3"
	echo "$file"
}

make_base_archive() {
	local file=$1 name=$2 moddir=$3 release=$4 root
	[ ! -s "$file" ] || return 0
	root=$(mktemp -d "$CACHE/vm/.base.XXXXXX")
	mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,etc,root,mnt,lib64,var}
	cp "$TREE/scripts/guest/init" "$root/init"
	chmod 755 "$root/init"
	# shellcheck disable=SC2086
	add_programs "$root" $GUEST_PROGRAMS
	add_busybox "$root"
	[ -z "$moddir" ] || add_modules "$root" "$moddir" "$release"
	printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	pack "$root" "$root.cpio"
	rm -rf "$root" "$CACHE/vm/base-$name".*
	mv "$root.cpio" "$file"
}

# pack DIR FILE
pack() {
	(cd "$1" && find . | tool cpio --quiet -o -H newc --owner 0:0) >"$2"
}

# add_programs ROOT NAME...: with the libraries they need, where the loader looks for them.
add_programs() {
	local root=$1 p path lib to
	shift
	for p; do
		path=$(guest_path "$p")
		cp -L "$path" "$root/bin/$p"
		while read -r lib; do
			to=$root${lib#"$GUEST"}
			mkdir -p "${to%/*}"
			cp -L -n "$lib" "$to"
		done < <(tool_libraries "$path")
	done
}

# add_own_program ROOT PATH: a program of this machine, with its own loader and libraries
# in a place of their own: those of the other programs may be of another release.
add_own_program() {
	local root=$1 path=$2 name=${2##*/} libraries lib loader=''
	libraries=$(ldd "$path" 2>/dev/null | sed -n 's/.*=> \(\/.*\) (0x.*/\1/p; s/^[[:space:]]*\(\/.*\) (0x.*/\1/p') || true
	if [ -z "$libraries" ]; then
		cp -L "$path" "$root/bin/"
		return
	fi
	mkdir -p "$root/opt/$name"
	while read -r lib; do
		cp -L "$lib" "$root/opt/$name/"
		case ${lib##*/} in ld-*) loader=${lib##*/} ;; esac
	done <<<"$libraries"
	[ -n "$loader" ] || die "cannot tell which loader $path needs"
	cp -L "$path" "$root/opt/$name/"
	printf '#!/bin/sh\nexec %q --library-path %q %q "$@"\n' "/opt/$name/$loader" "/opt/$name" \
		"/opt/$name/$name" >"$root/bin/$name"
	chmod 755 "$root/bin/$name"
}

add_busybox() {
	local root=$1 applet busybox
	busybox=$(guest_path busybox)
	cp -L "$busybox" "$root/bin/busybox"
	# Of another architecture, it has the applets of the one that runs here
	[ "$ARCH" = amd64 ] || busybox=$(tool_path busybox)
	for applet in $("$busybox" --list); do
		[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
	done
	ln -s /bin/modprobe "$root/sbin/modprobe"
	ln -s /bin/env "$root/usr/bin/env"
}

# add_modules ROOT MODDIR RELEASE: uncompressed, as busybox loads those quickest.
add_modules() {
	local root=$1 moddir=$2 release=$3 to=$1/lib/modules/$3 m f
	mkdir -p "$to"
	cp "$moddir"/modules.{builtin,builtin.modinfo,order} "$to/" 2>/dev/null || true
	for m in $GUEST_MODULES; do
		tool modprobe -C /dev/null -d "${moddir%/lib/modules/*}" -S "$release" --show-depends "$m" 2>/dev/null || true
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r f; do
		m=$to/${f##*/}
		case $f in
		*.xz) tool xz -dc "$f" >"${m%.xz}" ;;
		*.zst) tool zstd -qdc "$f" >"${m%.zst}" ;;
		*.gz) gzip -dc "$f" >"${m%.gz}" ;;
		*) cp "$f" "$m" ;;
		esac
	done
	tool depmod -b "$root" "$release" 2>/dev/null
}

# copy_file SRC DEST: a directory with all that is below it, but for device nodes, sockets
# and fifos. A link that is met below it stays a link, wherever it points.
copy_file() {
	local src=$1 dest=$2
	mkdir -p "${dest%/*}"
	if [ -d "$src" ]; then
		mkdir -p "$dest"
		dest=$(cd "$dest" && pwd)
		(cd "$src" && find . ! -type b ! -type c ! -type p ! -type s -print0 |
			tool cpio --quiet -0 -p -d -m -u "$dest") || die "cannot copy all of $src"
	else
		cp -L -p -T "$src" "$dest"
	fi
}

# check_files: says what is wrong with --file, --module and --script, before anything is built.
check_files() {
	local f src dest
	for f in "${FILES[@]}"; do
		src=${f%%:*} dest=${f#*:}
		[ -e "$src" ] || bad_usage "--file: no file $src"
		[ -f "$src" ] || [ -d "$src" ] || bad_usage "--file: $src is neither a file nor a directory"
		[[ /$dest/ != */../* ]] || [ "$f" = "$src" ] || bad_usage "--file $f: no .. after the colon"
	done
	# shellcheck disable=SC2153 # scripts/vm sets it
	for f in "$MODULE" "$SCRIPT"; do
		[ -z "$f" ] || { [ -r "$f" ] && [ ! -d "$f" ]; } || bad_usage "cannot read the file $f"
	done
}

# run_archive FILE MODULE COMMAND...: the cpio of this run: module, files, command.
run_archive() {
	local file=$1 module=$2 root=$1.d f src dest
	shift 2
	mkdir -p "$root"/{bin,etc}
	if [ -n "$module" ]; then
		[ -r "$module" ] || die "cannot read $module"
		mkdir -p "$root/lib/modules"
		cp "$module" "$root/lib/modules/reuse.ko"
	fi
	for f in "${FILES[@]}"; do
		src=${f%%:*}
		dest=/$(basename -- "$src")
		[ "$f" = "$src" ] || dest=${f#*:}
		copy_file "$src" "$root/$dest"
	done
	for f in "${PROGRAMS[@]}"; do
		if [[ $f != */* ]] && guest_path "$f" >/dev/null; then
			add_programs "$root" "$f"
		else
			[ "$ARCH" = amd64 ] || die "no program $f for $ARCH"
			src=$(type -P "$f") || die "no program $f on this machine"
			add_own_program "$root" "$src"
		fi
	done
	if [ -n "$SCRIPT" ]; then
		[ -r "$SCRIPT" ] || die "cannot read $SCRIPT"
		install -m 755 "$SCRIPT" "$root/etc/script"
		set -- /etc/script "$@"
	elif [ $# = 1 ]; then
		set -- bash -c "$1"
	fi
	printf '%q ' "$@" >"$root/etc/command"
	printf '%s=%q\n' MARK "$MARK" INSMOD_ARGS "$INSMOD_ARGS" GET "$GET" SHELL_MODE "$SHELL_MODE" \
		SERIAL "$SERIAL" TTY_SIZE "$(stty size 2>/dev/null || echo 24 80)" >"$root/etc/vm.conf"
	pack "$root" "$file"
}
