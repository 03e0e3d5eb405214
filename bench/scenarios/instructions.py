# SPDX-License-Identifier: MIT
"""How many instructions a routed TLS message takes in user space, by callgrind, told apart by what
they are for: reading and decrypting, parsing, routing, serialising.  Stentor runs under valgrind,
one thread at a time, so only instructions are counted, not time; what the kernel does is not
seen.  What logins take is left out: two runs of different length are subtracted.

*One by one*: at a rate so low that each message is alone.  *Saturated*: 4 under way in each pair.
"""
import glob
import os
import shutil
import subprocess
import time

from kit import callgrind
from kit.place import Missing
from kit.scenario import Case, Scenario, Setup, Show, Stack

USERS = 20
SHORT, LONG = 2, 8


def dumped(folder, number):
    """The counts of the n-th dump: a file for each thread, and one without."""
    costs = {}
    for path in glob.glob("%s/callgrind.out.*.%d*" % (folder, number)):
        if path.rsplit(".", 1)[-1].split("-")[0] != str(number):
            continue
        for place, cost in callgrind.read(path).items():
            costs[place] = costs.get(place, 0) + cost
    return costs


def dump(server, number):
    """Has callgrind write what it counted since the last dump."""
    subprocess.run(["callgrind_control", "--dump", str(server.process.pid)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        costs = dumped(server.folder, number)
        if costs:
            return costs
        time.sleep(0.2)
    raise RuntimeError("callgrind wrote nothing")


def measure(case, name, bench):
    if not shutil.which("callgrind_control"):
        raise Missing("valgrind is not installed")
    server = bench.instance(name, case.setup)
    for path in glob.glob(server.folder + "/callgrind.out.*"):
        os.remove(path)
    plain = server.command
    server.command = lambda: ["valgrind", "-q", "--tool=callgrind",
                              "--callgrind-out-file=%s/callgrind.out.%%p" % server.folder] + plain()
    try:
        server.start()
        said, costs = [], []
        for number, seconds in enumerate((1, SHORT, LONG), 1):
            # The first is not looked at: it pays for what is done once.
            said.append(bench.load(server, *case.load, "--seconds", seconds, "--warmup", 0,
                                   "--patience", 30, users=case.users, tls=case.tls))
            costs.append(dump(server, number))
    finally:
        server.stop()
        del server.command
    count = said[2]["said"] - said[1]["said"]
    if count <= 0:
        raise RuntimeError("the longer run said no more than the shorter")
    extra = {place: costs[2].get(place, 0) - costs[1].get(place, 0)
             for place in set(costs[1]) | set(costs[2])}
    numbers = {part: cost / count for part, cost in callgrind.by_part(extra).items()}
    numbers["total"] = sum(numbers.values())
    return {"instructions": numbers, "messages": count, "errors": said[2]["errors"],
            "functions": [[function, name, round(cost / count)] for function, name, cost in
                          callgrind.by_function(extra)[:40]]}


def notes(samples):
    """The most expensive functions of the last case."""
    if not samples:
        return []
    lines = ["Where they go (%s):" % samples[-1]["case"], "", "| function | of | instructions |",
             "| --- | --- | --- |"]
    for function, name, cost in samples[-1]["said"]["functions"][:16]:
        # What has no name is a function that the library does not export.
        shown = "(not exported)" if function.startswith("0x") else "`%s`" % function
        lines.append("| %s | %s | %d |" % (shown, name, cost))
    return lines


SCENARIO = Scenario(
    name="instructions",
    title="Instructions: what a TLS message takes in user space",
    about=__doc__,
    measure=measure,
    notes=notes,
    cases=(
        Case("instructions-rate", "one by one", ("chat", "--rate", "200", "--body", "100"),
             users=USERS, setup=Setup(accounts=USERS), servers=("stentor",), rounds=1, quick=False),
        Case("instructions-saturated", "saturated", ("chat", "--window", "4", "--body", "100"),
             users=USERS, setup=Setup(accounts=USERS), servers=("stentor",), rounds=1),
    ),
    shows=(Show("instructions.total", "in all", "instr."),) + tuple(
        Show("instructions." + part, part, "instr.") for part in callgrind.PARTS),
    pictures=(
        Stack("instructions", "Instructions in user space for each TLS message", "instructions",
              tuple(("instructions." + part, part) for part in callgrind.PARTS),
              (("instructions-rate", "one by one"), ("instructions-saturated", "saturated"))),
    ),
)
