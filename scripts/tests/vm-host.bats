#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# What scripts/vm does on the host: bad input, missing tools, a scan that cannot
# run, and an end that leaves nothing behind.

setup() {
	scripts=$BATS_TEST_DIRNAME/..
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir "$TMPDIR"
}
teardown() {
	[ -z "${vm:-}" ] || kill -KILL -- "-$vm" 2>/dev/null || true
}

# refused MESSAGE ARGUMENTS...: status 125 and that one line
refused() {
	local message=$1
	shift
	run "$scripts/vm" "$@"
	[ "$status" -eq 125 ] || { echo "status $status: $output"; return 1; }
	# shellcheck disable=SC2053  # a pattern
	[[ $output == $message ]] || { echo "$output"; return 1; }
}

@test "bad input is refused in one line" {
	refused "vm: which kernel? *" -- true
	refused "vm: no command; *" --kernel 6.1
	refused "vm: unknown option --what; *" --what 1 -- true
	refused "vm: --kernel needs a value" --kernel
	refused "vm: --cpus none: *" --kernel 6.1 --cpus none -- true
	refused "vm: --retries -1: *" --kernel 6.1 --retries -1 -- true
	refused "vm: --scratch 5: *" --kernel 6.1 --scratch 5 -- true
	refused "vm: --plugin: there is no /none.so" --kernel 6.1 --plugin /none.so,a=b -- true
	refused "vm: --allow: there is no /none" --kernel 6.1 --allow /none -- true
	refused "vm: --accel hvf: *" --kernel 6.1 --accel hvf -- true
	refused "vm: $TMPDIR has no kernel: *" --dir "$TMPDIR" -- true
	[ -z "$(ls -A "$TMPDIR")" ]
}

@test "an unknown kernel is refused" {
	run "$scripts/vm" --kernel 5.4 -- true
	[ "$status" -eq 125 ]
	[[ ${lines[0]} == *"unknown kernel '5.4'"* ]]
	[ "${lines[-1]}" = "vm: no kernel 5.4" ]
}

@test "a missing tool is named" {
	mkdir "$TMPDIR/bin"
	ln -sf -t "$TMPDIR/bin" /usr/bin/* /usr/sbin/*
	rm "$TMPDIR/bin/qemu-system-x86_64"
	PATH=$TMPDIR/bin refused "vm: qemu-system-x86_64 is missing: run 'make deps'" --kernel 6.1 -- true
}

@test "a scan of the kernel log that cannot run is a failure before the guest starts" {
	cp -r "$scripts" "$TMPDIR/scripts"
	scripts=$TMPDIR/scripts
	echo 'broken(' >>"$scripts/vm-dmesg.bad"
	refused "vm: the kernel log cannot be scanned: vm-dmesg.bad: *" --kernel 6.1 -- true
	printf '# nothing\n\n' >"$scripts/vm-dmesg.bad"
	refused "vm: the kernel log cannot be scanned: no patterns *" --kernel 6.1 -- true
	rm "$scripts/vm-dmesg.bad"
	refused "*vm: the kernel log cannot be scanned: no patterns *" --kernel 6.1 -- true
	cp "$BATS_TEST_DIRNAME/../vm-dmesg.bad" "$scripts"
	echo '[' >>"$scripts/vm-dmesg.allow"
	refused "vm: the kernel log cannot be scanned: vm-dmesg.allow: *" --kernel 6.1 -- true
}

# --- the end of it: start, and the processes that it has then

descendants() {
	local child
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		echo "$child"
		descendants "$child"
	done
}
named() {
	local pid
	for pid in "${family[@]}"; do [[ $(cat "/proc/$pid/comm" 2>/dev/null) != $1* ]] || echo "$pid"; done
}
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
said() { grep -q "$1" "$BATS_TEST_TMPDIR/out"; }
gone() { local pid; for pid in "${family[@]}"; do [ ! -d "/proc/$pid" ] || return 1; done; }

# A guest that runs: a process group as a terminal makes one, which hears Ctrl-C.
start() {
	setsid env --default-signal=INT "$scripts/vm" --kernel 6.1 --cpus 2 --memory 512 "$@" \
		-- bash -c 'echo up; sleep 600' >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	vm=$!
	until_true 120 said up
	mapfile -t family < <(descendants "$vm")
	[ -n "$(named qemu-system)" ]
	[ -n "$(named virtiofsd)" ]
}

@test "Ctrl-C ends it and leaves no process and no file" {
	start
	kill -INT -- "-$vm"
	until_true 60 gone
	status=0
	wait "$vm" || status=$?
	[ "$status" -eq 130 ]
	[ -z "$(ls -A "$TMPDIR")" ]
}

@test "killed the hard way it leaves no process" {
	start
	kill -KILL "$vm"
	until_true 60 gone
}

@test "a QEMU that hangs is a failure, is gotten rid of and is not tried again unasked" {
	start --silence 5
	kill -STOP "$(named qemu-system)"
	until_true 120 gone
	status=0
	wait "$vm" || status=$?
	[ "$status" -eq 125 ]
	[ "$(tail -n +2 "$BATS_TEST_TMPDIR/out")" = "vm: 6.1: hang: no sign of life for 5 s" ]
}

@test "KVM is used only where it has booted a kernel" {
	export XDG_CACHE_HOME=$TMPDIR/cache
	mkdir "$TMPDIR/bin"
	echo kernel >"$TMPDIR/vmlinuz"
	# A QEMU whose guest comes up, and one whose guest does not.
	printf '#!/bin/bash\necho asked >>"%s/asked"\nwhile [[ $1 != file:* ]]; do shift; done\necho kvm-boots >"${1#file:}"\n' \
		"$TMPDIR" >"$TMPDIR/bin/qemu-system-x86_64"
	chmod +x "$TMPDIR/bin/qemu-system-x86_64"
	[ -w /dev/kvm ] || skip "there is no /dev/kvm here"
	PATH=$TMPDIR/bin:$PATH
	[ "$("$scripts/vm-kvm" "$TMPDIR/vmlinuz" 2>/dev/null)" = yes ]
	[ "$("$scripts/vm-kvm" "$TMPDIR/vmlinuz")" = yes ]
	[ "$(wc -l <"$TMPDIR/asked")" -eq 1 ]
	rm -r "$XDG_CACHE_HOME"
	printf '#!/bin/bash\nexit 1\n' >"$TMPDIR/bin/qemu-system-x86_64"
	[ "$("$scripts/vm-kvm" "$TMPDIR/vmlinuz" 2>/dev/null)" = no ]
}
