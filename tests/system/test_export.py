#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Also on MariaDB.
"""account export, account import and account remove --erase: all there is of a user goes into a
file, is gone, and is there again; and what other servers have written is taken."""
import glob
import os
import re
import stat
import sys
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, main  # noqa: E402
from xmpp import Client, Refused, local  # noqa: E402

ROOT = os.environ.get("SOURCE_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                    "..", "..")
CORPUS = os.path.join(ROOT, "tests", "corpus", "pie")
PIE, EXPORT = "{urn:xmpp:pie:0}", "{urn:stentor:export:0}"
OF_DOMAINS = {"caps"}    # their owner is no user: tests/unit/main/test_keeps.c has an eye on it


class Look:
    """Into the tables, whatever keeps them."""

    def __init__(self, instance):
        self.instance = instance

    def ask(self, sql):
        return self.instance.sql(sql)

    def columns(self):
        """(table, column, type) of all there are."""
        if self.instance.kept.database is None:
            return self.ask("SELECT m.name, p.name, p.type FROM sqlite_master m"
                            " JOIN pragma_table_info(m.name) p WHERE m.type = 'table'")
        return self.ask("SELECT table_name, column_name, data_type FROM information_schema.columns"
                        " WHERE table_schema = DATABASE()")

    def owned(self):
        """Tables with an owner that is written out."""
        return sorted(table for table, column, kind in self.columns()
                      if column == "owner" and "int" not in kind.lower() and
                      table not in OF_DOMAINS)

    def rows_of(self, owner):
        return {table: int(self.ask("SELECT count(*) FROM \"%s\" WHERE owner = '%s'" %
                                    (table, owner))[0][0]) for table in self.owned()}

    def put(self, table, rows):
        for at in range(0, len(rows), 500):
            self.ask("INSERT INTO %s VALUES %s" % (table, ", ".join(rows[at:at + 500])))


def log_in(instance, name, password=None, **more):
    client = Client(instance.port, ca=instance.certificate())
    client.log_in(name, password or name + "-secret", **more)
    client.iq("get", "<query xmlns='jabber:iq:roster'/>")
    return client


def a_life(instance):
    """Juliet makes use of everything that the server keeps for her."""
    juliet, romeo, nurse = (log_in(instance, name) for name in ("juliet", "romeo", "nurse"))
    juliet.iq("set", "<query xmlns='jabber:iq:roster'><item jid='romeo@localhost' "
              "name='Rom\u00e9o &amp; \"co\"'><group>Friends</group><group>Montague's</group>"
              "</item></query>")
    for one, other in ((juliet, "romeo"), (romeo, "juliet")):
        one.send("<presence to='%s@localhost' type='subscribe'/>" % other)
        one.ping()
    for one, other in ((juliet, "romeo"), (romeo, "juliet")):
        one.send("<presence to='%s@localhost' type='subscribed'/>" % other)
        one.ping()
    nurse.send("<presence to='juliet@localhost' type='subscribe'><status>It is I</status>"
               "</presence>")
    nurse.ping()
    juliet.send("<presence to='nobody@elsewhere.example' type='subscribe'/>")
    juliet.iq("set", "<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN><PHOTO><TYPE>image/png"
              "</TYPE><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO></vCard>")
    juliet.iq("set", "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><defaultnick>"
              "Hamlet</defaultnick></exodus></query>")
    juliet.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='tybalt@localhost'/>"
              "<item jid='montague.example'/></block>")
    romeo.say("juliet@localhost", "while she is here")
    juliet.message("while she is here")
    juliet.say("romeo@localhost", "I am")
    romeo.message("I am")
    juliet.send("<presence type='unavailable'><status>Gone to bed</status></presence>")
    juliet.log_out()
    romeo.say("juliet@localhost", "Neither, fair saint")
    romeo.say("juliet@localhost", "if either\nthee <dislike> \u2665")
    romeo.ping()
    romeo.log_out()
    nurse.log_out()


def add_three(instance):
    for name in ("juliet", "romeo", "nurse"):
        instance.add_account(name + "@localhost", name + "-secret")


def export(instance, jid, name):
    path = os.path.join(instance.folder, name)
    result = instance.ctl_json("account", "export", jid, "--file", path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert result["bytes"] == os.path.getsize(path) and result["rows"] > 0, result
    return path


def user_of(path):
    root = ElementTree.parse(path).getroot()
    assert root.tag == PIE + "server-data", root.tag
    hosts = list(root)
    assert [h.tag for h in hosts] == [PIE + "host"] and hosts[0].get("jid") == "localhost"
    users = list(hosts[0])
    assert [u.tag for u in users] == [PIE + "user"]
    return users[0]


def canonical(path):
    """The document without what an import may change: where an archive keeps things."""
    text = ElementTree.canonicalize(from_file=path, strip_text=True)
    text = re.sub(r'<stanza-id [^>]*></stanza-id>', "", text)
    return re.sub(r'(<result [^>]*)id="[^"]*"', r"\1", text)


def is_of_xep_0227(user):
    assert user.get("name") == "juliet" and user.get("password") is None
    mechanisms = [e.get("mechanism") for e in user.iter("{urn:xmpp:pie:0#scram}scram-credentials")]
    assert sorted(mechanisms) == ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"], mechanisms
    roster = user.find("{jabber:iq:roster}query")
    items = {i.get("jid"): i for i in roster}
    assert set(items) == {"romeo@localhost", "nobody@elsewhere.example"}, items
    romeo = items["romeo@localhost"]
    assert romeo.get("name") == "Rom\u00e9o & \"co\"" and romeo.get("subscription") == "both"
    assert sorted(g.text for g in romeo) == ["Friends", "Montague's"]
    assert items["nobody@elsewhere.example"].get("ask") == "subscribe"
    requests = user.findall("{jabber:client}presence")
    assert [r.get("from") for r in requests] == ["nurse@localhost"], requests
    assert requests[0].findtext("{jabber:client}status") == "It is I"
    assert user.find("{vcard-temp}vCard").findtext("{vcard-temp}FN") == "Juliet Capulet"
    assert user.find("{jabber:iq:private}query").find("{exodus:prefs}exodus") is not None
    blocked = user.find("{urn:xmpp:blocking}blocklist")
    assert [i.get("jid") for i in blocked] == ["montague.example", "tybalt@localhost"]
    said = ElementTree.tostring(user, "unicode")
    for words in ("Neither, fair saint", "if either\nthee &lt;dislike&gt; \u2665", "Gone to bed"):
        assert words in said, words


def finds_all_there(instance, path):
    """She logs in and has what she had."""
    juliet = Client(instance.port, ca=instance.certificate())
    juliet.log_in("juliet", "juliet-secret", presence=False)
    roster = juliet.iq("get", "<query xmlns='jabber:iq:roster'/>")
    items = {i.get("jid"): i for i in roster.iter("{jabber:iq:roster}item")}
    assert items["romeo@localhost"].get("subscription") == "both", items
    assert items["nobody@elsewhere.example"].get("ask") == "subscribe"
    juliet.send("<presence/>")
    juliet.find(lambda e: local(e) == "presence" and e.get("type") == "subscribe" and
                e.get("from") == "nurse@localhost")
    for words in ("Neither, fair saint", "if either\nthee <dislike> \u2665"):
        message = juliet.message(words)
        assert message.find("{urn:xmpp:delay}delay") is not None
    card = juliet.iq("get", "<vCard xmlns='vcard-temp'/>")
    assert card.findtext(".//{vcard-temp}FN") == "Juliet Capulet"
    scrap = juliet.iq("get", "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/>"
                      "</query>")
    assert scrap.findtext(".//{exodus:prefs}defaultnick") == "Hamlet"
    try:
        juliet.ping("tybalt@localhost")
        raise AssertionError("Tybalt is not blocked any more")
    except Refused as refused:
        assert refused.condition == "not-acceptable", refused
    juliet.close()


def round_trip(instance, path):
    look = Look(instance)
    before = look.rows_of("juliet@localhost")
    forgotten = [table for table, count in before.items() if count == 0]
    assert not forgotten, "this test puts nothing into %s" % forgotten
    is_of_xep_0227(user_of(path))
    shown = instance.ctl("account", "export", "juliet@localhost").stdout
    with open(path) as f:
        assert f.read() == shown
    others = look.rows_of("romeo@localhost")

    instance.ctl("account", "remove", "juliet@localhost", "--erase")
    assert not any(look.rows_of("juliet@localhost").values()), look.rows_of("juliet@localhost")
    for table in look.owned():
        for row in look.ask("SELECT * FROM \"%s\"" % table):
            assert "Gone to bed" not in map(str, row), (table, row)
    assert look.rows_of("romeo@localhost").keys() == others.keys()
    done = instance.ctl("account", "export", "juliet@localhost", check=False)
    assert done.returncode == 1 and "no such account" in done.stderr, done

    done = instance.ctl_json("account", "import", path)
    assert done["accounts"] == 1 and not done["ignored"], done
    after = look.rows_of("juliet@localhost")
    assert after == before, (before, after)
    again = export(instance, "juliet@localhost", "again-%d.xml" % instance.base)
    assert canonical(again) == canonical(path)
    os.remove(again)


def a_user_goes_and_comes_back_while_the_server_runs():
    with Instance("export-online", shards=2) as instance:
        add_three(instance)
        instance.start()
        a_life(instance)
        path = export(instance, "juliet@localhost", "juliet.xml")
        round_trip(instance, path)
        finds_all_there(instance, path)
        instance.stop()


def a_user_goes_and_comes_back_while_it_does_not():
    with Instance("export-offline") as instance:
        add_three(instance)
        instance.start()
        a_life(instance)
        instance.stop()
        path = export(instance, "juliet@localhost", "juliet.xml")
        round_trip(instance, path)
        instance.start()
        finds_all_there(instance, path)
        instance.stop()


def a_file_may_come_from_standard_input_and_is_not_written_over():
    with Instance("export-pipes") as instance:
        add_three(instance)
        text = instance.ctl("account", "export", "juliet@localhost").stdout
        path = os.path.join(instance.folder, "there.xml")
        with open(path, "w") as f:
            f.write("mine")
        done = instance.ctl("account", "export", "juliet@localhost", "--file", path, check=False)
        assert done.returncode == 1 and "there already" in done.stderr, done
        with open(path) as f:
            assert f.read() == "mine"
        missing = path + ".none"
        done = instance.ctl("account", "export", "nobody@localhost", "--file", missing, check=False)
        assert done.returncode == 1 and not os.path.exists(missing), done
        done = instance.ctl("account", "import", "-", input=text, check=False)
        assert done.returncode == 1 and "exists already" in done.stderr, done
        instance.ctl("account", "remove", "juliet@localhost", "--erase")
        instance.ctl("account", "import", "-", input=text)
        instance.ctl("account", "check", "juliet@localhost", "--password-file", "-",
                     input="juliet-secret\n")


def a_name_that_was_only_reserved_can_be_imported():
    with Instance("export-reserved") as instance:
        add_three(instance)
        path = export(instance, "juliet@localhost", "juliet.xml")
        instance.ctl("account", "remove", "juliet@localhost")
        done = instance.ctl("account", "add", "juliet@localhost", "--password-file", "-",
                            input="x\n", check=False)
        assert done.returncode == 1 and "reserved" in done.stderr, done
        instance.ctl("account", "import", path)
        instance.ctl("account", "remove", "juliet@localhost", "--erase")
        instance.add_account("juliet@localhost", "another")
        done = instance.ctl("account", "remove", "juliet@localhost", "--erase", "--reserve", "3",
                            check=False)
        assert done.returncode == 2, done


def a_disabled_account_stays_disabled():
    with Instance("export-disabled") as instance:
        add_three(instance)
        instance.ctl("account", "disable", "juliet@localhost")
        path = export(instance, "juliet@localhost", "juliet.xml")
        instance.ctl("account", "remove", "juliet@localhost", "--erase")
        instance.ctl("account", "import", path)
        assert instance.ctl_json("account", "show", "juliet@localhost")["state"] == "disabled"


def what_is_there_is_merged_when_wished():
    with Instance("export-merge", shards=2) as instance:
        add_three(instance)
        instance.start()
        a_life(instance)
        path = export(instance, "juliet@localhost", "juliet.xml")
        instance.ctl("account", "remove", "juliet@localhost", "--erase")
        instance.add_account("juliet@localhost", "new-secret")
        juliet = log_in(instance, "juliet", "new-secret")
        juliet.iq("set", "<query xmlns='jabber:iq:roster'><item jid='paris@localhost'/></query>")
        done = instance.ctl_json("account", "import", path, "--merge")
        assert done["accounts"] == 1, done
        # She is logged in all the while, and has it at once.
        roster = juliet.iq("get", "<query xmlns='jabber:iq:roster'/>")
        names = sorted(i.get("jid") for i in roster.iter("{jabber:iq:roster}item"))
        assert names == ["nobody@elsewhere.example", "paris@localhost", "romeo@localhost"], names
        juliet.log_out()
        instance.ctl("account", "check", "juliet@localhost", "--password-file", "-",
                     input="new-secret\n")
        instance.stop()


def memory_of(instance):
    with open("/proc/%d/status" % instance.process.pid) as f:
        return int(re.search(r"VmHWM:\s*(\d+)", f.read()).group(1)) * 1024


def what_is_long_is_never_in_memory():
    count, size = 6000, 4000
    with Instance("export-long", shards=1) as instance:
        add_three(instance)
        look = Look(instance)
        look.put("offline (owner, id, stanza)", [
            "('juliet@localhost', %d, '<message xmlns=\"jabber:client\" from=\"romeo@localhost\" "
            "type=\"chat\"><body>%d %s</body></message>')" % (n, n, "x" * size)
            for n in range(count)])
        look.put("blocking (owner, jid)", ["('juliet@localhost', 'enemy%06d@localhost')" % n
                                           for n in range(count)])
        instance.start()
        instance.ctl("account", "export", "romeo@localhost")
        before = memory_of(instance)
        path = export(instance, "juliet@localhost", "juliet.xml")
        grown = memory_of(instance) - before
        assert os.path.getsize(path) > count * size
        if not os.environ.get("STENTOR_SLOW"):    # sanitizers keep what is freed
            assert grown < 16 << 20, "%d of %d bytes were in memory" % (grown,
                                                                       os.path.getsize(path))
        bodies = [int(m) for m in re.findall(r"<body>(\d+) x", open(path).read())]
        assert bodies == list(range(count))
        instance.ctl("account", "remove", "juliet@localhost", "--erase")
        before = memory_of(instance)
        done = instance.ctl_json("account", "import", path)
        grown = memory_of(instance) - before
        assert done["rows"] >= 2 * count, done
        if not os.environ.get("STENTOR_SLOW"):
            assert grown < 16 << 20, "%d bytes were in memory" % grown
        kept = look.ask("SELECT stanza FROM offline WHERE owner = 'juliet@localhost' ORDER BY id")
        assert [int(re.search(r"<body>(\d+) x", s).group(1)) for s, in kept] == list(range(count))
        instance.stop()


def others_have_written_it():
    """Of Prosody 0.12 and ejabberd 23.01, as they wrote it; of older ones, as they would have."""
    files = {"prosody.xml": ["juliet"], "prosody_old.xml": ["juliet"],
             "ejabberd.xml": ["juliet", "romeo", "nurse"], "ejabberd_old.xml": ["romeo"],
             "ejabberd_scram_sha1.xml": ["juliet", "romeo", "nurse"],
             "ejabberd_scram_sha256.xml": ["juliet", "romeo", "nurse"]}
    with Instance("export-others") as instance:
        instance.start()
        for name, users in files.items():
            done = instance.ctl_json("account", "import", os.path.join(CORPUS, name))
            assert done["accounts"] == len(users) and not done["ignored"], (name, done)
            for user in users:
                mechanism = "SCRAM-SHA-256" if name.endswith("sha256.xml") else "SCRAM-SHA-1"
                client = log_in(instance, user, mechanism=mechanism)
                if user == "juliet" and not name.endswith("old.xml"):
                    has_her_own(client, name)
                if name == "ejabberd_old.xml":
                    assert client.message("Farewell").get("from") == "juliet@localhost/balcony"
                client.close()
                instance.ctl("account", "remove", user + "@localhost", "--erase")
        instance.stop()


def has_her_own(juliet, name):
    roster = juliet.iq("get", "<query xmlns='jabber:iq:roster'/>")
    items = {i.get("jid"): i for i in roster.iter("{jabber:iq:roster}item")}
    romeo = items["romeo@localhost"]
    assert romeo.get("subscription") == "both" and romeo.get("name") == "Rom\u00e9o & co", name
    assert sorted(g.text for g in romeo) == ["Friends", "Montague's"], name
    assert items["nobody@elsewhere.example"].get("ask") == "subscribe"
    juliet.find(lambda e: e.get("type") == "subscribe" and e.get("from") == "nurse@localhost")
    card = juliet.iq("get", "<vCard xmlns='vcard-temp'/>")
    assert card.findtext(".//{vcard-temp}FN") == "Juliet Capulet", name
    scrap = juliet.iq("get", "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/>"
                      "</query>")
    assert scrap.findtext(".//{exodus:prefs}defaultnick") == "Hamlet", name
    if name.startswith("ejabberd"):
        juliet.message("Neither, fair saint")
        juliet.message("if either thee dislike\n\u2665")
        blocked = juliet.iq("get", "<blocklist xmlns='urn:xmpp:blocking'/>")
        items = [i.get("jid") for i in blocked.iter("{urn:xmpp:blocking}item")]
        assert items == ["tybalt@localhost"], items


def what_is_not_understood_is_said():
    with Instance("export-odd") as instance:
        done = instance.ctl("account", "import", os.path.join(CORPUS, "odd.xml"), check=False)
        assert done.returncode == 1, done
        for words in ("thing", "<known xmlns='urn:of:nothing'/>: nothing here keeps it",
                      'rows of "nothing.here"', "not as such rows are here",
                      "<item xmlns='jabber:iq:roster'/>: not understood",
                      "scram-credentials", "without a name", "elsewhere.example"):
            assert words in done.stderr, (words, done.stderr)
        instance.ctl("account", "check", "paris@localhost", "--password-file", "-",
                     input="paris-secret\n")
        # What is no XML, or ends too early: what came before is there, and shut.
        path = os.path.join(instance.folder, "half.xml")
        with open(path, "w") as f:
            f.write("<server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'><user name='a' "
                    "password='x'><vCard xmlns='vcard-temp'/>")
        done = instance.ctl("account", "import", path, check=False)
        assert done.returncode == 1 and "line 1: no element found" in done.stderr, done.stderr
        with open(os.path.join(instance.folder, "loop.xml"), "w") as f:
            f.write("<include xmlns='http://www.w3.org/2001/XInclude' href='loop.xml'/>")
        for text, words in (("<a/>", "no document of XEP-0227"), ("", "no element found"),
                            ("<!DOCTYPE a><a/>", "DOCTYPE"),
                            ("<server-data xmlns='urn:xmpp:pie:0'><include xmlns='http://www.w3."
                             "org/2001/XInclude' href='/etc/passwd'/></server-data>",
                             "only files beside it"),
                            ("<server-data xmlns='urn:xmpp:pie:0'><include xmlns='http://www.w3."
                             "org/2001/XInclude' href='none.xml'/></server-data>",
                             "could not read"),
                            ("<server-data xmlns='urn:xmpp:pie:0'><include xmlns='http://www.w3."
                             "org/2001/XInclude' href='loop.xml'/></server-data>",
                             "files include one another")):
            with open(path, "w") as f:
                f.write(text)
            done = instance.ctl("account", "import", path, check=False)
            assert done.returncode == 1 and words in done.stderr, (text, done.stderr)
        assert not glob.glob(os.path.join(instance.folder, "data", "core*"))


if __name__ == "__main__":
    tests = [a_user_goes_and_comes_back_while_the_server_runs,
             a_user_goes_and_comes_back_while_it_does_not,
             what_is_there_is_merged_when_wished,
             what_is_long_is_never_in_memory]
    if os.environ.get("KEPT_ON") != "mariadb":    # the rest has little to do with the store
        tests += [a_file_may_come_from_standard_input_and_is_not_written_over,
                  a_name_that_was_only_reserved_can_be_imported,
                  a_disabled_account_stays_disabled,
                  others_have_written_it,
                  what_is_not_understood_is_said]
    main(*tests)
