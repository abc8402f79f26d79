#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What the daemon tells, by Debian's own Prometheus: metrics, rules and their tests,
# a scrape of the running daemon, and every query of the dashboard. O names the
# build; default: build.

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	export O=${O:-$PWD/build} ROOT=$PWD
	case $O in /*) ;; *) O=$PWD/$O ;; esac
	PROMETHEUS=$(scripts/unpacked prometheus)/usr/bin
	export PROMETHEUS
}

setup() {
	cd "$ROOT"
	DIR=$BATS_TEST_TMPDIR
	PIDS=()
}

teardown() {
	[ -z "${PIDS[*]}" ] || kill "${PIDS[@]}" 2>/dev/null
	wait
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 20 "$DIR"/log* 2>/dev/null || true
}

# A failure of "! command" ends no test, one of this does.
fails() { ! "$@"; }
# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "never true: $*"; return 1; }
		sleep 0.1
	done
}

@test "promtool finds nothing in the metrics" {
	"$O/tests/sample_metrics" --textfile >"$DIR/metrics"
	[ -z "$("$PROMETHEUS/promtool" check metrics <"$DIR/metrics" 2>&1)" ]
	# and it would
	sed 's/faultline_cpu_seconds_total/faultline_cpu_ms/' "$DIR/metrics" >"$DIR/spoilt"
	fails "$PROMETHEUS/promtool" check metrics <"$DIR/spoilt"
}

@test "rules are right, and do what they should" {
	"$PROMETHEUS/promtool" check rules packaging/prometheus/faultline.rules.yml
	"$PROMETHEUS/promtool" test rules packaging/prometheus/faultline.rules.test.yml
	# each alert has a test that misses it
	cp packaging/prometheus/*.yml "$DIR"
	for alert in $(sed -n 's/^ *- alert: //p' packaging/prometheus/faultline.rules.yml); do
		sed "s/alert: $alert\$/alert: Another/" packaging/prometheus/faultline.rules.yml >"$DIR/faultline.rules.yml"
		fails "$PROMETHEUS/promtool" test rules "$DIR/faultline.rules.test.yml" 2>/dev/null >&2 ||
			{ echo "$alert is not tested"; return 1; }
	done
}

port() { python3 "$ROOT/userspace/tests/daemon_peer.py" port; }
answer() { curl -sS --fail --max-time 10 --data-urlencode "${2:-x=}" -G "http://127.0.0.1:$PORT/api/v1/$1"; }
# value QUERY: of its first series
value() { answer query "query=$1" | jq -r '.data.result[0].value[1]'; }
is() { [ "$(value "$1")" = "$2" ]; }

scraped_daemon() {
	local metrics
	metrics=$(port) PORT=$(port)
	# as on a kernel with speculative faults, which has more to tell
	mkdir -p "$DIR/proc/sys/vm"
	printf 'pgfault 1000\nspf_attempt 0\nspf_ok_anon 0\n' >"$DIR/proc/vmstat"
	echo 64 >"$DIR/proc/sys/vm/spf_backoff_max"
	echo 8 >"$DIR/proc/sys/vm/spf_ptl_spins"
	printf '[socket]\nPath=%s\n[incident]\nEnabled=no\n[metrics]\nListen=127.0.0.1:%s\nPerProcess=yes\n' \
		"$DIR/control.sock" "$metrics" >"$DIR/conf"
	"$O/faultlined" -c "$DIR/conf" -p $$ --proc "$DIR/proc" 2>"$DIR/log-daemon" 3>&- &
	PIDS+=($!)
	sed "s,127.0.0.1:9946,127.0.0.1:$metrics,; s,15s,1s,; s,/usr/share/faultline,$ROOT/packaging," \
		packaging/prometheus/prometheus.yml >"$DIR/prometheus.yml"
	printf 'global: {evaluation_interval: 1s}\n' >>"$DIR/prometheus.yml"
	"$PROMETHEUS/prometheus" --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/data" \
		--web.listen-address="127.0.0.1:$PORT" --log.level=warn >"$DIR/log-prometheus" 2>&1 3>&- &
	PIDS+=($!)
	wait_for 60 is faultline_attached 1
}

@test "a real Prometheus scrapes the daemon, and knows every metric" {
	[ "$(id -u)" = 0 ] || skip "loading BPF programs needs root"
	"$PROMETHEUS/promtool" check config --syntax-only packaging/prometheus/prometheus.yml
	scraped_daemon
	is 'up{job="faultline"}' 1
	[ "$(answer targets | jq -r '.data.activeTargets[0].lastError')" = '' ]
	# type, unit and help of every family, as the program's own list has them
	answer targets/metadata | jq -r '.data[] | select(.metric | startswith("faultline_")) | "\(.metric) \(.type) \(.unit)"' |
		sort >"$DIR/known"
	"$O/tests/sample_metrics" | awk '$2 == "TYPE" { if (name) print name, type, unit; name = $3; type = $4; unit = "" }
		$2 == "UNIT" { unit = $4 } END { print name, type, unit }' | sort >"$DIR/there"
	diff "$DIR/there" "$DIR/known"
	# counters are counters to it: a rate of each can be taken
	is 'faultline_wait_seconds_count{mode="read",class="mmap_lock",relation="own"}' "$(
		"$O/faultline" metrics --socket "$DIR/control.sock" |
		sed -n 's/^faultline_wait_seconds_count{mode="read",class="mmap_lock",relation="own"} //p')"
	wait_for 30 is 'count(rate(faultline_cpu_seconds_total[1m]))' 1
	wait_for 30 is 'count(instance:faultline_waiting_threads:rate5m)' 1
	[ "$(answer rules | jq -r '[.data.groups[].rules[] | select(.health != "ok")] | length')" = 0 ]
	[ "$(answer rules | jq -r '[.data.groups[].rules[]] | length')" = "$(grep -cE '^ +- (record|alert):' packaging/prometheus/faultline.rules.yml)" ]
	# every query of the dashboard is understood, and has an answer but where nothing waits
	jq -r '.panels[] | .title as $title | .targets[] | "\($title)\t\(.expr)"' packaging/grafana/faultline.json |
		sed 's/\$__rate_interval/1m/g; s/\$instance/.*/g' >"$DIR/queries"
	while IFS=$'\t' read -r title query; do
		answer query "query=$query" >"$DIR/answer" || { echo "$title: $query"; return 1; }
		case $title in
		'Hot processes' | '99th percentile by mode' | 'Attempts by process' | 'Threads without a look'*) ;;
		*) jq -e '.data.result | length > 0' "$DIR/answer" || { echo "$title: nothing: $query"; return 1; } ;;
		esac
	done <"$DIR/queries"
	[ "$(wc -l <"$DIR/queries")" -ge 15 ]
}
