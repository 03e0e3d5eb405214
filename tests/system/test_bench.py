#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of the bench: that they count every message, and see what goes wrong."""

import json
import os
import select
import socket
import subprocess
import threading
import time

from instance import PATIENCE, ROOT, SystemTest, main

BUILD = os.environ.get("BUILD_DIR", os.path.join(ROOT, "build"))
LOAD = os.path.join(BUILD, "bench", "stentor-load")
FLOOR = os.path.join(BUILD, "bench", "stentor-floor")


def load(scenario, port, *words, expect=0):
    """The result of a run, which must end with the exit code that is expected."""
    done = subprocess.run([LOAD, scenario, "--connect", "127.0.0.1:%d" % port, *words],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=PATIENCE * 6)
    assert done.returncode == expect, "%d: %s%s" % (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


class Bench(SystemTest):
    def assertClean(self, result):
        self.assertEqual(result["errors"], {"lost": 0, "duplicated": 0, "reordered": 0,
                                            "failed": 0})
        self.assertGreater(result["count"], 0)

    def server(self, users):
        it = self.instance("--registration", "open")
        it.edit("#an_hour = 5", "an_hour = 1000000")
        it.edit("#password_min = 8", "password_min = 6")
        it.start()
        self.pids = "--pids=%d" % it.server.pid
        result = load("register", it.port, "--users", str(users), self.pids)
        self.assertClean(result)
        self.assertEqual(result["count"], users)
        return it

    def floor(self, *words):
        process = subprocess.Popen([FLOOR, *words, "--listen", "127.0.0.1:0"],
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.addCleanup(process.stdout.close)
        return int(process.stdout.readline().split()[-1])


class Server(Bench):
    def test_accounts_are_made_once(self):
        it = self.server(10)
        again = load("register", it.port, "--users", "12")
        self.assertEqual((again["count"], again["existing"]), (2, 10))

    def test_logins(self):
        it = self.server(8)
        result = load("login", it.port, "--users", "8", "--parallel", "4", "--seconds", "1",
                      self.pids)
        self.assertClean(result)
        self.assertEqual(result["resumed"], 0)
        self.assertGreater(result["cpu_us"]["total"], 50)
        self.assertLess(result["latency"]["p50"], result["latency"]["max"])
        for words in (("--tls", "direct", "--tls-resume"), ("--mechanism", "PLAIN")):
            port = it.direct_port if "direct" in words else it.port
            result = load("login", port, "--users", "8", "--parallel", "4", "--seconds", "1", *words)
            self.assertClean(result)
            self.assertEqual(result["resumed"] > 0, "--tls-resume" in words)

    def test_a_wrong_password_is_a_failure(self):
        it = self.server(2)
        result = load("login", it.port, "--users", "2", "--seconds", "1", "--password", "wrong-one",
                      expect=1)
        self.assertGreater(result["errors"]["failed"], 0)

    def test_chat(self):
        it = self.server(20)
        for words in ((), ("--rate", "500"), ("--direction", "one", "--window", "1"),
                      ("--to", "bare", "--body", "1000"), ("--ack",)):
            result = load("chat", it.port, "--users", "20", "--seconds", "1", "--warmup", "0.2",
                          self.pids, *words)
            self.assertClean(result)
            self.assertGreater(result["cpu_us"]["total"], 0)
            if "--rate" in words:
                self.assertAlmostEqual(result["rate"], 500, delta=100)
            if "--ack" in words:
                self.assertEqual(result["ack_latency"]["count"], result["latency"]["count"])

    def test_idle(self):
        it = self.server(20)
        result = load("idle", it.port, "--users", "20", "--seconds", "1", "--settle", "0", self.pids)
        self.assertClean(result)
        self.assertEqual(result["sessions"], 20)
        self.assertGreater(result["memory"]["rss_after"], result["memory"]["rss_before"])
        self.assertEqual(result["entering"]["latency"]["count"], 20)

    def test_rosters(self):
        it = self.server(10)
        words = ("--users", "10", "--roster", "4", self.pids)
        for subscriptions in (2 * 5 * 4, 0):
            result = load("prepare-roster", it.port, *words)
            self.assertEqual((result["groups"], result["count"]), (2, subscriptions))
        result = load("presence", it.port, *words)
        self.assertClean(result)
        # Each sees itself and its contacts.
        self.assertGreaterEqual(result["presences"], 10 * 5)
        result = load("roster", it.port, "--seconds", "1", *words)
        self.assertClean(result)
        self.assertEqual(result["items"], 4)
        result = load("roster", it.port, "--seconds", "1", "--versioned", *words)
        self.assertClean(result)
        if result["versions_offered"]:
            self.assertGreater(result["empty_answers"], 0)

    def test_missing_contacts_are_noticed(self):
        it = self.server(4)
        result = load("presence", it.port, "--users", "4", "--roster", "3", "--patience", "1",
                      expect=1)
        self.assertEqual(result["errors"]["lost"], 4 * 3)

    def test_a_server_that_dies_is_noticed(self):
        it = self.server(20)
        timer = threading.Timer(2, it.server.kill)
        timer.start()
        result = load("chat", it.port, "--users", "20", "--seconds", "30", expect=1)
        timer.join()
        self.assertGreater(result["errors"]["lost"], 0)
        self.assertEqual(result["errors"]["failed"], 20)


class Floor(Bench):
    def test_relay(self):
        it = self.instance()
        certificate = it.folder + "/certs/localhost"
        for tls in (True, False):
            port = self.floor("relay", *(("--tls", "--cert", certificate + ".crt", "--key",
                                          certificate + ".key") if tls else ()))
            for words in ((), ("--rate", "500"), ("--body", "20000", "--window", "50")):
                result = load("chat", port, "--protocol", "raw", "--tls",
                              "direct" if tls else "none", "--users", "20", "--seconds", "1",
                              "--warmup", "0.2", *words)
                self.assertClean(result)
                self.assertEqual(result["tls"] is not None, tls)


    def test_fanout(self):
        port = self.floor("fanout")
        for words in ((), ("--rate", "100")):
            result = load("fanout", port, "--protocol", "raw", "--tls", "none", "--users", "20",
                          "--seconds", "1", "--warmup", "0.2", *words)
            self.assertClean(result)
            self.assertAlmostEqual(result["bytes"]["heard"], 300, delta=20)


class Saboteur(threading.Thread):
    """A relay for one pair that loses, repeats and swaps what it should pass on."""

    def __init__(self, act, end=b"</message>"):
        super().__init__(daemon=True)
        self.act, self.end = act, end
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        ends = []
        while len(ends) < 2:
            ends.append(self.listener.accept()[0])
        self.listener.close()
        greetings = [end.recv(100) for end in ends]
        assert all(words.startswith(b"pair ") for words in greetings), greetings
        for end in ends:
            end.sendall(b"<ready/>")
        pending, count = {ends[0]: b"", ends[1]: b""}, 0
        while ends:
            for end in select.select(ends, [], [])[0]:
                try:
                    data = end.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    for each in ends:
                        each.close()
                    return
                *whole, pending[end] = (pending[end] + data).split(self.end)
                for message in whole:
                    count += 1
                    other = ends[1 - ends.index(end)]
                    try:
                        for out in self.act(count, end, message + self.end):
                            other.sendall(out)
                    except OSError:
                        return


class Sabotage(Bench):
    def sabotage(self, act):
        saboteur = Saboteur(act)
        saboteur.start()
        result = load("chat", saboteur.port, "--protocol", "raw", "--tls", "none", "--users", "2",
                      "--seconds", "1", "--warmup", "0", "--rate", "200", "--patience", "1",
                      expect=1)
        return result["errors"]

    def test_lost(self):
        errors = self.sabotage(lambda n, end, message: [] if n in (50, 60, 61) else [message])
        self.assertEqual(errors, {"lost": 3, "duplicated": 0, "reordered": 0, "failed": 0})

    def test_the_last_one_lost(self):
        errors = self.sabotage(lambda n, end, message: [] if n >= 190 else [message])
        self.assertGreater(errors["lost"], 0)
        self.assertEqual(errors["reordered"] + errors["duplicated"] + errors["failed"], 0)

    def test_duplicated(self):
        errors = self.sabotage(lambda n, end, message: [message] * (2 if n in (50, 60) else 1))
        self.assertEqual(errors, {"lost": 0, "duplicated": 2, "reordered": 0, "failed": 0})

    def test_reordered(self):
        held = {}

        def swap(n, end, message):
            if n == 50:
                held[end] = message
                return []
            return [message, held.pop(end)] if end in held else [message]

        errors = self.sabotage(swap)
        self.assertEqual(errors, {"lost": 0, "duplicated": 0, "reordered": 1, "failed": 0})

    def acknowledge(self, number, expect):
        """Runs a chat with acknowledgements by somebody who counts as `number` says."""
        counts = {}

        def act(n, end, message):
            if b"<enable " in message:
                counts[end] = 0
                end.sendall(b"<enabled xmlns='urn:xmpp:sm:3'/>")
                return []
            if b"<message" in message:
                counts[end] += 1
                return [message]
            if b"<r " in message:
                end.sendall(b"<a xmlns='urn:xmpp:sm:3' h='%d'/>" % number(counts[end]))
            return []

        saboteur = Saboteur(lambda n, end, data: [
            out for piece in data.replace(b"</message>", b"</message>\0").split(b"\0")
            for out in act(n, end, piece)], end=b"/>")
        saboteur.start()
        return load("chat", saboteur.port, "--protocol", "raw", "--tls", "none", "--users", "2",
                    "--seconds", "1", "--rate", "200", "--patience", "1", "--ack", expect=expect)

    def test_acknowledgements(self):
        result = self.acknowledge(lambda n: n, 0)
        self.assertClean(result)
        self.assertEqual(result["ack_latency"]["count"], result["latency"]["count"])
        result = self.acknowledge(lambda n: n + 1, 1)
        self.assertGreater(result["errors"]["failed"], 0)

    def test_refused(self):
        def refuse(n, end, message):
            return [message.replace(b"type='chat'", b"type='error'")] if n == 50 else [message]

        errors = self.sabotage(refuse)
        self.assertEqual((errors["failed"], errors["lost"]), (1, 1))


class Tool(Bench):
    def test_mistakes_are_said(self):
        for words, said in (([], "which scenario"), (["chat"], "--connect"),
                            (["chat", "--connect", "127.0.0.1:1", "--tls", "maybe"], "maybe"),
                            (["chat", "--connect", "127.0.0.1:1", "--users", "many"], "many"),
                            (["chess", "--connect", "127.0.0.1:1"], "chess")):
            done = subprocess.run([LOAD, *words], capture_output=True, text=True, timeout=PATIENCE)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(said, done.stderr)

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        started = time.monotonic()
        result = load("chat", port, "--users", "2", "--seconds", "1", expect=1)
        self.assertGreater(result["errors"]["failed"], 0)
        self.assertLess(time.monotonic() - started, 10)


if __name__ == "__main__":
    main()
