#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The daemon: starting, what keeps it from starting, reloading, stopping."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
import unittest

from instance import PATIENCE, STENTORD, Client, Instance, SystemTest, daemon, main


def read(path):
    with open(path) as file:
        return file.read()


def wait_for(what, seconds=PATIENCE):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


class Starting(SystemTest):
    def test_status(self):
        it = self.instance()
        it.start()
        status = it.ask("status")
        self.assertEqual(status["state"], "running")
        self.assertEqual(status["pid"], it.server.pid)
        self.assertEqual(status["domains"], ["localhost"])
        self.assertEqual(status["store"]["state"], "up")
        self.assertEqual({p["port"] for p in status["listening"]}, {it.port, it.direct_port})
        self.assertEqual({p["port"] for p in status["reserved"]},
                         {it.base + n for n in (69, 70, 80, 43)})
        self.assertSays(it.ctl("status"), 0, "running", "listening:", "reserved:")

    def test_only_ports_with_a_service_are_open(self):
        it = self.instance()
        it.start()
        for address in ("127.0.0.1", "::1"):
            for offset, is_open in ((22, True), (23, True), (69, False), (70, False), (80, False),
                                    (43, False)):
                try:
                    socket.create_connection((address, it.base + offset), 5).close()
                    opened = True
                except ConnectionRefusedError:
                    opened = False
                self.assertEqual(opened, is_open, offset)

    def test_the_socket_is_for_its_user_only(self):
        it = self.instance()
        it.start()
        self.assertEqual(os.stat(it.data + "/admin.sock").st_mode & 0o777, 0o600)

    def test_a_long_folder_name(self):
        it = self.instance()
        deep = it.above + "/" + "x" * 100 + "/" + "y" * 100
        os.makedirs(deep)
        shutil.move(it.folder, deep + "/instance")
        it.folder = deep + "/instance"
        it.conf, it.data = it.folder + "/stentor.conf", it.folder + "/data"
        it.start()
        self.assertEqual(it.ask("status")["state"], "running")

    def test_a_second_server_is_refused(self):
        it = self.instance()
        it.start()
        done = daemon("-c", it.conf)
        self.assertSays(done, 1, "in use by another process (%d)" % it.server.pid)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(it.ask("status")["pid"], it.server.pid)
        done = daemon("-c", it.conf, "--check")
        self.assertSays(done, 0, "nothing is wrong", str(it.server.pid))

    def test_taken_ports_are_all_named(self):
        it = self.instance()
        with socket.socket() as one, socket.socket() as two:
            for s, port in ((one, it.port), (two, it.direct_port)):
                s.bind(("127.0.0.1", port))
                s.listen()
            done = daemon("-c", it.conf)
        self.assertSays(done, 1, str(it.port), str(it.direct_port))
        self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)

    def test_missing_certificate_and_taken_port_in_one_run(self):
        it = self.instance()
        os.unlink(it.folder + "/certs/localhost.crt")
        with socket.socket() as one:
            one.bind(("127.0.0.1", it.port))
            one.listen()
            done = daemon("-c", it.conf)
        self.assertSays(done, 1, str(it.port), "localhost.crt")

    def test_an_expired_certificate_is_said_and_used(self):
        if shutil.which("certtool") is None:
            self.skipTest("certtool is not there")
        it = self.instance()
        template = it.above + "/template"
        with open(template, "w") as file:
            file.write('cn = "localhost"\ndns_name = "localhost"\nactivation_date = "2020-01-01"\n'
                       'expiration_date = "2020-02-01"\n')
        subprocess.run(["certtool", "--generate-self-signed", "--load-privkey",
                        it.folder + "/certs/localhost.key", "--template", template, "--outfile",
                        it.folder + "/certs/localhost.crt"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertSays(daemon("-c", it.conf, "--check"), 1, "expired")
        it.start()
        self.assertIn("expired", it.logged())

    def test_a_module_that_does_not_exist(self):
        it = self.instance()
        it.edit(r'^domain "localhost" \{$', 'domain "localhost" {\n\tmodules = { "pign" }')
        self.assertSays(daemon("-c", it.conf), 1, "pign")

    def test_a_locked_database(self):
        import sqlite3

        it = self.instance()
        it.add("juliet")
        holder = sqlite3.connect(it.data + "/stentor.sqlite")
        holder.execute("BEGIN EXCLUSIVE")
        try:
            it.start()      # what is there can be read
            self.assertEqual(len(it.ask("account", "list")), 1)
            done = it.ctl("account", "add", "romeo@localhost", "--generate", timeout=60)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertNotIn("password", done.stdout)
        finally:
            holder.close()
        it.add("romeo")
        self.assertEqual(len(it.ask("account", "list")), 2)

    def test_many_files_may_be_open(self):
        it = self.instance()
        it.server = subprocess.Popen(
            ["sh", "-c", "ulimit -S -n 64; exec \"$0\" -c \"$1\"", STENTORD, it.conf],
            stderr=subprocess.DEVNULL)
        it.wait_until_ready()
        with open("/proc/%d/limits" % it.server.pid) as limits:
            line = [l for l in limits if l.startswith("Max open files")][0].split()
        self.assertEqual(line[3], line[4])

    def test_out_of_files_it_still_answers_its_admin(self):
        it = self.instance()
        it.server = subprocess.Popen(
            ["sh", "-c", "ulimit -n 128; exec \"$0\" -c \"$1\" 2>\"$2\"", STENTORD, it.conf,
             it.log])
        it.wait_until_ready()
        crowd = []
        self.addCleanup(lambda: [s.close() for s in crowd])
        for _ in range(200):
            crowd.append(socket.create_connection(("127.0.0.1", it.port), PATIENCE))
        for _ in range(3):
            self.assertEqual(it.ask("status")["state"], "running")
        self.assertIn("Too many open files", it.logged())
        self.assertIn("ulimit -n", it.logged())
        while crowd:
            crowd.pop().close()
        it.add("juliet")
        self.assertEqual(it.stop(), 0)

    def test_service_managers_are_told(self):
        it = self.instance()
        path = it.above + "/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(PATIENCE)
            os.environ["NOTIFY_SOCKET"] = path
            try:
                it.start()
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(manager.recv(256), b"READY=1")
            it.ask("reload")
            self.assertTrue(manager.recv(256).startswith(b"RELOADING=1\nMONOTONIC_USEC="))
            self.assertEqual(manager.recv(256), b"READY=1")
            it.stop()
            self.assertEqual(manager.recv(256), b"STOPPING=1")


class AnotherUser(SystemTest):
    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_root_becomes_the_user_that_is_named(self):
        it = self.instance()
        user = pwd.getpwnam("nobody")
        it.edit(r"^#user = .*$", 'user = "nobody"')
        os.chmod(it.above, 0o755)
        self.assertSays(daemon("-c", it.conf), 1, "certs")   # is not nobody's to read
        for folder, _, files in os.walk(it.folder):
            for name in [folder] + [folder + "/" + f for f in files]:
                os.chown(name, user.pw_uid, user.pw_gid)
        it.add("juliet")
        self.assertSays(daemon("-c", it.conf, "--check"), 0, "nothing is wrong")
        it.start()
        with open("/proc/%d/status" % it.server.pid) as status:
            uids = [line for line in status if line.startswith("Uid:")][0].split()[1:]
        self.assertEqual(set(uids), {str(user.pw_uid)})
        it.add("romeo")
        it.ask("reload")
        it.stop()
        for name in os.listdir(it.data):
            self.assertEqual(os.stat(it.data + "/" + name).st_uid, user.pw_uid, name)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_a_user_that_does_not_exist_is_named(self):
        it = self.instance()
        it.edit(r"^#user = .*$", 'user = "nosuchuser"')
        self.assertSays(daemon("-c", it.conf), 1, "nosuchuser")
        self.assertSays(daemon("-c", it.conf, "--check"), 1, "nosuchuser")


class Background(SystemTest):
    def end(self, it):
        it.ctl("stop")

    def test_it_returns_when_clients_are_welcome(self):
        it = self.instance()
        done = daemon("-c", it.conf, "-d")
        self.addCleanup(self.end, it)
        self.assertEqual(done.returncode, 0, done.stderr)
        socket.create_connection(("127.0.0.1", it.port), 5).close()
        self.assertEqual(it.ask("status")["state"], "running")
        self.assertIn("is ready", read(it.data + "/stentor.log"))
        self.assertEqual(it.ctl("stop").returncode, 0)
        self.assertEqual(it.ctl("status").returncode, 3)

    def test_it_tells_why_it_could_not_start(self):
        it = self.instance()
        os.unlink(it.folder + "/certs/localhost.crt")
        self.assertSays(daemon("-c", it.conf, "-d"), 1, "localhost.crt")


class Stopping(SystemTest):
    def test_stop_waits_until_it_is_over(self):
        it = self.instance()
        it.start()
        done = it.ctl("stop")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(it.server.wait(5), 0)
        self.assertSays(it.ctl("stop"), 3, "no server runs")
        self.assertFalse(os.path.exists(it.data + "/admin.sock"))

    def test_signals_stop_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            it = self.instance()
            it.start()
            it.server.send_signal(number)
            self.assertEqual(it.server.wait(PATIENCE), 0)

    def test_it_starts_again_at_once(self):
        it = self.instance()
        for _ in range(3):
            it.start()
            self.assertEqual(it.stop(), 0)

    def test_clients_are_told(self):
        it = self.instance()
        it.add("juliet")
        it.start()
        client = Client(it, "juliet")
        self.addCleanup(client.close)
        it.server.send_signal(signal.SIGTERM)
        said = client.hear_all()
        self.assertIn("<system-shutdown", said)
        self.assertIn("</stream:stream>", said)
        self.assertEqual(it.server.wait(PATIENCE), 0)

    def test_a_client_that_does_not_go_is_not_waited_for(self):
        it = self.instance()
        it.start()
        clients = [socket.create_connection(("127.0.0.1", it.port), 5) for _ in range(3)]
        begun = time.time()
        it.server.send_signal(signal.SIGTERM)
        self.assertEqual(it.server.wait(20), 0)
        self.assertLess(time.time() - begun, 15)
        for client in clients:
            client.close()

    def test_killed_it_starts_again(self):
        it = self.instance()
        it.start()
        it.add("juliet")
        it.server.kill()
        it.server.wait()
        self.assertEqual(it.ctl("status").returncode, 3)
        it.start()
        self.assertEqual(len(it.ask("account", "list")), 1)


class Reloading(SystemTest):
    def test_nothing_new(self):
        it = self.instance()
        it.start()
        answer = it.ask("reload")
        self.assertEqual((answer["changed"], answer["restart"]), ([], []))

    def test_what_can_change_changes(self):
        it = self.instance()
        it.start()
        it.edit(r"^\s*#level = .*$", '\tlevel = "debug"')
        it.edit(r"^\s*#depth = .*$", "\tdepth = 99")
        answer = it.ask("reload")
        self.assertTrue(any("level" in line for line in answer["changed"]), answer)
        self.assertTrue(any("depth" in line for line in answer["changed"]), answer)
        self.assertEqual(answer["restart"], [])
        self.assertEqual(it.ask("log", "level")["level"], "debug")

    def test_what_needs_a_restart_is_named_until_then(self):
        it = self.instance()
        it.start()
        it.edit(r"^(\s*)client_port = .*$", r"\1client_port = %d" % (it.base + 24))
        for _ in range(2):
            answer = it.ask("reload")
            self.assertTrue(any("client_port" in line for line in answer["restart"]), answer)
        socket.create_connection(("127.0.0.1", it.port), 5).close()
        self.assertEqual({p["port"] for p in it.ask("status")["listening"]},
                         {it.port, it.direct_port})

    def test_a_bad_file_changes_nothing(self):
        it = self.instance()
        it.start()
        before = read(it.conf)
        it.edit(r"^\s*#level = .*$", '\tlevel = "debug"')
        it.append('nonsense = 5\ndomain "b.example" { }\n')
        done = it.ctl("reload")
        self.assertSays(done, 1, "nonsense", it.conf)
        self.assertEqual(it.ask("log", "level")["level"], "info")
        self.assertEqual([d["domain"] for d in it.ask("domain", "list")], ["localhost"])
        it.server.send_signal(signal.SIGHUP)
        self.assertTrue(wait_for(lambda: it.logged().count("nothing was changed") >= 2))
        with open(it.conf, "w") as file:
            file.write(before)
        self.assertEqual(it.ctl("reload").returncode, 0)

    def test_a_missing_certificate_changes_nothing(self):
        it = self.instance()
        it.start()
        it.append('domain "b.example" { certificate = "certs/b.crt" key = "certs/b.key" }\n')
        self.assertSays(it.ctl("reload"), 1, "b.crt")
        self.assertEqual([d["domain"] for d in it.ask("domain", "list")], ["localhost"])

    def test_domains_come_and_go(self):
        it = self.instance()
        other = Instance(domain="b.example")
        self.addCleanup(other.close)
        for end in ("crt", "key"):
            shutil.copy(other.folder + "/certs/b.example." + end, it.folder + "/certs/")
        it.add("juliet")
        it.start()
        before = read(it.conf)
        it.append('domain "b.example" { certificate = "certs/b.example.crt" '
                  'key = "certs/b.example.key" }\n')
        it.ask("reload")
        self.assertEqual([d["domain"] for d in it.ask("domain", "list")], ["localhost", "b.example"])
        it.ask("account", "add", "romeo@b.example", "--password-file", "-", input="secret\n")
        it.domain = "b.example"
        client = Client(it, "romeo")
        self.addCleanup(client.close)
        with open(it.conf, "w") as file:
            file.write(before)
        it.ask("reload")
        self.assertIn("host-gone", client.hear_all())
        self.assertEqual([d["domain"] for d in it.ask("domain", "list")], ["localhost"])
        it.domain = "localhost"
        Client(it, "juliet").close()

    def test_modules_come_and_go(self):
        it = self.instance()
        it.add("juliet")
        it.start()
        client = Client(it, "juliet")
        self.addCleanup(client.close)

        def version():
            client.heard = ""
            client.say("<iq type='get' id='v' to='localhost'>"
                       "<query xmlns='jabber:iq:version'/></iq>")
            return client.hear("</iq>")

        self.assertIn("type='result'", version().replace('"', "'"))
        it.edit(r'^domain "localhost" \{$', 'domain "localhost" {\n\tdisabled_modules = { "version" }')
        it.ask("reload")
        self.assertIn("service-unavailable", version())
        it.edit(r"^\tdisabled_modules = .*$", "")
        it.ask("reload")
        self.assertIn("type='result'", version().replace('"', "'"))

    def test_certificates_are_swapped(self):
        import ssl

        it = self.instance()
        other = self.instance()
        it.start()

        def certificate():
            return ssl.get_server_certificate(("127.0.0.1", it.direct_port))

        before = certificate()
        for end in ("crt", "key"):
            shutil.copy(other.folder + "/certs/localhost." + end, it.folder + "/certs/")
        it.ask("reload")
        self.assertNotEqual(certificate(), before)

    def test_logs_are_rotated(self):
        it = self.instance()
        it.edit(r'^\s*#target = .*$', '\ttarget = "server.log"')
        it.start()
        path = it.folder + "/server.log"
        self.assertTrue(wait_for(lambda: "is ready" in read(path)))
        os.rename(path, path + ".1")
        it.server.send_signal(signal.SIGUSR1)
        self.assertTrue(wait_for(lambda: os.path.exists(path)))
        it.ask("log", "level", "warn")
        it.ask("log", "level", "info")
        self.assertIn("info", read(path))

    def test_log_lines_may_be_json(self):
        it = self.instance()
        it.edit(r'^\s*#target = .*$', '\ttarget = "server.log"')
        it.edit(r'^\s*#json = .*$', '\tjson = yes')
        it.start()
        it.stop()
        with open(it.folder + "/server.log") as log:
            lines = [json.loads(line) for line in log]
        self.assertGreater(len(lines), 1)


class Looking(SystemTest):
    def test_modules(self):
        it = self.instance()
        it.start()
        modules = {m["module"]: m for m in it.ask("module", "list")}
        self.assertIn("ping", modules)
        self.assertEqual(modules["ping"]["in use by"], "localhost")
        shown = it.ask("module", "show", "ping")
        self.assertIn("urn:xmpp:ping", shown["features"])
        self.assertSays(it.ctl("module", "show", "pign"), 1, 'did you mean "ping"')

    def test_memory(self):
        it = self.instance()
        it.start()
        kinds = {k["kind"]: k for k in it.ask("memory")}
        self.assertGreater(kinds["process, resident"]["bytes"], 1000000)
        self.assertEqual(kinds["sessions"]["count"], 0)
        self.assertSays(it.ctl("memory"), 0, "KIND", "BYTES")

    def test_domains(self):
        it = self.instance()
        it.start()
        domain, = it.ask("domain", "list")
        self.assertEqual(domain["registration"], "closed")
        self.assertRegex(domain["certificate expires"], "^20[0-9]{2}-")

    def test_log_level(self):
        it = self.instance()
        it.start()
        self.assertEqual(it.ask("log", "level")["level"], "info")
        self.assertEqual(it.ask("log", "level", "error")["level"], "error")
        self.assertSays(it.ctl("log", "level", "eror"), 2, 'did you mean "error"')


if __name__ == "__main__":
    main()
