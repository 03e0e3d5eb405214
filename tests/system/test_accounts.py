#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Also on MariaDB.
"""Accounts, while no server runs and while one does: the same commands, the same answers."""

import json
import os
import subprocess
import threading
import time

from instance import STENTORCTL, Client, SystemTest, main


class Accounts:
    """What must be true with and without a server."""

    def ready(self):
        raise NotImplementedError

    def test_from_add_to_remove(self):
        it = self.ready()
        self.assertEqual(it.ask("account", "list"), [])
        it.add("juliet", "one")
        self.assertEqual([a["jid"] for a in it.ask("account", "list")], ["juliet@localhost"])
        self.assertEqual(it.ask("account", "count")["accounts"], 1)
        self.assertSays(it.ctl("account", "add", "juliet@localhost", "--generate"), 1, "juliet")

        self.assertPassword(it, "one", True)
        self.assertPassword(it, "two", False)
        it.ask("account", "passwd", "juliet@localhost", "--password-file", "-", input="two\n")
        self.assertPassword(it, "one", False)
        self.assertPassword(it, "two", True)

        it.ask("account", "disable", "juliet@localhost")
        self.assertEqual(it.ask("account", "show", "juliet@localhost")["state"], "disabled")
        self.assertPassword(it, "two", False)
        it.ask("account", "enable", "juliet@localhost")
        self.assertPassword(it, "two", True)

        it.ask("account", "remove", "juliet@localhost")
        self.assertEqual(it.ask("account", "list"), [])
        self.assertEqual(it.ask("account", "count", "localhost")["accounts"], 0)
        self.assertEqual([a["state"] for a in it.ask("account", "list", "--all")], ["reserved"])
        done = it.ctl("account", "add", "juliet@localhost", "--generate")
        self.assertEqual(done.returncode, 1)

    def assertPassword(self, it, password, right):
        done = it.ctl("account", "check", "juliet@localhost", "--password-file", "-",
                      input=password + "\n")
        self.assertEqual(done.returncode, 0 if right else 1, done.stderr)

    def test_a_name_can_be_free_again_at_once(self):
        it = self.ready()
        it.add("juliet")
        it.ask("account", "remove", "juliet@localhost", "--reserve", "0")
        it.add("juliet")

    def test_a_reserved_name_can_be_freed(self):
        it = self.ready()
        it.add("juliet")
        it.ask("account", "remove", "juliet@localhost")
        self.assertSays(it.ctl("account", "add", "juliet@localhost", "--generate"), 1, "reserved",
                        "account remove juliet@localhost --reserve 0")
        it.ask("account", "remove", "juliet@localhost", "--reserve", "0")
        it.add("juliet")
        self.assertEqual(it.ask("account", "show", "juliet@localhost")["state"], "enabled")

    def test_what_is_not_there(self):
        it = self.ready()
        for command in ("disable", "enable", "remove", "show"):
            self.assertSays(it.ctl("account", command, "nobody@localhost"), 1, "nobody")
        self.assertSays(it.ctl("account", "add", "a@lcalhost", "--generate"), 1,
                        'did you mean "localhost"')
        self.assertSays(it.ctl("account", "list", "other.example"), 1, "other.example")

    def test_what_is_no_address(self):
        it = self.ready()
        for word in ("localhost", "@localhost", "a b@localhost", "a@", "a@local host"):
            done = it.ctl("account", "add", word, "--generate")
            self.assertIn(done.returncode, (1, 2), word)
            self.assertNotEqual(done.stderr, "")
        self.assertSays(it.ctl("account", "add", "a@localhost/x", "--generate"), 2, "/x")

    def test_names_are_prepared(self):
        it = self.ready()
        it.add("Juliet")
        self.assertEqual(it.ask("account", "list")[0]["jid"], "juliet@localhost")
        self.assertSays(it.ctl("account", "add", "JULIET@LOCALHOST", "--generate"), 1)

    def test_generated_passwords_are_shown_once(self):
        it = self.ready()
        made = it.ask("account", "add", "juliet@localhost", "--generate")
        self.assertRegex(made["password"], "^[a-z2-7]{20}$")
        self.assertPassword(it, made["password"], True)
        shown = json.dumps(it.ask("account", "show", "juliet@localhost"))
        self.assertNotIn(made["password"], shown)

    def test_passwords_come_from_files(self):
        it = self.ready()
        path = it.above + "/password"
        with open(path, "w") as file:
            file.write("from a file\nand more\n")
        it.ask("account", "add", "juliet@localhost", "--password-file", path)
        self.assertPassword(it, "from a file", True)
        self.assertSays(it.ctl("account", "passwd", "juliet@localhost", "--password-file",
                               it.above + "/absent"), 1, "absent")
        self.assertSays(it.ctl("account", "passwd", "juliet@localhost", "--password-file", "-",
                               input="\n"), 1, "empty")
        self.assertSays(it.ctl("account", "passwd", "juliet@localhost"), 2, "--password-file")
        self.assertSays(it.ctl("account", "passwd", "juliet@localhost", "--password", "x"), 2,
                        "--password-file")

    def test_lists_in_pages(self):
        it = self.ready()
        for i in range(7):
            it.add("user%d" % i)
        first = it.ask("account", "list", "--limit", "3")
        self.assertEqual([a["jid"] for a in first], ["user%d@localhost" % i for i in range(3)])
        rest = it.ask("account", "list", "localhost", "--after", first[-1]["jid"])
        self.assertEqual([a["jid"] for a in rest], ["user%d@localhost" % i for i in range(3, 7)])
        self.assertSays(it.ctl("account", "list", "--limit", "0"), 2, "--limit")
        self.assertSays(it.ctl("account", "list", "--limit", "x"), 2, "not a number")

    def test_tables_for_people(self):
        it = self.ready()
        it.add("juliet")
        self.assertSays(it.ctl("account", "list"), 0, "JID", "STATE", "juliet@localhost", "enabled")
        self.assertSays(it.ctl("account", "show", "juliet@localhost"), 0, "state:")


class Offline(Accounts, SystemTest):
    def ready(self):
        return self.instance()

    def test_many_at_once_take_turns(self):
        it = self.ready()
        it.add("first")
        results = []

        def add(i):
            results.append(it.ctl("account", "add", "user%d@localhost" % i, "--password-file", "-",
                                  input="x\n").returncode)

        threads = [threading.Thread(target=add, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, [0] * 4)
        self.assertEqual(len(it.ask("account", "list")), 5)

    def test_the_server_sees_what_was_done_without_it(self):
        it = self.ready()
        it.add("juliet", "one")
        it.start()
        self.assertEqual(len(it.ask("account", "list")), 1)
        self.assertPassword(it, "one", True)
        it.ask("account", "passwd", "juliet@localhost", "--password-file", "-", input="two\n")
        self.assertEqual(it.stop(), 0)
        self.assertPassword(it, "two", True)


class Online(Accounts, SystemTest):
    def ready(self):
        it = self.instance()
        it.start()
        return it

    def rows(self, it, owner):
        """The tables with a row of that address, or of one of its resources."""
        tables = [row[0] for row in it.sql(
            "SELECT name FROM sqlite_master WHERE type = 'table'" if it.kept.database is None else
            "SELECT table_name FROM information_schema.tables WHERE table_schema = database()")]
        return {table for table in tables for row in it.sql("SELECT * FROM " + table)
                if any(value.startswith(owner) for value in row)}

    def test_nothing_is_left_of_who_is_removed(self):
        it = self.ready()
        for name in ("romeo", "juliet", "nurse"):
            it.add(name)
        romeo = self.client(it, "romeo")
        for name, by_the_admin in (("juliet", False), ("nurse", True)):
            owner = name + "@localhost"
            gone = self.client(it, name)
            for n, what in enumerate((
                    "<vCard xmlns='vcard-temp'><FN>J</FN></vCard>",
                    "<query xmlns='jabber:iq:private'><x xmlns='urn:x'/></query>",
                    "<block xmlns='urn:xmpp:blocking'><item jid='paris@localhost'/></block>",
                    "<query xmlns='jabber:iq:roster'><item jid='tybalt@localhost'/></query>")):
                gone.say("<iq type='set' id='s%d'>%s</iq>" % (n, what))
                gone.hear("id='s%d'" % n)
            romeo.say("<message to='%s' type='chat'><body>O</body></message>" % owner)
            self.until(lambda rows: rows >= {"vcard", "documents", "blocking", "roster",
                                             "offline", "credentials"}, it, owner)
            if by_the_admin:
                it.ask("account", "remove", owner)
            else:
                gone.say("<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/>"
                         "</query></iq>")
            gone.hear("</stream:stream>")
            # What its sessions leave behind as they go is written soon, and must not stay.
            self.until(lambda rows: rows == {"accounts"}, it, owner)
            self.assertEqual(self.state(it, owner), "reserved")

    def until(self, condition, it, owner):
        end = time.monotonic() + 20
        while not condition(self.rows(it, owner)):
            self.assertLess(time.monotonic(), end, self.rows(it, owner))
            time.sleep(0.1)

    def client(self, it, name):
        client = Client(it, name)
        self.addCleanup(client.close)
        return client

    def state(self, it, jid):
        return [a["state"] for a in it.ask("account", "list", "--all") if a["jid"] == jid][0]


class Terminal(SystemTest):
    def test_a_prompt_asks_twice_and_shows_nothing(self):
        import pty

        it = self.instance()
        for said, code in ((b"secret\nsecret\n", 0), (b"secret\nsecre\n", 1)):
            it.ctl("account", "remove", "juliet@localhost", "--reserve", "0")
            pid, fd = pty.fork()
            if pid == 0:
                os.execv(STENTORCTL, [STENTORCTL, "-c", it.conf, "account", "add",
                                      "juliet@localhost"])
            heard = b""
            for part in said.splitlines(keepends=True):
                while not heard.endswith(b": "):
                    heard += os.read(fd, 1024)
                os.write(fd, part)
                heard += b"|"
            try:
                while True:
                    more = os.read(fd, 1024)
                    if not more:
                        break
                    heard += more
            except OSError:
                pass
            status = os.waitpid(pid, 0)[1]
            self.assertEqual(os.waitstatus_to_exitcode(status), code, heard)
            self.assertNotIn(b"secre", heard)


if __name__ == "__main__":
    main()
