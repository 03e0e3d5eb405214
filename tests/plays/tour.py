#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The tour: plays (tests/plays/README) over sockets, against the real program.

	tour.py [-v] [PLAY ...]

Each play has a server of its own, with two shards.  Plays that let more than five seconds
pass, or that touch the store, are left out, and that is said.  The last line is
"N passed, N failed, N skipped".
"""
import base64
import glob
import os
import re
import select
import shutil
import socket
import ssl
import struct
import sys
import time
import xml.parsers.expat

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import instance  # noqa: E402

DOMAIN = "capulet.example"
PASSWORD = "wherefore art thou"
CLIENT = "jabber:client"
STREAMS = "http://etherx.jabber.org/streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
LANG = "http://www.w3.org/XML/1998/namespace lang"
SLOW = 4 if os.environ.get("STENTOR_SLOW") else 1
PATIENCE = 5.0 * SLOW   # seconds to wait for what must come
QUIET = 0.05 * SLOW     # seconds without a word: nothing is on its way
LONGEST = 5         # seconds that a play may let pass
NUMBERS = "zero one two three four five six seven eight nine ten".split()
UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Fails(Exception):
    """The play does not go as it is written."""


class Skips(Exception):
    """The play is not for sockets."""


# --- XML ---

class Node:
    def __init__(self, ns, name, attributes):
        self.ns, self.name, self.attributes, self.children = ns, name, attributes, []

    def get(self, name):
        return self.attributes.get(name)

    def elements(self):
        return [c for c in self.children if isinstance(c, Node)]

    def add_text(self, text):
        if self.children and isinstance(self.children[-1], str):
            self.children[-1] += text
        else:
            self.children.append(text)

    def __str__(self):
        attributes = "".join(" %s='%s'" % (k.split(" ")[-1], v)
                             for k, v in self.attributes.items())
        inside = "".join(str(c) for c in self.children)
        return "<%s xmlns='%s'%s>%s</%s>" % (self.name, self.ns, attributes, inside, self.name)


def node_of(name, attributes):
    ns, _, local = name.rpartition(" ")
    return Node(ns, local, dict(attributes))


class Parser:
    """A stream's bytes to nodes: `events` gets ("header", node), ("element", node), ("end",)."""

    def __init__(self):
        self.expat = xml.parsers.expat.ParserCreate(namespace_separator=" ")
        self.expat.StartElementHandler = self.start
        self.expat.EndElementHandler = self.end
        self.expat.CharacterDataHandler = self.text
        self.expat.buffer_text = True
        self.stack, self.depth, self.events = [], 0, []

    def start(self, name, attributes):
        node = node_of(name, attributes)
        self.depth += 1
        if self.depth == 1:
            self.events.append(("header", node))
            return
        if self.stack:
            self.stack[-1].children.append(node)
        self.stack.append(node)

    def end(self, name):
        self.depth -= 1
        if self.depth == 0:
            self.events.append(("end",))
        elif self.depth == 1:
            self.events.append(("element", self.stack[0]))
            self.stack = []
        else:
            self.stack.pop()

    def text(self, text):
        if self.stack:
            self.stack[-1].add_text(text)

    def feed(self, data):
        self.expat.Parse(data, False)
        events, self.events = self.events, []
        return events


def read_stanzas(text):
    root = []
    parser = Parser()
    wrapped = "<play xmlns='%s' xmlns:stream='%s'>%s</play>" % (CLIENT, STREAMS, text)
    try:
        for event in parser.feed(wrapped.encode()):
            if event[0] == "element":
                root.append(event[1])
    except xml.parsers.expat.ExpatError as why:
        raise Fails("the play's own XML: %s" % why)
    return root


# --- comparing, as tests/plays/stage.c does ---

def is_dots(child):
    return isinstance(child, str) and child.lstrip().startswith("...")


def is_blank(child):
    return isinstance(child, str) and child.strip(" \t\r\n") == ""


def children_match(want, got):
    while want and is_blank(want[0]):
        want = want[1:]
    while got and is_blank(got[0]):
        got = got[1:]
    if not want:
        return not got
    if is_dots(want[0]):
        return any(children_match(want[1:], got[i:]) for i in range(len(got) + 1))
    if not got:
        return False
    if isinstance(want[0], str) or isinstance(got[0], str):
        if want[0] != got[0]:
            return False
    elif not matches(want[0], got[0], False):
        return False
    return children_match(want[1:], got[1:])


KNOWN = {}      # "$name", and the value it was heard with


def value_matches(want, got):
    want = KNOWN.get(want, "*") if want.startswith("$") else want
    return got is not None and want in ("*", got)


def remember(want, got):
    for name, value in want.attributes.items():
        if value.startswith("$"):
            KNOWN.setdefault(value, got.get(name))
    for child in want.elements():
        for other in got.elements():
            if matches(child, other, False):
                remember(child, other)
                break


def filled_in(text):
    return re.sub(r"\$[A-Za-z0-9]+", lambda m: KNOWN.get(m[0], m[0]), text)


def error_matches(want, got):
    kind = want.get("type")
    if kind not in (None, "*") and got.get("type") != kind:
        return False
    return all(any(matches(w, g, False) or
                   (w.name == g.name and not w.children and w.ns == CLIENT)
                   for g in got.elements()) for w in want.elements())


def matches(want, got, top):
    if want.name == "any":
        return True
    if want.name != got.name or want.ns != got.ns:
        return False
    if want.name == "error" and want.ns == CLIENT:
        return error_matches(want, got)
    for name, value in want.attributes.items():
        if not value_matches(value, got.get(name)):
            return False
    for name in got.attributes:
        if top and name != "type" or name == "stamp" or " " in name:
            continue
        if name not in want.attributes:
            return False
    return children_match(want.children, got.children)


# --- people ---

class Person:
    def __init__(self, name, domain):
        local, _, resource = name.partition("/")
        self.name, self.local, self.domain = name, local, domain or DOMAIN
        self.resource = resource or "client"
        self.socket = self.parser = None
        self.leave()

    def leave(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self.heard, self.parser = [], Parser()
        self.over, self.closed, self.condition = False, False, ""
        self.by_hand, self.question = False, None

    def connect(self, port, by_hand):
        self.leave()
        self.by_hand = by_hand
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def say(self, words):
        if self.socket is None:
            raise Fails("%s is not connected" % self.name)
        data = words.encode()
        end = time.monotonic() + PATIENCE * 4
        while data:
            try:
                data = data[self.socket.send(data):]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError):
                select.select([self.socket], [self.socket], [], 0.2)
                self.listen()
            except OSError:
                return      # it has hung up: what is heard will say why
            if time.monotonic() > end:
                raise Fails("%s is not read any more" % self.name)

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket.setblocking(True)
        self.socket.settimeout(PATIENCE)
        self.socket = context.wrap_socket(self.socket, server_hostname=self.domain)
        self.socket.setblocking(False)
        self.parser = Parser()

    def listen(self):
        """Takes what has come; whether anything had."""
        some = False
        while self.socket is not None and not self.closed:
            try:
                data = self.socket.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                break
            except OSError:
                data = b""
            if not data:
                self.closed = True
                break
            some = True
            try:
                # A stream that starts anew behind what ends the one before: another document.
                first, *others = data.split(b"<?xml")
                for event in self.parser.feed(first) if first else ():
                    self.take(event)
                for other in others:
                    self.parser = Parser()
                    for event in self.parser.feed(b"<?xml" + other):
                        self.take(event)
            except xml.parsers.expat.ExpatError as why:
                raise Fails("%s hears what is not XML: %s" % (self.name, why))
        return some

    def take(self, event):
        if event[0] == "end":
            self.over = True
            return
        node = event[1]
        if event[0] == "header":
            if self.by_hand:
                self.heard.append(node)
            return
        if node.ns == STREAMS and node.name == "error":
            self.condition = node.elements()[0].name if node.elements() else ""
            return
        if node.ns == STREAMS and not self.by_hand:
            return
        if node.name == "iq" and node.get("type") == "get":
            self.question = (node.get("id"), node.get("from"))
        self.heard.append(node)


# --- the world ---

class Tour:
    def __init__(self, path):
        KNOWN.clear()
        self.path, self.line = path, 0
        with open(path) as f:
            self.lines = f.read().split("\n")
        self.domains = []               # beyond the first
        self.options = {}               # (domain, module, name) -> line
        self.people, self.passwords, self.accounts = {}, {}, set()
        self.server = None
        self.shards = 2

    # the server

    def configuration(self):
        with open(self.server.conf) as f:
            text = f.read()
        text = re.split(r'^domain "', text, maxsplit=1, flags=re.M)[0]
        for domain in [DOMAIN] + self.domains:
            text += 'domain "%s" {\n\tcertificate = "certs/%s.crt"\n\tkey = "certs/%s.key"\n' % (
                domain, domain, domain)
            text += '\tadmins = { "escalus@%s" }\n' % DOMAIN
            sections = {}
            for (where, module, _), line in self.options.items():
                if where == domain:
                    sections.setdefault(module, []).append(line)
            for line in sections.pop("", []):
                text += "\t%s\n" % line
            for module, lines in sections.items():
                text += "\t%s {\n%s\t}\n" % (module, "".join("\t\t%s\n" % l for l in lines))
            text += "}\n"
        with open(self.server.conf, "w") as f:
            f.write(text)

    def need_world(self):
        if self.server is not None:
            return
        every = [DOMAIN] + re.findall(r"\bDomain (\S+)\.(?:\s|$)", "\n".join(self.lines))
        name = "tour-" + os.path.splitext(os.path.basename(self.path))[0]
        shutil.rmtree(os.path.join(instance.TMP, name), ignore_errors=True)
        self.server = instance.Instance(name, domains=tuple(dict.fromkeys(every)),
                                        shards=self.shards)
        self.configuration()
        self.server.start(env=environment())

    def close(self, good):
        for person in self.people.values():
            person.leave()
        if self.server is None:
            return
        if self.server.process is not None:
            if good:
                self.server.stop()
            elif self.server.process.poll() is None:
                self.server.kill()
        if good:
            shutil.rmtree(self.server.folder, ignore_errors=True)

    def restart(self):
        self.need_world()
        for person in self.people.values():
            person.leave()
        self.server.stop()
        self.server.start(env=environment())

    def reload(self):
        self.need_world()
        self.configuration()
        self.server.ctl("reload")

    # people

    def who(self, word, domain=None):
        name = word[0].lower() + word[1:]
        if name not in self.people:
            known = self.people.get(name.split("/")[0])
            self.people[name] = Person(name, domain or (known.domain if known else None))
        return self.people[name]

    def need_account(self, person):
        self.need_world()
        jid = "%s@%s" % (person.local, person.domain)
        if jid in self.accounts:
            return
        self.accounts.add(jid)
        done = self.server.ctl("account", "add", jid, "--password-file", "-",
                               input=self.passwords.get(jid, PASSWORD) + "\n", check=False)
        if done.returncode != 0 and "already" not in done.stderr and "exists" not in done.stderr:
            raise Fails("the account %s could not be made: %s" % (jid, done.stderr.strip()))

    def befriend(self, a, b):
        self.need_account(a)
        self.need_account(b)
        self.server.sql(
            "REPLACE INTO roster (owner, contact, how, pending_out, pending_in, approved, listed,"
            " version) VALUES " + ", ".join(
                "('%s@%s', '%s@%s', 3, 0, 0, 0, 1, 1)"
                % (one.local, one.domain, other.local, other.domain)
                for one, other in ((a, b), (b, a))))

    # hearing

    def settle(self, seconds=QUIET):
        """Listens to all until nobody has heard anything for a while."""
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            open_ones = {p.socket: p for p in self.people.values()
                         if p.socket is not None and not p.closed}
            if left <= 0:
                return
            if not open_ones:
                time.sleep(left)
                return
            ready, _, _ = select.select(list(open_ones), [], [], left)
            heard = [open_ones[s].listen() for s in ready]
            if any(heard):
                end = time.monotonic() + seconds

    def next_heard(self, person):
        end = time.monotonic() + PATIENCE
        while not person.heard:
            if person.socket is None or person.closed or time.monotonic() > end:
                return None
            select.select([person.socket], [], [], 0.05)
            person.listen()
        return person.heard.pop(0)

    def expect(self, person, name, kind, what):
        node = self.next_heard(person)
        while node is not None and person.by_hand and node.ns == STREAMS and node.name != name:
            node = self.next_heard(person)
        if node is None:
            raise Fails("%s hears nothing, not %s (%s)" % (person.name, what, person.condition))
        if node.name != name or (kind and node.get("type") != kind):
            raise Fails("%s hears, instead of %s: %s" % (person.name, what, node))

    # getting in

    def call(self, person, by_hand):
        self.need_world()
        person.connect(self.server.port, by_hand)

    def open_stream(self, person, domain):
        person.say("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' "
                   "version='1.0' to='%s'>" % (CLIENT, STREAMS, domain))
        self.settle()

    def start_tls(self, person):
        person.say("<starttls xmlns='%s'/>" % TLS)
        self.expect(person, "proceed", None, "leave to start TLS")
        person.start_tls()

    def say_plain(self, person, who):
        password = self.passwords.get("%s@%s" % (who.local, who.domain), PASSWORD)
        plain = base64.b64encode(("\0%s\0%s" % (who.local, password)).encode()).decode()
        person.say("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (SASL, plain))

    def prove(self, person, who):
        self.say_plain(person, who)
        self.expect(person, "success", None, "the success of the login")
        person.parser = Parser()

    def secure(self, person):
        self.call(person, False)
        person.say("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' "
                   "version='1.0' to='%s'>" % (CLIENT, STREAMS, person.domain))
        self.start_tls(person)
        person.say("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' "
                   "version='1.0' to='%s'>" % (CLIENT, STREAMS, person.domain))

    def authenticate(self, person):
        self.need_account(person)
        self.secure(person)
        self.prove(person, person)
        person.by_hand = True
        self.open_stream(person, person.domain)
        self.expect(person, "stream", None, "a header")
        self.expect(person, "features", None, "features")

    def log_in(self, person, available):
        self.authenticate(person)
        person.by_hand = False
        person.say("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
                   "<resource>%s</resource></bind></iq>" % person.resource)
        self.expect(person, "iq", "result", "the answer to binding")
        if available:
            person.say("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
            self.expect(person, "iq", "result", "the roster")
            person.say("<presence/>")
            self.expect(person, "presence", None, "one's own presence")
        self.settle()

    def cannot_log_in(self, person):
        self.secure(person)
        self.say_plain(person, person)
        self.expect(person, "failure", None, "that the login failed")
        person.leave()

    # sentences

    def option(self, domain, text):
        name, equals, value = text.partition(" = ")
        if not equals:
            raise Fails("Option NAME = VALUE")
        module, _, name = name.rpartition(".")
        if "modules" in name or "addresses" in name:
            value = "{ %s }" % ", ".join('"%s"' % w for w in re.split("[ ,]+", value) if w)
        self.options[(domain, module, name)] = "%s = %s" % (name, value)

    def is_closed(self, person, condition):
        end = time.monotonic() + PATIENCE
        while not person.over and not person.closed and time.monotonic() < end:
            self.settle()
        if not person.over:
            raise Fails("%s is not closed" % person.name)
        if person.condition != condition:
            raise Fails('%s was closed with "%s", not "%s"' % (person.name, person.condition,
                                                              condition))

    def is_still_here(self, person):
        self.settle()
        if person.socket is None or person.over or person.closed or person.condition:
            raise Fails('%s was closed with "%s"' % (person.name, person.condition))

    def disconnect(self, person):
        person.say("</stream:stream>")
        end = time.monotonic() + PATIENCE
        while not person.over and not person.closed and time.monotonic() < end:
            self.settle()
        heard = person.heard
        person.socket.close()
        person.socket = None
        person.heard = heard
        self.settle()

    def link_breaks(self, person):
        raw = person.socket
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
        person.socket = None
        self.settle()

    def answers(self, person):
        self.settle()
        if person.question is None:
            raise Fails("nobody has asked %s anything" % person.name)
        person.say("<iq type='result' id='%s' to='%s'/>" % person.question)
        self.settle()

    def hears_nothing(self, person):
        self.settle(4 * QUIET)
        if person.heard:
            raise Fails("%s hears %s" % (person.name, person.heard[0]))

    def has_heard_enough(self, person):
        self.settle(2 * QUIET)
        person.heard = []

    def passes(self, number, unit):
        seconds = number_of(number) * UNITS[unit.rstrip("s")]
        if seconds > LONGEST:
            raise Skips("%d seconds pass" % seconds)
        self.need_world()
        self.settle(seconds)

    def skip(self, why):
        raise Skips(why)

    def perform(self, sentence):
        if sentence.startswith("Option "):
            return self.option(DOMAIN, sentence[7:])
        at = re.fullmatch(r"At (\S+) option (.*)", sentence)
        if at:
            return self.option(at[1], at[2])
        sentence = re.sub(r"^(A|The|Another) ", "", sentence)
        for pattern, fn in SENTENCES:
            found = re.fullmatch(pattern, sentence)
            if found:
                return fn(self, *found.groups())
        raise Fails('what is "%s"?' % sentence)

    def perform_line(self, line):
        for sentence in re.findall(r"\s*(.+?)\.(?=\s|$)", line):
            self.perform(sentence)

    # blocks

    def says(self, person, text, times):
        for n in range(1, times + 1):
            person.say(filled_in(text.replace("%n", str(n))))
        self.settle()

    def hears(self, person, text, times, any_order):
        wanted = []
        for n in range(1, times + 1):
            wanted += read_stanzas(text.replace("%n", str(n)))
        for _ in range(len(wanted)):
            node = self.next_heard(person)
            if node is None:
                raise Fails("%s hears nothing more, not %s" % (person.name, wanted[0]))
            candidates = wanted if any_order else wanted[:1]
            for i, want in enumerate(candidates):
                if matches(want, node, True):
                    remember(want, node)
                    del wanted[i]
                    break
            else:
                raise Fails("%s hears\n\t%s\nnot\n\t%s" % (
                    person.name, node, "(any of them)" if any_order else wanted[0]))

    def perform_block(self, head, text):
        who, verb, times, any_order = head
        person = self.who(who)
        times = number_of(times) if times else 1
        if verb == "hears":
            self.hears(person, text, times, any_order is not None)
        elif verb == "writes":
            self.says(person, text.replace("\n", ""), times)
        else:
            self.says(person, text, times)

    def run(self):
        head, block, head_line = None, "", 0
        for at, line in enumerate(self.lines + [""], 1):
            if line.startswith("\t"):
                block += line[1:] + "\n"
                continue
            if head:
                self.line = head_line
                self.perform_block(head, block)
                head, block = None, ""
            self.line = at
            if not line or line.startswith("#"):
                continue
            found = re.fullmatch(r"(?:(?:A|The|Another) )?(\S+) (says|writes|hears)"
                                 r"(?: (\S+) times)?( in any order)?", line)
            if found:
                head, head_line = found.groups(), at
            else:
                self.perform_line(line)


def number_of(word):
    if word.lower() in NUMBERS:
        return NUMBERS.index(word.lower())
    if not word.isdigit():
        raise Fails('"%s" is no number' % word)
    return int(word)


SENTENCES = [
    (r"(\S+) connects", lambda t, a: t.log_in(t.who(a), True)),
    (r"(\S+) connects as (\S+)", lambda t, a, r: t.log_in(t.who(a + "/" + r), True)),
    (r"(\S+) logs in as (\S+)", lambda t, a, r: t.log_in(t.who(a + "/" + r), False)),
    (r"(\S+) of (\S+) connects", lambda t, a, d: t.log_in(t.who(a, d), True)),
    (r"(\S+) of (\S+) logs in", lambda t, a, d: t.log_in(t.who(a, d), False)),
    (r"(\S+) of (\S+) is away", lambda t, a, d: t.need_account(t.who(a, d))),
    (r"(\S+) logs in", lambda t, a: t.log_in(t.who(a), False)),
    (r"(\S+) cannot log in", lambda t, a: t.cannot_log_in(t.who(a))),
    (r"(\S+) authenticates", lambda t, a: t.authenticate(t.who(a))),
    (r"(\S+) authenticates as (\S+)", lambda t, a, r: t.authenticate(t.who(a + "/" + r))),
    (r"(\S+) calls", lambda t, a: t.call(t.who(a), True)),
    (r"(\S+) opens a stream", lambda t, a: t.open_stream(t.who(a), t.who(a).domain)),
    (r"(\S+) opens a stream to (\S+)", lambda t, a, d: t.open_stream(t.who(a), d)),
    (r"(\S+) starts TLS", lambda t, a: t.start_tls(t.who(a))),
    (r"(\S+) proves to be (\S+)",
     lambda t, a, b: (t.need_account(t.who(b)), t.prove(t.who(a), t.who(b)))),
    (r"(\S+) has the password (\S+)", lambda t, a, p: t.passwords.update(
        {"%s@%s" % (t.who(a).local, t.who(a).domain): p})),
    (r"(\S+) disconnects", lambda t, a: t.disconnect(t.who(a))),
    (r"(\S+)'s link breaks", lambda t, a: t.link_breaks(t.who(a))),
    (r"(\S+) and (\S+) are friends", lambda t, a, b: t.befriend(t.who(a), t.who(b))),
    (r"(\S+) is away", lambda t, a: t.need_account(t.who(a))),
    (r"(\S+) answers", lambda t, a: t.answers(t.who(a))),
    (r"(\S+) hears nothing", lambda t, a: t.hears_nothing(t.who(a))),
    (r"(\S+) has heard enough", lambda t, a: t.has_heard_enough(t.who(a))),
    (r"(\S+) is closed with (\S+)", lambda t, a, c: t.is_closed(t.who(a), c)),
    (r"(\S+) is closed", lambda t, a: t.is_closed(t.who(a), "")),
    (r"(\S+) is still here", lambda t, a: t.is_still_here(t.who(a))),
    (r"(\S+) and (\S+) live apart", lambda t, a, b: t.skip("who lives where is not known")),
    (r"(\S+) (\S+) pass(?:es)?", lambda t, n, u: t.passes(n, u)),
    (r"store (?:fails|works|is slow|is quick|answers \S+ times)",
     lambda t: t.skip("it touches the store")),
    (r"server restarts", lambda t: t.restart()),
    (r"configuration is read anew", lambda t: t.reload()),
    (r"Domain (\S+)", lambda t, d: t.domains.append(d)),
    (r"Over sockets only", lambda t: None),
]


def reason_to_skip(lines):
    """Known before anything is started."""
    text = "\n".join(line for line in lines if not line.startswith(("#", "\t")))
    if re.search(r"\b[Tt]he store (fails|is slow)", text):
        return "it touches the store"
    if re.search(r"live apart", text):
        return "who lives where is not known"
    for number, unit in re.findall(r"(?:^|\s)(\S+) (second|minute|hour|day)s? pass", text):
        seconds = number_of(number) * UNITS[unit]
        if seconds > LONGEST:
            return "%d seconds pass" % seconds
    return None


def environment():
    """Modules for tests are loaded, too."""
    build = os.environ.get("BUILD_DIR")
    if build is None:
        return {}
    return {"STENTOR_MODULES": "%s/modules/.libs:%s/tests/modules/.libs" % (build, build)}


def main(words):
    os.environ.update(environment())        # for the tool, too
    verbose = "-v" in words
    paths = [w for w in words if w != "-v"] or sorted(glob.glob(os.path.join(HERE, "*.play")))
    passed = failed = skipped = 0
    for path in paths:
        tour = Tour(path)
        name = os.path.basename(path)
        good = False
        try:
            why = reason_to_skip(tour.lines)
            if why:
                raise Skips(why)
            start = time.monotonic()
            tour.run()
            good = True
            if verbose:
                print("ok   %s (%.1f s)" % (name, time.monotonic() - start), flush=True)
        except Skips as why:
            skipped += 1
            print("skip %s: %s" % (name, why), flush=True)
            tour.close(True)
            continue
        except (Fails, OSError, RuntimeError) as why:
            print("FAIL %s:%d: %s" % (path, tour.line, why), flush=True)
            if tour.server is not None and verbose:
                print(tour.server.log_text()[-3000:])
        try:
            tour.close(good)
        except RuntimeError as why:     # it did not stop well
            print("FAIL %s: %s" % (name, why), flush=True)
            good = False
        passed, failed = passed + good, failed + (not good)
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 77 if not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
