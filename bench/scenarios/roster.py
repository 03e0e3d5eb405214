# SPDX-License-Identifier: MIT
"""Fetching rosters of 100 contacts, each of 101 sessions asking again as soon as it has its answer.
Clients do not say which version they have, so that all of it is sent each time.
"""
from kit.scenario import Bars, Case, Scenario, Setup, Show

SCENARIO = Scenario(
    name="roster",
    title="Roster: fetching 100 contacts",
    about=__doc__,
    cases=(
        Case("roster", "101 sessions, 100 contacts each",
             ("roster", "--roster", "100", "--seconds", "4", "--warmup", "1"), users=101,
             setup=Setup(accounts=202, rosters=100),
             servers=("stentor", "prosody", "prosody-sqlite", "ejabberd", "ejabberd-sqlite"),
             rounds=2, quick=False),
    ),
    shows=(
        Show("cpu_us.total", "server CPU a roster", "µs", ratios=True),
        Show("rate", "rosters", "1/s", less=False),
        Show("latency.p50", "p50", "µs"),
        Show("latency.p99", "p99", "µs"),
        Show("generator_cpu", "generator", "cores"),
    ),
    pictures=(
        Bars("roster-cpu", "Roster: the server's CPU time for each of 100 contacts", "cpu_us.total",
             "µs", (("roster", "100 contacts"),)),
    ),
)
