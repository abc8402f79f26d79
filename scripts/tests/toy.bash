# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A toy source with a makefile of a few targets stands for Linux, in $toy; dpkg-query for
# the package that it is in, in $package. A series for it is in $FAULTLINE_PATCHES.

toy_setup() {
	toy=$BATS_TEST_TMPDIR/toy
	package=$BATS_TEST_TMPDIR/package
	export FAULTLINE_CACHE=$BATS_TEST_TMPDIR/cache FAULTLINE_NEED_MIB=1
	export FAULTLINE_PATCHES=$BATS_TEST_TMPDIR/patches
	mkdir -p "$toy/mm" "$package" "$FAULTLINE_PATCHES/6.1"
	make_toy
	pack
	tool dpkg-query "case \$* in
*md5sums) echo '$package/md5sums' ;;
*-L*) echo '$package/linux-source-6.1.tar.xz' ;;
*) cat '$package/version' ;;
esac"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

# tool NAME SCRIPT
tool() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$BATS_TEST_TMPDIR/bin/$1"
	chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# Configures what it is asked for (less $TOY_DROPS), compiles mm/*.c, and does
# $TOY_MEANWHILE before memory.c.
make_toy() {
	echo 'int main(void) { return 0; }' >"$toy/mm/memory.c"
	printf 'int spare;\n\n\n/* one */\n/* two */\n' >"$toy/mm/spare.c"
	printf 'config SWAP\n\tbool "swap"\n' >"$toy/Kconfig"
	cat >"$toy/Makefile" <<'MAKE'
objects := $(patsubst %.c,$(O)/%.o,$(wildcard mm/*.c))
allnoconfig:
	@grep -v "$${TOY_DROPS:-nothing}" $(KCONFIG_ALLCONFIG) >$(O)/.config
bzImage: $(O)/vmlinux
	@mkdir -p $(O)/arch/x86/boot $(O)/include/config
	@cp $< $(O)/arch/x86/boot/bzImage
	@nm $< >$(O)/System.map
	@echo 6.1.0$(LOCALVERSION) >$(O)/include/config/kernel.release
	@: >$(O)/modules.builtin; : >$(O)/modules.builtin.modinfo
$(O)/vmlinux: $(objects)
	@gcc -o $@ $^
$(O)/%.o: %.c
	@mkdir -p $(dir $@)
	@echo "  CC      $*.o"
	@$(if $(findstring memory,$@),$(TOY_MEANWHILE))
	@gcc -c -o $@ $<
	@echo $(if $(findstring memory,$@),$@,-) >$(dir $@).$(notdir $@).cmd
MAKE
}

# pack VERSION: the toy as a package
pack() {
	tar -C "$BATS_TEST_TMPDIR" -cJf "$package/linux-source-6.1.tar.xz" toy
	echo "$(md5sum <"$package/linux-source-6.1.tar.xz" | cut -d' ' -f1)  usr/src/linux-source-6.1.tar.xz" \
		>"$package/md5sums"
	printf '%s' "${1:-6.1.1-1}" >"$package/version"
}

# patch NAME FILE SED-SCRIPT: adds to the series what sed changes in a copy of FILE
patch() {
	local before=$BATS_TEST_TMPDIR/a/$2 after=$BATS_TEST_TMPDIR/b/$2
	mkdir -p "${before%/*}" "${after%/*}"
	[ -e "$after" ] && cp "$after" "$before" || cp "$toy/$2" "$before"
	sed "$3" "$before" >"$after"
	{
		printf 'From 0123456789 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nDate: Sat, 1 Jan 2022 00:00:00 +0000\n'
		printf 'Subject: [PATCH] %s\n\nWhy.\n\n---\n\ndiff --git a/%s b/%s\n' "$1" "$2" "$2"
		(cd "$BATS_TEST_TMPDIR" && diff -u "a/$2" "b/$2") || true
		printf -- '-- \n2.39\n\n'
	} >"$FAULTLINE_PATCHES/6.1/$1"
	echo "$1" >>"$FAULTLINE_PATCHES/6.1/series"
}
