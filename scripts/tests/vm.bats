#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does the guest harness tell success from every kind of failure?

vm() { run timeout 120 "$BATS_TEST_DIRNAME/../vm" --kernel 6.1 --cpus 2 --memory 1024 "$@"; }

@test "output, status and results come back; nothing else stays" {
	vm --results "$BATS_TEST_TMPDIR/results" --timeout 60 -- bash -c \
		'echo "on $FAULTLINE_KERNEL as $(id -u)"; echo kept >$FAULTLINE_RESULTS/file
		 echo gone >'"$BATS_TEST_TMPDIR"'/gone; exit 7'
	[ "$status" -eq 7 ]
	[[ $output == *"on 6.1 as 0"* ]]
	[ "$(cat "$BATS_TEST_TMPDIR/results/file")" = kept ]
	[ ! -e "$BATS_TEST_TMPDIR/gone" ]
}

@test "a panic is a failure with its reason" {
	vm --timeout 60 -- bash -c 'echo c >/proc/sysrq-trigger; sleep 60'
	[ "$status" -eq 125 ]
	[[ $output == *"kernel log: "* ]]
}

@test "a command that hangs is a timeout and is not tried again" {
	vm --timeout 3 -- sleep 600
	[ "$status" -eq 125 ]
	[[ $output == *"timeout: the command runs for more than 3 s"* ]]
	[[ $output != *"starting again"* ]]
}

@test "a kernel warning fails a command that succeeds" {
	vm --timeout 60 -- bash -c 'echo "BUG: made for a test" >/dev/kmsg'
	[ "$status" -eq 125 ]
	[[ $output == *"kernel log: "*"BUG: made for a test"* ]]
}

@test "a guest that goes away without a verdict is a failure" {
	vm --timeout 60 -- bash -c 'echo b >/proc/sysrq-trigger; sleep 60'
	[ "$status" -eq 125 ]
	[[ $output == *"silence: the guest ended without a verdict"* ]]
}

@test "an unknown kernel is refused in one line" {
	run "$BATS_TEST_DIRNAME/../vm" --kernel 5.4 -- true
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == *"unknown kernel '5.4'"* ]]
}
