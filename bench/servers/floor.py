# SPDX-License-Identifier: MIT
"""The floor: what moving the bytes costs when nothing is understood of them.  A relay in C on epoll
(bench/floor.c) reads a record and writes it to the partner, one send each; no XML, no accounts.
Nobody who treats messages one by one is cheaper; who reads ahead and writes several at once
can be."""
import os
import socket

from kit.server import Server


class Floor(Server):
    name, title, family = "floor", "relay floor", "floor"
    family_is_peer = False

    def make(self):
        self.folder = self.place.subfolder("floor-%s-%d" % (self.setup.floor, self.setup.plain))

    def command(self):
        words = [self.place.floor, self.setup.floor, "--listen", "127.0.0.1:%d" % self.port]
        if not self.setup.plain:
            words += ["--tls", "--cert", self.place.certificate, "--key", self.place.key]
        return words

    def configure(self, setup):
        self.tls_port = self.port

    def answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def load_words(self, words):
        """It does not know STARTTLS."""
        words = ["direct" if word == "starttls" else word for word in words]
        return words + ["--protocol", "raw"]

    def version(self):
        return "stentor-floor, of the same build"


SERVERS = [Floor]
