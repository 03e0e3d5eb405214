#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""slixmpp: a user with two clients.  Each sees what the other hears and says; one that nobody looks
at is not told what can wait."""
import asyncio
import os
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
        for plugin in ("xep_0030", "xep_0085", "xep_0199", "xep_0280", "xep_0352"):
            self.register_plugin(plugin)
        self.ready = asyncio.get_event_loop().create_future()
        self.heard, self.received, self.sent = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("message", self.heard.put_nowait)
        self.states = asyncio.Queue()
        self.add_event_handler("chatstate", lambda m: self.states.put_nowait(m["chat_state"]))
        self.add_event_handler("carbon_received", self.received.put_nowait)
        self.add_event_handler("carbon_sent", self.sent.put_nowait)

    async def started(self, _event):
        self.send_presence()
        await self.get_roster()
        self.ready.set_result(True)


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, 20)


async def log_in(instance, jid, password):
    client = Client(jid, password, instance.certificate())
    client.connect(("127.0.0.1", instance.port))
    await soon(client.ready)
    return client


async def carbons(instance):
    juliet = await log_in(instance, "juliet@localhost/balcony", "capulet-secret")
    garden = await log_in(instance, "romeo@localhost/garden", "montague-secret")
    home = await log_in(instance, "romeo@localhost/home", "montague-secret")
    features = (await soon(home["xep_0030"].get_info("localhost")))["disco_info"]["features"]
    assert "urn:xmpp:carbons:2" in features, features
    await soon(home["xep_0280"].enable())

    juliet.send_message(mto="romeo@localhost/garden", mbody="What man art thou?", mtype="chat")
    assert (await soon(garden.heard.get()))["body"] == "What man art thou?"
    copy = await soon(home.received.get())
    assert copy["from"] == "romeo@localhost" and copy["to"] == "romeo@localhost/home", copy
    original = copy["carbon_received"]
    assert original["body"] == "What man art thou?", copy
    assert original["from"] == "juliet@localhost/balcony", copy

    garden.send_message(mto="juliet@localhost", mbody="By a name I know not", mtype="chat")
    assert (await soon(juliet.heard.get()))["body"] == "By a name I know not"
    copy = await soon(home.sent.get())
    assert copy["carbon_sent"]["body"] == "By a name I know not", copy
    assert copy["carbon_sent"]["to"] == "juliet@localhost", copy

    await soon(home["xep_0280"].disable())
    juliet.send_message(mto="romeo@localhost/garden", mbody="Art thou not Romeo?", mtype="chat")
    await soon(garden.heard.get())
    await soon(home["xep_0199"].send_ping("localhost"))
    assert home.received.empty() and home.sent.empty() and garden.received.empty()
    for client in (juliet, garden, home):
        client.auto_reconnect = False
        await client.disconnect()


async def client_state(instance):
    juliet = await log_in(instance, "juliet@localhost/balcony", "capulet-secret")
    romeo = await log_in(instance, "romeo@localhost/garden", "montague-secret")
    assert romeo["xep_0352"].enabled

    def say(state, body=None):
        message = juliet.make_message(mto="romeo@localhost", mbody=body, mtype="chat")
        message["chat_state"] = state
        message.send()

    romeo["xep_0352"].send_inactive()
    await soon(romeo["xep_0199"].send_ping("localhost"))
    say("composing")
    say("paused")
    await soon(juliet["xep_0199"].send_ping("localhost"))
    assert romeo.states.empty()
    romeo["xep_0352"].send_active()
    assert await soon(romeo.states.get()) == "paused"

    romeo["xep_0352"].send_inactive()
    await soon(romeo["xep_0199"].send_ping("localhost"))
    say("composing")
    say("active", "Good night, good night!")
    assert (await soon(romeo.heard.get()))["body"] == "Good night, good night!"
    assert await soon(romeo.states.get()) == "active" and romeo.states.empty()
    for client in (juliet, romeo):
        client.auto_reconnect = False
        await client.disconnect()


def perform(scenes):
    if slixmpp is None:
        raise Skip("python3-slixmpp is not installed")
    with Instance("slixmpp-" + scenes.__name__, shards=2) as instance:
        instance.add_account("juliet@localhost", "capulet-secret")
        instance.add_account("romeo@localhost", "montague-secret")
        instance.start()
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(scenes(instance), 100))
        instance.stop()


def slixmpp_hears_its_other_clients():
    perform(carbons)


def slixmpp_is_not_told_what_can_wait():
    perform(client_state)


if __name__ == "__main__":
    main(slixmpp_hears_its_other_clients, slixmpp_is_not_told_what_can_wait)
