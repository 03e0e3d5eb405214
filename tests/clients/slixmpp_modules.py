#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Also on MariaDB.
"""slixmpp's own plugins against the modules: capabilities, blocking, cards, private data, time
and version, an admin's commands, a new password, and an account that removes itself."""
import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, Skip, main  # noqa: E402

try:
    import slixmpp
    from slixmpp.exceptions import IqError
except ImportError:
    slixmpp = None

PLUGINS = (30, 50, 54, 77, 92, 115, 128, 133, 191, 199, 202, 203)


class Client(slixmpp.ClientXMPP if slixmpp else object):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password)
        self.ca_certs = ca
        for number in PLUGINS:
            self.register_plugin("xep_%04d" % number)
        loop = asyncio.get_event_loop()
        self.ready = loop.create_future()
        self.gone = loop.create_future()
        self.blocked = asyncio.Queue()
        self.heard = asyncio.Queue()
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_all_auth", lambda _: self.ready.set_exception(
            RuntimeError("login refused")))
        self.add_event_handler("disconnected", lambda _: self.gone.done() or
                               self.gone.set_result(True))
        self.add_event_handler("blocked", self.blocked.put_nowait)
        self.add_event_handler("message", self.heard.put_nowait)

    async def started(self, _event):
        self.send_presence()
        await self.get_roster()
        await self["xep_0115"].update_caps()
        self.ready.set_result(True)


async def log_in(instance, jid, password):
    client = Client(jid, password, instance.certificate())
    client.connect(("127.0.0.1", instance.port))
    await asyncio.wait_for(client.ready, 20)
    return client


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, 20)


async def refused(condition, awaitable):
    try:
        await soon(awaitable)
    except IqError as error:
        assert error.iq["error"]["condition"] == condition, error.iq
        return
    raise AssertionError("not refused with " + condition)


def known_hashes(instance):
    return [row[0] for row in instance.sql("SELECT ver FROM caps")]


async def run_command(client, name, **fields):
    """An ad-hoc command in two steps, by the names of XEP-0133."""
    node = "http://jabber.org/protocol/admin#" + name
    first = await soon(client["xep_0050"].send_command("localhost", node))
    assert first["command"]["status"] == "executing", first
    offered = first["command"]["form"].get_fields()
    assert set(fields) <= set(offered), (name, list(offered))
    form = client["xep_0004"].make_form("submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/admin")
    for var, value in fields.items():
        form.add_field(var=var, value=value)
    done = await soon(client["xep_0050"].send_command(
        "localhost", node, payload=form, sessionid=first["command"]["sessionid"]))
    assert done["command"]["status"] == "completed", done


async def scenes(instance):
    juliet = await log_in(instance, "juliet@localhost/balcony", "capulet-secret")
    romeo = await log_in(instance, "romeo@localhost/orchard", "montague-secret")

    # The hash that slixmpp makes of itself is the one we make of its answer.
    for _ in range(200):
        if known_hashes(instance):
            break
        await asyncio.sleep(0.05)
    assert len(known_hashes(instance)) == 1, known_hashes(instance)
    info = await soon(juliet["xep_0030"].get_info("localhost"))
    assert ("server", "im") in [(i[0], i[1]) for i in info["disco_info"]["identities"]], info
    assert "urn:xmpp:blocking" in info["disco_info"]["features"]

    await soon(juliet["xep_0191"].get_blocked())
    await soon(juliet["xep_0191"].block("romeo@localhost"))
    await soon(juliet.blocked.get())
    await refused("service-unavailable", romeo["xep_0199"].send_ping("juliet@localhost/balcony"))
    await refused("not-acceptable", juliet["xep_0199"].send_ping("romeo@localhost"))
    answer = await soon(juliet["xep_0191"].get_blocked())
    assert [str(jid) for jid in answer["blocklist"]["items"]] == ["romeo@localhost"], answer
    await soon(juliet["xep_0191"].unblock("romeo@localhost"))

    card = juliet["xep_0054"].make_vcard()
    card["FN"] = "Juliet Capulet"
    await soon(juliet["xep_0054"].publish_vcard(card))
    answer = await soon(romeo["xep_0054"].get_vcard("juliet@localhost"))
    assert answer["vcard_temp"]["FN"] == "Juliet Capulet", answer
    answer = await soon(romeo["xep_0092"].get_version("localhost"))
    assert answer["software_version"]["name"] == "Stentor", answer
    answer = await soon(romeo["xep_0202"].get_entity_time("localhost"))
    assert "<utc>20" in str(answer), answer    # slixmpp cannot read what ends in Z

    # Escalus rules.
    escalus = await log_in(instance, "escalus@localhost/palace", "prince-secret")
    await refused("forbidden", romeo["xep_0050"].send_command(
        "localhost", "http://jabber.org/protocol/admin#delete-user"))
    await run_command(escalus, "add-user", accountjid="paris@localhost", password="county-secret",
                      **{"password-verify": "county-secret"})
    paris = await log_in(instance, "paris@localhost/tomb", "county-secret")
    while not paris.heard.empty():
        paris.heard.get_nowait()
    await run_command(escalus, "announce", announcement=["Go hence", "to have more talk"])
    assert (await soon(paris.heard.get()))["body"] == "Go hence\nto have more talk"
    await run_command(escalus, "end-user-session", accountjids=["paris@localhost"])
    await soon(paris.gone)
    await run_command(escalus, "delete-user", accountjids=["paris@localhost"])

    # A new password: the other client is out, the new one works; and then she is gone.
    other = await log_in(instance, "juliet@localhost/garden", "capulet-secret")
    await soon(juliet["xep_0077"].change_password("another-secret", jid="localhost"))
    await soon(other.gone)
    again = await log_in(instance, "juliet@localhost/crypt", "another-secret")
    await soon(again["xep_0077"].cancel_registration(jid="localhost"))
    await soon(again.gone)
    await soon(juliet.gone)
    await refused("service-unavailable", romeo["xep_0030"].get_info("juliet@localhost"))
    for client in (romeo, escalus):
        client.auto_reconnect = False
        await client.disconnect()


def slixmpp_uses_the_modules():
    if slixmpp is None:
        raise Skip("python3-slixmpp is not installed")
    with Instance("slixmpp-modules", shards=2) as instance:
        instance.configure_domain("localhost", 'admins = { "escalus@localhost" }')
        instance.add_account("juliet@localhost", "capulet-secret")
        instance.add_account("romeo@localhost", "montague-secret")
        instance.add_account("escalus@localhost", "prince-secret")
        instance.start()
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(scenes(instance), 100))
        instance.stop()


if __name__ == "__main__":
    main(slixmpp_uses_the_modules)
