#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The units as they are installed, without starting them: does systemd know every
# word of them, is the detector confined, and does what the unit grants agree with
# what the daemon keeps and the manual says? O names the build; default: build.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	O=${O:-$PWD/build}
	DIR=$(mktemp -d)
	make -s --no-print-directory O="$O" PREFIX="$DIR/usr" SYSCONFDIR="$DIR/etc" install >/dev/null
	UNITS=$DIR/usr/lib/systemd/system
}

# A failure of "! command" ends no test, one of this does.
fails() { ! "$@"; }

teardown() { rm -rf "$DIR"; }

# verify: every word is known, programs and manual pages are there.
verify() {
	MANPATH=$DIR/usr/share/man systemd-analyze verify "$UNITS"/* >"$DIR/said" 2>&1 || return
	cat "$DIR/said"
	[ ! -s "$DIR/said" ]
}
UNIT=faultlined.service
# confined TENTHS: exposure is at most that.
confined() { systemd-analyze security --offline=true --threshold="$1" "$UNITS/$UNIT" >/dev/null; }
# without WORD COMMAND...: the command fails when that line is not in the unit
without() {
	sed -i.before "/^$1/d" "$UNITS/$UNIT"
	fails cmp -s "$UNITS/$UNIT"{,.before}
	mv "$UNITS/$UNIT.before" "$DIR/before"
	fails "${@:2}" || { echo "without $1: still well"; return 1; }
	mv "$DIR/before" "$UNITS/$UNIT"
}

@test "systemd knows every word of the units" {
	verify
	without ExecStart verify
	echo 'ProtectKernelTuneables=yes' >>"$UNITS/faultlined.service"
	fails verify
}

@test "the detector's exposure is at most 2.0" {
	confined 20
	for word in User= PrivateNetwork= CapabilityBoundingSet= SystemCallFilter=; do
		without "$word" confined 20
	done
}

@test "who writes settings is exposed by 0.9 at most, has no capability, and writes to two" {
	UNIT=faultline-knob@.service
	confined 9
	for word in PrivateNetwork= CapabilityBoundingSet= SystemCallFilter= PrivateDevices= NoNewPrivileges=; do
		without "$word" confined 9
	done
	grep -q '^CapabilityBoundingSet=$' "$UNITS/$UNIT"
	# those that the program knows, and the rest of the settings is read-only
	settings=$(sed -n 's/^ReadWritePaths=//p' "$UNITS/$UNIT" | tr ' ' '\n' | sed 's,^-/proc/sys/,,; s,/,.,' | sort)
	[ "$settings" = "$(sed -n 's/^\t\[POLICY_[A-Z_]*\] = "\(vm\.[a-z_]*\)",$/\1/p' userspace/policy_text.c | sort)" ]
	grep -q '^ReadOnlyPaths=/proc/sys ' "$UNITS/$UNIT"
	grep -q "ProtectSystem=strict" "$UNITS/$UNIT"
}

@test "the detector has no right to settings, and asks where the socket of the writer is" {
	for word in ProtectKernelTunables=yes User=faultline NoNewPrivileges=yes Wants=faultline-knob.socket After=faultline-knob.socket; do
		grep -q "^$word\$" "$UNITS/faultlined.service"
	done
	socket=$UNITS/faultline-knob.socket
	[ "$(sed -n 's/^ListenSequentialPacket=//p' "$socket")" = "$(sed -n 's/^Writer=//p' packaging/systemd/10-service.conf)" ]
	[ "$(sed -n 's/^SocketUser=//p' "$socket")" = "$(sed -n 's/^User=//p' "$UNITS/faultlined.service")" ]
	grep -q '^SocketMode=0600$' "$socket"
	grep -q '^Accept=yes$' "$socket"
}

caps() { grep -oE 'CAP_[A-Z_]+' | sort -u; }

@test "unit, daemon and manual name the same capabilities" {
	kept=$(sed -n '/keep\[\] = {/,/};/p' userspace/daemon_caps.c | caps)
	[ -n "$kept" ]
	[ "$(grep ^CapabilityBoundingSet= "$UNITS/faultlined.service" | caps)" = "$kept" ]
	[ "$(grep ^AmbientCapabilities= "$UNITS/faultlined.service" | caps)" = "$kept" ]
	[ "$(sed -n '/^What it keeps/,/^\.El/p' packaging/man/faultlined.8 | caps)" = "$kept" ]
}

@test "the service's configuration and user are right" {
	"$O/faultline" config check packaging/systemd/10-service.conf
	systemd-sysusers --dry-run "$PWD"/packaging/systemd/faultline.sysusers
	[ "$(sed -n 's/^Group=//p' packaging/systemd/10-service.conf)" = "$(sed -n 's/^u \([a-z]*\).*/\1/p' packaging/systemd/faultline.sysusers)" ]
	listens=$(sed -n 's/^Listen=unix://p' packaging/systemd/10-service.conf)
	grep -q "^ExecStart=.* $listens\$" "$UNITS/faultline-metrics.service"
}
