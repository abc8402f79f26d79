#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Does the daemon stay as it is for months? Two minutes of contention that changes
# all the time, beside it 2,000 processes a second that come and go, one in twenty
# of which contends, and records that are written faster than they may stay.
# Memory, file descriptors, map elements and disk must not grow, no wait may be
# missing that is not counted as lost, and sampling must not stop.
# SOAK_S=3600 scripts/tests/soak.sh takes an hour.

# shellcheck disable=SC2317  # check() calls the functions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

SOAK_S=${SOAK_S:-120}
CHURN_PIDS=40
target_pid=$(($(cat /proc/sys/kernel/pid_max) - 100)) # as good as never in use
first_pid=$((target_pid + 10))

# All that is watched is known beforehand: contend has one process id, churn's children have theirs.
start_daemon() {
	local pid watch=(-p "$target_pid")
	for ((pid = first_pid; pid < first_pid + CHURN_PIDS; pid++)); do watch+=(-p "$pid"); done
	cat >"$tmp/conf" <<-END
		[socket]
		Path=$tmp/socket
		[breaker]
		Enabled=no
		[measure]
		EventMin=100us
		StackMin=1ms
		[incident]
		Directory=$tmp/incidents
		Wait=5ms
		Cooldown=0
		MaxRate=300
		MaxFiles=40
	END
	"$FAULTLINED" -c "$tmp/conf" "${watch[@]}" 2>"$tmp/log" 9>&- &
	daemon=$!
	pids+=("$daemon")
	wait_for 20 "$FAULTLINE" status --socket "$tmp/socket" || { cat "$tmp/log"; return 1; }
}

start_churn() {
	mkfifo "$tmp/churn.in"
	"$O/tests/churn" 2000 20 $first_pid $CHURN_PIDS <"$tmp/churn.in" >"$tmp/churn" 2>&1 9>&- &
	churn=$!
	pids+=("$churn")
	exec 8>"$tmp/churn.in"
}

# Waits of this contend, that have ended, and what was lost of anybody's. Those before it had
# the same process id: this one is told by its start, to the tick.
reported() {
	local ticks
	ticks=$(sed 's/.*) //' "/proc/$target/stat" | cut -d ' ' -f 20)
	"$FAULTLINE" report --socket "$tmp/socket" -O json >"$tmp/now" &&
		jq "([.procs[] | select(.tgid == $target and
			(.start_ns * $(getconf CLK_TCK) / 1000000000 | floor) == $ticks and
			.class == \"mmap_lock\" and .kind == \"queued\") | .hist.count] | add // 0),
		    ([.meta.lost | .waiters_full, .stats_full, .race] | add) + .meta.recursion_misses" "$tmp/now"
}
# Not at every turn: an answer about all that ever waited is megabytes.
made_up_for() {
	pause 0.5
	local now lost
	{ read -r now; read -r lost; } < <(reported)
	got=$((now - before))
	missing=$((lost - lost_before))
	[ $((100 * (got + missing))) -ge $((99 * made)) ]
}
# phase OPTIONS...: contention of one kind; what the kernel counted must be there.
phase() {
	contend_start "$@" --rounds 1 --quiet --comm soaked --pid "$target_pid" || return 1
	{ read -r before; read -r lost_before; } < <(reported)
	contend_next
	contend_wait totals || return 1
	made=$(jq 'select(.ev == "totals") | .perf' "$tmp/truth")
	wait_for 5 made_up_for
	contend_stop
	printf '%s %s %s %s\n' "$made" "${got:-0}" "${missing:-0}" "$*" >>"$tmp/phases"
}
change() {
	local end=$((SECONDS + SOAK_S))
	while [ "$SECONDS" -lt "$end" ]; do
		phase --hold storm --hold-ms 4000 --waiters 3 --wait-by churn,mincore || return 1
		phase --hold smaps --hold-ms 50 --waiters 2 --wait-by mprotect,fault || return 1
		phase --hold mprotect --hold-ms 50 --waiters 4 --wait-by fault || return 1
		phase --hold storm --hold-ms 2000 --waiters 8 --wait-by mprotect,mincore,fault || return 1
		pause 3 # for the others alone
	done
}

accounted() {
	awk '{ made += $1; got += $2; lost += $3 }
		$2 > $1 * 1.01 + 1 { print "more than there were: " $0; wrong = 1 }
		$2 + $3 < $1 * .99 - 1 { print "missing: " $0; wrong = 1 }
		END { printf "%d made, %d reported, %d lost\n", made, got, lost; exit wrong || !made }' "$tmp/phases"
}
churned() {
	cat "$tmp/churn"
	jq -e '.forks > 0 and .contended > 0' "$tmp/churn" &&
		"$FAULTLINE" report --socket "$tmp/socket" -O json >"$tmp/now" &&
		jq -e '[.procs[] | select(.comm == "churn") | .hist.count] | add > 0' "$tmp/now"
}

# Every second one look, by somebody who was there until the end.
looked_on() { kill "$looker" || { cat "$tmp/looks.err"; return 1; }; }
# Records may still be finished, or rewritten, when contention has ended.
disk_agrees() {
	there=$(cat "$tmp"/incidents/*.json | wc -c)
	counted=$("$FAULTLINE" status --socket "$tmp/socket" -O json | jq .incidents.bytes)
	[ "$there" = "$counted" ]
}
agrees() { wait_for 20 disk_agrees || { echo "$counted bytes counted, $there there: $(ls -l "$tmp/incidents")"; return 1; }; }

# What it took it gives back when there is nothing to do.
rss_kib() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$daemon/status"; }
small() { [ "$(rss_kib)" -le $((16 * 1024)) ]; }
at_rest() { wait_for 20 small || { echo "it still has $(rss_kib) KiB"; return 1; }; }

[ -e "$O/tests/churn" ] || skip_all "build/tests/churn is not there: run 'make tests'"
plan 12
check "the daemon starts" start_daemon
start_churn
python3 "$tests/soak.py" sample "$daemon" "$FAULTLINE" status --socket "$tmp/socket" -O json \
	>"$tmp/looks" 2>"$tmp/looks.err" 8>&- 9>&- &
looker=$!
pids+=("$looker")
check "contention changes for $SOAK_S s, beside processes that come and go" change
check "somebody looked until the end" looked_on
exec 8>&-
wait "$churn"
check "of those that were gone at once waits are known, too" churned
sed 's/^/# /' "$tmp/churn"
python3 "$tests/soak.py" table "$tmp/looks" | sed 's/^/# /'
for part in memory fds maps disk samples; do
	check "bounded, and without a trend: $part" python3 "$tests/soak.py" judge "$tmp/looks" $part
done
check "at rest it has at most 16 MiB" at_rest
check "all records are counted" agrees
check "every wait is reported or counted as lost" accounted
accounted | tail -n 1 | sed 's/^/# /'
finish
