# SPDX-License-Identifier: MIT
"""Pictures by gnuplot, each as SVG and as PNG."""
import math
import os
import subprocess

from kit.place import Missing
from kit.scenario import Bars, Curve, Latencies, Stack

COLOURS = {
    "stentor": "#0b7a75", "prosody": "#6e8898", "prosody-sqlite": "#a9bac4",
    "ejabberd": "#c8553d", "ejabberd-sqlite": "#e3a08f", "floor": "#2d2d2d",
}
LAYERS = ("#0b7a75", "#c8553d", "#e0b04c", "#4c78a8", "#8a5a83", "#6e8898", "#bbbbbb")
PARTS = (("p50", 50), ("p95", 95), ("p99", 99), ("p99_9", 99.9), ("max", 99.99))
GREY = "#666666"

# The key stands beside the plot, so that it never covers anything.
HEAD = """\
set title "{title}" font ",15" textcolor rgb "#222222"
set border 3 linecolor rgb "{grey}"
set tics nomirror textcolor rgb "#222222" font ",11"
set key outside right top vertical Left reverse samplen 1.5 spacing 1.15 font ",11" textcolor rgb "#222222"
set grid ytics linecolor rgb "#dddddd" linewidth 1 linetype 1
"""


def axis(picture):
    """The unit, and where the good end is."""
    return "%s  (%s is better)" % (picture.unit, "more" if picture.metric == "rate" else "less")


def quote(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def short(value):
    if value >= 1000:
        return "{:,.0f}".format(float("%.3g" % value))
    if value >= 100:
        return "%.0f" % value
    return "%.3g" % value


def bars(picture, summary, servers):
    """A group for each case; a bar for each server, with its figure above it."""
    cases = [(case, label) for case, label in picture.cases if case in summary]
    names = [name for name in servers
             if any(picture.metric in summary[case].get(name, {}) for case, _ in cases)]
    if not cases or not names:
        return None
    width = 0.84 / len(names)
    lines, plots, highest = [], [], 0
    for i, name in enumerate(names):
        rows = []
        for group, (case, _) in enumerate(cases):
            cell = summary[case].get(name, {}).get(picture.metric)
            if cell is None:
                continue
            x = group + (i - (len(names) - 1) / 2) * width
            value = cell["median"] * picture.scale
            high = cell["max"] * picture.scale
            highest = max(highest, high)
            rows.append("%g %g %g %g \"%s\"" % (x, value, cell["min"] * picture.scale, high,
                                               short(value)))
        lines.append("$bars%d << END\n%s\nEND" % (i, "\n".join(rows)))
        plots.append('$bars%d using 1:2:(%g) with boxes fillstyle solid 1 noborder linecolor rgb '
                     '"%s" title "%s"' % (i, width * 0.9, COLOURS.get(name, GREY),
                                          quote(servers[name])))
        plots.append('$bars%d using 1:3:(0):($4-$3) with vectors nohead linewidth 1.5 '
                     'linecolor rgb "#222222" notitle' % i)
        plots.append('$bars%d using 1:4:5 with labels offset 0,0.7 font ",10" textcolor rgb '
                     '"#222222" notitle' % i)
    tics = ", ".join('"%s" %d' % (quote(label), i) for i, (_, label) in enumerate(cases))
    lines += ['set ylabel "%s" textcolor rgb "#222222"' % quote(axis(picture)),
              "set xtics (%s) scale 0" % tics,
              "set xrange [-0.55:%g]" % (len(cases) - 0.45),
              "set yrange [0:%g]" % (highest * 1.18)]
    return lines + ["plot " + ", \\\n\t".join(plots)]


def latencies(picture, summary, servers):
    found = summary.get(picture.case, {})
    names = [name for name in servers if "latency.p50" in found.get(name, {})]
    if not names:
        return None
    lines, plots = [], []
    lowest, highest = math.inf, 0
    for i, name in enumerate(names):
        rows = []
        for place, (part, _) in enumerate(PARTS):
            cell = found[name]["latency." + part]
            rows.append("%d %g %g %g" % (place, cell["median"], cell["min"], cell["max"]))
            lowest, highest = min(lowest, cell["min"]), max(highest, cell["max"])
        lines.append("$parts%d << END\n%s\nEND" % (i, "\n".join(rows)))
        colour = COLOURS.get(name, GREY)
        plots.append('$parts%d using 1:2 with linespoints linewidth 2.5 pointtype 7 pointsize 0.9 '
                     'linecolor rgb "%s" title "%s"' % (i, colour, quote(servers[name])))
        plots.append('$parts%d using 1:3:(0):($4-$3) with vectors nohead linewidth 1.2 '
                     'linecolor rgb "%s" notitle' % (i, colour))
    labels = ("half", "95 %%", "99 %%", "99.9 %%", "the slowest")
    lines += ["set logscale y",
              'set ytics ("10 µs" 10, "100 µs" 100, "1 ms" 1e3, "10 ms" 1e4, "100 ms" 1e5, '
              '"1 s" 1e6, "10 s" 1e7)', "set mytics 10",
              "set xtics (%s) scale 0" % ", ".join('"%s" %d' % one for one in
                                                   zip(labels, range(len(labels)))),
              "set xrange [-0.3:%g]" % (len(PARTS) - 0.7),
              "set yrange [%g:%g]" % (lowest / 1.5, highest * 1.5),
              "set grid ytics mytics linecolor rgb \"#dddddd\", linecolor rgb \"#eeeeee\""]
    return lines + ["plot " + ", \\\n\t".join(plots)]


def curve(picture, summary, servers, xs):
    cases = [case for case in picture.cases if case in summary]
    names = [name for name in servers
             if sum(picture.metric in summary[case].get(name, {}) for case in cases) > 1]
    if not names:
        return None
    lines, plots, highest = [], [], 0
    for i, name in enumerate(names):
        rows = []
        for case in cases:
            cell = summary[case].get(name, {}).get(picture.metric)
            if cell is not None:
                rows.append("%g %g %g %g" % ((xs[case],) + tuple(
                    cell[which] * picture.scale for which in ("median", "min", "max"))))
                highest = max(highest, cell["max"] * picture.scale)
        lines.append("$curve%d << END\n%s\nEND" % (i, "\n".join(rows)))
        colour = COLOURS.get(name, GREY)
        plots.append('$curve%d using 1:2 with linespoints linewidth 2.5 pointtype 7 pointsize 0.9 '
                     'linecolor rgb "%s" title "%s"' % (i, colour, quote(servers[name])))
        plots.append('$curve%d using 1:3:(0):($4-$3) with vectors nohead linewidth 1.2 '
                     'linecolor rgb "%s" notitle' % (i, colour))
    places = sorted({xs[case] for case in cases})
    lines += ['set ylabel "%s" textcolor rgb "#222222"' % quote(axis(picture)),
              'set xlabel "%s" textcolor rgb "#222222"' % quote(picture.along),
              "set xtics (%s)" % ", ".join('"{:,.0f}" {:g}'.format(x, x) for x in places),
              "set xrange [0:%g]" % (places[-1] * 1.05),
              "set yrange [0:%g]" % (highest * 1.2)]
    return lines + ["plot " + ", \\\n\t".join(plots)]


def stack(picture, summary):
    cases = [(case, label) for case, label in picture.cases
             if picture.server in summary.get(case, {})]
    if not cases:
        return None
    below = [0.0] * len(cases)
    lines, plots = [], []
    for i, (metric, label) in enumerate(picture.metrics):
        rows = []
        for group, (case, _) in enumerate(cases):
            cell = summary[case][picture.server].get(metric)
            value = cell["median"] if cell else 0.0
            rows.append("%d %g %g %g" % (group, below[group], below[group] + value,
                                         below[group] + value / 2))
            below[group] += value
        colour = LAYERS[i % len(LAYERS)]
        lines.append("$layer%d << END\n%s\nEND" % (i, "\n".join(rows)))
        plots.append('$layer%d using 1:(0):($1-0.3):($1+0.3):2:3 with boxxyerror fillstyle solid 1 '
                     'noborder linecolor rgb "%s" title "%s"' % (i, colour, quote(label)))
        plots.append('$layer%d using 1:4:($3-$2 > %g ? sprintf("%%.0f", $3-$2) : "") with labels '
                     'font ",10" textcolor rgb "#ffffff" notitle' % (i, 0.02 * max(below)))
    tops = ["%d %g %s" % (group, top, short(top)) for group, top in enumerate(below)]
    lines.append("$tops << END\n%s\nEND" % "\n".join(tops))
    plots.append('$tops using 1:2:3 with labels offset 0,0.7 font ",11" textcolor rgb "#222222" '
                 'notitle')
    # The key in the order of the layers, seen from above.
    lines += ['set ylabel "%s" textcolor rgb "#222222"' % quote(picture.unit),
              "set xtics (%s) scale 0" % ", ".join('"%s" %d' % (quote(label), i)
                                                   for i, (_, label) in enumerate(cases)),
              "set xrange [-0.6:%g]" % (len(cases) - 0.4),
              "set yrange [0:%g]" % (max(below) * 1.15), "set key invert"]
    return lines + ["plot " + ", \\\n\t".join(plots)]


def script(picture, summary, servers, xs):
    """What gnuplot is told to draw; None when there is nothing to be drawn."""
    kinds = {Bars: lambda: bars(picture, summary, servers),
             Latencies: lambda: latencies(picture, summary, servers),
             Curve: lambda: curve(picture, summary, servers, xs),
             Stack: lambda: stack(picture, summary)}
    lines = kinds[type(picture)]()
    if lines is None:
        return None
    return HEAD.format(title=quote(picture.title), grey=GREY) + "\n".join(lines) + "\n"


def draw(scenarios, summary, servers, folder):
    """Draws what there is; returns the files' names.  `servers` is {name: title}."""
    drawn = []
    for scenario in scenarios:
        xs = {case.name: case.x for case in scenario.cases}
        for picture in scenario.pictures:
            text = script(picture, summary, servers, xs)
            if text is None:
                continue
            for kind, terminal in (
                    ("svg", 'svg size 960,480 font "DejaVu Sans,12" background "#ffffff" dynamic'),
                    ("png", 'pngcairo size 1200,600 font "DejaVu Sans,12" background "#ffffff"')):
                path = os.path.join(folder, "%s.%s" % (picture.file, kind))
                gnuplot("set encoding utf8\nset terminal %s\nset output \"%s\"\n%s" % (
                    terminal, quote(path), text))
                drawn.append(os.path.basename(path))
    return drawn


def gnuplot(text):
    try:
        done = subprocess.run(["gnuplot"], input=text, capture_output=True, text=True)
    except FileNotFoundError:
        raise Missing("there is no gnuplot") from None
    if done.returncode != 0:
        raise RuntimeError("gnuplot: %s\n%s" % (done.stderr.strip(), text))
