#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The auditor's verdict, on books that are made up: each breach of the promise is found, and a
promise that was kept is none."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "audit"))
from client import Heard, Sent  # noqa: E402
from instance import main  # noqa: E402
from verdict import examine  # noqa: E402


class Who:
    def __init__(self, name, resource="main"):
        self.name, self.resource = name, resource


class Books:
    """Two messages of a's and one of b's, all of it right."""

    def __init__(self):
        self.a, self.b = Who("a"), Who("b")
        self.sent = [Sent("a0", "a", "main", "b", 0), Sent("b0", "b", "main", "a", 0),
                     Sent("a1", "a", "main", "b", 1)]
        for message in self.sent:
            message.acked = True
        self.archives = {"a": [("1", "a0"), ("2", "b0"), ("3", "a1")],
                         "b": [("7", "a0"), ("8", "b0"), ("9", "a1")]}
        self.heard = [Heard("a0", self.b, 1, "7", True), Heard("b0", self.a, 1, "2", True),
                      Heard("a1", self.b, 1, "9", True)]

    def finds(self, *words):
        faults = examine(self.sent, self.archives, self.heard)
        if not words:
            assert not faults, faults
        assert len(faults) == len(words), faults
        for fault, word in zip(faults, words):
            assert word in fault, (word, faults)


def a_promise_that_was_kept_is_none_that_was_broken():
    Books().finds()
    books = Books()
    books.archives = None
    books.finds()


def what_was_not_acknowledged_may_be_lost():
    books = Books()
    books.sent[2].acked = False
    del books.archives["a"][2], books.archives["b"][2], books.heard[2]
    books.finds()


def what_was_refused_may_be_lost():
    books = Books()
    books.sent[2].refused = True
    del books.archives["b"][2], books.heard[2]
    books.finds()


def what_is_missing_in_an_archive_is_found():
    books = Books()
    del books.archives["a"][2]
    books.finds("a1 was acknowledged, and is not in the archive of a")
    books = Books()
    del books.archives["b"][1]
    books.finds("b0 was acknowledged, and is not in the archive of b")


def what_is_twice_in_an_archive_is_found():
    books = Books()
    books.archives["a"].append(("4", "a0"))
    books.finds("a0 is 2 times in the archive of a")
    books.sent[0].acked = False
    books.finds("a0 is 2 times in the archive of a")


def disorder_in_an_archive_is_found():
    books = Books()
    books.archives["b"][0], books.archives["b"][2] = ("7", "a1"), ("9", "a0")
    books.heard[0].archive_id, books.heard[2].archive_id = "9", "7"
    books.finds("in the archive of b a0 stands behind a1")


def what_never_arrived_is_found():
    books = Books()
    del books.heard[0]
    books.finds("a0 was acknowledged, and b never heard it")
    books = Books()
    books.heard[0].live = False    # read from the archive: that is good, too
    books.finds()


def what_came_twice_or_in_disorder_is_found():
    books = Books()
    books.heard.append(Heard("a0", books.b, 1, "7", True))
    books.finds("heard a0 twice in one session")
    books.heard[-1].life = 2       # another session did not know what the one before had
    books.finds()
    books = Books()
    books.heard[0], books.heard[2] = books.heard[2], books.heard[0]
    books.finds("heard a0 behind a later one")
    books.sent[2].resource = "other"    # two clients of one user are not in each other's order
    books.finds()


def an_id_that_is_not_there_is_found():
    books = Books()
    books.heard[0].archive_id = "6"
    books.finds("heard a0 under the id 6, which is nothing")
    books.heard[0].archive_id = "8"
    books.finds("heard a0 under the id 8, which is b0")
    books.heard[0].archive_id = None
    books.finds("heard a0 without an id")


def what_nobody_has_said_is_found():
    books = Books()
    books.archives["b"].append(("10", "x0"))
    books.heard.append(Heard("x0", books.b, 1, "10", True))
    books.finds("heard x0, which nobody has said")


if __name__ == "__main__":
    main(a_promise_that_was_kept_is_none_that_was_broken, what_was_not_acknowledged_may_be_lost,
         what_was_refused_may_be_lost, what_is_missing_in_an_archive_is_found,
         what_is_twice_in_an_archive_is_found, disorder_in_an_archive_is_found,
         what_never_arrived_is_found, what_came_twice_or_in_disorder_is_found,
         an_id_that_is_not_there_is_found, what_nobody_has_said_is_found)
