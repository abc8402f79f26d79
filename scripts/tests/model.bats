#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does scripts/model say what is wrong? The figures are judged by model-known.

load ../../userspace/tests/wait

setup() {
	results=$BATS_TEST_TMPDIR/results
	export MODEL_VM=$BATS_TEST_TMPDIR/vm
}
model() { run "$BATS_TEST_DIRNAME/../model" --kernel any --results "$results" "$@"; }
# guest RECORDS STATUS: in place of a guest, one that leaves these records
guest() {
	printf '#!/bin/sh\nprintf "%%s" "$*" >%q\nprintf "%%s" %q >%q\nexit %s\n' \
		"$BATS_TEST_TMPDIR/asked" "$1" "$results/model.json" "$2" >"$MODEL_VM"
	chmod +x "$MODEL_VM"
}

@test "a record is a success, and the options are the guest's" {
	guest '{"region":1}' 0
	model --cpus 3 --lead 50 -- program --its-own
	[ "$status" -eq 0 ]
	[[ $(cat "$BATS_TEST_TMPDIR/asked") == "--kernel any --cpus 3 "*",lead=50,slow=1"*" -- "*" program --its-own" ]]
}

@test "a void region is told" {
	guest '{"region":1,"error":"has no end"}' 0
	model -- program
	[ "$status" -eq 1 ]
	[[ $output == *"has no end"*"void"* ]]
}

@test "a program without markers is told" {
	guest '' 0
	model -- program
	[ "$status" -eq 1 ]
	[[ $output == *"program has no markers"* ]]
}

@test "what the guest says comes back" {
	guest '{"region":1}' 125
	model -- program
	[ "$status" -eq 125 ]
}

# As many as there are cores, and one more.
@test "models that run at one time have a core each, as long as there are some" {
	local i cores
	cores=$(nproc)
	export FAULTLINE_CACHE=$BATS_TEST_TMPDIR/cache
	mkfifo "$BATS_TEST_TMPDIR/go"
	exec 9<>"$BATS_TEST_TMPDIR/go"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nwhile [ "$1" != --results ]; do shift; done\necho "$4" | grep -o "core=.*" >"$2/on.new" || echo any >"$2/on.new"
		mv "$2/on.new" "$2/on"; read _ <%q; echo "{}" >"$2/model.json"\n' "$BATS_TEST_TMPDIR/go" >"$MODEL_VM"
	chmod +x "$MODEL_VM"
	for ((i = 0; i <= cores; i++)); do
		"$BATS_TEST_DIRNAME/../model" --kernel any --results "$results.$i" -- program 3>&- 9>&- &
		wait_for 10 test -s "$results.$i/on"
	done
	for ((i = 0; i <= cores; i++)); do echo >&9; done
	wait
	cat "$results".*/on
	[ "$(cat "$results".*/on | grep -c '^core=[0-9]*$')" -eq "$cores" ]
	[ "$(sort -u "$results".*/on | wc -l)" -eq $((cores + 1)) ]
}

@test "wrong use" {
	model --lead few -- program
	[ "$status" -eq 2 ]
	[[ $output == *"--lead few"* ]]
	model --slow 0 -- program
	[ "$status" -eq 2 ]
	[[ $output == *"--slow 0"* ]]
	model --lead 5
	[ "$status" -eq 2 ]
	[[ $output == *"no command"* ]]
}

@test "the plugin refuses a file that it cannot write" {
	make -s -C "$BATS_TEST_DIRNAME/../.." O="$O" plugin
	run timeout 20 qemu-system-x86_64 -display none -nodefaults -plugin "$O/model.so,out=/nowhere/x,dir=/"
	[ "$status" -ne 0 ]
	[[ $output == *"out=FILE that can be written"* ]]
}
