#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# Does scripts/kernels fetch Debian's kernel once, and say what is wrong when it
# cannot? apt's tools are stand-ins that know one small package.

bats_require_minimum_version 1.5.0

setup() {
	kernels=$BATS_TEST_DIRNAME/../kernels
	export FAULTLINE_CACHE=$BATS_TEST_TMPDIR/cache FAULTLINE_APT_LISTS=$BATS_TEST_TMPDIR/lists
	mkdir -p "$BATS_TEST_TMPDIR"/{lists,bin,deb/DEBIAN,deb/boot,deb/lib/modules/6.1.0-9}
	touch -d @0 "$BATS_TEST_TMPDIR/lists"
	echo image >"$BATS_TEST_TMPDIR/deb/boot/vmlinuz-6.1.0-9"
	printf 'Package: linux-image-6.1.0-9\nVersion: 6.1.9-1\nArchitecture: all\nMaintainer: a\nDescription: a\n' \
		>"$BATS_TEST_TMPDIR/deb/DEBIAN/control"
	dpkg-deb --root-owner-group --build "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/package.deb" >/dev/null
	tool apt-cache "echo \"\$1\" >>'$BATS_TEST_TMPDIR/asked'
case \$1 in
depends) echo '  Depends: linux-image-6.1.0-9' ;;
show) echo 'Version: 6.1.9-1' ;;
esac"
	tool apt-get "echo x >>'$BATS_TEST_TMPDIR/fetched'; cp '$BATS_TEST_TMPDIR/package.deb' ."
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

tool() {
	printf '#!/bin/sh\n%s\n' "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

times() { wc -l <"$BATS_TEST_TMPDIR/$1"; }

@test "it is fetched once, and apt asked once" {
	run --separate-stderr "$kernels" 6.1
	[ "$status" -eq 0 ]
	[ "$(cat "$output/boot/vmlinuz-6.1.0-9")" = image ]
	[ "$("$kernels" 6.1)" = "$output" ]
	[ "$(times fetched)" -eq 1 ]
	[ "$(times asked)" -eq 2 ]
}

@test "apt is asked again when its lists have changed" {
	first=$("$kernels" 6.1 2>/dev/null)
	touch -d 'now + 1 hour' "$BATS_TEST_TMPDIR/lists"
	tool apt-cache 'case $1 in
depends) echo "  Depends: linux-image-6.1.0-9" ;;
show) echo "Version: 6.1.10-1" ;;
esac'
	second=$("$kernels" 6.1 2>/dev/null)
	[[ $first == */linux-image-6.1.0-9_6.1.9-1 && $second == */linux-image-6.1.0-9_6.1.10-1 ]]
}

@test "a damaged kernel is fetched again" {
	dir=$("$kernels" 6.1 2>/dev/null)
	echo >>"$dir/boot/vmlinuz-6.1.0-9"
	run --separate-stderr "$kernels" 6.1
	[ "$status" -eq 0 ]
	[[ $stderr == *"is damaged, fetching it again"* ]]
	[ "$(cat "$dir/boot/vmlinuz-6.1.0-9")" = image ]
}

@test "without a network there is one clear line, and nothing half fetched" {
	tool apt-get 'exit 100'
	run "$kernels" 6.1
	[ "$status" -eq 3 ]
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[1]} == *"cannot download linux-image-6.1.0-9: no network"* ]]
	[ -z "$(find "$FAULTLINE_CACHE/kernels" -mindepth 1 -type d)" ]
}

@test "without apt's lists the kernel of last time is good" {
	dir=$("$kernels" 6.1 2>/dev/null)
	touch -d 'now + 1 hour' "$BATS_TEST_TMPDIR/lists"
	tool apt-cache 'exit 100'
	[ "$("$kernels" 6.1)" = "$dir" ]
	rm -r "$dir"
	run "$kernels" 6.1
	[ "$status" -eq 3 ]
	[[ $output == *"apt does not know linux-image-cloud-amd64: run 'apt-get update'"* ]]
}
