#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A MariaDB that comes late, is killed, hangs, is started anew, has no room left: nothing that a
client was told to be kept is lost, nothing that it was told to have failed is kept, and all goes
on without anybody's help.  And a whole store moved there and back."""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import mariadb  # noqa: E402
from instance import STENTORCTL, TMP, Instance, Skip, main  # noqa: E402
from xmpp import Client, Refused, local  # noqa: E402

LONG = bool(os.environ.get("STENTOR_LONG"))
SLOW = bool(os.environ.get("STENTOR_SLOW"))
TALKERS = 6
WINDOW = 20
PATIENCE = 90 if SLOW else 40
servers = []


def database(name="stentor"):
    """The private server, made once; `name` is a new database in it."""
    if not servers:
        server = mariadb.Server(os.path.join(TMP, "db"))
        try:
            server.make()
            server.start()
        except mariadb.Absent as why:
            raise Skip(why)
        servers.append(server)
    server = servers[0]
    if server.process is None:
        server.start()
    server.sql("DROP DATABASE IF EXISTS %s; CREATE DATABASE %s; CREATE USER IF NOT EXISTS"
               " stentor@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON %s.* TO"
               " stentor@'127.0.0.1'" % (name, name, name))
    with open(server.path("password"), "w") as f:
        f.write("secret\n")
    return server


def store_words(server, name="stentor"):
    """By TCP and TLS, as from another machine."""
    return ["--store", "mariadb://stentor@localhost:%d/%s" % (server.port, name),
            "--store-password-file", server.path("password"), "--store-ca", server.ca]


class Talker(threading.Thread):
    """Adds contacts to a roster as fast as it can, some at a time, and notes what became of
    each."""

    def __init__(self, instance, number, size=0):
        super().__init__(daemon=True)
        self.name_ = "user%d" % number
        self.size = size
        self.client = Client(instance.port, ca=instance.certificate(), patience=PATIENCE)
        self.client.log_in(self.name_, "secret", presence=False)
        self.kept, self.refused, self.open = set(), set(), {}
        self.over = False
        self.failure = None

    def ask(self):
        contact = "c%d@example.org" % (len(self.kept) + len(self.refused) + len(self.open))
        name, text = self.client.iq_text(
            "set", "<query xmlns='jabber:iq:roster'><item jid='%s' name='%s'/></query>"
            % (contact, "x" * self.size))
        self.open[name] = contact
        self.client.send(text)

    def hear(self):
        element = self.client.find(lambda e: local(e) == "iq" and e.get("id") in self.open)
        contact = self.open.pop(element.get("id"))
        (self.kept if element.get("type") == "result" else self.refused).add(contact)

    def run(self):
        try:
            while not self.over:
                while len(self.open) < WINDOW:
                    self.ask()
                self.hear()
                if self.refused and not self.kept:
                    time.sleep(0.01)
            while self.open:
                self.hear()
            self.client.log_out()
        except Exception as failure:
            self.failure = "%s: %r, %d unanswered" % (self.name_, failure, len(self.open))


def crowd(instance, **more):
    for i in range(TALKERS):
        instance.add_account("user%d@localhost" % i, "secret")
    instance.start()
    talkers = [Talker(instance, i, **more) for i in range(TALKERS)]
    for talker in talkers:
        talker.start()
    return talkers


def kept(talkers):
    return sum(len(t.kept) for t in talkers)


def until_more(talkers, more=200):
    """They are told again that what they say is kept."""
    before, end = kept(talkers), time.monotonic() + PATIENCE
    while kept(talkers) < before + more:
        failures = [t.failure for t in talkers if t.failure]
        assert not failures, failures
        assert time.monotonic() < end, "nothing is kept any more"
        time.sleep(0.05)


def judge(talkers, server, name="stentor"):
    for talker in talkers:
        talker.over = True
    for talker in talkers:
        talker.join(PATIENCE)
        assert not talker.is_alive(), talker.name_ + " was not answered"
        assert not talker.failure, talker.failure
    there = {}
    for line in server.sql("SELECT owner, contact FROM roster", name).splitlines():
        owner, contact = line.split("\t")
        there.setdefault(owner, set()).add(contact)
    for talker in talkers:
        has = there.get(talker.name_ + "@localhost", set())
        lost, undead = talker.kept - has, talker.refused & has
        assert not lost, "%s lost %d of %d: %s" % (talker.name_, len(lost), len(talker.kept),
                                                   sorted(lost)[:5])
        assert not undead, "%s was told that %d had failed which are kept: %s" % (
            talker.name_, len(undead), sorted(undead)[:5])
    print("kept %d, refused %d" % (kept(talkers), sum(len(t.refused) for t in talkers)))


def with_options(instance):
    instance.configure_section("store", 'timeout = "2 s"')
    instance.configure_domain("localhost", "roster_max = 100000")


def until_up(instance):
    end = time.monotonic() + PATIENCE
    while instance.ctl_json("store", "status")["state"] != "up":
        assert time.monotonic() < end, "it is not said to be up again"
        time.sleep(0.1)


def a_server_waits_for_its_database():
    server = database()
    with Instance("waits", words=store_words(server)) as instance:
        instance.add_account("juliet@localhost", "secret")
        server.stop()
        instance.start(wait=False)
        end = time.monotonic() + PATIENCE
        while "the store does not answer, waiting" not in instance.log_text():
            assert time.monotonic() < end, instance.log_text()
            time.sleep(0.1)
        assert instance.process.poll() is None
        server.start()
        instance.wait_ready(PATIENCE)
        with Client(instance.port, ca=instance.certificate()) as client:
            client.log_in("juliet", "secret")


def a_wrong_password_is_said_at_once():
    server = database()
    with Instance("wrong", words=store_words(server)) as instance:
        with open(os.path.join(instance.folder, "store-password"), "w") as f:
            f.write("wrong\n")
        instance.start(wait=False)
        assert instance.process.wait(PATIENCE) == 1
        assert "Access denied" in instance.log_text(), instance.log_text()
        done = subprocess.run([os.environ.get("STENTORD", "stentord"), "-c", instance.conf,
                               "--check"], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1 and "Access denied" in done.stderr + done.stdout, done
        instance.process = None


def tls_that_is_required_is_not_given_up():
    """A server that has none is not spoken with, least of all about passwords."""
    server = database()
    server.stop()
    server.options.append("--skip-ssl")
    try:
        server.start()
        with Instance("plain", words=store_words(server)) as instance:
            instance.start(wait=False)
            assert instance.process.wait(PATIENCE) == 1
            assert "TLS" in instance.log_text() or "SSL" in instance.log_text(), instance.log_text()
            instance.process = None
    finally:
        server.stop()
        server.options.remove("--skip-ssl")


def nothing_is_lost_whatever_happens_to_the_database():
    server = database()
    with Instance("faults", words=store_words(server), shards=2) as instance:
        with_options(instance)
        talkers = crowd(instance)
        until_more(talkers)
        for turn in range(12 if LONG else 3):
            time.sleep(random.random())
            server.kill()
            time.sleep(random.random())
            server.start()
            until_more(talkers)

            time.sleep(random.random())
            server.stop()
            server.start()
            until_more(talkers)
        judge(talkers, server)
        log = instance.log_text()
        assert "writes wait" in log and "commits again" in log, log
        instance.stop()


def a_database_that_hangs_is_no_answer():
    server = database()
    with Instance("hangs", words=store_words(server), shards=2) as instance:
        with_options(instance)
        instance.add_account("romeo@localhost", "secret")
        talkers = crowd(instance)
        until_more(talkers)
        for turn in range(6 if LONG else 2):
            time.sleep(random.random())
            server.signal(signal.SIGSTOP)
            stopped = time.monotonic()
            time.sleep(5)
            state = instance.ctl_json("store", "status")
            assert state["state"] == "down" and state["down since"], state
            with Client(instance.port, ca=instance.certificate()) as client:
                try:
                    client.log_in("romeo", "secret")
                    raise AssertionError("logged in without a database")
                except Refused as refused:
                    assert refused.condition == "temporary-auth-failure", refused
            # Long enough for writes to be given up.
            time.sleep(max(0, 14 - (time.monotonic() - stopped)) if turn == 0 else 0)
            server.signal(signal.SIGCONT)
            until_more(talkers)
            until_up(instance)
        judge(talkers, server)
        instance.stop()


def a_full_disk_makes_writes_fail_until_there_is_room():
    place = os.path.join(TMP, "small")
    os.mkdir(place)
    if os.getuid() != 0 or subprocess.call(
            ["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", place],
            stderr=subprocess.DEVNULL) != 0:
        raise Skip("only root can mount a small disk")
    server = mariadb.Server(os.path.join(TMP, "full"), data=os.path.join(place, "data"))
    filler = os.path.join(place, "filler")
    try:
        server.make()
        server.start()
        server.sql("CREATE DATABASE stentor; CREATE USER stentor@'127.0.0.1' IDENTIFIED BY"
                   " 'secret'; GRANT ALL ON stentor.* TO stentor@'127.0.0.1'")
        with open(server.path("password"), "w") as f:
            f.write("secret\n")
        with Instance("full", words=store_words(server), shards=2) as instance:
            with_options(instance)
            talkers = crowd(instance, size=1000)
            until_more(talkers)
            with open(filler, "wb") as f:
                try:
                    while True:
                        f.write(b"x" * 65536)
                        f.flush()
                except OSError:
                    pass
            end = time.monotonic() + PATIENCE
            while not sum(len(t.refused) for t in talkers):
                assert time.monotonic() < end, "nobody has noticed that there is no room"
                time.sleep(0.1)
            os.remove(filler)
            until_more(talkers)
            judge(talkers, server)
            instance.stop()
    except mariadb.Absent as why:
        raise Skip(why)
    finally:
        server.stop()
        subprocess.call(["umount", "-l", place])


def move(instance, *words):
    return [STENTORCTL, "-c", instance.conf, "--json", "store", "move", *words]


def rows_there(server, name):
    """Of the roster, in a database where it may not have been made yet."""
    try:
        return int(server.sql("SELECT count(*) FROM roster", name).strip())
    except subprocess.CalledProcessError:
        return 0


def a_store_is_moved_there_and_back():
    server = database("moved")
    with Instance("moves") as instance:
        instance.add_account("juliet@localhost", "secret")
        rows = ", ".join("('juliet@localhost', 'c%d@localhost', 'N%d', 3, 0, 0, 0, 1, 1)" % (i, i)
                         for i in range(20000))
        instance.sql("INSERT INTO roster (owner, contact, name, how, pending_out, pending_in,"
                     " approved, listed, version) VALUES " + rows)
        words = move(instance, "--to", "mariadb://stentor@localhost:%d/moved" % server.port,
                     "--store-password-file", server.path("password"), "--store-ca", server.ca)
        interrupted, there = 0, 0
        while True:
            process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while process.poll() is None and interrupted < 5:
                count = rows_there(server, "moved")
                # Enough is left to be done that it cannot be at its end.
                if there < count < 15000:
                    process.kill()
                    interrupted, there = interrupted + 1, count
                    break
            out, err = process.communicate(timeout=PATIENCE)
            if process.returncode != -signal.SIGKILL:
                break
        assert process.returncode == 0, (out, err)
        assert interrupted > 0, "it was too quick to be interrupted"
        answer = json.loads(out)
        tables = {t["table"]: t for t in answer["tables"]}
        assert tables["roster"]["rows"] == 20000 and tables["accounts"]["rows"] == 1, tables

        conf = instance.read_conf().replace('driver = "sqlite"', "\n\t".join(
            answer["now say in the section store"]))
        instance.write_conf(conf)
        instance.start()
        assert instance.ctl_json("store", "status")["driver"] == "mariadb"
        done = instance.ctl("store", "move", "--to", "sqlite", check=False)
        assert done.returncode != 0, done
        with Client(instance.port, ca=instance.certificate()) as client:
            client.log_in("juliet", "secret")
            roster = client.iq("get", "<query xmlns='jabber:iq:roster'/>")
            assert len(roster[0]) == 20000, len(roster[0])
            client.iq("set", "<query xmlns='jabber:iq:roster'><item jid='c7@localhost'"
                             " subscription='remove'/></query>")
            client.log_out()
        instance.stop()

        done = instance.ctl("store", "move", "--to", "sqlite", check=False)
        assert "holds something already" in done.stderr, done
        os.remove(os.path.join(instance.folder, "data", "stentor.sqlite"))
        answer = json.loads(subprocess.run(move(instance, "--to", "sqlite"), check=True,
                                           capture_output=True).stdout)
        tables = {t["table"]: t for t in answer["tables"]}
        assert tables["roster"]["rows"] == 19999, tables
        instance.write_conf(instance.read_conf().replace('driver = "mariadb"',
                                                         'driver = "sqlite"'))
        instance.start()
        with Client(instance.port, ca=instance.certificate()) as client:
            client.log_in("juliet", "secret")
            roster = client.iq("get", "<query xmlns='jabber:iq:roster'/>")
            assert len(roster[0]) == 19999, len(roster[0])


try:
    main(a_server_waits_for_its_database, a_wrong_password_is_said_at_once,
         tls_that_is_required_is_not_given_up, a_store_is_moved_there_and_back,
         nothing_is_lost_whatever_happens_to_the_database, a_database_that_hangs_is_no_answer,
         a_full_disk_makes_writes_fail_until_there_is_room)
finally:
    for server in servers:
        server.stop()
