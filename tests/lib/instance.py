# SPDX-License-Identifier: MIT
"""A server of our own for a test: made, started, stopped, all below one folder.

The tests find the programs through the environment: STENTORD, STENTORCTL, and TMP, a folder
of the test's own.  Ports are free ones on 127.0.0.1 and ::1.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import mariadb
from ports import port_base

STENTORD = os.environ.get("STENTORD", "build/stentord")
STENTORCTL = os.environ.get("STENTORCTL", "build/stentorctl")
TMP = os.environ.get("TMP") or os.environ.get("TMPDIR") or "/tmp"
CLIENT, CLIENT_TLS = 22, 23


class Skip(Exception):
    """What the test needs is not installed."""


class Instance:
    def __init__(self, name="instance", domains=("localhost",), tls=None, registration=None,
                 options=(), shards=None, words=()):
        self.folder = os.path.join(TMP, name)
        self.base = port_base()
        self.conf = os.path.join(self.folder, "stentor.conf")
        self.process = None
        said = [STENTORCTL, "init", self.folder, "--port-base", str(self.base)]
        for domain in domains:
            said += ["--domain", domain]
        if tls:
            said += ["--tls", tls]
        if registration:
            said += ["--registration", registration]
        self.kept = mariadb.Kept()
        said += self.kept.words()
        said += words
        subprocess.run(said, check=True, stdout=subprocess.DEVNULL)
        if shards is not None:
            self.configure("shards = %d\n" % shards, at_top=True)
        for text in options:
            self.configure(text)

    @property
    def port(self):
        return self.base + CLIENT

    @property
    def tls_port(self):
        return self.base + CLIENT_TLS

    def read_conf(self):
        with open(self.conf) as f:
            return f.read()

    def write_conf(self, text):
        with open(self.conf, "w") as f:
            f.write(text)

    def configure(self, text, at_top=False):
        conf = self.read_conf()
        self.write_conf(text + conf if at_top else conf + "\n" + text)

    def configure_domain(self, domain, text):
        """Adds lines to the section of a domain."""
        conf = self.read_conf()
        pattern = re.compile(r'^(domain\s+"?%s"?\s*\{)' % re.escape(domain), re.M)
        assert pattern.search(conf), "no section for " + domain
        self.write_conf(pattern.sub(lambda m: m.group(1) + "\n\t" + text, conf, count=1))

    def configure_section(self, name, text):
        """Adds lines to a section that is there once."""
        conf = self.read_conf()
        pattern = re.compile(r"^(%s\s*\{)" % re.escape(name), re.M)
        assert pattern.search(conf), "no section " + name
        self.write_conf(pattern.sub(lambda m: m.group(1) + "\n\t" + text, conf, count=1))

    def start(self, env=None, wait=True):
        self.log = open(os.path.join(self.folder, "log.txt"), "ab")
        full = dict(os.environ)
        full.update(env or {})
        self.process = subprocess.Popen([STENTORD, "-c", self.conf], stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL, env=full)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the server ended with %d:\n%s" %
                                   (self.process.returncode, self.log_text()))
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the server does not accept:\n" + self.log_text())

    def log_text(self):
        with open(os.path.join(self.folder, "log.txt"), errors="replace") as f:
            return f.read()

    def ctl(self, *words, check=True, input=None):
        done = subprocess.run([STENTORCTL, "-c", self.conf, *words], input=input,
                              capture_output=True, text=True, timeout=60)
        if check and done.returncode != 0:
            raise RuntimeError("stentorctl %s: %d\n%s%s" % (" ".join(words), done.returncode,
                                                            done.stdout, done.stderr))
        return done

    def ctl_json(self, *words):
        return json.loads(self.ctl("--json", *words).stdout)

    def add_account(self, jid, password):
        self.ctl("account", "add", jid, "--password-file", "-", input=password + "\n")

    def sql(self, statement):
        """Asks the store itself; rows of texts."""
        return self.kept.sql(os.path.join(self.folder, "data", "stentor.sqlite"), statement)

    def stop(self, expect=0):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("the server did not stop:\n" + self.log_text())
        self.process = None
        self.log.close()
        if expect is not None and code != expect:
            raise RuntimeError("the server ended with %d:\n%s" % (code, self.log_text()))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        self.log.close()

    def certificate(self, domain="localhost"):
        return os.path.join(self.folder, "certs", domain + ".crt")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process is not None and self.process.poll() is None:
            if kind is None:
                self.stop()
            else:
                sys.stderr.write(self.log_text()[-4000:])
                self.kill()
        return False


def main(*tests):
    """Runs functions one after the other; says which failed and why; the exit code is the
    number of failures."""
    import traceback
    failed = passed = skipped = 0
    for test in tests:
        name = test.__name__.replace("_", " ")
        try:
            test()
            passed += 1
            print("ok   " + name, flush=True)
        except Skip as why:
            skipped += 1
            print("skip %s: %s" % (name, why), flush=True)
        except Exception:
            failed += 1
            print("FAIL " + name, flush=True)
            traceback.print_exc()
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    sys.exit(1 if failed else 77 if skipped and not passed else 0)
