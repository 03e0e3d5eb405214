#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A thousand messages and presences from one sender to accounts that are not in memory, most of
them on other shards, while the store is slow: all arrive, in order.

Slow: accounts take three seconds to come into memory (tests/modules/mod_witness.c), and
somebody else keeps the database locked most of the time.
"""
import os
import sqlite3
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "plays"))
import tour as tours  # noqa: E402

TIMES = 1000
COLD = ("juliet", "nurse", "paris", "tybalt")
SLOW = bool(os.environ.get("STENTOR_SLOW"))


class Locker(threading.Thread):
    """Locks the database again and again, for less time than a write may wait."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.enough, self.locks = path, threading.Event(), 0

    def run(self):
        database = sqlite3.connect(self.path, timeout=2, isolation_level=None)
        while not self.enough.is_set():
            try:
                database.execute("BEGIN IMMEDIATE")
                self.locks += 1
                time.sleep(0.3)
                database.execute("ROLLBACK")
            except sqlite3.OperationalError:
                pass
            time.sleep(0.02)
        database.close()


def stanzas(n):
    return "".join("<message to='%s@%s' type='chat' id='%d'><body>%d</body></message>"
                   "<presence to='%s@%s' id='%d'/>" % (who, tours.DOMAIN, n, n, who, tours.DOMAIN, n)
                   for who in COLD)


def hears_all(tour, who):
    person = tour.who(who)
    tour.log_in(person, True)
    tour.hears(person, "<message from='romeo@capulet.example/client' type='chat' id='%n'><body>%n"
                       "</body><delay xmlns='urn:xmpp:delay' from='capulet.example' stamp='*'/>"
                       "</message>", TIMES, False)
    tour.hears(person, "<iq type='get' id='*'><ping xmlns='urn:xmpp:ping'/></iq>", 1, False)
    tour.answers(person)
    person.say("<iq type='get' id='w'><seen xmlns='urn:stentor:witness'/></iq>")
    tour.hears(person, "<iq type='result' id='w'><seen xmlns='urn:stentor:witness' messages='%d'"
                       " presences='%d' in-order='true'/></iq>" % (TIMES, TIMES), 1, False)


def run(tour):
    tours.PATIENCE = 90 if SLOW else 30
    tour.shards = 4
    tour.option(tours.DOMAIN, "modules = witness")
    tour.option(tours.DOMAIN, "witness.load_delay = 3s")
    for who in COLD:
        tour.need_account(tour.who(who))
    romeo = tour.who("romeo")
    tour.log_in(romeo, True)
    locker = Locker(os.path.join(tour.server.folder, "data", "stentor.sqlite"))
    locker.start()
    for n in range(1, TIMES + 1):
        romeo.say(stanzas(n))
    # Whatever is asked behind all that is answered behind it.
    romeo.say("<iq type='get' id='last' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>" % tours.DOMAIN)
    tour.hears(romeo, "<iq type='result' id='last'/>", 1, False)
    locker.enough.set()
    locker.join()
    print("the database was locked %d times" % locker.locks)
    for who in COLD:
        hears_all(tour, who)
    tour.hears_nothing(romeo)


def main():
    os.environ.update(tours.environment())
    tour = tours.Tour(os.path.join(HERE, "..", "plays", "cold_account.play"))
    good = False
    try:
        run(tour)
        good = True
    except (tours.Fails, OSError, RuntimeError) as why:
        print("FAIL: %s" % why)
        if tour.server is not None:
            print(tour.server.log_text()[-3000:])
    tour.close(good)
    print("1 passed, 0 failed" if good else "0 passed, 1 failed")
    return 0 if good else 1


sys.exit(main())
