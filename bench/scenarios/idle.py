# SPDX-License-Identifier: MIT
"""Sessions over TLS that have logged in, are present, and do nothing.  The server is started for
each case; its resident memory is looked at before the first connection and again when all are
there and some seconds have passed.  CPU is what it uses while nobody does anything.  Where a process
may not have files enough for all, there are as many as it may have.
"""
from kit.scenario import PEER, Bars, Case, Curve, Scenario, Setup, Show, Target


FILES = 500  # that a server wants besides sessions


def measure(case, name, bench):
    server = bench.up(name, case.setup)
    try:
        return bench.load(server, *case.load, tls=case.tls,
                          users=min(case.users, bench.place.files - FILES))
    finally:
        bench.down(server)


def case(count, **more):
    # From several addresses: one has too few ports for all.
    return Case("idle-%dk" % (count // 1000), "%d,000 sessions" % (count // 1000),
                ("idle", "--parallel", "64", "--settle", "4", "--seconds", "4", "--sources", "50",
                 "--patience", "30"),
                users=count, setup=Setup(accounts=20000), x=count, own=True,
                servers=("stentor", "prosody", "ejabberd"), **more)


SCENARIO = Scenario(
    name="idle",
    title="Idle: sessions that do nothing",
    about=__doc__,
    measure=measure,
    cases=(case(1000, rounds=2), case(10000, rounds=1, quick=False),
           case(20000, rounds=1, quick=False)),
    shows=(
        Show("memory.rss_a_session", "RSS a session", "B", ratios=True),
        Show("memory.rss_after", "RSS in all", "B"),
        Show("sessions", "sessions", ""),
        Show("server_cpu", "CPU when idle", "cores"),
        Show("entering.cpu_us", "CPU a login", "µs"),
    ),
    targets=(
        Target("idle TLS session, 10,000 of them: RSS", "idle-10k", "memory.rss_a_session",
               13.5 * 1024, unit="B"),
        Target("the same against the better peer", "idle-10k", "memory.rss_a_session", 1 / 3, PEER),
    ),
    pictures=(
        Bars("idle-memory", "Idle: resident memory of each TLS session", "memory.rss_a_session",
             "KiB", (("idle-1k", "1,000"), ("idle-10k", "10,000"), ("idle-20k", "20,000")),
             scale=1 / 1024),
        Curve("idle-sessions", "Idle: resident memory against the number of sessions",
              "memory.rss_after", "MiB", ("idle-1k", "idle-10k", "idle-20k"), "sessions",
              scale=1 / 1024 / 1024),
    ),
)
