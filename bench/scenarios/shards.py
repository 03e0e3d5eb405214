# SPDX-License-Identifier: MIT
"""Two shards against one, TLS, 200 sessions, saturated.  The generator needs a processor of its own,
so with two processors a server on two shards cannot be saturated; instead:

- *by CPU*: both shards and the generator on all processors.  Twice the messages on two
  processors would take no more CPU time a message; the speed-up is 2 × CPU with one shard /
  CPU with two.
- *pinned*: the server on one processor, the generator on the other.  Two shards on one processor
  do the work of two at half the speed; the speed-up is 2 × throughput with two shards / throughput
  with one.  The switching between the two threads, which two processors would not have, counts
  against it.
"""
import os

from kit.scenario import CASE, Bars, Case, Scenario, Setup, Show, Target

LOAD = ("chat", "--window", "4", "--body", "100", "--seconds", "4", "--warmup", "1")


def case(name, about, shards, pinned):
    return Case(name, about, LOAD, users=200, servers=("stentor",), more=pinned, own=True,
                setup=Setup(accounts=200, shards=shards, pin="0" if pinned else ""))


def measure(case, name, bench):
    if case.more and (os.cpu_count() or 1) < 2:
        raise RuntimeError("pinning wants two processors")
    server = bench.up(name, case.setup)
    try:
        return bench.load(server, *case.load, users=case.users, tls=case.tls,
                          pin="1" if case.more else "")
    finally:
        bench.down(server)


SCENARIO = Scenario(
    name="shards",
    title="Shards: two against one",
    about=__doc__,
    measure=measure,
    cases=(
        case("shards-1", "one shard", 1, False),
        case("shards-2", "two shards", 2, False),
        case("shards-1-pinned", "one shard, server on one processor", 1, True),
        case("shards-2-pinned", "two shards, server on one processor", 2, True),
    ),
    shows=(
        Show("cpu_us.total", "server CPU a message", "µs"),
        Show("rate", "messages", "1/s", less=False),
        Show("server_cpu", "server", "cores", less=False),
        Show("latency.p50", "p50", "µs"),
        Show("latency.p99", "p99", "µs"),
        Show("generator_cpu", "generator", "cores"),
    ),
    targets=(
        # 2 / (CPU with two / CPU with one) >= 1.8 says the same as a ratio of at most 2 / 1.8.
        Target("two shards: CPU a message against one shard (1.11 is a speed-up of 1.8)",
               "shards-2", "cpu_us.total", round(2 / 1.8, 3), CASE, other="shards-1"),
        Target("two shards against one, speed-up by pinned throughput", "shards-2-pinned", "rate",
               1.8, CASE, other="shards-1-pinned", less=False, scale=2),
    ),
    pictures=(
        Bars("shards", "Shards: CPU time for each message", "cpu_us.total", "µs",
             (("shards-1", "one shard"), ("shards-2", "two shards"),
              ("shards-1-pinned", "one, pinned"), ("shards-2-pinned", "two, pinned"))),
    ),
)
