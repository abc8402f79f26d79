#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the detector report what happened? For every means of holding the lock,
# contend makes waits of which all is known, and the report must agree: count,
# total within 10 %, longest, mode, own or remote, holder, cause and confidence.

# shellcheck disable=SC2317  # check() calls the functions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

lock_class=mmap_lock
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
	judge waits "$tmp/truth" "$tmp/report" --cause "$cause" --confidence "$confidence" --class "$lock_class"
}

# What this kernel has is asked, never guessed from its version.
doctor=$("$FAULTLINE" doctor --exact -O json)
feature() { jq -r ".snapshot.features[] | select(.name == \"$1\") | .$2" <<<"$doctor"; }
fact() { jq -e ".facts.$1" <<<"$doctor" >/dev/null; }

# A fault that holds a VMA's lock, or mmap_lock where faults take that.
writer_behind_fault() {
	local name="a writer waits for a fault"
	if fact vma_lock_rwsem; then
		lock_class=vma_lock
	elif fact per_vma_locks; then
		skip "$name" "$(feature vma_lock reason)"
		return
	fi
	check "$name, class $lock_class" agrees page_fault $known 2000 --hold fuse-fault --waiters 1
	lock_class=mmap_lock
}

# Threads that map and unmap win the lock by spinning, too: no contention_begin tells.
spun() {
	contend_start --hold storm --rounds 1 --hold-ms 3000 --waiters 3 --wait-by churn --quiet || return 1
	watch_start "$target" --exact || return 1
	contend_next
	contend_wait totals || return 1
	watch_stop || return 1
	contend_stop
	jq -c ".procs[] | select(.tgid == $target) | [.kind, .mode, .relation, .hist.count, .hist.total_ns]" "$tmp/report"
	jq -e "[.procs[] | select(.tgid == $target and .kind == \"spun\" and .mode == \"write\"
		and .relation == \"own\" and .hist.count > 0 and .hist.total_ns > 0)] | length == 1" "$tmp/report"
}
spun_waits() {
	local name="exact mode counts waits that end by spinning"
	case $(feature exact state) in
	on) check "$name" spun ;;
	*) skip "$name" "$(feature exact reason)" ;;
	esac
}

# Tuning khugepaged is for a guest that is thrown away, not for somebody's machine.
khugepaged() {
	local dir=/sys/kernel/mm/transparent_hugepage
	[ -n "${FAULTLINE_KERNEL:-}" ] || { skip "$1" "changes the host's settings: only in a test guest"; return; }
	[ -w $dir/khugepaged/scan_sleep_millisecs ] || { skip "$1" "kernel has no khugepaged"; return; }
	echo madvise >$dir/enabled
	echo 1 >$dir/khugepaged/scan_sleep_millisecs
	check "$@"
}

# Nobody measures: with a detector beside it the flusher was never the quicker one at this.
holds() {
	contend_start "$@" --quiet || return 1
	contend_next
	contend_wait totals || return 1
	contend_stop
}

# Of twelve holds two are over before anybody has come: ten were asked for, and all three wait in each.
made_again() {
	contend_start --hold fuse-write --rounds 10 --hold-ms 5 --threshold-us 1000 --spoil 2 || return 1
	contend_next
	contend_wait totals || return 1
	contend_stop || return 1
	jq -es '(map(select(.ev == "hold")) | length) >= 12 and
		(map(select(.ev == "wait")) | group_by(.round) | map(length) | map(select(. == 3)) | length) == 10' "$tmp/truth"
}

# A fault between two calls waits where nothing has a clock. Each hold is too short to count,
# so that all go on, with pauses. khugepaged may come in between: one of three runs has none.
no_strays() {
	for _ in 1 2 3; do
		contend_start --hold mprotect --wait-by fault --cold --rounds 2 --threshold-us 100000 --quiet || return 1
		contend_next
		contend_wait totals || return 1
		contend_stop
		jq -e 'select(.ev == "totals") | .strays == 0' "$tmp/truth" && return
	done
	return 1
}

# beside_flusher N COMMAND...: the flusher sends what the generator holds by; under load it is always at work.
beside_flusher() {
	local flushers=() judged=0
	for _ in $(seq "$1"); do
		while :; do sync; done 9>&- &
		flushers+=($!)
	done
	pids+=("${flushers[@]}")
	shift
	"$@" || judged=$?
	kill "${flushers[@]}"
	wait "${flushers[@]}" 2>/dev/null
	return "$judged"
}

# A writer is known while it holds, or since it got the lock; a reader since it let go.
known=exact,release,hint
[ "$(feature release state)" != on ] || known=release,exact
plan 25
check "munmap of a large range holds up writers" agrees munmap $known 2000 --hold munmap --waiters 1
check "mmap over a large range holds up readers" agrees mmap $known 2000 --hold mmap
check "mprotect of a large range holds up readers" agrees mprotect $known 2000 --hold mprotect
check "madvise that populates holds up a writer" agrees madvise $known 2000 --hold madvise --waiters 1
check "brk that shrinks holds up a writer" agrees brk $known 2000 --hold brk --waiters 1
check "fork of a large heap holds up readers" agrees fork $known 2000 --hold fork
check "a reader of smaps holds up a writer" agrees procfs $known 2000 --hold smaps --waiters 1
check "process_vm_readv holds up a writer" agrees process_vm $known 200 --hold process_vm_readv --waiters 1
check "page faults wait for a writer" agrees mprotect $known 2000 --hold mprotect --wait-by fault
check "another process waits for a writer" agrees mmap $known 2000 --hold mmap --wait-by process_vm_readv,procmem
check "own and remote waits at once" agrees mmap $known 2000 --hold mmap --wait-by mincore,process_vm_readv,procmem,fault
check "two writers behind smaps" agrees procfs $known 2000 --hold smaps --waiters 2
check "faults behind a writer behind smaps" agrees procfs $known 2000 --hold smaps --wait-by mprotect,fault --waiters 4
check "no waiter faults between its calls" no_strays
khugepaged "khugepaged holds up writers" agrees khugepaged $known 100 --hold khugepaged --waiters 1
if [ ! -e /dev/fuse ] && ! modprobe fuse; then
	for name in "exactly held for writing" "exactly downgraded" "exactly held by a reader" "exact chain" "exact mix" "flusher, write" "flusher, downgraded" "made again" "fault"; do
		skip "$name" "no /dev/fuse"
	done
else
	check "exactly held for writing" agrees mmap $known 2000 --hold fuse-write
	check "exactly downgraded to reading" agrees munmap $known 2000 --hold fuse-munmap --waiters 1
	check "exactly held by a remote reader" agrees procfs $known 2000 --hold fuse-read --waiters 1
	check "exactly held by a reader: a writer and faults behind it" agrees procfs $known 2000 --hold fuse-read \
		--wait-by mprotect,fault --waiters 4
	check "exactly held, with all kinds of waiters" agrees mmap $known 2000 --hold fuse-write \
		--wait-by mincore,mprotect,process_vm_readv,fault,procmem --waiters 10
	check "exactly held for writing, beside the flusher" beside_flusher 5 agrees mmap $known 2000 --hold fuse-write \
		--rounds 200 --hold-ms 5
	check "held for reading, beside the flusher" beside_flusher 3 holds --hold fuse-munmap --waiters 2 \
		--rounds 100 --hold-ms 2
	check "a hold that nobody waited for is made again" made_again
	writer_behind_fault
fi
spun_waits
finish
