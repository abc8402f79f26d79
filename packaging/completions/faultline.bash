# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion of faultline and faultlined for bash. It has no lists of its own: verbs,
# options and words come from the program's --help when they are asked for, so that
# it always fits the program that is installed.

# Options in a --help on stdin, long and short.
_faultline_options() { sed -nE 's/^  (-[[:alnum:]])?[ ,]+(--[[:alnum:]-]+).*/\1 \2/p'; }

# What the option $1 wants as a value, in a --help on stdin: FILE, TIME ...
_faultline_kind() {
	sed -nE "s/^  (-[[:alnum:]])?[ ,]+(--[[:alnum:]-]+) ([^ ]+) .*/\1 \2 \3/p" |
		awk -v option="$1" '$1 == option || $2 == option { print $NF; exit }'
}

# The words that the option $1 takes, in a --help on stdin: the next line, in brackets.
_faultline_words() {
	awk -v option="$1" '
		found { if (gsub(/^ +\(|\)$|,/, "")) print; exit }
		$1 == option || $1 == option "," || $2 == option { found = 1 }'
}

# The argument that may follow those in $@, in a --help on stdin: "list | show ID [FILE]"
# has list and show as its first one, and ID and FILE as the next ones if that is show.
_faultline_argument() {
	local usage part words
	IFS= read -r usage
	usage=${usage#*\[OPTION\]...}
	while IFS= read -r part; do
		read -ra words <<<"${part//[][]/ }"
		[ $# != 0 ] && [ "$1" != "${words[0]}" ] || echo "${words[$#]}"
	done < <(tr '|' '\n' <<<"$usage")
}

# The candidates for a value of that kind.
_faultline_candidates() {
	local command=$1 kind=$2 word=$3 option=$4
	case $option:$kind in
	--cgroup:* | -G:*)
		(cd /sys/fs/cgroup 2>/dev/null && compgen -d -- "${word#/}" | sed 's,^,/,') ;;
	*:PID*)
		(cd /proc && compgen -d -X '![0-9]*' -- "$word") ;;
	*:ID | *:RECORD)
		[ "$kind" = ID ] || compgen -f -- "$word"
		compgen -W "$("$command" incidents list 2>/dev/null | awk 'NR > 1 && /^[0-9]+T/ { print $1 }')" -- "$word" ;;
	*:FILE | *:PATH)
		compgen -f -- "$word" ;;
	*:DIR)
		compgen -d -- "$word" ;;
	*:[a-z]*)
		compgen -W "$kind" -- "$word" ;;
	esac
}

_faultline() {
	local command=$1 word=$2 last=$3 verb=${COMP_WORDS[1]} help kind i arguments=()
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ] || { [ "$COMP_CWORD" = 2 ] && [ "$verb" = help ]; }; then
		mapfile -t COMPREPLY < <(compgen -W "$("$command" help 2>/dev/null |
			sed -nE 's/^  ([a-z]+) .*/\1/p')" -- "$word")
		return
	fi
	help=$("$command" "$verb" --help 2>/dev/null) || return
	kind=$(_faultline_kind "$last" <<<"$help")
	[ -z "$kind" ] || kind="$(_faultline_words "$last" <<<"$help") $kind"
	if [ -z "$kind" ] && [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_faultline_options <<<"$help")" -- "$word")
		return
	fi
	if [ -z "$kind" ]; then
		for ((i = 2; i < COMP_CWORD; i++)); do
			[[ ${COMP_WORDS[i]} == -* ]] || [ -n "$(_faultline_kind "${COMP_WORDS[i - 1]}" <<<"$help")" ] ||
				arguments+=("${COMP_WORDS[i]}")
		done
		# shellcheck disable=SC2086  # a list of words
		kind=$(_faultline_argument "${arguments[@]}" <<<"$help" | paste -sd ' ')
		last=''
	fi
	kind=${kind# }
	# Words and, at the end, the name of what they are: only the words are offered.
	[[ $kind != [a-z]*' '[A-Z]* ]] || kind=${kind% *}
	mapfile -t COMPREPLY < <(_faultline_candidates "$command" "$kind" "$word" "$last")
}

_faultlined() {
	local command=$1 word=$2 last=$3 help kind
	COMPREPLY=()
	help=$("$command" --help 2>/dev/null) || return
	kind=$(_faultline_kind "$last" <<<"$help")
	if [ -z "$kind" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_faultline_options <<<"$help")" -- "$word")
	else
		mapfile -t COMPREPLY < <(_faultline_candidates "$command" "$kind" "$word" "$last")
	fi
}

complete -o filenames -F _faultline faultline
complete -o filenames -F _faultlined faultlined
