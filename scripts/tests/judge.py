#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does a report agree with what the generator knows to have happened?

    judge.py waits TRUTH REPORT --cause NAME[,NAME] --confidence NAME,...
    judge.py sum TRUTH REPORT --lost COUNTER

waits: count, total and maximum by mode and relation, holder and cause.
sum: what is reported and what is counted as lost or left out, together,
against the kernel's own count of queued waits. Prints what disagrees.
"""
import argparse
import json
import sys

TOTAL_TOLERANCE = 0.10
SLICE_NS = 4000000  # a call may be preempted before or after its wait
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


def rows_of(report, pid):
    return [p for p in report["procs"]
            if p["tgid"] == pid and p["class"] == "mmap_lock" and p["kind"] == "queued"]


def relations_of(ready):
    """A remote holder also waits, now and then, and cannot say so: not judged."""
    remote_waiters = any(w["relation"] == "remote" for w in ready["waiters"])
    alone = ready["holder"]["pid"] != ready["pid"] and not remote_waiters
    return ("own",) if alone else ("own", "remote")


def judge_counts(report, ready, totals):
    """Straddlers of the threshold, and calls that were merely preempted, may be on either side."""
    seen = 0
    for relation in relations_of(ready):
        for mode in ("read", "write"):
            true = totals[f"{relation}_{mode}"]
            rows = [r["hist"] for r in rows_of(report, ready["pid"])
                    if r["relation"] == relation and r["mode"] == mode]
            count = sum(r["count"] for r in rows)
            total = sum(r["total_ns"] for r in rows)
            longest = max((r["max_ns"] for r in rows), default=0)
            slack = true["near"] + true["awake"]
            what = f"{relation} {mode}"
            expect(abs(count - true["count"]) <= slack,
                   f"{what}: {count} waits reported, {true['count']} made (+-{slack})")
            slack_ns = TOTAL_TOLERANCE * true["total_ns"] + slack * 1.25 * totals["threshold_ns"]
            expect(abs(total - true["total_ns"]) <= slack_ns,
                   f"{what}: {total} ns in all reported, {true['total_ns']} made")
            near_max_ns = TOTAL_TOLERANCE * true["max_ns"] + SLICE_NS
            expect(count < true["count"] or abs(longest - true["max_ns"]) <= near_max_ns,
                   f"{what}: longest {longest} ns reported, {true['max_ns']} made")
            seen += true["count"]
    expect(seen > 0, "nothing waited: the generator proves nothing here")


def judge_holder(report, ready, causes, confidences):
    blames = [b for b in report["blames"]
              if b["tgid"] == ready["pid"] and b["class"] == "mmap_lock"
              and b["relation"] in relations_of(ready)]
    count = sum(b["count"] for b in blames)
    holder = ready["holder"]["tid"]
    right = [b for b in blames
             if (b["holder"]["tid"] == holder or b["holder"]["kthread"])
             and b["holder"]["cause"] in causes and b["confidence"] in confidences]
    share = sum(b["count"] for b in right) / count if count else 0
    expect(share >= HOLDER_SHARE, f"holder {holder} by {causes} in {share:.0%} of {count} waits: "
           + "; ".join(f"{b['count']}x {b['holder']['tid']} {b['holder']['cause']} "
                       f"{b['confidence']} ({b['mode']})" for b in blames))


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
    parser.add_argument("--confidence", default="exact,release,hint")
    args = parser.parse_args()
    ready, totals, _ = read_truth(args.truth)
    with open(args.report, encoding="utf-8") as file:
        report = json.load(file)
    if args.verb == "waits":
        judge_counts(report, ready, totals)
        if args.cause:
            judge_holder(report, ready, args.cause.split(","), args.confidence.split(","))
    else:
        judge_sum(report, totals, args.lost)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
