# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debian's archive: which one this machine uses, what it has, and downloads that
# survive its changes. It is asked with this machine's apt, but with a state of its
# own for each suite ($CACHE/apt/SUITE), so that nothing of the machine's is touched. Where
# $FOREIGN is set, packages of both are known, in a state of their own (SUITE-arm64).
# Sourced by lib.sh. These functions may be called where bash ignores failures.

# Status of what failed for want of room, so that nothing tries again.
NO_ROOM=28

# Options of this machine's apt that concern the network; not what it indexes.
host_options() {
	apt-config dump | grep '^Acquire::' | grep -viE '^Acquire::(IndexTargets|GzipIndexes|Languages|CompressionTypes)'
}

# source_files SOURCES: the lists of mirrors that these lines of sources.list name, files of
# the host.
source_files() {
	{ grep -o 'mirror+[a-z]*:[^ ]*' <<<"$1" || true; } | sed 's|^[^:]*:/*|/|' | sort -u
}

# The options that a root needs too, if it asks SOURCES. It has neither the command that may
# find a proxy here, so that what this says is written down, nor certificates.
host_proxies() {
	local options files url host proxy ca=/etc/ssl/certs/ca-certificates.crt
	echo '# As on the host'
	type -P apt-config >/dev/null || return 0
	options=$(apt-config dump)
	grep -iE '^Acquire::(https?::Proxy(::[^ ]+)?|https::[^ ]*(CaInfo|IssuerCert|SslCert|SslKey|CrlFile|Verify-[a-z]+)|Check-[A-Za-z-]+) ' <<<"$options" || true
	grep -qi '^Acquire::https::CaInfo "[^"]' <<<"$options" || [ ! -e $ca ] || echo "Acquire::https::CaInfo \"$ca\";"
	grep -qiE '^Acquire::https?::Proxy-?Auto-?Detect "[^"]' <<<"$options" || return 0
	mapfile -t files < <(source_files "$1")
	{ grep -ohE 'https?://[^ ]+' - "${files[@]}" <<<"$1" || true; } | sort -u | while read -r url; do
		host=${url#*://} host=${host%%/*} host=${host##*@} host=${host%:*}
		proxy=$(timeout 60 /usr/lib/apt/apt-helper auto-detect-proxy "$url" 2>/dev/null </dev/null |
			sed -n "s/^Using proxy '\(..*\)' for URL .*/\1/p") || true
		[ -z "$proxy" ] || echo "Acquire::${url%%:*}::Proxy::$host \"$proxy\";"
	done
}

# host_targets APT-OPTION...: LABEL|URI|FILE:N of each source of Debian that this
# machine's apt has; apt knows by the Release file whose it is.
host_targets() {
	# shellcheck disable=SC2016 # apt expands it
	apt-get "$@" indextargets \
		--format '$(IDENTIFIER)|$(ORIGIN)|$(COMPONENT)|$(LABEL)|$(REPO_URI)|$(SOURCESENTRY)' |
		sed -n 's/^Packages|Debian|main|//p' | grep -v '|cdrom:'
}

# The same for a machine that has not run apt-get update: its lists are fetched.
host_targets_asked() {
	local own=(-o "Dir::State::Lists=$CACHE/apt/host") SOURCELIST='' SOURCEPARTS=''
	eval "$(apt-config shell SOURCELIST Dir::Etc::sourcelist/f SOURCEPARTS Dir::Etc::sourceparts/d)"
	mkdir -p "$CACHE/apt/host/partial" || return
	host_targets "${own[@]}" && return
	{
		host_options
		printf '%s "%s";\n' Dir::Etc::main /dev/null Dir::Etc::parts /dev/null \
			Dir::Etc::sourcelist "$SOURCELIST" Dir::Etc::sourceparts "$SOURCEPARTS" \
			Acquire::IndexTargets::deb-src::Sources::DefaultEnabled false \
			Acquire::GzipIndexes true Acquire::Languages none APT::Sandbox::User root
	} >"$CACHE/apt/host.conf"
	APT_CONFIG=$CACHE/apt/host.conf timeout 300 apt-get -q "${own[@]}" update >"$CACHE/log/apt-host" 2>&1 </dev/null
	host_targets "${own[@]}"
}

# entry_signed_by FILE:N: what is set there, in entry N of a deb822 file or line N of another.
entry_signed_by() {
	case ${1%:*} in
	*.sources)
		grep -v '^#' "${1%:*}" | awk -v n="${1##*:}" '
			BEGIN { RS = ""; FS = "\n" }
			NR == n {
				for (i = 1; i <= NF; i++) {
					if ($i !~ /^[ \t]/)
						on = tolower($i) ~ /^signed-by:/
					sub(/^[Ss][^:]*: */, "", $i)
					if (on && $i != "")
						print $i
				}
			}'
		;;
	*) sed -n "${1##*:}{s/.*[[ ]signed-by=\([^] ]*\).*/\1/p}" "${1%:*}" ;;
	esac
}

# archive_put FILE: has what comes on stdin, at once: another run may be reading it.
archive_put() {
	local new=$1.$BASHPID
	cat >"$new" && if cmp -s "$new" "$1"; then rm "$new"; else mv "$new" "$1"; fi
}

# entry_keys NAME FILE:N: copies the keys that sign it to $CACHE/apt/keys; prints
# the option for a line of sources.list, with KEYS for where they are.
entry_keys() {
	local value key option=''
	value=$(entry_signed_by "$2" 2>/dev/null) || return 0
	case $value in
	'') ;;
	*-----BEGIN*)
		sed 's/^ //; s/^\.$//' <<<"$value" | archive_put "$CACHE/apt/keys/$1.asc"
		option=KEYS/$1.asc
		;;
	*)
		for key in ${value//,/ }; do
			case $key in
			/*)
				archive_put "$CACHE/apt/keys/$1-${key##*/}" <"$key" || return
				key=KEYS/$1-${key##*/}
				;;
			esac
			option=${option:+$option,}$key
		done
		;;
	esac
	echo "${option:+ signed-by=$option}"
}

# Prints MAIN= SECURITY= MAIN_KEYS= SECURITY_KEYS= of the archive to use.
find_archive() {
	local targets='' line main='' security='' main_keys='' security_keys=''
	make_cache
	mkdir -p "$CACHE/apt/keys" || return
	main=${REUSE_MIRROR:-} security=${REUSE_SECURITY_MIRROR:-}
	if [ -z "$main" ]; then
		targets=$(host_targets 2>"$CACHE/log/apt-host" ||
			archive_locked host host_targets_asked 2>>"$CACHE/log/apt-host") || true
		line=$(grep -m 1 '^Debian|' <<<"$targets") || {
			line=$(archive_error <"$CACHE/log/apt-host")
			say "this machine's apt has no source of Debian that answers: set REUSE_MIRROR to a mirror of Debian${line:+ ($line)}"
			return 1
		}
		main=$(cut -d '|' -f 2 <<<"$line")
		main_keys=$(entry_keys main "${line##*|}")
		if [ -z "$security" ] && line=$(grep -m 1 '^Debian-Security|' <<<"$targets"); then
			security=$(cut -d '|' -f 2 <<<"$line")
			security_keys=$(entry_keys security "${line##*|}")
		fi
	fi
	# Mirrors have both side by side; what one has not is reported, and done without.
	main=${main%/}
	security=${security%/}
	[ -n "$security" ] || { security=$main-security; security_keys=$main_keys; }
	# With file: apt does not copy, and a root does not see the files.
	printf '%s=%q\n' MAIN "${main/#file:/copy:}" SECURITY "${security/#file:/copy:}" \
		MAIN_KEYS "$main_keys" SECURITY_KEYS "$security_keys"
}

# archive_sources SUITE KEYS: lines of sources.list, with keys in the directory KEYS.
archive_sources() {
	local found main=amd64${FOREIGN:+,$FOREIGN} MAIN='' SECURITY='' MAIN_KEYS='' SECURITY_KEYS=''
	found=$(find_archive) || return
	eval "$found"
	# Tests have archives that nobody signed.
	[ -z "${REUSE_TRUSTED:-}" ] || main+=' trusted=yes'
	main="deb [arch=$main"
	echo "$main${MAIN_KEYS//KEYS/$2}] $MAIN $1 main"
	if [ "$1" = sid ]; then
		echo "$main${MAIN_KEYS//KEYS/$2}] $MAIN experimental main"
		return
	fi
	echo "$main${SECURITY_KEYS//KEYS/$2}] $SECURITY $1-security main"
	[[ $SERIES != *" $1-backports"* ]] || echo "$main${MAIN_KEYS//KEYS/$2}] $MAIN $1-backports main"
}

# archive_dir SUITE: where its state is.
archive_dir() { echo "$CACHE/apt/$1${FOREIGN:+-$FOREIGN}"; }

# archive_apt SUITE COMMAND...: a command of apt in the state of that suite.
archive_apt() {
	APT_CONFIG=$(archive_dir "$1")/apt.conf "${@:2}"
}

# archive_state SUITE: prepares that state.
archive_state() {
	local sources
	sources=$(archive_sources "$1" "$CACHE/apt/keys") || return
	state_files "$1" "$sources" 2>"$CACHE/log/apt-$1" && return
	say "cannot write to $(archive_dir "$1"): $(sed q "$CACHE/log/apt-$1")"
	return 1
}

# state_files SUITE SOURCES
state_files() {
	local dir f
	dir=$(archive_dir "$1")
	mkdir -p "$dir"/{etc/apt/apt.conf.d,etc/apt/preferences.d,lists/partial,cache/archives/partial,trusted} || return
	archive_put "$dir/etc/apt/sources.list" <<<"$2" || return
	: >"$dir/status"
	# Without signed-by, who signs is in here.
	for f in /etc/apt/trusted.gpg.d/*.{gpg,asc} /usr/share/keyrings/debian-archive-keyring.gpg; do
		[ ! -r "$f" ] || cp -L "$f" "$dir/trusted/" || return
	done
	{
		printf '%s "%s";\n' Acquire::Retries 2 Acquire::http::Timeout 20 Acquire::https::Timeout 20
		host_options
		printf '%s "%s";\n' Dir "$dir" Dir::State "$dir" Dir::State::status "$dir/status" \
			Dir::Cache "$dir/cache" Dir::Etc "$dir/etc/apt" Dir::Etc::trusted /dev/null \
			Dir::Etc::trustedparts "$dir/trusted" Dir::Etc::netrc /etc/apt/auth.conf \
			Dir::Etc::netrcparts /etc/apt/auth.conf.d Acquire::Languages none APT::Sandbox::User root \
			APT::Install-Recommends false APT::Update::Error-Mode any APT::Architecture amd64
		printf '%s\n' '#clear APT::Architectures;' "APT::Architectures { \"amd64\"; ${FOREIGN:+\"$FOREIGN\"; }};"
	} >"$dir/apt.conf"
}

# archive_logged LOG COMMAND...: what it prints goes to LOG, and to SAID, as a disk may be full.
archive_logged() {
	local log=$1 rc=0
	SAID=$("${@:2}" 2>&1 </dev/null) || rc=$?
	echo "$SAID" 2>/dev/null >"$log" || true
	return $rc
}

# The first of apt's errors on stdin, as one line.
archive_error() {
	sed -n '/^[EW]: /{s///p;q}'
}

# True if the command that was logged last failed for that.
no_room() {
	grep -qs 'No space left on device' <<<"$SAID" || [ "$(archive_room)" -lt 4 ]
}

# no_room_for WHAT [MB]: says so, with what it takes if that is known; NO_ROOM.
no_room_for() {
	say "no room for $1 in $CACHE: ${2:+it takes $2 MB, }$(archive_room) MB are free (REUSE_CACHE names another place)"
	return $NO_ROOM
}

# MB that are free for the cache.
archive_room() {
	df --output=avail -B1M "$CACHE" | tail -n 1 | tr -d ' '
}

# archive_update SUITE: 1, and a line, if the archive has it not, or does not answer. What
# goes with it (security, backports) may be missing.
archive_update() {
	local suite=$1 log=$CACHE/log/apt-$1 why
	[ "$(archive_room)" -ge 4 ] || { no_room_for "the package lists of Debian $suite" 'some 300'; return; }
	archive_state "$suite" || return
	archive_logged "$log" archive_apt "$suite" timeout 600 apt-get -q update && return 0
	if no_room; then
		no_room_for "the package lists of Debian $suite" 'some 300'
		return
	fi
	# What apt says of a suite names dists/SUITE/... or 'URI SUITE Release'.
	# shellcheck disable=SC2016 # apt expands it
	if why=$(grep -E -m 1 "^[EW]: .*(/dists/$suite/| $suite (In)?Release)" <<<"$SAID") ||
		! archive_apt "$suite" apt-get indextargets --format '$(RELEASE)' 2>/dev/null | grep -x "$suite" >/dev/null; then
		why=${why:-$(grep -m 1 '^[EW]: ' <<<"$SAID")} || true
		why=${why#[EW]: }
		say "cannot read Debian $suite: ${why:-no answer within 10 minutes}"
		return 1
	fi
	say "going on without a part of Debian $suite: $(archive_error <<<"$SAID")"
}

# archive_candidate SUITE PACKAGE: its version, or nothing: that apt knows the name does not
# mean that there is one.
archive_candidate() {
	archive_apt "$1" apt-cache policy "$2" 2>/dev/null </dev/null | sed -n 's/^ *Candidate: \([^(].*\)/\1/p'
}

# archive_planned SUITE install PACKAGE...: NAME=VERSION of all that this installs where nothing is.
archive_planned() {
	archive_apt "$1" apt-get -s -q "${@:2}" </dev/null 2>/dev/null |
		sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1=\2/p'
}

# room_for SUITE LABEL PACKAGE...: NO_ROOM, and a line, if these do not fit.
room_for() {
	local suite=$1 label=$2 need
	shift 2
	need=$(archive_apt "$suite" apt-cache show "$@" 2>/dev/null |
		awk '/^Installed-Size:/ { kb += $2 } /^Size:/ { kb += $2 / 1024 } END { print int(kb / 1024) + 16 }')
	[ "$(archive_room)" -lt "$need" ] || return 0
	no_room_for "$label" "some $need"
}

# archive_download SUITE DIR LABEL "INSTALL..." "ONLY...": INSTALL with all that they
# depend on, and what is essential, to DIR/debs; ONLY without to DIR/only.
archive_download() {
	local suite=$1 dir=$2 label=$3 install only log=$CACHE/log/download-$1 essential=()
	read -ra install <<<"$4"
	read -ra only <<<"$5"
	mkdir -p "$dir/debs" "$dir/only" || return
	if [ ${#install[@]} -gt 0 ]; then
		mapfile -t essential < <(archive_planned "$suite" dist-upgrade)
		mapfile -t install < <(archive_planned "$suite" install "${install[@]}")
		[ ${#install[@]} -gt 0 ] || { say "Debian $suite cannot install $4"; return 1; }
	fi
	room_for "$suite" "$label" "${essential[@]}" "${install[@]}" "${only[@]}" || return
	mapfile -t install < <(printf '%s\n' "${essential[@]}" "${install[@]}" | grep . | sort -u)
	{ [ ${#install[@]} = 0 ] || archive_logged "$log" archive_get "$suite" "$dir/debs" "${install[@]}"; } &&
		{ [ ${#only[@]} = 0 ] || archive_logged "$log" archive_get "$suite" "$dir/only" "${only[@]}"; } && return 0
	if no_room; then
		no_room_for "$label"
		return
	fi
	say "cannot download $label: $(archive_error <<<"$SAID")"
	return 1
}

# archive_get SUITE DIR PACKAGE...
archive_get() {
	cd "$2" && archive_apt "$1" apt-get -q download "${@:3}"
}

# archive_fetch SUITE DIR CHOICES...: runs CHOICES, which prints "LABEL|INSTALL|ONLY" for
# each choice, best first, and downloads the first that can be had to DIR; its
# LABEL goes to DIR/choice, INSTALL to DIR/install, the lists to DIR/lists. What fails may
# have been replaced since the lists were made: it is tried again with new ones, then comes
# the next choice.
archive_fetch() {
	archive_locked "$1" archive_fetch_alone "$@"
}

# archive_locked SUITE COMMAND...: alone with its state; in a shell of its own.
archive_locked() {
	(flock 9 && "${@:2}") 9>"$CACHE/lock/apt-$1"
}

archive_fetch_alone() {
	local suite=$1 dir=$2 round label install only rc
	shift 2
	for round in first second; do
		archive_update "$suite" || return
		rc=2
		while IFS='|' read -r label install only; do
			rc=0
			archive_download "$suite" "$dir" "$label" "$install" "$only" || rc=$?
			if [ $rc = 0 ]; then
				echo "$label" >"$dir/choice"
				echo "$install" >"$dir/install"
				cp -al "$(archive_dir "$suite")"/{lists,etc/apt/sources.list} "$dir/" && rm -f "$dir/lists/lock"
				return
			fi
			[ $rc != $NO_ROOM ] || return $rc
			rm -rf "$dir/debs" "$dir/only"
			[ $round != first ] || break
		done < <("$@")
		[ $rc != 2 ] || return 2
	done
	return 1
}

# build_root SUITE FETCHED DIR PACKAGE...: a root in DIR of what archive_fetch has got.
build_root() {
	local suite=$1 dir=$3 include sources rc=0 log=$CACHE/log/root-$1
	include=$(IFS=,; echo "${*:4}")
	mapfile -t sources <"$2/sources.list"
	host_proxies "$(<"$2/sources.list")" >"$2/proxies"
	# What is in single quotes is for the shell that mmdebstrap starts.
	# shellcheck disable=SC2016
	FETCHED=$2 archive_logged "$log" env -u TMPDIR unshare --mount --propagation private \
		mmdebstrap --mode=root --variant=apt ${include:+--include="$include"} \
		--aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
		--aptopt='APT::Install-Recommends "false"' --aptopt="$2/proxies" \
		--dpkgopt='force-unsafe-io' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives" "$1/var/lib/apt"' \
		--setup-hook='cp -al "$FETCHED/debs/." "$1/var/cache/apt/archives/"' \
		--setup-hook='rm -rf "$1/var/lib/apt/lists"; cp -al "$FETCHED/lists" "$1/var/lib/apt/lists"' \
		--skip=update --skip=cleanup/apt/lists "$suite" "$dir" "${sources[@]}" || rc=$?
	if [ $rc = 0 ]; then
		refresh_root_net "$dir"
	elif no_room; then
		no_room_for "a root of Debian $suite"
	else
		tail -n 5 <<<"$SAID" >&2
		say "cannot make a root of Debian $suite (whole log: $log)"
		return 1
	fi
}

# make_root SUITE DIR PACKAGE...: a small root of that suite with its package lists, for
# compilers and programs. Written to DIR, which the caller renames.
make_root() {
	local suite=$1 dir=$2 rc=0
	shift 2
	need apt-get mmdebstrap debian-archive-keyring mount
	rm -rf "$dir.fetched"
	archive_fetch "$suite" "$dir.fetched" echo "a root of Debian $suite|$*|" &&
		build_root "$suite" "$dir.fetched" "$dir" "$@" || rc=$?
	rm -rf "$dir.fetched"
	return $rc
}

# refresh_root_net ROOT: it resolves names, and asks archives, like the host at this moment.
refresh_root_net() {
	local root=$1 f sources suite
	for f in resolv.conf hosts; do
		[ ! -e "/etc/$f" ] || cp --remove-destination -L "/etc/$f" "$root/etc/$f"
	done
	[ -d "$root/etc/apt" ] || return 0
	suite=$(sed -n 's/^VERSION_CODENAME=//p' "$root/etc/os-release" 2>/dev/null)
	# Without an answer, what it has stays.
	{ [ -n "$suite" ] && sources=$(archive_sources "$suite" /etc/apt/keyrings 2>/dev/null); } || sources=''
	host_proxies "${sources:-$(cat "$root/etc/apt/sources.list" 2>/dev/null)}" >"$root/etc/apt/apt.conf.d/98host"
	# So that apt may read the files
	echo 'APT::Sandbox::User "root";' >>"$root/etc/apt/apt.conf.d/98host"
	root_secrets "$root"
	[ -n "$sources" ] || return 0
	mkdir -p "$root/etc/apt/keyrings" "$root/etc/apt/trusted.gpg.d"
	find "$CACHE/apt/keys" -type f -exec cp -t "$root/etc/apt/keyrings" {} +
	for f in /etc/apt/trusted.gpg.d/*.{gpg,asc}; do
		[ ! -r "$f" ] || [ -e "$root$f" ] || cp -L "$f" "$root$f"
	done
	source_files "$sources" | while read -r f; do
		[ ! -r "$f" ] || cp -L --parents "$f" "$root/"
	done
	echo "$sources" >"$root/etc/apt/sources.list"
}

# root_secrets ROOT: it has the passwords for archives, and the certificates that its 98host
# names.
root_secrets() {
	local root=$1 f mode
	rm -rf "$root/etc/apt/auth.conf" "$root/etc/apt/auth.conf.d"
	{
		printf '%s\n' /etc/apt/auth.conf /etc/apt/auth.conf.d/*
		sed -n 's/^Acquire::https::[^"]*"\(\/[^"]*\)";$/\1/p' "$root/etc/apt/apt.conf.d/98host"
	} | while read -r f; do
		if [ ! -f "$f" ] || [ ! -r "$f" ]; then continue; fi
		case $f in
		/etc/apt/*) mode=600 ;;
		*) mode=$(stat -L -c %a "$f") ;;
		esac
		mkdir -p "$root${f%/*}"
		install -m "$mode" "$f" "$root$f"
	done
}
