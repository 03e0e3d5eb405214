#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sessions as admins see and end them, wherever their shard is."""

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


if __name__ == "__main__":
    main()
