#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Are results of a suite taken down as they are, and is a worse kernel told from
# an equal one? Without a guest: suites-one and compare run as well here.

setup() {
	scripts=$BATS_TEST_DIRNAME/..
	export FAULTLINE_RESULTS=$BATS_TEST_TMPDIR/results SUITES_LIST=$BATS_TEST_TMPDIR/list LIMIT_S=20
	mkdir -p "$FAULTLINE_RESULTS/logs"
	: >"$FAULTLINE_RESULTS/results.tsv"
	echo '# nothing' >"$SUITES_LIST"
}

# program SCRIPT: a test of that name, and what suites-one makes of it
one() {
	printf '#!/bin/bash\n%s\n' "$1" >"$BATS_TEST_TMPDIR/program"
	chmod +x "$BATS_TEST_TMPDIR/program"
	shift
	run "$scripts/suites-one" mm some "$BATS_TEST_TMPDIR/program" "$@"
}
taken() {
	grep -qP "^mm\t$1\t[0-9.-]+\t$2\$" "$FAULTLINE_RESULTS/results.tsv" ||
		{ cat "$FAULTLINE_RESULTS/results.tsv"; return 1; }
}

@test "results, arguments, reasons and subtests are taken down" {
	one 'echo "ok 1 first"; echo "not ok 2 - second at 0x7f12 # line 3"; echo "ok 3 third # SKIP not here"; exit 0' -a b
	[ "$status" -eq 0 ]
	[[ $output == *"second at 0x7f12"* ]]
	taken 'some -a b\tpass' ''
	taken 'some -a b: first\tpass' ''
	taken 'some -a b: second at X\tfail' ''
	taken 'some -a b: third\tskip' 'not here'
	one 'echo "# [RUN] two ways"; echo "ok 1 # SKIP not today"; echo "ok 2 worked"' x
	taken 'some x: two ways\tskip' 'not today'
	taken 'some x: two ways, worked\tpass' ''
	one 'echo "needs a moon"; exit 4'
	[ "$status" -eq 4 ]
	taken 'some\tskip' 'needs a moon'
	one 'echo "no moon"; exit 3' y
	[ "$status" -eq 3 ]
	taken 'some y\tfail' 'status 3: no moon'
}

@test "a test that hangs is ended, and fails unless it has no end" {
	LIMIT_S=1 one 'sleep 600'
	[ "$status" -eq 124 ]
	taken 'some\tfail' 'status 124: ended after 1 s'
	echo 'endless mm some -- 1' >"$SUITES_LIST"
	one 'sleep 600'
	taken 'some \(2\)\tpass' ''
}

@test "what the list skips is not run, and has its reason" {
	printf 'skip mm some -x * -- it poisons memory\n' >"$SUITES_LIST"
	one "touch $BATS_TEST_TMPDIR/ran" -x 5
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
	taken 'some -x 5\tskip' 'it poisons memory'
	one "touch $BATS_TEST_TMPDIR/ran" -y
	[ -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "a test that a test calls has no line of its own" {
	one "$scripts/suites-one mm inner true"
	taken 'some\tpass' ''
	[ "$(wc -l <"$FAULTLINE_RESULTS/results.tsv")" -eq 1 ]
}

@test "a test that runs again has another line" {
	one 'echo "ok 1 part"' '-x*'
	one 'echo "not ok 1 part"; exit 1' '-x*'
	taken 'some -x\*\tpass' ''
	taken 'some -x\* \(2\)\tfail' 'status 1: not ok 1 part'
	taken 'some -x\* \(2\): part\tfail' ''
}

@test "the list of what does not run can be read, and gives reasons" {
	run grep -vE '^#|^(skip [a-z]+ [^ ].* -- .{10,}|(limit|endless) [a-z]+ [^ ].* -- [0-9]+)$' "$scripts/suites.list"
	[ -z "$output" ]
}

# list FILE TEST=RESULT...
list() {
	local file=$1 pair
	shift
	printf 'suite\ttest\tresult\tseconds\treason\n' >"$file"
	for pair; do printf 'mm\t%s\t%s\t1.0\tbecause\n' "${pair%=*}" "${pair#*=}" >>"$file"; done
}
compare() {
	list "$BATS_TEST_TMPDIR/a" same=pass "$1"
	list "$BATS_TEST_TMPDIR/b" same=pass "$2"
	run "$scripts/suites" compare "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
}

@test "equal results compare as equal" {
	compare one=fail one=fail
	[ "$status" -eq 0 ]
	[ "$output" = "2 the same, 0 worse, 0 better, 0 other" ]
}

@test "a test that passes no more, or is not there any more, is worse" {
	local pair
	for pair in pass:fail pass:skip skip:fail; do
		compare one=${pair%:*} one=${pair#*:}
		[ "$status" -eq 1 ]
		[ "${lines[0]}" = "worse	mm	one	${pair%:*}	${pair#*:}	because" ]
		[ "${lines[1]}" = "1 the same, 1 worse, 0 better, 0 other" ]
	done
	compare one=pass other=pass
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "worse	mm	one	pass	absent	because" ]
	compare new=pass new=pass
	[ "$status" -eq 0 ]
}

@test "a test that passes now is better, and no failure" {
	compare one=fail one=pass
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "better	mm	one	fail	pass	because" ]
}

@test "what is not a list of results is refused" {
	run "$scripts/suites" compare "$BATS_TEST_TMPDIR/none" "$BATS_TEST_TMPDIR/none"
	[ "$status" -eq 2 ]
	[[ $output == "suites: no results in "* ]]
	echo other >"$BATS_TEST_TMPDIR/a"
	run "$scripts/suites" compare "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/a"
	[ "$status" -eq 2 ]
	[[ $output == *"is not a list of results" ]]
	list "$BATS_TEST_TMPDIR/a"
	run "$scripts/suites" compare "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/a"
	[ "$status" -eq 2 ]
	[[ $output == *"is empty" ]]
}

@test "unknown suites, kernels and commands are refused" {
	run "$scripts/suites" run 6.1 what
	[ "$status" -eq 2 ]
	[ "$output" = "suites: unknown suite 'what': mm stress" ]
	RESULTS=$BATS_TEST_TMPDIR/new run "$scripts/suites" run 5.4
	[ "$status" -eq 2 ]
	[ "${lines[-1]}" = "suites: no kernel 5.4" ]
	run "$scripts/suites" what
	[ "$status" -eq 2 ]
	run "$scripts/suites-build" 5.4
	[ "$status" -eq 2 ]
	run "$scripts/suites-guest" mm /none
	[ "$status" -eq 2 ]
	[[ $output == "suites-guest: only in a guest"* ]]
}
