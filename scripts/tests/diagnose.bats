#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Each case of packaging/diagnoses.md can be made here, and the verdict on it is the one
# that the page speaks of. Needs root; watches only programs that the test starts. O
# names the build; default: build.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	export O=${O:-$PWD/build}
	PAGE=packaging/diagnoses.md
	DIR=$BATS_TEST_TMPDIR
}

# A failure of "! command" ends no test, one of this does.
fails() { ! "$@"; }
made() {
	[ "$(id -u)" = 0 ] || skip "loading BPF programs needs root"
	scripts/diagnose "$1" 3>&- | tee "$DIR/out"
	[ "${PIPESTATUS[0]}" = 0 ]
	grep -q '^-- window' "$DIR/out"
}
fuse() { [ -e /dev/fuse ] || skip "no /dev/fuse to hold a lock for good with"; }

# block CASE PAGE: what stands below the command
block() { awk -v head="\$ scripts/diagnose $1" '/^```/ { on = 0 } on { print } $0 == head { on = 1 }' "$2"; }

@test "the page has every case, with the verdict that it is about, and no other" {
	[ "$(sed -n 's,^\$ scripts/diagnose ,,p' "$PAGE")" = "$(scripts/diagnose --list | cut -f 1)" ]
	while IFS=$'\t' read -r name says; do
		block "$name" "$PAGE" | grep -qF -- "$says" || { echo "$name: no '$says'"; return 1; }
		case $says in A-*) [ "$(grep -c "\`$says\`" "$PAGE")" -gt 0 ] ;; esac
	done < <(scripts/diagnose --list)
	# what the page links to is a heading of it
	for link in $(grep -o '](#[^)]*)' "$PAGE" | tr -d '](#)'); do
		sed -n 's/^## //p' "$PAGE" | tr -d ',?' | tr 'A-Z ' 'a-z-' | grep -qx -- "$link" || { echo "$link"; return 1; }
	done
}

@test "a verdict that is another than the page's is an error" {
	[ "$(id -u)" = 0 ] || skip "loading BPF programs needs root"
	mkdir "$DIR/scripts"
	ln -s "$PWD/scripts/tests" "$DIR/scripts"
	sed 's/\[mprotect\]=A-mprotect-range/[mprotect]=A-fork-large/' scripts/diagnose >"$DIR/scripts/diagnose"
	O=$(realpath "$O") fails bash "$DIR/scripts/diagnose" mprotect 2>"$DIR/err" 3>&-
	grep -q 'diagnose: mprotect: the verdict does not say A-fork-large' "$DIR/err"
}

@test "a case that is none" {
	code=0
	scripts/diagnose nonsense 2>"$DIR/err" || code=$?
	[ $code = 2 ]
	[ "$(wc -l <"$DIR/err")" = 1 ]
}

@test "an update replaces the blocks and nothing else" {
	[ "$(id -u)" = 0 ] || skip "loading BPF programs needs root"
	printf 'before\n```\n$ scripts/diagnose elsewhere\nold\n```\nafter\n' >"$DIR/page"
	scripts/diagnose --update "$DIR/page" 3>&-
	grep -q 'no contention on its mmap_lock' "$DIR/page"
	[ "$(grep -c old "$DIR/page")" = 0 ]
	[ "$(grep -cx -e before -e after -e '```' "$DIR/page")" = 4 ]
}

@test "agent" { made agent; }
@test "munmap" { made munmap; }
@test "fork" { made fork; }
@test "mprotect" { made mprotect; }
@test "churn" { made churn; }
@test "profiler" { made profiler; }
@test "frozen" { fuse; made frozen; }
@test "night" { fuse; made night; }
@test "elsewhere" { made elsewhere; }
