# SPDX-License-Identifier: GPL-2.0
"""What is measured? The rows (kernels with their settings) and the points.

A point is one run of the fault generator; those of one boot run one after the
other. Pure: no file is read here, nothing is started.
"""

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One line of every table: a kernel, and what is set in it before the load."""
    label: str
    kernel: str
    sysctls: tuple = ()

    @property
    def folder(self):
        """The label as part of a file name, and of QEMU's options."""
        return re.sub(r"[^\w.+-]", "_", self.label)


@dataclass(frozen=True)
class Point:
    name: str
    arguments: tuple
    runs: int = 1  # one after the other, whenever its turn comes
    figure: str = ""  # every run's, or of all runs in a boot, by instructions: "least", "quartile"


@dataclass(frozen=True)
class Boot:
    """Points that one boot measures, in the model or by wall clock; booted `repeats` times."""
    section: str
    cpus: int
    points: tuple
    repeats: int
    rounds: int = 1  # how often one boot goes through its points
    regions: int = 1  # that the model tells of each point; the last is the figure
    wall: bool = False

    @property
    def turns(self):
        """The points in the order that one boot runs them."""
        return [point for point in self.points for _ in range(point.runs)] * self.rounds


@dataclass(frozen=True)
class Size:
    """How much of everything. Chosen so that the baseline ends in time."""
    ops: dict  # of each operation how many, in how many runs a round, and which run is the figure
    op_rounds: int
    line_cpus: tuple
    line_faults: int  # of all workers together, in one region
    writer_cpus: int
    writer_workers: tuple
    writers: dict  # for the model: how many touches, and what else
    repeats: int  # boots of the model, and
    rounds: int  # rounds in each: a boot takes longer than what it measures
    pairs: int
    wall_seconds: float
    sections: tuple = field(default=("instructions", "lines", "writers", "wall"))


# What programs do between two faults, a tenth of what a fault takes.
THINK = ("--think", "256")
# Pages enough that nobody has to empty them in the middle: that takes the lock too.
WRITER_PAGES = 16384
# A round of the model lasts for so many operations of the writer at least: a large
# one takes millions of ticks, and a minute of emulation is soon gone.
WRITERS = {
    "none": (2048, ()),
    "mmap": (2048, ("--writer-ops", "8")),
    "mprotect": (512, ("--writer-ops", "8")),
    "mlock": (512, ("--writer-ops", "2", "--writer-mib", "16")),
    "split": (2048, ("--writer-ops", "8")),
    "fork": (512, ("--writer-ops", "4")),
}
FULL = Size(ops={"fault": (8192, 3, "least"), "mmap": (8000, 1, "least"), "brk": (8000, 3, "least"),
                 "mprotect": (4000, 1, "least"), "fork": (60, 12, "quartile")},
            op_rounds=5, line_cpus=(2, 4, 8, 16), line_faults=8192,
            writer_cpus=4, writer_workers=(1, 3), writers=WRITERS,
            repeats=2, rounds=3, pairs=6, wall_seconds=0.5)
QUICK = Size(ops={"fault": (512, 1, "least"), "mmap": (50, 1, "least"), "fork": (5, 3, "quartile")},
             op_rounds=2, line_cpus=(2,), line_faults=256,
             writer_cpus=2, writer_workers=(1,),
             writers={"none": (128, ()), "mmap": (128, ("--writer-ops", "2"))},
             repeats=1, rounds=2, pairs=1, wall_seconds=0.1)

LAYOUTS = {"separate": ("--layout", "separate"), "shared": ("--layout", "shared"),
           "processes": ("--processes",)}


class BadRow(ValueError):
    pass


def parse_row(text):
    """[LABEL=]KERNEL[:key=value[,key=value]...]"""
    head, colon, settings = text.partition(":")
    label, equals, kernel = head.rpartition("=")
    if not re.fullmatch(r"[\w.+-]+", kernel) or (equals and not label):
        raise BadRow(f"'{text}': want [LABEL=]KERNEL[:sysctl=value,...]")
    sysctls = tuple(filter(None, settings.split(",")))
    for setting in sysctls:
        if not re.fullmatch(r"[\w./-]+=[^\s]+", setting):
            raise BadRow(f"'{text}': '{setting}' is no sysctl=value")
    if colon and not sysctls:
        raise BadRow(f"'{text}': no sysctl=value behind the colon")
    return Row(label or text, kernel, sysctls)


def parse_rows(texts):
    rows = [parse_row(text) for text in texts]
    if len(rows) < 2:
        raise BadRow("two kernels at least, the first is what the others are compared with")
    folders = [row.folder for row in rows]
    for row in rows:
        if folders.count(row.folder) > 1:
            raise BadRow(f"two rows are called '{row.label}': give them labels, LABEL=KERNEL")
    return rows


def instruction_boot(size):
    # What the allocator is in the middle of adds to some runs, and takes nothing away: the least.
    # But fork asks every allocator for something, and hardly a run finds each at its best, while
    # in some boots half of all runs find one at its worst: of many runs the lower quartile.
    # What a run's forks find is mostly the same: few of them.
    points = tuple(Point(name, ("--op", name, "--count", str(count)), runs, figure)
                   for name, (count, runs, figure) in size.ops.items())
    return Boot("instructions", 2, points, size.repeats, size.op_rounds)


# Outside of its regions the model does not keep the CPUs in step, so nobody contends
# there: a process comes to contend in its first region, and is steady in its second.
STEADY = 2


def line_boots(size):
    for cpus in size.line_cpus:
        pages = str(size.line_faults // cpus)
        points = tuple(Point(name, ("--lines", "--workers", str(cpus), "--pages", pages,
                                    "--rounds", str(STEADY), *THINK, *how))
                       for name, how in LAYOUTS.items())
        yield Boot("lines", cpus, points, size.repeats, size.rounds, regions=STEADY)


def writer_points(size, wall):
    """One VMA for all; as long as its writer needs by the model, a given time by wall clock."""
    for writer, (touches, how) in size.writers.items():
        if wall:
            how = ("--seconds", str(size.wall_seconds))
        for workers in size.writer_workers:
            yield Point(f"{writer}-{workers}",
                        ("--layout", "shared", "--workers", str(workers), "--pages",
                         str(WRITER_PAGES), "--touches", str(touches), *THINK,
                         "--writer", writer, *how))


def boots(size):
    """All boots, each to be repeated for every row."""
    every = [instruction_boot(size), *line_boots(size),
             Boot("writers", size.writer_cpus, tuple(writer_points(size, wall=False)),
                  size.repeats, size.rounds),
             Boot("wall", size.writer_cpus, tuple(writer_points(size, wall=True)),
                  size.pairs, wall=True)]
    return [boot for boot in every if boot.section in size.sections]


def schedule(rows, boot):
    """(repeat, row) in the order to run: in turn, and the turn turns, so a drift cancels out."""
    for repeat in range(boot.repeats):
        ordered = rows if repeat % 2 == 0 else rows[::-1]
        for row in ordered:
            yield repeat, row
