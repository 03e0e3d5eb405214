# SPDX-License-Identifier: MIT
"""One to one: pairs of accounts that send each other messages with a body of 100 bytes.

Saturated: each pair has 4 messages under way, so there is always something to do, and several
messages may be ready at once.  At a rate: 2,000 messages a second in all, on a clock, so there is
nothing to batch; latency is counted from when a message was to be sent.
"""
from kit.scenario import CASE, FLOOR, PEER, Bars, Case, Curve, Latencies, Scenario, Setup, Show, \
    Target

SATURATED = ("chat", "--window", "4", "--body", "100")
RATE = ("chat", "--rate", "2000", "--body", "100")
FEW, MANY = 200, 5000


def case(name, about, load, users, plain=False, seconds=4, warmup=1, **more):
    return Case(name=name, about=about, users=users, tls="none" if plain else "starttls",
                load=load + ("--seconds", str(seconds), "--warmup", str(warmup)),
                setup=Setup(accounts=MANY, plain=plain), x=users, **more)


SCENARIO = Scenario(
    name="chat",
    title="Chat: messages from one to one",
    about=__doc__,
    cases=(
        case("chat-tls-200", "TLS, 200 sessions, saturated", SATURATED, FEW),
        case("chat-tls-200-rate", "TLS, 200 sessions, 2,000 messages a second", RATE, FEW),
        case("chat-tls-5000", "TLS, 5,000 sessions, saturated", SATURATED, MANY, warmup=2,
             quick=False),
        case("chat-tls-5000-rate", "TLS, 5,000 sessions, 2,000 messages a second", RATE, MANY,
             warmup=3, quick=False, rounds=1),
        case("chat-plain-200", "plain, 200 sessions, saturated", SATURATED, FEW, plain=True),
        case("chat-plain-200-rate", "plain, 200 sessions, 2,000 messages a second", RATE, FEW,
             plain=True, quick=False),
    ),
    shows=(
        Show("cpu_us.total", "server CPU a message", "µs", ratios=True),
        Show("rate", "messages", "1/s", less=False),
        Show("latency.p50", "p50", "µs"),
        Show("latency.p99", "p99", "µs"),
        Show("latency.p99_9", "p99.9", "µs"),
        Show("cpu_us.user", "of CPU: user", "µs"),
        Show("cpu_us.system", "system", "µs"),
        Show("generator_cpu", "generator", "cores"),
    ),
    targets=(
        Target("chat, TLS, 200 sessions, saturated: CPU a message against the TLS floor",
               "chat-tls-200", "cpu_us.total", 1.0, FLOOR, at_most=1.25),
        Target("the same against the better peer", "chat-tls-200", "cpu_us.total", 1 / 8, PEER),
        Target("chat, TLS, 2,000 messages a second: CPU a message against the floor",
               "chat-tls-200-rate", "cpu_us.total", 1.4, FLOOR),
        Target("chat, plain, 200 sessions, saturated: CPU a message against the plain floor",
               "chat-plain-200", "cpu_us.total", 1.25, FLOOR),
        Target("the same against the better peer", "chat-plain-200", "cpu_us.total", 1 / 6, PEER),
        Target("chat, TLS, 2,000 messages a second: p99 against the better peer's p50",
               "chat-tls-200-rate", "latency.p99", 1.0, PEER, other_metric="latency.p50"),
        Target("CPU a message at 5,000 sessions against 200 (saturated)", "chat-tls-5000",
               "cpu_us.total", 1.15, CASE, other="chat-tls-200"),
    ),
    pictures=(
        Bars("chat-cpu", "Chat: the server's CPU time for each message", "cpu_us.total", "µs",
             (("chat-tls-200", "TLS, 200, saturated"), ("chat-tls-200-rate", "TLS, 200, 2,000/s"),
              ("chat-tls-5000", "TLS, 5,000, saturated"),
              ("chat-plain-200", "plain, 200, saturated"))),
        Bars("chat-rate", "Chat: messages a second, saturated (2 cores, load generator included)",
             "rate", "1,000/s",
             (("chat-tls-200", "TLS, 200 sessions"), ("chat-tls-5000", "TLS, 5,000 sessions"),
              ("chat-plain-200", "plain, 200 sessions")), scale=0.001),
        Latencies("chat-latency", "Chat: latency at 2,000 messages a second, TLS, 200 sessions",
                  "chat-tls-200-rate"),
        Curve("chat-sessions", "Chat: CPU for each message against the number of sessions",
              "cpu_us.total", "µs", ("chat-tls-200", "chat-tls-5000"), "sessions"),
    ),
)
