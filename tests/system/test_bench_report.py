#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The bench's other half: scenarios that are whole, and a report that is right for samples whose
medians, ratios and verdicts are known."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import shutil
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(HERE, "..", "..", "bench")
sys.path.insert(0, BENCH)
from kit import numbers, pictures, report  # noqa: E402
from kit.bench import Bench, load_scenarios, load_servers  # noqa: E402
from kit.scenario import CASE, FLOOR, PEER, Bars, Case, Curve, Latencies, Scenario, Setup, \
    Show, Stack, Target, flatten  # noqa: E402

TMP = os.environ.get("TMP", "/tmp")
TITLES = {"stentor": "Stentor", "prosody": "Prosody", "prosody-sqlite": "Prosody, SQLite",
          "ejabberd": "ejabberd", "floor": "relay floor"}


def sample(case, server, number, **values):
    errors = values.pop("errors", {})
    return {"scenario": "chat", "case": case, "server": server, "round": number,
            "numbers": values, "errors": errors}


def samples():
    """Three rounds of two cases, the second of them noisy."""
    made = []
    for number, (stentor, floor, prosody, sqlite, ejabberd) in enumerate(
            [(12, 10, 200, 160, 180), (11, 10, 210, 150, 170), (90, 11, 190, 170, 190)], 1):
        made += [sample("few", "stentor", number, cpu=stentor, p99=90 + number, rate=100),
                 sample("few", "floor", number, cpu=floor),
                 sample("few", "prosody", number, cpu=prosody, p50=80, rate=10),
                 sample("few", "prosody-sqlite", number, cpu=sqlite, p50=50, rate=11),
                 sample("few", "ejabberd", number, cpu=ejabberd, p50=200, rate=25)]
    made += [sample("many", "stentor", 1, cpu=15, rate=130, errors={"lost": 2, "failed": 0}),
             sample("many", "stentor", 2, cpu=18, rate=150, errors={"lost": 1, "failed": 0})]
    return made


def target(limit, against="", **more):
    more.setdefault("case", "few")
    more.setdefault("metric", "cpu")
    return Target(text="a target", limit=limit, against=against, **more)


class Numbers(unittest.TestCase):
    def setUp(self):
        self.summary = numbers.sum_up(samples())

    def judged(self, *words, **more):
        verdict = numbers.judge(target(*words, **more), self.summary)
        return verdict["verdict"], verdict["value"]

    def test_medians_are_not_moved_by_one_bad_round(self):
        self.assertEqual(self.summary["few"]["stentor"]["cpu"],
                         {"median": 12, "min": 11, "max": 90, "rounds": 3})
        self.assertEqual(self.summary["many"]["stentor"]["cpu"]["median"], 16.5)

    def test_the_better_peer_may_be_any_storage_and_never_the_floor(self):
        self.assertEqual(numbers.better_peer(self.summary, "few", "cpu"), ("prosody-sqlite", 160))
        self.assertEqual(numbers.better_peer(self.summary, "few", "rate", less=False),
                         ("ejabberd", 25))
        self.assertEqual(numbers.better_peer(self.summary, "many", "cpu"), (None, None))

    def test_ratios(self):
        self.assertAlmostEqual(numbers.ratio_to_floor(self.summary, "few", "stentor", "cpu"), 1.2)
        self.assertAlmostEqual(numbers.ratio_to_peer(self.summary, "few", "stentor", "cpu"),
                               0.075)
        self.assertIsNone(numbers.ratio_to_floor(self.summary, "many", "stentor", "cpu"))

    def test_a_target_may_be_met_within_its_bound_or_missed(self):
        self.assertEqual(self.judged(1.2, FLOOR)[0], numbers.MET)
        self.assertEqual(self.judged(1.0, FLOOR, at_most=1.25)[0], numbers.TOLERATED)
        self.assertEqual(self.judged(1.0, FLOOR, at_most=1.15)[0], numbers.MISSED)
        self.assertEqual(self.judged(1.0, FLOOR)[0], numbers.MISSED)

    def test_a_target_may_be_a_number(self):
        self.assertEqual(self.judged(12, unit="µs"), (numbers.MET, 12))
        self.assertEqual(self.judged(11.9, unit="µs"), (numbers.MISSED, 12))

    def test_a_target_may_compare_with_another_metric_of_the_peer(self):
        self.assertEqual(self.judged(1.0, PEER, metric="p99", other_metric="p50"),
                         (numbers.MISSED, 92 / 50))
        self.assertEqual(self.judged(2.0, PEER, metric="p99", other_metric="p50")[0], numbers.MET)

    def test_a_target_may_compare_with_another_case(self):
        self.assertEqual(self.judged(1.4, CASE, case="many", other="few"),
                         (numbers.MET, 16.5 / 12))

    def test_more_may_be_better(self):
        self.assertEqual(self.judged(1.8, CASE, case="many", other="few", metric="rate",
                                     less=False), (numbers.MISSED, 1.4))
        self.assertEqual(self.judged(1.8, CASE, case="many", other="few", metric="rate",
                                     less=False, scale=2), (numbers.MET, 2.8))

    def test_what_was_not_measured_is_no_success(self):
        self.assertEqual(self.judged(1.0, FLOOR, case="many"), (numbers.UNKNOWN, None))
        self.assertEqual(self.judged(1.0, case="none", unit="s"), (numbers.UNKNOWN, None))

    def test_the_biggest_miss_comes_first(self):
        verdicts = numbers.judge_all([target(1.0, FLOOR), target(50), target(2), target(6)],
                                     self.summary)
        self.assertEqual([round(verdict["miss"], 1) for verdict in numbers.misses(verdicts)],
                         [6, 2, 1.2])

    def test_errors_are_added_up(self):
        self.assertEqual(numbers.errors_of(samples()), [("many", "stentor", {"lost": 3})])

    def test_only_numbers_are_taken_from_a_result(self):
        self.assertEqual(flatten({"cpu_us": {"total": 1.5, "user": 1}, "tls": "TLS1.3",
                                  "ok": True, "none": None, "count": 3}),
                         {"cpu_us.total": 1.5, "cpu_us.user": 1, "count": 3})


class Report(unittest.TestCase):
    SCENARIO = Scenario(
        name="chat", title="Chat", about="People talk.",
        cases=(Case("few", "few of them", x=2), Case("many", "many of them", x=50),
               Case("none", "nobody")),
        shows=(Show("cpu", "CPU", "µs", ratios=True), Show("rate", "messages", "1/s")),
        targets=(target(1.0, FLOOR, at_most=1.25), target(1 / 8, PEER), target(10, unit="µs"),
                 target(1, case="none", unit="s")),
        pictures=(Bars("bars", "CPU", "cpu", "µs", (("few", "few"), ("many", "many"),
                                                    ("none", "none"))),
                  Curve("curve", "CPU by count", "cpu", "µs", ("few", "many"), "sessions"),
                  Latencies("latencies", "Latencies", "few"),
                  Stack("stack", "Both", "µs", (("cpu", "CPU"), ("p99", "p99")),
                        (("few", "few"), ("none", "none")))),
        notes=lambda samples: ["%d samples" % len(samples)])

    def setUp(self):
        self.samples = samples()
        for one in self.samples:
            if one["server"] == "stentor" and one["case"] == "few":
                one["numbers"].update({"latency.p50": 5, "latency.p95": 6, "latency.p99": 8,
                                       "latency.p99_9": 9, "latency.max": 20})
        self.summary = numbers.sum_up(self.samples)
        self.about = {"date": "2026-01-02 03:04", "machine": "a machine", "rounds": 3,
                      "seconds": 130, "load": ["0.1", "0.2"], "quick": False,
                      "versions": {"stentor": "stentord 9"}, "titles": TITLES}
        verdicts = numbers.judge_all(self.SCENARIO.targets, self.summary)
        self.page = report.page([self.SCENARIO], self.samples, self.summary, verdicts, self.about,
                                [("few", "ejabberd", "it ended")])

    def rows(self, first):
        return [[cell.strip() for cell in line.strip("|").split("|")]
                for line in self.page.splitlines() if line.startswith("| " + first)]

    def test_the_table_has_medians_spreads_and_ratios(self):
        few, many = self.rows("Stentor |")
        self.assertEqual(few, ["Stentor", "12.0 µs (11.0–90.0)", "100 1/s", "1.20×", "0.075×"])
        self.assertEqual(many, ["Stentor", "16.5 µs (15.0–18.0)", "140 1/s (130–150)", "–"])
        self.assertEqual(self.rows("Prosody |")[0],
                         ["Prosody", "200 µs (190–210)", "10.0 1/s", "20×", "1.25×"])
        self.assertEqual(self.rows("relay floor |")[0][2], "–")

    def test_targets_have_verdicts(self):
        rows = self.rows("a target |")
        self.assertEqual([row[1:] for row in rows], [
            ["at most 1× (bound 1.25×)", "the floor", "1.2×", "within the bound"],
            ["at most 1/8 ×", "Prosody, SQLite", "0.075×", "met"],
            ["at most 10.0 µs", "itself", "12.0 µs", "**missed**, by 1.20×"],
            ["at most 1.00 s", "itself", "–", "not measured"]])
        self.assertIn("1. a target: 1.20×", self.page)
        self.assertIn("%d samples" % len(self.samples), self.page)

    def test_errors_and_failures_are_told(self):
        self.assertEqual(self.rows("many |"), [["many", "Stentor", "3 lost"]])
        self.assertIn("- few, ejabberd, it ended", self.page.replace(": it ended", ", it ended"))
        self.assertNotIn("No message was lost", self.page)

    def test_a_clean_run_says_so(self):
        clean = [one for one in self.samples if one["case"] == "few"]
        page = report.page([self.SCENARIO], clean, numbers.sum_up(clean), [], self.about, [])
        self.assertIn("No message was lost", page)

    def test_pictures_show_what_was_measured(self):
        xs = {case.name: case.x for case in self.SCENARIO.cases}
        bars, curve, latencies, stack = (pictures.script(picture, self.summary, TITLES, xs)
                                  for picture in self.SCENARIO.pictures)
        self.assertIn(' 12 11 90 "12"', bars)
        self.assertIn('set xtics ("few" 0, "many" 1)', bars)
        self.assertIn("\n2 12 11 90\n50 16.5 15 18\n", curve)
        self.assertIn("\n0 5 5 5\n", latencies)
        self.assertNotIn("Prosody", latencies)
        self.assertIn("\n0 0 12 6\n", stack)
        self.assertIn("\n0 12 104 58\n", stack)
        self.assertIn("\n0 104 104\n", stack)

    def test_what_was_not_measured_is_not_drawn(self):
        self.assertIsNone(pictures.script(Bars("b", "t", "cpu", "µs", (("none", "none"),)),
                                          self.summary, TITLES, {}))

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_pictures_are_drawn(self):
        drawn = pictures.draw([self.SCENARIO], self.summary, TITLES, TMP)
        self.assertEqual(sorted(drawn), ["bars.png", "bars.svg", "curve.png", "curve.svg",
                                         "latencies.png", "latencies.svg", "stack.png",
                                         "stack.svg"])
        for name in drawn:
            with open(os.path.join(TMP, name), "rb") as f:
                head = f.read(200)
            self.assertTrue(head.startswith(b"\x89PNG") or b"<svg" in head, name)


class Scenarios(unittest.TestCase):
    def setUp(self):
        self.scenarios, self.servers = load_scenarios(BENCH), load_servers(BENCH)

    def test_there_is_one_for_each_thing_to_be_measured(self):
        self.assertLessEqual({"login", "register", "idle", "chat", "presence", "roster", "start",
                              "shards", "instructions"}, set(self.scenarios))
        self.assertLessEqual({"stentor", "prosody", "prosody-sqlite", "ejabberd",
                              "ejabberd-sqlite", "floor"}, set(self.servers))

    def test_names_are_given_once(self):
        names = [case.name for scenario in self.scenarios.values() for case in scenario.cases]
        self.assertEqual(len(names), len(set(names)))
        files = [picture.file for scenario in self.scenarios.values()
                 for picture in scenario.pictures]
        self.assertEqual(len(files), len(set(files)))

    def test_what_they_name_is_there(self):
        for scenario in self.scenarios.values():
            cases = {case.name: case for case in scenario.cases}
            for case in scenario.cases:
                self.assertLessEqual(set(case.servers), set(self.servers), case.name)
                self.assertTrue(case.load or scenario.measure, case.name)
            for goal in scenario.targets:
                self.assertIn(goal.case, cases)
                self.assertIn(goal.server, cases[goal.case].servers)
                if goal.against == FLOOR:
                    self.assertIn("floor", cases[goal.case].servers)
                if goal.against == CASE:
                    self.assertIn(goal.other, cases)
            for picture in scenario.pictures:
                self.assertLessEqual(set(report.cases_of(picture)), set(cases), picture.file)

    def test_each_server_has_what_a_scenario_needs(self):
        for name, server in self.servers.items():
            self.assertEqual(server.name, name)
            self.assertTrue(server.__doc__ or sys.modules[server.__module__].__doc__)
            self.assertIn(server.family, ("stentor", "prosody", "ejabberd", "floor"))
            self.assertEqual(numbers.family_of(name), server.family)


class Measuring(unittest.TestCase):
    """Rounds, without servers."""

    def run_with(self, servers, wanted=None, rounds=2, fail=(), quick=False, seconds=None):
        asked = []

        def measure(case, name, bench):
            asked.append((case.name, name))
            if name in fail:
                raise RuntimeError("no luck\nat all")
            return {"cpu_us": {"total": 5}, "errors": {"lost": 1}}

        scenario = Scenario("s", "S", "", measure=measure, cases=(
            Case("a", "", servers=("stentor", "prosody", "floor")),
            Case("b", "", servers=("stentor",), rounds=1, quick=False)))
        bench = Bench(None, dict.fromkeys(servers), wanted, say=lambda text: None)
        bench.run([scenario], rounds, quick, seconds)
        return bench, asked

    def test_servers_take_turns_in_each_round(self):
        _, asked = self.run_with(("stentor", "prosody", "ejabberd", "floor"))
        self.assertEqual(asked, [("a", "stentor"), ("a", "prosody"), ("a", "floor"),
                                 ("b", "stentor"),
                                 ("a", "stentor"), ("a", "prosody"), ("a", "floor")])

    def test_the_floor_is_always_measured(self):
        _, asked = self.run_with(("stentor", "prosody", "floor"), wanted=["stentor"], rounds=1)
        self.assertEqual(asked, [("a", "stentor"), ("a", "floor"), ("b", "stentor")])

    def test_a_quick_run_leaves_cases_out(self):
        _, asked = self.run_with(("stentor",), rounds=1, quick=True)
        self.assertEqual(asked, [("a", "stentor")])

    def test_when_time_is_up_what_was_not_measured_yet_still_is(self):
        _, asked = self.run_with(("stentor",), rounds=9, seconds=0)
        self.assertEqual(asked, [("a", "stentor"), ("b", "stentor")])

    def test_samples_are_kept_and_failures_do_not_end_the_run(self):
        bench, _ = self.run_with(("stentor", "prosody"), rounds=1, fail=("prosody",))
        self.assertEqual([(one["case"], one["server"], one["numbers"], one["errors"])
                          for one in bench.samples],
                         [("a", "stentor", {"cpu_us.total": 5}, {"lost": 1}),
                          ("b", "stentor", {"cpu_us.total": 5}, {"lost": 1})])
        self.assertEqual(bench.broken, [("a", "prosody", "no luck")])


class Instructions(unittest.TestCase):
    def test_costs_are_told_apart_by_room(self):
        from kit import callgrind
        path = os.path.join(TMP, "callgrind.out.1")
        with open(path, "w") as f:
            f.write("version: 1\nevents: Ir\n\n"
                    "ob=(1) /x/stentord\nfl=(1) /x/src/xml/parser.c\nfn=(1) parser_feed\n"
                    "10 100\n+2 50\nfi=(2) /x/src/base/arena.h\n7 30\nfe=(1)\n"
                    "cob=(2) /lib/libexpat.so.1\ncfi=(3) ???\ncfn=(2) XML_Parse\ncalls=3 0\n"
                    "11 9000\n12 20\n\n"
                    "ob=(2)\nfl=(3)\nfn=(2)\n0 9000\n\n"
                    "ob=(1)\nfl=(4) /x/src/core/router.c\nfn=(3) router_take\n* 400\n-3 1\n")
        costs = callgrind.read(path)
        self.assertEqual(sum(costs.values()), 100 + 50 + 30 + 20 + 9000 + 400 + 1)
        self.assertEqual(costs[("/x/stentord", "/x/src/base/arena.h", "parser_feed")], 30)
        self.assertEqual(costs[("/x/stentord", "/x/src/xml/parser.c", "parser_feed")], 170)
        rooms = callgrind.by_part(costs)
        self.assertEqual(rooms["parse"], 170 + 9000)
        self.assertEqual(rooms["route"], 401)
        self.assertEqual(sum(rooms.values()), sum(costs.values()))

    def test_every_place_has_its_part(self):
        from kit import callgrind
        for part, place in (
                ("parse", ("/b/stentord", "/s/src/xml/element.c", "f")),
                ("serialise", ("/b/stentord", "/s/src/xml/writer.c", "f")),
                ("serialise", ("/b/stentord", "/s/src/base/wire.c", "f")),
                ("route", ("/b/stentord", "/s/src/stream/client.c", "f")),
                ("route", ("/b/modules/.libs/mod_offline.so", "/s/modules/mod_offline.c", "f")),
                ("TLS", ("/usr/lib/libgnutls.so.30", "???", "f")),
                ("TLS", ("/usr/lib/libnettle.so.8", "???", "f")),
                ("TLS", ("/b/stentord", "/s/src/net/link.c", "f")),
                ("loop", ("/usr/lib/libevent_core-2.1.so.7", "???", "f")),
                ("loop", ("/b/stentord", "/s/src/loop/shard.c", "f")),
                ("memory", ("/lib/libc.so.6", "???", "malloc")),
                ("memory", ("/lib/libc.so.6", "???", "__memcpy_avx_unaligned_erms")),
                ("rest", ("/lib/libc.so.6", "???", "qsort"))):
            self.assertEqual(callgrind.part_of(*place), part, place)


class Program(unittest.TestCase):
    def program(self, *words):
        loader = importlib.machinery.SourceFileLoader("bench_run", os.path.join(BENCH, "run"))
        module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
        loader.exec_module(module)
        said, before = io.StringIO(), sys.argv
        sys.argv = ["run", *words]
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                code = module.main()
        finally:
            sys.argv = before
        return code, said.getvalue()

    def test_it_lists_what_there_is(self):
        code, said = self.program("--list")
        self.assertEqual(code, 0)
        self.assertIn("\n    chat-tls-200 ", said)

    def test_unknown_names_are_refused(self):
        self.assertEqual(self.program("chatt")[0], 2)
        self.assertEqual(self.program("--servers", "stentor,openfire", "chat")[0], 2)

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not installed")
    def test_a_report_is_written_anew_from_what_was_measured(self):
        folder = os.path.join(TMP, "results")
        os.makedirs(folder, exist_ok=True)
        made = [{"scenario": "login", "case": "login-full", "server": server, "round": 1,
                 "numbers": {"cpu_us.total": cost}, "errors": {}, "said": {}}
                for server, cost in (("stentor", 800), ("prosody", 4000))]
        about = {"date": "d", "machine": "m", "rounds": 1, "seconds": 60, "load": ["0", "0"],
                 "quick": True, "versions": {}, "titles": TITLES}
        with open(os.path.join(folder, "raw.json"), "w") as f:
            json.dump({"about": about, "samples": made, "broken": []}, f)
        code, said = self.program("--again", "--results", folder)
        self.assertEqual(code, 0, said)
        with open(os.path.join(folder, "summary.json")) as f:
            summary = json.load(f)
        self.assertEqual([verdict["verdict"] for verdict in summary["targets"]], ["met", "met"])
        self.assertAlmostEqual(summary["targets"][1]["value"], 0.2)
        self.assertTrue(os.path.exists(os.path.join(folder, "login-cpu.png")))


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
