# SPDX-License-Identifier: GPL-2.0
"""The same figures as pictures, drawn by gnuplot. The scripts are pure text and
stay beside the pictures, with their data in them.
"""

import subprocess

import stats

COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860")
HEAD = """set terminal svg size {width},{height} font 'sans,12' background '#ffffff'
set output '{name}.svg'
set grid ytics lc '#dddddd'
set key outside top center horizontal
"""


def block(name, lines):
    return f"${name} << END\n" + "".join(f"{line}\n" for line in lines) + "END\n"


def bounds(values):
    return f"{stats.median(values)} {min(values)} {max(values)}"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def lines_script(results, labels):
    """Transfers per fault over the number of CPUs, a panel for each way to lay out memory."""
    keys = results.points("lines")
    layouts = list(dict.fromkeys(key[2] for key in keys))
    top = max(max(results.values(key, "transfers", label), default=0)
              for key in keys for label in labels)
    out = [HEAD.format(width=380 * len(layouts), height=400, name="lines"),
           f"set logscale x 2\nset xlabel 'vCPUs'\nset yrange [0:{1.1 * top}]\n"]
    plots = []
    for number, layout in enumerate(layouts):
        curves = []
        for index, label in enumerate(labels):
            data = [f"{key[1]} {bounds(values)}" for key in keys if key[2] == layout
                    for values in [results.values(key, "transfers", label)] if values]
            if not data:
                continue
            out.append(block(f"d{number}_{index}", data))
            curves.append(f"$d{number}_{index} using 1:2:3:4 with yerrorlines pt 7 ps 0.5 lw 2 "
                          f"lc rgb '{COLOURS[index % len(COLOURS)]}' title {quoted(label)}")
        plots.append(f"set title '{layout}'\nplot " + ", ".join(curves) + "\n")
    out.append(f"set ylabel 'transfers per fault'\nset multiplot layout 1,{len(layouts)}\n")
    return "".join(out + plots + ["unset multiplot\n"])


def bars_script(results, labels, section, panels):
    """Panels of bars: a group for each point, a bar for each row, the range as a whisker."""
    keys = results.points(section)
    out = [HEAD.format(width=200 + 70 * max(6, len(keys)), height=330 * len(panels), name=section),
           "set style data histogram\nset style histogram errorbars gap 1.5 lw 1\n"
           "set style fill solid 0.9\nset boxwidth 0.9\nset bars 0.4\nset xtics rotate by -30\n"
           "set logscale y\n",
           f"set multiplot layout {len(panels)},1\n"]
    for number, (metric, title) in enumerate(panels):
        data = []
        for key in keys:
            values = [results.values(key, metric, label) for label in labels]
            if all(values):
                data.append(" ".join([quoted(key[2]).replace("'", '"'), *map(bounds, values)]))
        if not data:
            continue
        out.append(block(f"d{number}", data))
        bars = [f"$d{number} using {2 + 3 * i}:{3 + 3 * i}:{4 + 3 * i}:xtic(1) "
                f"lc rgb '{COLOURS[i % len(COLOURS)]}' title {quoted(label)}"
                for i, label in enumerate(labels)]
        out.append(f"set title {quoted(title)}\nplot " + ", ".join(bars) + "\n")
    return "".join(out + ["unset multiplot\n"])


WRITER_PANELS = (("faults", "faults {unit}"), ("writes", "writer operations {unit}"),
                 ("fault_p99", "p99 of a fault, {time}"))


def scripts(results, labels):
    """Name of each picture and the gnuplot script that draws it."""
    found = {}
    sections = {key[0] for key in results.figures}
    if "lines" in sections:
        found["lines"] = lines_script(results, labels)
    if "instructions" in sections:
        found["instructions"] = bars_script(
            results, labels, "instructions",
            (("instructions", "kernel instructions of an operation"),
             ("locked", "locked operations")))
    for section, unit, time in (("writers", "per million ticks", "ticks"),
                                ("wall", "per second", "us")):
        if section in sections:
            found[section] = bars_script(
                results, labels, section,
                [(metric, title.format(unit=unit, time=time))
                 for metric, title in WRITER_PANELS])
    return found


def draw(results, labels, folder):
    """Returns the pictures' files; raises FileNotFoundError without gnuplot."""
    drawn = []
    for name, script in scripts(results, labels).items():
        (folder / f"{name}.gnuplot").write_text(script)
        subprocess.run(["gnuplot", f"{name}.gnuplot"], cwd=folder, check=True,
                       capture_output=True, text=True)
        drawn.append(folder / f"{name}.svg")
    return drawn
