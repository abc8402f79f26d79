#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Is anything lost silently? A herd of threads queues for one lock as often as
# this machine can, maps and rings are made too small, and what is reported plus
# what is counted as lost must be the kernel's own count of the same waits (a
# perf event of contend's) within 1 %.

# shellcheck disable=SC2317  # check() calls the functions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# sums COUNTER SETTING...: COUNTER is what must be lost ("" if nothing may be).
sums() {
	local counter=$1
	shift
	contend_start --hold herd --waiters 62 --rounds 1 --hold-ms 1000 --quiet || return 1
	meter_start "$target" "$@" || return 1
	contend_next
	contend_wait totals || return 1
	meter_stop || return 1
	contend_stop
	judge sum "$tmp/truth" "$tmp/report" --lost "$counter" | tee "$tmp/sum"
	return "${PIPESTATUS[0]}"
}

sum_check() {
	local name=$1
	shift
	check "$name" sums "$@"
	[ ! -s "$tmp/sum" ] || sed 's/^/# /' "$tmp/sum"
}

# Between two looks, four a second, come more waits than the ring has room for: it must ask to be emptied.
woken() {
	contend_start --hold fuse-write --wait-by mincore --waiters 10 --rounds 20 --hold-ms 50 --quiet || return 1
	meter_start "$target" ring_bytes=8192 event_min_ns=1000000 || return 1
	contend_next
	contend_wait totals || return 1
	meter_stop || return 1
	contend_stop
	jq -c '[([.procs[].hist.count] | add), .meta.lost.events_full]' "$tmp/report"
	jq -e '([.procs[].hist.count] | add) >= 200 and .meta.lost.events_full == 0' "$tmp/report"
}

modprobe fuse 2>/dev/null
[ -e /dev/fuse ] || skip_all "no /dev/fuse to make a herd with"
plan 8
sum_check "enough room: nothing is lost" ""
average_ns=$(jq '[.procs[].hist] | (map(.total_ns) | add) / (map(.count) | add) | floor' "$tmp/report")
sum_check "room for 16 waiters" waiters_full max_waiters=16
sum_check "room for one total" stats_full max_procs=1
sum_check "a ring of one page that nobody empties" events_full \
	ring_bytes=4096 event_min_ns=10000 stack_min_ns=10000 slow=1
check "a ring that fills between two looks is emptied in time" woken
sum_check "room for one holder" blame_full max_blames=1
sum_check "room for one stack" stacks_full max_stacks=1 stack_min_ns=10000
sum_check "a minimum wait" below_min min_wait_ns="$average_ns"
finish
