#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does the bench judge as it should, and does a run leave what was measured?
# Guests and kernels are stand-ins with literal figures but for the last tests.

setup() {
	scripts=$BATS_TEST_DIRNAME/..
	tmp=$BATS_TEST_TMPDIR
	out=$tmp/out
	export PYTHONPATH=$scripts/bench.d PYTHONDONTWRITEBYTECODE=1
}

# py EXPRESSION: of bench.d, printed.
py() { python3 -c "import metrics, plan, plot, report, stats; print($1)"; }
# says EXPRESSION VALUE
says() {
	local value
	value=$(py "$1")
	[ "$value" = "$2" ] || { echo "$1 is $value, not $2"; return 1; }
}

# --- judging

@test "median and its interval, of literal numbers" {
	says 'stats.median([3, 1, 2])' 2
	says 'stats.median([4, 1, 2, 3])' 2.5
	says 'stats.coverage(6, 0)' 0.96875
	says 'stats.coverage(9, 1)' 0.9609375
	says 'stats.pairs_needed()' 6
	says 'stats.median_interval([1, 2, 3, 4, 5])' None
	says 'stats.median_interval([1, 2, 3, 4, 5, 6])' '(1, 6)'
	says 'stats.median_interval([9, 1, 2, 3, 4, 5, 6, 7, 8])' '(2, 8)'
}

@test "pairs that all point one way are a difference" {
	says 'stats.judge_pairs([100] * 6, [110, 120, 130, 140, 150, 160])' \
		"Judgement(ratio=1.35, low=1.1, high=1.6, verdict='more')"
	says 'stats.judge_pairs([100] * 6, [50, 60, 70, 80, 90, 99]).verdict' less
}

@test "one pair of six that points the other way forbids a difference" {
	says 'stats.judge_pairs([100] * 6, [99, 120, 130, 140, 150, 160]).verdict' 'not distinguishable'
}

@test "one pair of nine that points the other way does not" {
	says 'stats.judge_pairs([100] * 9, [50] + [120] * 8).verdict' more
	says 'stats.judge_pairs([100] * 9, [50, 50] + [120] * 7).verdict' 'not distinguishable'
}

@test "a drift that both halves of each pair share is no difference, and hides none" {
	says 'stats.judge_pairs([100, 200, 300, 400, 500, 600], [99, 202, 297, 404, 495, 606]).verdict' \
		'not distinguishable'
	says 'stats.judge_pairs([100, 200, 300, 400, 500, 600], [105, 210, 315, 420, 525, 630]).verdict' more
}

@test "too few pairs are said to be too few" {
	says 'stats.judge_pairs([100] * 5, [200] * 5).verdict' '5 pairs are too few, 6 needed'
}

@test "repeats differ when their ranges are apart by more than the resolution" {
	says 'stats.judge_repeats([100, 102], [110, 112], .05).verdict' more
	says 'stats.judge_repeats([100, 102], [90, 92], .05).verdict' less
	says 'stats.judge_repeats([100, 102], [104, 106], .05).verdict' 'not distinguishable'
	says 'stats.judge_repeats([100, 130], [120, 150], .05).verdict' 'not distinguishable'
	says 'stats.judge_repeats([1000, 1000], [1002, 1002], .001).verdict' more
	says 'stats.judge_repeats([1000, 1000], [1000.9, 1000.9], .001).verdict' 'not distinguishable'
	says 'stats.judge_repeats([100], [200], .05).verdict' 'one run is too few, 2 needed'
}

@test "nothing to divide by is no ratio" {
	says 'stats.judge_pairs([0] * 6, [1] * 6).verdict' 'no ratio: the reference is 0'
	says 'stats.judge_repeats([0, 0], [1, 1], .05).verdict' 'no ratio: the reference is 0'
}

# --- what is measured

@test "rows: a kernel, a label, settings" {
	says 'plan.parse_row("6.1-stock")' "Row(label='6.1-stock', kernel='6.1-stock', sysctls=())"
	says 'plan.parse_row("off=6.1-patched:vm.spf_enable=0,kernel.x=2")' \
		"Row(label='off', kernel='6.1-patched', sysctls=('vm.spf_enable=0', 'kernel.x=2'))"
	says 'plan.parse_row("6.1-patched:vm.spf_enable=0").label' '6.1-patched:vm.spf_enable=0'
	says 'plan.parse_row("6.1-patched:vm.spf_enable=0").folder' '6.1-patched_vm.spf_enable_0'
}

@test "kernels are run in turn, and the turn turns" {
	says '[(repeat, row) for repeat, row in plan.schedule(["A", "B"], plan.Boot("wall", 4, (), 3))]' \
		"[(0, 'A'), (0, 'B'), (1, 'B'), (1, 'A'), (2, 'A'), (2, 'B')]"
}

@test "the baseline has every point that it promises" {
	says 'sorted({(b.cpus, p.name) for b in plan.boots(plan.FULL) if b.section == "lines" for p in b.points})' \
		"$(py 'sorted((c, l) for c in (2, 4, 8, 16) for l in ("separate", "shared", "processes"))')"
	says '[p.name for b in plan.boots(plan.FULL) if b.section == "instructions" for p in b.points]' \
		"['fault', 'mmap', 'brk', 'mprotect', 'fork']"
	says '[b.cpus for b in plan.boots(plan.FULL) if b.section in ("writers", "wall")]' '[4, 4]'
	says 'plan.FULL.pairs >= stats.pairs_needed()' True
}

@test "of a boot's runs all, the least or the lower quartile is the figure" {
	says '[p.figure for b in plan.boots(plan.FULL) if b.section == "instructions" for p in b.points]' \
		"['least', 'least', 'least', 'least', 'quartile']"
	says '{p.figure for b in plan.boots(plan.FULL) if b.section != "instructions" for p in b.points}' "{''}"
	local runs='[(0, {"instructions": i}) for i in (7, 3, 9, 5)]' figure
	for figure in ":7 3 9 5" least:3 quartile:5; do
		says "' '.join(str(run[1]['instructions']) for run in metrics.choose('${figure%%:*}', $runs))" "${figure#*:}"
	done
}

@test "the generator takes every point of the plan" {
	local generator=${O:-$scripts/../build}/tests/faults arguments
	py '"\n".join(" ".join(p.arguments) for b in plan.boots(plan.QUICK) for p in b.points)' >"$tmp/points"
	[ -s "$tmp/points" ]
	while read -r arguments; do
		# shellcheck disable=SC2086  # arguments are words
		timeout 60 "$generator" --oversubscribe $arguments >/dev/null
	done <"$tmp/points"
}

# --- a run, with stand-ins

# tool NAME SCRIPT: what the bench starts in place of scripts/NAME.
tool() {
	printf '#!/bin/bash\n%s\n' "$2" >"$tmp/tool-$1"
	chmod +x "$tmp/tool-$1"
	export "BENCH_${1^^}=$tmp/tool-$1"
}

# The guest's part: 1000 faults a second on kernel a, 1500 on b; two transfers a fault on a, one on b.
stand_ins() {
	mkdir -p "$tmp/kernels/a" "$tmp/kernels/b" "$tmp/build/tests"
	echo image of a >"$tmp/kernels/a/vmlinuz"
	echo image of b >"$tmp/kernels/b/vmlinuz"
	touch "$tmp/build/tests/faults"
	chmod +x "$tmp/build/tests/faults"
	tool kernels "echo '$tmp'/kernels/\$1; [ -d '$tmp'/kernels/\$1 ]"
	tool vm "wall=yes; . '$tmp/guest'"
	tool model "wall=; . '$tmp/guest'"
	export O=$tmp/build
	cat >"$tmp/guest" <<-'END'
		while [ "$1" != -- ]; do
			case $1 in
			--kernel) kernel=$2 ;;
			--results) results=$2 ;;
			esac
			shift
		done
		echo "$kernel $(cat "$results/sysctls")" >>"${results%/boots/*}/order"
		[ "$kernel" = a ] && rate=1000 lines=2 insns=100 || rate=1500 lines=1 insns=100.05
		again=() forks=0
		latency='"p50":1000,"p99":2000,"max":3000'
		while read -r name arguments; do
			writer=null
			[[ $arguments != *--writer\ [!n]* ]] ||
				writer="{\"name\":\"mmap\",\"ops_per_s\":$rate,\"latency_ns\":{$latency}}"
			[[ $arguments == --op* ]] && op=$name || op=none
			printf '%s\t{"op":"%s","count":10,"minor_faults":10,"faults_per_s":%s,"latency_ns":{%s},"writer":%s}\n' \
				"$name" "$op" $rate "$latency" "$writer"
			[ "$wall" ] && continue
			# the first run of an operation is not the one with the fewest instructions
			now=$insns
			[[ $arguments != --op* || ${again[*]} == *" $name "* ]] || { now=5$insns; again+=(" $name "); }
			# and no two forks are alike: 600, 700, ...
			[[ $arguments != --op\ fork* ]] || now=$((600 + 100 * forks++))
			[[ $arguments == --op* ]] && done=$name || done=mmap
			# of two regions the first is not the figure, and both together have all faults
			transfers=$lines regions=1
			[[ $arguments != *--rounds\ 2* ]] || transfers="99 $lines" regions=2
			for transfers in $transfers; do
				printf '{"stolen":9,"faults":{"count":%s,"per_mtick":%s,"insns":%s,"insns_median":90,"locked":9,"ticks":{%s}},"ops":{"%s":{"count":10,"per_mtick":%s,"insns":%s,"insns_median":90,"locked":9,"ticks":{%s}}},"functions":[{"name":"pcpu_alloc","fault":0,"op":50},{"name":"memset","fault":0,"op":50}],"transfers":%s,"every_fault":{"lines":1,"transfers":%s}}\n' \
					$((${SEEN:-10} / regions)) $rate $now "$latency" $done $rate $now "$latency" "$transfers" "$transfers" >>"$results/model.json"
			done
		done <"$results/points" >"$results/faults"
	END
}

bench() { run timeout 120 "$scripts/bench" kernels --out "$out" "$@"; }

# field FILE KEY...: the line of ratios.csv that begins with these fields.
line() { grep "^$1," "$out/ratios.csv"; }

@test "a run leaves tables, CSV, pictures and a record" {
	stand_ins
	bench --quick --pairs 6 --repeats 2 a b
	[ "$status" -eq 0 ]
	[ "$(line wall,2,mmap-1,faults)" = wall,2,mmap-1,faults,b,a,1.5,1.5,1.5,more ]
	[ "$(line wall,2,mmap-1,fault_p99)" = "wall,2,mmap-1,fault_p99,b,a,1.0,1.0,1.0,not distinguishable" ]
	[ "$(line writers,2,mmap-1,writes)" = writers,2,mmap-1,writes,b,a,1.5,1.5,1.5,more ]
	[ "$(line lines,2,shared,transfers)" = lines,2,shared,transfers,b,a,0.5,0.5,0.5,less ]
	[[ "$(line instructions,2,mmap,instructions)" == *"not distinguishable" ]]
	[ "$(grep '^instructions,2,mmap,instructions,a,' "$out/values.csv" | cut -d, -f7 | paste -sd' ')" = "100 100" ]
	# two rounds of three runs
	[ "$(grep '^instructions,2,fork,instructions,a,' "$out/values.csv" | cut -d, -f7 | paste -sd' ')" = "700 700" ]
	[ "$(grep '^instructions,2,fork,steady,a,' "$out/values.csv" | cut -d, -f7 | paste -sd' ')" = "650 650" ]
	[ "$(grep -c '^wall,2,none-1,faults,a,' "$out/values.csv")" -eq 6 ]
	# what a fault takes among others, where it may go another way than alone
	[ "$(grep '^lines,2,shared,insns,a,' "$out/values.csv" | cut -d, -f7 | paste -sd' ')" = "100 100 100 100" ]
	[[ "$(line lines,2,shared,insns)" == *"not distinguishable" ]]
	grep -q 'shared *transfers per fault *2 (2 to 2) *1 (1 to 1) *0.5 (0.5 to 0.5)' "$out/table.txt"
	[[ $output == *"$(cat "$out/table.txt")"* ]]
	for picture in lines instructions writers wall; do
		xmllint --noout "$out/$picture.svg" 2>/dev/null || grep -q '</svg>' "$out/$picture.svg"
	done
	[ "$(jq -r '.rows[0].image_sha256' "$out/run.json")" = "$(echo image of a | sha256sum | cut -d' ' -f1)" ]
	[[ $output == *"24 boots, 0 of them again after a hang; 80 regions with many stolen turns"* ]]
	jq -e '.machine.cpus > 0 and (.versions.qemu | test("QEMU")) and (.commands | length) == 24 and .hangs == []' \
		"$out/run.json"
}

@test "wall clock goes A B B A A B, with each row's settings" {
	stand_ins
	bench --quick --sections wall --pairs 3 a b:vm.x=1
	[ "$status" -eq 0 ]
	[ "$(paste -sd, "$out/order")" = "a ,b vm.x=1,b vm.x=1,a ,a ,b vm.x=1" ]
	grep -q '^wall,2,none-1,faults,b:vm.x=1,a,1.5,1.5,1.5,"3 pairs are too few, 6 needed"' "$out/ratios.csv"
}

# again WHY: the first guest ends so; another is started, which is counted and shown.
again() {
	stand_ins
	tool vm "if [ ! -e '$tmp/ended' ]; then touch '$tmp/ended'; echo 'vm: a: $1'; exit 125; fi
		wall=yes; . '$tmp/guest'"
	bench --quick --sections wall a b
	[ "$status" -eq 0 ] && [[ $output == *"attempt 1 of 3: vm: a: $1"* ]] &&
		[[ $output == *"1 of them again after a hang"* ]] && jq -e '.hangs | length == 1' "$out/run.json"
}

@test "a guest that hangs is started again" { again "hang: no sign of life for 90 s"; }

@test "a guest that the emulator spoils is started again" { again "emulator: a breakpoint that is gone"; }

@test "a guest that always hangs ends the run after three attempts" {
	stand_ins
	tool vm "echo >>'$tmp/tried'; echo 'vm: a: hang: no sign of life for 90 s'; exit 125"
	bench --quick --sections wall a b
	[ "$status" -eq 1 ]
	[[ $output == *"hung 3 times"* ]]
	[ "$(wc -l <"$tmp/tried")" -eq 3 ]
}

@test "a guest that fails otherwise is not tried again" {
	stand_ins
	tool vm "echo >>'$tmp/tried'; echo 'bench-guest: this kernel does not take vm.x=1'; exit 1"
	bench --quick --sections wall a b
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == "bench: wall, 2 CPUs, a, repeat 1: bench-guest: this kernel does not take vm.x=1"* ]]
	[ "$(wc -l <"$tmp/tried")" -eq 1 ]
}

@test "a model that saw other faults than the generator made is no figure" {
	stand_ins
	SEEN=500 bench --quick --sections lines a b
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == *"the model saw 500 faults, the kernel counted 10"* ]]
}

@test "what cannot be is refused in one line" {
	stand_ins
	bench a
	[ "$status" -eq 2 ]
	[ "$output" = "bench: two kernels at least, the first is what the others are compared with" ]
	bench a a
	[ "$status" -eq 2 ]
	[[ $output == *"two rows are called 'a'"* ]]
	bench a 'b:nonsense'
	[ "$status" -eq 2 ]
	[[ $output == *"'nonsense' is no sysctl=value"* ]]
	bench --sections nothing a b
	[ "$status" -eq 2 ]
	bench --pairs 0 a b
	[ "$status" -eq 2 ]
	bench a c
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == "bench: no kernel c, see above" ]]
	run "$scripts/bench" nothing
	[ "$status" -eq 2 ]
	tool kernels 'exit 0' # and nothing else on the path
	mkdir "$tmp/bin"
	ln -s "$(python3 -c 'import sys; print(sys.executable)')" "$tmp/bin/python3"
	ln -s "$(command -v env)" "$(command -v bash)" "$(command -v dirname)" "$(command -v timeout)" "$tmp/bin"
	PATH=$tmp/bin bench a b
	[ "$status" -eq 1 ]
	[ "$output" = "bench: gnuplot is missing: run make deps" ]
	rm "$tmp/build/tests/faults"
	bench a b
	[ "$status" -eq 1 ]
	[[ $output == *"is not built: run make tests" ]]
}

# --- what the daemon costs

# guest_says REGION...: as "on 2 100 1500", windows, faults, instructions of a region
guest_says() {
	mkdir -p "$tmp/build/tests"
	printf '#!/bin/sh\n' | tee "$tmp/build/faultlined" >"$tmp/build/tests/faults"
	chmod +x "$tmp/build/faultlined" "$tmp/build/tests/faults"
	export O=$tmp/build
	tool kernels 'exit 0'
	printf '%s\n' "$@" >"$tmp/regions"
	tool model "cut -d' ' -f1,2 '$tmp/regions' >'$O/bench/daemon/order'
		sed -E 's/^[a-z]+ [0-9]+ ([0-9]+) ([0-9]+)/{\"faults\":{\"count\":\1},\"all_insns\":\2}/' '$tmp/regions' >'$O/bench/daemon/model.json'"
}

@test "the daemon's cost is the median of the pairs' ratios" {
	guest_says "off 0 100 100000" "on 1 100 101000" "on 2 50 51500" "off 0 50 50000" "off 0 10 10000" "on 1 10 10200"
	run "$scripts/bench" daemon
	[ "$status" -eq 0 ]
	[[ $output == *$'\n'"1                1000.0         1010.0     1.0100"$'\n'* ]]
	[ "${lines[-1]}" = "with/without 1.0200 (1.0100 to 1.0300); 160 and 160 faults, 4 windows of the daemon" ]
}

@test "a region without a window of the daemon, or none at all, is no figure" {
	guest_says "off 0 100 100000" "on 0 100 101000"
	PAIRS=1 run "$scripts/bench" daemon
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == "bench: the daemon took no window: on 0 "* ]]
	guest_says "off 0 100 100000"
	PAIRS=1 run "$scripts/bench" daemon
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == "bench: 2 regions were to be measured, see "* ]]
	guest_says "off 0 0 100000" "on 1 100 101000"
	PAIRS=1 run "$scripts/bench" daemon
	[ "$status" -eq 1 ]
	PAIRS=none run "$scripts/bench" daemon
	[ "$status" -eq 1 ]
	[ "$output" = "bench: PAIRS=none: not a positive number" ]
}

# --- a daemon against fixed values, phase by phase

# A region as "8 calm 0 8 200 0": row, phase, windows, setting afterwards, faults, operations.

@test "a daemon's share is of the best fixed value of each phase" {
	run "$scripts/bench.d/phases.py" <(printf '%s\n' "1 calm 0 1 100 0" "1 storm 0 1 100 400" "8 calm 0 8 200 0" "8 storm 0 8 100 100" \
		"enforce:8 calm 3 8 190 0" "enforce:8 storm 2 1 100 361" \
		"1 calm 0 1 100 0" "1 storm 0 1 100 400" "8 calm 0 8 210 0" "8 storm 0 8 100 100")
	[ "$status" -eq 0 ]
	[[ $output == *$'\n'"| calm | 100 | 205 | 190 | 0.9268, 8 |"$'\n'"| storm | 100; 400 | 100; 100 | 100; 361 | 0.9747, 1 |"$'\n'* ]]
	[[ $output == *$'\n'"| all, of the best | 0.6984 | 0.8409 | 0.9505 |  |"$'\n'* ]]
	[ "${lines[-1]}" = "Rounds of a fixed value are at most 5.0 % apart." ]
	run "$scripts/bench.d/phases.py" <(printf '%s\n' "1 calm 0 1 100 0" "1 calm 0 1 100 0" "8 calm 0 8 200 0" "enforce:8 calm 3 8 190 0")
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "A point was taken once: how far two rounds are apart is not known." ]
}

# void TEXT REGION...: these are no measurement, and why
void() {
	local text=$1
	shift
	run "$scripts/bench.d/phases.py" <([ $# -eq 0 ] || printf '%s\n' "$@")
	[ "$status" -eq 1 ]
	[[ $output == "bench: $text"* ]] || { echo "$output"; return 1; }
}
@test "phases that were not measured as they should are no figure" {
	void "the daemon took no window: enforce:8 calm 0" "8 calm 0 8 200 0" "enforce:8 calm 0 8 190 0"
	void "not every row has every phase" "8 calm 0 8 200 0" "8 storm 0 8 200 0" "enforce:8 calm 2 8 190 0"
	void "fixed values and a daemon are needed" "8 calm 0 8 200 0"
	void "a region without faults" "8 calm 0 8 0 0"
	void "not a region: 8 calm 0 8 null 0" "8 calm 0 8 null 0"
	void "no region was measured"
}

@test "the phases' run joins what the guest says with what the model counted" {
	guest_says "on 0 0 0"
	tool model "printf '%s\n' \"\$@\" >'$tmp/asked'
		printf '%s\n' '8 calm 0 8' 'enforce:8 calm 2 8' >'$O/bench/phases/order'
		printf '%s\n' '{\"faults\":{\"per_mtick\":100},\"ops\":{\"fork\":{\"per_mtick\":4}}}' \
			'{\"faults\":{\"per_mtick\":100},\"ops\":{\"fork\":{\"per_mtick\":1}}}' >'$O/bench/phases/model.json'"
	SLOW=7 run "$scripts/bench" phases 8
	[ "$status" -eq 0 ]
	[[ $output == *"| calm | 100; 4 | 100; 1 | 0.7071, 8 |"* ]]
	[[ $(tr '\n' ' ' <"$tmp/asked") == *" --slow 7 "*"/bench-phases-guest 8 "* ]]
	run "$scripts/bench" phases none
	[ "$status" -eq 1 ]
	[ "$output" = "bench: 'none' is no value of vm.spf_backoff_max" ]
	ROUNDS=0 run "$scripts/bench" phases
	[ "$output" = "bench: ROUNDS=0: not a positive number" ]
}

@test "an interrupted run leaves no guest behind" {
	stand_ins
	tool vm "echo \$\$ >'$tmp/pid.new'; mv '$tmp/pid.new' '$tmp/pid'; exec sleep 600"
	setsid "$scripts/bench" kernels --out "$out" --quick --sections wall a b >"$tmp/said" 2>&1 3>&- &
	local main=$!
	until [ -e "$tmp/pid" ]; do kill -0 $main; done
	kill -INT $main
	status=0
	wait $main || status=$?
	[ "$status" -eq 130 ]
	[ ! -e "/proc/$(cat "$tmp/pid")" ]
	grep -q '^bench: interrupted' "$tmp/said"
}

# --- and without stand-ins

@test "a small run in guests finds what is known of Debian's kernels" {
	[ "$(id -u)" = 0 ] || skip "guests need root"
	export O=${O:-$scripts/../build}
	run timeout 560 "$scripts/bench" kernels --quick --out "$out" 6.1 6.12
	echo "$output"
	[ "$status" -eq 0 ]
	local section
	for section in instructions lines writers wall; do
		grep -q "^$section," "$out/values.csv"
		[ -s "$out/$section.svg" ]
	done
	# both kernels have every figure
	awk -F, 'NR > 1 && !seen[$1, $2, $3, $4, $5]++ { rows[$1 " " $3 " " $4]++ }
		END { for (key in rows) if (rows[key] != 2) { print key; bad = 1 } exit bad || NR < 40 }' "$out/values.csv"
	# threads of one process fight for mmap_lock on 6.1; per-VMA locks on 6.12 end that
	grep -qE '^2 +separate +6.1 +mm_struct.mmap_lock' "$out/table.txt"
	[ "$(line lines,2,separate,transfers | sed 's/.*,//')" = less ]
}
