# SPDX-License-Identifier: GPL-2.0
"""What came of it: tables to read, CSV to work on. Pure: figures in, text out.

Every line compares one row with the first row, the reference.
"""

import csv
import io
from collections import defaultdict

import metrics
import stats

EXPLANATION = """\
n.d.: not distinguishable, the spread does not support a difference. In brackets the whole range.
Model: of repeated runs, two kernels differ when their ranges are apart and the medians by more than
the model's resolution ({lines:.0%}, instructions {instructions:.1%}). Wall clock: of pairs run in turn, they
differ when a {confidence:.0%} confidence interval of the median ratio leaves 1 out."""


class Results:
    """figures[section, cpus, point][metric][row label] = values, in the order of repeats."""

    def __init__(self):
        self.figures = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        self.notes = {}

    def add(self, section, cpus, row, points):
        """Of one boot; the repeats of a row come in their order."""
        for point, figures, note in points:
            if note:
                self.notes[section, cpus, point, row] = note
            for metric, value in figures.items():
                if value is not None:
                    self.figures[section, cpus, point][metric][row].append(value)

    def points(self, section):
        return [key for key in self.figures if key[0] == section]

    def values(self, key, metric, row):
        return self.figures.get(key, {}).get(metric, {}).get(row, [])

    def judge(self, key, metric, reference, other):
        a, b = self.values(key, metric, reference), self.values(key, metric, other)
        if not a or not b:
            return None
        if key[0] == "wall":
            return stats.judge_pairs(a, b)
        return stats.judge_repeats(a, b, metrics.RESOLUTION[key[0]])


def number(value):
    """Four digits, enough to see a thousandth and no more than was measured."""
    if value == 0:
        return "0"
    if abs(value) >= 100000:
        return f"{value / 1000:,.0f}k"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def spread(values):
    if not values:
        return "-"
    if len(values) == 1:
        return number(values[0])
    return f"{number(stats.median(values))} ({number(min(values))} to {number(max(values))})"


def ratio(judgement):
    if judgement is None:
        return "-"
    if judgement.ratio is None:
        return judgement.verdict
    span = f"({judgement.low:.3g} to {judgement.high:.3g})"
    if judgement.differs:
        return f"{judgement.ratio:.3g} {span}"
    if judgement.verdict == stats.SAME:
        return f"n.d. {span}"
    return f"{judgement.ratio:.3g} {span}: {judgement.verdict}"


def aligned(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def model_table(results, section, reference, other):
    lines = [("CPUs", "point", "figure", reference, other, "ratio")]
    for key in results.points(section):
        for metric, title in metrics.NAMES[section]:
            a, b = results.values(key, metric, reference), results.values(key, metric, other)
            if a or b:
                lines.append((str(key[1]), key[2], title, spread(a), spread(b),
                              ratio(results.judge(key, metric, reference, other))))
    return aligned(lines)


def note_table(results):
    return aligned([("CPUs", "point", "kernel", "lines and their transfers per fault"),
                    *((str(cpus), point, row, note)
                      for (_, cpus, point, row), note in results.notes.items())])


def medians(results, key, metric, reference, other):
    """The two medians and their ratio; dashes where nothing was measured."""
    cells = [number(stats.median(values)) if values else "-"
             for values in (results.values(key, metric, row) for row in (reference, other))]
    return *cells, ratio(results.judge(key, metric, reference, other))


def writer_table(results, reference, other):
    """Virtual time first, wall clock beside it."""
    lines = [("point", "figure", f"{reference} virtual", f"{other} virtual", "ratio virtual",
              f"{reference} wall", f"{other} wall", "ratio wall")]
    keys = {key[1:]: None for key in results.points("writers") + results.points("wall")}
    for cpus, point in keys:
        for metric, title in metrics.NAMES["writers"]:
            both = (*medians(results, ("writers", cpus, point), metric, reference, other),
                    *medians(results, ("wall", cpus, point), metric, reference, other))
            if set(both) != {"-"}:
                lines.append((point, title, *both))
    return aligned(lines)


HEADINGS = {
    "instructions": "Kernel instructions of one operation, a single thread",
    "lines": "Cache line transfers of one fault, by the coherence model",
    "notes": "The lines that faults fight for most",
    "writers": "Faults and a writer beside them, in one VMA (point: writer-threads); "
               "virtual: per million ticks, latency in ticks; wall: per second, latency in us",
}


def tables(results, labels):
    reference, parts = labels[0], []
    sections = {key[0] for key in results.figures}
    for other in labels[1:]:
        for section in ("instructions", "lines"):
            if section in sections:
                parts.append(f"{HEADINGS[section]}\n\n"
                             f"{model_table(results, section, reference, other)}")
        if sections & {"writers", "wall"}:
            parts.append(f"{HEADINGS['writers']}\n\n{writer_table(results, reference, other)}")
    if results.notes:
        parts.append(f"{HEADINGS['notes']}\n\n{note_table(results)}")
    parts.append(EXPLANATION.format(confidence=stats.CONFIDENCE, **metrics.RESOLUTION))
    return "\n\n".join(parts) + "\n"


def values_csv(results):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["section", "cpus", "point", "figure", "row", "repeat", "value"])
    for key, figures in results.figures.items():
        for metric, rows in figures.items():
            for row, values in rows.items():
                for repeat, value in enumerate(values):
                    writer.writerow([*key, metric, row, repeat, repr(value)])
    return out.getvalue()


def ratios_csv(results, labels):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["section", "cpus", "point", "figure", "row", "reference",
                     "ratio", "low", "high", "verdict"])
    for key, figures in results.figures.items():
        for metric in figures:
            for other in labels[1:]:
                one = results.judge(key, metric, labels[0], other)
                if one is not None:
                    writer.writerow([*key, metric, other, labels[0],
                                     one.ratio, one.low, one.high, one.verdict])
    return out.getvalue()
