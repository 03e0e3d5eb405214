# SPDX-License-Identifier: MIT
"""Measures: rounds, in each round the cases, in each case one server after the other, so that
whatever else the machine does hits all of them alike."""
import contextlib
import dataclasses
import importlib
import json
import os
import pkgutil
import subprocess
import time

from kit.place import Missing
from kit.scenario import flatten
from kit.server import DOMAIN, PASSWORD

REST = 0.3  # seconds between two measurements


def load_servers(folder):
    """{name: class}, in the order in which they are shown."""
    found = {}
    for name in ("stentor", "prosody", "ejabberd", "floor"):
        found[name] = None
    for module in pkgutil.iter_modules([os.path.join(folder, "servers")]):
        for server in importlib.import_module("servers." + module.name).SERVERS:
            found[server.name] = server
    return {name: server for name, server in sorted(
        found.items(), key=lambda item: (list(found).index(item[1].family)
                                         if item[1] else 99)) if server}


def load_scenarios(folder):
    """In the order of ORDER, then by name."""
    found = {}
    for module in pkgutil.iter_modules([os.path.join(folder, "scenarios")]):
        scenario = importlib.import_module("scenarios." + module.name).SCENARIO
        found[scenario.name] = scenario
    return found


class Bench:
    def __init__(self, place, servers, wanted=None, say=print):
        self.place, self.servers, self.wanted, self.say = place, servers, wanted, say
        self.made = {}      # (name, setup): a Server that is made
        self.running = {}   # the same, of those that run now
        self.samples = []
        self.broken = []    # what could not be measured: (case, server, why)

    # --- servers ---

    def servers_of(self, case):
        for name in self.servers:
            if name in case.servers and (not self.wanted or name in self.wanted or name == "floor"):
                yield name

    def instance(self, name, setup):
        """A server that has been made so, and may or may not run."""
        if name == "floor":
            setup = dataclasses.replace(setup, accounts=0, rosters=0)
        key = (name, setup)
        if key not in self.made:
            server = self.servers[name](self.place, setup)
            try:
                server.make()
            except BaseException:
                server.kill()
                raise
            self.made[key] = server
        return self.made[key]

    def up(self, name, setup):
        """One that runs."""
        server = self.instance(name, setup)
        if not server.is_alive():
            server.kill()
            self.running[id(server)] = server
            server.start()
        return server

    def down(self, server=None):
        """Stops it, or all."""
        for key, one in list(self.running.items()):
            if server is None or one is server:
                with contextlib.suppress(OSError):
                    one.stop()
                del self.running[key]

    # --- measuring ---

    def load(self, server, scenario, *words, users, tls="starttls", pin="", patience=None):
        """Runs stentor-load and returns what it said."""
        words = server.load_words(["--tls", tls, *map(str, words)])
        tls = words[words.index("--tls") + 1]
        command = [self.place.load, scenario, "--connect", server.address(tls), "--domain", DOMAIN,
                   "--password", PASSWORD, "--users", str(users), "--pids",
                   ",".join(map(str, server.pids())), *words]
        if pin:
            command = ["taskset", "-c", pin] + command
        with open(os.path.join(self.place.folder, "load.txt"), "a+") as errors:
            began = errors.tell()
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=errors, text=True,
                                  timeout=patience or 90 + users * 0.02)
            errors.seek(began)
            said = errors.read()
        if done.returncode not in (0, 1) or not done.stdout.strip():
            raise RuntimeError("stentor-load %s: exit code %d: %s" % (
                scenario, done.returncode, said.strip()[-500:]))
        return json.loads(done.stdout)

    def measure(self, case, server):
        return self.load(server, *case.load, users=case.users, tls=case.tls)

    def run(self, scenarios, rounds, quick=False, seconds=None):
        """All cases are measured once, however long that takes; later rounds end when `seconds` are
        over."""
        end = None if seconds is None else time.monotonic() + seconds
        for number in range(1, rounds + 1):
            for scenario in scenarios:
                if number > 1 and end is not None and time.monotonic() > end:
                    self.say("time is up in round %d" % number)
                    return
                began = time.monotonic()
                cases = [case for case in scenario.cases
                         if number <= case.rounds and (case.quick or not quick)]
                for case in cases:
                    for name in self.servers_of(case):
                        self.measure_one(scenario, case, name, number)
                self.down()
                if cases:
                    self.say("round %d: %s took %.0f s" % (number, scenario.name,
                                                           time.monotonic() - began))

    def measure_one(self, scenario, case, name, number):
        server = None
        try:
            if scenario.measure:
                said = scenario.measure(case, name, self)
            else:
                server = self.up(name, case.setup)
                said = self.measure(case, server)
        except Missing:
            raise
        except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as why:
            self.say("%s %s: could not be measured: %s" % (case.name, name, why))
            self.broken.append((case.name, name, str(why).splitlines()[0][:200]))
            self.down()
            return
        finally:
            if server is not None and case.own:
                self.down(server)
        numbers = flatten({key: value for key, value in said.items()
                           if key not in ("parameters", "errors")})
        errors = said.get("errors", {})
        self.samples.append({"scenario": scenario.name, "case": case.name, "server": name,
                             "round": number, "numbers": numbers, "errors": errors, "said": said})
        self.say("  %-28s %-16s %s%s" % (
            case.name, name, "  ".join(
                "%s %s" % (show.title, "%.4g %s" % (numbers[show.metric], show.unit))
                for show in scenario.shows[:4] if show.metric in numbers),
            "  ERRORS %s" % errors if any(errors.values()) else ""))
        time.sleep(REST)
