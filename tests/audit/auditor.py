# SPDX-License-Identifier: MIT
"""Acked means kept, looked at: many clients with stream management talk to one another while the
server, or its database, is killed or hung at moments that nobody has chosen; in the end the
books are compared.

    auditor.py [--what server|database|hang] [--rounds N] [--seed S] [--liar]

The seed is printed; it chooses who speaks to whom, and when things happen.  The tests that are
made of this are tests/system/audit*.py.
"""
import argparse
import asyncio
import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import instance as place  # noqa: E402
import mariadb  # noqa: E402
from client import Client, Gone, Sent  # noqa: E402
from verdict import examine  # noqa: E402

ACCOUNTS = 12
PASSWORD = "kept-secret"
SLOW = 4 if os.environ.get("STENTOR_SLOW") else 1
CALM_SECONDS = 60 * SLOW
FAULTS_SHOWN = 20


class Audit:
    def __init__(self, instance, lot, needs_resumption=True):
        self.instance, self.lot, self.port = instance, lot, instance.port
        self.needs_resumption = needs_resumption
        self.password = PASSWORD
        self.clients = make_clients(self)
        self.names = ["u%d" % n for n in range(ACCOUNTS)]
        self.sent, self.by_uid, self.everything_heard, self.faults = [], {}, [], []
        self.talking = False
        self.acks = self.resumed = self.refusals = self.failures = 0
        self.has_archive = None

    # --- what clients tell ---

    def fault(self, text):
        self.faults.append(text)

    def note(self, text):
        print("        " + text, flush=True)

    def heard(self, one):
        self.everything_heard.append(one)

    def refused(self, uid):
        """The server has said that it is not kept."""
        sent = self.by_uid.get(uid)
        if sent is not None:
            sent.refused = True
            self.refusals += 1

    def failed(self, client):
        """A session that could not be taken up."""
        self.failures += 1
        if self.needs_resumption:
            self.fault("%s/%s could not take up its session" % (client.name, client.resource))

    # --- talking ---

    async def talk(self, client):
        while True:
            await client.room.wait()
            if not (self.talking and client.has_room()):
                client.room.clear()
                if client.up:    # somebody may have begun to talk
                    await asyncio.sleep(0.02)
                    client.room.set()
                continue
            self.say_something(client)
            await asyncio.sleep(self.lot.random() * 0.01)

    def say_something(self, client):
        other = self.lot.choice([name for name in self.names if name != client.name])
        sent = Sent("%s/%s-%s-%d" % (client.name, client.resource, other, client.said),
                    client.name, client.resource, other, client.said)
        client.said += 1
        self.sent.append(sent)
        self.by_uid[sent.uid] = sent
        try:
            client.say_message(sent)
        except Gone:
            pass    # it is among those to be said again

    # --- the course of it ---

    async def look_around(self):
        """Whether there is an archive; before anybody else is there."""
        scout = Client(self, "u0", "scout", catches_up=False, resumes=False)
        self.has_archive = False
        await scout.begin()
        answer = await scout.ask("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
        self.has_archive = any(e.get("var") == "urn:xmpp:mam:2" for e in answer.iter())
        scout.writer.close()

    async def calm(self):
        """Everybody is there and everything has been acknowledged and heard."""
        self.talking = False
        end = time.monotonic() + CALM_SECONDS
        quiet = 0
        before = None
        while quiet < 5:
            if time.monotonic() > end:
                self.fault("it never came to rest: %s" % self.unrest())
                return
            for client in self.clients:
                if client.up:
                    try:
                        client.write("<r xmlns='urn:xmpp:sm:3'/>")
                    except Gone:
                        pass
            await asyncio.sleep(0.3)
            now = len(self.everything_heard), self.acks
            quiet = quiet + 1 if now == before and not self.unrest() else 0
            before = now

    def unrest(self):
        return ["%s/%s %s, %d unacknowledged" % (c.name, c.resource, "is there" if c.up else
                                                  "is not there", len(c.unacked))
                for c in self.clients if not c.up or c.unacked]

    async def read_archives(self):
        archives = {}
        for name in self.names:
            reader = Client(self, name, "reader", catches_up=False, resumes=False)
            await reader.begin()
            archives[name] = [(archive_id, message.findtext("{jabber:client}body"))
                              async for archive_id, message in reader.archive()]
            reader.writer.close()
        return archives

    async def run(self, trouble, rounds):
        await self.look_around()
        tasks = [asyncio.ensure_future(client.live()) for client in self.clients]
        tasks += [asyncio.ensure_future(self.talk(client)) for client in self.clients]
        for number in range(rounds):
            self.talking = True
            await trouble(self, number)
        await self.calm()
        archives = await self.read_archives() if self.has_archive else None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.faults += examine(self.sent, archives, self.everything_heard)
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()

    def sum_up(self, seconds):
        acked = sum(sent.acked for sent in self.sent)
        print("    %d messages, %d acknowledged, %d refused; %d heard; %d sessions taken up, %d "
              "not; %.0f s" % (len(self.sent), acked, self.refusals, len(self.everything_heard),
                               self.resumed, self.failures, seconds), flush=True)
        for fault in self.faults[:FAULTS_SHOWN]:
            print("    BROKEN: " + fault)
        if len(self.faults) > FAULTS_SHOWN:
            print("    ... and %d more" % (len(self.faults) - FAULTS_SHOWN))


def make_clients(audit):
    """One each; two users have a second client, and two know nothing of archives."""
    clients = [Client(audit, "u%d" % n, "main", catches_up=n < ACCOUNTS - 2)
               for n in range(ACCOUNTS)]
    return clients + [Client(audit, "u%d" % n, "other") for n in (0, 1)]


# --- what happens to it ---

async def server_is_killed(audit, number):
    lot, instance = audit.lot, audit.instance
    await asyncio.sleep(0.1 + 2.4 * lot.random())
    instance.kill()
    await asyncio.sleep(0.3 * lot.random())
    instance.start(env=audit.env, wait=False)
    await asyncio.get_running_loop().run_in_executor(None, instance.wait_ready)
    print("    killed, round %d: %d messages so far, %d acknowledged" % (
        number + 1, len(audit.sent), audit.acks), flush=True)


def database_is_killed(database):
    async def trouble(audit, number):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.2 + 2 * audit.lot.random())
        await loop.run_in_executor(None, database.kill)
        await asyncio.sleep(3 * audit.lot.random())
        await loop.run_in_executor(None, database.start)
        print("    its database was killed, round %d: %d messages so far, %d acknowledged" % (
            number + 1, len(audit.sent), audit.acks), flush=True)
        await recovers(audit)
    return trouble


def database_hangs(database):
    async def trouble(audit, number):
        await asyncio.sleep(0.2 + 2 * audit.lot.random())
        database.signal(signal.SIGSTOP)
        seconds = audit.lot.choice((0.3, 1, 3, 13)) * (0.5 + audit.lot.random())
        await asyncio.sleep(seconds)
        database.signal(signal.SIGCONT)
        print("    its database hung for %.1f s, round %d: %d messages so far, %d acknowledged" % (
            seconds, number + 1, len(audit.sent), audit.acks), flush=True)
        await recovers(audit)
    return trouble


async def recovers(audit):
    """Nobody does anything, and yet messages are acknowledged again."""
    before, end = audit.acks, time.monotonic() + CALM_SECONDS
    while audit.acks < before + 20:
        if audit.instance.process.poll() is not None:
            raise RuntimeError("the server has ended:\n" + audit.instance.log_text()[-3000:])
        if time.monotonic() > end:
            audit.fault("the server did not recover: %s" % audit.unrest())
            return
        await asyncio.sleep(0.1)


# --- from the beginning to the end ---

def add_accounts(instance):
    users = "".join("<user name='u%d' password='%s'/>" % (n, PASSWORD) for n in range(ACCOUNTS))
    instance.ctl("account", "import", "-", input="<server-data xmlns='urn:xmpp:pie:0'><host jid="
                 "'localhost'>%s</host></server-data>" % users)


def perform(what="server", rounds=5, seed=None, env=None, needs_resumption=True):
    """The faults that were found, and the audit itself."""
    seed = seed if seed is not None else random.SystemRandom().randrange(1 << 32)
    print("audit of %s, %d rounds, on %s, --seed %d" % (
        what, rounds, os.environ.get("KEPT_ON", "sqlite"), seed), flush=True)
    database = None
    if what != "server":
        database = mariadb.Server(os.path.join(place.TMP, "database"))
        database.make()
        database.start()
        os.environ["STENTOR_MARIADB"], os.environ["KEPT_ON"] = database.folder, "mariadb"
    began = time.monotonic()
    try:
        with place.Instance("audit", tls="optional", shards=2) as instance:
            add_accounts(instance)
            instance.start(env=env)
            audit = Audit(instance, random.Random(seed), needs_resumption)
            audit.env = env
            trouble = {"server": server_is_killed}.get(what) or {
                "database": database_is_killed, "hang": database_hangs}[what](database)
            asyncio.run(audit.run(trouble, rounds))
            audit.sum_up(time.monotonic() - began)
            if audit.faults:
                print(instance.log_text()[-3000:])
            instance.stop()
    finally:
        if database is not None:
            database.stop()
    return audit


def liar():
    """A library that answers before it commits, to be loaded before the server's own."""
    return os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "audit", ".libs", "liar.so")


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--what", choices=("server", "database", "hang"), default="server")
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--seed", type=int)
    words.add_argument("--liar", action="store_true", help="a store that answers too early")
    args = words.parse_args()
    env = {"LD_PRELOAD": liar()} if args.liar else None
    sys.exit(1 if perform(args.what, args.rounds, args.seed, env).faults else 0)


if __name__ == "__main__":
    main()
