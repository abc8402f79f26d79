# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A daemon of the test's own, that watches only what the test starts. Loaded by the
# *.bats that run one; needs root. O names the folder with the programs; default: build.

setup() {
	O=${O:-$BATS_TEST_DIRNAME/../../build}
	[ "$(id -u)" = 0 ] || skip "loading BPF programs needs root"
	DIR=$(mktemp -d)
	chmod 711 "$DIR"
	cp "$O/faultline" "$O/faultlined" "$DIR" # where other users reach them
	SOCKET=$DIR/control.sock
	PIDS=()
	NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	BEFORE=() # what the daemon is started through
	TARGET=$$
	PEER="python3 $BATS_TEST_DIRNAME/daemon_peer.py"
}

teardown() {
	exec 9>&-
	[ -z "${PIDS[*]}" ] || kill -KILL "${PIDS[@]}" 2>/dev/null
	wait
	! mountpoint -q "$DIR/small" || umount "$DIR/small"
	[ ! -d "${CGROUP:-}" ] || wait_for 5 rmdir "$CGROUP"
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 20 "$DIR/log"
	rm -rf "$DIR"
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# configure [LINES]: a configuration of its own, with these lines after it. Where the machine
# is slow a storm is dear, and would open a circuit breaker that is not what is tested.
configure() {
	[[ ${1:-} == *MaxCost=* ]] || set -- "${1:-}\n[breaker]\nMaxCost=100%"
	printf '[socket]\nPath=%s\n[incident]\nDirectory=%s\n%b\n' "$SOCKET" "$DIR/incidents" "${1:-}" >"$DIR/conf"
}
daemon_start() {
	"${BEFORE[@]}" "$DIR/faultlined" -c "$DIR/conf" -p "$TARGET" 2>"$DIR/log" 3>&- 9>&- &
	DAEMON=$!
	PIDS+=("$DAEMON")
	wait_for 15 answers_or_died
	gone "$DAEMON" && { cat "$DIR/log"; return 1; }
	return 0
}
answers_or_died() { [ "$(field pid)" = "$DAEMON" ] || gone "$DAEMON"; }
daemon_stop() {
	kill -TERM "$DAEMON"
	wait "$DAEMON"
}
fl() { "$DIR/faultline" "$@" --socket "$SOCKET"; }
# field PATH: of the status, as in clients.refused
field() { fl status -O json | jq -r ".$1"; }
is() { [ "$(field "$1")" = "$2" ] || { echo "$1 is $(field "$1")"; return 1; }; }
above() { [ "$(field "$1")" -gt "$2" ]; }
still_sampling() { wait_for 5 above snapshot.meta.window_ns "$(field snapshot.meta.window_ns)"; }
said() { grep -q "$1" "$DIR/log"; }
times_said() { grep -c "$1" "$DIR/log"; }

# contend OPTIONS...: a process with known contention; $TARGET has the lock.
contend() {
	mkfifo "$DIR/in"
	"$O/tests/contend" "$@" <"$DIR/in" >"$DIR/truth" 2>"$DIR/contend.err" 3>&- 9>&- &
	CONTEND=$!
	PIDS+=("$CONTEND")
	exec 9>"$DIR/in"
	wait_for 60 grep -q '"ready"' "$DIR/truth"
	TARGET=$(sed -n 's/.*"ready","pid":\([0-9]*\).*/\1/p' "$DIR/truth")
}
contend_next() { echo >&9; }
storm() { contend --hold storm --wait-by mprotect,mincore --waiters 2 --rounds 1 --hold-ms 600000 --quiet; }
freeze() {
	[ -e /dev/fuse ] || skip "no /dev/fuse to hold a lock for good with"
	contend --hold fuse-write --until-release --rounds 1 --waiters 3 --wait-by mincore,fault,mmap
}
# Contention of a process that is not watched: the programs run all the same.
noise() {
	"$O/tests/contend" --hold storm --wait-by mprotect,mincore --waiters 2 --rounds 1 --hold-ms 600000 --quiet \
		>"$DIR/noise" 2>&1 3>&- 9>&- < <(echo; exec sleep 600 3>&- 9>&-) &
	PIDS+=($!)
}
stuck() { grep -q '"stuck"' "$DIR/truth"; }
records() { compgen -G "$DIR/incidents/*.json" || true; }
n_records() { records | grep -c . || true; }
has_records() { [ "$(n_records)" -ge "$1" ]; }
finished() { [ "$(jq .incident.finished "$(records | head -n 1)")" = true ]; }
