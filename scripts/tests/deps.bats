#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does deps say what it installs, and what is wrong when it cannot? Debian's
# tools are stand-ins that read and change $have, the installed packages.

setup() {
	deps=$BATS_TEST_DIRNAME/../deps
	list=$BATS_TEST_DIRNAME/../packages
	have=$BATS_TEST_TMPDIR/have
	calls=$BATS_TEST_TMPDIR/calls
	: >"$calls"
	sed -n 's/^\([^# ][^ ]*\) .*/ii  \1/p' "$list" >"$have"
	tool dpkg-query "cat '$have'"
	tool id 'echo 0'
	apt 'exit 0'
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# tool NAME SCRIPT
tool() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# apt SCRIPT: what `apt-get update` does; install works, simulation needs an update.
apt() {
	tool apt-get "echo \"\$*\" >>'$calls'
case \$* in
-s*) exit 100 ;;
*update*) $1 ;;
*install*) for name; do case \$name in *[=-]*' '* | -* | install) ;; *) echo \"ii  \$name\" >>'$have' ;; esac; done ;;
esac"
}

lacking() { for name; do sed -i "/ $name\$/d" "$have"; done; }

@test "nothing is done, nor said, when all is there" {
	run "$deps"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ ! -s "$calls" ]
}

@test "what is missing is told with its purpose, and installed" {
	lacking jq libdw-dev
	run "$deps"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "deps: installing" ]
	[[ ${lines[1]} == "  libdw-dev "*"debug information of binaries" ]]
	[[ ${lines[2]} == "  jq "*"reads JSON in tests" ]]
	[ "${#lines[@]}" -eq 3 ]
	grep -q -- 'install --no-install-recommends libdw-dev jq$' "$calls"
	: >"$calls"
	run "$deps"
	[ -z "$output" ]
	[ ! -s "$calls" ]
}

@test "a package that was removed, its configuration not, is missing" {
	sed -i 's/^ii  jq$/rc  jq/' "$have"
	run "$deps"
	[[ $output == *"  jq "* ]]
}

@test "without root it names what is missing, and installs nothing" {
	lacking jq
	tool id 'echo 1000'
	run "$deps"
	[ "$status" -eq 1 ]
	[ "$output" = "deps: root is needed to install: jq" ]
	[ ! -s "$calls" ]
}

@test "without a network it says so" {
	lacking jq
	apt 'echo "E: cannot resolve" >&2; exit 100'
	run "$deps"
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == "deps: apt-get update fails: is there a network?" ]]
	! grep -q '^-qq.* install ' "$calls"
}

@test "an install that fails, or that installs nothing, is an error" {
	lacking jq
	tool apt-get 'case $* in *install*) exit 100 ;; esac'
	run "$deps"
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == "deps: apt-get install fails"* ]]
	tool apt-get 'exit 0'
	run "$deps"
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == "deps: not installed: jq"* ]]
}

@test "elsewhere than on Debian it says what it needs" {
	for name in bash dirname; do ln -s "$(command -v $name)" "$BATS_TEST_TMPDIR/$name"; done
	PATH=$BATS_TEST_TMPDIR run "$deps"
	[ "$status" -eq 1 ]
	[[ $output == "deps: this needs Debian 12"* ]]
}
