#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""XEP-0115: the server's own hash, and what it learns of its clients."""

import base64
import hashlib
import re
import time

from instance import Client, SystemTest, main

INFO = "http://jabber.org/protocol/disco#info"
FEATURES = ["http://jabber.org/protocol/caps", INFO, "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc"]
VER = "QgayPKawpkPSDYmwT/WM94uAlu0="    # the example of XEP-0115 §5.2


class Caps(SystemTest):
    def setUp(self):
        self.it = self.instance("--domain", "other.example")
        for name in ("juliet", "romeo"):
            self.it.add(name)
        self.it.start()

    def client(self, name, resource="test"):
        client = Client(self.it, name, resource=resource)
        self.addCleanup(client.close)
        return client

    @staticmethod
    def show(client, ver, hash="sha-1"):
        client.heard = ""
        client.say("<presence><c xmlns='http://jabber.org/protocol/caps' hash='%s' "
                   "node='http://exodus.example' ver='%s'/></presence>" % (hash, ver))

    def is_asked(self, client):
        """Whether a question about its features comes before the answer to a ping."""
        client.say("<iq type='get' to='localhost' id='end'><ping xmlns='urn:xmpp:ping'/></iq>")
        heard = client.hear("end")
        time.sleep(0.2)    # the store is asked first
        client.heard = heard
        client.say("<iq type='get' to='localhost' id='fin'><ping xmlns='urn:xmpp:ping'/></iq>")
        return INFO in client.hear("fin")

    @staticmethod
    def answer(client, features):
        asked = re.search(r"<iq[^>]*>\s*<query[^>]*disco#info[^>]*>", client.heard).group(0)
        identity = re.search(r"id=['\"]([^'\"]+)['\"]", asked).group(1)
        client.heard = ""
        client.say("<iq type='result' to='localhost' id='%s'><query xmlns='%s'>"
                   "<identity category='client' type='pc' name='Exodus 0.9.1'/>%s</query></iq>" %
                   (identity, INFO, "".join("<feature var='%s'/>" % f for f in features)))
        return asked

    def kept(self):
        return self.it.sql("SELECT owner, hash, ver, features FROM caps")

    def until_kept(self, count):
        for _ in range(50):
            if len(self.kept()) == count:
                break
            time.sleep(0.1)
        return self.kept()

    def test_what_a_client_can_do_is_asked_once(self):
        juliet = self.client("juliet")
        self.show(juliet, VER)
        self.assertTrue(self.is_asked(juliet))
        self.assertIn("http://exodus.example#" + VER, self.answer(juliet, FEATURES))
        self.assertEqual(self.until_kept(1),
                         [["localhost", "sha-1", VER, "".join(f + "\n" for f in FEATURES)]])
        romeo = self.client("romeo")
        self.show(romeo, VER)
        self.assertFalse(self.is_asked(romeo))

        self.it.stop()
        self.it.start()
        romeo = self.client("romeo")
        self.show(romeo, VER)
        self.assertFalse(self.is_asked(romeo))

    def test_a_liar_is_not_believed_and_not_asked_again(self):
        juliet = self.client("juliet")
        self.show(juliet, VER)
        self.assertTrue(self.is_asked(juliet))
        self.answer(juliet, FEATURES[1:])
        self.show(juliet, VER)
        self.assertFalse(self.is_asked(juliet))
        self.assertEqual(self.kept(), [])
        romeo = self.client("romeo")
        self.show(romeo, VER)
        self.assertTrue(self.is_asked(romeo))
        self.answer(romeo, FEATURES)
        self.assertEqual(len(self.until_kept(1)), 1)

    def test_ill_formed_and_unknown_hashes_are_not_kept(self):
        juliet = self.client("juliet")
        self.show(juliet, VER, "sha-9")
        self.assertFalse(self.is_asked(juliet))
        twice = "client/pc//Exodus 0.9.1<" + "".join(f + "<" for f in sorted(FEATURES + [INFO]))
        self.show(juliet, base64.b64encode(hashlib.sha1(twice.encode()).digest()).decode())
        self.assertTrue(self.is_asked(juliet))
        self.answer(juliet, FEATURES + [INFO])
        juliet.say("<iq type='get' to='localhost' id='z'><ping xmlns='urn:xmpp:ping'/></iq>")
        juliet.hear("z")
        time.sleep(0.3)
        self.assertEqual(self.kept(), [])

    def test_the_domain_shows_its_own_hash_and_answers_for_it(self):
        juliet = self.client("juliet")
        c = re.search(r"<c [^>]*>", juliet.features).group(0)
        ver = re.search(r"ver=['\"]([^'\"]+)", c).group(1)
        node = re.search(r"node=['\"]([^'\"]+)", c).group(1)
        self.assertIn("sha-1", c)
        juliet.heard = ""
        juliet.say("<iq type='get' to='localhost' id='d'><query xmlns='%s' node='%s#%s'/></iq>" %
                   (INFO, node, ver))
        heard = juliet.hear("</query></iq>")
        self.assertIn("%s#%s" % (node, ver), heard)
        identities = re.findall(r"<identity [^>]*>", heard)
        text = "".join("%s/%s//%s<" % tuple(re.search(name + r"=['\"]([^'\"]*)", i).group(1)
                                           for name in ("category", "type", "name"))
                       for i in sorted(identities))
        text += "".join(f + "<" for f in sorted(re.findall(r"<feature var=['\"]([^'\"]+)", heard)))
        self.assertEqual(base64.b64encode(hashlib.sha1(text.encode()).digest()).decode(), ver)
        juliet.heard = ""
        juliet.say("<iq type='get' to='localhost' id='e'><query xmlns='%s' node='%s#old'/></iq>" %
                   (INFO, node))
        self.assertIn("item-not-found", juliet.hear("</iq>"))

    def test_the_hash_follows_the_modules(self):
        before = re.search(r"<c [^>]*>", self.client("juliet").features).group(0)
        self.it.edit(r'(domain "localhost" \{)', r'\1\n\tdisabled_modules = { "time" }')
        self.it.ask("reload")
        after = re.search(r"<c [^>]*>", self.client("juliet", "new").features).group(0)
        self.assertNotEqual(before, after)


if __name__ == "__main__":
    main()
