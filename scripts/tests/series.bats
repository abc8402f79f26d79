#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does scripts/series tell what is wrong with a patch, and take none again that it knows?
# With the toy (toy.bash) for Linux; its kernels are neither built nor booted.

bats_require_minimum_version 1.5.0
load toy

setup() {
	toy_setup
	cp -r "$BATS_TEST_DIRNAME/.." "$BATS_TEST_TMPDIR/scripts"
	series=$BATS_TEST_TMPDIR/scripts/series
	# an option each: the real fragments are asked for one by one
	for name in "$BATS_TEST_TMPDIR"/scripts/kernel.d/*.config; do echo CONFIG_SWAP=y >"$name"; done
	for name in kernels vm; do printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/scripts/$name"; done
	tool sparse 'echo v0.6.4'
	export TOY_COMPILED=$BATS_TEST_TMPDIR/compiled
	cat >>"$toy/Makefile" <<'MAKE'

# --- what a series is compiled by: folders and single objects
flags := -Wall $(if $(filter 1,$(W)),-Wextra)
.PHONY: mm/
mm/: $(objects)
	@:
mm/%.o: mm/%.c
	@echo $< >>$(TOY_COMPILED)
	@gcc $(flags) -c -o $(O)/$@ $<
%/: ; @:
%.o: ; @:
MAKE
	sed -i 's/^\t@gcc -c -o/\t@echo $< >>$(TOY_COMPILED)\n\t@gcc -Wall -c -o/' "$toy/Makefile"
	mkdir -p "$toy/scripts"
	# style: no patch may say "teh"
	printf '#!/bin/sh\nfor last; do :; done\n! grep -q teh "$last" || echo "$last:1: WARNING:TYPO: teh"\n' \
		>"$toy/scripts/checkpatch.pl"
	chmod +x "$toy/scripts/checkpatch.pl"
	pack
	patch 0001-one.patch mm/spare.c 's/one/uno/'
	patch 0002-two.patch mm/spare.c 's/two/due/'
}

# judged STATUS LAST-LINE
judged() {
	: >"$TOY_COMPILED"
	run --separate-stderr "$series"
	echo "$stderr" >&2
	[ "$status" -eq "$1" ]
	[ "${lines[-1]}" = "$2" ]
}
was_clean() { grep -c 'was clean' <<<"$stderr" || true; }

@test "a clean series is taken once" {
	judged 0 "2 patches, 0 problems"
	[ "$(was_clean)" = 0 ]
	[ -s "$TOY_COMPILED" ]
	judged 0 "2 patches, 0 problems"
	[ "$(was_clean)" = 2 ]
	[ ! -s "$TOY_COMPILED" ]
}

@test "what comes before a changed patch is not taken again" {
	judged 0 "2 patches, 0 problems"
	sed -i 's/^+\(.*\)due/+\1zwei/' "$FAULTLINE_PATCHES/6.1/0002-two.patch"
	judged 0 "2 patches, 0 problems"
	[ "$(was_clean)" = 1 ]
	[ -s "$TOY_COMPILED" ]
}

@test "another compiler, or another script, takes all of them again" {
	judged 0 "2 patches, 0 problems"
	tool other-gcc 'echo other 1.0'
	CC=other-gcc judged 0 "2 patches, 0 problems"
	[ "$(was_clean)" = 0 ]
	echo '# changed' >>"$series"
	judged 0 "2 patches, 0 problems"
	[ "$(was_clean)" = 0 ]
}

@test "a warning is a problem, and is not remembered as none" {
	patch 0003-three.patch mm/spare.c '$a static int unused;'
	judged 1 "3 patches, 4 problems" # with the option on and off, as it is and with W=1
	[[ $stderr == *"does not compile cleanly"*"mm/spare.c: warning: 'unused' defined but not used"* ]] ||
		[[ $stderr == *"does not compile cleanly"*"mm/spare.c: warning: ‘unused’ defined but not used"* ]]
	judged 1 "3 patches, 4 problems"
	[ "$(was_clean)" = 2 ]
}

@test "what only W=1 warns of is a problem where it was not before" {
	patch 0003-three.patch mm/spare.c '$a int f(int x);\nint f(int x) { return 0; }'
	patch 0004-four.patch mm/spare.c 's/uno/eins/'
	judged 1 "4 patches, 2 problems"
	[ "$(grep -c 'new warnings with W=1' <<<"$stderr")" = 2 ]
	[[ ! ${stderr##*series: 4 of 4} =~ warnings|cleanly ]]
	[[ $stderr != *failed* ]]
}

@test "a patch that checkpatch.pl does not like is a problem" {
	patch 0003-three.patch mm/spare.c 's/uno/teh/'
	judged 1 "3 patches, 1 problems"
	[[ $stderr == *"checkpatch.pl --strict"*teh* ]]
}

@test "one that was stopped goes on where it was" {
	tool meanwhile "[ ! -e '$BATS_TEST_TMPDIR/pid' ] || { kill -TERM \$(cat '$BATS_TEST_TMPDIR/pid'); sleep 60; }"
	export TOY_MEANWHILE=meanwhile
	sed -i 's/findstring memory/findstring spare/' "$toy/Makefile"
	pack
	judged 0 "2 patches, 0 problems"
	sed -i 's/^+\(.*\)due/+\1zwei/' "$FAULTLINE_PATCHES/6.1/0002-two.patch"
	# it stops when the second one is compiled
	judged_late() { sh -c 'echo $$ >"$0"; exec "$1"' "$BATS_TEST_TMPDIR/pid" "$series"; }
	run --separate-stderr judged_late
	[ "$status" -eq 143 ]
	[ "$(was_clean)" = 1 ]
	rm "$BATS_TEST_TMPDIR/pid"
	judged 0 "2 patches, 0 problems"
	[ "$(was_clean)" = 1 ]
}

@test "a series that is not there, or a tool, is told in one line" {
	run --separate-stderr "$series" 5.4
	[ "$status" -eq 2 ]
	[[ $stderr == "series: there is no series for '5.4' in $FAULTLINE_PATCHES" ]]
	rm "$BATS_TEST_TMPDIR/bin/sparse"
	mkdir "$BATS_TEST_TMPDIR/few"
	ln -s "$(command -v bash)" "$(command -v dirname)" "$BATS_TEST_TMPDIR/few"
	bare() { PATH=$BATS_TEST_TMPDIR/few "$series"; }
	run --separate-stderr bare
	[ "$status" -eq 3 ]
	[ "$stderr" = "series: sparse is missing: run 'make deps'" ]
}
