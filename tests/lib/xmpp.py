# SPDX-License-Identifier: MIT
"""A small XMPP client for tests: blocking, one stream, only what Python brings.

    client = Client(port, ca=instance.certificate())
    client.log_in("juliet", "capulet-secret")
    client.send("<presence/>")
    client.iq("get", "<query xmlns='jabber:iq:roster'/>")

It says what it is told to, well-formed or not; it never answers by itself.
"""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import time
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape, quoteattr

STREAMS = "http://etherx.jabber.org/streams"
CLIENT = "jabber:client"
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
DECLARATION = b"<?xml "
BINDINGS = "urn:xmpp:sasl-cb:0"
PATIENCE = 60 if os.environ.get("STENTOR_SLOW") else 20


class Ended(Exception):
    """The stream is over; `condition` is what the server said, None when it just hung up."""

    def __init__(self, condition, text=""):
        super().__init__("%s %s" % (condition or "hung up", text or ""))
        self.condition, self.text = condition, text


class Refused(Exception):
    """A login that failed, a stanza that came back as an error."""

    def __init__(self, condition, text=""):
        super().__init__("%s %s" % (condition, text or ""))
        self.condition, self.text = condition, text


def local(element):
    return element.tag.rpartition("}")[2]


def condition_of(element, namespace):
    """The condition in an error element, and its text."""
    condition, text = "none", ""
    for child in element:
        if child.tag == "{%s}text" % namespace:
            text = child.text or ""
        elif child.tag.startswith("{%s}" % namespace):
            condition, text = local(child), text or child.text or ""
    return condition, text


def encode(data):
    if isinstance(data, str):
        data = data.encode()
    return base64.b64encode(data).decode() if data else "="


class Scram:
    """RFC 5802, the client's side.  `flag` is what is said of channel binding."""

    def __init__(self, mechanism, name, password, binding=None, flag=None, authzid=None):
        name_of_hash = mechanism.replace("-PLUS", "")[len("SCRAM-"):]
        self.hash = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}[name_of_hash]
        self.password = password.encode()
        self.binding = binding[1] if binding and mechanism.endswith("-PLUS") else b""
        if flag is None:
            flag = "p=" + binding[0] if mechanism.endswith("-PLUS") else "n"
        self.head = "%s,%s," % (flag, "a=" + authzid if authzid else "")
        self.bare = "n=%s,r=%s" % (name.replace("=", "=3D").replace(",", "=2C"),
                                   base64.b64encode(os.urandom(18)).decode())
        self.salt = self.iterations = None

    def first(self):
        return self.head + self.bare

    def final(self, challenge):
        parts = dict(part.split("=", 1) for part in challenge.split(","))
        self.salt, self.iterations = parts["s"], int(parts["i"])
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, base64.b64decode(self.salt),
                                     self.iterations)
        bare = "c=%s,r=%s" % (encode(self.head.encode() + self.binding), parts["r"])
        everything = ",".join((self.bare, challenge, bare)).encode()

        def mac(key, text):
            return hmac.new(key, text, self.hash).digest()

        key = mac(salted, b"Client Key")
        signature = mac(hashlib.new(self.hash, key).digest(), everything)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.expected = mac(mac(salted, b"Server Key"), everything)
        return "%s,p=%s" % (bare, encode(proof))

    def check(self, last):
        assert last.startswith("v="), last
        assert base64.b64decode(last[2:]) == self.expected, "the server's signature is wrong"


def tls_context(ca=None, alpn=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(ca)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Client:
    def __init__(self, port, domain="localhost", direct=False, ca=None, host="127.0.0.1",
                 alpn=None, sni=None, context=None, session=None, source=None,
                 receive_buffer=None, patience=None):
        self.domain, self.direct, self.ca = domain, direct, ca
        self.context = context or tls_context(ca, alpn)
        self.sni, self.session = sni if sni is not None else domain, session
        self.patience = patience or PATIENCE
        self.jid, self.count, self.waiting, self.features = None, 0, [], None
        self.secure = False
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(self.patience)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if direct:
            self.make_secure()
        self.new_parser()

    # --- bytes ---

    def make_secure(self):
        self.socket = self.context.wrap_socket(self.socket, server_hostname=self.sni or None,
                                               session=self.session)
        self.secure = True

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass

    def reset(self):
        """Gone without a word: the other side gets a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    # --- elements ---

    def new_parser(self, arrived=()):
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth, self.root, self.arrived, self.held = 0, None, list(arrived), b""

    def parse(self, data):
        """Where a new document begins, a new parser does."""
        data = self.held + data
        for length in range(len(DECLARATION) - 1, 0, -1):
            if data.endswith(DECLARATION[:length]):
                data, self.held = data[:-length], data[-length:]
                break
        else:
            self.held = b""
        pieces = data.split(DECLARATION)
        for i, piece in enumerate(pieces):
            if i > 0:
                held = self.held
                self.new_parser(self.arrived)
                self.held = held
                piece = DECLARATION + piece
            self.feed(piece)

    def feed(self, data):
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            if event == "start":
                self.depth += 1
                if self.depth == 1:
                    self.root = element
                    self.arrived.append(element)
            else:
                self.depth -= 1
                if self.depth == 1:
                    self.root.remove(element)
                    self.arrived.append(element)
                elif self.depth == 0:
                    self.arrived.append(None)

    def element(self, seconds=None):
        """The next element, whatever it is; the root comes first.  Raises Ended."""
        end = time.monotonic() + (self.patience if seconds is None else seconds)
        while not self.arrived:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing was heard")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                data = b""
            finally:
                self.socket.settimeout(self.patience)
            if not data:
                raise Ended(None)
            self.parse(data)
        element = self.arrived.pop(0)
        if element is None:
            raise Ended("end")
        if element.tag == "{%s}error" % STREAMS:
            raise Ended(*condition_of(element, ERRORS))
        return element

    def stanza(self, seconds=None):
        """The next element that nobody has taken yet."""
        if self.waiting:
            return self.waiting.pop(0)
        return self.element(seconds)

    def find(self, wanted, seconds=None):
        """The next element for which wanted(element); the others wait, in order."""
        for i, element in enumerate(self.waiting):
            if wanted(element):
                return self.waiting.pop(i)
        end = time.monotonic() + (self.patience if seconds is None else seconds)
        while True:
            element = self.element(max(0.001, end - time.monotonic()))
            if wanted(element):
                return element
            self.waiting.append(element)

    def message(self, body=None, seconds=None):
        return self.find(lambda e: local(e) == "message" and
                         (body is None or e.findtext("{%s}body" % CLIENT) == body), seconds)

    def silence(self, seconds=0.3):
        """Nothing comes for that long."""
        try:
            element = self.element(seconds)
        except TimeoutError:
            return
        raise AssertionError("heard " + ElementTree.tostring(element, "unicode"))

    def until_end(self, seconds=None):
        """Reads until the stream is over; returns the condition and its text."""
        end = time.monotonic() + (self.patience if seconds is None else seconds)
        try:
            while True:
                self.element(max(0.001, end - time.monotonic()))
        except Ended as ended:
            return ended.condition, ended.text

    def iq_text(self, kind, payload, to=None):
        self.count += 1
        name = "q%d" % self.count
        return name, "<iq type='%s' id='%s'%s>%s</iq>" % (
            kind, name, " to=" + quoteattr(to) if to else "", payload)

    def answer(self, name, seconds=None):
        element = self.find(lambda e: local(e) == "iq" and e.get("id") == name and
                            e.get("type") in ("result", "error"), seconds)
        if element.get("type") == "error":
            raise Refused(*condition_of(element.find("{%s}error" % CLIENT), STANZA_ERRORS))
        return element

    def iq(self, kind, payload, to=None, seconds=None):
        name, text = self.iq_text(kind, payload, to)
        self.send(text)
        return self.answer(name, seconds)

    def ping(self, to=None, seconds=None):
        return self.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to or self.domain, seconds)

    def say(self, to, body, more=""):
        self.send("<message to=%s type='chat'><body>%s</body>%s</message>" %
                  (quoteattr(to), escape(body), more))

    # --- the beginning ---

    def header(self, to=None):
        return ("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' version='1.0' "
                "to=%s>" % (CLIENT, STREAMS, quoteattr(to or self.domain)))

    def open(self, to=None):
        """A new stream; returns its features."""
        self.new_parser()
        self.send(self.header(to))
        self.element()
        self.features = self.element()
        assert local(self.features) == "features", self.features.tag
        return self.features

    def start_tls(self):
        self.send("<starttls xmlns='%s'/>" % TLS)
        answer = self.element()
        assert local(answer) == "proceed", answer.tag
        self.make_secure()

    def begin(self):
        """As far as the features of an encrypted stream."""
        self.open()
        if not self.secure:
            self.start_tls()
            self.open()
        return self.features

    def mechanisms(self):
        return [e.text for e in self.features.iter("{%s}mechanism" % SASL)]

    def bindings(self):
        return [e.get("type") for e in self.features.iter("{%s}channel-binding" % BINDINGS)]

    def binding(self):
        """The channel binding that Python can make: TLS exporters are not among them."""
        certificate = self.socket.getpeercert(binary_form=True)
        return "tls-server-end-point", hashlib.sha256(certificate).digest()

    def authenticate(self, name, password, mechanism="SCRAM-SHA-256", authzid=None, flag=None,
                     binding=None):
        """One attempt; raises Refused.  Returns the Scram, if there was one."""
        self.scram = None
        if mechanism == "PLAIN":
            first = "%s\0%s\0%s" % (authzid or "", name, password)
        else:
            self.scram = Scram(mechanism, name, password, binding or
                               (self.binding() if self.secure else None), flag, authzid)
            first = self.scram.first()
        self.send("<auth xmlns='%s' mechanism='%s'>%s</auth>" % (SASL, mechanism, encode(first)))
        element = self.element()
        if local(element) == "challenge":
            final = self.scram.final(base64.b64decode(element.text).decode())
            self.send("<response xmlns='%s'>%s</response>" % (SASL, encode(final)))
            element = self.element()
        if local(element) == "failure":
            raise Refused(*condition_of(element, SASL))
        assert local(element) == "success", element.tag
        if self.scram:
            self.scram.check(base64.b64decode(element.text).decode())
        return self.scram

    def bind(self, resource=None):
        what = "<resource>%s</resource>" % escape(resource) if resource else ""
        answer = self.iq("set", "<bind xmlns='%s'>%s</bind>" % (BIND, what))
        self.jid = answer.findtext(".//{%s}jid" % BIND)
        return self.jid

    def log_in(self, name, password, mechanism="SCRAM-SHA-256", resource=None, presence=True):
        self.begin()
        self.authenticate(name, password, mechanism)
        self.open()
        self.bind(resource)
        if presence:
            self.send("<presence/>")
            self.find(lambda e: local(e) == "presence" and e.get("from") == self.jid)
        return self

    def log_out(self):
        try:
            self.send("</stream:stream>")
            condition, _ = self.until_end()
        except OSError:
            condition = None
        self.close()
        return condition

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        return False
