#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Also on MariaDB.
"""Sessions as admins see and end them, wherever their shard is."""

import shutil

from instance import Client, SystemTest, main


class Sessions(SystemTest):
    def setUp(self):
        self.it = self.instance()
        self.names = ["user%d" % i for i in range(6)]
        for name in self.names:
            self.it.add(name)
        self.it.edit(r"^#shards = .*$", "shards = 3")
        self.it.start()
        self.clients = {name: Client(self.it, name) for name in self.names}
        for client in self.clients.values():
            self.addCleanup(client.close)

    def jids(self, *words):
        return [s["jid"] for s in self.it.ask("session", *words)]

    def test_list_is_of_all_shards_and_sorted(self):
        everybody = ["%s@localhost/test" % name for name in self.names]
        self.assertEqual(self.jids("list"), everybody)
        self.assertEqual(self.jids("list", "localhost"), everybody)
        some = self.jids("list", "--limit", "2")
        self.assertEqual(len(some), 2)
        self.assertLessEqual(set(some), set(everybody))
        self.assertSays(self.it.ctl("session", "list", "b.example"), 1, "b.example")
        self.assertEqual(self.it.ask("session", "count")["sessions"], 6)
        status = self.it.ask("status")
        self.assertEqual((status["sessions"], status["streams"], status["shards"]), (6, 6, 3))

    def test_show_tells_of_one_account(self):
        second = Client(self.it, "user0", resource="second")
        self.addCleanup(second.close)
        self.assertEqual(sorted(self.jids("show", "user0@localhost")),
                         ["user0@localhost/second", "user0@localhost/test"])
        one, = self.it.ask("session", "show", "user0@localhost/test")
        self.assertIn("127.0.0.1", one["connection"])
        self.assertIn("TLS", one["connection"])
        self.assertSays(self.it.ctl("session", "show", "user0@localhost/third"), 1, "third")
        shown = self.it.ask("account", "show", "user0@localhost")
        self.assertEqual(len(shown["sessions"]), 2)

    def test_kick_ends_one_or_all(self):
        second = Client(self.it, "user0", resource="second")
        self.addCleanup(second.close)
        done = self.it.ask("session", "kick", "user0@localhost/second", "--reason", "enough of it")
        self.assertEqual(done["ended"], 1)
        self.assertIn("enough of it", second.hear_all())
        self.assertEqual(self.jids("show", "user0@localhost"), ["user0@localhost/test"])
        self.it.ask("session", "kick", "user0@localhost")
        self.assertIn("</stream:stream>", self.clients["user0"].hear_all())
        self.assertSays(self.it.ctl("session", "kick", "user0@localhost"), 1, "no session")
        self.assertSays(self.it.ctl("session", "kick", "user0@localhots", "--reason", "x"), 1,
                        'did you mean "localhost"')
        self.assertEqual(len(self.jids("list")), 5)

    def test_disabling_and_removing_end_sessions(self):
        self.it.ask("account", "disable", "user1@localhost")
        self.assertIn("</stream:stream>", self.clients["user1"].hear_all())
        self.it.ask("account", "remove", "user2@localhost")
        self.assertIn("</stream:stream>", self.clients["user2"].hear_all())
        self.assertEqual(len(self.jids("list")), 4)
        with self.assertRaises(AssertionError):
            Client(self.it, "user1")

    def test_presence_is_shown(self):
        client = self.clients["user3"]
        client.say("<presence><priority>7</priority></presence>")
        client.hear("<presence")
        one, = self.it.ask("session", "show", "user3@localhost")
        self.assertEqual((one["presence"], one["priority"]), ("available", 7))


class AdminFromAClient(SystemTest):
    """The same commands, asked by an admin's chat client (XEP-0050, XEP-0133)."""

    ADMIN = "http://jabber.org/protocol/admin#"

    def setUp(self):
        self.it = it = self.instance()
        other = self.instance(domain="b.example")
        for end in ("crt", "key"):
            shutil.copy(other.folder + "/certs/b.example." + end, it.folder + "/certs/")
        it.append('domain "b.example" { certificate = "certs/b.example.crt" '
                  'key = "certs/b.example.key" }\n')
        it.edit(r'^domain "localhost" \{$', 'domain "localhost" {\n\tadmins = { "boss@localhost" }')
        it.add("boss")
        it.add("juliet")
        it.ask("account", "add", "romeo@b.example", "--password-file", "-", input="secret\n")
        it.start()
        self.boss = Client(it, "boss")
        self.addCleanup(self.boss.close)

    def run_command(self, node, client=None, to="localhost", **fields):
        client = client or self.boss
        if "password" in fields:
            fields["password-verify"] = fields["password"]
        form = "".join("<field var='%s'><value>%s</value></field>" % field
                       for field in fields.items())
        if form:
            form = "<x xmlns='jabber:x:data' type='submit'>%s</x>" % form
        client.heard = ""
        client.say("<iq type='set' id='c' to='%s'><command node='%s%s' action='execute' "
                   "xmlns='http://jabber.org/protocol/commands'>%s</command></iq>"
                   % (to, self.ADMIN, node, form))
        return client.hear("</iq>")

    def jids(self):
        return [a["jid"] for a in self.it.ask("account", "list")]

    def test_an_account_is_made_and_removed(self):
        self.run_command("add-user", accountjid="new@localhost", password="secret")
        self.assertIn("new@localhost", self.jids())
        Client(self.it, "new").close()
        self.run_command("delete-user", accountjids="new@localhost")
        self.assertNotIn("new@localhost", self.jids())

    def test_sessions_are_ended_and_counted(self):
        juliet = Client(self.it, "juliet")
        self.addCleanup(juliet.close)
        said = self.run_command("get-online-users-num", domain="localhost")
        self.assertIn("onlineusersnum", said)
        self.assertIn(">2<", said)
        said = self.run_command("get-registered-users-num", domain="localhost")
        self.assertIn("registeredusersnum", said)
        self.run_command("end-user-session", accountjids="juliet@localhost")
        self.assertIn("</stream:stream>", juliet.hear_all())

    def test_other_domains_are_none_of_his_business(self):
        before = self.jids()
        for node, fields in (("add-user", {"accountjid": "x@b.example", "password": "secret"}),
                             ("delete-user", {"accountjids": "romeo@b.example"}),
                             ("disable-user", {"accountjids": "romeo@b.example"}),
                             ("change-user-password", {"accountjid": "romeo@b.example",
                                                       "password": "mine"}),
                             ("end-user-session", {"accountjids": "romeo@b.example"})):
            self.assertIn("error", self.run_command(node, **fields), node)
        self.assertIn("forbidden", self.run_command("add-user", to="b.example",
                                                    accountjid="x@b.example", password="x"))
        self.assertEqual(self.jids(), before)

    def test_only_admins_are_obeyed(self):
        juliet = Client(self.it, "juliet")
        self.addCleanup(juliet.close)
        self.assertIn("forbidden", self.run_command("add-user", juliet, accountjid="x@localhost",
                                                    password="x"))
        self.assertNotIn("x@localhost", self.jids())


if __name__ == "__main__":
    main()
