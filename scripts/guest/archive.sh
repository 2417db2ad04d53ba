# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The guest of scripts/vm: its initramfs.

# Programs of the host that the guest gets beside busybox.
GUEST_PROGRAMS="bash ip ss tc nft setpriv unshare nsenter"
# Modules that it gets, with their dependencies, where the kernel has them as modules.
GUEST_MODULES="virtio_pci virtio_mmio virtio_console dummy veth vrf tun ifb bridge 8021q macvlan ipvlan
	inet_diag tcp_diag udp_diag raw_diag unix_diag netlink_diag mptcp_diag af_packet_diag tls sctp sctp_diag
	sch_netem sch_ingress act_mirred cls_u32 cls_basic cls_bpf ipip sit ip6_tunnel nf_tables nft_queue
	nft_ct nft_tproxy nfnetlink_queue dccp_ipv4 dccp_ipv6 lkdtm binfmt_misc"

# base_archive NAME MODDIR RELEASE: path of the cpio with everything that does not
# change between runs: made again when the host's programs or the kernel did.
base_archive() {
	local file key
	need busybox-static cpio iproute2 nftables util-linux bash kmod xz-utils zstd
	mkdir -p "$CACHE/vm"
	key=$({
		# shellcheck disable=SC2046,SC2086
		stat -L -c '%n %s %Y' /bin/busybox "$TREE/scripts/guest.sh" "$TREE/scripts/guest-init" \
			$(type -P $GUEST_PROGRAMS) ${2:+"$2/modules.dep"}
	} | md5sum | cut -c1-12)
	file=$CACHE/vm/base-$1.$key
	[ -s "$file" ] || with_lock "base-$1" make_base_archive "$file" "$1" "$2" "$3"
	echo "$file"
}

make_base_archive() {
	local file=$1 name=$2 moddir=$3 release=$4 root
	[ ! -s "$file" ] || return 0
	root=$(mktemp -d "$CACHE/vm/.base.XXXXXX")
	mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,run,tmp,etc,root,mnt,lib64,var}
	cp "$TREE/scripts/guest-init" "$root/init"
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
	(cd "$1" && find . | cpio --quiet -o -H newc --owner 0:0) >"$2"
}

# add_programs ROOT NAME...: programs of the host with the libraries they need.
add_programs() {
	local root=$1 p path lib
	shift
	for p; do
		path=$(type -P "$p") || die "no program $p on this machine"
		cp -L "$path" "$root/bin/"
		while read -r lib; do
			mkdir -p "$root${lib%/*}"
			cp -L -n "$lib" "$root$lib"
		done < <(ldd "$path" 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*')
	done
}

add_busybox() {
	local root=$1 applet
	cp /bin/busybox "$root/bin/"
	for applet in $(busybox --list); do
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
		modprobe -d "${moddir%/lib/modules/*}" -S "$release" --show-depends "$m" 2>/dev/null || true
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r f; do
		m=$to/${f##*/}
		case $f in
		*.xz) xz -dc "$f" >"${m%.xz}" ;;
		*.zst) zstd -qdc "$f" >"${m%.zst}" ;;
		*.gz) gzip -dc "$f" >"${m%.gz}" ;;
		*) cp "$f" "$m" ;;
		esac
	done
	depmod -b "$root" "$release" 2>/dev/null
}

# run_archive FILE MODULE COMMAND...: the cpio of this run: module, files, command.
run_archive() {
	local file=$1 module=$2 root=$1.d f src dest
	shift 2
	mkdir -p "$root/etc"
	if [ -n "$module" ]; then
		[ -r "$module" ] || die "cannot read $module"
		mkdir -p "$root/lib/modules"
		cp "$module" "$root/lib/modules/reuse.ko"
	fi
	for f in "${FILES[@]}"; do
		src=${f%%:*}
		dest=/${src##*/}
		[ "$f" = "$src" ] || dest=${f#*:}
		[ -e "$src" ] || die "no file $src"
		mkdir -p "$root/${dest%/*}"
		cp -aLT "$src" "$root/$dest"
	done
	if [ ${#PROGRAMS[@]} -gt 0 ]; then
		mkdir -p "$root/bin"
		add_programs "$root" "${PROGRAMS[@]}"
	fi
	if [ -n "$SCRIPT" ]; then
		[ -r "$SCRIPT" ] || die "cannot read $SCRIPT"
		install -m 755 "$SCRIPT" "$root/etc/script"
		set -- /etc/script "$@"
	elif [ $# = 1 ]; then
		set -- bash -c "$1"
	fi
	printf '%q ' "$@" >"$root/etc/command"
	printf '%s=%q\n' MARK "$MARK" INSMOD_ARGS "$INSMOD_ARGS" GET "$GET" SHELL_MODE "$SHELL_MODE" \
		TTY_SIZE "$(stty size 2>/dev/null || echo 24 80)" >"$root/etc/vm.conf"
	pack "$root" "$file"
}
