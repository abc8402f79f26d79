#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What scripts/demo tells of a run: figures of a run made by hand, and its picture.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	DIR=$BATS_TEST_TMPDIR
	printf '%s\n' 'before 10.0 1010.0' 'default 20.0 1020.0' 'search 30.0 1030.0' 'after 40.0 1040.0' \
		'calm 50.0 1050.0' 'end 60.0 1060.0' >"$DIR/marks"
	local second
	echo '{"faultline_record":{"schema":1}}' >"$DIR/trace"
	for second in {11..60}; do window "$second"; done >>"$DIR/trace"
	printf '{"policy_window":{"end_' >>"$DIR/trace" # cut off by the end of the daemon
	program 100 2000 >"$DIR/before.json"
	program 200 3000 >"$DIR/default.json"
	program 300 4000 >"$DIR/after.json"
	cat >"$DIR/policy.json" <<-'END'
	{"decision": {"evidence": "none"}, "log": [{"what": "advised", "time_unix_ns": 1031000000000},
	 {"what": "changed", "time_unix_ns": 1032000000000, "decision": {"knob": "vm.spf_backoff_max", "old": 64,
	  "new": 512, "why": "because", "evidence": "it was so"}}]}
	END
}

# window SECOND: faults wait in the first phase alone
window() {
	local ok=800 wait=0
	[ "$1" -gt 20 ] || ok=0 wait=40000000
	printf '{"policy_window":{"end_ns":%d000000000,"dur_ns":1000000000,"read_waits":3,"read_wait_ns":%d,"write_waits":1,"write_wait_ns":0,"backoff_max":64,"counts":{"faults":1000,"ok":%d}}}\n' \
		"$1" $wait $ok
}
program() {
	printf '{"faults_per_s":%d,"latency_ns":{"p50":%d,"p99":9000,"max":5000000},"writer":{"ops_per_s":7}}\n' "$1" "$2"
}

@test "each phase has the figures of its own windows and of its own program" {
	run scripts/demo-story "$DIR"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output =~ "with the lock"\ +"without, untuned"\ +"without, tuned" ]]
	[[ $output =~ vm.spf_backoff_max\ +64\ +64\ +64 ]]
	[[ $output == *"-- nothing was found that is better"* ]]
	[[ $output =~ "faults a second"\ +100\ +200\ +300 ]]
	[[ $output =~ "handled without the lock"\ +0.0%\ +80.0%\ +80.0% ]]
	[[ $output =~ "median"\ +"2.0 us"\ +"3.0 us"\ +"4.0 us" ]]
	[[ $output =~ "waits for the lock a second"\ +4.0\ +4.0\ +4.0 ]]
	[[ $output =~ "time in them a second"\ +"40.0 ms"\ +"0.0 ms"\ +"0.0 ms" ]]
	[[ $output =~ "22 s  vm.spf_backoff_max 64 -> 512: because" ]]
	[ "$(grep -c ' -> ' <<<"$output")" = 1 ]
}

@test "columns of two settings are not called one" {
	sed -i '/"end_ns":4[0-9]/s/"backoff_max":64/"backoff_max":512/; /"end_ns":50/s/"backoff_max":64/"backoff_max":512/' "$DIR/trace"
	run scripts/demo-story "$DIR"
	[ "$status" = 0 ]
	[[ $output =~ vm.spf_backoff_max\ +64\ +64\ +512 ]]
	[[ $output != *"nothing was found"* ]]
}

@test "the picture has every window and every phase" {
	scripts/demo-story "$DIR"
	python3 -c 'import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])' "$DIR/run.svg"
	[ "$(sed -n '/^\$run << END/,/^END/p' "$DIR/run.gnuplot" | grep -c '^[0-9]')" = 50 ]
	for phase in locked untuned searching tuned calm; do
		grep -q ">$phase<" "$DIR/run.svg"
	done
}

@test "a late window and the short one after it are one in the picture" {
	sed -i 's/"end_ns":31000000000,"dur_ns":1000000000/"end_ns":30100000000,"dur_ns":100000000/' "$DIR/trace"
	scripts/demo-story "$DIR"
	[ "$(sed -n '/^\$run << END/,/^END/p' "$DIR/run.gnuplot" | grep -c '^[0-9]')" = 49 ]
}

@test "a run that is not whole is told in one line" {
	run scripts/demo-story "$DIR/nowhere"
	[ "$status" = 1 ]
	[ "$output" = "demo-story: which run? give a folder that scripts/demo-guest has written" ]
	sed -i '/"end_ns":4[1-9]/d; /"end_ns":50/d' "$DIR/trace"
	run scripts/demo-story "$DIR"
	[ "$status" = 1 ]
	[ "$output" = "demo-story: the daemon has seen no whole window of the phase 'after': see log in that folder" ]
}

# Where a kernel has no zero page, 64 GiB of it would be 64 GiB of memory.
@test "the program of a long hold takes no more memory than a quarter of what is there" {
	load ../../userspace/tests/wait
	[ "$(id -u)" = 0 ] || skip "the generator needs root"
	local available target
	available=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
	mkfifo "$DIR/in"
	"${O:-build}/tests/contend" --hold mprotect --wait-by fault --rounds 1 --size-mib 65536 \
		<"$DIR/in" >"$DIR/out" 2>"$DIR/err" 3>&- &
	exec 9>"$DIR/in"
	wait_for 60 grep -q '"ready"' "$DIR/out"
	target=$(jq .pid "$DIR/out")
	[ "$(awk '/^VmHWM/ { print $2 }' "/proc/$target/status")" -lt $((available / 4 + 65536)) ]
	exec 9>&-
	wait
}
