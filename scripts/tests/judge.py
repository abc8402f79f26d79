#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does a report agree with what the generator knows to have happened?

    judge.py waits TRUTH REPORT --cause NAME[,NAME] --confidence NAME,... [--class NAME]
    judge.py sum TRUTH REPORT --lost COUNTER

waits: count, total and maximum by mode and relation, holder and cause.
sum: what is reported and what is counted as lost or left out, together,
against the kernel's own count of queued waits. Prints what disagrees.
"""
import argparse
import json
import sys

TOTAL_TOLERANCE = 0.10
SUM_TOLERANCE = 0.01
HOLDER_SHARE = 0.90
LOST_WAITS = ("waiters_full", "stats_full", "race")
problems = []


def expect(condition, text):
    if not condition:
        problems.append(text)


def read_truth(path):
    truth = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            truth.setdefault(event["ev"], []).append(event)
    return truth["ready"][0], truth["totals"][0], truth


def rows_of(report, pid, lock_class):
    return [p for p in report["procs"]
            if p["tgid"] == pid and p["class"] == lock_class and p["kind"] == "queued"]


def relations_of(ready):
    """Processes that open the target's files wait now and then where the generator has no clock."""
    remote_waiters = any(w["relation"] == "remote" for w in ready["waiters"])
    alone = ready["holder"]["pid"] != ready["pid"] and not remote_waiters
    return ("own",) if alone else ("own", "remote")


def within(what, value, least, most, slack=0.0):
    expect(least * (1 - slack) <= value <= most * (1 + slack),
           f"{what}: {value} reported, {least} to {most} made")


def judge_counts(report, ready, totals, lock_class):
    """A wait lies between the time that the call slept and the time that it took."""
    seen = 0
    holder = totals["holder_slept"]
    holder_holds_asleep = ready["hold"].startswith("fuse") or ready["hold"] == "khugepaged"
    for relation in relations_of(ready):
        for mode in ("read", "write"):
            least, most = (totals[f"{relation}_{mode}"][name] for name in ("least", "most"))
            rows = [r["hist"] for r in rows_of(report, ready["pid"], lock_class)
                    if r["relation"] == relation and r["mode"] == mode]
            # faults between the calls: no clock tells whether they waited, and for how long
            strays = totals["strays"] if (relation, mode) == ("own", "read") else 0
            more = holder
            if holder_holds_asleep or (relation == "own") != (ready["holder"]["pid"] == ready["pid"]):
                more = {"count": 0, "total_ns": 0, "max_ns": 0}
            what = f"{relation} {mode}"
            within(f"{what}: waits", sum(r["count"] for r in rows),
                   least["count"], most["count"] + more["count"] + strays)
            within(f"{what}: ns in all", sum(r["total_ns"] for r in rows),
                   least["total_ns"], most["total_ns"] + more["total_ns"], TOTAL_TOLERANCE)
            within(f"{what}: longest in ns", max((r["max_ns"] for r in rows), default=0),
                   least["max_ns"], max(most["max_ns"], more["max_ns"]), TOTAL_TOLERANCE)
            seen += least["count"]
    expect(seen > 0, "nothing waited for certain: the generator proves nothing here")


def holders_own(blame, ready, causes):
    """The holder, too, has to wait when a waiter is preempted inside its call."""
    waiters = [w["tid"] for w in ready["waiters"]]
    return blame["holder"]["tid"] in waiters and blame["waiter_cause"] in causes


def excused_ns(blames, ready, totals):
    """A waiter that is preempted inside its call holds up the others, for as long as its own clocks say."""
    others = len(ready["waiters"])
    excused = 0
    for tid, awake in totals["awake"].items():
        blamed = sum(b["total_ns"] for b in blames if b["holder"]["tid"] == int(tid))
        excused += min(blamed, awake["total_ns"] * others * (1 + TOTAL_TOLERANCE))
    return excused


def judge_holder(report, ready, totals, causes, confidences, lock_class):
    blames = [b for b in report["blames"]
              if b["tgid"] == ready["pid"] and b["class"] == lock_class
              and b["relation"] in relations_of(ready) and not holders_own(b, ready, causes)]
    count = sum(b["count"] for b in blames)
    all_ns = sum(b["total_ns"] for b in blames)
    holder = ready["holder"]["tid"]
    right = [b for b in blames
             if (b["holder"]["tid"] == holder or b["holder"]["kthread"])
             and b["holder"]["cause"] in causes and b["confidence"] in confidences]
    all_ns -= excused_ns(blames, ready, totals)
    share = sum(b["total_ns"] for b in right) / all_ns if all_ns > 0 else 0
    expect(share >= HOLDER_SHARE, f"holder {holder} by {causes} in {share:.0%} of {count} waits' time: "
           + f"awake {totals['awake']}; " + "; ".join(f"{b['count']}x {b['total_ns'] // 1000} us {b['holder']['tid']} {b['holder']['cause']} "
                       f"{b['confidence']} ({b['waiter_cause']}, {b['mode']})" for b in blames))


def judge_sum(report, totals, counter):
    if totals["perf"] is None:
        sys.exit("the kernel's own count is not to be had: " + totals["perf_why"])
    lost = report["meta"]["lost"]
    reported = sum(p["hist"]["count"] for p in report["procs"]
                   if p["class"] == "mmap_lock" and p["kind"] == "queued")
    missing = sum(lost[name] for name in LOST_WAITS) + report["meta"]["recursion_misses"]
    both = reported + missing + lost["below_min"]
    print(f"{totals['perf']} waits by the kernel's count: {reported} reported, {missing} lost, "
          f"{lost['below_min']} below the minimum")
    expect(abs(both - totals["perf"]) <= max(1, SUM_TOLERANCE * totals["perf"]),
           f"reported and lost make {both}")
    details = {name: n for name, n in lost.items() if n and name not in ("filtered", "other_rwsem")}
    print("counted: " + (", ".join(f"{name} {n}" for name, n in details.items()) or "no loss"))
    if counter:
        expect(counter in details, f"nothing is counted as {counter}")
    else:
        expect(not details, f"lost in spite of enough room: {details}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("waits", "sum"))
    parser.add_argument("truth")
    parser.add_argument("report")
    parser.add_argument("--cause", default="")
    parser.add_argument("--lost", default="")
    parser.add_argument("--class", dest="lock_class", default="mmap_lock")
    parser.add_argument("--confidence", default="exact,release,hint")
    args = parser.parse_args()
    ready, totals, _ = read_truth(args.truth)
    with open(args.report, encoding="utf-8") as file:
        report = json.load(file)
    if args.verb == "waits":
        judge_counts(report, ready, totals, args.lock_class)
        if args.cause:
            judge_holder(report, ready, totals, args.cause.split(","), args.confidence.split(","),
                         args.lock_class)
    else:
        judge_sum(report, totals, args.lost)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
