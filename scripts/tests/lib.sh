# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What the ground-truth tests share: KTAP output, a folder of their own, the
# generator of known contention (contend) and a detector that watches it. No
# step waits for time to pass; wait_for() polls for a condition.

set -u
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
O=${O:-build}
case $O in /*) ;; *) O=$tests/../../$O ;; esac
FAULTLINE=${FAULTLINE:-$O/faultline}
FAULTLINED=${FAULTLINED:-$O/faultlined}
CONTEND=${CONTEND:-$O/tests/contend}
judge() { python3 "$tests/judge.py" "$@"; }

tmp=$(mktemp -d)
pids=()
at_exit=()
cleanup() {
	local command
	exec 9>&-
	for command in ${at_exit[@]+"${at_exit[@]}"}; do $command; done
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# A pause between two looks, without a process of its own: nobody writes to this pipe.
mkfifo "$tmp/never"
exec 7<>"$tmp/never"
pause() { read -rt "$1" -u 7 || :; }

# has TEXT FILE: is it in there? The file is in $text then.
has() {
	text=''
	IFS= read -r -d '' text <"$2"
	[[ $text == *"$1"* ]]
}

# --- KTAP
number=0
failures=0
plan() { echo "KTAP version 1"; echo "1..$1"; }
ok() { number=$((number + 1)); echo "ok $number $1"; }
skip() { number=$((number + 1)); echo "ok $number $1 # SKIP $2"; }
not_ok() {
	number=$((number + 1))
	failures=$((failures + 1))
	echo "not ok $number $1"
	[ ! -s "${2:-/dev/null}" ] || sed 's/^/# /' "$2"
}
# check NAME COMMAND...: one test; what the command says is shown when it fails.
check() {
	local name=$1
	shift
	if "$@" >"$tmp/said" 2>&1; then ok "$name"; else not_ok "$name" "$tmp/said"; fi
}
finish() { exit $((failures != 0)); }
skip_all() { echo "KTAP version 1"; echo "1..0 # SKIP $1"; exit 0; }

# How many times slower than a plain machine is this one, now? Counting to 10000 takes one 20 ms.
slower() {
	local i begin=${EPOCHREALTIME/./} times
	for ((i = 0; i < 10000; i++)); do :; done
	times=$(((${EPOCHREALTIME/./} - begin) / 20000))
	echo $((times > 1 ? times : 1))
}
SLOWER=${SLOWER:-$(slower)}
echo "# $SLOWER times slower than a plain machine"
# wait_for SECONDS COMMAND...: until it succeeds; false after the deadline.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * SLOWER * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || return 1
		pause 0.02
	done
}

# --- the generator: contend_start OPTIONS...; its target is $target
contend_start() {
	rm -f "$tmp/in"
	mkfifo "$tmp/in"
	: >"$tmp/truth" # or the last one's would be taken for this one's
	"$CONTEND" "$@" <"$tmp/in" >"$tmp/truth" 2>"$tmp/contend.err" 9>&- &
	contend=$!
	pids+=("$contend")
	exec 9>"$tmp/in"
	wait_for 60 contend_said_or_died ready
	contend_said ready || return 1
	[[ $text =~ \"ready\",\"pid\":([0-9]+) ]] && target=${BASH_REMATCH[1]}
}
# Polled, hence without a process of its own: what looks must not take the CPU from what it waits for.
contend_said_or_died() { has "\"ev\":\"$1\"" "$tmp/truth" || ! kill -0 "$contend"; }
contend_said() {
	has "\"ev\":\"$1\"" "$tmp/truth" && return
	echo "the generator did not say $1; it said:"
	tail -n 3 "$tmp/truth"
	cat "$tmp/contend.err"
	contend_kill
	return 1
}
# It must not write into the next one's truth.
contend_kill() {
	kill "$contend" 2>/dev/null
	wait "$contend" 2>/dev/null
}
contend_next() { echo >&9; }
contend_wait() {
	wait_for "${2:-60}" contend_said_or_died "$1"
	contend_said "$1"
}
contend_stop() {
	exec 9>&-
	wait "$contend"
}

# --- a detector for one process: watch_start PID OPTIONS...; its report is $tmp/report
watch_start() {
	local pid=$1
	shift
	"$FAULTLINE" report --direct -p "$pid" -d 10min -O json "$@" \
		>"$tmp/report" 2>"$tmp/watch.err" 9>&- &
	watch=$!
	pids+=("$watch")
	wait_for 20 watch_on_or_died
	kill -0 "$watch" 2>/dev/null || { echo "the detector does not start"; cat "$tmp/watch.err"; return 1; }
}
# The detector is on when its process holds both tracing links, and waits for events: it
# has more links where the kernel can, and an interrupt between two of them ends it at once.
watch_on_or_died() {
	local fd line links=0 maps=0 waits=''
	kill -0 "$watch" || return 0
	for fd in "/proc/$watch/fdinfo"/*; do
		while read -r line; do
			case $line in
			link_type:*) links=$((links + 1)) ;;
			map_type:*) maps=$((maps + 1)) ;;
			esac
		done <"$fd"
	done 2>/dev/null
	read -r waits <"/proc/$watch/wchan"
	[ $links -ge 2 ] && [ $maps -ge 2 ] && [[ $waits == *poll* ]]
}

# observe VERB OPTION...: watches $target in the background until it is interrupted; its
# output is in $tmp/out.VERB. The caller has a die().
observers=()
observe() {
	"$FAULTLINE" "$@" --direct -p "$target" -d 1min >"$tmp/out.$1" 2>"$tmp/err.$1" 9>&- &
	watch=$!
	pids+=("$watch")
	observers+=("$watch")
	wait_for 20 watch_on_or_died
	kill -0 "$watch" 2>/dev/null || die "$(cat "$tmp/err.$1")"
}
watch_stop() {
	local status
	kill -INT "$watch"
	wait "$watch"
	status=$?
	[ $status -eq 0 ] || { echo "faultline report ended with status $status"; cat "$tmp/watch.err"; }
	return $status
}

# --- the same with settings that no verb has: meter_start PID NAME=VALUE...
meter_start() {
	rm -f "$tmp/meter.in" "$tmp/meter.out"
	mkfifo "$tmp/meter.in"
	: >"$tmp/meter.out"
	"$O/tests/meter" "$@" <"$tmp/meter.in" >"$tmp/meter.out" 2>"$tmp/meter.err" 9>&- &
	meter=$!
	pids+=("$meter")
	exec 8>"$tmp/meter.in"
	wait_for 20 meter_ready_or_died
	grep -q ready "$tmp/meter.out" || { cat "$tmp/meter.err"; return 1; }
}
meter_ready_or_died() { has ready "$tmp/meter.out" || ! kill -0 "$meter"; }
meter_stop() {
	echo >&8
	exec 8>&-
	wait "$meter" || { cat "$tmp/meter.err"; return 1; }
	tail -n +2 "$tmp/meter.out" >"$tmp/report"
}
