# SPDX-License-Identifier: MIT
"""The storm after an outage: 202 accounts in two groups in which each is everybody's contact (rosters
of 100) log in, 16 at once; each fetches its roster, says that it is there, and hears who else
is.  That makes a hundred presences and probes for each login.
"""
from kit.scenario import Bars, Case, Scenario, Setup, Show

SCENARIO = Scenario(
    name="presence",
    title="Presence: a storm of logins, rosters of 100",
    about=__doc__,
    cases=(
        Case("presence", "202 logins, 100 contacts each",
             ("presence", "--roster", "100", "--parallel", "16"), users=202,
             setup=Setup(accounts=202, rosters=100), own=True,
             servers=("stentor", "prosody", "prosody-sqlite", "ejabberd", "ejabberd-sqlite"),
             rounds=2, quick=False),
    ),
    shows=(
        Show("cpu_us.total", "server CPU a login", "µs", ratios=True),
        Show("cpu_us_a_presence", "CPU a presence", "µs"),
        Show("seconds", "all of it", "s"),
        Show("latency.p99", "login p99", "µs"),
        Show("generator_cpu", "generator", "cores"),
    ),
    pictures=(
        Bars("presence-cpu", "Presence: the server's CPU time for each presence in a login storm",
             "cpu_us_a_presence", "µs", (("presence", "202 logins, 100 contacts"),)),
    ),
)
