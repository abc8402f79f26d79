#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What does bad input or a bad place do? No privilege, no BTF, no tracepoint, a
# process that is not there, goes or comes back as another one, a full disk, a
# kill in the middle of a write. Each: the documented exit code, one clear line,
# and nothing lost.

# shellcheck disable=SC2317  # check() calls the functions
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# refused STATUS PATTERN COMMAND...: ends with it, with one line on stderr and nothing on stdout.
refused() {
	local want=$1 pattern=$2 status
	shift 2
	"$@" >"$tmp/out" 2>"$tmp/all.err" </dev/null
	status=$?
	grep -v '^faultline: measuring for' "$tmp/all.err" >"$tmp/err"
	echo "status $status"
	cat "$tmp/err"
	[ "$status" = "$want" ] && [ ! -s "$tmp/out" ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -Eqi "$pattern" "$tmp/err"
}
unprivileged() { timeout -s KILL $((20 * SLOWER)) setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all --inh-caps=-all "$@"; }
# with_btf FILE COMMAND...: sees FILE as the kernel's BTF; none if it is empty.
with_btf() {
	local file=$1
	shift
	# shellcheck disable=SC2016  # the inner shell expands these
	timeout -s KILL $((20 * SLOWER)) unshare --mount sh -c 'mount -t tmpfs none /sys/kernel/btf && { [ ! -s "$0" ] || cp "$0" /sys/kernel/btf/vmlinux; } && exec "$@"' "$file" "$@"
}

# Told to stop after it has said that it listens to that, and before it can measure: to load takes longer.
stops_before_the_first_sample() {
	local status
	"$FAULTLINE" report "${direct[@]}" >"$tmp/out" 2>"$tmp/err" 9>&- &
	early=$!
	pids+=("$early")
	wait_for 10 listens_to_int "$early" || return 1
	kill -INT "$early"
	wait "$early"
	status=$?
	echo "status $status"
	cat "$tmp/err"
	[ "$status" = 8 ] && [ ! -s "$tmp/out" ] && grep -q "before the first sample" "$tmp/err"
}
listens_to_int() {
	local line
	read -r line <"/proc/$1/comm"
	[ "$line" = faultline ] || return
	while read -r line; do
		[[ $line == SigCgt:* ]] && [ $((0x${line##*[[:space:]]} & 2)) != 0 ] && return
	done <"/proc/$1/status"
	false
}

free_pid() {
	local pid=4194000
	while [ -e /proc/$pid ]; do pid=$((pid - 1)); done
	echo $pid
}

storm_start() { contend_start --hold storm --wait-by mprotect,mincore --waiters 2 --rounds 1 --hold-ms 600000 --quiet "$@" && contend_next; }
# From now on it has used a fifth of a second of the CPUs: it cannot have done so without a wait.
storm_rages() {
	local begin
	begin=$(ticks)
	wait_for 30 ticks_above $((begin + 20))
}
ticks() {
	local stat
	read -r stat <"/proc/$target/stat"
	# shellcheck disable=SC2086  # the fields after the name, which may hold anything
	set -- ${stat##*)}
	echo $((${12} + ${13}))
}
ticks_above() { [ "$(ticks)" -gt "$1" ]; }
storm_stop() {
	kill "$contend"
	wait "$contend" 2>/dev/null
	wait_for 5 [ ! -e "/proc/$target" ]
}

exits_while_watched() {
	storm_start || return 1
	watch_start "$target" -m 1us || return 1
	storm_rages || return 1
	storm_stop
	watch_stop || return 1
	python3 - "$tmp/report" "$target" <<-'PY'
		import json, sys
		rows = [p for p in json.load(open(sys.argv[1]))["procs"] if p["tgid"] == int(sys.argv[2])]
		print(rows)
		sys.exit(not (rows and all(p["gone"] and p["hist"]["count"] for p in rows)))
	PY
}

is_reused_while_watched() {
	local first
	storm_start || return 1
	first=$target
	watch_start "$target" -m 1us || return 1
	storm_rages || return 1
	storm_stop
	storm_start --pid "$first" --comm another || return 1
	[ "$target" = "$first" ] || { echo "pid $first is not free"; return 1; }
	storm_rages || return 1
	watch_stop || return 1
	storm_stop
	python3 - "$tmp/report" "$first" <<-'PY'
		import json, sys
		rows = [p for p in json.load(open(sys.argv[1]))["procs"] if p["tgid"] == int(sys.argv[2])]
		lives = {p["start_ns"]: (p["comm"], p["gone"]) for p in rows}
		print(lives)
		sys.exit(sorted(lives.values()) != [("another", False), ("contend", True)])
	PY
}

config() {
	printf '[socket]\nPath=%s\n[incident]\nDirectory=%s\nWait=1ms\nCooldown=0\n' "$tmp/socket" "$1" >"$tmp/conf"
}
incidents_written() { "$FAULTLINE" status --socket "$tmp/socket" -O json | jq ".incidents.$1"; }
above() { [ "$(incidents_written "$1")" -gt "$2" ]; }

# However often it fails, a line is said the first, the tenth, the hundredth time.
disk_is_full() {
	local failed
	mkdir -p "$tmp/small"
	config "$tmp/small/incidents"
	# shellcheck disable=SC2016  # the inner shell expands these
	unshare --mount sh -c 'mount -t tmpfs -o size=64k none "$0" && mkdir "$0/incidents" && { head -c 1M /dev/zero >"$0/filler" 2>/dev/null; exec "$@"; }' \
		"$tmp/small" "$FAULTLINED" -c "$tmp/conf" -p "$target" 2>"$tmp/daemon.err" 9>&- &
	daemon=$!
	pids+=("$daemon")
	wait_for 10 above failed 0 || { cat "$tmp/daemon.err"; return 1; }
	wait_for 10 above failed 5 || { cat "$tmp/daemon.err"; return 1; }
	failed=$(incidents_written failed)
	kill "$daemon"
	wait "$daemon" || return 1
	echo "failed at least $failed times"
	cat "$tmp/daemon.err"
	grep -qi "no space" "$tmp/daemon.err" && [ "$(grep -ci "no space" "$tmp/daemon.err")" -le $((${#failed} + 1)) ]
}

# Killed again and again while it writes as fast as it can: every record is whole.
killed_in_the_middle() {
	local i
	mkdir -p "$tmp/incidents"
	config "$tmp/incidents"
	for i in $(seq 10); do
		rm -f "$tmp/socket"
		"$FAULTLINED" -c "$tmp/conf" -p "$target" 2>"$tmp/daemon.err" 9>&- &
		daemon=$!
		pids+=("$daemon")
		wait_for 10 above written $((i % 3)) || { cat "$tmp/daemon.err"; return 1; }
		kill -KILL "$daemon"
		wait "$daemon" 2>/dev/null
	done
	python3 - "$tmp/incidents" <<-'PY'
		import glob, json, sys
		names = glob.glob(sys.argv[1] + "/*.json")
		print(len(names), "records")
		for name in names:
		    json.load(open(name))["incident"]["id"]
		sys.exit(len(names) < 5)
	PY
}

chmod 711 "$tmp"
cp "$FAULTLINE" "$FAULTLINED" "$tmp/"
: >"$tmp/no.btf"
# With the types that are read, but without those of tracepoints: as if the kernel had none.
bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool)
"$bpftool" gen min_core_btf /sys/kernel/btf/vmlinux "$tmp/other.btf" "$O/bpf/wait.bpf.o" || exit 1
direct=(--direct -p $$ -d 100ms)
plan 16
check "report without privilege" refused 3 "root|CAP_|privilege|permitted" unprivileged "$tmp/faultline" report "${direct[@]}"
check "top without privilege" refused 3 "root|CAP_|privilege|permitted" unprivileged "$tmp/faultline" top "${direct[@]}"
check "daemon without privilege" refused 3 "root|CAP_|privilege|permitted" unprivileged "$tmp/faultlined" --socket "$tmp/socket"
check "report without BTF" refused 4 "BTF" with_btf "$tmp/no.btf" "$FAULTLINE" report "${direct[@]}"
check "daemon without BTF" refused 4 "BTF" with_btf "$tmp/no.btf" "$FAULTLINED" -p $$ --socket "$tmp/socket"
check "report without the tracepoints" refused 4 "contention_begin|tracepoint" with_btf "$tmp/other.btf" "$FAULTLINE" report "${direct[@]}"
check "daemon without the tracepoints" refused 4 "contention_begin|tracepoint" with_btf "$tmp/other.btf" "$FAULTLINED" -p $$ --socket "$tmp/socket"
missing=$(free_pid)
check "report of a process that is not there" refused 1 "no process $missing" "$FAULTLINE" report --direct -p "$missing" -d 100ms
check "output on a full disk" refused 1 "full|space" bash -c "exec '$FAULTLINE' report --direct -p $$ -d 100ms >/dev/full"
check "interrupted before the first sample" stops_before_the_first_sample
check "a process that exits while it is watched" exits_while_watched
check "a pid that is reused while it is watched" is_reused_while_watched
storm_start || exit 1
check "a full disk for incidents" disk_is_full
check "kill -9 in the middle of incidents" killed_in_the_middle
"$FAULTLINE" record --direct -p "$target" -d 1min -i 50ms -o "$tmp/recording" 2>"$tmp/err" 9>&- &
watch=$!
pids+=("$watch")
wait_for 10 watch_on_or_died
wait_for 10 "$FAULTLINE" show "$tmp/recording"
kill -KILL "$watch"
wait "$watch" 2>/dev/null
check "kill -9 in the middle of a recording: what came before is there" "$FAULTLINE" show "$tmp/recording"
storm_stop
head -c 300 /dev/urandom >"$tmp/garbage"
check "a recording that is garbage" refused 1 "." "$FAULTLINE" show "$tmp/garbage"
finish
