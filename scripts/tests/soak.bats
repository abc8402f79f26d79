#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Would the soak notice? Looks made by hand, of a daemon that is well and of one that is not.

# looks N FIELD=EXPRESSION...: N looks, one a second; EXPRESSION may use i, the number of the look.
looks() {
	local n=$1
	shift
	python3 - "$n" "$@" >"$BATS_TEST_TMPDIR/looks" <<-'PY'
		import json, sys
		for i in range(int(sys.argv[1])):
		    look = {"t": i, "rss_kib": 9000 + i % 7, "fds": 70 + i % 3, "entries": 500 + i % 90, "full": 0, "files": 40,
		            "bytes": 1000, "removed": i, "max_files": 40, "window_ns": i * 1000, "lost": 0,
		            "problems": {}}
		    for change in sys.argv[2:]:
		        name, expression = change.split("=", 1)
		        look[name] = eval(expression)
		    print(json.dumps(look))
	PY
}
judge() { run python3 "$BATS_TEST_DIRNAME/soak.py" judge "$BATS_TEST_TMPDIR/looks" "$1"; echo "$output"; }
# found PART TEXT CHANGE...: such looks fail that part, with these words.
found() {
	looks 90 "${@:3}"
	judge "$1"
	[ "$status" = 1 ] && [[ $output == *"$2"* ]]
}

@test "a daemon that stays as it is passes every part" {
	looks 90
	for part in memory fds maps disk samples; do
		judge $part
		[ "$status" = 0 ]
	done
}

@test "memory that grows by 300 KiB a second, or is too much" {
	found memory 'rss_kib grows' 'rss_kib=2000 + 300 * i'
	found memory 'rss_kib: 70000' 'rss_kib=9000 if i != 50 else 70000'
}

@test "memory that is taken once, at the start, or for a moment, is no trend" {
	for memory in '6000 + min(100 * i, 2900)' '9000 + 20000 * (i in (66, 77))'; do
		looks 90 "rss_kib=$memory"
		judge memory
		[ "$status" = 0 ]
	done
}

@test "a file descriptor that is lost every five seconds" {
	found fds 'fds grows' 'fds=70 + i // 5'
}

@test "elements that nobody removes, and maps that have none" {
	found maps 'entries grows' 'entries=100 * i'
	found maps 'no map ever had' 'entries=0'
	found maps 'full: 1' 'full=int(i == 50)'
}

@test "records that are not removed, or too many" {
	found disk 'was ever removed' 'removed=0'
	found disk 'files: 41' 'files=40 + int(i == 50)'
}

@test "a daemon that stands still for three seconds, has a problem, or was not looked at" {
	found samples 'no sample' 'window_ns=1000 * (i if i < 40 else max(40, i - 3))'
	found samples 'a problem' 'problems={"policy": "x"} if i == 7 else {}'
	looks 5
	judge samples
	[ "$status" = 1 ] && [[ $output == *'too few'* ]]
}
