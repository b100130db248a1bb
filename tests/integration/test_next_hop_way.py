"""Group B, the way to the next hop: connecting, greeting, MAIL, RCPT (B01 to B06)."""

import contextlib
import socket
import time

from harness.client import message, stuffed
from harness.next_hop_script import hang, raw
from harness.outcome import check, patience
from harness.ports import free_port, occupy
from harness.scenes import QUICK, ask, known_first, offer, route


def test_B01_connection_refused(case):
    """451 4.4.1, never 5xx or 250; skipped for a while after three failures, then probed."""
    site = case.site(route(**QUICK))
    site.hop.stop()
    with site.client() as client:
        for number in range(4):
            client.mail()
            client.rcpt("anna@example.test", "451 4.4.1")
            client.command("RSET", "250")
    site.gateway.await_event("host_down")
    began = time.monotonic()
    site.hop.start()
    with site.client(timeout=20) as client:
        while True:
            client.mail()
            reply = ask(client, "anna@example.test")
            client.command("RSET", "250")
            if reply.code == 250:
                break
            check(reply.matches("451 4.4.1"), f"{reply}")
            check(time.monotonic() - began < 12 * patience(), "the probe comes after 5 s")
            client.is_silent(0.3)
    site.gateway.await_event("host_up")


def test_B01_refused_between_rcpt_and_dot(case):
    site = case.site(route(**QUICK))
    known_first(site)
    with site.client() as client:
        client.envelope()
        site.hop.stop()
        client.command("DATA", "354")
        client.send(stuffed(message()))
        client.expect("451 4.4.")
    site.hop.start()
    site.control = False  # the breaker may be open still


def test_B02_connection_black_hole(case):
    """A full backlog drops SYNs: given up after `timeouts.connect`."""
    port = free_port()
    hole = occupy(port)
    stuffing = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            filler.connect(("127.0.0.1", port))
        stuffing.append(filler)
    site = case.site({"routes": {"groupware": {"hosts": [f"127.0.0.1:{port}"], **QUICK}}})
    site.control = False
    began = time.monotonic()
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.4.1", "451 4.4.2")
    check(time.monotonic() - began < 14, "too slow")  # as shipped: 15 s
    hole.close()


def test_B02_banner_never_comes(case):
    site = case.site(route(**QUICK), rules=[("BANNER", hang)])
    began = time.monotonic()
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.4.2")
    check(time.monotonic() - began < 6 * patience(), "too slow")
    site.control = False


def test_B03_banner_and_ehlo(case):
    """Only an answer to RCPT speaks of the recipient: everything before is 451, an alarm, never cached."""
    faults = [
        ("BANNER", "554 5.7.1 no service for you"),
        ("BANNER", "421 4.3.2 later"),
        ("EHLO", "421 4.3.2 later"),
        ("EHLO", raw(b"\x00\xff garbage\r\n")),
        ("BANNER", "250 odd banner"),
    ]
    for verb, action in faults:
        site = case.site(route(**QUICK), rules=[(verb, action)])
        with site.client() as client:
            client.mail()
            reply = client.rcpt("anna@example.test", "451 4.")
        check(reply.enhanced in ("4.3.0", "4.4.1", "4.4.2", "4.3.2"), f"{verb}: {reply}")
        site.hop.heal()
        if str(action).startswith("5"):
            site.gateway.await_event("way_refused")
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test", "250")
        case.finish_site(site)


def test_B03_helo_where_ehlo_is_refused(case):
    site = case.site(route(**QUICK), rules=[("EHLO", "502 5.5.1 what is EHLO?")])
    site.deliver()
    check(site.hop.commands("HELO"), "HELO was not tried")


def test_B04_mail_refused(case):
    """At MAIL: of the sender or of the way, never of the recipient; 5xx is not cached."""
    for said in (
        "451 4.3.0 disk trouble",
        "550 5.7.1 we dislike that sender",
        "530 5.7.0 authenticate first",
    ):
        site = case.site(route(**QUICK))
        site.hop.on("MAIL", said, times=2)
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test", "451 4.")
            client.command("RSET", "250")
        site.hop.heal()
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test", "250")
        case.finish_site(site)


def test_B04_mail_refused_at_delivery(case):
    site = case.site(route(**QUICK))
    known_first(site)
    site.hop.on("MAIL", "451 4.3.0 disk trouble")
    with site.client() as client:
        reply = offer(client)
    check(reply.matches("451 4."), f"{reply}")


def test_B04_faults_of_the_way_at_rcpt(case):
    """RCPT 5.7.x and 530 are faults of the way: 451, alarm, never cached."""
    for said in (
        "550 5.7.1 Client was not authenticated",
        "530 5.7.57 not authenticated",
        "554 5.7.1 relay access denied",
    ):
        site = case.site(route(**QUICK))
        site.hop.on("RCPT", said)
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test", "451 4.")
        site.gateway.await_event("way_refused")
        site.hop.heal()
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test", "250")
        case.finish_site(site)


def test_B05_mixed_recipients(case):
    site = case.site(known={"anna", "bert", "carl", "dora", "emil", "it"})
    site.hop.on("RCPT", "450 4.2.1 busy", match="bert@")
    site.hop.on("RCPT", "550 5.1.1 no carl", match="carl@")
    site.hop.on("RCPT", "552 5.2.2 full", match="dora@")
    site.hop.on("RCPT", "xyzzy", match="emil@")
    with site.client() as client:
        client.send(
            "MAIL FROM:<a@example.net>\r\n"
            + "".join(
                f"RCPT TO:<{name}@example.test>\r\n" for name in ("bert", "carl", "anna", "dora", "emil")
            )
            + "DATA\r\n"
        )
        for wanted in ("250", "450 4.2.1", "550 5.1.1", "250", "552 5.2.2", "451 4.", "354"):
            client.expect(wanted)
        client.content(message())
    site.expect_delivered(message())
    (stored,) = site.hop.await_messages(1)
    check(stored.to == ["anna@example.test"], f"{stored.to}")


def test_B06_all_refused_and_data_all_the_same(case):
    site = case.site()
    with site.client() as client:
        client.mail()
        client.rcpt("nobody@example.test", "550 5.1.1")
        client.command("DATA", "554 5.5.1", "503 5.5.1")
        client.bdat("Subject: x\r\n\r\n", True, "554 5.5.1", "503 5.5.1")
        client.command("NOOP", "250")
    check(not site.hop.commands("DATA"), "DATA at the next hop")
