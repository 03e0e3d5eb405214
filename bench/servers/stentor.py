# SPDX-License-Identifier: MIT
"""Stentor as it is built by ./dev build, with all options as they are by default, except:

- listen.connections_an_address and streams.rate are off, since all clients have one address and
  send as fast as they can; the other servers have no such limits here either;
- module register: any number of accounts an hour;
- streams.tls is optional in scenarios that measure without TLS.

It has one shard a processor, keeps everything in SQLite with synchronous=FULL, and loads the
modules it loads by default.
"""
import os
import sqlite3

from kit.place import run
from kit.server import DOMAIN, Server

CONFIGURATION = """\
data = "data"
{shards}
log {{
	target = "log.txt"
}}
listen {{
	addresses = {{ "127.0.0.1" }}
	connections_an_address = 0
	client_port = {port}
	client_tls_port = {tls_port}
}}
streams {{
	tls = {tls}
	rate = 0
}}
domain "{domain}" {{
	registration = {registration}
	certificate = "{certificate}"
	key = "{key}"
	register {{
		an_hour = 1000000
	}}
}}
"""


class Stentor(Server):
    name, title, family = "stentor", "Stentor", "stentor"
    family_is_peer = False

    def program(self, name):
        return os.path.join(self.place.build, name)

    def command(self):
        return [self.program("stentord"), "-c", os.path.join(self.folder, "stentor.conf")]

    def environment(self):
        return {"STENTOR_SCHEMAS": os.path.join(self.place.source, "schemas")}

    def prepare(self):
        os.mkdir(os.path.join(self.folder, "data"), 0o700)

    def configure(self, setup):
        self.write("stentor.conf", CONFIGURATION.format(
            port=self.port, tls_port=self.tls_port, domain=DOMAIN,
            shards="shards = %d" % setup.shards if setup.shards else "",
            tls="optional" if setup.plain else "required",
            registration="open" if setup.registration else "closed",
            certificate=self.place.certificate, key=self.place.key))

    def copy_account(self, names):
        path = os.path.join(self.folder, "data", "stentor.sqlite")
        database = sqlite3.connect(path)
        for table in ("accounts", "credentials"):
            rows = database.execute("SELECT * FROM %s WHERE owner = ?" % table,
                                    ("u0@" + DOMAIN,)).fetchall()
            columns = [column[1] for column in
                       database.execute("PRAGMA table_info(%s)" % table)]
            owner = columns.index("owner")
            database.executemany(
                "INSERT INTO %s VALUES (%s)" % (table, ",".join("?" * len(columns))),
                (row[:owner] + (name + "@" + DOMAIN,) + row[owner + 1:]
                 for name in names for row in rows))
        database.commit()
        database.close()

    def copy_rosters(self):
        database = sqlite3.connect(os.path.join(self.folder, "data", "stentor.sqlite"))
        columns = [column[1] for column in database.execute("PRAGMA table_info(roster)")]
        owner, contact = columns.index("owner"), columns.index("contact")
        one, = database.execute("SELECT * FROM roster WHERE owner = ?",
                                ("u0@" + DOMAIN,)).fetchall()

        def entry(name, other):
            row = list(one)
            row[owner], row[contact] = name + "@" + DOMAIN, other + "@" + DOMAIN
            return row

        database.execute("DELETE FROM roster")
        database.executemany("INSERT INTO roster VALUES (%s)" % ",".join("?" * len(columns)),
                             (entry(name, other) for name, others in self.friends()
                              for other in others))
        database.commit()
        database.close()

    def version(self):
        return run([self.program("stentord"), "--version"]).strip().splitlines()[0]


SERVERS = [Stentor]
