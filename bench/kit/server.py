# SPDX-License-Identifier: MIT
"""What all measured servers have in common.

A server is made once for a Setup: a folder with a configuration and accounts u0, u1 ..., all with
one password.  Then it is started and stopped as often as wanted, each time on ports that are
free.  Each file in bench/servers/ has a class for a server, and lists it in SERVERS.
"""
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time

from kit.place import free_ports

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                                "tests", "lib"))
import xmpp  # noqa: E402

DOMAIN = "localhost"
PASSWORD = "bench-secret"
HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' to='%s' "
          "xmlns:stream='http://etherx.jabber.org/streams'>" % DOMAIN).encode()


@dataclasses.dataclass(frozen=True)
class Setup:
    """What a scenario wants of a server; all else is as described in the server's file."""
    accounts: int = 0
    rosters: int = 0            # contacts of each account, both ways
    plain: bool = False         # clients need not encrypt
    registration: bool = False  # anybody may make accounts
    shards: int = 0             # Stentor: 0 is its default
    floor: str = "relay"        # of the floor: what it does
    pin: str = ""               # processors, as taskset takes them


class Server:
    name = title = family = None
    family_is_peer = True
    patience = 60

    def __init__(self, place, setup):
        self.place, self.setup = place, setup
        self.folder = None
        self.process = None
        self.port = self.tls_port = 0

    # --- to be said by each server ---

    def command(self):
        """The words that start it in the foreground."""
        raise NotImplementedError

    def environment(self):
        return {}

    def configure(self, setup):
        """Writes the configuration, for self.port and self.tls_port."""
        raise NotImplementedError

    def copy_account(self, names):
        """Copies u0 to all the names, while the server is at rest."""
        raise NotImplementedError

    def copy_rosters(self):
        """Gives all friends() such entries as u0 has of u1, while the server is at rest."""
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    # --- making ---

    def make(self):
        """Makes the instance and its accounts: u0 is made through the protocol, the others are
        copies of it."""
        self.folder = self.place.subfolder("%s-%d" % (self.name, time.monotonic_ns() % 10**9))
        self.prepare()
        if self.setup.accounts > 0:
            self.start(dataclasses.replace(self.setup, registration=True, plain=False, pin=""))
            try:
                self.make_account("u0")
            finally:
                self.stop()
            if self.setup.accounts > 1:
                self.copy_account(["u%d" % i for i in range(1, self.setup.accounts)])
        if self.setup.rosters > 0:
            self.start()
            try:
                self.befriend()
            finally:
                self.stop()
            self.copy_rosters()

    def prepare(self):
        """What is there before the first start."""

    def make_account(self, name):
        with xmpp.Client(self.port, DOMAIN) as client:
            client.begin()
            client.iq("set", "<query xmlns='jabber:iq:register'><username>%s</username>"
                      "<password>%s</password></query>" % (name, PASSWORD))

    def befriend(self):
        """u0 and u1 become each other's contacts through the protocol."""
        words = [self.place.load, "prepare-roster", "--connect", self.address("starttls"),
                 "--domain", DOMAIN, "--password", PASSWORD, "--users", "2", "--roster", "1"]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60)
        if done.returncode != 0:
            raise RuntimeError("prepare-roster: %s" % done.stdout[-500:])

    def groups(self):
        """The accounts in groups in each of which everybody is everybody's contact."""
        size = self.setup.rosters + 1
        return [["u%d" % i for i in range(first, first + size)]
                for first in range(0, self.setup.accounts - size + 1, size)]

    def friends(self):
        """[(name, the names of all contacts)]"""
        return [(name, [other for other in group if other != name])
                for group in self.groups() for name in group]

    # --- running ---

    def start(self, setup=None):
        """Starts it, and returns the seconds until it answered a client."""
        setup = setup or self.setup
        self.port, self.tls_port = free_ports(2)
        self.configure(setup)
        words = self.command()
        if setup.pin:
            words = ["taskset", "-c", setup.pin] + words
        env = dict(os.environ)
        env.update(self.environment())
        self.log = open(os.path.join(self.folder, "out.txt"), "ab")
        began = time.monotonic()
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd=self.folder, env=env,
                                        start_new_session=True)
        try:
            self.wait_ready(began)
        except BaseException:
            self.kill()
            raise
        return time.monotonic() - began

    def wait_ready(self, began):
        while not self.answers():
            if self.process.poll() is not None:
                raise RuntimeError("%s ended with %d:\n%s" % (
                    self.title, self.process.returncode, self.log_text()))
            if time.monotonic() - began > self.patience:
                raise RuntimeError("%s does not answer:\n%s" % (self.title, self.log_text()))
            time.sleep(0.002)

    def answers(self):
        """Whether a client that says hello hears which features there are."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.settimeout(5)
                s.sendall(HEADER)
                heard = b""
                while b"features>" not in heard:
                    data = s.recv(4096)
                    if not data:
                        return False
                    heard += data
                return True
        except OSError:
            return False

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self):
        """Ends what is left of it: its own group and nothing else."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait()
        self.process = None
        self.log.close()

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def pids(self):
        """Their children are found by who measures."""
        return [self.process.pid]

    def address(self, tls):
        return "127.0.0.1:%d" % (self.tls_port if tls == "direct" else self.port)

    def load_words(self, words):
        """The words for stentor-load, if this server needs others."""
        return words

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as f:
            f.write(text)

    def log_text(self):
        text = ""
        for root, _, names in os.walk(self.folder):
            for name in names:
                if name in ("out.txt", "ejabberd.log", "prosody.log"):
                    with open(os.path.join(root, name), errors="replace") as f:
                        text += f.read()[-2000:]
        return text
