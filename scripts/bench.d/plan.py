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


@dataclass(frozen=True)
class Point:
    name: str
    arguments: tuple


@dataclass(frozen=True)
class Boot:
    """Points that one boot measures, in the model or by wall clock; booted `repeats` times."""
    section: str
    cpus: int
    points: tuple
    repeats: int
    rounds: int = 1  # how often one boot goes through its points
    wall: bool = False


@dataclass(frozen=True)
class Size:
    """How much of everything. Chosen so that the baseline ends in time."""
    op_counts: dict
    line_cpus: tuple
    line_pages: int
    writer_cpus: int
    writer_workers: tuple
    writers: tuple
    writer_pages: int
    writer_ops: int  # that a round lasts for, at least
    repeats: int  # boots of the model, and
    rounds: int  # rounds in each: a boot takes longer than what it measures
    pairs: int
    wall_seconds: float
    sections: tuple = field(default=("instructions", "lines", "writers", "wall"))


FULL = Size(op_counts={"fault": 8192, "mmap": 1000, "brk": 1000, "mprotect": 1000, "fork": 100},
            line_cpus=(2, 4, 8, 16), line_pages=512,
            writer_cpus=4, writer_workers=(1, 3),
            writers=("none", "mmap", "mprotect", "mlock", "split", "fork"), writer_pages=512, writer_ops=8,
            repeats=2, rounds=2, pairs=6, wall_seconds=0.5)
QUICK = Size(op_counts={"fault": 512, "mmap": 50}, line_cpus=(2,), line_pages=128,
             writer_cpus=2, writer_workers=(1,), writers=("none", "mmap"), writer_pages=128,
             writer_ops=2, repeats=1, rounds=2, pairs=1, wall_seconds=0.1)

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
    labels = [row.label for row in rows]
    for label in labels:
        if labels.count(label) > 1:
            raise BadRow(f"two rows are called '{label}': give them labels, LABEL=KERNEL")
    return rows


def instruction_boot(size):
    points = tuple(Point(name, ("--op", name, "--count", str(count)))
                   for name, count in size.op_counts.items())
    # one round: what the first leaves behind is in the counts of a second
    return Boot("instructions", 2, points, size.repeats)


def line_boots(size):
    for cpus in size.line_cpus:
        points = tuple(Point(name, ("--lines", "--workers", str(cpus), "--pages",
                                    str(size.line_pages), *how))
                       for name, how in LAYOUTS.items())
        yield Boot("lines", cpus, points, size.repeats, size.rounds)


def writer_points(size, how, with_writer=()):
    return tuple(Point(f"{writer}-{workers}",
                       ("--layout", "shared", "--workers", str(workers), *how, "--writer", writer,
                        *(with_writer if writer != "none" else ())))
                 for writer in size.writers for workers in size.writer_workers)


def boots(size):
    """All boots, each to be repeated for every row."""
    every = [instruction_boot(size), *line_boots(size),
             Boot("writers", size.writer_cpus,
                  writer_points(size, ("--pages", str(size.writer_pages)),
                                ("--writer-ops", str(size.writer_ops))),
                  size.repeats, size.rounds),
             Boot("wall", size.writer_cpus,
                  writer_points(size, ("--pages", "4096", "--seconds", str(size.wall_seconds))),
                  size.pairs, wall=True)]
    return [boot for boot in every if boot.section in size.sections]


def schedule(rows, boot):
    """(repeat, row) in the order to run: in turn, and the turn turns, so a drift cancels out."""
    for repeat in range(boot.repeats):
        ordered = rows if repeat % 2 == 0 else rows[::-1]
        for row in ordered:
            yield repeat, row
