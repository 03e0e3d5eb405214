# SPDX-License-Identifier: MIT
"""Where a run of the bench takes place: programs, a folder for instances, a certificate for all,
and how many files a process may open."""
import os
import resource
import shutil
import socket
import subprocess
import tempfile

FILES = 60000  # sockets of 20,000 sessions, and what else there is


class Missing(Exception):
    """A program or package that the run needs is not there."""


class Place:
    def __init__(self, source, build):
        self.source, self.build = source, build
        # Short, since sockets have their paths in it.
        self.folder = tempfile.mkdtemp(prefix="stentor-bench-", dir="/tmp")
        self.certificate = os.path.join(self.folder, "bench.crt")
        self.key = os.path.join(self.folder, "bench.key")
        self.load = os.path.join(build, "bench", "stentor-load")
        self.floor = os.path.join(build, "bench", "stentor-floor")
        self.files = raise_files()
        self.make_certificate()

    def make_certificate(self):
        """ECDSA on P-256, which all of them take."""
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", self.key, "-out", self.certificate])
        os.chmod(self.key, 0o600)

    def subfolder(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        return path

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def raise_files():
    """As many open files as we may have; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
            return FILES
        except (ValueError, OSError):
            pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def free_ports(count):
    """Ports of 127.0.0.1 that nobody has, all different."""
    sockets = []
    try:
        for _ in range(count):
            s = socket.socket()
            sockets.append(s)
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


def run(words, **more):
    """Runs a program to its end; Missing when it is not there, RuntimeError when it fails."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, stdin=more.pop("stdin", None)
                              if "input" not in more else None, **more)
    except FileNotFoundError:
        raise Missing("there is no program %s" % words[0]) from None
    if done.returncode != 0:
        raise RuntimeError("%s: exit code %d\n%s%s" % (" ".join(words), done.returncode,
                                                       done.stdout[-2000:], done.stderr[-2000:]))
    return done.stdout
