# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tests of running programs wait for and expect. Loaded by *.bats; DIR is a folder of the test's own.

# How many times slower than a plain machine is this one, now? Starting ten programs takes one 20 ms.
slower() {
	local i begin=${EPOCHREALTIME/./} times
	for ((i = 0; i < 10; i++)); do /bin/true; done
	times=$(((${EPOCHREALTIME/./} - begin) / 20000))
	echo $((times > 1 ? times : 1))
}
SLOWER=${SLOWER:-$(slower)}
# wait_for SECONDS COMMAND...: until it succeeds; false after the deadline.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * SLOWER * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME/./}" -lt $end ] || { echo "never true: $*"; return 1; }
		sleep 0.02
	done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
# "! COMMAND" fails no test unless it is its last line; this does.
fails() {
	if "$@"; then
		echo "succeeded: $*"
		return 1
	fi
}

# refused CODE TEXT COMMAND...: ends with it and says one line with the text.
refused() {
	local want=$1 text=$2 code=0
	shift 2
	[ "$(type -t "$1")" = function ] || set -- timeout -s KILL 15 "$@"
	"$@" >"$DIR/out" 2>"$DIR/err" 3>&- || code=$?
	cat "$DIR/err"
	[ "$code" = "$want" ] || { echo "exit code $code"; return 1; }
	[ "$(wc -l <"$DIR/err")" = 1 ] && [ ! -s "$DIR/out" ] && grep -q -- "$text" "$DIR/err"
}
