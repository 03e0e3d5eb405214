# SPDX-License-Identifier: MIT
"""The report: a Markdown page with tables of medians, and what became of the targets."""
from kit import numbers


def digits(value):
    """Three are more than is known."""
    if abs(value) >= 1000:
        return "{:,.0f}".format(float("%.4g" % value))
    if abs(value) >= 100:
        return "%.0f" % value
    if abs(value) >= 10:
        return "%.1f" % value
    if abs(value) >= 1:
        return "%.2f" % value
    return "%.2g" % value


def figure(value, unit=""):
    if value is None:
        return "–"
    if unit == "B":
        return "%.1f KiB" % (value / 1024) if value < 2**20 else "%.0f MiB" % (value / 2**20)
    if unit == "":
        return "%d" % value if value == int(value) else digits(value)
    return "%s %s" % (digits(value), unit)


def spread(cell, unit):
    """Median, and from what to what."""
    text = figure(cell["median"], unit)
    if cell["rounds"] > 1 and cell["min"] != cell["max"]:
        ends = [figure(cell[end], unit) if unit in ("", "B") else digits(cell[end])
                for end in ("min", "max")]
        text += " (%s–%s)" % tuple(ends)
    return text


def times(ratio):
    if ratio is None:
        return "–"
    return ("%.3f×" if ratio < 0.1 else "%.2f×" if ratio < 10 else "%.0f×") % ratio


def row(cells):
    return "| " + " | ".join(cells) + " |"


def table(head, rows):
    return [row(head), row(["---"] * len(head))] + [row(cells) for cells in rows]


def limit_of(verdict):
    """"at most 1.0× the floor"."""
    def said(value):
        if verdict["unit"]:
            return figure(value, verdict["unit"])
        if value < 0.9 and abs(1 / value - round(1 / value)) < 1e-6:
            return "1/%d ×" % round(1 / value)
        return "%s×" % ("%.3g" % value)
    text = ("at most " if verdict["less"] else "at least ") + said(verdict["limit"])
    if verdict["at_most"]:
        text += " (bound %s)" % said(verdict["at_most"])
    return text


def against(verdict, titles):
    name = verdict["against"]
    return titles.get(name, name) or "itself"


def target_lines(verdicts, titles):
    rows = []
    for verdict in verdicts:
        value = verdict["value"]
        rows.append([
            verdict["text"], limit_of(verdict), against(verdict, titles),
            "–" if value is None else figure(value, verdict["unit"]) if verdict["unit"]
            else "%.3g×" % value,
            {numbers.MET: "met", numbers.TOLERATED: "within the bound",
             numbers.MISSED: "**missed**, by %s" % times(verdict["miss"])
             if verdict["miss"] else "**missed**"}.get(verdict["verdict"], verdict["verdict"])])
    return table(["target", "wanted", "compared with", "measured", "verdict"], rows)


def scenario_lines(scenario, summary, servers, samples):
    """A table for each case: a line for each server."""
    lines = ["## " + scenario.title, "", scenario.about.strip(), ""]
    for case in scenario.cases:
        found = summary.get(case.name, {})
        if not found:
            continue
        shows = [show for show in scenario.shows
                 if any(show.metric in metrics for metrics in found.values())]
        leading = next((show for show in shows if show.ratios), None)
        head = ["server"] + [show.title for show in shows]
        floor = "floor" in found
        if leading:
            head += (["to the floor"] if floor else []) + ["to the better peer"]
        rows = []
        for name in [name for name in servers if name in found]:
            cells = [servers[name]]
            cells += [spread(found[name][show.metric], show.unit)
                      if show.metric in found[name] else "–" for show in shows]
            if leading:
                if floor:
                    cells.append(times(numbers.ratio_to_floor(summary, case.name, name,
                                                              leading.metric)))
                cells.append(times(numbers.ratio_to_peer(summary, case.name, name, leading.metric,
                                                         leading.less)))
            rows.append(cells)
        rounds = max(cell["rounds"] for metrics in found.values() for cell in metrics.values())
        lines += ["**%s** (%s, %d %s)" % (case.name, case.about, rounds,
                                          "round" if rounds == 1 else "rounds"), ""]
        lines += table(head, rows) + [""]
    for picture in scenario.pictures:
        if any(case in summary for case in cases_of(picture)):
            lines += ["![%s](%s.png)" % (picture.title, picture.file), ""]
    if scenario.notes:
        lines += scenario.notes([one for one in samples
                                 if one["scenario"] == scenario.name]) + [""]
    return lines


def cases_of(picture):
    if hasattr(picture, "cases"):
        return [case if isinstance(case, str) else case[0] for case in picture.cases]
    return [picture.case]


def page(scenarios, samples, summary, verdicts, about, broken):
    """All of it.  `about` is {"date", "machine", "versions": {server: text}, "titles": {...},
    "rounds", "seconds", "load", "quick"}."""
    titles = about["titles"]
    lines = ["# What was measured", "",
             "Made by `./dev bench%s`; see [README.md](../README.md) for how, and for what it "
             "means." % (" --quick" if about.get("quick") else ""), "",
             "- when: %s; it took %d minutes, %d rounds" % (about["date"],
                                                            round(about["seconds"] / 60),
                                                            about["rounds"]),
             "- where: %s" % about["machine"],
             "- others on the machine: the load average was %s before and %s after" %
             tuple(about["load"]),
             "- what: " + "; ".join(about["versions"].values()), "",
             "Figures are medians of the rounds (with the lowest and the highest).  CPU is that of "
             "all threads and processes of a server.  Ratios are of medians; the better peer is, "
             "for each figure, the best of Prosody and ejabberd with whatever storage.", ""]
    if verdicts:
        lines += ["## Targets", ""] + target_lines(verdicts, titles) + [""]
        missed = numbers.misses(verdicts)
        if missed:
            lines += ["Missed, the biggest first:", ""]
            lines += ["%d. %s: %s" % (i, verdict["text"], times(verdict["miss"]))
                      for i, verdict in enumerate(missed, 1)] + [""]
    wrong = numbers.errors_of(samples)
    lines += ["## Errors", ""]
    if wrong:
        lines += table(["case", "server", "errors"],
                       [[case, titles.get(server, server),
                         ", ".join("%d %s" % (count, kind) for kind, count in counts.items())]
                        for case, server, counts in wrong])
    else:
        lines += ["No message was lost, duplicated or reordered, and nothing was refused."]
    if broken:
        lines += ["", "Not measured:", ""] + ["- %s, %s: %s" % one for one in broken]
    lines += [""]
    for scenario in scenarios:
        if any(case.name in summary for case in scenario.cases):
            lines += scenario_lines(scenario, summary, titles, samples)
    return "\n".join(lines).rstrip() + "\n"


