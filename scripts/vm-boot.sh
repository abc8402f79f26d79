# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154,SC2054,SC2094
#
# The machine of scripts/vm: what the guest boots from, what it sees of the host,
# and QEMU. start_guest() leaves the guest's words on descriptor $words and its
# console in $work/console; stop_guest() leaves nothing behind.

VIRTIOFSD=${VIRTIOFSD:-/usr/lib/qemu/virtiofsd}
STOP_S=3
pids=()

# Sets image and release, modules (a folder or nothing) and transport of a kernel:
# Debian's have boot/ and lib/modules/, built ones have vmlinuz and all built in.
find_kernel() {
	local image_of=("$dir"/boot/vmlinuz-*) module_of=("$dir"/lib/modules/*)
	image=$dir/vmlinuz modules='' release=''
	[ -f "$image" ] || image=${image_of[0]}
	[ -f "$image" ] || die "$dir has no kernel: neither vmlinuz nor boot/vmlinuz-*"
	if [ -d "${module_of[0]}" ]; then
		modules=${module_of[0]}
		release=$(basename "$modules")
	fi
	transport=virtiofs
	if grep -qsw p9_virtio_probe "$dir/System.map" || drivers -a 9p 9pnet_virtio >/dev/null 2>&1; then
		transport=9p
	fi
}

# The files of modules, and of those that they need, in the order of loading.
drivers() {
	[ -z "$modules" ] || modprobe -d "$dir" -S "$release" --show-depends "$@" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
}

copy_modules() {
	local to=$1 module name names=("$transport" overlay virtio_pci virtio_console virtio_rng)
	[ "$transport" != 9p ] || names+=(9pnet_virtio)
	[ -z "$scratch$swap" ] || names+=(virtio_blk ext4)
	: >"$to/order"
	while read -r module; do
		name=$(basename "${module%.xz}")
		[ ! -e "$to/$name" ] || continue
		case $module in
		*.xz) xz -dc "$module" >"$to/$name" ;;
		*)    cp "$module" "$to/$name" ;;
		esac
		echo "$name" >>"$to/order"
	done < <(drivers -a "${names[@]}")
}

# What the guest starts from: busybox, modules that the root needs, settings, the command.
make_initramfs() {
	local root=$work/initramfs
	mkdir -p "$root/bin" "$root/modules"
	cp "$(command -v busybox)" "$root/bin/busybox"
	install -m 755 "$here/vm-init" "$root/init"
	install -m 755 "$here/vm-service" "$root/vm-service"
	copy_modules "$root/modules"
	printf '%s=%q\n' transport "$transport" release "$release" modules "$modules" init "$init" \
		results "$results" last_words "$LAST_WORDS" >"$root/settings"
	{
		printf 'export %s=%q\n' PATH "$PATH" HOME "${HOME:-/root}" LANG C.UTF-8 \
			XDG_CACHE_HOME "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}" \
			FAULTLINE_KERNEL "${kernel:-$release}" FAULTLINE_RESULTS "$results"
		printf 'cd %q\n' "$PWD"
		printf 'exec '; printf '%q ' "${command[@]}"; echo
	} >"$root/command"
	(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs.cpio"
}

# Everything that all attempts share.
prepare_guest() {
	local tool tools=(qemu-system-x86_64 busybox modprobe setpriv mkfs.ext4)
	[ "$(id -u)" = 0 ] || die "root is needed to serve this machine's files to the guest"
	[ -n "$dir" ] || dir=$("$here/kernels" "$kernel") || die "no kernel $kernel"
	find_kernel
	[ "$transport" = 9p ] || tools+=("$VIRTIOFSD")
	for tool in "${tools[@]}"; do
		command -v "$tool" >/dev/null || die "$tool is missing: run 'make deps'"
	done
	results=$(mkdir -p "${results:-$work/results}" && cd "${results:-$work/results}" && pwd) ||
		die "no folder for results"
	make_initramfs || die "the initramfs cannot be written: is ${TMPDIR:-/tmp} full?"
	if [ "$accel" = auto ]; then
		accel=tcg
		[ ${#plugins[@]} -gt 0 ] || [ "$("$here/vm-kvm" "$image")" != yes ] || accel=kvm
	fi
	[ "$accel" = kvm ] || "${CC:-cc}" -O2 -shared -fPIC "$here/vm-int3.c" -o "$work/int3.so" ||
		die "scripts/vm-int3.c does not compile: is there a C compiler?"
}

# share TAG PATH: serve PATH to the guest over virtiofs until the guest is gone.
share() {
	local tag=$1 path=$2 socket=$work/$1.sock
	# shellcheck disable=SC2016  # the inner shell expands these
	local read_only='mount --bind / "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
	local serve=("$VIRTIOFSD" --socket-path="$socket" -o "source=$path,sandbox=chroot,log_level=err,cache=auto")
	if [ "$path" = / ]; then
		mkdir -p "$work/$tag"
		serve=(unshare --mount sh -c "$read_only" sh "$work/$tag" "$VIRTIOFSD" --socket-path="$socket"
			-o "source=$work/$tag,sandbox=chroot,log_level=err,cache=always")
	fi
	rm -f "$socket"
	setpriv --pdeathsig KILL "${serve[@]}" >>"$work/share.log" 2>&1 &
	pids+=($!)
	for _ in $(seq 200); do [ ! -S "$socket" ] || return 0; sleep 0.05; done
	die "virtiofsd does not start: $(tail -n 1 "$work/share.log")"
}

# disk NAME SIZE FORMAT...: an empty disk that the guest knows by its serial number.
disk() {
	local name=$1 size=$2
	shift 2
	rm -f "$work/$name.img"
	truncate -s "$size" "$work/$name.img"
	"$@" "$work/$name.img" >"$work/error" 2>&1 || die "no $name disk: $(tail -n 1 "$work/error")"
	machine+=(-drive "if=none,id=$name,file=$work/$name.img,format=raw,cache=unsafe"
		-device "virtio-blk-pci,drive=$name,serial=$name")
}

# Fills $machine, QEMU's arguments.
describe_machine() {
	local plugin tag path
	# no_timer_check: ten ticks in a busy loop is more than a loaded host gives an emulated timer.
	local line="no_timer_check console=ttyS0 ignore_loglevel printk.devkmsg=on panic=-1 oops=panic mitigations=off nokaslr"
	# tsc=reliable: QEMU has one TSC for all vCPUs, but does not say so; without it a guest's clock is
	# the HPET, a device that is asked at each reading, and its scheduler's is as coarse as a tick.
	[ "$accel" = kvm ] || line+=" tsc=reliable"
	machine=(-smp "$cpus" -m "$memory" -nodefaults -no-user-config -no-reboot -display none
		-kernel "$image" -initrd "$work/initramfs.cpio" -append "$line ${append[*]}"
		-serial "file:$work/console" -device virtio-serial-pci -device virtio-rng-pci
		-chardev file,id=verdict,path=/dev/fd/3 -device virtserialport,chardev=verdict,name=verdict
		-chardev file,id=output,path=/dev/fd/4 -device virtserialport,chardev=output,name=output)
	if [ "$accel" = kvm ]; then
		machine+=(-accel kvm -cpu host)
	else
		machine+=(-accel tcg,thread=multi -cpu max,-la57 -plugin "$work/int3.so")
	fi
	for plugin in "${plugins[@]}"; do machine+=(-plugin "$plugin"); done
	if [ "$transport" = 9p ]; then
		machine+=(-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap
			-device virtio-9p-pci,fsdev=root,mount_tag=root
			-fsdev "local,id=results,path=$results,security_model=none,multidevs=remap"
			-device virtio-9p-pci,fsdev=results,mount_tag=results)
	else
		machine+=(-object memory-backend-memfd,id=ram,size="${memory}M",share=on -numa node,memdev=ram)
		for tag in root results; do
			path=/
			[ $tag = root ] || path=$results
			share $tag "$path"
			machine+=(-chardev "socket,id=$tag,path=$work/$tag.sock"
				-device "vhost-user-fs-pci,chardev=$tag,tag=$tag")
		done
	fi
	[ -z "$scratch" ] || disk scratch "$scratch" mkfs.ext4 -q -F -E lazy_itable_init=1,nodiscard
	[ -z "$swap" ] || disk swap "$swap" mkswap
}

# Its words and its output come through pipes, which end when QEMU does.
start_guest() {
	local pipe out
	: >"$work/console"
	describe_machine
	rm -f "$work/words" "$work/output"
	mkfifo "$work/words" "$work/output" || die "no room for temporary files"
	exec {pipe}<>"$work/words" {out}<>"$work/output" {words}<"$work/words"
	cat <"$work/output" {pipe}>&- {out}>&- {words}<&- &
	reader=$!
	setpriv --pdeathsig KILL qemu-system-x86_64 "${machine[@]}" </dev/null >"$work/qemu.log" 2>&1 \
		3>"$work/words" 4>"$work/output" {pipe}>&- {out}>&- {words}<&- &
	pids+=($!)
	exec {pipe}>&- {out}>&-
}

alive() {
	local pid
	for pid in "${pids[@]}"; do ! kill -0 "$pid" 2>/dev/null || return 0; done
	return 1
}

# A QEMU that hangs does not always listen to a polite signal.
stop_guest() {
	local end=$((SECONDS + STOP_S))
	[ ${#pids[@]} -gt 0 ] || return 0
	kill "${pids[@]}" 2>/dev/null || true
	while alive && [ $SECONDS -lt $end ]; do sleep 0.05; done
	kill -KILL "${pids[@]}" 2>/dev/null || true
	wait "${pids[@]}" "$reader" 2>/dev/null || true
	pids=()
	exec {words}<&-
}
