# SPDX-License-Identifier: GPL-2.0
"""Boots a guest, lets it run its points, and brings back what was measured.

A guest that hangs is started again, a few times: emulation itself hangs in one
run of 30 to 150. Anything else that goes wrong is no figure and ends the run.
"""

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

import metrics

ATTEMPTS = 3
TIMEOUT_S = 900
# Turns taken from a CPU that slept in the emulator; more than a few make a figure doubtful.
STOLEN_MAX = 8
# A busy machine takes its time to boot many emulated CPUs.
BOOT_S, BOOT_CPU_S = 60, 15
# In a region of the model the guest's clock is slow, and its signs of life are rare.
SILENCE_S = 300
# An emulated CPU that the host does not run for seconds is no news: watchdogs off.
# Addresses by chance would be page tables by chance, and instructions.
APPEND = "rcupdate.rcu_cpu_stall_timeout=300 nowatchdog norandmaps"
HANG_WORDS = ("hang:", "silence:", "emulator:")
SCRIPTS = Path(__file__).resolve().parent.parent


class Failed(Exception):
    pass


def tool(name):
    """BENCH_VM, BENCH_MODEL, BENCH_KERNELS: other commands in their place."""
    return shlex.split(os.environ.get(f"BENCH_{name.upper()}", "")) or [str(SCRIPTS / name)]


class Interrupted(Exception):
    pass


class Children:
    """What was started and must not be left behind: a signal may come at any time."""

    def __init__(self):
        self.running = set()
        self.lock = threading.RLock()  # the signal may find its own thread within
        self.stopping = False

    def stop(self, *_):
        self.stopping = True
        with self.lock:
            for process in self.running:
                process.terminate()

    def run(self, command, **how):
        """Exit status and what it said on a pipe, if it has one."""
        with self.lock:
            if self.stopping:
                raise Interrupted
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **how)
            self.running.add(process)
            if self.stopping:  # the signal came in between
                process.terminate()
        said, _ = process.communicate()
        with self.lock:
            self.running.discard(process)
        if self.stopping:
            raise Interrupted
        return process.returncode, said


class Runner:
    def __init__(self, folder, generator, kernels, progress, children):
        self.folder = folder
        self.generator = generator
        self.kernels = kernels  # name: folder
        self.progress = progress
        self.commands = []
        self.hangs = []
        self.doubtful = []
        self.children = children

    def command(self, row, boot, results):
        kind = tool("vm") + ["--accel", "tcg"] if boot.wall else tool("model")
        return kind + ["--kernel", row.kernel, "--dir", self.kernels[row.kernel],
                       "--cpus", str(boot.cpus), "--timeout", str(TIMEOUT_S),
                       "--boot-limit", str(BOOT_S + BOOT_CPU_S * boot.cpus),
                       "--silence", str(SILENCE_S), "--append", APPEND,
                       "--results", str(results), "--",
                       str(SCRIPTS / "bench-guest"), self.generator]

    def prepare(self, row, boot, repeat):
        results = self.folder / "boots" / f"{boot.section}-{boot.cpus}-{row.folder}-{repeat}"
        results.mkdir(parents=True, exist_ok=True)
        (results / "sysctls").write_text("".join(f"{s}\n" for s in row.sysctls))
        (results / "points").write_text(
            "".join(f"{p.name} {' '.join(p.arguments)}\n" for p in boot.turns))
        return results

    def start(self, command, log):
        with open(log, "w") as said:
            return self.children.run(command, stdout=said, stderr=subprocess.STDOUT)[0]

    def boot(self, row, boot, repeat):
        """One boot: a dict of metrics for each of its points."""
        results = self.prepare(row, boot, repeat)
        command = self.command(row, boot, results)
        log = results / "log"
        what = f"{boot.section}, {boot.cpus} CPUs, {row.label}, repeat {repeat + 1}"
        self.commands.append(shlex.join(command))
        for attempt in range(1, ATTEMPTS + 1):
            begun = time.monotonic()
            for stale in ("faults", "model.json"):
                (results / stale).unlink(missing_ok=True)
            status = self.start(command, log)
            if status == 0:
                self.progress.done(what, time.monotonic() - begun)
                return self.collect(boot, results)
            lines = log.read_text(errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"exit status {status}"
            if status != 125 or not any(word in why for word in HANG_WORDS):
                raise Failed(f"{what}: {why} (see {log})")
            self.hangs.append({"boot": what, "attempt": attempt, "why": why})
            self.progress.say(f"{what}: attempt {attempt} of {ATTEMPTS}: {why}")
        raise Failed(f"{what}: hung {ATTEMPTS} times, the last time: {why} (see {log})")

    def collect(self, boot, results):
        """(point, figures, what is worth knowing) of each point, in the order that they ran."""
        said = [line.split("\t", 1) for line in (results / "faults").read_text().splitlines()]
        names = [point.name for point in boot.turns]
        if [name for name, _ in said] != names:
            raise Failed(f"{results}: {len(said)} of {len(names)} points came back")
        regions = [[] for _ in names]
        if not boot.wall:
            lines = (results / "model.json").read_text().splitlines()
            if len(lines) != len(names) * boot.regions:
                raise Failed(f"{results}: {len(lines)} regions for {len(names)} points")
            told = iter(json.loads(line) for line in lines)
            regions = [[next(told) for _ in range(boot.regions)] for _ in names]
        found = []
        for (name, text), of_point in zip(said, regions):
            try:
                figures = metrics.of(boot.section, json.loads(text), of_point)
            except metrics.Mismatch as problem:
                raise Failed(f"{results}: {name}: {problem}") from problem
            stolen = sum(region.get("stolen", 0) for region in of_point)
            if stolen > STOLEN_MAX:
                self.doubtful.append(f"{results.name}: {name}: {stolen} turns stolen")
            found.append((name, figures, metrics.note(of_point)))
        return [one for point in boot.points
                for one in metrics.choose(point.figure, [one for one in found if one[0] == point.name])]


class Progress:
    """A line for each boot on stderr: where we are, and how long it may still take."""

    def __init__(self, total):
        self.total = total
        self.count = 0
        self.begun = time.monotonic()
        self.lock = threading.Lock()

    def clock(self):
        seconds = int(time.monotonic() - self.begun)
        return f"{seconds // 60}:{seconds % 60:02d}"

    def say(self, text):
        print(f"bench: {self.clock()} {text}", file=sys.stderr, flush=True)

    def done(self, what, took_s):
        with self.lock:
            self.count += 1
            self.say(f"{self.count} of {self.total}: {what}: {took_s:.0f} s")
