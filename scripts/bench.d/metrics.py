# SPDX-License-Identifier: GPL-2.0
"""Which figures come out of one point? Pure: the generator's JSON and the model's
records of its regions go in, figures by name come out. None: nothing to measure.
"""

# What two runs of one point may differ by in the model; see scripts/README.md.
RESOLUTION = {"instructions": 0.001, "lines": 0.05, "writers": 0.05}

# Figures of each section in the order of the tables: name, what a reader calls it.
NAMES = {
    "instructions": [("instructions", "instructions, mean"), ("median", "instructions, median"),
                     ("steady", "mean, but for percpu memory"),
                     ("locked", "locked operations, mean")],
    "lines": [("transfers", "transfers per fault"),
              ("every_fault", "of them on every-fault lines"),
              ("insns", "instructions per fault")],
    "writers": [("faults", "faults"), ("writes", "writer's operations"),
                ("fault_p50", "fault p50"), ("fault_p99", "fault p99"), ("fault_max", "fault max"),
                ("write_p50", "writer p50"), ("write_p99", "writer p99"),
                ("write_max", "writer max")],
}
NAMES["wall"] = NAMES["writers"]
# An mm of 6.12 has percpu memory. What that costs depends on the place in its block, which is for
# a boot to decide, by where it has left holes: up to 300 instructions of a fork, in most of its runs.
PERCPU = ("pcpu_", "_find_next_bit", "_find_next_zero_bit", "_find_last_bit")
HOT_LINES = 3
SPARE_FAULTS, SPARE_SHARE = 16, 0.01


class Mismatch(Exception):
    """The generator and the model do not speak of the same thing."""


def of_wall(generated):
    writer = generated["writer"]
    latency = generated["latency_ns"]
    figures = {"faults": generated["faults_per_s"]}
    figures.update({f"fault_{name}": latency[name] / 1000 for name in ("p50", "p99", "max")})
    if writer:
        figures["writes"] = writer["ops_per_s"]
        figures.update({f"write_{name}": writer["latency_ns"][name] / 1000
                        for name in ("p50", "p99", "max")})
    return figures


def of_operation(generated, region):
    name = generated["op"]
    found = region.get("faults") if name == "fault" else region["ops"].get(name)
    if not found or found["count"] != generated["count"]:
        raise Mismatch(f"{name}: the model saw {found['count'] if found else 0} operations, "
                       f"{generated['count']} were done")
    figures = {"instructions": found["insns"], "median": found["insns_median"], "locked": found["locked"]}
    if name == "fork":
        figures["steady"] = found["insns"] - sum(function["op"] for function in region["functions"]
                                                 if function["name"].startswith(PERCPU))
    return figures


def of_lines(region):
    if region.get("lost"):
        raise Mismatch("the model lost lines: its tables are full")
    return {"transfers": region["transfers"], "every_fault": region["every_fault"]["transfers"],
            "insns": region["faults"]["insns"]}


def of_virtual(generated, region):
    figures = {"faults": region["faults"]["per_mtick"]}
    figures.update({f"fault_{name}": region["faults"]["ticks"][name]
                    for name in ("p50", "p99", "max")})
    if generated["writer"]:
        done = region["ops"].get(generated["writer"]["name"])
        figures["writes"] = done["per_mtick"] if done else 0
        if done:
            figures.update({f"write_{name}": done["ticks"][name] for name in ("p50", "p99", "max")})
    return figures


def check_faults(generated, regions):
    """Both counted the same faults, but for a few of the stack and the program itself."""
    seen = sum(region.get("faults", {}).get("count", 0) for region in regions)
    touched = generated["minor_faults"]
    if abs(seen - touched) > SPARE_FAULTS + touched * SPARE_SHARE:
        raise Mismatch(f"the model saw {seen} faults, the kernel counted {touched}")


def note(regions):
    """The lines that are fought for most, with their transfers per fault."""
    objects = regions[-1].get("objects", [])[:HOT_LINES] if regions else []
    return ", ".join(f"{one['name']} {one['transfers']:.2f}" for one in objects)


def choose(figure, runs):
    """Which runs of a point speak for a boot? All of them, the least, or the one with a quarter below it."""
    if not figure:
        return runs
    ordered = sorted(runs, key=lambda run: run[1].get("steady", run[1]["instructions"]))
    return [ordered[0 if figure == "least" else len(ordered) // 4]]


def of(section, generated, regions):
    """Of the point's last region: those before it were to get there."""
    if section == "wall":
        return of_wall(generated)
    for region in regions:
        if "error" in region:
            raise Mismatch(f"the model's region is void: {region['error']}")
    if section == "instructions":
        return of_operation(generated, regions[-1])
    check_faults(generated, regions)
    return of_lines(regions[-1]) if section == "lines" else of_virtual(generated, regions[-1])
