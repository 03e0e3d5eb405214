#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The store's commands, with and without a server."""

import os

from instance import SystemTest, main


class Store(SystemTest):
    def test_plan_and_migrate(self):
        it = self.instance()
        plan = it.ask("store", "plan")
        self.assertIn("core", [p["module"] for p in plan])
        self.assertIn("CREATE TABLE", plan[0]["sql"].upper())
        it.ask("store", "migrate")
        self.assertEqual(it.ask("store", "plan"), [])
        self.assertEqual(it.ask("store", "status")["state"], "up")
        it.start()
        self.assertEqual(it.ask("store", "plan"), [])

    def test_without_automigrate_nothing_changes_by_itself(self):
        it = self.instance()
        it.edit(r"^\s*#automigrate = .*$", "\tautomigrate = no")
        self.assertSays(it.ctl("account", "list"), 1, "store migrate")
        it.ask("store", "migrate")
        it.ask("account", "list")

    def test_backup_and_restore(self):
        it = self.instance()
        it.add("juliet")
        copy = it.above + "/copy.sqlite"
        it.start()
        done = it.ask("store", "backup", copy)
        self.assertEqual(done["bytes"], os.path.getsize(copy))
        self.assertSays(it.ctl("store", "backup", copy), 1, "is there already")
        it.add("romeo")
        self.assertSays(it.ctl("store", "restore", copy), 1, "stop")
        self.assertEqual(len(it.ask("account", "list")), 2)
        it.stop()
        it.ask("store", "restore", copy)
        self.assertEqual([a["jid"] for a in it.ask("account", "list")], ["juliet@localhost"])
        it.start()
        self.assertEqual(len(it.ask("account", "list")), 1)

    def test_backup_offline_and_relative(self):
        it = self.instance()
        it.add("juliet")
        it.ask("store", "backup", "here.sqlite", cwd=it.above)
        self.assertTrue(os.path.exists(it.above + "/here.sqlite"))
        self.assertSays(it.ctl("store", "backup", "/nonexistent/x"), 1, '"/nonexistent"')

    def test_the_server_says_where_it_may_write(self):
        it = self.instance()
        it.start()
        self.assertSays(it.ctl("store", "backup", "/nonexistent/x"), 1,
                        'the server could not write into "/nonexistent"', it.data)

    def test_what_is_no_backup_is_not_restored(self):
        it = self.instance()
        it.add("juliet")
        bad = it.above + "/bad"
        with open(bad, "w") as file:
            file.write("nothing" * 2000)
        self.assertSays(it.ctl("store", "restore", bad), 1, bad)
        self.assertSays(it.ctl("store", "restore", it.above + "/absent"), 1, "absent")
        self.assertEqual(len(it.ask("account", "list")), 1)

    def test_check(self):
        it = self.instance()
        it.add("juliet")
        self.assertEqual(it.ask("store", "check")["store"], "whole")
        it.start()
        self.assertEqual(it.ask("store", "check")["store"], "whole")

    def test_a_newer_schema_is_refused_by_name(self):
        it = self.instance()
        it.add("juliet")
        it.sql("UPDATE migrations SET number = 999 WHERE module = 'core' AND number = 1")
        self.assertSays(it.ctl("account", "list"), 1, "newer version", "core", "999")


if __name__ == "__main__":
    main()
