#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# faultlined where something is missing, full, stopped or too much: it keeps sampling,
# and says what happened, once. Needs root; watches only processes that the test starts.
# O names the folder with the programs; default: build.

load wait
load daemon

# once TEXT: one line has it, but for those that only count
once() { [ "$(grep "$1" "$DIR/log" | grep -vc 'times by now')" = 1 ] || { cat "$DIR/log"; return 1; }; }
resident_kib() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$DAEMON/status"; }
counts_the_storm() {
	fl report -p "$TARGET" -O json | jq -e '.procs | any(.comm == "contend" and .hist.count > 0)'
}

@test "a read-only folder for records costs records, not samples, and is said once" {
	storm
	configure 'Wait=1ms\nCooldown=0'
	sed -i "s,^Directory=.*,Directory=$DIR/small/incidents," "$DIR/conf"
	mkdir "$DIR/small"
	mount -t tmpfs -o ro none "$DIR/small"
	daemon_start
	contend_next
	wait_for 15 above incidents.failed 5
	once 'Read-only file system'
	still_sampling
	[ "$(field incidents.error)" = 'Read-only file system' ]
	mount -o remount,rw "$DIR/small"
	wait_for 15 above incidents.written 0
	wait_for 5 said 'incident: works again'
}

@test "records that cannot be removed are said once, and new ones are still written" {
	storm
	configure 'Wait=1ms\nCooldown=0'
	mkdir "$DIR/incidents"
	echo '{}' >"$DIR/incidents/20200101T000000Z-1-1.json"
	chattr +i "$DIR/incidents/20200101T000000Z-1-1.json" || skip "no file system here that keeps a file from being removed"
	daemon_start
	contend_next
	wait_for 15 above incidents.written 30 && wait_for 15 said 'old records stay' || wrong=yes
	chattr -i "$DIR/incidents/20200101T000000Z-1-1.json"
	[ "${wrong:-no}" = no ]
	once 'old records stay'
	still_sampling
}

@test "200 clients at a time" {
	configure '[socket]\nMaxClients=250'
	daemon_start
	$PEER crowd "$SOCKET" 200
	[ "$($PEER many "$SOCKET" 200)" = '200 0' ]
	still_sampling
	wait_for 5 is clients.now 1
}

@test "200 clients where 32 are allowed: the others are refused, and the first are served" {
	configure
	daemon_start
	[ "$($PEER many "$SOCKET" 200)" = '32 168' ]
	wait_for 5 is clients.now 1
	above clients.refused 167
	[ "$(grep -c 'too many clients' "$DIR/log")" -le 3 ]
	still_sampling
}

@test "scrapes in a loop, from several at once" {
	storm
	configure "Enabled=no\n[metrics]\nListen=unix:$DIR/metrics.sock\nPerProcess=yes"
	daemon_start
	contend_next
	$PEER scrapes "unix:$DIR/metrics.sock" 50
	before=$(resident_kib)
	pids=()
	for _ in 1 2 3 4; do
		$PEER scrapes "unix:$DIR/metrics.sock" 100 3>&- 9>&- &
		pids+=($!)
	done
	still_sampling
	for pid in "${pids[@]}"; do wait "$pid"; done
	still_sampling
	echo "$before KiB before, $(resident_kib) KiB after"
	[ "$(resident_kib)" -lt $((before + 4096)) ]
	fl status -O json | jq -e '.problems == {}'
}

@test "a host without tracefs and debugfs" {
	storm
	configure 'Enabled=no'
	# shellcheck disable=SC2016  # the inner shell expands it
	BEFORE=(unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/tracing; mount -t tmpfs none /sys/kernel/debug; exec "$@"' -)
	daemon_start
	contend_next
	wait_for 10 counts_the_storm
	fl status -O json | jq -e '.problems == {} and (.snapshot.features | all(.state != "failed"))'
}

@test "in a container that shares the host's processes all is there" {
	storm
	configure 'Wait=1ms'
	BEFORE=(unshare --mount --net --ipc --uts)
	daemon_start
	contend_next
	wait_for 10 counts_the_storm
	fails said 'pid=host'
	wait_for 15 has_records 1
	still_sampling
}

@test "in a container with cgroups of its own it says so, once, and so does doctor" {
	configure 'Enabled=no'
	BEFORE=(unshare --cgroup)
	daemon_start
	once 'run it with --cgroupns=host'
	still_sampling
	"${BEFORE[@]}" "$DIR/faultline" doctor --socket "$SOCKET" >"$DIR/doctor"
	grep -q "host's cgroups  *no .*--cgroupns=host" "$DIR/doctor"
	fl doctor >"$DIR/doctor"
	fails grep -q 'cgroupns=host' "$DIR/doctor"
}

@test "in a container with processes of its own it refuses, and doctor tells all that is missing" {
	configure 'Enabled=no'
	BEFORE=(unshare --pid --fork --kill-child --mount-proc --cgroup --mount)
	refused 3 'docker run --pid=host' "${BEFORE[@]}" "$DIR/faultlined" -c "$DIR/conf" -p $$
	# shellcheck disable=SC2016  # the inner shell expands it
	"${BEFORE[@]}" sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' - \
		"$DIR/faultline" doctor --socket "$SOCKET" >"$DIR/doctor" 2>"$DIR/err" || true
	for line in "host's processes  *no .*--pid=host" "host's cgroups  *no .*--cgroupns=host" '/sys/kernel/btf  *no .*/sys'; do
		grep -q "$line" "$DIR/doctor" || { cat "$DIR/doctor"; return 1; }
	done
	fails grep -q "host's users" "$DIR/doctor"
	[ "$(wc -l <"$DIR/err")" = 1 ]
	"${BEFORE[@]}" "$DIR/faultline" doctor --socket "$SOCKET" -O json 2>/dev/null >"$DIR/doctor" || true
	jq -e '.place | (.host_pids | not) and (.host_cgroups | not) and .proc and .host_users and .btf' "$DIR/doctor"
}

@test "a container that is removed keeps its name, and takes nothing with it" {
	root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
	id=$(printf '%064x' $$)
	CGROUP=$root/docker-$id.scope
	[ -n "$root" ] && mkdir "$CGROUP" || skip "no cgroup2 to make a cgroup in"
	contend --hold storm --wait-by mprotect,mincore --waiters 2 --rounds 1 --hold-ms 600000 --quiet --cgroup "$CGROUP"
	configure 'Enabled=no'
	daemon_start
	contend_next
	named() { fl report -p "$TARGET" -O json | jq -e --arg name "docker:${id:0:12}" '.rows | any(.container == $name)'; }
	wait_for 10 named
	fl explain "$TARGET" | grep -q "^runs in  *docker:${id:0:12}$"
	kill -KILL "$CONTEND" "$TARGET"
	wait_for 10 rmdir "$CGROUP"
	still_sampling
	named
	fl status -O json | jq -e '.problems == {}'
}

@test "stopped for a while and continued, it goes on, and counts what it missed" {
	storm
	configure 'Enabled=no\n[measure]\nEventMin=10us\n[hot]\nEventMin=10us'
	daemon_start
	contend_next
	wait_for 10 counts_the_storm
	kill -STOP "$DAEMON"
	ticks() { awk '{ print $14 + $15 }' "/proc/$TARGET/stat"; }
	raged() { [ "$(ticks)" -gt $((begin + 50)) ]; }
	begin=$(ticks)
	wait_for 60 raged
	kill -CONT "$DAEMON"
	still_sampling
	is pid "$DAEMON"
	fl report -O json | jq -e '.meta.attached and (.meta.lost | has("events_full"))'
	fl status -O json | jq '.problems, .snapshot.meta.lost'
}
