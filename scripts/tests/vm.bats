#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does the guest harness tell success from every kind of failure of a guest?

setup() { results=$BATS_TEST_TMPDIR/results; }
vm() { run timeout 300 "$BATS_TEST_DIRNAME/../vm" --kernel 6.1 --cpus 2 --memory 1024 --results "$results" "$@"; }
# The guest runs, but nothing of its user space does.
hog='echo -1 >/proc/sys/kernel/sched_rt_runtime_us
taskset -c 1 chrt -f 99 sh -c ": >/run/one; while :; do :; done" &
until [ -e /run/one ]; do :; done
taskset -c 0 chrt -f 99 sh -c "while :; do :; done"'

@test "output, status and results come back; nothing else stays" {
	vm --timeout 60 -- bash -c \
		'echo "on $FAULTLINE_KERNEL as $(id -u)"; echo kept >$FAULTLINE_RESULTS/file
		 echo gone >'"$BATS_TEST_TMPDIR"'/gone; exit 7'
	[ "$status" -eq 7 ]
	[[ $output == *"on 6.1 as 0"* ]]
	[ "$(cat "$results/file")" = kept ]
	[ ! -e "$BATS_TEST_TMPDIR/gone" ]
	grep -qP '^outcome\t7$' "$results/verdict"
	grep -qP '^attempts\t1$' "$results/verdict"
}

@test "disks, swap, command line, CPUs and a plugin are as asked for" {
	cat >"$BATS_TEST_TMPDIR/plugin.c" <<-'END'
		#include <stdint.h>
		#include <stdio.h>
		int qemu_plugin_version = 1;
		int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
		{
			return fprintf(stderr, "plugin got %s\n", argv[0]) < 0;
		}
	END
	cc -shared -fPIC -o "$BATS_TEST_TMPDIR/plugin.so" "$BATS_TEST_TMPDIR/plugin.c"
	vm --scratch 64M --swap 32M --append one --append two --cpus 3 --plugin "$BATS_TEST_TMPDIR/plugin.so,word=x" -- bash -ec '
		findmnt -no FSTYPE,SOURCE /scratch; echo "swap $(awk "NR == 2 { print \$3 }" /proc/swaps)"
		grep -o "one two$" /proc/cmdline; nproc
		cat /sys/devices/system/clocksource/clocksource0/current_clocksource'
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == ext4*/dev/vd* ]]
	[ "${lines[1]}" = "swap 32764" ]
	[ "${lines[2]}" = "one two" ]
	[ "${lines[3]}" = 3 ]
	[[ ${lines[4]} == tsc* ]] # no device is asked for the time
	grep -q "plugin got word=x" "$results/qemu.log"
}

@test "a port whose name comes late is waited for" {
	cp -r "$BATS_TEST_DIRNAME/.." "$BATS_TEST_TMPDIR/scripts"
	# as if its driver had not told it for so many seconds from boot
	sed -i 's,^port() {,&\n\tread -r up _ </proc/uptime\n\t[ "${up%.*}" -ge 25 ] || return 1,' "$BATS_TEST_TMPDIR/scripts/vm-init"
	grep -q 'ge 25' "$BATS_TEST_TMPDIR/scripts/vm-init"
	run timeout 300 "$BATS_TEST_TMPDIR/scripts/vm" --kernel 6.1 --cpus 2 --memory 1024 --results "$results" -- \
		bash -c 'read -r up _ </proc/uptime; [ "${up%.*}" -ge 25 ]'
	[ "$status" -eq 0 ]
	grep -qP '^attempts\t1$' "$results/verdict"
}

@test "full disks fail the command, not the guest" {
	vm --scratch 16M -- bash -c 'for disk in /scratch /root /run; do
		dd if=/dev/zero of=$disk/fill bs=1M 2>&1 | grep -o "No space left.*" && echo "$disk was filled"
	done; exit 9'
	[ "$status" -eq 9 ]
	[ "$(grep -c "No space left on device" <<<"$output")" -eq 3 ]
}

@test "a full results disk is a failure with its reason" {
	mkdir "$results"
	run unshare --mount bash -c 'mount -t tmpfs -o size=64k tmpfs "$1" &&
		exec timeout 300 "$2" --kernel 6.1 --cpus 2 --results "$1" -- \
		bash -c "head -c 1M /dev/zero >\$FAULTLINE_RESULTS/fill; echo written"' \
		bash "$results" "$BATS_TEST_DIRNAME/../vm"
	[ "$status" -eq 125 ]
	[[ $output == *"No space left on device"*written* ]]
	[[ ${lines[-1]} == "vm: 6.1: results cannot be saved: "*"No space left on device" ]]
}

@test "a panic is a failure with its reason" {
	vm --timeout 60 -- bash -c 'echo c >/proc/sysrq-trigger; sleep 60'
	[ "$status" -eq 125 ]
	[[ $output == *"kernel log: "* ]]
	grep -q 'Kernel panic' "$results/console"
}

@test "a command that hangs is a timeout and is not tried again" {
	vm --timeout 3 --retries 1 -- sleep 600
	[ "$status" -eq 125 ]
	[[ $output == *"timeout: the command runs for more than 3 s"* ]]
	[[ $output != *"starting again"* ]]
}

@test "a guest that falls silent is a hang; retries are bounded, shown and counted" {
	vm --silence 6 --retries 1 -- bash -c "$hog"
	[ "$status" -eq 125 ]
	[ "${lines[0]}" = "# vm: starting again (1 of 1), all above is void: hang: no sign of life for 6 s" ]
	[ "${lines[1]}" = "vm: 6.1: hang: no sign of life for 6 s" ]
	[ "${lines[2]}" = "vm: 6.1: 2 attempts" ]
	grep -qP '^attempts\t2$' "$results/verdict"
}

# A kernel that trips over an int3, with a QEMU that says $2 of it.
int3_oops() {
	cat >"$BATS_TEST_TMPDIR/says.c" <<-END
		#include <stdint.h>
		#include <stdio.h>
		int qemu_plugin_version = 1;
		int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
		{
			return fprintf(stderr, "$2\\n") < 0;
		}
	END
	cc -shared -fPIC -o "$BATS_TEST_TMPDIR/says.so" "$BATS_TEST_TMPDIR/says.c"
	vm --retries 1 --plugin "$BATS_TEST_TMPDIR/says.so" -- bash -c "echo '$1' >/dev/kmsg"
	[ "$status" -eq 125 ]
}

@test "a breakpoint that only the emulator has left is its fault, and tried again" {
	local gone="vm-int3: CPU 1 ran a breakpoint that is gone"
	int3_oops "Oops: int3: 0000 [#1] made for a test" "$gone"
	[[ ${lines[0]} == "# vm: starting again (1 of 1), all above is void: emulator: ran a breakpoint that is gone; kernel log: "* ]]
	[[ ${lines[1]} == "vm: 6.1: emulator: ran a breakpoint that is gone; kernel log: "*"int3: 0000 [#1] made for a test" ]]
	[ "${lines[2]}" = "vm: 6.1: 2 attempts" ]
	# The kernel's own int3, in the words of 6.1; and something else after one that was gone.
	int3_oops "int3: 0000 [#1] made for a test" "all is well"
	[[ $output == "vm: 6.1: kernel log: "* ]]
	int3_oops "divide error: 0000 [#1] made for a test" "$gone"
	[[ $output == "vm: 6.1: kernel log: "* ]]
}

@test "a kernel that does not come up is a hang" {
	vm --boot-limit 8 --append 'rdinit=/bin/busybox -- sleep 600' -- true
	[ "$status" -eq 125 ]
	[ "$output" = "vm: 6.1: hang: not up after 8 s" ]
}

@test "a kernel that does not boot is a failure" {
	mkdir "$BATS_TEST_TMPDIR/kernel"
	head -c 100000 /dev/zero >"$BATS_TEST_TMPDIR/kernel/vmlinuz"
	run timeout 300 "$BATS_TEST_DIRNAME/../vm" --dir "$BATS_TEST_TMPDIR/kernel" --accel tcg --boot-limit 8 -- true
	[ "$status" -eq 125 ]
	[[ $output == "vm: $BATS_TEST_TMPDIR/kernel: "* ]]
}

@test "a kernel warning fails a command that succeeds" {
	vm -- bash -c 'echo "WARNING: CPU: 0 made for a test" >/dev/kmsg; echo "BUG: made for a test" >/dev/kmsg'
	[ "$status" -eq 125 ]
	[[ $output == "vm: 6.1: kernel log: "*"WARNING: CPU: 0 made for a test" ]]
}

@test "what an allow list names is no failure, what it does not name is" {
	echo 'BUG: made for a test$' >"$BATS_TEST_TMPDIR/allow"
	vm --allow "$BATS_TEST_TMPDIR/allow" -- bash -c 'echo "BUG: made for a test" >/dev/kmsg
		echo "BUG: made for a test, too" >/dev/kmsg'
	[ "$status" -eq 125 ]
	[[ $output == *"BUG: made for a test, too" ]]
}

@test "a kernel log that is not complete is a failure" {
	vm -- bash -c 'echo N >/sys/module/printk/parameters/ignore_loglevel; dmesg -n 1'
	[ "$status" -eq 125 ]
	[[ $output == *"kernel log: cut off"* ]]
}

@test "a guest that goes away without a verdict is a failure" {
	vm --timeout 60 -- bash -c 'echo b >/proc/sysrq-trigger; sleep 60'
	[ "$status" -eq 125 ]
	[[ $output == *"silence: the guest ended without a verdict"* ]]
}
