# SPDX-License-Identifier: MIT
"""From single measurements to medians, ratios and verdicts.

A sample is {"scenario", "case", "server", "round", "numbers": {metric: value}, "errors"}.
"""
import statistics

from kit.scenario import CASE, FLOOR, NOBODY, PEER

MET, TOLERATED, MISSED, UNKNOWN = "met", "within the limit", "missed", "not measured"


def family_of(server):
    """"prosody-sqlite" is a Prosody."""
    return server.split("-")[0]


def is_peer(server):
    return family_of(server) not in ("stentor", "floor")


def sum_up(samples):
    """{case: {server: {metric: {"median", "min", "max", "rounds"}}}}"""
    values = {}
    for sample in samples:
        metrics = values.setdefault(sample["case"], {}).setdefault(sample["server"], {})
        for metric, value in sample["numbers"].items():
            metrics.setdefault(metric, []).append(value)
    return {case: {server: {metric: {"median": statistics.median(all), "min": min(all),
                                     "max": max(all), "rounds": len(all)}
                            for metric, all in metrics.items()}
                   for server, metrics in servers.items()}
            for case, servers in values.items()}


def median(summary, case, server, metric):
    """None when it was not measured."""
    found = summary.get(case, {}).get(server, {}).get(metric)
    return found["median"] if found else None


def better_peer(summary, case, metric, less=True):
    """Name and median of the peer that does best, whatever it keeps its data in."""
    peers = [(median(summary, case, server, metric), server)
             for server in summary.get(case, {}) if is_peer(server)]
    peers = [peer for peer in peers if peer[0] is not None]
    if not peers:
        return None, None
    value, server = min(peers) if less else max(peers)
    return server, value


def ratio(value, other):
    return value / other if value is not None and other else None


def ratio_to_floor(summary, case, server, metric):
    return ratio(median(summary, case, server, metric), median(summary, case, "floor", metric))


def ratio_to_peer(summary, case, server, metric, less=True):
    return ratio(median(summary, case, server, metric),
                 better_peer(summary, case, metric, less)[1])


def judge(target, summary):
    """{"text", "limit", "value", "verdict", "miss", ...}; `miss` is by which factor it is not met,
    at most 1 when it is."""
    value = median(summary, target.case, target.server, target.metric)
    metric = target.other_metric or target.metric
    with_whom = target.against
    if target.against == FLOOR:
        value = ratio(value, median(summary, target.case, "floor", metric))
    elif target.against == PEER:
        name, best = better_peer(summary, target.case, metric, target.less or
                                 metric != target.metric)
        value = ratio(value, best)
        with_whom = name or target.against
    elif target.against == CASE:
        value = ratio(value, median(summary, target.other, target.server, metric))
        with_whom = target.other
    else:
        assert target.against == NOBODY, target.against
    verdict, miss = UNKNOWN, None
    if value is not None:
        value *= target.scale
        miss = value / target.limit if target.less else target.limit / value if value else None
        bound = target.at_most or target.limit
        if miss is not None and miss <= 1:
            verdict = MET
        elif (value <= bound) if target.less else (value >= bound):
            verdict = TOLERATED
        else:
            verdict = MISSED
    return {"text": target.text, "case": target.case, "metric": target.metric,
            "against": with_whom, "limit": target.limit, "at_most": target.at_most or None,
            "less": target.less, "unit": target.unit, "value": value, "verdict": verdict,
            "miss": miss}


def judge_all(targets, summary):
    return [judge(target, summary) for target in targets]


def misses(verdicts):
    """Those missed, the biggest first."""
    return sorted((verdict for verdict in verdicts if verdict["verdict"] == MISSED),
                  key=lambda verdict: -(verdict["miss"] or 0))


def errors_of(samples):
    """[(case, server, {"lost": n, ...})] of all measurements in which something went wrong."""
    wrong = {}
    for sample in samples:
        for kind, count in sample.get("errors", {}).items():
            if count:
                counts = wrong.setdefault((sample["case"], sample["server"]), {})
                counts[kind] = counts.get(kind, 0) + count
    return [(case, server, counts) for (case, server), counts in sorted(wrong.items())]
