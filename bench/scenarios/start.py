# SPDX-License-Identifier: MIT
"""From exec until a client that says hello hears the stream's features: with no accounts, and with
100,000.  The accounts were there when the server was stopped; the disk's cache is warm.
"""
from kit.scenario import Bars, Case, Scenario, Setup, Show, Target

TIMES = 5
ALL = ("stentor", "prosody", "prosody-sqlite", "ejabberd", "ejabberd-sqlite")


def measure(case, name, bench):
    server = bench.instance(name, case.setup)
    server.kill()
    seconds = []
    for _ in range(TIMES):
        seconds.append(server.start())
        server.stop()
    seconds.sort()
    return {"seconds": seconds[TIMES // 2], "best": seconds[0], "worst": seconds[-1]}


SCENARIO = Scenario(
    name="start",
    title="Start: until it answers",
    about=__doc__,
    measure=measure,
    cases=(
        Case("start-0", "no accounts", setup=Setup(), servers=ALL, rounds=1),
        Case("start-100k", "100,000 accounts", setup=Setup(accounts=100000), servers=ALL, rounds=1,
             quick=False),
    ),
    shows=(Show("seconds", "until it answers", "s", ratios=True), Show("best", "best of 5", "s"),
           Show("worst", "worst", "s")),
    targets=(
        Target("start to accepting, 100,000 accounts", "start-100k", "seconds", 0.3, unit="s"),
    ),
    pictures=(
        Bars("start", "Start: from exec to the first answer", "seconds", "s",
             (("start-0", "no accounts"), ("start-100k", "100,000 accounts"))),
    ),
)
