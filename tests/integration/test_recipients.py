"""What is known of recipients: asked, remembered, refused late."""

import re
import threading

from harness.client import message, stuffed
from harness.dns_server import DnsServer
from harness.next_hop_script import hold
from harness.outcome import check
from harness.scenes import QUICK, known_first, offer, route
from harness.strangers import GOOD, PLAIN, POOR, SENDER, stranger, strangers_site


def test_recipient_cache(case):
    """Found and not found are remembered; 4xx never is."""
    site = case.site()
    site.hop.on("RCPT", "450 4.2.1 busy", match="carl@", times=1)

    def asked(name):
        return sum(f"<{name}@" in line for line in site.hop.commands("RCPT"))

    with site.client() as client:
        client.mail()
        for _ in range(3):
            client.rcpt("anna@example.test")
            client.rcpt("nobody@example.test", "550 5.1.1")
        client.rcpt("carl@example.test", "450 4.2.1")
        client.rcpt("carl@example.test", "250")
    check(
        asked("anna") == 1 and asked("nobody") == 1 and asked("carl") == 2,
        f"anna {asked('anna')}, nobody {asked('nobody')}, carl {asked('carl')}",
    )


def test_recipient_known_survives_a_dead_next_hop(case):
    """Last known good: RCPT is answered 250 while the next hop is down, the dot 451."""
    site = case.site(route(**QUICK))
    known_first(site)
    site.hop.stop()
    site.control = False
    with site.client() as client:
        reply = offer(client)
        check(reply.matches("451 4."), f"{reply}")


def test_recipient_catch_all_is_unverifiable(case):
    """A random recipient of the domain is asked first; if that is accepted, the domain is recorded."""
    site = case.site(known=None)
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test")
        client.rcpt("whoever@example.test")
        client.rcpt("carl@example.org")
    event = site.gateway.await_event("unverifiable", lambda one: "example.test" in str(one))
    check(event, "no warning")
    probes = [line for line in site.hop.commands("RCPT") if not re.search("anna|whoever|carl|control", line)]
    check(len(probes) == 2, f"one probe a domain: {probes}")
    site.gateway.await_event("unverifiable", lambda one: "example.org" in str(one))


def test_recipient_asked_elsewhere(case):
    """Exchange answers truthfully on 2525: {"ask": host}."""
    truthful = case.next_hop()
    site = case.site(route(recipients={"ask": truthful.host}), known=None)
    with site.client() as client:
        client.mail()
        client.rcpt("nobody@example.test", "550 5.1.1")
        client.rcpt("anna@example.test")
        client.data(message())
    site.expect_delivered(message())
    check(not truthful.messages and truthful.commands("RCPT"), "asked there, delivered here")


def test_recipient_any(case):
    site = case.site(route(recipients="any"))
    with site.client() as client:
        client.mail()
        client.rcpt("nobody@example.test", "250")
    check(not site.hop.commands("RCPT"), "asked all the same")


def test_recipient_refused_at_delivery(case):
    """Nothing is sent to anyone, the dot gets 451; the retry gets it at RCPT, the others get their mail."""
    site = case.site()
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test")
        client.rcpt("bert@example.test")
        site.hop.on("RCPT", "550 5.2.1 mailbox disabled", match="bert@")
        client.command("DATA", "354")
        client.send(stuffed(message()))
        client.expect("451 4.")
        check(not site.hop.messages, "sent to someone")
        client.mail()
        client.rcpt("anna@example.test")
        client.rcpt("bert@example.test", "550 5.2.1")
        client.data(message())
    site.expect_delivered(message())
    site.gateway.await_event("refused_at_delivery")


def test_recipient_all_refused_at_delivery(case):
    site = case.site()
    with site.client() as client:
        client.envelope("anna@example.test", "bert@example.test")
        site.hop.on("RCPT", "550 5.2.1 mailbox disabled")
        client.command("DATA", "354")
        client.send(stuffed(message()))
        client.expect("550 5.2.1")


def test_recipient_spelling_of_another(case):
    """The next hop tells local parts apart by their case (RFC 5321 2.4), and two forms of a domain."""
    site = case.site({"domains": {"xn--bcher-kva.test": {"route": "groupware"}}}, capabilities=["SMTPUTF8"])
    for strange, mailbox, words in (
        ("ANNA@example.test", "anna@example.test", "550 5.1.1 no such user"),
        ("anna@bücher.test", "anna@xn--bcher-kva.test", "550 5.1.2 not ours"),
    ):
        site.hop.on("RCPT", words, match=f"<{strange}>", times=1)
        with site.client() as client:
            client.mail("stranger@example.net", "SMTPUTF8")
            client.rcpt(strange, "550 5.1.")
        with site.client() as client:
            client.mail("partner@example.net")
            client.rcpt(mailbox, "250")


def refused_at_delivery(client, sender, words, site, **options):
    """Of two recipients that were known, the next hop refuses anna's when the message is handed over."""
    client.mail(sender)
    client.rcpt("anna@example.test", **options)
    client.rcpt("bert@example.test")
    site.hop.on("RCPT", words, match="<anna@", times=1)
    client.command("DATA", "354")
    client.content(message("in the partner's name\r\n"), "451 4.3.0")


def test_B05_refused_at_delivery_in_anothers_name(case):
    """A stranger writes as the partner and gets anna refused: the partner's own mail still goes to her."""
    dns = case.peer(DnsServer(PLAIN))
    for words in ("501 5.5.4 Error: Bad ORCPT parameter syntax", "550 5.1.1 no such user"):
        site = strangers_site(case, [dns.port], {"checks": {"greylist": {"mode": "off"}}}, capabilities=["DSN"])
        site.deliver(message(), "anna@example.test", "bert@example.test")
        with stranger(site, POOR) as client:
            refused_at_delivery(client, SENDER, words, site, parameters="ORCPT=x-odd;any")
        with stranger(site, GOOD) as client:
            client.mail(SENDER)
            client.rcpt("anna@example.test", "250")
        site.hop.await_messages(1)
        case.finish_site(site)


def test_B05_refused_at_delivery_is_no_guess(case):
    """Who hears at RCPT what was said at delivery has not guessed a name; `explain` says where it is from."""
    dns = case.peer(DnsServer(PLAIN))
    limits = {"harvest": 3, "rate": {"mode": "enforce", "unknown_recipients": "2/1h"}}
    config = {"checks": {"greylist": {"mode": "off"}}, "limits": limits}
    site = strangers_site(case, [dns.port], config)
    site.deliver(message(), "anna@example.test", "bert@example.test")
    with stranger(site, GOOD) as client:
        refused_at_delivery(client, SENDER, "550 5.1.1 gone since", site)
        first = site.gateway.await_event("message", lambda event: event["fate"] == "deferred")["id"]
        since = site.gateway.mark()
        for _ in range(10):
            client.mail(SENDER)
            reply = client.rcpt("anna@example.test", "550 5.1.1 gone since")
            client.command("RSET", "250")
    event = site.gateway.await_event("message", since=since)
    (recipient,) = event["to"]
    check(recipient["remembered_from"] == first and "penalty" not in recipient, f"{recipient}")
    told = site.gateway.run("explain", reply.id, "-c", site.gateway.conf).stdout
    check(f"remembered from message {first}" in told and "last asked" not in told, told)
    with stranger(site, GOOD) as client:
        client.mail(SENDER)
        client.rcpt("bert@example.test", "250")


def test_recipients_asked_at_once_are_bounded(case):
    """However many a client asks about, only so many are in flight for it."""
    site = case.site(route(max_asking=2, max_connections=15), known=None)
    site.exact = False
    held = threading.Event()
    site.hop.on("RCPT", hold(held, "550 5.1.1 no"))
    clients = [site.client() for _ in range(6)]
    for number, client in enumerate(clients):
        client.mail()
        client.line(f"RCPT TO:<who{number}@example.test>")
    site.hop.await_command("RCPT", 2)
    check(len(site.hop.commands("RCPT")) <= 4, f"{site.hop.commands('RCPT')}")
    held.set()
    for client in clients:
        client.expect("550 5.1.1")
