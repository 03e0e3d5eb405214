#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two clients on libstrophe (strophe_chat.c) talk with each other, one over STARTTLS and one over
direct TLS, change a roster, and hear what was said while they were away."""
import os
import queue
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, Skip, main  # noqa: E402

PROGRAM = os.path.join(os.environ.get("BUILD_DIR", "build"), "tests", "clients", "strophe_chat")
PATIENCE = 60 if os.environ.get("STENTOR_SLOW") else 20


class Chat:
    def __init__(self, instance, name, password, direct=False, ca=None):
        self.process = subprocess.Popen(
            [PROGRAM, "127.0.0.1", str(instance.tls_port if direct else instance.port),
             name + "@localhost/strophe", ca or instance.certificate(),
             "direct" if direct else "starttls"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, PASSWORD=password))
        self.lines = queue.Queue()
        self.seen = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def tell(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()

    def expect(self, wanted):
        """The next line that begins so; what comes before it is passed over."""
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError("no %r, only %r" % (wanted, self.seen)) from None
            self.seen.append(line)
            if line is None:
                raise AssertionError("ended without %r: %r" % (wanted, self.seen))
            if line.startswith(wanted):
                return line

    def leave(self):
        self.tell("leave")
        self.expect("offline")
        assert self.process.wait(PATIENCE) == 0, self.seen

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


def needs_program():
    if not os.path.exists(PROGRAM):
        raise Skip("libstrophe was not there when this was built")


def prepare(instance):
    instance.add_account("juliet@localhost", "capulet-secret")
    instance.add_account("romeo@localhost", "montague-secret")
    instance.start()


def strophe_talks_both_ways_and_offline():
    needs_program()
    with Instance("strophe") as instance:
        prepare(instance)
        juliet = Chat(instance, "juliet", "capulet-secret")
        romeo = Chat(instance, "romeo", "montague-secret", direct=True)
        everybody = [juliet, romeo]
        try:
            juliet.expect("online juliet@localhost/strophe")
            romeo.expect("online romeo@localhost/strophe")
            juliet.tell("say romeo@localhost Art thou not Romeo?")
            romeo.expect("heard juliet@localhost/strophe Art thou not Romeo?")
            romeo.tell("say juliet@localhost/strophe Neither, fair saint \u2665")
            juliet.expect("heard romeo@localhost/strophe Neither, fair saint \u2665")
            juliet.tell("roster")
            juliet.expect("done roster")
            juliet.tell("add nurse@localhost Angelica & Co")
            juliet.expect("contact nurse@localhost Angelica & Co")
            juliet.expect("done add")
            juliet.leave()
            for n in range(3):
                romeo.tell("say juliet@localhost away %d" % n)
            # Whatever is asked behind all that is answered behind it.
            romeo.tell("roster")
            romeo.expect("done roster")
            juliet = Chat(instance, "juliet", "capulet-secret", direct=True)
            everybody.append(juliet)
            for n in range(3):
                juliet.expect("late romeo@localhost/strophe away %d" % n)
            juliet.tell("roster")
            juliet.expect("contact nurse@localhost Angelica & Co")
            juliet.leave()
            romeo.leave()
        finally:
            for chat in everybody:
                chat.end()
        instance.stop()


def strophe_with_a_wrong_password_or_certificate_stays_out():
    needs_program()
    with Instance("strophe-wrong", domains=("localhost", "verona.example")) as instance:
        prepare(instance)
        for password, ca in (("wrong", None), ("capulet-secret", instance.certificate("verona.example"))):
            chat = Chat(instance, "juliet", password, ca=ca)
            try:
                chat.expect("offline")
                assert chat.process.wait(PATIENCE) == 1, chat.seen
                assert not [line for line in chat.seen if line.startswith("online")], chat.seen
            finally:
                chat.end()
        instance.stop()


if __name__ == "__main__":
    main(strophe_talks_both_ways_and_offline,
         strophe_with_a_wrong_password_or_certificate_stays_out)
