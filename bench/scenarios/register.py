# SPDX-License-Identifier: MIT
"""Making accounts in-band (XEP-0077) over TLS, 8 at once, each on a connection of its own.  A server
that is asked this hashes a password some thousand times; how often is its own choice: Stentor
keeps three hashes (SHA-1, SHA-256, SHA-512), the others one.
"""
from kit.scenario import Bars, Case, Scenario, Setup, Show

ACCOUNTS = 200


def measure(case, name, bench):
    """Names are new each time."""
    server = bench.up(name, case.setup)
    server.registered = getattr(server, "registered", 0) + ACCOUNTS
    return bench.load(server, *case.load, "--first", server.registered, users=ACCOUNTS,
                      tls=case.tls)


SCENARIO = Scenario(
    name="register",
    title="Register: making accounts in-band",
    about=__doc__,
    measure=measure,
    cases=(
        Case("register", "200 accounts", ("register", "--parallel", "8"),
             setup=Setup(registration=True),
             servers=("stentor", "prosody", "prosody-sqlite", "ejabberd", "ejabberd-sqlite")),
    ),
    shows=(
        Show("cpu_us.total", "server CPU an account", "µs", ratios=True),
        Show("rate", "accounts", "1/s", less=False),
        Show("latency.p50", "p50", "µs"),
        Show("latency.p99", "p99", "µs"),
        Show("generator_cpu", "generator", "cores"),
    ),
    pictures=(
        Bars("register-cpu", "Register: the server's CPU time for each account", "cpu_us.total",
             "ms", (("register", "200 accounts"),), scale=0.001),
    ),
)
