# SPDX-License-Identifier: GPL-2.0
"""The unit's filter of system calls, without a systemd to apply it.

calls UNIT             prints the system calls that its SystemCallFilter= lines leave
run CALLS COMMAND...   executes COMMAND with these alone; others fail with EPERM
"""
import ctypes
import os
import re
import struct
import subprocess
import sys

HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
AUDIT_ARCH_X86_64 = 0xC000003E
LD_ABS, JEQ, RET = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER, EPERM = 22, 38, 2, 1


def expand(name):
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
    members = [line.strip() for line in text.splitlines()[1:]]
    return set().union(*(expand(m) for m in members if m and not m.startswith("#")))


def calls(unit):
    left = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", open(unit).read(), re.M):
        names = set().union(*(expand(word) for word in words.lstrip("~").split()))
        left = left - names if words.startswith("~") else left | names
    print("\n".join(sorted(left)))


def run(path, *command):
    number = dict(re.findall(r"^#define __NR_(\w+) (\d+)$", open(HEADER).read(), re.M))
    allowed = [int(number[name]) for name in open(path).read().split() if name in number]
    code = [(LD_ABS, 0, 0, 4), (JEQ, 1, 0, AUDIT_ARCH_X86_64), (RET, 0, 0, ERRNO | EPERM), (LD_ABS, 0, 0, 0)]
    for n in allowed:
        code += [(JEQ, 0, 1, n), (RET, 0, 0, ALLOW)]
    code.append((RET, 0, 0, ERRNO | EPERM))
    text = b"".join(struct.pack("HBBI", *insn) for insn in code)
    buf = ctypes.create_string_buffer(text, len(text))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buf))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program, 0, 0) == 0, os.strerror(ctypes.get_errno())
    os.execv(command[0], command)


globals()[sys.argv[1]](*sys.argv[2:])
