# SPDX-License-Identifier: MIT
"""Prosody from Debian's package, on its epoll backend, with the modules that Stentor has, and
carbons and stream management, which cost nothing until a client asks for them.

- No limits: the module that throttles is not loaded.
- Passwords are kept as SCRAM-SHA-256, which is what clients log in with.
- Twice, with each way to keep things: its internal store (a file for each thing and account) and
  SQLite.  The better of the two counts, for each measure.
- No other servers: s2s is off.  Logging is at "info".
"""
import os
import re
import shutil
import sqlite3

from kit.place import run
from kit.server import DOMAIN, Server

CONFIGURATION = """\
{root}
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{folder}"
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
http_ports = {{ }}
https_ports = {{ }}
network_backend = "epoll"
modules_enabled = {{
	"adhoc", "announce", "blocklist", "carbons", "disco", "lastactivity", "offline", "ping",
	"posix", "private", "register", "roster", "saslauth", "smacks", "time", "tls", "vcard",
	"version",
}}
modules_disabled = {{ "s2s" }}
authentication = "internal_hashed"
password_hash = "SHA-256"
c2s_require_encryption = {encryption}
allow_registration = {registration}
ssl = {{ certificate = "{certificate}", key = "{key}" }}
c2s_direct_tls_ssl = {{ certificate = "{certificate}", key = "{key}" }}
log = {{ info = "{folder}/prosody.log" }}
{storage}
VirtualHost "{domain}"
"""


class Prosody(Server):
    name, title, family = "prosody", "Prosody", "prosody"
    storage = 'storage = "internal"'

    def command(self):
        return ["prosody", "--config", os.path.join(self.folder, "prosody.cfg.lua"), "-F"]

    def prepare(self):
        os.mkdir(os.path.join(self.folder, "data"), 0o700)

    def configure(self, setup):
        self.write("prosody.cfg.lua", CONFIGURATION.format(
            root="run_as_root = true" if os.getuid() == 0 else "",
            folder=self.folder, port=self.port, tls_port=self.tls_port, domain=DOMAIN,
            encryption="false" if setup.plain else "true",
            registration="true" if setup.registration else "false",
            certificate=self.place.certificate, key=self.place.key, storage=self.storage))

    def copy_account(self, names):
        folder = os.path.join(self.folder, "data", DOMAIN, "accounts")
        for name in names:
            shutil.copyfile(folder + "/u0.dat", "%s/%s.dat" % (folder, name))

    def copy_rosters(self):
        folder = os.path.join(self.folder, "data", DOMAIN, "roster")
        with open(folder + "/u0.dat") as f:
            text = f.read()
        one, = re.findall(r'\n(\t\["u1@%s"\] = \{\n.*?\n\t\};)' % DOMAIN, text, re.S)
        for name, others in self.friends():
            with open("%s/%s.dat" % (folder, name), "w") as f:
                f.write(text.replace(one, "\n".join(one.replace("u1@", other + "@")
                                                    for other in others)))

    def version(self):
        return "Prosody " + run(["dpkg-query", "-W", "-f", "${Version}", "prosody"])


class ProsodySQLite(Prosody):
    name, title = "prosody-sqlite", "Prosody, SQLite"
    storage = 'storage = "sql"\nsql = { driver = "SQLite3", database = "prosody.sqlite" }'

    def copy(self, where, make):
        """Puts in what `make` makes of the rows of u0 that are found."""
        columns = '"host", "user", "store", "key", "type", "value"'
        database = sqlite3.connect(os.path.join(self.folder, "data", "prosody.sqlite"))
        rows = database.execute('SELECT %s FROM "prosody" WHERE "user" = \'u0\' AND %s' %
                                (columns, where)).fetchall()
        database.execute('DELETE FROM "prosody" WHERE "store" = \'roster\'')
        database.executemany('INSERT INTO "prosody" (%s) VALUES (?, ?, ?, ?, ?, ?)' % columns,
                             make(rows))
        database.commit()
        database.close()

    def copy_account(self, names):
        self.copy("\"store\" <> 'roster'", lambda rows: [
            (row[0], name) + row[2:] for name in names for row in rows])

    def copy_rosters(self):
        contact = "u1@" + DOMAIN
        self.copy("\"store\" = 'roster'", lambda rows: [
            (row[0], name, row[2], other + "@" + DOMAIN if row[3] == contact else row[3]) + row[4:]
            for name, others in self.friends() for row in rows
            for other in (others if row[3] == contact else others[:1])])


SERVERS = [Prosody, ProsodySQLite]
