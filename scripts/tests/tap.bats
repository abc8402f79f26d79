#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does the runner notice everything that can go wrong with a test program?

setup() {
	tap=$BATS_TEST_DIRNAME/../tap
	results=$BATS_TEST_TMPDIR/results
}

# says OUTPUT [STATUS]: what the runner takes down for a program of that output.
says() {
	run "$tap" "$results" unit 2 bash -c "printf '$1'; exit ${2:-0}"
}

taken() { grep -qP "^$1\tunit\t$2\t$3\$" "$results"; }

@test "a passing program passes" {
	says '1..2\nok 1 - one\nok 2 two\n'
	[ "$status" -eq 0 ]
	taken pass one ''
	taken pass two ''
	[ "$(wc -l <"$results")" -eq 2 ]
}

@test "a failing test fails, with the first line of its diagnosis" {
	says '1..1\nnot ok 1 - one\n# because\n# more\n' 1
	[ "$status" -eq 1 ]
	taken fail one because
	[ "$(wc -l <"$results")" -eq 1 ]
}

@test "a failing test fails though the program exits with 0" {
	says '1..1\nnot ok 1 - one\n'
	[ "$status" -eq 1 ]
	taken fail one ''
}

@test "a program that dies after its tests is a failure" {
	says '1..1\nok 1 - one\n' 7
	[ "$status" -eq 1 ]
	taken fail '\(program\)' 'died with status 7'
}

@test "a program that is killed is a failure" {
	run "$tap" "$results" unit 5 bash -c 'echo 1..1; echo ok 1 one; kill -SEGV $$'
	[ "$status" -eq 1 ]
	taken fail '\(program\)' 'died with status 139'
}

@test "a program that hangs is ended and is a failure" {
	run "$tap" "$results" unit 1 bash -c 'echo 1..1; echo ok 1 one; sleep 60'
	[ "$status" -eq 1 ]
	taken fail '\(program\)' 'ended after 1 s, or killed'
}

@test "a program that prints nothing is a failure" {
	says ''
	[ "$status" -eq 1 ]
	taken fail '\(program\)' 'printed nothing'
}

@test "a program that cannot be run is a failure" {
	run "$tap" "$results" unit 2 /nonexistent/program
	[ "$status" -eq 1 ]
	taken fail '\(program\)' 'died with status 127'
}

@test "no plan is a failure" {
	says 'ok 1 - one\n'
	[ "$status" -eq 1 ]
	taken fail '\(program\)' 'printed no plan'
}

@test "fewer tests than planned are a failure" {
	says '1..3\nok 1 - one\n'
	[ "$status" -eq 1 ]
	taken fail '\(program\)' 'planned 3 tests, ran 1'
}

@test "a plan at the end and nested results are understood" {
	says 'KTAP version 1\n    1..2\n    ok 1 a\n    not ok 2 b\nok 1 - one\n1..1\n'
	[ "$status" -eq 0 ]
	[ "$(wc -l <"$results")" -eq 1 ]
}

@test "a skip with a reason is a skip" {
	says '1..2\nok 1 - one # SKIP no such kernel\nok 2 two # skip not here\n'
	[ "$status" -eq 0 ]
	taken skip one 'no such kernel'
	taken skip two 'not here'
}

@test "a skip without a reason is a failure" {
	says '1..1\nok 1 - one # SKIP\n'
	[ "$status" -eq 1 ]
	taken fail one 'skipped without a reason'
}

@test "a program that skips itself as a whole needs a reason" {
	says '1..0 # SKIP no root\n'
	[ "$status" -eq 0 ]
	taken skip all 'no root'
	rm "$results"
	says '1..0\n'
	[ "$status" -eq 1 ]
}

@test "bailing out is a failure" {
	says '1..1\nok 1 - one\nBail out! on fire\n'
	[ "$status" -eq 1 ]
	taken fail 'bail out' ' ?on fire'
}
