#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The admin socket, spoken to by programs that are not stentorctl, some of them broken."""

import json
import random
import socket
import time

from instance import PATIENCE, SystemTest, main


class AdminSocket(SystemTest):
    @classmethod
    def setUpClass(cls):
        from instance import Instance

        cls.it = Instance()
        cls.it.start()

    @classmethod
    def tearDownClass(cls):
        cls.it.stop()
        cls.it.close()

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.it.data + "/admin.sock")
        s.settimeout(PATIENCE)
        self.addCleanup(s.close)
        return s

    def lines(self, s, count):
        heard = b""
        while heard.count(b"\n") < count:
            more = s.recv(65536)
            if not more:
                break
            heard += more
        return [json.loads(line) for line in heard.splitlines()]

    def ask(self, *requests):
        s = self.connect()
        s.sendall(b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n"
                           for r in requests))
        return self.lines(s, len(requests))

    def still_there(self):
        """Those who came before may still be served, and there is a limit: so, in a while."""
        end = time.time() + PATIENCE
        while True:
            answer, = self.ask({"command": ["status"]})
            if answer["ok"] or time.time() > end:
                break
            time.sleep(0.1)
        self.assertTrue(answer["ok"], answer)

    def test_a_request_is_answered(self):
        answer, = self.ask({"command": ["log", "level"], "arguments": {}})
        self.assertEqual(answer, {"ok": True, "result": {"level": "info"}})

    def test_requests_may_follow_each_other(self):
        answers = self.ask(*[{"command": ["status"]}, {"command": ["log", "level"]}] * 20)
        self.assertEqual(len(answers), 40)
        self.assertIn("pid", answers[0]["result"])
        self.assertIn("level", answers[1]["result"])

    def test_a_request_may_come_byte_by_byte(self):
        s = self.connect()
        for byte in json.dumps({"command": ["log", "level"]}) + "\n":
            s.sendall(byte.encode())
        self.assertTrue(self.lines(s, 1)[0]["ok"])

    def test_nonsense_is_answered_and_forgiven(self):
        nonsense = [b"\x00\xff\n", b"hello\n", b"[]\n", b"5\n", b"{}\n", b'{"command":5}\n',
                    b'{"command":[]}\n', b'{"command":["status",5]}\n',
                    b'{"command":["status","x","y"]}\n', b'{"command":["nothing"]}\n',
                    b'{"command":["status"],"arguments":[]}\n',
                    b'{"command":["status"],"command":["stop"]}\n',
                    b'{"command":["account","add"],"arguments":{"jid":5}}\n',
                    b'{"command":["account","add"],"arguments":{"jid":"a@localhost","x":1}}\n',
                    b'{"command":["account","add"],"arguments":{"jid":"a@localhost"}}\n',
                    b'{"command":["init"],"arguments":{"dir":"/tmp/x"}}\n',
                    b'{"command":["store","restore"],"arguments":{"file":"/x"}}\n',
                    b'{"command":["log","level"],"arguments":{"level":"\\u0000"}}\n']
        answers = self.ask(*nonsense, {"command": ["log", "level"]})
        self.assertEqual(len(answers), len(nonsense) + 1)
        for answer in answers[:-1]:
            self.assertFalse(answer["ok"], answer)
            self.assertNotEqual(answer["error"], "")
        self.assertTrue(answers[-1]["ok"])

    def test_deep_nesting_is_refused(self):
        answer, = self.ask(b'{"command":' + b"[" * 30000 + b"\n")
        self.assertFalse(answer["ok"])
        self.still_there()

    def test_an_endless_line_ends_the_connection(self):
        s = self.connect()
        try:
            for _ in range(100):
                s.sendall(b"x" * 65536)
        except OSError:
            pass
        heard = b""
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    break
                heard += more
        except OSError:
            pass
        self.assertIn(b"request_max", heard)
        self.still_there()

    def test_those_who_leave_early_hurt_nobody(self):
        for _ in range(50):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.it.data + "/admin.sock")
            s.sendall(json.dumps({"command": ["store", "check"]}).encode() + b"\n")
            s.close()
        self.still_there()

    def test_too_many_are_told(self):
        crowd = [self.connect() for _ in range(32)]
        late = self.connect()
        self.assertIn("clients_max", self.lines(late, 1)[0]["error"])
        for s in crowd:
            s.close()
        self.still_there()

    def test_random_bytes(self):
        dice = random.Random(5222)
        for _ in range(30):
            s = self.connect()
            request = bytearray(json.dumps({"command": ["account", "show"],
                                            "arguments": {"jid": "a@localhost"}}).encode())
            for _ in range(dice.randrange(6)):
                request[dice.randrange(len(request))] = dice.randrange(256)
            s.sendall(bytes(request) + b"\n")
            self.lines(s, 1)
            s.close()
        self.still_there()


if __name__ == "__main__":
    main()
