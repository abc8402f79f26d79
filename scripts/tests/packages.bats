#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The Debian packages: built, without a fault, and installed, upgraded, removed
# and purged in a root that has nothing but apt; the RPM packages, built. Needs root. What systemd does with
# them is the matter of systemd.bats. O names the build; default: build.

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	export O=${O:-$PWD/build}
	make -s --no-print-directory O="$O" deb
	[ "$(id -u)" = 0 ] || return 0
	CLEAN=$(scripts/clean-root "$O"/deb/faultline_*.deb)
	export CLEAN
	mkdir -p "$BATS_FILE_TMPDIR"/{upper/debs,work,root}
	files >"$BATS_FILE_TMPDIR/before"
	cp "$O"/deb/faultline_*.deb "$BATS_FILE_TMPDIR/upper/debs/this.deb"
	newer "$BATS_FILE_TMPDIR/upper/debs"
}

# The same package with a later version.
newer() {
	dpkg-deb -R "$1/this.deb" "$BATS_FILE_TMPDIR/next"
	sed -i 's/^Version: .*/&+next/' "$BATS_FILE_TMPDIR/next/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$BATS_FILE_TMPDIR/next" "$1/next.deb" >/dev/null
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	case $BATS_TEST_DESCRIPTION in
	*root:*) [ "$(id -u)" = 0 ] || skip "chroot needs root" ;;
	esac
}

# A failure of "! command" ends no test, one of this does.
fails() { ! "$@"; }

# in_root COMMAND...: there, on top of what earlier calls left.
in_root() {
	# shellcheck disable=SC2016  # the inner shell expands these
	unshare --mount sh -ec 'mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
		mount -t proc proc "$2/root/proc"
		root=$2/root; shift 2
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"' \
		sh "$CLEAN" "$BATS_FILE_TMPDIR" "$@" 3>&-
}
installs() { in_root apt-get -qq -y --no-install-recommends install "/debs/$1.deb"; }
version() { in_root dpkg-query -W -f '${db:Status-Abbrev} ${Version}' faultline; }
# What is there, but for what any installation leaves.
files() {
	in_root find / -xdev -path /proc -prune -o -path /debs -prune -o -path '/var/lib/dpkg/*' -prune -o \
		-path '/var/cache/*' -prune -o -path '/var/log/*' -prune -o -path '/tmp/*' -prune -o -print | sort
}

@test "lintian finds nothing" {
	lintian --allow-root --pedantic --fail-on error,warning,pedantic "$O"/deb/*.changes
}

@test "the version is that of the source" {
	[ "$(dpkg-deb -f "$O"/deb/faultline_*.deb Version)" = "$(cat VERSION)" ]
}

@test "clean root: it installs with what it depends on, and runs" {
	installs this
	[ "$(in_root faultline version)" = "faultline $(cat VERSION)" ]
	in_root faultlined --check | grep -qx 'Group=faultline'
	in_root faultline config check
	in_root getent passwd faultline | grep -q ':/usr/sbin/nologin$'
	in_root test -L /etc/systemd/system/multi-user.target.wants/faultlined.service
	fails in_root test -e /etc/systemd/system/sockets.target.wants/faultline-metrics.socket
	# loaded at run time, so that no library dependency names it
	in_root ldconfig -p | grep -q "$(sed -n 's/^#define LIBRARY "\(.*\)".*/\1/p' userspace/http_lib.c)"
}

@test "clean root: an upgrade keeps what the operator changed, and records" {
	in_root sh -c 'echo "[measure]
EventMin=2ms" >/etc/faultline/faultline.conf
		mkdir -p /var/lib/faultline/incidents && echo {} >/var/lib/faultline/incidents/record
		systemctl disable faultlined.service'
	in_root apt-get -qq -y -o Dpkg::Options::=--force-confdef install /debs/next.deb
	[ "$(version)" = "ii  $(cat VERSION)+next" ]
	in_root faultlined --check | grep -qx EventMin=2ms
	in_root test -e /var/lib/faultline/incidents/record
	fails in_root test -e /etc/systemd/system/multi-user.target.wants/faultlined.service
}

@test "clean root: removal keeps configuration and records, purge nothing" {
	in_root apt-get -qq -y remove faultline
	in_root test -e /etc/faultline/faultline.conf
	in_root test -e /var/lib/faultline/incidents/record
	fails in_root test -e /usr/sbin/faultlined
	in_root apt-get -qq -y purge faultline
	in_root apt-get -qq -y --purge autoremove
	files >"$BATS_FILE_TMPDIR/after"
	comm -13 "$BATS_FILE_TMPDIR/before" "$BATS_FILE_TMPDIR/after" >"$BATS_FILE_TMPDIR/left"
	cat "$BATS_FILE_TMPDIR/left"
	fails grep faultline "$BATS_FILE_TMPDIR/left"
}

# Paths of a package, without documents; man pages without their compression.
deb_files() { dpkg-deb -c "$1" | awk '!/^d/ { print $6 }' | sed 's,^\.,,'; }
same_files() {
	sed 's/\.gz$//; s,^/lib/systemd,/usr/lib/systemd,; s/vendor-completions/site-functions/' | grep -v /usr/share/doc/ |
		grep -v /usr/share/licenses/ | sort
}

@test "the RPM packages have the same files" {
	make -s --no-print-directory O="$O" rpm
	for package in faultline faultline-kernel-patches; do
		deb_files "$O/deb/${package}_"*.deb | same_files >"$BATS_TEST_TMPDIR/deb"
		rpm -qp --queryformat '[%{FILEMODES:perms} %{FILENAMES}\n]' "$O"/rpm/RPMS/*/"$package-$(cat VERSION)"*.rpm |
			awk '/^[-l]/ { print $2 }' | same_files >"$BATS_TEST_TMPDIR/rpm"
		diff "$BATS_TEST_TMPDIR/deb" "$BATS_TEST_TMPDIR/rpm"
	done
}

@test "the package of kernel patches prepares a kernel" {
	dpkg-deb -x "$O"/deb/faultline-kernel-patches_*.deb "$BATS_TEST_TMPDIR"
	export FAULTLINE_PATCHES=$BATS_TEST_TMPDIR/usr/share/faultline/kernel-patches/6.1
	diff -r -x '.*' "$FAULTLINE_PATCHES" kernel-patches/6.1
	config=$(echo "$(scripts/kernels 6.1)"/boot/config-*)
	"$BATS_TEST_TMPDIR/usr/sbin/faultline-build-kernel" --prepare --config "$config" --dir "$BATS_TEST_TMPDIR/linux"
	grep -qx CONFIG_SPF_REVALIDATE=y "$BATS_TEST_TMPDIR/linux/.config"
	# and of the configuration nothing else that it knew was lost
	[ "$(grep -c '=[ym]$' "$BATS_TEST_TMPDIR/linux/.config")" -ge "$(grep -c '=[ym]$' "$config")" ]
}

# builds CODE TEXT OPTION...: ends with it and says so in one line
builds() {
	local code=0
	packaging/faultline-build-kernel "${@:3}" 2>"$BATS_TEST_TMPDIR/said" || code=$?
	cat "$BATS_TEST_TMPDIR/said"
	[ $code = "$1" ]
	[ "$(grep -c -- "$2" "$BATS_TEST_TMPDIR/said")" = 1 ]
}

@test "what a kernel cannot be built with is said" {
	cd "$BATS_TEST_DIRNAME/../.."
	builds 2 "unexpected '--nonsense'" --nonsense
	builds 2 "'x' is no number" --jobs x
	export FAULTLINE_PATCHES=$BATS_TEST_TMPDIR/none
	builds 3 "there is no $BATS_TEST_TMPDIR/none/series"
	export FAULTLINE_PATCHES=$PWD/kernel-patches/6.1
	builds 3 "$BATS_TEST_TMPDIR/config cannot be read" --config "$BATS_TEST_TMPDIR/config"
	echo >"$BATS_TEST_TMPDIR/config"
	builds 1 'is there already' --config "$BATS_TEST_TMPDIR/config" --dir "$BATS_TEST_TMPDIR"
	mkdir -p "$BATS_TEST_TMPDIR/linux-source-6.1"
	tar -C "$BATS_TEST_TMPDIR" -cJf "$BATS_TEST_TMPDIR/linux.tar.xz" linux-source-6.1
	export FAULTLINE_TARBALL=$BATS_TEST_TMPDIR/linux.tar.xz
	builds 4 '^faultline-build-kernel: 0001-.* does not apply' --config "$BATS_TEST_TMPDIR/config" --dir "$BATS_TEST_TMPDIR/linux"
	grep -q 'is another version' "$BATS_TEST_TMPDIR/said"
}
