#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Incident records of a running daemon: the hook that is run for them, how long they
# are kept, and how they get to another machine. Needs root; watches only processes that
# the test starts. O names the folder with the programs; default: build.

load wait
load daemon

# hook LINES: a script that the daemon may run.
hook() {
	printf '#!/bin/sh\ncd %s\n%b\n' "$DIR" "$1" >"$DIR/hook.new"
	chmod 755 "$DIR/hook.new"
	mv "$DIR/hook.new" "$DIR/hook"
}
# told NAME: the values that the hook was given, one a line
told() { sed -n "s/^FAULTLINE_INCIDENT_$1=//p" "$DIR/env"; }
n_told() { [ "$(told ID | wc -l)" -ge "$1" ]; }

@test "the hook hears of a freeze when it is recorded, and when it is over" {
	freeze
	hook 'faultline=./faultline\nenv | sort >>env\n$faultline incidents show "$FAULTLINE_INCIDENT_ID" --dir incidents >>shown 2>&1'
	configure "Wait=1s\nHook=$DIR/hook"
	daemon_start
	contend_next
	wait_for 30 stuck
	wait_for 10 n_told 1
	[ "$(told FINISHED)" = no ]
	contend_next
	wait_for 10 n_told 2
	[ "$(told FINISHED | xargs)" = 'no yes' ]
	[ "$(told ID | sort -u)" = "$(basename "$(records)" .json)" ]
	[ "$(told FILE | sort -u)" = "$(records)" ]
	[ "$(told PID | sort -u)" = "$TARGET" ]
	[ "$(told COMM | sort -u)" = contend ]
	[ "$(told KIND | sort -u)" = wait ]
	[ "$(told WAIT_NS | tail -n 1)" = "$(jq .incident.wait_ns "$(records)")" ]
	[ "$(told CAUSE | tail -n 1)" = "$(jq -r '.explained.holders[0].cause // "unknown"' "$(records)")" ]
	wait_for 5 is hook.run 2
	is hook.failed 0
	fails grep -q FAULTLINE_KALLSYMS "$DIR/env"
	[ "$(grep -c "$(told ID | head -n 1)" "$DIR/shown")" = 2 ]
	fl status | grep -q "^hook .*$DIR/hook: 2 run, 0 failed"
}

@test "a hook that hangs costs no sample; what finds no room is counted and said once" {
	storm
	hook 'echo >>ran; echo $$ >child; exec sleep 1000'
	configure "Wait=1ms\nCooldown=0\nHookTimeout=1s\nHook=$DIR/hook"
	daemon_start
	contend_next
	wait_for 20 above hook.skipped 1
	for _ in 1 2 3; do still_sampling; done
	wait_for 5 above hook.timeouts 0
	above hook.run 0
	[ "$(grep -c 'skipped for incident' "$DIR/log")" -le 4 ] # first, tenth, ...
	said 'killed after 1 s'
	fl status -O json | jq -e '.problems["hook-queue"] > 0'
	wait_for 5 is hook.running true
	begin=$(now_ms)
	daemon_stop
	[ $(($(now_ms) - begin)) -lt 1000 ]
	wait_for 5 gone "$(cat "$DIR/child")"
}

@test "names that were chosen to do harm are one word for the hook" {
	hook 'eval set -- $FAULTLINE_INCIDENT_COMM\necho "$# $1" >>words\nenv >>env'
	contend --hold storm --wait-by mprotect,mincore --waiters 2 --rounds 1 --hold-ms 600000 --quiet \
		--comm '$(touch x);`-f'
	configure "Wait=1ms\nHook=$DIR/hook"
	daemon_start
	contend_next
	wait_for 15 test -s "$DIR/words"
	[ "$(head -n 1 "$DIR/words")" = '1 x24x28touchx20xx29x3bx60-f' ]
	[ "$(told COMM | head -n 1)" = '\x24\x28touch\x20x\x29\x3b\x60-f' ]
	[ ! -e "$DIR/x" ]
}

@test "the hook has nothing of what the daemon may do" {
	storm
	hook 'grep -E "^(Uid|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)" /proc/self/status >caps.new; mv caps.new caps'
	configure "Wait=1ms\nHook=$DIR/hook"
	chown 65534:65534 "$DIR"
	caps=+bpf,+perfmon,+sys_admin,+sys_ptrace,+dac_read_search,+syslog
	BEFORE=(setpriv --reuid=65534 --regid=65534 --clear-groups "--inh-caps=-all,$caps" "--ambient-caps=-all,$caps")
	daemon_start
	[ "$(sed -n 's/^CapEff:\t//p' "/proc/$DAEMON/status")" != 0000000000000000 ]
	contend_next
	wait_for 15 test -e "$DIR/caps"
	cat "$DIR/caps"
	[ "$(grep -c '^Cap...:.0000000000000000$' "$DIR/caps")" = 4 ]
	grep -q '^NoNewPrivs:.1$' "$DIR/caps"
	grep -q '^Uid:.65534' "$DIR/caps"
}

# As packaging/systemd/faultlined.service has it: user, capabilities, filter, no network.
@test "a hook works in the confinement of the unit" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze to tell what the filter is"
	storm
	hook 'nice -n 5 true 2>nice\n./faultline incidents show "$FAULTLINE_INCIDENT_FILE" >shown.new && mv shown.new shown'
	configure "Wait=1ms\nHook=$DIR/hook\n[measure]\nEventMin=10us\nStackMin=10us\n[hot]\nEventMin=10us"
	chown 65534:65534 "$DIR"
	cp "$BATS_TEST_DIRNAME/daemon_confined.py" "$DIR"
	python3 "$DIR/daemon_confined.py" calls "$BATS_TEST_DIRNAME/../../packaging/systemd/faultlined.service" >"$DIR/calls"
	caps=+bpf,+perfmon,+sys_admin,+sys_ptrace,+dac_read_search,+syslog
	BEFORE=(unshare --net setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs "--bounding-set=-all,$caps"
		"--inh-caps=-all,$caps" "--ambient-caps=-all,$caps" python3 "$DIR/daemon_confined.py" run "$DIR/calls")
	daemon_start
	grep -q '^Seccomp:.2$' "/proc/$DAEMON/status"
	contend_next
	wait_for 15 test -s "$DIR/shown"
	grep -q "contend (pid $TARGET)" "$DIR/shown"
	grep -q 'rwsem_down_' "$DIR/shown"
	[ -s "$DIR/nice" ] # the filter holds for the hook too
	wait_for 5 above hook.run 0
	is hook.failed 0
	fl status -O json | jq -e '.problems == {}'
}

@test "a hook that cannot be run is said once, and a reload mends it" {
	storm # as many records as it makes: the first minute's may not be used up
	configure "Wait=1ms\nCooldown=0\nMaxRate=100000\nHook=$DIR/hook"
	daemon_start
	contend_next
	wait_for 15 above hook.failed 1
	[ "$(grep -c 'not run for incident.*No such file' "$DIR/log")" -le 2 ]
	hook 'touch ran'
	wait_for 15 above hook.run 0
	wait_for 5 said 'hook: works again'
	[ -e "$DIR/ran" ]
	configure "Wait=1ms\nCooldown=0\nMaxRate=100000"
	kill -HUP "$DAEMON"
	wait_for 5 said 'configuration reloaded'
	is hook.path ''
	run=$(field hook.run)
	written=$(field incidents.written)
	wait_for 15 above incidents.written $((written + 2))
	[ "$(field hook.run)" -le $((run + 1)) ] # one may have run at the reload
}

# record TIME SERIAL: one as an earlier daemon has left it
record() { mkdir -p "$DIR/incidents" && echo '{}' >"$DIR/incidents/$1-1-$2.json"; }

@test "records go by age, and by a bound that is lowered, without a new one" {
	for i in 1 2 3 4 5; do record "$(date -u +%Y%m%dT%H%M%SZ)" $i; done
	record 20200101T000000Z 1
	echo kept >"$DIR/incidents/notes.txt"
	configure 'MaxAge=0'
	daemon_start
	still_sampling
	[ "$(n_records)" = 6 ]
	configure
	kill -HUP "$DAEMON"
	wait_for 10 is incidents.removed 1
	[ ! -e "$DIR/incidents/20200101T000000Z-1-1.json" ]
	configure 'MaxFiles=2'
	kill -HUP "$DAEMON"
	wait_for 10 is incidents.removed 4
	[ "$(n_records)" = 2 ]
	is incidents.files 2
	[ -e "$DIR/incidents/notes.txt" ]
}

@test "a record is exported, and shown elsewhere from the file alone" {
	freeze
	configure 'Wait=1s\n[measure]\nStackMin=1ms'
	daemon_start
	contend_next
	wait_for 30 stuck
	wait_for 10 has_records 1
	contend_next
	wait_for 10 finished
	daemon_stop
	kill -KILL "$CONTEND"
	id=$(basename "$(records)" .json)
	"$DIR/faultline" incidents export "$id" "$DIR/for-a-colleague" --dir "$DIR/incidents"
	[ "$(stat -c %a "$DIR/for-a-colleague")" = 600 ]
	jq -e '.schema == 1 and .incident.host and .snapshot.meta.kernel and (.snapshot.meta | has("lost"))' "$DIR/for-a-colleague"
	jq -e '.explained.holders[0].cause == "mmap" and (.snapshot.waits | length >= 3)' "$DIR/for-a-colleague"
	rm -r "$DIR/incidents"
	"$DIR/faultline" incidents show "$DIR/for-a-colleague" >"$DIR/here"
	for text in "$id" "on $(hostname)" "kernel $(uname -r)" "by faultline $(cat "$BATS_TEST_DIRNAME/../../VERSION")" 'schema 1' \
		"contend (pid $TARGET), cgroup /" 'blocked by' 'waits on record: [1-9]' 'in mmap' 'rwsem_down_' 'no waits lost'; do
		grep -q "$text" "$DIR/here" || { echo "'$text' is not in:"; cat "$DIR/here"; return 1; }
	done
	# no privilege, no /proc, no symbols, no configuration, another time zone: not a byte differs
	chmod 755 "$DIR"
	chmod 644 "$DIR/for-a-colleague"
	TZ=Asia/Tokyo FAULTLINE_KALLSYMS=/none unshare --mount sh -c 'mount -t tmpfs none /proc && mount -t tmpfs none /etc && mount -t tmpfs none /sys && exec "$@"' - \
		"${NOBODY[@]}" "$DIR/faultline" incidents show "$DIR/for-a-colleague" >"$DIR/there"
	diff "$DIR/here" "$DIR/there"
	# a pipe and -o are as good as a file
	"$DIR/faultline" incidents export "$DIR/for-a-colleague" | cmp - "$DIR/for-a-colleague"
	"$DIR/faultline" incidents export "$DIR/for-a-colleague" -o "$DIR/copy"
	cmp "$DIR/copy" "$DIR/for-a-colleague"
}

@test "a recording is for its owner's eyes" {
	configure
	daemon_start
	fl record -d 200ms -i 100ms -o "$DIR/recording"
	[ "$(stat -c %a "$DIR/recording")" = 600 ]
	"$DIR/faultline" show "$DIR/recording"
}
