# SPDX-License-Identifier: MIT
"""ejabberd from Debian's package, with the modules that Stentor has, and carbons and stream
management, which cost nothing until a client asks for them.

- No shapers, no limits on registration, more ports than its script allows by default.
- Passwords are kept as SCRAM-SHA-256, which is what clients log in with.
- Twice, with each way to keep things: Mnesia and SQLite.  The better of the two counts, for
  each measure.
- Erlang's schedulers do not spin while they have nothing to do (+sbwt none): spinning is
  counted as CPU time that was used, and here it serves nothing.
- It is started as its script does it, in the foreground, without epmd; no other servers; logging
  is at "info".
"""
import os
import shutil
import sqlite3

from kit.place import Missing, free_ports, run
from kit.server import DOMAIN, Server

CONFIGURATION = """\
loglevel: info
log_rotate_count: 0
hosts:
  - {domain}
certfiles:
  - "{folder}/both.pem"
listen:
  -
    port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
    starttls: true
    starttls_required: {encryption}
  -
    port: {tls_port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    access: c2s
    tls: true
disable_sasl_mechanisms:
  - "digest-md5"
  - "X-OAUTH2"
auth_password_format: scram
auth_scram_hash: sha256
registration_timeout: infinity
{storage}
acl:
  local:
    user_regexp: ""
access_rules:
  local:
    allow: local
  c2s:
    allow: all
  register:
    {register}: all
shaper_rules:
  max_user_sessions: 20
  max_user_offline_messages: 1000
modules:
  mod_adhoc: {{}}
  mod_announce:
    access: none
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_offline:
    access_max_user_messages: max_user_offline_messages
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_register:
    access: register
    ip_access: all
    password_strength: 0
    welcome_message: {{}}
  mod_roster:
    versioning: true
  mod_stream_mgmt: {{}}
  mod_time: {{}}
  mod_vcard:
    search: false
  mod_version: {{}}
"""

# These run in a node of the same name while ejabberd is at rest: Mnesia's tables belong to a node.
MNESIA = """
ok = mnesia:start(),
ok = mnesia:wait_for_tables([TABLE], 60000),
%s
dumped = mnesia:dump_log(),
stopped = mnesia:stop(),
init:stop().
"""

COPY_ACCOUNT = MNESIA % """
[One] = mnesia:dirty_read(passwd, {<<"u0">>, <<"localhost">>}),
lists:foreach(fun(I) ->
    Name = list_to_binary([$u | integer_to_list(I)]),
    ok = mnesia:dirty_write(passwd, setelement(2, One, {Name, <<"localhost">>}))
end, lists:seq(1, LAST)),
ok = dets:sync(passwd),
COUNT = mnesia:table_info(passwd, size),
"""

# An entry is {roster, {User, Server, Jid}, {User, Server}, Jid, ...}, a Jid {User, Server, Resource}.
COPY_ROSTERS = MNESIA % """
[Key] = [K || K <- mnesia:dirty_all_keys(roster), element(1, K) =:= <<"u0">>],
[One] = mnesia:dirty_read(roster, Key),
{atomic, ok} = mnesia:clear_table(roster),
Name = fun(I) -> list_to_binary([$u | integer_to_list(I)]) end,
lists:foreach(fun({I, K}) ->
    Jid = {Name(K), <<"localhost">>, <<>>},
    ok = mnesia:dirty_write(roster, setelement(4, setelement(3, setelement(2, One,
        {Name(I), <<"localhost">>, Jid}), {Name(I), <<"localhost">>}), Jid))
end, [{I, K} || G <- lists:seq(0, GROUPS - 1), I <- lists:seq(G * SIZE, G * SIZE + SIZE - 1),
                K <- lists:seq(G * SIZE, G * SIZE + SIZE - 1), I =/= K]),
"""


class Ejabberd(Server):
    name, title, family = "ejabberd", "ejabberd", "ejabberd"
    storage = "default_db: mnesia"

    def erl(self, *words):
        return ["erl", "-sname", "bench@localhost", "+K", "true", "+P", "250000",
                "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",
                "-erl_epmd_port", str(self.distribution), "-start_epmd", "false",
                "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                "-mnesia", "dir", '"%s/data"' % self.folder, *words]

    def command(self):
        return self.erl("-s", "ejabberd", "-noinput")

    def environment(self):
        return {
            "HOME": self.folder,
            "EJABBERD_CONFIG_PATH": self.folder + "/ejabberd.yml",
            "EJABBERD_LOG_PATH": self.folder + "/ejabberd.log",
            "EJABBERD_PID_PATH": self.folder + "/ejabberd.pid",
            "ERL_CRASH_DUMP_BYTES": "0",
            "ERL_DIST_PORT": str(self.distribution),
            "ERL_LIBS": libraries(),
            "ERL_MAX_PORTS": str(self.place.files),
            "ERL_MAX_ETS_TABLES": "20000",
        }

    def prepare(self):
        if not shutil.which("erl"):
            raise Missing("ejabberd is not installed")
        os.mkdir(os.path.join(self.folder, "data"), 0o700)
        with open(self.place.key) as key, open(self.place.certificate) as certificate:
            self.write("both.pem", key.read() + certificate.read())

    def configure(self, setup):
        self.distribution, = free_ports(1)
        self.write("ejabberd.yml", CONFIGURATION.format(
            folder=self.folder, port=self.port, tls_port=self.tls_port, domain=DOMAIN,
            encryption="false" if setup.plain else "true",
            register="allow" if setup.registration else "deny",
            storage=self.storage.format(folder=self.folder)))

    def in_mnesia(self, code, **words):
        for word, value in words.items():
            code = code.replace(word, str(value))
        env = dict(os.environ)
        env.update(self.environment())
        run(self.erl("-noinput", "-eval", " ".join(code.split())), env=env, timeout=120)

    def copy_account(self, names):
        self.in_mnesia(COPY_ACCOUNT, TABLE="passwd", LAST=len(names), COUNT=len(names) + 1)

    def copy_rosters(self):
        self.in_mnesia(COPY_ROSTERS, TABLE="roster", GROUPS=len(self.groups()),
                       SIZE=self.setup.rosters + 1)

    def version(self):
        return "ejabberd " + run(["dpkg-query", "-W", "-f", "${Version}", "ejabberd"])


class EjabberdSQLite(Ejabberd):
    name, title = "ejabberd-sqlite", "ejabberd, SQLite"
    storage = ('default_db: sql\nauth_method: sql\nsql_type: sqlite\n'
               'sql_database: "{folder}/data/ejabberd.sqlite"')

    def copy(self, table, make):
        """Puts in what `make` makes of the rows of u0, which come as dictionaries."""
        database = sqlite3.connect(os.path.join(self.folder, "data", "ejabberd.sqlite"))
        columns = [column[1] for column in database.execute("PRAGMA table_info(%s)" % table)]
        rows = [dict(zip(columns, row)) for row in database.execute(
            "SELECT * FROM %s WHERE username = 'u0'" % table)]
        if table != "users":
            database.execute("DELETE FROM " + table)
        database.executemany(
            "INSERT INTO %s VALUES (%s)" % (table, ",".join("?" * len(columns))),
            ([row[column] for column in columns] for row in make(rows)))
        database.commit()
        database.close()

    def copy_account(self, names):
        self.copy("users", lambda rows: (dict(row, username=name)
                                         for name in names for row in rows))

    def copy_rosters(self):
        self.copy("rosterusers", lambda rows: (
            dict(row, username=name, jid=other + "@" + DOMAIN)
            for name, others in self.friends() for other in others for row in rows))


def libraries():
    """Where ejabberd's own script looks for Erlang's libraries."""
    script = shutil.which("ejabberdctl") or "/usr/sbin/ejabberdctl"
    with open(script) as f:
        for line in f:
            if line.startswith("ERL_LIBS="):
                return line.split("=", 1)[1].strip().strip("'\"")
    return "/usr/lib"


SERVERS = [Ejabberd, EjabberdSQLite]
