#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""./dev run and ./configure, as somebody who is new here sees them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from instance import PATIENCE, ROOT, STENTORCTL, TMP, SystemTest, main, port_base

BUILD = os.environ.get("BUILD_DIR", os.path.join(ROOT, "build"))


class DevRun(SystemTest):
    def setUp(self):
        # Another build would be configured anew, under the feet of the tests beside this one.
        if os.path.basename(BUILD) != "build" or not os.path.exists(BUILD + "/wish"):
            self.skipTest("only where ./dev has built")
        self.run_folder = os.path.join(TMP, "run")
        self.log = os.path.join(TMP, "said")
        self.addCleanup(shutil.rmtree, self.run_folder, True)

    def run_it(self):
        """Runs it until clients are welcome; what it said, and how many seconds it took."""
        begun = time.monotonic()
        with open(self.log, "wb") as out:
            process = subprocess.Popen([ROOT + "/dev", "run"], cwd=TMP, stdout=out,
                                       stderr=out, stdin=subprocess.DEVNULL,
                                       start_new_session=True, env=self.environment())
        self.addCleanup(self.end, process)
        while time.monotonic() < begun + 3 * PATIENCE and process.poll() is None:
            if " is ready" in self.said():
                return process, time.monotonic() - begun
            time.sleep(0.05)
        self.fail("it is not ready, exit code %s:\n%s" % (process.poll(), self.said()))

    def environment(self):
        env = {k: v for k, v in os.environ.items() if k != "STENTOR_CONF"}
        return dict(env, DEV_RUN=self.run_folder)

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def end(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE)
        return process.returncode

    def ctl(self, *words, **more):
        return subprocess.run([STENTORCTL, *words], cwd=TMP, capture_output=True, text=True,
                              timeout=60, env=self.environment(), **more)

    def test_first_and_second_run(self):
        process, _ = self.run_it()
        first = self.said()
        accounts = re.findall(r"account +(\S+@localhost)  password (\S{12,})", first)
        self.assertEqual([jid for jid, _ in accounts], ["juliet@localhost", "romeo@localhost"])
        self.assertNotEqual(accounts[0][1], accounts[1][1])
        port, direct = map(int, re.search(r"port (\d+) \(STARTTLS\), port (\d+) \(direct",
                                          first).groups())
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            for number in (port, direct):
                with socket.socket(family, socket.SOCK_STREAM) as s:
                    s.connect((address, number))
        for jid, password in accounts:
            done = self.ctl("account", "check", jid, "--password-file", "-",
                            input=password + "\n")
            self.assertEqual(done.returncode, 0, done.stderr)
        for kind, name in (("SHA-256", "-sha256"), ("SHA-1  ", "-sha1")):
            shown = re.search(kind + r" ([0-9A-F:]+)", first).group(1)
            read = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", name, "-in",
                                   self.run_folder + "/certs/localhost.crt"],
                                  capture_output=True, text=True)
            self.assertIn(shown, read.stdout)
        # What it says to type is what works: this account, this port.
        self.assertIn("/connect juliet@localhost server 127.0.0.1 port %d" % port, first)
        self.assertIn("-p %s -j 127.0.0.1:%d juliet@localhost" % (accounts[1][1], port), first)

        self.assertEqual(self.end(process), 0)
        self.assertIn("stopped", self.said())
        process, seconds = self.run_it()
        self.assertLess(seconds, 10)
        self.assertEqual(re.findall(r"password (\S+)$", self.said(), re.M),
                         [password for _, password in accounts])
        self.assertEqual(self.end(process), 0)

    def test_an_instance_made_by_hand(self):
        """`stentorctl help init` has run/ as its example; then there is no list of accounts."""
        done = self.ctl("init", self.run_folder, "--domain", "localhost", "--port-base",
                        str(port_base()))
        self.assertEqual(done.returncode, 0, done.stderr)
        process, _ = self.run_it()
        self.assertIn("account add juliet@localhost", self.said())
        self.assertNotIn("accounts:", self.said())
        self.assertEqual(self.end(process), 0)

    def test_a_folder_that_holds_something_else(self):
        os.mkdir(self.run_folder)
        done = subprocess.run([ROOT + "/dev", "run"], capture_output=True, text=True,
                              timeout=120, env=self.environment())
        self.assertSays(done, 1, "holds no instance")


class Configure(SystemTest):
    def setUp(self):
        self.build = os.path.join(TMP, "classic")
        os.mkdir(self.build)
        self.addCleanup(shutil.rmtree, self.build, True)

    def do(self, *words):
        done = subprocess.run(words, cwd=self.build, capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_the_unit_goes_where_units_go(self):
        """As README says it: the folder left out."""
        self.do(ROOT + "/configure", "--prefix=/usr/local", "--sysconfdir=/etc",
                "--with-systemdsystemunitdir")
        with open(self.build + "/Makefile") as f:
            folder = re.search(r"^systemdsystemunitdir = (.*)$", f.read(), re.M).group(1)
        self.assertRegex(folder, r"^(/|\$\{prefix\}/).*systemd/system$")
        self.do("make", "-s", "stentord.service")
        with open(self.build + "/stentord.service") as f:
            unit = f.read()
        self.assertNotRegex(unit, r"@[a-z]+@")
        self.assertIn("ExecStart=/usr/local/sbin/stentord -c /etc/stentor/stentor.conf", unit)
        self.assertIn("ExecReload=/usr/local/bin/stentorctl -c /etc/stentor/stentor.conf reload",
                      unit)

    def test_a_build_in_the_sources_makes_no_sources(self):
        """What make leaves behind is none of the files there are, and has no bad words."""
        tree = self.build + "/tree"
        names = ("src", "modules", "bench", "tests", "schemas", "tools", "man", "contrib")
        for name in names:
            shutil.copytree(os.path.join(ROOT, name), os.path.join(tree, name),
                            ignore=shutil.ignore_patterns("__pycache__", "build*"))
        for name in ("sources.am", "README.md", "HACKING.md", "NEWS", "dev", "configure.ac",
                     "Makefile.am"):
            shutil.copy(os.path.join(ROOT, name), tree)
        for path in ("tests/clients/.deps/strophe_chat.Po",
                     "tests/house/words.log", "tests/house/words.trs", "src/.dirstamp",
                     "tests/plays/a.log", "tests/plays/a.trs", "modules/mod_ping.lo"):
            os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
            with open(os.path.join(tree, path), "w") as f:
                f.write("/" "home/somebody\n")
        self.do(tree + "/tools/list-sources", "--check")
        self.do("env", "SOURCE_DIR=" + tree, tree + "/tests/house/words")


if __name__ == "__main__":
    main()
