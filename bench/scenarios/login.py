# SPDX-License-Identifier: MIT
"""Logging in, 16 at once, over and over: STARTTLS, SCRAM-SHA-256, a resource, goodbye.  Full: with
the whole TLS handshake.  Resumed: with the ticket of the TLS session before.
"""
from kit.scenario import PEER, Bars, Case, Latencies, Scenario, Setup, Show, Target

ALL = ("stentor", "prosody", "prosody-sqlite", "ejabberd", "ejabberd-sqlite")
LOAD = ("login", "--parallel", "16", "--seconds", "4", "--warmup", "1.5")

SCENARIO = Scenario(
    name="login",
    title="Login: TLS, SCRAM-SHA-256, binding",
    about=__doc__,
    cases=(
        Case("login-full", "full handshake", LOAD, setup=Setup(accounts=200), servers=ALL),
        Case("login-resumed", "TLS resumed", LOAD + ("--tls-resume",), setup=Setup(accounts=200),
             servers=ALL),
    ),
    shows=(
        Show("cpu_us.total", "server CPU a login", "µs", ratios=True),
        Show("rate", "logins", "1/s", less=False),
        Show("latency.p50", "p50", "µs"),
        Show("latency.p99", "p99", "µs"),
        Show("resumed", "resumed", "", less=False),
        Show("generator_cpu", "generator", "cores"),
    ),
    targets=(
        Target("login, TLS and SCRAM-SHA-256, full handshake: CPU", "login-full", "cpu_us.total",
               900, unit="µs"),
        Target("the same against the better peer", "login-full", "cpu_us.total", 1 / 4, PEER),
    ),
    pictures=(
        Bars("login-cpu", "Login: the server's CPU time for each", "cpu_us.total", "ms",
             (("login-full", "full handshake"), ("login-resumed", "TLS resumed")), scale=0.001),
        Latencies("login-latency", "Login: how long one takes, 16 at once", "login-full"),
    ),
)
