"""Group B, TLS and AUTH towards the next hop, and what a connection offers (B15, B16)."""

import ssl

from harness import certificates
from harness.client import message
from harness.next_hop_script import close, hang, raw
from harness.outcome import check
from harness.scenes import QUICK, ask, route


def hop_tls(name="hop.example.test", pair=None, **options):
    return (pair or certificates.self_signed(name)).server_context(**options)


def test_B15_tls_faults_under_required(case):
    """451 4.7.5, and not one octet of mail in clear."""
    good = hop_tls()
    scenes = {
        "missing": ({}, []),
        "454": ({"tls": good}, [("STARTTLS", "454 4.7.0 not now")]),
        "plaintext after 220": ({"tls": good}, [("STARTTLS", raw(b"220 2.0.0 go\r\n250 2.0.0 evil\r\n"))]),
        "hangs": ({"tls": good}, [("HANDSHAKE", hang)]),
        "closes": ({"tls": good}, [("HANDSHAKE", close)]),
        "TLS 1.0": ({"tls": hop_tls(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)}, []),
    }
    for name, (options, rules) in scenes.items():
        site = case.site(route(tls="required", **QUICK), rules=rules, **options)
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test", "451 4.7.5", "451 4.7.0", "451 4.4.2")
        check(not site.hop.commands("MAIL"), f"{name}: mail in clear")
        site.control = False
        site.hop.faults.clear()
        case.finish_site(site)


def test_B15_tls_faults_under_opportunistic(case):
    """Any handshake failure means once more in clear, on a new connection, logged."""
    good = hop_tls()
    scenes = {
        "454": [("STARTTLS", "454 4.7.0 not now")],
        "closes": [("HANDSHAKE", close)],
        "hangs": [("HANDSHAKE", hang)],
    }
    for name, rules in scenes.items():
        site = case.site(route(tls="opportunistic", **QUICK), tls=good, rules=rules)
        site.deliver(message(name + "\r\n"))
        if name != "454":
            site.gateway.await_event("tls_fallback")
        site.control = False
        case.finish_site(site)
    site = case.site(route(tls="opportunistic"), tls=good)
    site.deliver(message("under TLS\r\n"))
    check(site.hop.await_messages(1)[0].tls, "TLS was offered and not used")


def test_B15_tls_verified(case):
    """By CA and name, or by pin; expired, wrong name and self-signed are refused."""
    ca = certificates.authority()
    right = certificates.signed("localhost", ca)
    wrong = certificates.signed("other.example.net", ca)
    own = certificates.self_signed("localhost", name="own-localhost")
    expired = certificates.expired("localhost")
    scenes = [
        ("right", right, {"tls_ca": ca.certificate}, True),
        ("wrong name", wrong, {"tls_ca": ca.certificate}, False),
        ("self-signed", own, {"tls_ca": ca.certificate}, False),
        ("expired", expired, {"tls_ca": expired.certificate}, False),
        ("pinned", own, {"tls_pins": [own.fingerprint]}, True),
        ("wrong pin", own, {"tls_pins": ["0" * 64]}, False),
    ]
    for name, pair, settings, good in scenes:
        hop = case.next_hop(tls=hop_tls(pair=pair))
        site = case.site(route(tls="verified", hosts=[f"localhost:{hop.port}"], **settings, **QUICK), hop=hop)
        with site.client() as client:
            client.mail()
            reply = ask(client, "anna@example.test")
        check(reply.matches("250" if good else "451 4.7."), f"{name}: {reply}")
        check(good or not hop.commands("MAIL"), f"{name}: mail to a server that is not the one")
        site.control = good
        case.finish_site(site)


def test_B15_implicit_tls_to_the_next_hop(case):
    hop = case.next_hop(tls=hop_tls(), implicit_tls=True)
    site = case.site(route(tls="required", hosts=[f"smtps://127.0.0.1:{hop.port}"]), hop=hop)
    site.deliver()
    check(hop.await_messages(1)[0].trace, "delivered")


def test_B15_minimum_version(case):
    hop = case.next_hop(tls=hop_tls(maximum=ssl.TLSVersion.TLSv1_2))
    site = case.site(route(tls="required", tls_minimum="1.3", **QUICK), hop=hop)
    site.control = False
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.7.")


def test_B15_authentication_towards_the_next_hop(case):
    """AUTH under TLS only; a refused password is a fault of the way."""
    users = {"gateway": "se cret"}
    hop = case.next_hop(tls=hop_tls(), users=users)
    site = case.site(route(tls="required", auth={"user": "gateway", "password": "se cret"}, **QUICK), hop=hop)
    site.deliver()
    check(hop.commands("AUTH"), "no AUTH")
    clear = case.next_hop(users=users)
    unsafe = case.site(
        route(tls="never", auth={"user": "gateway", "password": "se cret"}, **QUICK), hop=clear, start=False
    )
    result = unsafe.gateway.run("check", "--no-dns", "-c", unsafe.gateway.conf)
    if result.returncode == 0:
        unsafe.gateway.start()
        unsafe.exact = unsafe.control = False
        with unsafe.client() as client:
            client.mail()
            ask(client, "anna@example.test")
    check(not clear.commands("AUTH"), "a password in clear")
    wrong = case.next_hop(tls=hop_tls(), users=users)
    refused = case.site(
        route(tls="required", auth={"user": "gateway", "password": "wrong"}, **QUICK), hop=wrong
    )
    refused.control = False
    with refused.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.")
    log = repr(refused.gateway.events) + refused.gateway.error_text() + repr(site.gateway.events)
    check("se cret" not in log and 'wrong"' not in log, "a password in the log")


def test_B15_client_certificate_towards_the_next_hop(case):
    pair = certificates.self_signed("mx.example.test")
    context = hop_tls()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pair.certificate)
    hop = case.next_hop(tls=context)
    site = case.site(route(tls="required", tls_certificate=pair.certificate, tls_key=pair.key), hop=hop)
    site.deliver()


def test_B16_capabilities_of_this_connection(case):
    """What counts is the last EHLO on this very connection: the next hop checks each parameter."""
    hop = case.next_hop(
        tls=hop_tls(), capabilities=["SIZE 100000", "8BITMIME", "DSN", "PIPELINING", "CHUNKING"]
    )
    site = case.site(route(tls="required", timeouts={"idle": "1s"}), hop=hop)
    site.deliver()
    hop.await_all_closed()
    hop.capabilities = ["8BITMIME"]
    with site.client() as client:
        client.mail(
            "a@example.net",
            "SIZE=200 BODY=8BITMIME RET=HDRS" if "DSN" in client.offers else "SIZE=200 BODY=8BITMIME",
        )
        client.rcpt("anna@example.test")
        client.bdat(message("again\r\n"), True)
    site.expect_delivered(message("again\r\n"))


def test_B16_capabilities_however_they_are_written(case):
    """RFC 5321 2.4: keywords are case-insensitive; SIZE may stand without a number."""
    hop = case.next_hop(capabilities=["pipelining", "Size", "8bitmime", "Chunking"])
    site = case.site(hop=hop)
    site.deliver()
    check(hop.commands("BDAT"), "CHUNKING was offered")
