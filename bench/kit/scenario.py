# SPDX-License-Identifier: MIT
"""What a scenario is: one file in bench/scenarios/, whose SCENARIO tells everything.

A scenario has cases; each case is measured on each of its servers, in rounds, and gives numbers:
what stentor-load says, flattened ("cpu_us.total", "latency_us.p99").  Beside them stand the
targets, what the table shows of them, and the pictures to be drawn.  A scenario that cannot be
told as calls of stentor-load brings a function `measure(case, server, bench)` of its own, which
returns the numbers.
"""
import dataclasses
import typing

from kit.server import Setup

# Whom a number is compared with.
FLOOR, PEER, CASE, NOBODY = "the floor", "the better peer", "another case", ""


@dataclasses.dataclass(frozen=True)
class Case:
    name: str                       # "chat-tls-200-window"
    about: str
    load: typing.Tuple = ()         # words for stentor-load, without where and who
    tls: str = "starttls"           # or none, direct
    users: int = 200
    setup: Setup = Setup()
    servers: typing.Tuple = ("stentor", "prosody", "ejabberd", "floor")
    own: bool = False               # a server of its own: started for this case, stopped after it
    rounds: int = 99                # at most
    quick: bool = True              # part of a quick run, too
    x: float = 0                    # where it stands in a curve
    more: typing.Any = None         # for a measure function


@dataclasses.dataclass(frozen=True)
class Show:
    """A column of the table."""
    metric: str
    title: str
    unit: str
    less: bool = True       # less is better
    ratios: bool = False    # to the floor and the better peer


@dataclasses.dataclass(frozen=True)
class Target:
    text: str
    case: str
    metric: str
    limit: float
    against: str = NOBODY
    other: str = ""             # CASE: which
    other_metric: str = ""      # if it is another one
    at_most: float = 0.0        # what is still let pass; 0: nothing beyond the limit
    less: bool = True           # the number is to be at most the limit; else at least
    unit: str = ""
    scale: float = 1.0          # the ratio is multiplied by it
    server: str = "stentor"


@dataclasses.dataclass(frozen=True)
class Bars:
    """A bar for each server and case."""
    file: str
    title: str
    metric: str
    unit: str
    cases: typing.Tuple         # (name of the case, its label)
    scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Latencies:
    """How long what part of the operations took, a line for each server."""
    file: str
    title: str
    case: str


@dataclasses.dataclass(frozen=True)
class Curve:
    """A metric against what grows (Case.x), a line for each server."""
    file: str
    title: str
    metric: str
    unit: str
    cases: typing.Tuple
    along: str
    scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Stack:
    """A column for each case, made of several metrics of one server."""
    file: str
    title: str
    unit: str
    metrics: typing.Tuple       # (metric, its label), from the bottom
    cases: typing.Tuple         # (name of the case, its label)
    server: str = "stentor"


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    about: str
    cases: typing.Tuple
    shows: typing.Tuple = ()
    targets: typing.Tuple = ()
    pictures: typing.Tuple = ()
    measure: typing.Callable = None
    notes: typing.Callable = None   # of its samples: more lines for the report


def flatten(value, before=""):
    """{"a": {"b": 1}} -> {"a.b": 1}; only numbers are kept."""
    numbers = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            numbers.update(flatten(inner, before + key + "."))
        elif isinstance(inner, (int, float)) and not isinstance(inner, bool):
            numbers[before + key] = inner
    return numbers
