"""Ordinary mail under TLS, and submission."""

import hashlib
import ssl

from harness import certificates
from harness.client import message, trusting_context
from harness.outcome import check
from harness.setups import another_listener, implicit_tls, users_file, with_tls


def test_flow_starttls(case):
    site = case.site(with_tls())
    client = site.client()
    check("STARTTLS" in client.offers, f"{client.offers}")
    client.starttls()
    client.ehlo()
    check("STARTTLS" not in client.offers, f"STARTTLS under TLS: {client.offers}")
    site.deliver(client=client)
    session = site.gateway.await_event("session")
    check(session["tls"].startswith("TLSv1."), f"{session}")


def test_flow_implicit_tls(case):
    site = case.site(implicit_tls())
    client = site.connect()
    client.handshake()
    client.hello()
    check("STARTTLS" not in client.offers, f"{client.offers}")
    site.deliver(client=client)
    site.control = False


def test_flow_tls_required(case):
    site = case.site(with_tls(tls_required=True))
    client = site.client()
    client.command("MAIL FROM:<a@example.net>", "530 5.7.0")
    client.starttls()
    client.ehlo()
    site.deliver(client=client)
    site.control = False


def test_flow_tls_without_session_tickets(case):
    """Microsoft's senders stumble over tickets on port 25."""
    site = case.site(with_tls())
    for version in ("TLSv1_2", "TLSv1_3"):
        context = trusting_context()
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        client = site.client()
        client.starttls(context)
        client.ehlo()
        session = client.socket.session
        check(not session or not session.has_ticket, f"{version}: a session ticket")
        client.command("QUIT", "221")


def test_flow_certificates_by_name_and_reload(case):
    """Several certificates by SNI; reloaded without a restart; running sessions go on."""
    first, second = (certificates.self_signed(host) for host in ("mx.example.test", "mail.example.org"))
    renewed = certificates.self_signed("mx.example.test", name="renewed")
    pairs = lambda one: {
        "certificate": one.certificate,
        "key": one.key,
        "certificates": [{"certificate": second.certificate, "key": second.key}],
    }
    site = case.site({"tls": pairs(first), "listeners": {"mx": {"tls": "starttls"}}})

    def shown(server_name):
        client = site.client()
        client.starttls(server_name=server_name)
        client.ehlo()
        return client, hashlib.sha256(client.socket.getpeercert(True)).hexdigest()

    old, seen = shown("mx.example.test")
    check(seen == first.fingerprint, "the first certificate is the default")
    check(shown("mail.example.org")[1] == second.fingerprint, "SNI chooses")
    check(shown("unknown.example.com")[1] == first.fingerprint, "an unknown name gets the default")
    config = dict(site.config, tls=pairs(renewed))
    site.gateway.reload(config)
    check(shown("mx.example.test")[1] == renewed.fingerprint, "the renewed certificate")
    site.deliver(client=old)


def test_flow_submission_needs_authentication(case):
    """On 587 and 465: MAIL before AUTH is 530 5.7.0; after it the right to relay."""
    smarthost = case.next_hop(known=None)
    config = with_tls()
    config["listeners"]["submission"] = another_listener("s", tls="starttls", auth="required")["listeners"][
        "s"
    ]
    config["users"] = users_file(case, boss="correct horse")
    config["routes"] = {"smarthost": {"hosts": [smarthost.host], "tls": "never", "recipients": "any"}}
    config["outbound"] = {"route": "smarthost"}
    site = case.site(config)
    client = site.connect("submission").hello()
    check("AUTH" not in client.offers, f"AUTH in clear: {client.offers}")
    client.command("MAIL FROM:<a@example.test>", "530 5.7.0")
    client.starttls()
    client.ehlo()
    check("AUTH" in client.offers, f"{client.offers}")
    client.command("MAIL FROM:<a@example.test>", "530 5.7.0")
    client.auth_plain("boss", "correct horse")
    client.envelope("user@remote.host", sender="boss@example.test")
    client.data(message("submitted\r\n"))
    client.quit()
    (stored,) = smarthost.await_messages(1)
    check("with ESMTPSA" in stored.trace and stored.to == ["user@remote.host"], stored.trace)
