#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Manual, completions, --help and README list the same (scripts/documents), and
# a list that lacks something, or has too much, is found. Needs no privilege.
# O names the folder with the programs; default: build.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	O=${O:-$PWD/build}
	case $O in /*) ;; *) O=$PWD/$O ;; esac
	DIR=$(mktemp -d)
}

# A failure of "! command" ends no test, one of this does.
fails() { ! "$@"; }

teardown() { rm -rf "$DIR"; }

# A copy of the documents, to spoil.
copy() {
	mkdir -p "$DIR/userspace" "$DIR/packaging"
	cp README.md "$DIR"
	cp userspace/README.md userspace/{faultlined,hook_env}.c userspace/faultline.conf "$DIR/userspace"
	cp -r packaging/{man,prometheus,grafana,faultline-build-kernel} "$DIR/packaging"
}

# found FILE SED TEXT: the change of that file is found, with these words.
found() {
	local file=$DIR/$1 code=0
	cp "$file" "$DIR/before"
	sed -i -E "$2" "$file"
	fails cmp -s "$file" "$DIR/before" || { echo "$2 changes nothing in $1"; return 1; }
	scripts/documents "$O" "$DIR" >"$DIR/out" || code=$?
	cp "$DIR/before" "$file"
	[ $code = 1 ] || { echo "$2 in $1 is not found"; return 1; }
	[ "$(grep -cF "$3" "$DIR/out")" = 1 ] || { echo "'$3' is not in:"; cat "$DIR/out"; return 1; }
}

@test "manual, --help, README and what the programs print agree" {
	scripts/documents "$O"
}

@test "what a document lacks is found" {
	copy
	found packaging/man/faultline.1 '/^\.Nm Cm report$/,/^\.Pp/{/^\.Op Fl -strict$/d}' 'faultline.1: report: strict is missing'
	found packaging/man/faultline.1 '/^\.Ss top$/,/^\.Ss report$/{/^\.Ss report$/!d}' 'VERBS: top is missing'
	found packaging/man/faultline.1 '/^\.It Fl -svg/d' "OPTIONS: ('svg', '', 'FILE') is missing"
	found packaging/man/faultline.1 '/^\.It 6$/d' 'faultline.1: EXIT STATUS: 6 is missing'
	found packaging/man/faultlined.8 '/^\.It Fl -sample/d' 'faultlined.8: OPTIONS: sample is missing'
	found packaging/man/faultlined.8 '/^\.It Ev FAULTLINE_INCIDENT_PID/d' 'INCIDENT HOOK: FAULTLINE_INCIDENT_PID is missing'
	found packaging/man/faultline.conf.5 '/^\.It Li RingSize/d' 'faultline.conf.5: [measure] RingSize is missing'
	found packaging/man/faultline-metrics.7 '/^\.It Li faultline_attached/d' 'faultline_attached is missing'
	found packaging/man/faultline-metrics.7 '/^\.It Li waiters_full/d' 'reason waiters_full is missing'
	found packaging/man/faultline-metrics.7 '/^\.It Li faultline_spf_backoff_max Pq/d' 'faultline_spf_backoff_max is missing'
	found packaging/man/faultline-metrics.7 '/^\.It Li untuned/d' 'why untuned is missing'
	found packaging/man/faultline-build-kernel.8 '/^\.It Fl -off/d' 'faultline-build-kernel.8: off is missing'
	found README.md 's/faultline stacks/faultline/' 'README.md: verb stacks is missing'
	found packaging/grafana/faultline.json 's/faultline_skipped_runs_total/faultline_attached/' 'faultline_skipped_runs is in neither'
	found userspace/README.md '/^\| 6 \|/d' 'exit codes of faultline.1: 6 is missing'
}

@test "what a document says wrong is found" {
	copy
	found packaging/man/faultline.1 's/^\.It Fl m , Fl -min-wait/.It Fl M , Fl -min-wait/' "('min-wait', 'M', 'TIME') is not there"
	found packaging/man/faultline.1 's/^(\.It Fl -dir Ar) DIR/\1 FILE/' "('dir', '', 'FILE') is not there"
	found packaging/man/faultlined.8 's/^(\.It Ev FAULTLINE_INCIDENT_)HOST/\1NODE/' 'FAULTLINE_INCIDENT_NODE is not there'
	found packaging/man/faultline.conf.5 's/^(\.It Li StackMin)=.*/\1=1ms/' "StackMin: says ('1ms', False), it is ('10ms', False)"
	found packaging/man/faultline.conf.5 '/^Control socket/,/^Takes effect/{/^Takes effect/d}' '[socket] Path: says'
	found packaging/man/faultline-metrics.7 's/(faultline_attached Pq) gauge/\1 counter/' 'faultline_attached: says'
	found packaging/man/faultline-metrics.7 's/(faultline_lost_waits Pq counter: Li) reason/\1 why/' 'faultline_lost_waits: says'
	found packaging/prometheus/faultline.rules.yml 's/faultline_attached == 0/faultline_atached == 0/' 'metric faultline_atached is not there'
	found packaging/prometheus/faultline.rules.yml 's/without \(reason\)/without (cause)/' 'label cause is not there'
	found packaging/grafana/faultline.json 's/rate5m\{instance/rate5m{instnce/' 'label instnce is not there'
	found userspace/faultline.conf 's/^#EventMin=1ms/#EventMin=2ms/' 'userspace/faultline.conf: is not what'
	found userspace/faultlined.c '/^\t\{"version", no_argument/d' 'faultlined --help: version is not there'
}

@test "a verb that is new to the program is missing everywhere" {
	mkdir -p "$DIR/tests"
	ln -s "$O/faultlined" "$DIR"
	ln -s "$O/tests/sample_metrics" "$DIR/tests"
	printf '#!/bin/sh\n[ "$1" != new ] || set -- status --help\n"%s" "$@" | sed "s/^  version/  new  a verb\\n&/"\n' \
		"$O/faultline" >"$DIR/faultline"
	chmod +x "$DIR/faultline"
	fails scripts/documents "$DIR" >"$DIR/out"
	grep -qx 'README.md: verb new is missing' "$DIR/out"
	grep -qx 'faultline.1: VERBS: new is missing' "$DIR/out"
}

@test "the manual's source has no fault" {
	for page in packaging/man/*; do
		mandoc -T lint -W warning "$page"
		[ -z "$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)" ]
	done
	# what it refers to of its own is there
	for page in $(sed -n 's/^\.Xr \(faultline[^ ]*\) \([0-9]\).*/\1.\2/p' packaging/man/* | sort -u); do
		[ -f "packaging/man/$page" ]
	done
}

options_of() { "$@" --help | grep -oE '^  (-.,|   ) --[a-z-]+' | grep -oE '[-][-].*' | sort; }
verbs() { "$O/faultline" help | sed -n 's/^  \([a-z]*\) .*/\1/p'; }

# offered WORD...: what bash offers for the last of them
offered() {
	(
		# shellcheck source=/dev/null
		. packaging/completions/faultline.bash
		PATH=$O:$PATH
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		"_$1" "$1" "${!#}" "${*: -2:1}"
		printf '%s\n' "${COMPREPLY[@]}"
	)
}

@test "bash completes verbs, their options, and words" {
	[ "$(offered faultline '')" = "$(verbs)" ]
	for verb in $(verbs | grep -vx -e help -e version); do
		[ "$(offered faultline "$verb" -- | sort)" = "$(options_of "$O/faultline" "$verb")" ] || { echo "$verb"; return 1; }
	done
	[ "$(offered faultlined -- | sort)" = "$(options_of "$O/faultlined")" ]
	[ "$(offered faultline report --by h)" = holder ]
	[ "$(offered faultline report -O js | xargs)" = 'json jsonl' ]
	[ "$(offered faultline incidents -n 3 '' | xargs)" = 'list show export' ]
	offered faultline incidents show README | grep -qx README.md
	offered faultline incidents export x README | grep -qx README.md
	[ -z "$(offered faultline report -d '')" ]
	offered faultline explain "$$" | grep -qx "$$"
	offered faultline show README | grep -qx README.md
	offered faultlined --config README | grep -qx README.md
}

zsh_offers() { PATH=$O:$PATH timeout -s KILL 60 scripts/tests/zsh-complete "$PWD/packaging/completions" "$1" 3>&-; }

@test "zsh completes verbs, their options, and words" {
	[ "$(zsh_offers 'faultline ')" = "$(verbs)" ]
	[ "$(zsh_offers 'faultline report --' | sort)" = "$(options_of "$O/faultline" report)" ]
	[ "$(zsh_offers 'faultlined --' | sort)" = "$(options_of "$O/faultlined")" ]
	[ "$(zsh_offers 'faultline report --by h')" = holder ]
	[ "$(zsh_offers 'faultline incidents -n 3 s')" = show ]
	zsh_offers 'faultline show READ' | grep -qx README.md
	zsh_offers 'faultline incidents show READ' | grep -qx README.md
	zsh_offers 'faultline incidents export x READ' | grep -qx README.md
}

@test "all of it is installed" {
	make -s --no-print-directory O="$O" DESTDIR="$DIR" PREFIX=/usr install
	for page in packaging/man/*; do
		cmp "$page" "$DIR/usr/share/man/man${page##*.}/${page##*/}"
	done
	cmp packaging/completions/faultline.bash "$DIR/usr/share/bash-completion/completions/faultline"
	[ "$(readlink "$DIR/usr/share/bash-completion/completions/faultlined")" = faultline ]
	cmp packaging/completions/_faultline "$DIR/usr/share/zsh/vendor-completions/_faultline"
	[ -x "$DIR/usr/bin/faultline" ] && [ -x "$DIR/usr/sbin/faultlined" ]
	cmp userspace/faultline.conf "$DIR/etc/faultline/faultline.conf"
	for unit in packaging/systemd/*.service packaging/systemd/*.socket; do
		cmp "$unit" "$DIR/usr/lib/systemd/system/${unit##*/}"
	done
}
