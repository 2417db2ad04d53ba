# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion of reuse(8) for bash.

# _reuse_words: the words that may come next, one each line; COMP_WORDS has those before.
_reuse_words() {
	local semantics=/proc/sys/net/reuse/available_semantics
	case ${COMP_WORDS[COMP_CWORD]} in
	-N?*)
		find /run/netns -mindepth 1 -printf '-N%f\n' 2>/dev/null
		return
		;;
	esac
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	-N)
		find /run/netns -mindepth 1 -printf '%f\n' 2>/dev/null
		return
		;;
	--net)
		printf '%s\n' none host pasta
		return
		;;
	--v6only)
		printf '%s\n' 0 1
		return
		;;
	--as)
		[ ! -r $semantics ] || tr ' ' '\n' <$semantics
		return
		;;
	--dev)
		ls /sys/class/net 2>/dev/null
		return
		;;
	uid)
		cut -d: -f3 /etc/passwd
		return
		;;
	--uid)
		cut -d: -f1 /etc/passwd
		return
		;;
	esac
	case ${COMP_WORDS[1]} in
	who) printf '%s\n' -N --help tcp udp udplite ;;
	why)
		printf '%s\n' -N -j --reuseaddr --reuseport --uid --v6only --dev --listen --as
		printf '%s\n' --help tcp udp udplite
		;;
	log) printf '%s\n' -f -j -N --help ;;
	run)
		printf '%s\n' --net --report --report= --fail-on-difference --help --
		[ ! -r $semantics ] || tr ' ' '\n' <$semantics
		;;
	load) printf '%s\n' --help native pre39 bsd freebsd15 openbsd netbsd darwin host_only=1 ;;
	unload) echo --help ;;
	status) printf '%s\n' -j --help ;;
	*)
		[ "$COMP_CWORD" != 1 ] ||
			printf '%s\n' who why log run load unload status --help --version
		printf '%s\n' -A -N -j -p -w tcp udp udplite
		printf '%s\n' listen bound connected timewait uid shared
		;;
	esac
}

_reuse() {
	local word i
	# The command of "reuse run" has completions of its own
	if [ "${COMP_WORDS[1]}" = run ] && declare -F _command_offset >/dev/null; then
		for ((i = 2; i < COMP_CWORD; i++)); do
			[ "${COMP_WORDS[i]}" != -- ] || { _command_offset $((i + 1)); return; }
		done
	fi
	COMPREPLY=()
	while read -r word; do
		[[ $word != "${COMP_WORDS[COMP_CWORD]}"* ]] || COMPREPLY+=("$word")
	done < <(_reuse_words)
}

complete -F _reuse reuse
