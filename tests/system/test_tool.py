#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stentorctl and stentord --check without a server."""

import json
import os
import socket
import stat
import subprocess
import unittest

from instance import SystemTest, ctl, daemon, main


class Tool(SystemTest):
    def test_exit_codes(self):
        it = self.instance()
        self.assertEqual(ctl("help").returncode, 0)
        self.assertEqual(ctl("--version").returncode, 0)
        self.assertEqual(ctl().returncode, 2)
        self.assertSays(ctl("acount", "list"), 2, 'did you mean "account"')
        self.assertSays(it.ctl("account", "add"), 2, "jid is missing")
        self.assertSays(it.ctl("account", "show", "x@y", "--colour"), 2, "--colour")
        self.assertSays(it.ctl("status"), 3, "no server runs", it.data)
        self.assertSays(it.ctl("session", "list"), 3, "no server runs")
        self.assertSays(ctl("-c", "/nonexistent/x.conf", "status"), 1, "/nonexistent/x.conf")

    def test_arguments_are_judged_before_anything_is_done(self):
        it = self.instance()
        self.assertSays(it.ctl("log", "level", "dbug"), 2, '"dbug" is none of: error, warn')
        self.assertSays(ctl("completion", "zsh"), 2, '"zsh" is none of: bash')
        self.assertSays(it.ctl("session", "kick", "juliet"), 2, "NAME@DOMAIN")
        self.assertSays(it.ctl("account", "list", "--limit", "0"), 2, "between 1 and")
        self.assertSays(it.ctl("account", "remove", "a@localhost", "--reserve", "-1"), 2,
                        "between 0 and")
        self.assertSays(ctl("init", it.above + "/o", "--domain", "a b"), 2, "white space")
        self.assertFalse(os.path.exists(it.above + "/o"))
        self.assertSays(ctl("xyzzy"), 2, "stentorctl help")
        done = ctl("account", "--help")
        self.assertSays(done, 0, "account passwd JID")
        self.assertNotIn("session", done.stdout.split("\n")[0])

    def test_refusals_in_json(self):
        it = self.instance()
        it.start()
        answer = json.loads(it.ctl("--json", "--yes", "store", "restore", "/x").stdout)
        self.assertIn("stop it first", answer["error"])
        answer = json.loads(ctl("--json", "-c", "/nonexistent/x", "status").stdout)
        self.assertIn("/nonexistent/x", answer["error"])

    def test_a_domain_that_is_not_served(self):
        it = self.instance()
        it.start()
        self.assertSays(it.ctl("announce", "hello", "--domain", "localhots"), 1,
                        '"localhots" is not served here; did you mean "localhost"')
        self.assertSays(it.ctl("account", "list", "localhots"), 1, 'did you mean "localhost"')
        self.assertSays(it.ctl("announce", "hello"), 2, "--domain")

    def test_no_server_in_json(self):
        it = self.instance()
        done = it.ctl("--json", "status")
        self.assertEqual(done.returncode, 3)
        answer = json.loads(done.stdout)
        self.assertFalse(answer["ok"])
        self.assertIn("no server runs", answer["error"])

    def test_init_twice_is_refused(self):
        it = self.instance()
        before = os.stat(it.conf)
        self.assertSays(ctl("init", it.folder, "--domain", "other.example"), 1,
                        "holds an instance already")
        after = os.stat(it.conf)
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_init_wants_a_domain(self):
        it = self.instance()
        self.assertSays(ctl("init", it.above + "/other"), 2, "--domain")
        self.assertFalse(os.path.exists(it.above + "/other"))

    def test_optional_tls_is_for_loopback(self):
        it = self.instance("--tls", "optional")
        self.assertSays(ctl("init", it.above + "/other", "--domain", "a.example", "--tls",
                            "optional"), 2, "loopback")
        it.edit(r"^\s*addresses = .*$", '\taddresses = { "0.0.0.0" }')
        self.assertSays(it.ctl("conf", "check"), 1, "0.0.0.0", "TLS is optional")

    def test_init_answers_in_json(self):
        it = self.instance()
        done = ctl("--json", "init", it.above + "/two", "--domain", "a.example", "--domain",
                   "b.example")
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual([c["domain"] for c in answer["certificates"]], ["a.example", "b.example"])
        self.assertRegex(answer["certificates"][0]["fingerprint"], "[0-9A-F]{2}:[0-9A-F]{2}")
        for c in answer["certificates"]:
            key = c["certificate"].replace(".crt", ".key")
            self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)

    def test_help_is_for_every_command(self):
        listed = ctl("help").stdout
        for noun, verb in (("account", "add"), ("session", "kick"), ("store", "backup"),
                           ("log", "level"), ("conf", "check"), ("module", "show"),
                           ("init", None), ("status", None), ("memory", None)):
            words = [noun] + ([verb] if verb else [])
            self.assertIn("  " + " ".join(words), listed)
            self.assertSays(ctl("help", *words), 0, "stentorctl " + " ".join(words))
            self.assertSays(ctl(*words, "--help"), 0, "stentorctl " + " ".join(words))
        self.assertSays(ctl("help", "acount"), 2, 'did you mean "account"')

    def test_completion_is_bash(self):
        done = ctl("completion", "bash")
        self.assertEqual(done.returncode, 0)
        tried = subprocess.run(["bash", "-n"], input=done.stdout, text=True,
                               stderr=subprocess.PIPE)
        self.assertEqual((tried.returncode, tried.stderr), (0, ""))

    def test_manual_pages(self):
        for page in ("stentord.8", "stentorctl.1", "stentor.conf.5", "stentor-modules.7"):
            done = ctl("manual", page)
            self.assertSays(done, 0, ".TH", ".SH NAME", ".SH SEE ALSO")
            for line in done.stdout.splitlines():
                self.assertFalse(line.startswith("'"), line)
        self.assertEqual(ctl("manual", "x.1").returncode, 1)


class Configuration(SystemTest):
    def test_show(self):
        it = self.instance()
        done = it.ctl("conf", "show")
        self.assertSays(done, 0, "client_port = %d" % it.port, "localhost")

    def test_check_is_content(self):
        it = self.instance()
        self.assertSays(it.ctl("conf", "check"), 0, "nothing is wrong")
        self.assertSays(daemon("-c", it.conf, "--check"), 0, "nothing is wrong")
        self.assertEqual(os.listdir(it.data), ["lock"])

    def test_all_faults_at_once(self):
        it = self.instance()
        it.edit(r"^\s*client_port = .*$", "\tclient_prt = 5")
        it.append('lgo { }\nlog { level = "loud" }\ndomain "b.example" { }\n'
                  'streams { depth = 100000 }\n')
        for done in (it.ctl("conf", "check"), daemon("-c", it.conf, "--check"),
                     daemon("-c", it.conf), it.ctl("account", "list")):
            self.assertEqual(done.returncode, 1, done.stderr)
            for word in ("client_prt", "client_port", "lgo", "loud", "depth", it.conf):
                self.assertIn(word, done.stderr)

    def test_words_and_world_at_once(self):
        """A misspelt word hides nothing of what else is wrong, and makes nothing up."""
        it = self.instance()
        it.edit(r"^\t#level = info", "\tlevel = loud")
        it.edit(r'^\t#target = "stderr"', '\ttarget = "/nonexistent/stentor.log"')
        it.edit(r"^\t#modules = \{ \}", '\tmodules = { "pong" }')
        it.edit(r"^data = ", "datta = ")
        os.remove(it.folder + "/certs/localhost.crt")
        with socket.create_server(("127.0.0.1", it.port)):
            for done in (daemon("-c", it.conf, "--check"), it.ctl("conf", "check")):
                self.assertSays(done, 1, '"loud" is not a word for "level"', '"datta"', '"pong"',
                                "/nonexistent/stentor.log", "certs/localhost.crt",
                                "port %d" % it.port)
                self.assertNotIn("has no certificate", done.stderr)
        it.edit(r"^listen \{", "lisen {")
        self.assertNotIn("5222", daemon("-c", it.conf, "--check").stderr)

    def test_the_journal_must_be_there(self):
        it = self.instance()
        if os.path.exists("/run/systemd/journal/socket"):
            self.skipTest("there is a journal")
        it.edit(r'^\t#target = "stderr"', '\ttarget = "journal"')
        self.assertSays(daemon("-c", it.conf, "--check"), 1, "there is no journal")
        self.assertSays(daemon("-c", it.conf), 1, "there is no journal")

    def test_nothing_is_there_yet(self):
        self.assertSays(daemon("-c", "/nonexistent/x"), 1, "No such file", "stentorctl init")

    def test_faults_in_json(self):
        it = self.instance()
        it.append("lgo { }\n")
        done = it.ctl("--json", "conf", "check")
        self.assertEqual(done.returncode, 1)
        answer = json.loads(done.stdout)
        self.assertFalse(answer["ok"])
        self.assertTrue(any("lgo" in line for line in answer["faults"]))

    def test_check_sees_the_world(self):
        it = self.instance()
        os.unlink(it.folder + "/certs/localhost.key")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", it.port))
            taken.listen()
            for done in (it.ctl("conf", "check"), daemon("-c", it.conf, "--check")):
                self.assertSays(done, 1, "localhost.key", str(it.port))

    def test_certificate_of_another_domain(self):
        it = self.instance()
        it.append('domain "b.example" { certificate = "certs/localhost.crt" '
                  'key = "certs/localhost.key" }\n')
        self.assertSays(daemon("-c", it.conf, "--check"), 1, "b.example")

    def test_key_of_another_certificate(self):
        it = self.instance()
        other = self.instance()
        with open(other.folder + "/certs/localhost.key") as key:
            text = key.read()
        with open(it.folder + "/certs/localhost.key", "w") as key:
            key.write(text)
        self.assertSays(daemon("-c", it.conf, "--check"), 1, "localhost.key")

    def test_store_that_is_no_store(self):
        it = self.instance()
        with open(it.data + "/stentor.sqlite", "w") as file:
            file.write("this is not a database at all, but it is long enough\n" * 200)
        self.assertSays(daemon("-c", it.conf, "--check"), 1, "stentor.sqlite")
        done = daemon("-c", it.conf)
        self.assertSays(done, 1, "stentor.sqlite")
        self.assertNotIn("ready", done.stderr)

    def test_usage_of_the_daemon(self):
        self.assertSays(daemon("--chek"), 2, 'did you mean "--check"')
        self.assertSays(daemon("-c"), 2, "wants a file")
        self.assertSays(daemon("--version"), 0, "stentord ")
        self.assertSays(daemon("--help"), 0, "--check")
        self.assertSays(daemon("-c", "/nonexistent/x.conf"), 1, "/nonexistent/x.conf")


if __name__ == "__main__":
    main()
