#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does a daemon stay within its bounds, and is there no trend?

    soak.py sample PID COMMAND...	looks once a second at what process PID takes, and at what COMMAND
				(faultline status -O json) says, until it is ended; a line of JSON each
    soak.py judge LINES PART	PART: memory, fds, maps, disk or samples
    soak.py table LINES		what was seen, by quarters

After the first third, in which all is seen for the first time, nothing may grow:
the last third is held against the one before, most against most; of memory, which
goes up for a moment with each record and answer, least against least.
"""
import json
import os
import subprocess
import sys
import time

RSS_BUSY_KIB = 64 * 1024  # while it makes up records and answers about thousands of processes
RSS_SLACK_KIB = 8 * 1024  # twice what the daemon lets malloc keep (daemon_window.c)
FD_SLACK = 4
HASHES = {"1", "5", "9", "10"}  # bpf_map_type: hash, per-CPU hash, LRU, per-CPU LRU


def field(path, name):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key == name:
                return value.split()[0]
    return None


def maps_of(pid):
    """The hash maps that it has open: (id, room)."""
    maps = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        path = f"/proc/{pid}/fdinfo/{fd}"
        try:
            if field(path, "map_type") in HASHES:
                maps[field(path, "map_id")] = int(field(path, "max_entries"))
        except FileNotFoundError:
            pass
    return maps


def entries(map_id):
    dump = subprocess.run(["bpftool", "-j", "map", "dump", "id", map_id],
                          stdout=subprocess.PIPE, check=True)
    return len(json.loads(dump.stdout))


def look(pid, maps, command):
    rss_kib = int(field(f"/proc/{pid}/status", "VmRSS"))  # before it has to answer
    status = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    counts = {i: entries(i) for i in maps}
    return {
        "t": time.monotonic(),
        "rss_kib": rss_kib,
        "fds": len(os.listdir(f"/proc/{pid}/fd")),
        "entries": sum(counts.values()),
        "full": sum(counts[i] > room for i, room in maps.items()),
        "files": status["incidents"]["files"],
        "bytes": status["incidents"]["bytes"],
        "removed": status["incidents"]["removed"],
        "max_files": int(status["config"]["incident"]["MaxFiles"]),
        "window_ns": status["snapshot"]["meta"]["window_ns"],
        "lost": sum(status["snapshot"]["meta"]["lost"][n]
                    for n in ("waiters_full", "stats_full", "race")),
        "problems": status["problems"],
    }


def sample(pid, command):
    maps = maps_of(pid)
    while True:
        begin = time.monotonic()
        print(json.dumps(look(pid, maps, command)), flush=True)
        time.sleep(max(0, begin + 1 - time.monotonic()))


def thirds(looks, name, of):
    values = [one[name] for one in looks]
    third = len(values) // 3
    return of(values[third:2 * third]), of(values[2 * third:])


def no_trend(looks, name, slack, of=max):
    before, last = thirds(looks, name, of)
    if last > before + slack:
        return [f"{name} grows: {of.__name__} {before} in the second third, {last} in the last"]
    return []


def over(looks, name, limit):
    most = max(one[name] for one in looks)
    return [f"{name}: {most}, at most {limit} are allowed"] if most > limit else []


def judge_memory(looks):
    return (over(looks, "rss_kib", RSS_BUSY_KIB)
            + no_trend(looks, "rss_kib", RSS_SLACK_KIB, min))


def judge_fds(looks):
    return no_trend(looks, "fds", FD_SLACK)


def judge_maps(looks):
    before, _ = thirds(looks, "entries", max)
    seen = [] if max(one["entries"] for one in looks) else ["no map ever had an element"]
    return seen + over(looks, "full", 0) + no_trend(looks, "entries", before // 2)


def judge_disk(looks):
    seen = [] if looks[-1]["removed"] else ["no record was ever removed: the bound was not met"]
    return seen + over(looks, "files", looks[0]["max_files"])


def judge_samples(looks):
    """It samples four times a second: within two looks time has passed for it, too."""
    problems = [f"{len(looks)} looks are too few"] if len(looks) < 9 else []
    for a, b in zip(looks, looks[2:]):
        if b["window_ns"] <= a["window_ns"]:
            problems.append(f"no sample from {a['t']:.0f} s to {b['t']:.0f} s")
    problems += [f"a problem: {one['problems']}" for one in looks if one["problems"]]
    return problems[:3]


JUDGES = {"memory": judge_memory, "fds": judge_fds, "maps": judge_maps,
          "disk": judge_disk, "samples": judge_samples}


def table(looks):
    names = ("rss_kib", "fds", "entries", "files", "bytes", "removed", "lost")
    print("quarter" + "".join(f"{name:>10}" for name in names))
    for quarter in range(4):
        part = looks[len(looks) * quarter // 4:len(looks) * (quarter + 1) // 4]
        print(f"{quarter + 1:>7}" + "".join(f"{max(one[n] for one in part):>10}" for n in names))


def main():
    verb = sys.argv[1]
    if verb == "sample":
        sample(sys.argv[2], sys.argv[3:])
    with open(sys.argv[2], encoding="utf-8") as lines:
        looks = [json.loads(line) for line in lines]
    if verb == "table":
        table(looks)
        return
    problems = JUDGES[sys.argv[3]](looks)
    print("\n".join(problems))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
