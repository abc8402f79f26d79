#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What do names do that were chosen by somebody with bad intentions? A process
# whose name and cgroup hold escapes, quotes, backslashes, separators and bytes
# that are no UTF-8 is shown in every format; each output must parse.

# shellcheck disable=SC2317  # check() calls the functions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cgroup_root=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
evil_cgroup=$'evil "c\\g\x1b[31m\xff,;=<b>&{}\t'

# On a busy machine a window can pass without a wait: then another one is tried.
# shows FILE COMMAND...: runs the command until FILE has the name; its last status.
shows() {
	local file=$1 status=0
	shift
	for _ in {1..10}; do
		status=0
		"$@" >"$tmp/out" 2>"$tmp/err" || status=$?
		! grep -qa "$needle" "$file" || break
	done
	return "$status"
}

# parses FORMAT VERB OPTIONS...: the output of the verb, while there is contention.
parses() {
	local format=$1
	shift
	shows "$tmp/out" "$FAULTLINE" "$@" || { echo "status $?"; cat "$tmp/err"; return 1; }
	python3 "$tests/parse.py" "$format" "$tmp/out" "$needle" || { head -c 1500 "$tmp/out"; return 1; }
}
svg_parses() {
	: >"$tmp/svg"
	shows "$tmp/svg" "$FAULTLINE" stacks "${live[@]}" --svg "$tmp/svg" || { cat "$tmp/err"; return 1; }
	xmllint --noout "$tmp/svg" && python3 "$tests/parse.py" svg "$tmp/svg" "$needle"
}

page_parses() {
	: >"$tmp/page.html"
	shows "$tmp/page.html" "$FAULTLINE" report "${live[@]}" --html "$tmp/page.html" || { cat "$tmp/err"; return 1; }
	python3 "$tests/parse.py" html "$tmp/page.html" "$needle"
}

daemon_start() {
	printf '[socket]\nPath=%s\n[metrics]\nPerProcess=yes\n[hot]\nEnter=0.1%%\nLeave=0.05%%\n[incident]\nEnabled=no\n' "$tmp/socket" >"$tmp/conf"
	"$FAULTLINED" -c "$tmp/conf" -p "$target" 2>"$tmp/daemon.err" 9>&- &
	daemon=$!
	pids+=("$daemon")
	wait_for 10 "$FAULTLINE" status --socket "$tmp/socket" || cat "$tmp/daemon.err"
}
metrics_there() { "$FAULTLINE" metrics --socket "$tmp/socket" | grep -q evil; }
metrics_parse() {
	wait_for 5 metrics_there
	parses openmetrics metrics --socket "$tmp/socket"
}

# all_formats NAME COMM: fourteen tests with a process of this name.
all_formats() {
	local name=$1 comm=$2
	needle=evil
	contend_start --hold storm --rounds 1 --hold-ms 1800000 --waiters 4 --wait-by mprotect,mincore --quiet \
		--comm "$comm" ${cgroup:+--cgroup "$cgroup"} || exit 1
	contend_next
	live=(--direct -p "$target" -d $((SLOWER > 1 ? 1500 : 300))ms)
	for format in table json jsonl csv; do
		check "$name: report as $format" parses $format report "${live[@]}" -O $format
	done
	check "$name: report by cgroup" parses csv report "${live[@]}" --by cgroup -O csv
	check "$name: stacks as folded" parses folded stacks "${live[@]}" -m 1us -O folded
	check "$name: stacks as flame graph" svg_parses
	check "$name: report as page" page_parses
	check "$name: top" parses table top "${live[@]}"
	check "$name: watch as jsonl" parses jsonl watch "${live[@]}" -m 10us -O jsonl
	check "$name: watch as csv" parses csv watch "${live[@]}" -m 10us -O csv
	check "$name: explain" parses table explain "${live[@]}"
	"$FAULTLINE" record "${live[@]}" -o "$tmp/recording" 2>"$tmp/err" || cat "$tmp/err"
	check "$name: a recording, shown" parses table show "$tmp/recording"
	daemon_start
	check "$name: metrics" metrics_parse
	kill "$daemon"
	wait "$daemon"
	kill "$contend"
	wait "$contend" 2>/dev/null
}

cgroup=
if [ -n "$cgroup_root" ] && mkdir "$cgroup_root/$evil_cgroup"; then
	cgroup=$cgroup_root/$evil_cgroup
	remove_cgroup() { wait_for 5 rmdir "$cgroup"; }
	at_exit+=(remove_cgroup)
fi
# What makes a name harmless is the same code on every kernel; how it gets here is not.
if [ -n "${FAULTLINE_KERNEL:-}" ]; then
	plan 16
	all_formats "escapes and quotes" $'evil\x1b[2J"\\\n,;'
	skip "not UTF-8" "no question of the kernel: shown on the running one"
	skip "markup" "no question of the kernel: shown on the running one"
	finish
fi
plan 42
all_formats "escapes and quotes" $'evil\x1b[2J"\\\n,;'
all_formats "not UTF-8" $'evil\xff\xc3(\xe2\x80\xae\x80'
all_formats "markup" $'evil<b>&\'{}=\t '
finish
