#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the detector report what happened? For every means of holding the lock,
# contend makes waits of which all is known, and the report must agree: count,
# total within 10 %, longest, mode, own or remote, holder, cause and confidence.

# shellcheck disable=SC2317  # check() calls the functions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# agrees CAUSE CONFIDENCES MIN_WAIT CONTEND_OPTIONS...
agrees() {
	local cause=$1 confidence=$2 min=$3
	shift 3
	contend_start "$@" --threshold-us "$min" || return 1
	watch_start "$target" -m "${min}us" || return 1
	contend_next
	contend_wait totals || return 1
	watch_stop || return 1
	contend_stop
	judge waits "$tmp/truth" "$tmp/report" --cause "$cause" --confidence "$confidence"
}

# Tuning khugepaged is for a guest that is thrown away, not for somebody's machine.
khugepaged() {
	local dir=/sys/kernel/mm/transparent_hugepage
	[ -n "${FAULTLINE_KERNEL:-}" ] || { skip "$1" "changes the host's settings: only in a test guest"; return; }
	[ -w $dir/khugepaged/scan_sleep_millisecs ] || { skip "$1" "kernel has no khugepaged"; return; }
	echo madvise >$dir/enabled
	echo 1 >$dir/khugepaged/scan_sleep_millisecs
	check "$1" agrees khugepaged exact,release,hint 100 --hold khugepaged --waiters 2
}

any=exact,release,hint
plan 18
check "munmap of a large range holds up writers" agrees munmap $any 2000 --hold munmap --waiters 1
check "mmap over a large range holds up readers" agrees mmap exact 2000 --hold mmap
check "mprotect of a large range holds up readers" agrees mprotect exact 2000 --hold mprotect
check "madvise that populates holds up a writer" agrees madvise $any 2000 --hold madvise --waiters 1
check "brk that shrinks holds up a writer" agrees brk $any 2000 --hold brk --waiters 1
check "fork of a large heap holds up readers" agrees fork exact 2000 --hold fork
check "a reader of smaps holds up a writer" agrees procfs $any 2000 --hold smaps --waiters 1
check "process_vm_readv holds up a writer" agrees process_vm $any 200 --hold process_vm_readv --waiters 1
check "page faults wait for a writer" agrees mprotect exact 2000 --hold mprotect --wait-by fault
check "another process waits for a writer" agrees mmap exact 2000 --hold mmap --wait-by process_vm_readv,procmem
check "own and remote waits at once" agrees mmap exact 2000 --hold mmap --wait-by mincore,process_vm_readv,procmem,fault
check "two writers behind smaps" agrees procfs $any 2000 --hold smaps --waiters 2
# Whose lock is free for readers names the last reader, which may be a waiter here: no holder asked for.
check "faults behind a writer behind smaps" agrees "" $any 2000 --hold smaps --wait-by mprotect,fault --waiters 4
khugepaged "khugepaged holds up writers"
if [ ! -e /dev/fuse ] && ! modprobe fuse; then
	for name in "exactly held for writing" "exactly downgraded" "exactly held by a reader" "exact mix"; do
		skip "$name" "no /dev/fuse"
	done
else
	check "exactly held for writing" agrees mmap exact 2000 --hold fuse-write
	check "exactly downgraded to reading" agrees munmap $any 2000 --hold fuse-munmap --waiters 1
	check "exactly held by a remote reader" agrees procfs $any 2000 --hold fuse-read --waiters 1
	check "exactly held, with all kinds of waiters" agrees mmap exact 2000 --hold fuse-write \
		--wait-by mincore,mprotect,process_vm_readv,fault,procmem --waiters 10
fi
finish
