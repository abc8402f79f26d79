# SPDX-License-Identifier: GPL-2.0
"""On what, and with what, was this measured? Everything a reader needs to judge a
figure, or to take it again: machine, versions, checksums, commands.
"""

import hashlib
import os
import platform
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def first_line(*command):
    try:
        said = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.splitlines()[0] if said else ""


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def field(path, name):
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return None


def machine():
    return {"kernel": platform.release(), "cpus": len(os.sched_getaffinity(0)),
            "cpu": field("/proc/cpuinfo", "model name"),
            "memory": field("/proc/meminfo", "MemTotal"),
            "load_at_start": Path("/proc/loadavg").read_text().split()[:3]}


def versions():
    return {"faultline": (TOP / "VERSION").read_text().strip(),
            "commit": first_line("git", "rev-parse", "HEAD"),
            "changed_files": first_line("git", "status", "--porcelain", "-uno") not in (None, ""),
            "qemu": first_line("qemu-system-x86_64", "--version"),
            "compiler": first_line("gcc", "--version"),
            "gnuplot": first_line("gnuplot", "--version")}


def kernel(folder):
    """What boots, by its checksum; built ones have it at the top, Debian's in boot/."""
    folder = Path(folder)
    images = [path for pattern in ("vmlinuz", "boot/vmlinuz-*") for path in folder.glob(pattern)]
    configs = [path for pattern in ("config", "boot/config-*") for path in folder.glob(pattern)]
    return {"name": folder.name,
            "image_sha256": checksum(images[0]) if images else None,
            "config_sha256": checksum(configs[0]) if configs else None}


def begin(rows, size, kernels, generator, arguments):
    return {"begun": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "arguments": arguments,
            "machine": machine(), "versions": versions(),
            "generator_sha256": checksum(generator),
            "rows": [{"label": row.label, "kernel": row.kernel, "sysctls": row.sysctls,
                      **kernel(kernels[row.kernel])} for row in rows],
            "size": vars(size)}


def describe(run):
    """A few lines to print above the tables."""
    host, version = run["machine"], run["versions"]
    commit = (version["commit"] or "no commit")[:12] + (" changed" if version["changed_files"] else "")
    lines = [f"machine: {host['kernel']}, {host['cpus']} CPUs, load {' '.join(host['load_at_start'])}, "
             f"faultline {version['faultline']} ({commit}), {version['qemu']}"]
    for row in run["rows"]:
        settings = " ".join(row["sysctls"])
        lines.append(f"row {row['label']}: {row['name']} {settings}".rstrip())
    return "\n".join(lines)
