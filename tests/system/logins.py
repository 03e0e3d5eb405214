#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How one logs in, over real TLS: each mechanism, each way to fail, names and certificates."""
import os
import ssl
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from instance import Instance, Skip, main  # noqa: E402
from xmpp import Client, Ended, Refused, Scram, SASL, TLS, encode, local, tls_context  # noqa: E402

try:
    from OpenSSL import SSL
except ImportError:
    SSL = None

MECHANISMS = ["SCRAM-SHA-%s%s" % (bits, plus) for bits in ("512", "256", "1")
              for plus in ("-PLUS", "")] + ["PLAIN"]
SECRET = "cap\u00fcl\u00e9t-secret"
instance = None


def client(**more):
    more.setdefault("ca", instance.certificate())
    port = instance.tls_port if more.get("direct") else instance.port
    return Client(port, **more)


def begun(**more):
    it = client(**more)
    it.begin()
    return it


def refused(condition, what, *words, **more):
    try:
        what(*words, **more)
    except Refused as why:
        assert why.condition == condition, why
        return why
    raise AssertionError("not refused with " + condition)


def each_mechanism_logs_in():
    for direct in (False, True):
        for mechanism in MECHANISMS:
            with client(direct=direct) as it:
                it.log_in("juliet", SECRET, mechanism)
                it.ping()
                assert it.log_out() == "end"


def only_what_works_is_offered():
    with client() as it:
        assert it.open().find("{%s}mechanisms" % SASL) is None, "a login in the clear"
        assert it.features.find(".//{urn:ietf:params:xml:ns:xmpp-tls}required") is not None
        it.start_tls()
        it.open()
        assert set(it.mechanisms()) == set(MECHANISMS), it.mechanisms()
        assert set(it.bindings()) == {"tls-exporter", "tls-server-end-point"}, it.bindings()
        assert it.features.find("{urn:ietf:params:xml:ns:xmpp-tls}starttls") is None
    context = tls_context(instance.certificate())
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with begun(context=context) as it:
        assert it.socket.version() == "TLSv1.2"
        assert "tls-server-end-point" in it.bindings()
        it.authenticate("juliet", SECRET, "SCRAM-SHA-256-PLUS")


def a_login_in_the_clear_is_refused():
    with client() as it:
        it.open()
        it.send("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>" % (SASL, encode("\0juliet\0x")))
        try:
            element = it.element()
            assert local(element) == "failure", element.tag
            assert local(element[0]) == "encryption-required", element[0].tag
        except Ended as ended:
            assert ended.condition in ("policy-violation", "not-authorized"), ended


def wrong_passwords_and_unknown_names_sound_the_same():
    salts = {}
    for name in ("juliet", "nobody-at-all"):
        for mechanism in MECHANISMS:
            for _ in range(2):
                with begun(patience=30) as it:
                    offered = it.mechanisms()
                    why = refused("not-authorized", it.authenticate, name, "wrong", mechanism)
                    if it.scram:
                        salts.setdefault((name, mechanism), set()).add(
                            (it.scram.salt, it.scram.iterations, len(it.scram.salt)))
                    salts.setdefault("offered", set()).add(tuple(offered))
                    salts.setdefault(("text", mechanism), set()).add(why.text)
    for key, values in salts.items():
        assert len(values) == 1, (key, values)
    known = list(salts[("juliet", "SCRAM-SHA-256")])[0]
    unknown = list(salts[("nobody-at-all", "SCRAM-SHA-256")])[0]
    assert known[1:] == unknown[1:] and known[0] != unknown[0], (known, unknown)


def names_are_prepared_and_may_be_whole_addresses():
    for name in ("JULIET", "juliet@localhost", "Juliet@LocalHost"):
        for mechanism in ("PLAIN", "SCRAM-SHA-256"):
            with begun() as it:
                it.authenticate(name, SECRET, mechanism)
                it.open()
                assert it.bind("x") == "juliet@localhost/x", it.jid
    with begun() as it:
        refused("not-authorized", it.authenticate, "juliet@verona.example", SECRET)


def authzids_are_ones_own_or_refused():
    for mechanism in ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS"):
        with begun() as it:
            it.authenticate("juliet", SECRET, mechanism, authzid="juliet@localhost")
        with begun() as it:
            refused("invalid-authzid", it.authenticate, "juliet", SECRET, mechanism,
                    authzid="romeo@localhost")


class Exporting:
    """TLS that can tell its exporter, which Python's own cannot."""

    def __init__(self, plain, version):
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        plain.setblocking(True)
        self.connection = SSL.Connection(context, plain)
        self.connection.set_tlsext_host_name(b"localhost")
        self.connection.set_connect_state()
        self.connection.do_handshake()
        self.sendall, self.recv = self.connection.sendall, self.connection.recv
        self.settimeout, self.close = (lambda seconds: None), plain.close

    def binding(self):
        return "tls-exporter", self.connection.export_keying_material(
            b"EXPORTER-Channel-Binding", 32, b"")


def exporters_bind_as_well():
    if SSL is None:
        raise Skip("python3-openssl is not installed")
    for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
        for mechanism in ("SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"):
            with client() as it:
                it.open()
                it.send("<starttls xmlns='%s'/>" % TLS)
                it.element()
                it.socket = Exporting(it.socket, version)
                it.secure, it.binding = True, it.socket.binding
                it.open()
                assert "tls-exporter" in it.bindings(), it.bindings()
                refused("not-authorized", it.authenticate, "juliet", SECRET, mechanism,
                        binding=("tls-exporter", b"x" * 32))
                it.authenticate("juliet", SECRET, mechanism)
                it.open()
                it.bind()
                it.ping()


def downgrades_are_seen():
    # Somebody took -PLUS out of what the client saw: it says that it would have used it.
    with begun() as it:
        refused("not-authorized", it.authenticate, "juliet", SECRET, "SCRAM-SHA-256", flag="y")
    # A binding to another channel.
    for mechanism in ("SCRAM-SHA-1-PLUS", "SCRAM-SHA-512-PLUS"):
        with begun() as it:
            refused("not-authorized", it.authenticate, "juliet", SECRET, mechanism,
                    binding=("tls-server-end-point", b"x" * 32))
    # One that does not exist, and one that TLS 1.3 does not have.
    for name in ("tls-imagined", "tls-unique"):
        with begun() as it:
            try:
                it.authenticate("juliet", SECRET, "SCRAM-SHA-256-PLUS", binding=(name, b"x"))
            except Refused:
                continue
            raise AssertionError(name + " was taken")


def odd_messages_are_refused_by_name():
    with begun() as it:
        it.send("<auth xmlns='%s' mechanism='X-UNHEARD'>=</auth>" % SASL)
        assert local(it.element()[0]) == "invalid-mechanism"
        it.send("<auth xmlns='%s' mechanism='PLAIN'>!!!</auth>" % SASL)
        assert local(it.element()[0]) == "incorrect-encoding"
    with begun() as it:
        it.send("<auth xmlns='%s' mechanism='SCRAM-SHA-1'>%s</auth>" % (SASL, encode("n,,x=y")))
        assert local(it.element()[0]) in ("malformed-request", "not-authorized")
        it.send("<auth xmlns='%s' mechanism='SCRAM-SHA-1'>%s</auth>" % (
            SASL, encode(Scram("SCRAM-SHA-1", "juliet", "x").first())))
        assert local(it.element()) == "challenge"
        it.send("<abort xmlns='%s'/>" % SASL)
        assert local(it.element()[0]) == "aborted"
        it.authenticate("juliet", SECRET)


def attempts_are_counted():
    with begun() as it:
        for n in range(20):
            try:
                it.authenticate("juliet", "wrong %d" % n, "SCRAM-SHA-1")
            except Refused:
                continue
            except Ended as ended:
                assert ended.condition == "policy-violation", ended
                assert 2 <= n <= 10, n
                return
        raise AssertionError("twenty attempts on one stream")


def alpn_is_answered():
    with client(direct=True, alpn=["xmpp-client"]) as it:
        assert it.socket.selected_alpn_protocol() == "xmpp-client"
        it.log_in("juliet", SECRET)
    try:
        it = client(direct=True, alpn=["h2"])
    except ssl.SSLError as why:
        assert "ALPN" in str(why).upper() or "PROTOCOL" in str(why).upper(), why
    else:
        it.close()
        raise AssertionError("a client that wants h2 was taken")


def each_domain_has_its_certificate():
    fingerprints = {}
    for domain in ("localhost", "verona.example"):
        for direct in (False, True):
            with client(domain=domain, ca=instance.certificate(domain), direct=direct) as it:
                it.log_in("juliet" if domain == "localhost" else "romeo",
                          SECRET if domain == "localhost" else "montague-secret",
                          "SCRAM-SHA-256-PLUS")
                assert it.jid.split("/")[0].endswith("@" + domain), it.jid
                fingerprints.setdefault(domain, set()).add(it.binding()[1])
        # Who does not say by SNI whom it means has said it in its header.
        context = tls_context(instance.certificate(domain))
        context.check_hostname = False
        with begun(domain=domain, context=context, sni="") as it:
            fingerprints[domain].add(it.binding()[1])
    assert all(len(prints) == 1 for prints in fingerprints.values()), fingerprints
    assert fingerprints["localhost"] != fingerprints["verona.example"]
    # An account of one is none of the other.
    with client(domain="verona.example", ca=instance.certificate("verona.example")) as it:
        it.begin()
        refused("not-authorized", it.authenticate, "juliet", SECRET)


def tickets_resume():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = tls_context(instance.certificate())
        context.minimum_version = context.maximum_version = version
        with client(direct=True, context=context) as it:
            it.log_in("juliet", SECRET)
            it.ping()
            session = it.socket.session
            assert not it.socket.session_reused
        for _ in range(6):    # whichever shard it comes to
            with client(direct=True, context=context, session=session) as it:
                it.log_in("juliet", SECRET, "SCRAM-SHA-256-PLUS")
                it.ping()
                assert it.socket.session_reused, version
                session = it.socket.session


def old_tls_is_refused():
    context = tls_context(instance.certificate())
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        client(direct=True, context=context).close()
    except (ssl.SSLError, ConnectionError):
        return
    raise AssertionError("TLS 1.1 was taken")


def a_new_certificate_is_used_after_a_reload():
    def seen():
        with client(ca=None, direct=True) as it:
            return it.socket.getpeercert(binary_form=True)
    old = seen()
    with client() as it:
        it.log_in("juliet", SECRET)
        folder = os.path.dirname(instance.certificate())
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        folder + "/localhost.key", "-out", folder + "/localhost.crt"],
                       check=True, capture_output=True)
        instance.ctl("reload")
        end = time.monotonic() + 10
        while seen() == old:
            assert time.monotonic() < end, "the old certificate is still shown"
            time.sleep(0.2)
        it.ping()
    with client() as it:
        it.log_in("juliet", SECRET, "SCRAM-SHA-256-PLUS")


def who_is_there_when_it_stops_is_sent_elsewhere():
    with client() as it:
        it.log_in("juliet", SECRET)
        instance.configure_section("streams", 'see_other_host = "other.example:5222"')
        instance.ctl("reload")
        instance.ctl("stop")
        assert it.until_end() == ("see-other-host", "other.example:5222")
    assert instance.process.wait(30) == 0
    instance.start()


def run_all(*tests):
    global instance
    with Instance("logins", domains=("localhost", "verona.example"), shards=2) as instance:
        instance.configure_section("streams", "failures_address = 100000\n\t"
                                   "failures_account = 100000")
        instance.add_account("juliet@localhost", SECRET)
        instance.add_account("romeo@verona.example", "montague-secret")
        instance.start()
        try:
            main(*tests)
        finally:
            instance.stop()


if __name__ == "__main__":
    run_all(each_mechanism_logs_in, only_what_works_is_offered, a_login_in_the_clear_is_refused,
            wrong_passwords_and_unknown_names_sound_the_same,
            names_are_prepared_and_may_be_whole_addresses, authzids_are_ones_own_or_refused,
            exporters_bind_as_well, downgrades_are_seen, odd_messages_are_refused_by_name,
            attempts_are_counted, alpn_is_answered, each_domain_has_its_certificate, tickets_resume, old_tls_is_refused,
            a_new_certificate_is_used_after_a_reload, who_is_there_when_it_stops_is_sent_elsewhere)
