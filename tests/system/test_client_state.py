#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""XEP-0352: what it spares a client that nobody looks at.  Two clients of one user hear the same;
one of them is inactive.  Counted are the bytes of XML and how often each is woken."""
import os
import re
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, main  # noqa: E402
from xmpp import Client  # noqa: E402

FRIENDS, ROUNDS = 8, 12
STATES = "http://jabber.org/protocol/chatstates"


class Phone(Client):
    """Reads all there is and counts it; what it reads is not looked at."""

    def begin_counting(self):
        self.bytes, self.wakes, self.text = 0, 0, b""

    def read_all(self):
        woken = False
        while True:
            if not self.socket.pending() and not select.select([self.socket], [], [], 0)[0]:
                break
            data = self.socket.recv(65536)
            assert data, "the server hung up"
            self.text += data
            self.bytes += len(data)
            woken = True
        self.wakes += woken

    def bodies(self):
        return re.findall(rb"<body>([^<]*)</body>", self.text)


def rosters_are_made(instance, client, friends):
    for name in friends:
        client.send("<presence to='%s@localhost' type='subscribe'/>" % name)
        friends[name].find(lambda e: e.get("type") == "subscribe")
        friends[name].send("<presence to='juliet@localhost' type='subscribed'/>")
    client.ping()


def an_hour(friends, phones):
    """Everybody comes and goes, types, and sometimes says something."""
    def say(friend, text):
        friend.send(text)
        friend.ping()
        friend.waiting.clear()
        for phone in phones:
            phone.read_all()

    for number in range(ROUNDS):
        for name, friend in friends.items():
            show = ("<show>away</show>", "<show>xa</show>", "")[number % 3]
            say(friend, "<presence>%s<status>round %d</status></presence>" % (show, number))
            for state in ("active", "composing", "paused", "composing"):
                say(friend, "<message to='juliet@localhost' type='chat'><%s xmlns='%s'/>"
                    "</message>" % (state, STATES))
            if number % 4 == 3:
                say(friend, "<message to='juliet@localhost' type='chat' id='m%d'>"
                    "<body>%s %d</body><active xmlns='%s'/></message>" %
                    (number, name, number, STATES))


def an_inactive_client_is_spared():
    with Instance("client-state", shards=2) as instance:
        for name in ["juliet"] + ["friend%d" % n for n in range(FRIENDS)]:
            instance.add_account(name + "@localhost", name + "-secret")
        instance.start()
        phones = []
        for resource in ("desk", "pocket"):
            phone = Phone(instance.port, ca=instance.certificate())
            phones.append(phone.log_in("juliet", "juliet-secret", resource=resource))
        friends = {}
        for name in ["friend%d" % n for n in range(FRIENDS)]:
            friend = Client(instance.port, ca=instance.certificate())
            friends[name] = friend.log_in(name, name + "-secret")
        rosters_are_made(instance, phones[0], friends)
        # What the beginning brings about has been heard by both before anything is counted.
        for client in list(friends.values()) + phones:
            client.ping()
        time.sleep(0.5)
        desk, pocket = phones
        pocket.send("<inactive xmlns='urn:xmpp:csi:0'/>")
        for phone in phones:
            phone.ping()
            phone.begin_counting()
            phone.read_all()
        for phone in phones:
            phone.begin_counting()
        an_hour(friends, phones)
        assert desk.bodies() == pocket.bodies() and len(desk.bodies()) == 3 * FRIENDS
        print("active:   %6d bytes, woken %4d times" % (desk.bytes, desk.wakes))
        print("inactive: %6d bytes, woken %4d times" % (pocket.bytes, pocket.wakes))
        assert pocket.bytes < desk.bytes / 2 and pocket.wakes < desk.wakes / 4
        counters = instance.ctl_json("module", "show", "csi")["domains"][0]["counters"]
        print(counters)
        assert counters["csi_merged"] > 0 and counters["csi_saved_bytes"] > 0, counters
        # The last of it may still be on its way.
        end = time.monotonic() + 10
        while desk.bytes - pocket.bytes != counters["csi_saved_bytes"] and time.monotonic() < end:
            time.sleep(0.05)
            for phone in phones:
                phone.read_all()
        assert desk.bytes - pocket.bytes == counters["csi_saved_bytes"], \
            (desk.bytes, pocket.bytes, counters)
        pocket.send("<active xmlns='urn:xmpp:csi:0'/>")
        pocket.ping()
        for client in phones + list(friends.values()):
            client.close()
        instance.stop()


if __name__ == "__main__":
    main(an_inactive_client_is_spared)
