#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the closed loop work on a kernel with speculative faults? A program whose
# threads fault against each other, a daemon in mode enforce; what it changes, why,
# and that it is undone: after calm, when it is killed, and not against an
# administrator. Needs a patched kernel:
#
#	scripts/vm --kernel 6.1-patched -- scripts/tests/policy.sh

# shellcheck disable=SC2317  # check() calls functions by their names
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
SETTING=/proc/sys/vm/spf_backoff_max
tests_of_it=("every feature of the measurement works" "contention is seen, and what faults cost"
	"the process is shown with its attempts" "report and metrics have the attempts"
	"report, top and explain show the process" "so they do without a daemon" "metrics have it where they may"
	"a decision is made and carried out" "the log has the change, its reason and the way back"
	"the original comes back after calm" "a killed daemon leaves the original"
	"an administrator's value wins and pauses that setting" "what the kernel refuses is reported once" "the recorded windows decide the same again")
plan ${#tests_of_it[@]}
if [ ! -e "$SETTING" ]; then
	for name in "${tests_of_it[@]}"; do skip "$name" "this kernel has no speculative faults"; done
	exit 0
fi
original=$(cat "$SETTING")
at_exit+=("restore")
restore() { echo "$original" >"$SETTING"; }
PATIENCE_S=90 # emulated, a daemon takes seconds to start

until_true() {
	local end=$((SECONDS + PATIENCE_S))
	until "$@" >"$tmp/said" 2>&1; do
		[ $SECONDS -lt $end ] || { echo "never true: $*"; cat "$tmp/said" "$tmp/log"; return 1; }
		pause 0.2
	done
}
fl() { "$FAULTLINE" "$@" --socket "$tmp/socket"; }
field() { fl policy -O json | jq -r "$1"; }
is() { [ "$(field "$1")" = "$2" ]; }
true_that() { [ "$(field "$1")" = true ]; }
value_is() { [ "$(cat "$SETTING")" = "$1" ]; }

# daemon LINES
daemon() {
	printf '[socket]\nPath=%s\n[incident]\nEnabled=no\n[breaker]\nEnabled=no\n[policy]\nMode=enforce\nState=%s\nCooldown=1s\nCalm=%s\n%b\n' \
		"$tmp/socket" "$tmp/knobs.json" "${calm:-2s}" "${1:-}" >"$tmp/conf"
	"$FAULTLINED" -c "$tmp/conf" 2>"$tmp/log" &
	daemon=$!
	pids+=("$daemon")
	until_true fl policy -O json
}
load() {
	"$O/tests/faults" --seconds 3600 --layout shared --unmap pages --workers 3 >/dev/null &
	load=$!
	pids+=("$load")
}
end() { kill "-$1" "$2"; wait "$2" 2>/dev/null || true; }

features_work() { fl policy -O json | jq -e '.features | length == 4 and all(.on)'; }
costs_are_known() { true_that '.regime != "calm" and .costs.speculative_ns > 0 and .costs.locked_ns > 0 and .costs.look_ns > 0'; }
process_is_shown() { true_that ".processes | any(.tgid == $load and (.sampled_by_reason | add) > 0)"; }
outputs_have_it() {
	fl report | grep -E -- '-- without the lock, host: [1-9][0-9,]* of' &&
		fl metrics | grep -E '^faultline_speculative_faults_total\{result="ok"\} [1-9]'
}
# The row of the load: tried, share handled.
row() { grep -E "^ +$load faults +[1-9][0-9,]* +[0-9.]+%"; }
shown() {
	fl report -d 3s | row && fl top -d 3s -i 3s | row &&
		fl report -O json | jq -e ".specs | any(.tgid == $load and .sampled.ok > 0)" &&
		fl explain "$load" | tr -s '\n ' ' ' | grep -E 'no lock [1-9][0-9,]* faults a second .* vm.spf_backoff_max is [0-9]+, '
}
shown_direct() {
	"$FAULTLINE" report --direct -p "$load" -d 3s | tee "$tmp/direct" | row && grep -q 'nobody tunes it' "$tmp/direct"
}
in_metrics() {
	fl metrics | grep -E "^faultline_process_speculative_faults_sampled_total\{pid=\"$load\",comm=\"faults\",result=\"ok\"\} [1-9]" &&
		fl metrics | grep -E '^faultline_spf_backoff_max_is_info\{why="(original|tuned)"\} 1'
}
changed() { fl policy log | grep -q ' changed '; }
log_is_whole() {
	grep -E 'policy: vm\.spf_[a-z_]+ [0-9]+ -> [0-9]+, [a-z-]+: .*; undo: sysctl -w vm\.spf_' "$tmp/log" ||
		{ cat "$tmp/log"; return 1; }
}
replays() { "$FAULTLINE" policy simulate "$tmp/trace" -O json | jq -e '.decisions > 0 and .different == 0'; }

daemon "Trace=$tmp/trace\n[metrics]\nPerProcess=yes"
check "${tests_of_it[0]}" features_work
load
check "${tests_of_it[1]}" until_true costs_are_known
check "${tests_of_it[2]}" until_true process_is_shown
check "${tests_of_it[3]}" outputs_have_it
check "${tests_of_it[4]}" until_true shown
check "${tests_of_it[5]}" shown_direct
check "${tests_of_it[6]}" in_metrics
check "${tests_of_it[7]}" until_true changed
check "${tests_of_it[8]}" log_is_whole
fl policy
fl policy log
end TERM "$load"
check "${tests_of_it[9]}" until_true is '.knobs[0].value == .knobs[0].original and .regime == "calm"' true
end TERM "$daemon"

calm=1h
# A change that is there for sure: of an earlier run. left [ORIGINAL]
left() {
	until_true flock -n "$tmp/knobs.json.lock" true # the last helper is gone
	echo 8 >"$SETTING"
	jq -n --arg boot "$(cat /proc/sys/kernel/random/boot_id)" --argjson original "${1:-$original}" \
		'{faultline_knobs: 1, boot_id: $boot, knobs: {spf_backoff_max: {original: $original, ours: 8,
		  paused: false, why: "", id: "x", changed_ns: 1}}}' >"$tmp/knobs.json"
}
killed() {
	left
	daemon 'OnRestart=keep' && until_true true_that '.knobs[0].original != .knobs[0].value' && value_is 8 || return
	end KILL "$daemon"
	until_true value_is "$original"
}
overruled() {
	left
	daemon 'OnRestart=keep' && until_true true_that '.knobs[0].original != .knobs[0].value' || return
	sysctl -q -w vm.spf_backoff_max=100
	until_true true_that '.knobs[0].paused and (.knobs[1].paused | not)' &&
		grep 'last written by: sysctl (pid [0-9]*, uid 0)' "$tmp/log" &&
		fl policy | grep 'PAUSED: somebody else set vm.spf_backoff_max to 100' && value_is 100
	local status=$?
	end TERM "$daemon"
	return "$status"
}
windows_after() { [ "$(field .window.end_ns)" -gt "$1" ]; }
refused() {
	local times
	left 40000
	calm=2s
	daemon 'OnRestart=keep' && until_true grep 'the kernel refuses vm.spf_backoff_max=40000: out of its range' "$tmp/log" || return
	until_true windows_after $(($(field .window.end_ns) + 5000000000)) || return
	times=$(grep -c 'refuses' "$tmp/log")
	value_is 8 && true_that '.log | map(select(.what == "refused")) | length == 1'
	local status=$?
	end TERM "$daemon"
	return $((status || times != 1))
}
check "${tests_of_it[10]}" killed
check "${tests_of_it[11]}" overruled
check "${tests_of_it[12]}" refused
check "${tests_of_it[13]}" replays
finish
