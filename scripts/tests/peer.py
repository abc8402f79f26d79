#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does a report agree with what perf lock contention -a -b -l saw of the same run?

    peer.py own|remote|mixed TRUTH REPORT PERF_CSV

own: the lock that perf names has as many waits, as long, as the report's own.
remote: perf names no such lock; a nameless one has what the report calls remote.
mixed: one lock of perf's has what the report has as own and as remote together.
perf does not say whose a lock is: the target's is the one waited for longest.
"""
import json
import sys

COUNT_TOLERANCE = 0.01
TOTAL_TOLERANCE = 0.10
NAMED = "mmap_lock"


def perf_rows(path):
    """Columns: contended; total wait; max wait; avg wait; address; symbol; type."""
    rows = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            field = [f.strip() for f in line.split(";")]
            if "rwsem" in field[6] or field[5] == NAMED:
                rows.append({"count": int(field[0]), "total_ns": perf_ns(field[1]),
                             "name": field[5], "address": field[4]})
    return rows


def perf_ns(text):
    number, _, unit = text.partition(" ")
    return float(number) * {"": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}[unit]


def reported(report, pid):
    own_and_remote = {}
    for relation in ("own", "remote"):
        hists = [p["hist"] for p in report["procs"]
                 if p["tgid"] == pid and p["class"] == "mmap_lock" and p["kind"] == "queued"
                 and p["relation"] == relation]
        own_and_remote[relation] = (sum(h["count"] for h in hists),
                                    sum(h["total_ns"] for h in hists))
    return own_and_remote


def disagreements(mode, ours, rows):
    own, remote = ours["own"], ours["remote"]
    mine = {"own": own, "remote": remote}.get(mode, (0, 0))
    if mode != "own" and not remote[0]:
        yield "no remote wait is reported: nothing is proved here"
    if mode != "remote" and not own[0]:
        yield "no own wait is reported: nothing is proved here"
    if mode != "own":  # the holder's own waits are on the same lock
        mine = (own[0] + remote[0], own[1] + remote[1])
    candidates = [r for r in rows if mode == "mixed" or (r["name"] == NAMED) == (mode == "own")]
    if not candidates:
        yield f"perf has no lock to compare with, only {rows}"
        return
    perf = max(candidates, key=lambda r: r["total_ns"])
    print(f"perf: {perf['name'] or 'no name'} {perf['address']}, {perf['count']} waits, "
          f"{perf['total_ns']:.0f} ns; report: own {own}, remote {remote}")
    if abs(perf["count"] - mine[0]) > COUNT_TOLERANCE * mine[0]:
        yield f"perf counts {perf['count']} waits, the report {mine[0]}"
    if abs(perf["total_ns"] - mine[1]) > TOTAL_TOLERANCE * mine[1]:
        yield f"perf has {perf['total_ns']:.0f} ns in all, the report {mine[1]}"


def main():
    mode, truth, report, perf = sys.argv[1:]
    with open(truth, encoding="utf-8") as lines:
        ready = next(e for e in map(json.loads, lines) if e["ev"] == "ready")
    with open(report, encoding="utf-8") as file:
        ours = reported(json.load(file), ready["pid"])
    found = list(disagreements(mode, ours, perf_rows(perf)))
    for problem in found:
        print(problem)
    return 1 if found else 0


sys.exit(main())
