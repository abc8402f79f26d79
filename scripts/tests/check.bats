#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
#
# Does make check keep within the time that it is given, and say what it left out?

scripts=${BATS_TEST_DIRNAME%/tests}

setup() { tmp=$(mktemp -d); }
teardown() { rm -rf "$tmp"; }

# check SECONDS LIMIT SECTION...: as if it had been running for so long.
check() {
	run env SECONDS="$1" CHECK_LIMIT_MIN="$2" O="$tmp" FAULTLINE_CACHE="$tmp/cache" \
		timeout 60 "$scripts/check" "${@:3}"
}

@test "a section that would end too late is not begun, and counts as skipped" {
	check 1 14 6.1
	[ "$status" -eq 1 ] # nothing passed
	[[ $output == *"skipped check: 6.1 (it would end after 15 minutes, the limit is CHECK_LIMIT_MIN=14)"* ]]
	[ "${lines[-1]}" = "0 passed, 0 failed, 1 skipped" ]
}

@test "there is no limit by default" {
	check 100000 '' nonsense
	[[ $output == *"FAILED  check: nonsense (no such section)"* ]]
}

@test "what took longer so far than it should is expected to go on so" {
	# no such section: takes no time, and should take a minute
	check 240 19 nonsense fuzz
	[[ $output == *"skipped check: fuzz (it would end after 20 minutes, the limit is CHECK_LIMIT_MIN=19)"* ]]
	[ "${lines[-1]}" = "0 passed, 1 failed, 1 skipped" ]
}

@test "a kernel that is not in the cache takes its time" {
	check 1 28 patched
	[[ $output == *"skipped check: patched (it would end after 29 minutes, the limit is CHECK_LIMIT_MIN=28)"* ]]
	mkdir -p "$tmp/cache/kernels/6.1-patched_0123"
	check 1 3 patched
	[[ $output == *"skipped check: patched (it would end after 4 minutes, the limit is CHECK_LIMIT_MIN=3)"* ]]
}
