# SPDX-License-Identifier: MIT
"""A private MariaDB: its own folder, socket and port, never the system's.

    with mariadb.Server(folder) as server: ...

or, as a program, `python3 tests/lib/mariadb.py FOLDER`: starts one, with what it holds from
before, prints how to reach it, and stops it when it is told to end.

root comes in by the socket without a password.  The port wants TLS or not, as the client
likes; FOLDER/ca.pem vouches for "localhost" and 127.0.0.1.
"""
import hashlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

CERTIFICATES = {
    "ca": "cn = a private authority\nca\ncert_signing_key\nexpiration_days = 3650\n",
    "server": "cn = localhost\ndns_name = localhost\nip_address = 127.0.0.1\n"
              "tls_www_server\nsigning_key\nencryption_key\nexpiration_days = 3650\n",
}


class Absent(Exception):
    """There is no MariaDB here, or it does not start."""


def find(*names):
    for name in names:
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if found:
            return found
    raise Absent("no %s: install mariadb-server-core and mariadb-client-core" % names[0])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, folder, options=(), data=None):
        self.folder = os.path.abspath(folder)
        self.data = data or os.path.join(self.folder, "data")
        self.socket = os.path.join(self.folder, "socket")
        if len(self.socket) > 100:  # the system takes no longer ones
            self.socket = "/tmp/stentor-mariadb-" + hashlib.sha1(
                self.folder.encode()).hexdigest()[:16]
        self.ca = os.path.join(self.folder, "ca.pem")
        self.log = os.path.join(self.folder, "log")
        self.options = list(options)
        self.process = None
        self.port = 0

    def __enter__(self):
        self.make()
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def make(self):
        """The folder and the empty databases, unless they are there."""
        install, program = find("mariadb-install-db", "mysql_install_db"), find("mariadbd", "mysqld")
        self.client, self.program = find("mariadb", "mysql"), program
        os.makedirs(self.folder, exist_ok=True)
        if not os.path.isdir(os.path.join(self.data, "mysql")):
            with open(self.log, "ab") as log:
                if subprocess.call(
                        [install, "--no-defaults", "--datadir=" + self.data, "--skip-test-db",
                         "--auth-root-authentication-method=normal", "--innodb-log-file-size=32M"]
                        + self.as_user(), stdin=subprocess.DEVNULL, stdout=log, stderr=log) != 0:
                    raise Absent("it could not make its databases, see " + self.log)
        if not os.path.exists(self.ca):
            self.make_certificates()

    @staticmethod
    def as_user():
        return ["--user=root"] if os.getuid() == 0 else []

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_certificates(self):
        for name, template in CERTIFICATES.items():
            with open(self.path(name + ".cfg"), "w") as f:
                f.write(template)
            self.certtool("--generate-privkey", "--key-type=rsa", "--bits=2048",
                          "--outfile", self.path(name + ".key"))
        self.certtool("--generate-self-signed", "--load-privkey", self.path("ca.key"),
                      "--template", self.path("ca.cfg"), "--outfile", self.ca)
        self.certtool("--generate-certificate", "--load-privkey", self.path("server.key"),
                      "--load-ca-certificate", self.ca, "--load-ca-privkey", self.path("ca.key"),
                      "--template", self.path("server.cfg"), "--outfile", self.path("server.pem"))

    def certtool(self, *args):
        with open(self.log, "ab") as log:
            subprocess.run([find("certtool")] + list(args), stdin=subprocess.DEVNULL,
                           stdout=log, stderr=log, check=True)

    def start(self, wait=60):
        # Stays the same when it is started again.
        self.port = self.port or free_port()
        command = [
            self.program, "--no-defaults", "--datadir=" + self.data, "--socket=" + self.socket,
            "--pid-file=" + self.path("pid"), "--bind-address=127.0.0.1",
            "--port=%d" % self.port, "--ssl-ca=" + self.ca,
            "--ssl-cert=" + self.path("server.pem"), "--ssl-key=" + self.path("server.key"),
            "--skip-log-bin", "--skip-name-resolve", "--performance-schema=OFF",
            "--max-connections=300", "--innodb-buffer-pool-size=128M",
            "--innodb-log-file-size=32M", "--key-buffer-size=1M",
            "--aria-pagecache-buffer-size=8M", "--innodb-flush-log-at-trx-commit=1",
        ] + self.as_user() + self.options
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)
        end = time.monotonic() + wait
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise Absent("it does not start, see " + self.log)
            time.sleep(0.05)

    def answers(self):
        return os.path.exists(self.socket) and subprocess.call(
            [self.client, "--no-defaults", "-S", self.socket, "-u", "root", "-e", "SELECT 1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL) == 0

    def sql(self, text, database=None):
        """What it answers, as lines of columns separated by tabs."""
        command = [self.client, "--no-defaults", "-S", self.socket, "-u", "root", "-N", "-B"]
        return subprocess.run(command + ([database] if database else []), input=text, text=True,
                              capture_output=True, check=True, timeout=60).stdout

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Kept:
    """Where an instance of a test keeps its things: a database of its own on MariaDB when the
    test is to run there (KEPT_ON), else SQLite's file."""

    def __init__(self):
        self.database = None
        if os.environ.get("KEPT_ON") == "mariadb":
            self.server = os.environ["STENTOR_MARIADB"] + "/socket"
            self.database = "t%x_%x" % (os.getpid(), time.monotonic_ns())
            self.client([], "CREATE DATABASE " + self.database)

    def client(self, words, sql):
        command = [find("mariadb", "mysql"), "--no-defaults", "-S", self.server, "-u", "root",
                   "-N", "-B", "--init-command=SET sql_mode = 'ANSI,STRICT_ALL_TABLES'"]
        return subprocess.run(command + words, input=sql, text=True, errors="replace",
                              capture_output=True, check=True, timeout=60).stdout

    def words(self):
        """What `stentorctl init` is to be told."""
        if self.database is None:
            return []
        return ["--store", "mariadb://root@/%s?socket=%s" % (self.database, self.server)]

    def sql(self, file, statement):
        """Rows of texts; `file` is SQLite's."""
        if self.database is not None:
            said = self.client([self.database], statement)
            return [line.split("\t") for line in said.splitlines()]
        database = sqlite3.connect(file, timeout=5)
        with database:
            rows = [[str(value) for value in row] for row in database.execute(statement)]
        database.close()
        return rows


def main():
    server = Server(sys.argv[1])
    user, database = "stentor", "stentor"

    def end(_number, _frame):
        server.stop()
        sys.exit(0)

    try:
        server.make()
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
        server.start()
    except Absent as why:
        sys.exit("mariadb: %s" % why)
    server.sql("CREATE DATABASE IF NOT EXISTS %s; CREATE USER IF NOT EXISTS %s@localhost;"
               "CREATE USER IF NOT EXISTS %s@'127.0.0.1' IDENTIFIED BY 'secret';"
               "GRANT ALL ON %s.* TO %s@localhost; GRANT ALL ON %s.* TO %s@'127.0.0.1'"
               % (database, user, user, database, user, database, user))
    with open(server.path("password"), "w") as f:
        f.write("secret\n")
    print("a private MariaDB, in %s:" % server.folder)
    print("    mariadb://%s@/%s?socket=%s" % (user, database, server.socket))
    print("    mariadb://%s@127.0.0.1:%d/%s" % (user, server.port, database))
    print("        with --store-password-file %s" % server.path("password"))
    print("    %s --no-defaults -S %s -u root %s" % (server.client, server.socket, database))
    print("^C stops it", flush=True)
    server.process.wait()
    sys.exit("mariadb: it has ended, see %s" % server.log)


if __name__ == "__main__":
    main()
