#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What share of the best fixed value did the daemon get, in each phase and in all?

A line of FILE for each region: row (a value, or enforce:START), phase, windows that
the daemon has taken, the setting afterwards, faults and writer's operations in a
million ticks. The work of a phase is the geometric mean of what each of its threads
got done: three that fault, one that writes; of several phases that of theirs. Exit
status: 1 when a figure is missing.
"""

import sys
from collections import defaultdict
from statistics import geometric_mean, median

TUNED = "enforce:"
WORKERS = 3  # beside a writer


class Void(Exception):
    """The regions are no measurement."""


def read(lines):
    """Faults, operations and settings afterwards, each as {(row, phase): [of rounds]}, in order."""
    faults, operations, after = defaultdict(list), defaultdict(list), defaultdict(list)
    for line in lines:
        fields = line.split()
        try:
            row, phase, windows, setting, *rates = fields
            rate, rate_ops = map(float, rates)
        except ValueError:
            raise Void(f"not a region: {line.strip()}") from None
        if rate <= 0:
            raise Void(f"a region without faults: {line.strip()}")
        if row.startswith(TUNED) and int(windows) < 1:
            raise Void(f"the daemon took no window: {line.strip()}")
        faults[row, phase].append(rate)
        operations[row, phase].append(rate_ops)
        after[row, phase].append(setting)
    if not faults:
        raise Void("no region was measured")
    return faults, operations, after


def work(faults, operations):
    return geometric_mean([faults] * WORKERS + [operations]) if operations > 0 else faults


def figure(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def cell(faults, operations):
    said = figure(faults)
    return f"{said}; {figure(operations)}" if operations > 0 else said


def spread(values):
    """How far the rounds of a point are apart, as a share of the least."""
    return max(values) / min(values) - 1


def table(lines):
    faults, operations, after = read(lines)
    phases = list(dict.fromkeys(phase for _, phase in faults))
    fixed = list(dict.fromkeys(row for row, _ in faults if not row.startswith(TUNED)))
    tuned = list(dict.fromkeys(row for row, _ in faults if row.startswith(TUNED)))
    rows = [*fixed, *tuned]
    missing = [(row, phase) for row in rows for phase in phases if (row, phase) not in faults]
    if missing or not fixed or not tuned:
        raise Void("not every row has every phase" if missing else "fixed values and a daemon are needed")

    done = {key: work(median(faults[key]), median(operations[key])) for key in faults}
    best = {phase: max(done[row, phase] for row in fixed) for phase in phases}
    share = {key: done[key] / best[key[1]] for key in done}

    out = [["phase", *rows, *(f"{row} of the best, setting afterwards" for row in tuned)]]
    for phase in phases:
        out.append([phase, *(cell(median(faults[row, phase]), median(operations[row, phase])) for row in rows),
                    *(f"{share[row, phase]:.4f}, {after[row, phase][-1]}" for row in tuned)])
    out.append(["all, of the best", *(f"{geometric_mean([share[row, phase] for phase in phases]):.4f}" for row in rows),
                *("" for _ in tuned)])
    rounds = {key: [work(*pair) for pair in zip(faults[key], operations[key])] for key in faults if key[0] in fixed}
    if min(map(len, rounds.values())) < 2:
        return out, "A point was taken once: how far two rounds are apart is not known."
    return out, f"Rounds of a fixed value are at most {100 * max(map(spread, rounds.values())):.1f} % apart."


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            rows, note = table(file)
    except Void as void:
        print(f"bench: {void}", file=sys.stderr)
        return 1
    print("Faults and writer's operations in a million ticks, by the model\n")
    for i, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if i == 0:
            print("|" + "---|" * len(row))
    print("\n" + note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
