"""Group P under TLS: truncation, odd handshakes (P15, P16, P18)."""

import ssl
import subprocess
import threading

from harness.client import message, trusting_context
from harness.network import gone_from
from harness.next_hop_script import hold
from harness.outcome import Failure, check, poll
from harness.setups import implicit_tls, need_program, with_tls
from harness.tls_by_hand import TlsByHand
from test_protocol_session import client_hello


def test_P18_odd_handshakes(case):
    """A clean alert or the end; the next client is unaffected."""
    site = case.site(implicit_tls())
    hellos = {
        "SSLv3": client_hello(b"x", b"\x03\x00"),
        "TLS 1.0": client_hello(b"x", b"\x03\x01"),
        "64 KiB": client_hello(b"x", padding=64000),
        "name of 255": client_hello(b"a" * 255),
        "name with NUL": client_hello(b"mx.example.test\0.evil"),
        "empty name": client_hello(b""),
        "SSLv2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x07\x00\xc0" * 7 + b"x" * 16,
        "plain text": b"EHLO client.example.net\r\n" * 10,
        "record of 2^14 zeros": b"\x16\x03\x01\x40\x00" + b"\0" * 16384,
        "nothing but an alert": b"\x15\x03\x01\x00\x02\x02\x28",
    }
    before = site.gateway.cpu_seconds()
    for name, hello in hellos.items():
        client = site.connect()
        client.send(hello)
        client.shut()
        lines = client.read_to_end()
        check(not any("250" in line for line in lines), f"{name}: {lines}")
    check(site.gateway.cpu_seconds() - before < 3, "CPU")
    site.deliver(client=implicit_client(site))
    site.control = site.count_sessions = False


def implicit_client(site, context=None):
    client = site.connect()
    client.handshake(context)
    return client.hello()


def test_P18_old_versions_and_wrong_alpn(case):
    site = case.site(implicit_tls())
    context = trusting_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    client = site.connect()
    try:
        client.handshake(context)
        raise Failure(f"handshake with {client.socket.version()}")
    except (ssl.SSLError, ConnectionError):
        pass
    context = trusting_context()
    context.set_alpn_protocols(["http/1.1"])
    try:
        site.deliver(message("alpn\r\n"), client=implicit_client(site, context))
    except ssl.SSLError:
        site.expected.clear()  # no_application_protocol is as good an answer
    site.deliver(message("after\r\n"), client=implicit_client(site))
    site.control = site.count_sessions = False


def s_client(site, *options, stdin):
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", *options],
        input=stdin,
        capture_output=True,
        timeout=30,
    )


def test_P18_renegotiation_and_key_updates(case):
    need_program("openssl")
    site = case.site(implicit_tls())
    before = site.gateway.cpu_seconds()
    s_client(site, "-tls1_2", stdin=b"R\nEHLO x\r\nQUIT\r\n")
    s_client(site, "-tls1_3", "-crlf", stdin=b"k\n" * 10_000 + b"QUIT\n")
    check(site.gateway.cpu_seconds() - before < 10, "CPU for key updates")
    site.deliver(client=implicit_client(site))
    site.control = site.count_sessions = False


def tls_transaction(site):
    client = site.client()
    client.command("STARTTLS", "220")
    tls = TlsByHand(client)
    for line in ("EHLO client.example.net", "MAIL FROM:<a@example.net>", "RCPT TO:<anna@example.test>"):
        tls.command(line, "250")
    return client, tls


def test_P15_close_notify_inside_a_chunk(case):
    """Exim CVE-2026-45185: TLS ends in mid-chunk, plaintext follows."""
    site = case.site(with_tls())
    client, tls = tls_transaction(site)
    tls.write(b"BDAT 1000 LAST\r\nSubject: cut\r\n\r\n" + b"x" * 300)
    tls.close_notify()
    try:
        client.socket.sendall(
            b"x" * 2000 + b"\r\nMAIL FROM:<b@example.net>\r\nRCPT TO:<anna@example.test>\r\n"
        )
    except OSError:
        pass
    lines = client.read_to_end()
    check(not any("250" in line for line in lines), f"{lines}")
    site.gateway.await_event("session")


def test_P16_truncated_tls_is_no_end_of_data(case):
    site = case.site(with_tls())
    for end in ("fin", "rst"):
        client, tls = tls_transaction(site)
        tls.command("DATA", "354")
        tls.write(b"Subject: cut\r\n\r\nhalf a messa")
        client.shut() if end == "fin" else client.reset()
    site.gateway.await_events("session", 2)


def test_P16_gone_right_after_the_final_dot(case):
    """FIN without close_notify behind the dot, before our own dot: gone, nothing is delivered."""
    site = case.site(with_tls())
    for end in ("fin", "rst"):
        held = threading.Event()
        site.hop.on("DATA", hold(held), times=1)
        client, tls = tls_transaction(site)
        tls.command("DATA", "354")
        before = len(site.hop.commands("DATA"))
        tls.write(b"Subject: whole\r\n\r\nwhole\r\n.\r\n")
        site.hop.await_command("DATA", before + 1)
        client.shut() if end == "fin" else client.reset()
        poll(lambda: gone_from(site, client), 5, "the gateway's socket in CLOSE_WAIT or gone")
        held.set()
        site.gateway.await_event("message", lambda event: event["fate"] == "client gone")
        site.gateway.await_events("session", 1)
    site.gateway.await_events("session", 2)
    check(not site.hop.messages, "delivered, and nobody was there to hear it")
