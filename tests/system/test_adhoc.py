#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The admin's commands from a chat client: XEP-0050, XEP-0133."""

import re

from instance import Client, SystemTest, main

COMMANDS = "http://jabber.org/protocol/commands"
ADMIN = "http://jabber.org/protocol/admin"


class AdHoc(SystemTest):
    def setUp(self):
        self.it = self.instance("--domain", "other.example")
        for name in ("escalus", "juliet", "tybalt"):
            self.it.add(name)
        self.it.ask("account", "add", "benvolio@other.example", "--password-file", "-",
                    input="secret\n")
        self.it.edit(r'(domain "localhost" \{)', r'\1\n\tadmins = { "escalus@localhost" }')
        self.it.start()
        self.admin = self.client("escalus")
        self.count = 0

    def client(self, name):
        client = Client(self.it, name)
        self.addCleanup(client.close)
        return client

    def ask(self, client, payload, type="set", to="localhost"):
        """The answer to an IQ."""
        self.count += 1
        client.heard = ""
        client.say("<iq type='%s' to='%s' id='q%d'>%s</iq>" % (type, to, self.count, payload))
        heard = client.hear("q%d" % self.count)
        return heard if re.search(r"</iq>|<iq[^>]*/>", heard) else client.hear("</iq>")

    def command(self, node, fields="", client=None, more="", to="localhost"):
        form = ""
        if fields:
            form = ("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>"
                    "<value>%s</value></field>%s</x>" % (ADMIN, fields))
        return self.ask(client or self.admin, "<command xmlns='%s' node='%s' %s>%s</command>" %
                        (COMMANDS, node, more, form), to=to)

    @staticmethod
    def field(name, *values):
        return "<field var='%s'>%s</field>" % (
            name, "".join("<value>%s</value>" % value for value in values))

    def state(self, jid):
        done = self.it.ctl("--json", "account", "show", jid)
        return re.search(r'"state": ?"(\w+)"', done.stdout).group(1) if done.returncode == 0 else None

    def test_the_menu_is_for_admins(self):
        query = "<query xmlns='http://jabber.org/protocol/disco#items' node='%s'/>" % COMMANDS
        heard = self.ask(self.admin, query, "get")
        for node in ("add-user", "delete-user", "disable-user", "reenable-user",
                     "end-user-session", "get-registered-users-num", "get-online-users-num",
                     "announce"):
            self.assertIn("%s#%s" % (ADMIN, node), heard)
        juliet = self.client("juliet")
        self.assertNotIn("<item", self.ask(juliet, query, "get"))
        self.assertIn("<forbidden", self.command(ADMIN + "#add-user", client=juliet))
        self.assertIn("<forbidden", self.command(ADMIN + "#nothing", client=juliet))
        info = "<query xmlns='http://jabber.org/protocol/disco#info' node='%s#add-user'/>" % ADMIN
        self.assertIn("<forbidden", self.ask(juliet, info, "get"))
        self.assertIn("command-node", self.ask(self.admin, info, "get"))

    def test_a_user_is_added_disabled_enabled_and_deleted(self):
        form = self.command(ADMIN + "#add-user")
        for word in ("executing", "accountjid", "password-verify", "<required"):
            self.assertIn(word, form)
        self.assertRegex(form, "<title>.*<instructions>.*<field[^>]*FORM_TYPE.*accountjid")
        account = self.field("accountjid", "mercutio@localhost")
        twice = self.field("password", "a plague") + self.field("password-verify", "a plague")
        heard = self.command(ADMIN + "#add-user", account + self.field("password", "a plague") +
                             self.field("password-verify", "o' both"))
        self.assertIn("bad-payload", heard)
        self.assertIsNone(self.state("mercutio@localhost"))
        self.assertIn("completed", self.command(ADMIN + "#add-user", account + twice))
        self.assertEqual(self.state("mercutio@localhost"), "enabled")
        self.assertIn("completed", self.command(ADMIN + "#change-user-password", account +
                                                self.field("password", "on both")))
        Client(self.it, "mercutio", "on both").close()
        self.assertIn("<conflict", self.command(ADMIN + "#add-user", account + twice))

        some = self.field("accountjids", "mercutio@localhost", "tybalt@localhost")
        self.assertIn("completed", self.command(ADMIN + "#disable-user", some))
        self.assertEqual(self.state("mercutio@localhost"), "disabled")
        self.assertEqual(self.state("tybalt@localhost"), "disabled")
        self.assertIn("completed", self.command(ADMIN + "#reenable-user", some))
        self.assertEqual(self.state("tybalt@localhost"), "enabled")
        self.assertIn("completed", self.command(ADMIN + "#delete-user", some))
        self.assertEqual(self.state("mercutio@localhost"), "reserved")
        self.assertIn("<item-not-found", self.command(ADMIN + "#delete-user", some))

    def test_an_admin_of_one_domain_reaches_no_other(self):
        account = self.field("accountjid", "mercutio@other.example")
        twice = self.field("password", "a plague") + self.field("password-verify", "a plague")
        self.assertIn("<not-allowed", self.command(ADMIN + "#add-user", account + twice))
        for node in ("delete-user", "disable-user", "end-user-session"):
            heard = self.command(ADMIN + "#" + node,
                                 self.field("accountjids", "benvolio@other.example"))
            self.assertIn("<not-allowed", heard, node)
        self.assertEqual(self.state("benvolio@other.example"), "enabled")
        self.assertIn("<forbidden", self.command(ADMIN + "#get-registered-users-num",
                                                 to="other.example"))

    def test_counts_are_of_the_domain(self):
        heard = self.command(ADMIN + "#get-registered-users-num")
        self.assertRegex(heard, r"registeredusersnum.><value>3</value>")
        heard = self.command(ADMIN + "#get-online-users-num")
        self.assertRegex(heard, r"onlineusersnum.><value>1</value>")

    def test_a_session_is_ended_and_an_announcement_is_heard(self):
        juliet = self.client("juliet")
        juliet.say("<presence/>")
        juliet.hear("<presence")
        heard = self.command(ADMIN + "#announce", self.field("announcement", "one", "two"))
        self.assertIn("completed", heard)
        self.assertIn("<body>one\ntwo</body>", juliet.hear("</message>"))
        heard = self.command(ADMIN + "#end-user-session",
                             self.field("accountjids", "juliet@localhost/test"))
        self.assertIn("completed", heard)
        self.assertIn("stream:error", juliet.hear("</stream:stream>"))

    def test_what_cannot_be_done_is_said(self):
        self.assertIn("<item-not-found", self.command(ADMIN + "#sing"))
        self.assertIn("bad-action", self.command(ADMIN + "#add-user", more="action='prev'"))
        self.assertIn("malformed-action", self.command(ADMIN + "#add-user", more="action='sing'"))
        self.assertIn("canceled", self.command(ADMIN + "#add-user", more="action='cancel'"))
        self.assertIn("bad-payload", self.command(ADMIN + "#delete-user",
                                                  self.field("reason", "none")))
        self.assertIn("bad-payload", self.command(ADMIN + "#delete-user",
                                                  self.field("accountjids", "@@")))


if __name__ == "__main__":
    main()
