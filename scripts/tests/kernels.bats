#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does scripts/kernels make what a name stands for, once, and say what is wrong
# when it cannot? With the toy (toy.bash) for Linux; all the rest is real.

bats_require_minimum_version 1.5.0
load toy

setup() {
	kernels=$BATS_TEST_DIRNAME/../kernels
	toy_setup
}

log() { echo "$FAULTLINE_CACHE/trees/6.1/build/$1.log"; }
left_over() { find "$FAULTLINE_CACHE/kernels" -mindepth 1 -maxdepth 1 -name '.*'; }

@test "a stock kernel is built once, and whole" {
	run --separate-stderr "$kernels" 6.1-stock
	[ "$status" -eq 0 ]
	dir=$output
	[ "$(cat "$dir/release")" = 6.1.0-stock ]
	for file in vmlinuz vmlinux System.map config manifest; do [ -s "$dir/$file" ]; done
	grep -q '^# source linux-source-6.1 6.1.1-1 [0-9a-f]\{32\}$' "$dir/manifest"
	(cd "$dir" && grep -v '^#' manifest | sha256sum --quiet --check)
	run "$kernels" 6.1-stock
	[ "$output" = "$dir" ]
}

@test "several names give a folder a line, each in its turn" {
	run --separate-stderr "$kernels" 6.1-stock 6.1-stock+debug
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == */6.1-stock_* && ${lines[1]} == */6.1-stock+debug_* ]]
	grep -qx CONFIG_KASAN=y "${lines[1]}/config"
	! grep -qx CONFIG_KASAN=y "${lines[0]}/config"
}

@test "a damaged kernel is noticed and built again" {
	dir=$("$kernels" 6.1-stock 2>/dev/null)
	echo >>"$dir/vmlinux"
	run --separate-stderr "$kernels" 6.1-stock
	[ "$status" -eq 0 ]
	[ "$output" = "$dir" ]
	[[ $stderr == *"is damaged, building it again"* ]]
	(cd "$dir" && grep -v '^#' manifest | sha256sum --quiet --check)
}

@test "another source, patch, option or tool is another kernel; other words are not" {
	"$kernels" 6.1-patched >"$BATS_TEST_TMPDIR/first" 2>/dev/null
	patch 0001-one.patch mm/spare.c 's/one/uno/'
	second=$("$kernels" 6.1-patched 2>/dev/null)
	[ "$second" != "$(cat "$BATS_TEST_TMPDIR/first")" ]
	sed -i 's/^Why/Because/' "$FAULTLINE_PATCHES/6.1/0001-one.patch"
	[ "$("$kernels" 6.1-patched)" = "$second" ]
	[ "$("$kernels" 6.1-off 2>/dev/null)" != "$second" ]
	tool pahole 'echo v9.99'
	third=$("$kernels" 6.1-patched 2>/dev/null)
	[ "$third" != "$second" ]
	# A new package's files are older than the objects of the last one.
	echo 'int newer;' >>"$toy/mm/memory.c"
	touch -d 2001-01-01 "$toy/mm/memory.c"
	pack 6.1.2-1
	run --separate-stderr "$kernels" 6.1-patched
	[ "$output" != "$third" ]
	nm "$output/vmlinux" | grep -qw newer
	[[ $stderr == *"unpacking linux-source-6.1 6.1.2-1"* ]]
}

@test "a changed series compiles what it changes, back and forth" {
	patch 0001-one.patch mm/spare.c 's/one/uno/'
	first=$("$kernels" 6.1-patched 2>/dev/null)
	patch 0002-two.patch mm/spare.c 's/int spare/int more/'
	second=$("$kernels" 6.1-patched 2>/dev/null)
	[ "$(grep ' CC ' "$(log 6.1-patched)")" = "  CC      mm/spare.o" ]
	nm "$second/vmlinux" | grep -qw more
	"$kernels" 6.1-stock >/dev/null 2>&1
	sed -i 2d "$FAULTLINE_PATCHES/6.1/series"
	rm -r "$first"
	[ "$("$kernels" 6.1-patched 2>/dev/null)" = "$first" ]
	[ "$(grep ' CC ' "$(log 6.1-patched)")" = "  CC      mm/spare.o" ]
	nm "$first/vmlinux" | grep -qw spare
	# Nothing to do for objects that are as the series wants them.
	rm -r "$first"
	"$kernels" 6.1-stock >/dev/null 2>&1
	[ "$("$kernels" 6.1-patched 2>/dev/null)" = "$first" ]
	! grep ' CC ' "$(log 6.1-patched)"
}

@test "a new name starts with the objects of another, of its own flavour" {
	"$kernels" 6.1-stock >/dev/null 2>&1
	patch 0001-one.patch mm/spare.c 's/int spare/int more/'
	run --separate-stderr "$kernels" 6.1-patched
	[[ $stderr == *"starting with the objects of 6.1-stock"* ]]
	[ "$(grep ' CC ' "$(log 6.1-patched)")" = "  CC      mm/spare.o" ]
	# Those who noted where they are know where they are now.
	build=$FAULTLINE_CACHE/trees/6.1/build/6.1-patched/mm
	[ "$(cat "$build/.memory.o.cmd")" = "$build/memory.o" ]
	nm "$output/vmlinux" | grep -qw more
	run --separate-stderr "$kernels" 6.1-patched+debug
	[[ $stderr != *"starting with"* ]]
	run --separate-stderr "$kernels" 6.1-stock+debug
	[[ $stderr == *"starting with the objects of 6.1-patched+debug"* ]]
	[ "$(grep ' CC ' "$(log 6.1-stock+debug)")" = "  CC      mm/spare.o" ]
}

@test "a patch that does not apply is named, with its place, and nothing stays of it" {
	patch 0001-one.patch mm/spare.c 's/one/uno/'
	patch 0002-two.patch mm/spare.c 's/two/due/'
	sed -i 's,/\* uno,/* eins,' "$FAULTLINE_PATCHES/6.1/0002-two.patch"
	run --separate-stderr "$kernels" 6.1-patched
	[ "$status" -eq 4 ]
	[ -z "$output" ]
	[[ $stderr == *"0002-two.patch does not apply to linux-source-6.1 6.1.1-1: mm/spare.c:"[0-9]* ]]
	[ -z "$(left_over)" ]
	run --separate-stderr "$kernels" 6.1-stock
	[ "$status" -eq 0 ]
	[[ $stderr != *unpacking* ]]
}

@test "a series that names a patch which is not there is refused" {
	echo 0001-gone.patch >"$FAULTLINE_PATCHES/6.1/series"
	run "$kernels" 6.1-patched
	[ "$status" -eq 4 ]
	[[ $output == *"names 0001-gone.patch, which is not there"* ]]
}

@test "an option that does not stick is named; an optional one may be unknown" {
	TOY_DROPS=CONFIG_SWAP= run "$kernels" 6.1-stock
	[ "$status" -eq 5 ]
	[[ $output == *"asked for CONFIG_SWAP=y: it became '# CONFIG_SWAP is not set'"* ]]
	TOY_DROPS=CONFIG_KSM run "$kernels" 6.1-stock
	[ "$status" -eq 5 ]
	[[ $output == *"asked for CONFIG_KSM=y: this kernel has no such option"* ]]
	TOY_DROPS=CONFIG_SPF_REVALIDATE run "$kernels" 6.1-patched
	[ "$status" -eq 0 ]
	printf 'config SPF_REVALIDATE\n\tbool\n' >>"$toy/Kconfig"
	pack 6.1.2-1
	TOY_DROPS=CONFIG_SPF_REVALIDATE run "$kernels" 6.1-patched
	[ "$status" -eq 5 ]
}

@test "an error of the compiler is shown, and the log is kept" {
	patch 0001-one.patch mm/spare.c 's/int spare/int int spare/'
	run "$kernels" 6.1-patched
	[ "$status" -eq 6 ]
	[[ $output == *"6.1-patched does not compile, see $(log 6.1-patched)"* ]]
	[[ $output == *"mm/spare.c:1:"*"error:"* ]]
	[ -z "$(left_over)" ]
}

# The build stands still in the middle of a file until it is told otherwise.
stand_still() {
	mkfifo "$BATS_TEST_TMPDIR/reached" "$BATS_TEST_TMPDIR/go"
	export TOY_MEANWHILE="echo >$BATS_TEST_TMPDIR/reached; cat $BATS_TEST_TMPDIR/go"
}

@test "Ctrl-C in the middle of a build ends it at once and leaves the cache whole" {
	stand_still
	# A shell makes its background jobs deaf to SIGINT; python does not.
	python3 -c 'import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
p = subprocess.Popen(sys.argv[2:], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
open(sys.argv[1]).read()
p.send_signal(signal.SIGINT)
sys.exit(p.wait(timeout=20))' "$BATS_TEST_TMPDIR/reached" "$kernels" 6.1-stock 3>&- && status=0 || status=$?
	[ "$status" -eq 130 ]
	[ -z "$(left_over)" ]
	[ -z "$(find "$FAULTLINE_CACHE/kernels" -mindepth 1)" ]
	unset TOY_MEANWHILE
	run "$kernels" 6.1-stock
	[ "$status" -eq 0 ]
}

@test "two calls at once build once" {
	stand_still
	"$kernels" 6.1-stock >"$BATS_TEST_TMPDIR/one" 2>/dev/null 3>&- &
	read -r _ <"$BATS_TEST_TMPDIR/reached"
	unset TOY_MEANWHILE
	mkfifo "$BATS_TEST_TMPDIR/said"
	"$kernels" 6.1-stock >"$BATS_TEST_TMPDIR/two" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	exec 4<"$BATS_TEST_TMPDIR/said"
	read -r said <&4
	[[ $said == *"waiting for another call that makes 6.1"* ]]
	echo >"$BATS_TEST_TMPDIR/go"
	wait
	[ -s "$BATS_TEST_TMPDIR/one" ]
	cmp "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
	[ "$(find "$FAULTLINE_CACHE/kernels" -name '6.1-stock_*' | wc -l)" -eq 1 ]
}

@test "a series that is edited while its kernel waits is built as it was" {
	stand_still
	"$kernels" 6.1-stock >/dev/null 2>&1 3>&- &
	read -r _ <"$BATS_TEST_TMPDIR/reached"
	unset TOY_MEANWHILE
	patch 0001-one.patch mm/spare.c 's/int spare/int more/'
	mkfifo "$BATS_TEST_TMPDIR/said"
	"$kernels" 6.1-patched >"$BATS_TEST_TMPDIR/patched" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	exec 4<"$BATS_TEST_TMPDIR/said"
	read -r _ <&4
	sed -i 's/int more/int other/' "$FAULTLINE_PATCHES/6.1/0001-one.patch"
	echo >"$BATS_TEST_TMPDIR/go"
	cat <&4 >/dev/null
	wait
	nm "$(cat "$BATS_TEST_TMPDIR/patched")/vmlinux" | grep -qw more
}

@test "a disk that is too small is refused before the build" {
	FAULTLINE_NEED_MIB=999999999 run "$kernels" 6.1-stock
	[ "$status" -eq 7 ]
	[[ $output == *"MiB free in $FAULTLINE_CACHE, a build needs 999999999"* ]]
}

@test "a disk that fills up during the build is said to be full" {
	export TOY_MEANWHILE='cat Makefile >/dev/full'
	run "$kernels" 6.1-stock
	[ "$status" -eq 7 ]
	[[ $output == *"6.1-stock: no space left in $FAULTLINE_CACHE"* ]]
	[ -z "$(left_over)" ]
}

@test "a file that cannot be copied into the cache fails the whole" {
	tool cp 'case $* in *vmlinuz) exit 1 ;; *) exec /bin/cp "$@" ;; esac'
	run "$kernels" 6.1-stock
	[ "$status" -eq 7 ]
	[[ $output == *"is the disk full?"* ]]
	[ -z "$(left_over)" ]
	[ -z "$(find "$FAULTLINE_CACHE/kernels" -mindepth 1)" ]
}

@test "a missing tool is named" {
	# A path with everything but pahole.
	mkdir "$BATS_TEST_TMPDIR/some"
	for file in /usr/bin/* /usr/sbin/* /bin/*; do ln -sf "$file" "$BATS_TEST_TMPDIR/some/"; done
	rm "$BATS_TEST_TMPDIR/some/pahole"
	PATH=$BATS_TEST_TMPDIR/bin:$BATS_TEST_TMPDIR/some run "$kernels" 6.1-stock
	[ "$status" -eq 3 ]
	[[ $output == *"pahole is missing: run 'make deps'"* ]]
}

@test "without the package and without a network there is one clear line" {
	tool dpkg-query "case \$* in *Package*) echo 'ii  bats' ;; *) exit 1 ;; esac"
	tool apt-get 'exit 100'
	tool id 'echo 0'
	run "$kernels" 6.1-stock
	[ "$status" -eq 3 ]
	[[ $output == *"apt-get update fails: is there a network?"* ]]
	[[ $output == *"package linux-source-6.1 is missing: run 'make deps'"* ]]
}

@test "a damaged source package is refused" {
	echo x >>"$package/linux-source-6.1.tar.xz"
	run "$kernels" 6.1-stock
	[ "$status" -eq 3 ]
	[[ $output == *"linux-source-6.1.tar.xz is damaged"*"--reinstall linux-source-6.1"* ]]
}

@test "an unknown kernel is refused before anything is made" {
	for name in 5.4 6.1-fast 6.1+debug 6.12-stock+bench 6.1-stock+race 6.1-; do
		run "$kernels" 6.1-stock "$name"
		[ "$status" -eq 2 ]
		[[ $output == *"unknown kernel '$name'"* ]]
		[ "${#lines[@]}" -eq 1 ]
	done
	[ ! -e "$FAULTLINE_CACHE" ]
}

@test "old kernels go, and clean leaves the newest of each" {
	for n in 1 2 3 4 5; do
		patch "000$n-a.patch" mm/spare.c "\$s/\$/\\n\\/* more $n *\\//"
		newest=$("$kernels" 6.1-patched 2>/dev/null)
	done
	[ "$(find "$FAULTLINE_CACHE/kernels" -name '6.1-patched_*' | wc -l)" -eq 3 ]
	run "$kernels" clean
	[ "$status" -eq 0 ]
	[ "$(find "$FAULTLINE_CACHE/kernels" -mindepth 1 -maxdepth 1)" = "$newest" ]
	[ ! -e "$FAULTLINE_CACHE/trees" ]
	[ "$("$kernels" 6.1-patched)" = "$newest" ]
}

@test "objects go when the cache is over its limit" {
	"$kernels" 6.1-stock 6.1-patched >/dev/null 2>&1
	FAULTLINE_CACHE_GIB=0 run "$kernels" 6.1-off
	[ "$status" -eq 0 ]
	[[ $output == *"removing the objects of 6.1-stock: the cache is over 0 GiB"* ]]
	[ "$(find "$FAULTLINE_CACHE/trees/6.1/build" -mindepth 1 -maxdepth 1 -type d -printf '%f\n')" = 6.1-off ]
}
