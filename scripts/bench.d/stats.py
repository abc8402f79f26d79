# SPDX-License-Identifier: GPL-2.0
"""Is there a difference, and how large? Pure: numbers in, a judgement out.

Two ways, for two kinds of measurement:

pairs    wall clock. The two kernels were measured in turn, so what the machine
         did meanwhile is in both halves of a pair: the ratios are judged, by a
         confidence interval of their median that takes nothing for granted but
         that pairs are alike (order statistics, that is the sign test).
repeats  the model. Almost without noise, so a few repeats show all of it. The
         kernels differ when no value of one lies within the range of the other
         and the medians are further apart than the instrument's resolution.
"""

from dataclasses import dataclass
from math import comb

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Judgement:
    """A ratio to the reference with its range, and whether it means anything."""
    ratio: float | None  # None: no ratio, the reference has nothing
    low: float | None
    high: float | None
    verdict: str  # "more", "less", or why nothing can be said

    @property
    def differs(self):
        return self.verdict in ("more", "less")


SAME = "not distinguishable"
NO_RATIO = "no ratio: the reference is 0"


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if not ordered:
        raise ValueError("median of nothing")
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def coverage(n, dropped):
    """Chance that the median lies within n values without `dropped` at each end."""
    return 1 - 2 * sum(comb(n, k) for k in range(dropped + 1)) / 2 ** n


def median_interval(values, confidence=CONFIDENCE):
    """Smallest interval of order statistics that covers the median; None: too few."""
    ordered = sorted(values)
    dropped = -1
    while 2 * (dropped + 2) <= len(ordered) and coverage(len(ordered), dropped + 1) >= confidence:
        dropped += 1
    if dropped < 0:
        return None
    return ordered[dropped], ordered[-1 - dropped]


def pairs_needed(confidence=CONFIDENCE):
    n = 1
    while coverage(n, 0) < confidence:
        n += 1
    return n


def side(low, high):
    """On which side of 1 a range of ratios lies."""
    if low > 1:
        return "more"
    if high < 1:
        return "less"
    return SAME


def judge_pairs(reference, other, confidence=CONFIDENCE):
    """Values of the same index were measured one after the other."""
    if len(reference) != len(other) or not reference:
        raise ValueError("pairs need as many values on both sides")
    if not all(reference):
        return Judgement(None, None, None, NO_RATIO)
    ratios = [b / a for a, b in zip(reference, other)]
    interval = median_interval(ratios, confidence)
    if interval is None:
        verdict = f"{len(ratios)} pairs are too few, {pairs_needed(confidence)} needed"
    else:
        verdict = side(*interval)
    return Judgement(median(ratios), min(ratios), max(ratios), verdict)


def judge_repeats(reference, other, resolution):
    """resolution: what two runs of one point may differ by, as a fraction."""
    if not reference or not other:
        raise ValueError("repeats need a value on both sides")
    if not all(reference):
        return Judgement(None, None, None, NO_RATIO)
    ratio = median(other) / median(reference)
    low, high = min(other) / max(reference), max(other) / min(reference)
    verdict = side(low, high)
    if abs(ratio - 1) <= resolution:
        verdict = SAME
    elif verdict != SAME and min(len(reference), len(other)) < 2:
        verdict = "one run is too few, 2 needed"
    return Judgement(ratio, low, high, verdict)
