#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Also on MariaDB.
"""slixmpp: two users log in over TLS, talk both ways, change their rosters, and hear what was
said while they were away."""
import asyncio
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, Skip, main  # noqa: E402

try:
    import slixmpp
except ImportError:
    slixmpp = None


class Client(slixmpp.ClientXMPP if slixmpp else object):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password)
        self.ca_certs = ca
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.register_plugin("xep_0203")
        self.ready = asyncio.get_event_loop().create_future()
        self.heard = asyncio.Queue()
        self.changed = asyncio.Queue()
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_all_auth", self.refused)
        self.add_event_handler("message", self.heard.put_nowait)
        self.add_event_handler("changed_subscription", self.changed.put_nowait)

    async def started(self, _event):
        self.send_presence()
        await self.get_roster()
        if not self.ready.done():
            self.ready.set_result(True)

    def refused(self, _event):
        if not self.ready.done():
            self.ready.set_exception(RuntimeError("login refused"))


async def log_in(instance, name, password, direct=False):
    client = Client("%s@localhost" % name, password, instance.certificate())
    client.connect(("127.0.0.1", instance.tls_port if direct else instance.port), use_ssl=direct,
                   disable_starttls=direct)
    await asyncio.wait_for(client.ready, 20)
    return client


async def hear(client):
    return await asyncio.wait_for(client.heard.get(), 20)


async def until(condition, what):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("in vain: " + what)


async def scenes(instance):
    juliet = await log_in(instance, "juliet", "capulet-secret")
    romeo = await log_in(instance, "romeo", "montague-secret", direct=True)

    juliet.send_message(mto="romeo@localhost", mbody="Art thou not Romeo?", mtype="chat")
    first = await hear(romeo)
    assert first["body"] == "Art thou not Romeo?", first
    assert first["from"].bare == "juliet@localhost"
    first.reply("Neither, fair saint \u2665").send()
    assert (await hear(juliet))["body"] == "Neither, fair saint \u2665"

    romeo.send_presence_subscription("juliet@localhost")
    await until(lambda: juliet.client_roster["romeo@localhost"]["subscription"] == "both" and
                romeo.client_roster["juliet@localhost"]["subscription"] == "both",
                "the rosters say both")
    await until(lambda: "juliet@localhost" in romeo.client_roster and
                romeo.client_roster["juliet@localhost"].resources, "Juliet is seen")

    await juliet.disconnect()
    await until(lambda: not romeo.client_roster["juliet@localhost"].resources, "Juliet has gone")
    for n in range(3):
        romeo.send_message(mto="juliet@localhost", mbody="away %d" % n, mtype="chat")
    await romeo["xep_0199"].ping("localhost", timeout=10)

    juliet = await log_in(instance, "juliet", "capulet-secret")
    for n in range(3):
        message = await hear(juliet)
        assert message["body"] == "away %d" % n, message
        assert message["delay"]["stamp"] is not None, message
    await juliet.disconnect()
    await romeo.disconnect()


def slixmpp_talks_both_ways_and_offline():
    if slixmpp is None:
        raise Skip("python3-slixmpp is not installed")
    with Instance("slixmpp") as instance:
        instance.add_account("juliet@localhost", "capulet-secret")
        instance.add_account("romeo@localhost", "montague-secret")
        instance.start()
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(scenes(instance), 100))
        instance.stop()


def slixmpp_with_a_wrong_password_is_refused():
    if slixmpp is None:
        raise Skip("python3-slixmpp is not installed")
    with Instance("slixmpp-wrong") as instance:
        instance.add_account("juliet@localhost", "capulet-secret")
        instance.start()

        async def attempt():
            try:
                await log_in(instance, "juliet", "wrong")
            except RuntimeError:
                return
            raise AssertionError("a wrong password logged in")
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(attempt(), 60))
        instance.stop()


if __name__ == "__main__":
    main(slixmpp_talks_both_ways_and_offline, slixmpp_with_a_wrong_password_is_refused)
