#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Do two detectors that share no code agree? perf lock contention (-a -b -l) and
# faultline watch the same run of the generator. perf knows an mmap_lock by its
# address being the waiter's own: it names own waits, without saying whose, and
# leaves a lock that others wait for nameless. Needs a perf with BPF in
# $FAULTLINE_PERF (scripts/peer prints one).

# shellcheck disable=SC2317  # check() calls the functions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
PERF=${FAULTLINE_PERF:-}

# perf says that it is on by starting its workload, which ends with $tmp/perf.in.
peer_start() {
	rm -f "$tmp"/perf.*
	mkfifo "$tmp/perf.in"
	# shellcheck disable=SC2016  # the workload expands these
	"$PERF" lock contention -a -b -l -x ';' --output "$tmp/perf.csv" -- \
		sh -c ': >"$1/perf.on"; read -r _ <"$1/perf.in"' sh "$tmp" >"$tmp/perf.err" 2>&1 9>&- &
	perf=$!
	pids+=("$perf")
	wait_for 60 peer_on_or_died
	[ -e "$tmp/perf.on" ] || { cat "$tmp/perf.err"; return 1; }
}
peer_on_or_died() { [ -e "$tmp/perf.on" ] || ! kill -0 "$perf"; }
peer_stop() {
	echo >"$tmp/perf.in"
	wait "$perf" || { cat "$tmp/perf.err"; return 1; }
	grep -q . "$tmp/perf.csv" || { echo "perf reports nothing"; cat "$tmp/perf.err"; return 1; }
}

# side_by_side MODE CONTEND_OPTIONS...
# perf first: what runs later at the end of a wait has the other's work in its time, and perf's is short.
side_by_side() {
	local mode=$1
	shift
	contend_start "$@" || return 1
	peer_start || return 1
	watch_start "$target" -m 0 || return 1
	contend_next
	contend_wait totals || return 1
	peer_stop || return 1
	watch_stop || return 1
	contend_stop
	python3 "$tests/peer.py" "$mode" "$tmp/truth" "$tmp/report" "$tmp/perf.csv"
}

# On a kernel that perf does not know, and only there, there is nothing to compare with.
[ -x "$PERF" ] || skip_all "no perf with BPF: FAULTLINE_PERF is not set"
if ! peer_start >"$tmp/why"; then
	if [ -z "${FAULTLINE_KERNEL:-}" ] && grep -q 'BPF setup failed' "$tmp/why"; then
		skip_all "perf does not load on $(uname -r): $(grep -m 1 'kernel symbol' "$tmp/why" || grep -m 1 libbpf "$tmp/why")"
	fi
	plan 1
	not_ok "perf starts" "$tmp/why"
	finish
fi
peer_stop >/dev/null

plan 4
check "own waits for a writer: perf counts the same" side_by_side own --hold mmap --wait-by mincore
check "own waits behind munmap: perf counts the same" side_by_side own --hold munmap --waiters 1
check "remote waits: perf has them on a lock without a name" side_by_side remote --hold mmap \
	--wait-by process_vm_readv,procmem
check "own and remote waits: together what perf counts" side_by_side mixed --hold mmap \
	--wait-by mincore,process_vm_readv,procmem,fault
finish
