# SPDX-License-Identifier: MIT
"""A client that keeps books: what it has said and what was acknowledged of it (XEP-0198), what it
has heard and under which id.  Its link may go at any moment; it comes back, takes up its session,
and says again what was not acknowledged, as clients do.

No TLS: what is audited is what the server keeps, and how it is carried does not matter to that.
"""
import asyncio
import base64
import collections
import hashlib
import hmac
import os
import xml.etree.ElementTree as ElementTree

CLIENT, SM = "{jabber:client}", "{urn:xmpp:sm:3}"
SASL, BIND = "urn:ietf:params:xml:ns:xmpp-sasl", "urn:ietf:params:xml:ns:xmpp-bind"
STREAMS = "{http://etherx.jabber.org/streams}"
STANZA_ID, MAM, DELAY = "{urn:xmpp:sid:0}stanza-id", "{urn:xmpp:mam:2}", "{urn:xmpp:delay}delay"
FORWARDED = "{urn:xmpp:forward:0}forwarded"
STANZAS = (CLIENT + "message", CLIENT + "presence", CLIENT + "iq")
WINDOW = 16      # messages that wait for their acknowledgement
ASK_EACH = 4     # messages between two <r/>
PAGE = 100

salted = {}      # (password, salt, count) -> what PBKDF2 makes of them: that is slow


class Gone(Exception):
    """The link is not there any more."""


class Sent:
    """A message, said once or several times."""

    def __init__(self, uid, sender, resource, receiver, number):
        self.uid, self.sender, self.receiver = uid, sender, receiver
        self.resource, self.number = resource, number    # who says it, and how many before
        self.acked = self.refused = False


class Heard:
    """A message that came: live, or read from the archive (`live` False)."""

    def __init__(self, uid, by, life, archive_id, live):
        self.uid, self.by, self.life = uid, by, life
        self.archive_id, self.live = archive_id, live


def scram_final(password, bare, challenge):
    parts = dict(part.split("=", 1) for part in challenge.split(","))
    key = (password, parts["s"], int(parts["i"]))
    if key not in salted:
        salted[key] = hashlib.pbkdf2_hmac("sha256", password.encode(),
                                          base64.b64decode(parts["s"]), int(parts["i"]))
    final = "c=biws,r=" + parts["r"]
    text = ",".join((bare, challenge, final)).encode()
    client = hmac.new(salted[key], b"Client Key", "sha256").digest()
    mark = hmac.new(hashlib.sha256(client).digest(), text, "sha256").digest()
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, mark))).decode()
    return "%s,p=%s" % (final, proof)


class Client:
    def __init__(self, audit, name, resource, catches_up=True, resumes=True):
        self.audit, self.name, self.resource = audit, name, resource
        self.jid = "%s@localhost" % name
        self.catches_up, self.resumes = catches_up, resumes
        self.reader = self.writer = self.parser = None
        self.up = False             # bound or resumed: stanzas flow
        self.sm = None              # the id to resume by
        self.life = 0               # of the session: rises when a new one begins
        self.inbound = 0            # stanzas we have handled
        self.outbound = 0           # stanzas we have said
        self.acked = 0              # of these, acknowledged
        self.unacked = collections.deque()    # (number, xml, Sent or None)
        self.last_seen = None       # the newest archive id, for catching up
        self.questions = {}
        self.count = self.said = 0
        self.since_asked = 0
        self.room = asyncio.Event()

    # --- bytes ---

    def write(self, text):
        if self.writer is None or self.writer.is_closing():
            raise Gone
        self.writer.write(text.encode())

    def new_stream(self):
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth, self.root, self.arrived = 0, None, collections.deque()
        self.write("<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' "
                   "xmlns:stream='http://etherx.jabber.org/streams' to='localhost'>")

    async def element(self):
        while not self.arrived:
            data = await self.reader.read(65536)
            if not data:
                raise Gone
            self.parser.feed(data)
            for event, element in self.parser.read_events():
                if event == "start":
                    self.depth += 1
                    self.root = self.root if self.root is not None else element
                else:
                    self.depth -= 1
                    if self.depth == 1:
                        self.root.remove(element)
                        self.arrived.append(element)
                    elif self.depth == 0:
                        raise Gone
        element = self.arrived.popleft()
        if element.tag == STREAMS + "error":
            self.audit.note("%s: stream error %s" % (self.name, [e.tag for e in element]))
            raise Gone
        return element

    # --- logging in ---

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.audit.port,
                                                                 limit=1 << 20)
        self.new_stream()
        await self.element()
        bare = "n=%s,r=%s" % (self.name, base64.b64encode(os.urandom(15)).decode())
        first = base64.b64encode(("n,," + bare).encode()).decode()
        self.write("<auth xmlns='%s' mechanism='SCRAM-SHA-256'>%s</auth>" % (SASL, first))
        challenge = await self.element()
        if not challenge.tag.endswith("}challenge"):
            raise Gone
        final = scram_final(self.audit.password, bare,
                            base64.b64decode(challenge.text).decode())
        self.write("<response xmlns='%s'>%s</response>" % (
            SASL, base64.b64encode(final.encode()).decode()))
        if not (await self.element()).tag.endswith("}success"):
            raise Gone
        self.new_stream()
        await self.element()

    async def begin(self):
        """As far as a session: the one of before, or a new one."""
        await self.connect()
        if self.sm is not None and await self.resume():
            return
        self.sm, self.inbound, self.life = None, 0, self.life + 1
        self.write("<iq type='set' id='bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>" %
                   (BIND, self.resource))
        answer = await self.element()
        if answer.get("type") != "result":
            raise Gone
        self.write("<enable xmlns='urn:xmpp:sm:3'%s/>" %
                   (" resume='true'" if self.resumes else ""))
        self.outbound = self.acked = 0
        while True:
            element = await self.element()
            if element.tag == SM + "enabled":
                break
            if element.tag == SM + "failed":
                raise Gone
        self.sm = element.get("id")
        waiting, self.unacked = self.unacked, collections.deque()
        self.up = True
        self.say("<iq type='set' id='carbons'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        if self.catches_up and self.audit.has_archive:
            await self.catch_up()
        self.say("<presence/>")
        for _, xml, sent in waiting:    # what may never have been heard
            if sent is not None:
                self.say(xml, sent)

    async def resume(self):
        self.write("<resume xmlns='urn:xmpp:sm:3' previd='%s' h='%d'/>" % (self.sm, self.inbound))
        element = await self.element()
        if element.tag == SM + "resumed":
            self.audit.resumed += 1
            self.hear_h(element)
            self.up = True
            for _, xml, _ in self.unacked:
                self.write(xml)
            return True
        if element.tag != SM + "failed":
            raise Gone
        self.audit.failed(self)
        if element.get("h") is not None:
            self.hear_h(element)
        return False

    # --- saying ---

    def say(self, xml, sent=None):
        self.outbound = (self.outbound + 1) & 0xffffffff
        self.unacked.append((self.outbound, xml, sent))
        self.write(xml)

    def say_message(self, sent):
        self.say("<message to='%s@localhost' type='chat' id='%s'><body>%s</body>"
                 "<origin-id xmlns='urn:xmpp:sid:0' id='%s'/></message>" %
                 (sent.receiver, sent.uid, sent.uid, sent.uid), sent)
        self.since_asked += 1
        if self.since_asked >= ASK_EACH:
            self.since_asked = 0
            self.write("<r xmlns='urn:xmpp:sm:3'/>")

    def has_room(self):
        return self.up and len(self.unacked) < WINDOW

    async def ask(self, kind, payload):
        """The answer to an IQ; raises Gone when the link goes."""
        self.count += 1
        name = "q%d-%d" % (self.life, self.count)
        future = asyncio.get_running_loop().create_future()
        self.questions[name] = future
        self.say("<iq type='%s' id='%s'>%s</iq>" % (kind, name, payload))
        while not future.done():
            self.hear(await self.element())
        return future.result()

    # --- hearing ---

    def hear_h(self, element):
        h = int(element.get("h"))
        gain = (h - self.acked) & 0xffffffff
        if gain > 0x7fffffff:
            self.audit.fault("%s: h went back from %d to %d" % (self.name, self.acked, h))
            return
        if gain > len(self.unacked):
            self.audit.fault("%s: h is %d, and only %d were said" % (self.name, h, self.outbound))
            return
        self.acked = h
        for _ in range(gain):
            sent = self.unacked.popleft()[2]
            if sent is not None and not sent.acked:
                sent.acked = True
                self.audit.acks += 1
        self.room.set()

    def hear_message(self, element, live, archive_id=None):
        uid = element.findtext(CLIENT + "body")
        if element.get("type") == "error":
            self.audit.refused(element.get("id"))
            return
        carbon = next((e for e in element if e.tag.startswith("{urn:xmpp:carbons:2}")), None)
        if carbon is not None:
            inner = carbon.find(FORWARDED).find(CLIENT + "message")
            if carbon.tag.endswith("}received"):
                self.hear_message(inner, live)
            return
        for mark in element.findall(STANZA_ID):
            if mark.get("by") == self.jid:
                archive_id = mark.get("id")
        if uid is None or element.get("to", self.jid).split("/")[0] != self.jid:
            return
        if archive_id is not None:
            self.last_seen = archive_id
        self.audit.heard(Heard(uid, self, self.life, archive_id, live))

    def hear(self, element):
        if element.tag in STANZAS:
            self.inbound = (self.inbound + 1) & 0xffffffff
        if element.tag == CLIENT + "message":
            result = element.find(MAM + "result")
            if result is not None:
                forwarded = result.find(FORWARDED)
                self.results.append((result.get("id"), forwarded.find(CLIENT + "message")))
            else:
                self.hear_message(element, True)
        elif element.tag == CLIENT + "iq":
            if element.get("type") in ("result", "error"):
                future = self.questions.pop(element.get("id"), None)
                if future is not None:
                    future.set_result(element)
            elif element.get("type") == "get":
                self.say("<iq type='result' id='%s' to='%s'/>" % (
                    element.get("id"), element.get("from", "localhost")))
        elif element.tag == SM + "r":
            self.write("<a xmlns='urn:xmpp:sm:3' h='%d'/>" % self.inbound)
        elif element.tag == SM + "a":
            self.hear_h(element)

    # --- the archive ---

    async def archive(self, after=None):
        """All that is in the account's archive behind an id: (id, message), in its order."""
        while True:
            self.results = []
            rsm = "<max>%d</max>%s" % (PAGE, "<after>%s</after>" % after if after else "")
            answer = await self.ask("set", "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://"
                                    "jabber.org/protocol/rsm'>%s</set></query>" % rsm)
            if answer.get("type") == "error":
                self.audit.note("%s: the archive cannot be read now" % self.name)
                raise Gone
            for one in self.results:
                yield one
            if self.results:
                after = self.results[-1][0]
            if answer.find(MAM + "fin").get("complete") == "true":
                return

    async def catch_up(self):
        async for archive_id, message in self.archive(self.last_seen):
            self.last_seen = archive_id
            if message.get("from", "").split("/")[0] != self.jid:
                self.hear_message(message, False, archive_id)

    # --- living ---

    async def live(self):
        """Comes back whenever its link goes, until it is cancelled."""
        while True:
            try:
                await asyncio.wait_for(self.begin(), 30)
                self.write("<r xmlns='urn:xmpp:sm:3'/>")
                self.room.set()
                while True:
                    self.hear(await self.element())
            except (Gone, OSError, ElementTree.ParseError, asyncio.TimeoutError):
                pass
            self.up = False
            self.questions.clear()
            if self.writer is not None:
                self.writer.close()
                self.writer = None
            await asyncio.sleep(0.02 + 0.05 * self.audit.lot.random())
