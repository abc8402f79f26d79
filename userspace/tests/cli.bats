#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# faultline: usage errors, help and exit codes, as far as they need no daemon
# and no privilege. FAULTLINE names the program; default: build/faultline.

setup() {
	FAULTLINE=${FAULTLINE:-$BATS_TEST_DIRNAME/../../build/faultline}
	DIR=$(mktemp -d)
	VERBS="doctor status top report watch record show stacks explain incidents config check metrics"
}

teardown() {
	rm -rf "$DIR"
}

# fl CODE ARG...: runs it, expects the exit code; stdout in $output, stderr in $said.
fl() {
	local code=$1 status=0
	shift
	"$FAULTLINE" "$@" >"$DIR/out" 2>"$DIR/err" || status=$?
	output=$(cat "$DIR/out")
	said=$(cat "$DIR/err")
	if [ "$status" != "$code" ]; then
		printf 'faultline %s: exit %s, expected %s\n%s\n' "$*" "$status" "$code" "$said"
		return 1
	fi
}

# One line on stderr with this text, nothing on stdout.
refused_with() {
	[ -z "$output" ] || { echo "stdout: $output"; return 1; }
	[ "$(wc -l <"$DIR/err")" = 1 ] || { echo "not one line: $said"; return 1; }
	case $said in
	"faultline: "*"$1"*) ;;
	*) echo "'$1' is not in: $said"; return 1 ;;
	esac
}

says() {
	case $output in
	*"$1"*) ;;
	*) echo "'$1' is not in: $output"; return 1 ;;
	esac
}

@test "no verb: help on stderr, usage error" {
	fl 2
	[ -z "$output" ]
	grep -q '^usage: faultline VERB' "$DIR/err"
}

@test "help lists every verb" {
	fl 0 help
	for verb in $VERBS; do
		grep -q "^  $verb " "$DIR/out"
	done
	fl 0 --help
	fl 0 -h
}

@test "every verb has help, by --help, -h and help VERB" {
	for verb in $VERBS; do
		fl 0 "$verb" --help
		says "usage: faultline $verb"
		says "--help"
		fl 0 "$verb" -h
		fl 0 help "$verb"
		says "usage: faultline $verb"
	done
}

@test "help of something else is a usage error" {
	fl 2 help nonsense
	refused_with "no verb 'nonsense'"
}

@test "version is that of the file" {
	fl 0 version
	[ "$output" = "faultline $(cat "$BATS_TEST_DIRNAME/../../VERSION")" ]
	fl 0 --version
}

@test "a wrong verb gets the nearest one, if one is near" {
	fl 2 raport
	refused_with "did you mean report"
	fl 2 expalin
	refused_with "did you mean explain"
	fl 2 xyzzyplugh
	refused_with "no verb 'xyzzyplugh'; see"
}

@test "a wrong option gets the nearest one of that verb" {
	fl 2 report --durations 5s
	refused_with "did you mean --duration"
	fl 2 report -Z
	refused_with "no option '-Z'"
	fl 2 status --mesure
	refused_with "no option '--mesure'"
}

@test "an option of another verb is told by name" {
	fl 2 status -p 1
	refused_with "status does not take --pid"
	fl 2 report --svg x
	refused_with "report does not take --svg"
	fl 2 doctor --waits
	refused_with "doctor does not take --waits"
}

@test "values that are missing or not wanted" {
	fl 2 report -d
	refused_with "--duration needs a value"
	fl 2 report --strict=yes
	refused_with "--strict takes no value"
}

@test "durations carry a unit and have bounds" {
	fl 2 report -d 5
	refused_with "'5' is no time with a unit"
	fl 2 report -d 31d
	refused_with "up to 30 days"
	fl 2 report -d 0
	refused_with "too short"
	fl 2 top -i 1ms
	refused_with "too short"
	fl 2 report -m -5ms
	refused_with "is no time"
}

@test "pids are numbers from 1" {
	for bad in 0 -1 x 1,x 1.5 , '' 99999999999; do
		fl 2 report -p "$bad"
		refused_with "--pid"
	done
	fl 2 report -p "$(seq -s, 1 65)"
	refused_with "at most 64"
	fl 2 explain notapid
	refused_with "'notapid' is no process id"
}

@test "words come from a list that is shown" {
	fl 2 report -O yaml
	refused_with "is none of: table, json"
	fl 2 report --by colour
	refused_with "is none of: "
	fl 2 report -k nonsense
	refused_with "nonsense"
	fl 2 report -F pid,nonsense
	refused_with "--fields help"
	fl 2 explain -O csv
	refused_with "table, json or jsonl"
	fl 2 incidents -O csv
	refused_with "table, json or jsonl"
}

@test "the list of fields needs nothing measured" {
	fl 0 report -F help
	says pid
}

@test "too many arguments" {
	fl 2 report something
	refused_with "unexpected 'something'"
	fl 2 explain 1 2
	refused_with "unexpected '2'"
	for bad in "show" "show a b" "export" "export a b c" "list a" "mend a"; do
		# shellcheck disable=SC2086  # words
		fl 2 incidents $bad
		[ -z "$output" ]
	done
	fl 2 incidents show
	refused_with "show RECORD"
	fl 2 incidents export x -O json
	refused_with "one format"
	fl 2 incidents export x y -o z
	refused_with "not both"
	fl 2 config
	refused_with "check [FILE]"
	fl 2 config mend
	refused_with "check [FILE]"
}

@test "a pid that is not there" {
	# a child that has ended and was waited for
	true &
	pid=$!
	wait $pid
	fl 1 report --direct -p $pid
	refused_with "there is no process"
}

@test "a daemon that was asked for and does not answer" {
	for verb in status report top watch explain metrics; do
		fl 5 "$verb" --socket "$DIR/none.sock"
		refused_with "no daemon answers"
	done
}

@test "a socket that nobody listens to, or that is none" {
	touch "$DIR/file.sock"
	fl 5 status --socket "$DIR/file.sock"
	fl 5 report --socket "$DIR/file.sock"
	refused_with "no daemon answers"
}

@test "check says UNKNOWN where others would fail" {
	fl 3 check -w nonsense
	says "MMAP_LOCK UNKNOWN"
	fl 3 check --socket "$DIR/none.sock"
	says "MMAP_LOCK UNKNOWN"
	fl 3 check -w 2s -c 1s
	says "--warning is above --critical"
}

@test "show tells what is no recording" {
	fl 2 show
	refused_with "which FILE"
	fl 1 show "$DIR/none"
	refused_with "No such file"
	: >"$DIR/empty"
	fl 1 show "$DIR/empty"
	refused_with "no recording"
	echo hello >"$DIR/text"
	fl 1 show "$DIR/text"
	refused_with ":1: this is no recording"
	echo '{"faultline_record":{"schema":999}}' >"$DIR/newer"
	fl 1 show "$DIR/newer"
	refused_with "newer version"
	echo '{"faultline_record":{"schema":1}}' >"$DIR/header"
	fl 1 show "$DIR/header"
	refused_with "no whole interval"
}

@test "show tells a damaged line from one that was cut off" {
	printf '%s\n{"snapshot":\n' '{"faultline_record":{"schema":1}}' >"$DIR/damaged"
	fl 1 show "$DIR/damaged"
	refused_with ":2: damaged"
	printf '%s\n{"snapshot":' '{"faultline_record":{"schema":1}}' >"$DIR/cut"
	fl 1 show "$DIR/cut"
	grep -q ":2: the last line is cut off" "$DIR/err"
}

@test "record wants a file that can be written" {
	fl 2 record -d 1s
	refused_with "-o FILE"
}

@test "incidents: none yet is no error, a wrong id is" {
	fl 0 incidents --dir "$DIR/none"
	says "0 of 0 records"
	mkdir "$DIR/inc"
	fl 1 incidents show 20260102T030405Z-1234-1 --dir "$DIR/inc"
	refused_with "there is none"
	fl 1 incidents show "$DIR/none" --dir "$DIR/inc"
	refused_with "nor is it an id"
}

@test "incidents: a record from elsewhere that is damaged, or of a newer version" {
	good='{"schema":1,"incident":{"id":"20260102T030405Z-7-1","comm":"c","kind":"wait","tgid":7,"time_unix_ns":1},"snapshot":{"schema":1,"meta":{}}}'
	echo "$good" >"$DIR/good.json"
	fl 0 incidents show "$DIR/good.json"
	says 20260102T030405Z-7-1
	fl 0 incidents export "$DIR/good.json" "$DIR/copy.json"
	[ "$(stat -c %a "$DIR/copy.json")" = 600 ]
	[ "$(find "$DIR" -name '*.tmp.*' | wc -l)" = 0 ]
	for verb in show export; do
		head -c 100 "$DIR/good.json" >"$DIR/cut.json"
		fl 1 incidents $verb "$DIR/cut.json"
		refused_with "damaged: cut off"
		sed 's/"schema":1,"incident"/"schema":9,"incident"/' "$DIR/good.json" >"$DIR/newer.json"
		fl 1 incidents $verb "$DIR/newer.json"
		refused_with "newer faultline"
		sed 's/"meta":{}/"meta":{},"procs":[{"tgid":"x"}]/' "$DIR/good.json" >"$DIR/odd.json"
		fl 1 incidents $verb "$DIR/odd.json"
		refused_with "damaged: its snapshot is not understood at 'tgid'"
		echo '{"faultline_record":{"schema":1}}' >"$DIR/recording"
		fl 1 incidents $verb "$DIR/recording"
		refused_with "no incident record"
		fl 1 incidents $verb "$DIR"
		refused_with "is no file"
	done
}

@test "incidents: a record that was written to harm a terminal does not" {
	python3 - "$DIR/evil.json" <<-'PY'
		import json, sys
		evil = "\x1b[2J\n\u202e\u0085\x07"
		json.dump({"schema": 1, "incident": {
		    "id": "20260102T030405Z-7-1", "comm": evil, "kind": evil, "tgid": 7, "time_unix_ns": 1 << 62,
		    "host": evil, "cgroup": "/" + evil + ".service", "verdict": evil, "wait_ns": -1},
		    "snapshot": {"schema": 1, "meta": {"kernel": evil, "version": evil, "host": evil}, "waits": [
		        {"tgid": 7, "comm": evil, "cgroup": evil, "dur_ns": 5, "begin_ns": 1, "waiter": {"tid": 8, "comm": evil},
		         "holder": {"tid": 9, "comm": evil, "detail": evil}, "kstack": 0}],
		    "stacks": [{"role": "waiter", "tgid": 7, "comm": evil, "frames": [evil]}]}}, open(sys.argv[1], "w"))
	PY
	fl 0 incidents show "$DIR/evil.json"
	grep -q 'x1b\[2J' "$DIR/out"
	! grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80\xae|\xc2\x85' "$DIR/out"
}

@test "config check tells every problem and the file" {
	printf '[measure]\nMinWait=fast\nNonsense=1\n' >"$DIR/bad.conf"
	fl 1 config check "$DIR/bad.conf"
	grep -q "bad.conf:2: .*MinWait" "$DIR/err"
	grep -q "bad.conf:3: .*Nonsense" "$DIR/err"
	[ -z "$output" ]
	printf '[measure]\nMinWait=1ms\n' >"$DIR/good.conf"
	fl 0 config check "$DIR/good.conf"
	says good
	fl 0 config show "$DIR/good.conf"
	says "MinWait=1ms"
	fl 1 config check "$DIR/none.conf"
	grep -q "none.conf" "$DIR/err"
}

@test "a result that cannot be written is an error" {
	fl 1 config show -o "$DIR/no/such/folder"
	refused_with "cannot write"
	fl 1 config show -o /dev/full
	refused_with "cannot write"
	status=0
	"$FAULTLINE" help >/dev/full 2>"$DIR/err" || status=$?
	[ "$status" = 1 ]
}

@test "-o leaves a whole file or none" {
	fl 0 config show -o "$DIR/out.conf"
	[ -s "$DIR/out.conf" ]
	[ "$(find "$DIR" -name '*.tmp.*' | wc -l)" = 0 ]
}

@test "without privilege: exit code 3 and one line" {
	[ "$(id -u)" = 0 ] || skip "needs root to become somebody else"
	cp "$FAULTLINE" "$DIR/faultline"
	chmod 755 "$DIR" "$DIR/faultline"
	status=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$DIR/faultline" report --direct -d 1s \
		>"$DIR/out" 2>"$DIR/err" || status=$?
	[ "$status" = 3 ]
	[ "$(wc -l <"$DIR/err")" = 1 ]
	[ ! -s "$DIR/out" ]
}
