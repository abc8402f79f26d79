#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How often is a file opened while a command runs?

	opens.py FILE COUNT COMMAND [ARG...]

Writes the number to the file COUNT; exit status: COMMAND's.
"""

import ctypes
import os
import struct
import subprocess
import sys

IN_CLOSE_NOWRITE, IN_OPEN = 0x10, 0x20  # <sys/inotify.h>; both, as equal ones in turn become one
HEADER = struct.Struct("iIII")


def check(result, what):
    if result < 0:
        sys.exit(f"opens.py: {what}: {os.strerror(ctypes.get_errno())}")
    return result


libc = ctypes.CDLL(None, use_errno=True)
fd = check(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify")
check(libc.inotify_add_watch(fd, os.fsencode(sys.argv[1]), IN_OPEN | IN_CLOSE_NOWRITE), sys.argv[1])
status = subprocess.run(sys.argv[3:], check=False).returncode
count = at = 0
try:
    events = os.read(fd, 1 << 20)
except BlockingIOError:
    events = b""
while at < len(events):
    _, mask, _, length = HEADER.unpack_from(events, at)
    count += mask & IN_OPEN != 0
    at += HEADER.size + length
with open(sys.argv[2], "w", encoding="ascii") as to:
    to.write(f"{count}\n")
sys.exit(status)
