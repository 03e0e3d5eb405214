#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Also on MariaDB.
"""Many clients at once on four shards: clients that say everything in one breath, and a crowd
that chats, comes and goes while the admin reloads and kicks.  Made for the sanitizers' builds
above all."""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, main  # noqa: E402
from xmpp import BIND, Client, Ended, Refused, SASL, encode, local  # noqa: E402

LONG = bool(os.environ.get("STENTOR_LONG"))
SLOW = bool(os.environ.get("STENTOR_SLOW"))
ACCOUNTS = 16
CROWD = 50
SECONDS = 60 if LONG else 10
BREATHS = 1000 if LONG else 100 if SLOW else 200
instance = None


def secret(n):
    return "secret-%d" % n


def client(**more):
    more.setdefault("ca", instance.certificate())
    port = instance.tls_port if more.get("direct") else instance.port
    return Client(port, **more)


def one_breath(n, place, direct, cut=None):
    """Auth, header, bind, session, roster, presence, a message to oneself and a ping in one
    write, as one record or in pieces."""
    with client(direct=direct) as it:
        it.begin()
        me = "user%d@localhost" % n
        text = (
            "<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (
                SASL, encode("\0user%d\0%s" % (n, secret(n)))) + it.header() +
            "<iq type='set' id='b'><bind xmlns='%s'><resource>%s</resource></bind></iq>"
            "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
            "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>"
            "<message to='%s/%s' type='chat' id='m'><body>in one breath</body></message>"
            "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>" % (
                BIND, place, me, place))
        if cut is None:
            it.send(text)
        else:
            it.send(text[:cut])
            time.sleep(random.random() / 100)
            it.send(text[cut:])
        success = it.element()
        assert local(success) == "success", success.tag
        it.element(), it.element()
        jid = it.answer("b").findtext(".//{%s}jid" % BIND)
        assert jid == "%s/%s" % (me, place), jid
        it.answer("s")
        it.answer("r")
        it.message("in one breath")
        it.answer("p")
        it.log_out()


def all_in_one_breath():
    wrong = []

    def some(first):
        for k in range(BREATHS // 4):
            try:
                n = (first + k) % ACCOUNTS
                one_breath(n, "one/%d" % first, k % 2 == 0, None if k % 3 else random.randrange(1, 600))
            except Exception as why:
                wrong.append("%d: %s %s" % (k, type(why).__name__, why))
    threads = [threading.Thread(target=some, args=(i * (ACCOUNTS // 4) + i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:5]


class Guest(threading.Thread):
    """Comes, says things to others and to itself, hears, goes; again and again."""

    def __init__(self, n, end):
        super().__init__()
        self.n, self.end, self.random = n, end, random.Random(n)
        self.said = self.heard = self.logins = self.kicked = 0
        self.wrong = []

    def visit(self):
        it = client(direct=self.random.random() < 0.5)
        with it:
            n = self.n % ACCOUNTS
            others = [k for k in range(ACCOUNTS) if k != n]
            it.log_in("user%d" % n, secret(n), self.random.choice(
                ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS")), "guest%d" % self.n)
            self.logins += 1
            it.iq("get", "<query xmlns='jabber:iq:roster'/>")
            for k in range(self.random.randrange(1, 40)):
                if time.monotonic() > self.end:
                    break
                chance = self.random.random()
                other = "user%d@localhost" % self.random.choice(others)
                if chance < 0.7:
                    it.say(other, "word %d" % k)
                elif chance < 0.75:
                    it.iq("set", "<query xmlns='jabber:iq:roster'><item jid='%s' name='%d'/>"
                          "</query>" % (other, k))
                elif chance < 0.8:
                    it.send("<presence to='%s' type='subscribe'/>" % other)
                elif chance < 0.85:
                    it.send("<presence to='%s' type='subscribed'/>" % other)
                elif chance < 0.9:
                    it.send("<presence><priority>%d</priority></presence>" %
                            self.random.randrange(-1, 5))
                body = "to myself %d" % k
                it.say(it.jid, body)
                self.said += 1
                it.message(body)
                self.heard += 1
                it.waiting.clear()
            chance = self.random.random()
            if chance < 0.6:
                it.log_out()
            elif chance < 0.8:
                it.reset()

    def run(self):
        while time.monotonic() < self.end:
            try:
                self.visit()
            except Ended as ended:
                # Kicked, or another one came with the same resource.
                if ended.condition in ("reset", "policy-violation", "conflict"):
                    self.kicked += 1
                else:
                    self.wrong.append("ended: %s" % ended)
            except ConnectionError:
                self.kicked += 1
            except (Refused, TimeoutError, OSError, AssertionError) as why:
                self.wrong.append("%s: %s" % (type(why).__name__, why))


def a_crowd_chats_while_the_admin_works():
    end = time.monotonic() + SECONDS
    guests = [Guest(n, end) for n in range(CROWD)]
    for guest in guests:
        guest.start()
    kicks = 0
    level = 0
    while time.monotonic() < end:
        instance.ctl("log", "level", ("info", "warn")[level % 2])
        instance.ctl("reload")
        instance.ctl("status")
        instance.ctl("memory")
        sessions = instance.ctl_json("session", "list")
        sessions = sessions.get("sessions", sessions) if isinstance(sessions, dict) else sessions
        if sessions:
            one = random.choice(sessions)
            jid = one["jid"] if isinstance(one, dict) else one
            if instance.ctl("session", "kick", jid, check=False).returncode == 0:
                kicks += 1
        level += 1
        time.sleep(0.2)
    for guest in guests:
        guest.join()
    wrong = [text for guest in guests for text in guest.wrong]
    print("     %d logins, %d messages, %d ended by others, %d kicks, %d reloads" % (
        sum(g.logins for g in guests), sum(g.said for g in guests),
        sum(g.kicked for g in guests), kicks, level))
    assert not wrong, wrong[:10]
    assert sum(g.logins for g in guests) >= CROWD and kicks > 0


def nobody_is_left():
    end = time.monotonic() + 20
    while True:
        sessions = instance.ctl_json("session", "list")
        sessions = sessions.get("sessions", sessions) if isinstance(sessions, dict) else sessions
        if not sessions:
            break
        assert time.monotonic() < end, sessions
        time.sleep(0.2)
    with client() as it:
        it.log_in("user1", secret(1))
        it.ping()
    assert "ThreadSanitizer" not in instance.log_text()


def run_all(*tests):
    global instance
    with Instance("crowd", shards=4) as instance:
        instance.configure_section("streams", "failures_address = 100000\n\trate = 0")
        for n in range(ACCOUNTS):
            instance.add_account("user%d@localhost" % n, secret(n))
        instance.start()
        try:
            main(*tests)
        finally:
            instance.stop()


if __name__ == "__main__":
    run_all(all_in_one_breath, a_crowd_chats_while_the_admin_works, nobody_is_left)
