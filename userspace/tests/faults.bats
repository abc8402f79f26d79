#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does the fault generator do what it says, and notice when it did not?

setup() {
	FAULTS=${O:-$BATS_TEST_DIRNAME/../../build}/tests/faults
}

# faults ARGUMENTS...: exit status in $status, JSON or the error in $output.
faults() { run timeout 60 "$FAULTS" --oversubscribe "$@"; }

# is JQ-CONDITION
is() { jq -e "$1" <<<"$output" >/dev/null || { echo "not so: $1"; echo "$output"; return 1; }; }

refused() {
	faults "${@:2}"
	[ "$status" -eq 2 ]
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "faults: "*"$1"* ]]
}

# sabotage C-SOURCE: what is preloaded into the generator from now on.
sabotage() {
	gcc -shared -fPIC -D_GNU_SOURCE -x c - -o "$BATS_TEST_TMPDIR/sabotage.so" -ldl <<<"$1"
	preload=$BATS_TEST_TMPDIR/sabotage.so
}

@test "every kind of memory and of unmapping faults once a touch" {
	local memory unmap
	for memory in anon private-file shared-file; do
		for unmap in none pages vma; do
			faults --workers 2 --memory "$memory" --unmap "$unmap" --pages 100 --rounds 3
			[ "$status" -eq 0 ]
			is '.faults == 600 and .minor_faults == 600 and .latency_ns.count == 600 and .rounds == 3'
		done
	done
}

@test "one VMA for all, VMAs of their own and processes fault the same" {
	local way
	for way in "--layout shared" "--layout separate" "--processes"; do
		# shellcheck disable=SC2086  # two words
		faults --workers 3 $way --pages 64
		[ "$status" -eq 0 ]
		is '.faults == 192 and .minor_faults == 192 and .elapsed_ns > 0 and .faults_per_s > 0'
	done
}

@test "read faults of files map their surroundings, of memory do not" {
	faults --read --pages 160
	is '.faults == 160 and .minor_faults == 160'
	faults --read --memory private-file --pages 160
	is '.faults == 10 and .minor_faults == 10'
}

@test "more touches than pages empty the pages in between, fewer leave some" {
	faults --workers 2 --touches 250 --pages 50
	is '.faults == 500'
	faults --workers 2 --unmap vma --touches 250 --pages 50
	is '.faults == 500'
	faults --workers 2 --touches 20 --pages 50
	is '.faults == 40'
}

@test "every writer gets something done and is timed alone" {
	local writer
	for writer in mmap mprotect mlock split mremap fork; do
		faults --workers 2 --layout shared --writer "$writer" --writer-mib 1 --seconds 0.1
		[ "$status" -eq 0 ]
		is '.writer.ops > 0 and .writer.latency_ns.count == .writer.ops and .writer.alone_ns > 0'
		is '.writer.ops_per_s > 0 and .writer.latency_ns.p50 <= .writer.latency_ns.max'
		# by the clock of the workers, who may be woken late
		is '.elapsed_ns >= 50000000'
	done
}

@test "a round lasts until the writer has done what it shall, and no worker less than its own" {
	faults --workers 2 --writer mprotect --writer-mib 1 --writer-ops 200 --pages 16 --layout shared
	[ "$status" -eq 0 ]
	is '.writer.ops >= 200 and .faults > 32 and .minor_faults == .faults'
	faults --workers 2 --writer mmap --writer-ops 1 --pages 4096
	is '.writer.ops > 1 and .faults >= 8192'
}

@test "thinking takes time, and is no part of a fault" {
	faults --pages 2048
	local at_once=$output
	faults --pages 2048 --think 100000
	[ "$status" -eq 0 ]
	is '.minor_faults == 2048'
	# 50000 turns on average, a turn takes more than a tenth of a nanosecond
	is '.elapsed_ns > 2048 * 5000'
	jq -en --argjson at_once "$at_once" --argjson think "$output" \
		'$think.elapsed_ns - ($think.latency_ns.p50 * 2048) > $at_once.elapsed_ns - ($at_once.latency_ns.p50 * 2048)'
}

@test "a pause slows the writer down" {
	faults --writer mmap --seconds 0.1
	local busy=$output
	faults --writer mmap --seconds 0.1 --writer-pause 1000000
	jq -en --argjson busy "$busy" --argjson idle "$output" '$idle.writer.ops_per_s * 3 < $busy.writer.ops_per_s'
}

@test "percentiles are in order and the slots add up" {
	faults --workers 2 --pages 4096
	is '.latency_ns | .p50 > 0 and .p50 <= .p99 and .p99 <= .max'
	is '([.latency_ns.slots[][1]] | add) == .faults'
}

@test "operations of a single thread are counted" {
	local op
	for op in mmap brk mprotect fork; do
		faults --op "$op" --count 50
		[ "$status" -eq 0 ]
		is ".op == \"$op\" and .count == 50 and .elapsed_ns > 0"
	done
	faults --op fault --count 50
	is '.minor_faults == 50'
}

@test "memory that was not emptied is noticed by the kernel's count" {
	sabotage '
		#include <sys/mman.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		int madvise(void *at, size_t bytes, int advice)
		{
			return advice == MADV_DONTNEED ? 0 : syscall(SYS_madvise, at, bytes, advice);
		}'
	LD_PRELOAD=$preload faults --pages 64
	[ "$status" -eq 3 ]
	[[ $output == "faults: touched 64 pages, but the kernel counted 0 minor faults"* ]]
}

@test "a page that lost what was written to it is noticed" {
	sabotage '
		#include <sys/mman.h>
		#include <sys/resource.h>
		#include <sys/syscall.h>
		#include <unistd.h>
		static char *area;
		int madvise(void *at, size_t bytes, int advice)
		{
			if (advice == MADV_DONTNEED)
				area = at;
			return syscall(SYS_madvise, at, bytes, advice);
		}
		int getrusage(int who, struct rusage *usage) /* called before and after the touches */
		{
			syscall(SYS_madvise, area, 4096, MADV_DONTNEED);
			return syscall(SYS_getrusage, who, usage);
		}'
	LD_PRELOAD=$preload faults --pages 64
	[ "$status" -eq 3 ]
	[[ $output == "faults: page 0 of a worker holds 0, not 65" ]]
}

@test "a worker that is killed ends the run" {
	local child
	"$FAULTS" --oversubscribe --processes --workers 2 --seconds 600 2>"$BATS_TEST_TMPDIR/said" 3>&- &
	local main=$!
	until child=$(cut -d' ' -f1 "/proc/$main/task/$main/children") && [ -n "$child" ]; do :; done
	kill -9 "$child"
	status=0
	wait "$main" || status=$?
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/said")" = "faults: a worker is gone before the end" ]
}

@test "the markers are there: two kinds of region, its end, six operations" {
	objdump -d "$FAULTS" | grep -o 'nopl *0x464c[0-9a-f]*' | sort -u >"$BATS_TEST_TMPDIR/markers"
	grep -q 464c0100 "$BATS_TEST_TMPDIR/markers"
	grep -q 464c0101 "$BATS_TEST_TMPDIR/markers"
	grep -q 464c0200 "$BATS_TEST_TMPDIR/markers"
	[ "$(grep -c '464c030[0-5]' "$BATS_TEST_TMPDIR/markers")" -eq 6 ]
	[ "$(grep -c '464c040[0-5]' "$BATS_TEST_TMPDIR/markers")" -eq 6 ]
}

@test "what cannot be is refused in one line" {
	refused "'0' is no number from 1 to" --workers 0
	refused "'-3' is no number" --pages -3
	refused "'x' is none of separate, shared" --layout x
	refused "no writer 'x'" --writer x
	refused "no operation 'x'" --op x
	refused "'0' is no number above 0" --seconds 0
	refused "'x' is no option" x
	refused "have no VMA in common" --processes --layout shared
	refused "leave out --processes" --processes --writer mmap
	refused "take --unmap pages" --unmap vma --layout shared
	refused "takes away the VMA" --unmap vma --writer split
	refused "of which writer" --writer-ops 3
	refused "ends the round already" --writer mmap --writer-ops 3 --seconds 1
	refused "anonymous memory has no file" --dir /tmp
	run "$FAULTS" --workers 128
	[ "$status" -eq 2 ]
	[[ $output == *"128 workers need as many CPUs"* ]]
}

@test "a folder that takes no file is named" {
	faults --memory shared-file --dir /nonexistent
	[ "$status" -eq 1 ]
	[ "$output" = "faults: /nonexistent: No such file or directory" ]
}
