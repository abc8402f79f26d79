#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How long does a command take, not counting that it waits for a CPU?

    took.py LIMIT_S COMMAND...

Ends with the command's status, or 137 if it had to be killed after LIMIT_S. Its
last line on file descriptor 3: the milliseconds from start to end, less those in
which it could run and others did. A wait for a lock is no such time.
"""
import os
import subprocess
import sys
import threading
import time


def main():
    begin = time.monotonic()
    child = subprocess.Popen(sys.argv[2:])
    killer = threading.Timer(float(sys.argv[1]), child.kill)
    killer.start()
    # It stays a zombie until its clock has been read.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    took_ns = (time.monotonic() - begin) * 1e9
    with open(f"/proc/{child.pid}/schedstat", encoding="ascii") as file:
        waited_ns = int(file.read().split()[1])
    killer.cancel()
    status = child.wait()
    with open(3, "w", encoding="ascii") as file:
        print(int((took_ns - waited_ns) / 1e6), file=file)
    return status if status >= 0 else 128 - status


sys.exit(main())
