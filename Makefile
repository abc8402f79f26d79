# SPDX-License-Identifier: GPL-2.0
# faultline: the only front door. `make help` lists the targets.
#
#   V=1        show every command
#   SAN=1      build with ASan and UBSan, into a folder of its own
#   CC=clang   another compiler
#   O=DIR      output folder (default: build, build-asan with SAN=1)

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all

O       ?= build$(if $(SAN),-asan)
# One name for one folder: the rules of earlier builds (*.d) call it by the one it had then.
override O := $(if $(filter /%,$(O)),$(patsubst $(CURDIR)/%,%,$(abspath $(O))),$(O))
CC      ?= gcc
CLANG   ?= clang-16
BPFTOOL ?= $(or $(wildcard /usr/sbin/bpftool),bpftool)
PREFIX  ?= /usr/local
SYSCONFDIR ?= /etc
MANDIR  ?= $(PREFIX)/share/man
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR  ?= $(PREFIX)/share/zsh/$(if $(PREFIX:/usr=),site-functions,vendor-completions)
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
# The programs read no other places than /etc, /run and /usr/lib.
CONFDIR ?= $(if $(PREFIX:/usr=),$(SYSCONFDIR),$(PREFIX)/lib)/faultline/faultline.conf.d
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
VERSION := $(shell cat VERSION 2>/dev/null || echo 0.0.0)

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s %s\n' $(1) $(2))

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS  ?= -O2 -g
CFLAGS  += -std=gnu11 $(WARN) $(if $(SAN),-fsanitize=address$(,)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS += -D_GNU_SOURCE -DFAULTLINE_VERSION='"$(VERSION)"' -I$(O)/bpf -Iuserspace
LDLIBS  := -lbpf -lelf -ldw -lz -linih -ljansson -lcap-ng -lm
, := ,

MAINS   := faultline faultlined faultline-knob
LIB_SRC := $(filter-out $(MAINS:%=userspace/%.c),$(wildcard userspace/*.c))
LIB_OBJ := $(LIB_SRC:userspace/%.c=$(O)/%.o)
BPF_SRC := $(wildcard bpf/*.bpf.c)
SKEL    := $(BPF_SRC:bpf/%.bpf.c=$(O)/bpf/%.skel.h)
TESTS   := $(patsubst userspace/tests/%.c,$(O)/tests/%,$(wildcard userspace/tests/test_*.c))
FUZZERS := $(patsubst userspace/tests/%.c,$(O)/fuzz/%,$(wildcard userspace/tests/fuzz_*.c))
GENERATOR_SRC := $(wildcard userspace/tests/contend*.c)
TOOLS   := $(if $(GENERATOR_SRC),$(O)/tests/contend) $(O)/tests/faults $(O)/tests/known $(O)/tests/churn \
	   $(patsubst userspace/tests/%.c,$(O)/tests/%,$(wildcard userspace/tests/meter.c userspace/tests/sample_*.c userspace/tests/bench_*.c))

.PHONY: print-cppflags all tests plugin fuzz deps demo demo-live check lint bench install deb rpm clean help
all: $(MAINS:%=$(O)/%)		## faultline, faultlined and faultline-knob
tests: $(TESTS) $(TOOLS)	## build the unit tests, the contention generator and the benches
fuzz: $(FUZZERS)		## build the fuzzers

deps:		## install what is needed (apt, as root)
	$(Q)scripts/deps
demo: deps	## the closed loop on the patched kernel, in a guest; then demo-live (as root)
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)O=$(O) scripts/demo
	$(Q)O=$(O) scripts/demo-live
demo-live: deps	## watch three kinds of contention on this kernel (as root)
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)O=$(O) scripts/demo-live
check: deps	## run every test, here and on other kernels (as root)
	$(Q)O=$(O) scripts/check
lint:		## static checks
	$(Q)scripts/lint
bench: deps	## page faults on stock 6.1 against 6.12, and the detector's own cost (as root)
	$(Q)$(MAKE) --no-print-directory all tests
	$(Q)O=$(O) scripts/bench
help:		## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1	\2/p' Makefile | expand -t 18

$(O) $(O)/bpf $(O)/tests $(O)/fuzz:
	$(Q)mkdir -p $@

# --- BPF: compiled once, runs on every kernel (CO-RE)
$(O)/bpf/%.bpf.o: bpf/%.bpf.c | $(O)/bpf
	$(call say,BPF,$<)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Werror -MMD -MP -MF $(@:.o=.d) -MT $@ -Ibpf -idirafter /usr/include/$(MULTIARCH) -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp
	$(Q)rm -f $@.tmp

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# --- userspace
$(O)/%.o: userspace/%.c | $(O) $(SKEL)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(O)/libfaultline.a: $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(MAINS:%=$(O)/%): $(O)/%: $(O)/%.o $(O)/libfaultline.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(O)/tests/contend: $(GENERATOR_SRC) | $(O)/tests
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -pthread $(LDFLAGS) $(filter %.c,$^) -o $@
$(O)/tests/contend: $(wildcard userspace/tests/contend*.h)

# The fault generator; -lm only: it runs in guests.
FAULTS_SRC := $(wildcard userspace/tests/faults*.c)
$(O)/tests/faults: $(FAULTS_SRC) $(wildcard userspace/tests/faults*.h) userspace/tests/marker.h | $(O)/tests
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -pthread $(LDFLAGS) $(filter %.c,$^) -lm -o $@
# Threads and markers, nothing of the library.
$(O)/tests/known $(O)/tests/churn: $(O)/tests/%: userspace/tests/%.c userspace/tests/marker.h | $(O)/tests
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -pthread $(LDFLAGS) $(filter %.c,$^) -o $@
$(O)/tests/test_knob_wire: | $(O)/faultline-knob
$(O)/tests/test_faults_hist: userspace/tests/faults_hist.c

$(O)/tests/%: userspace/tests/%.c $(O)/libfaultline.a | $(O)/tests
	$(call say,TEST,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) $(filter %.c %.a,$^) -lcmocka $(LDLIBS) -o $@

# --- the model, a plugin of QEMU: one object out of all its files
MODEL_SRC := $(wildcard scripts/model*.c)
plugin: $(O)/model.so		## build the coherence model
$(O)/model.so: $(MODEL_SRC) $(wildcard scripts/model*.h) userspace/tests/marker.h | $(O)
	$(call say,PLUGIN,$@)
	$(Q)$(CC) $(CFLAGS) -D_GNU_SOURCE -fvisibility=hidden -shared -fPIC $(MODEL_SRC) -lbpf -o $@.tmp.$$$$ && mv $@.tmp.$$$$ $@

# Fuzzers compile the library again: every object must report its coverage.
FUZZ_FLAGS := -g -O1 -fsanitize=address$(,)undefined -fno-sanitize-recover=all
FUZZ_OBJ   := $(LIB_SRC:userspace/%.c=$(O)/fuzz/%.o)
$(O)/fuzz/%.o: userspace/%.c | $(O)/fuzz $(SKEL)
	$(call say,FUZZCC,$<)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 $(WARN) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
$(O)/fuzz/libfaultline.a: $(FUZZ_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(O)/fuzz/fuzz_%: userspace/tests/fuzz_%.c $(O)/fuzz/libfaultline.a | $(O)/fuzz
	$(call say,FUZZ,$<)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 $(WARN) $(FUZZ_FLAGS) -fsanitize=fuzzer -MMD -MP $(filter %.c %.a,$^) $(LDLIBS) -o $@

DOCDIR  := $(DESTDIR)$(PREFIX)/share/doc/faultline
CONF    := $(DESTDIR)$(SYSCONFDIR)/faultline/faultline.conf
install: all	## install below $(DESTDIR)$(PREFIX), configuration in /etc
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)install -D -m 755 $(O)/faultline $(DESTDIR)$(PREFIX)/bin/faultline
	$(Q)install -D -m 755 $(O)/faultlined $(DESTDIR)$(PREFIX)/sbin/faultlined
	$(Q)install -D -m 755 $(O)/faultline-knob $(DESTDIR)$(PREFIX)/sbin/faultline-knob
	$(Q)sed 's,/usr/share/faultline,$(PREFIX)/share/faultline,' packaging/faultline-build-kernel | \
		install -D -m 755 /dev/stdin $(DESTDIR)$(PREFIX)/sbin/faultline-build-kernel
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/faultline/kernel-patches/6.1 kernel-patches/6.1/*
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/faultline/prometheus packaging/prometheus/*
	$(Q)install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/faultline/grafana packaging/grafana/*
	$(Q)install -D -m 644 -t $(DOCDIR) README.md LICENSE packaging/diagnoses.md
	$(Q)for page in packaging/man/*; do install -D -m 644 -t $(DESTDIR)$(MANDIR)/man$${page##*.} $$page; done
	$(Q)install -D -m 644 packaging/completions/faultline.bash $(DESTDIR)$(BASHDIR)/faultline
	$(Q)ln -sf faultline $(DESTDIR)$(BASHDIR)/faultlined
	$(Q)install -D -m 644 -t $(DESTDIR)$(ZSHDIR) packaging/completions/_faultline
	$(Q)install -d $(DESTDIR)$(UNITDIR)
	$(Q)for unit in packaging/systemd/*.service packaging/systemd/*.socket; do \
		sed 's,=/usr/\(s\?bin\)/faultline,=$(PREFIX)/\1/faultline,' $$unit >$(DESTDIR)$(UNITDIR)/$${unit##*/}; done
	$(Q)install -D -m 644 packaging/systemd/faultline.sysusers $(DESTDIR)$(SYSUSERSDIR)/faultline.conf
	$(Q)install -d $(DESTDIR)$(SYSCONFDIR)/faultline/faultline.conf.d
	$(Q)install -D -m 644 -t $(DESTDIR)$(CONFDIR) packaging/systemd/10-service.conf
	$(Q)if [ -e $(CONF) ]; then echo '  KEPT     $(CONF)'; else install -D -m 644 userspace/faultline.conf $(CONF); fi

# A copy of what git knows of (of all but the output, without git), debian/ at its top.
DEBDIR := $(O)/deb/faultline-$(VERSION)
deb:		## Debian packages, in $(O)/deb
	$(call say,DEB,$(O)/deb)
	$(Q)rm -rf $(O)/deb && mkdir -p $(DEBDIR)
	$(Q){ git ls-files -z 2>/dev/null || find . -path ./build\* -prune -o -type f -print0; } | \
		xargs -0 cp --parents -t $(DEBDIR) && cp -r packaging/debian $(DEBDIR)
	$(Q)cd $(DEBDIR) && env -u MAKEFLAGS -u MAKELEVEL -u O dpkg-buildpackage -b -us -uc >../log 2>&1 || { tail -n 20 ../log; exit 1; }
	$(Q)ls $(O)/deb/*.deb

# --nodeps: Debian's rpm knows of no package that Debian has installed.
rpm: all		## RPM packages, in $(O)/rpm
	$(call say,RPM,$(O)/rpm)
	$(Q)rm -rf $(O)/rpm && mkdir -p $(O)/rpm
	$(Q)rpmbuild -bb --nodeps --build-in-place --define '_topdir $(abspath $(O)/rpm)' --define 'faultline_version $(VERSION)' \
		--define 'faultline_make O=$(abspath $(O))' packaging/rpm/faultline.spec >$(O)/rpm/log 2>&1 || { tail -n 20 $(O)/rpm/log; exit 1; }
	$(Q)find $(O)/rpm/RPMS -name '*.rpm'

print-cppflags: $(SKEL)
	@echo $(CPPFLAGS)

clean:		## remove the output folders
	$(Q)rm -rf build build-asan

-include $(wildcard $(O)/*.d $(O)/bpf/*.d $(O)/tests/*.d $(O)/fuzz/*.d)
