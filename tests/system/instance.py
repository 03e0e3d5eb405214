# SPDX-License-Identifier: MIT
"""An instance of the server in a folder of its own, as tests of the whole program want it.

The programs come from $STENTORD and $STENTORCTL (else build/ beside this tree), the
folders go below $TMP.  Whatever happens, the server is ended and the folder removed.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import mariadb  # noqa: E402
from ports import port_base  # noqa: E402

STENTORD = os.environ.get("STENTORD", os.path.join(ROOT, "build", "stentord"))
STENTORCTL = os.environ.get("STENTORCTL", os.path.join(ROOT, "build", "stentorctl"))
TMP = os.environ.get("TMP", os.environ.get("TMPDIR", "/tmp"))
PATIENCE = 60 if os.environ.get("STENTOR_SLOW") else 20


class Instance:
    def __init__(self, *words, domain="localhost"):
        self.above = tempfile.mkdtemp(prefix="stentor-", dir=TMP)
        self.folder = os.path.join(self.above, "instance")
        self.conf = os.path.join(self.folder, "stentor.conf")
        self.data = os.path.join(self.folder, "data")
        self.log = os.path.join(self.above, "log")
        self.base = port_base()
        self.port = self.base + 22
        self.direct_port = self.base + 23
        self.domain = domain
        self.server = None
        self.kept = mariadb.Kept()
        done = ctl("init", self.folder, "--domain", domain, "--port-base", str(self.base), *words,
                   *self.kept.words())
        assert done.returncode == 0, done.stderr

    def ctl(self, *words, **more):
        return ctl("-c", self.conf, *words, **more)

    def ask(self, *words, **more):
        """The result of a command that must go well."""
        done = self.ctl("--json", *words, **more)
        assert done.returncode == 0, "%s: %s%s" % (words, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def add(self, name, password="secret"):
        self.ask("account", "add", "%s@%s" % (name, self.domain), "--password-file", "-",
                 input=password + "\n")

    def start(self, *words, wait=True):
        with open(self.log, "ab") as log:
            self.server = subprocess.Popen([STENTORD, "-c", self.conf, *words], stderr=log,
                                           stdout=log, stdin=subprocess.DEVNULL)
        if wait:
            self.wait_until_ready()
        return self.server

    def wait_until_ready(self):
        end = time.time() + PATIENCE
        while time.time() < end:
            if self.server.poll() is not None:
                raise AssertionError("the server ended: " + self.logged())
            done = self.ctl("--json", "status")
            if done.returncode == 0 and json.loads(done.stdout)["state"] == "running":
                return
            time.sleep(0.1)
        raise AssertionError("the server does not start: " + self.logged())

    def logged(self):
        try:
            with open(self.log, errors="replace") as log:
                return log.read()
        except OSError:
            return ""

    def sql(self, statement):
        """Asks the store itself; rows of texts."""
        return self.kept.sql(self.data + "/stentor.sqlite", statement)

    def stop(self):
        if self.server is None:
            return None
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(PATIENCE)
        self.server = None
        return code

    def edit(self, pattern, replacement):
        """Changes the configuration; the pattern must be there."""
        with open(self.conf) as file:
            text = file.read()
        changed, count = re.subn(pattern, replacement, text, flags=re.M)
        assert count > 0, "no %r in the configuration" % pattern
        with open(self.conf, "w") as file:
            file.write(changed)

    def append(self, text):
        with open(self.conf, "a") as file:
            file.write(text)

    def close(self):
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.above, ignore_errors=True)


def ctl(*words, **more):
    more.setdefault("timeout", PATIENCE * 2)
    if "input" not in more:
        more["stdin"] = subprocess.DEVNULL
    return subprocess.run([STENTORCTL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, **more)


def daemon(*words, **more):
    more.setdefault("timeout", PATIENCE)
    return subprocess.run([STENTORD, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **more)


class Client:
    """As much of XMPP as it takes to be a session: direct TLS, PLAIN, bind."""

    def __init__(self, instance, name, password="secret", resource="test"):
        raw = socket.create_connection(("127.0.0.1", instance.direct_port), PATIENCE)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["xmpp-client"])
        self.heard = ""
        self.socket = context.wrap_socket(raw, server_hostname=instance.domain)
        self.header = ("<stream:stream xmlns='jabber:client' version='1.0' to='%s' "
                       "xmlns:stream='http://etherx.jabber.org/streams'>" % instance.domain)
        self.say(self.header)
        self.hear("</stream:features>")
        proof = base64.b64encode(("\0%s\0%s" % (name, password)).encode()).decode()
        self.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>" % proof)
        self.hear_one("<success", "<failure")
        self.heard = ""
        self.say(self.header)
        self.features = self.hear("</stream:features>")
        self.heard = ""
        self.say("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                 "<resource>%s</resource></bind></iq>" % resource)
        self.hear("</iq>")
        self.heard = ""

    def say(self, text):
        self.socket.sendall(text.encode())

    def hear(self, until):
        """All that came, when `until` is in it."""
        self.socket.settimeout(PATIENCE)
        while until not in self.heard:
            more = self.socket.recv(65536)
            if not more:
                raise AssertionError("the stream ended before %r: %s" % (until, self.heard))
            self.heard += more.decode()
        return self.heard

    def hear_one(self, good, bad):
        self.socket.settimeout(PATIENCE)
        while good not in self.heard:
            more = self.socket.recv(65536)
            if not more or bad in self.heard + more.decode():
                self.socket.close()
                raise AssertionError("not %s: %s" % (good, self.heard + more.decode()))
            self.heard += more.decode()

    def hear_all(self):
        self.socket.settimeout(PATIENCE)
        try:
            while True:
                more = self.socket.recv(65536)
                if not more:
                    return self.heard
                self.heard += more.decode()
        except (OSError, ssl.SSLError):
            return self.heard

    def close(self):
        self.socket.close()


class SystemTest(unittest.TestCase):
    def instance(self, *words, **more):
        made = Instance(*words, **more)
        self.addCleanup(made.close)
        return made

    def assertSays(self, done, code, *words):
        """It ended with `code`, and what it said has all the words."""
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, said)
        for word in words:
            self.assertIn(word, said)


def main():
    for program in (STENTORD, STENTORCTL):
        if not os.access(program, os.X_OK):
            sys.exit("there is no %s: build first, or set STENTORD and STENTORCTL" % program)
    unittest.main(verbosity=2)
