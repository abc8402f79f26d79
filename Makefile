# SPDX-License-Identifier: GPL-2.0
# faultline: the only front door. `make help` lists the targets.
#
#   V=1        show every command
#   SAN=1      build with ASan and UBSan, into a folder of its own
#   CC=clang   another compiler
#   O=DIR      output folder (default: build, build-asan with SAN=1)

.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

O       ?= build$(if $(SAN),-asan)
CC      ?= gcc
CLANG   ?= clang-16
BPFTOOL ?= $(or $(wildcard /usr/sbin/bpftool),bpftool)
PREFIX  ?= /usr/local
MULTIARCH := $(shell gcc -print-multiarch)
VERSION := $(shell cat VERSION 2>/dev/null || echo 0.0.0)

Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s %s\n' $(1) $(2))

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS  ?= -O2 -g
CFLAGS  += -std=gnu11 $(WARN) $(if $(SAN),-fsanitize=address$(,)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS += -D_GNU_SOURCE -DFAULTLINE_VERSION='"$(VERSION)"' -I$(O)/bpf -Iuserspace
LDLIBS  := -lbpf -lelf -ldw -linih -ljansson -lmicrohttpd -lcap-ng -lm
, := ,

MAINS   := faultline faultlined
LIB_SRC := $(filter-out $(MAINS:%=userspace/%.c),$(wildcard userspace/*.c))
LIB_OBJ := $(LIB_SRC:userspace/%.c=$(O)/%.o)
BPF_SRC := $(wildcard bpf/*.bpf.c)
SKEL    := $(BPF_SRC:bpf/%.bpf.c=$(O)/bpf/%.skel.h)
TESTS   := $(patsubst userspace/tests/%.c,$(O)/tests/%,$(wildcard userspace/tests/test_*.c))

.PHONY: all tests clean
all: $(MAINS:%=$(O)/%)
tests: $(TESTS)

$(O) $(O)/bpf $(O)/tests:
	$(Q)mkdir -p $@

# --- BPF: compiled once, runs on every kernel (CO-RE)
$(O)/bpf/%.bpf.o: bpf/%.bpf.c | $(O)/bpf
	$(call say,BPF,$<)
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -Wall -Werror -MMD -MP -Ibpf -idirafter /usr/include/$(MULTIARCH) -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && sed -i 's,$@.tmp,$@,' $(@:.o=.o.d) 2>/dev/null; rm -f $@.tmp

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

$(O)/tests/%: userspace/tests/%.c $(O)/libfaultline.a | $(O)/tests
	$(call say,TEST,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP $(LDFLAGS) $^ -lcmocka $(LDLIBS) -o $@

clean:
	$(Q)rm -rf build build-asan

-include $(wildcard $(O)/*.d $(O)/bpf/*.d $(O)/tests/*.d)
