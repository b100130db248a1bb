"""Group P, PROXY headers, XCLIENT, XFORWARD (P30)."""

import socket
import ssl
import struct
import time

from harness.client import message
from harness.outcome import check
from harness.setups import another_listener, with_tls


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_v2(source="203.0.113.9", command=1, tlv=b"", family=0x11):
    addresses = (
        socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 40000, 25)
        if family
        else b""
    )
    return (
        SIGNATURE
        + bytes([0x20 | command, family])
        + struct.pack("!H", len(addresses) + len(tlv))
        + addresses
        + tlv
    )


def test_P30_front_end_commands_from_strangers(case):
    site = case.site()
    for line in (b"XCLIENT ADDR=127.0.0.1 NAME=trusted\r\n", b"XFORWARD ADDR=10.0.0.1\r\n"):
        client = site.client()
        client.send(line)
        client.expect("550 5.", "500 5.5.", "502 5.5.")
        client.close()
    for data in (b"PROXY TCP4 10.0.0.1 192.0.2.1 4000 25\r\n", proxy_v2()):
        client = site.connect()
        client.greet()
        client.send(data + b"MAIL FROM:<evil@example.net>\r\n")
        client.shut()
        lines = client.read_to_end()
        check(lines and all(line[0] in "45" for line in lines), f"{lines}")
    for event in site.gateway.await_events("session", 4):
        check(event["client"].startswith("127.0.0.1"), f"{event}")


def test_P30_proxy_protocol(case):
    """From listed addresses only, and there required; the client's address is the front end's word."""
    config = another_listener("front", tls="none", proxy_protocol=["127.0.0.1"])
    config["timeouts"] = {"proxy_header": "1s"}
    config["trusted_networks"] = ["127.0.0.1"]
    site = case.site(config)
    headers = {
        "v1": b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 25\r\n",
        "v2": proxy_v2(),
        "v2 with TLVs": proxy_v2(tlv=b"\x04" + struct.pack("!H", 200) + b"x" * 200),
    }
    for name, header in headers.items():
        since = site.gateway.mark()
        client = site.connect("front")
        client.send(header)
        client.hello()
        client.mail()
        client.rcpt("user@remote.host", "550 5.7.1")  # the front end is trusted, the client behind it is not
        site.deliver(message(name + "\r\n"), client=reset_client(client))
        event = site.gateway.await_event("session", since=since)
        check(event["client"].startswith("203.0.113.9"), f"{name}: {event}")
    stored = site.hop.await_messages(3)[0]
    check("[203.0.113.9]" in stored.trace, stored.trace)
    for header in (b"PROXY UNKNOWN\r\n", proxy_v2(command=0), proxy_v2(family=0)):
        client = site.connect("front")
        client.send(header)
        client.hello()
        client.close()


def reset_client(client):
    client.command("RSET", "250")
    return client


def test_P30_broken_proxy_headers(case):
    config = another_listener("front", tls="none", proxy_protocol=["127.0.0.1"])
    config["timeouts"] = {"proxy_header": "1s"}
    site = case.site(config)
    broken = [
        b"EHLO client.example.net\r\n",
        b"PROXY TCP4 1.2.3.4\r\n",
        b"PROXY TCP4 999.0.0.1 192.0.2.1 1 25\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 99999 25\r\n",
        b"PROXY " + b"x" * 300 + b"\r\n",
        SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 70000,
        SIGNATURE + b"\x21\x11\x00\x03abc",
        SIGNATURE + b"\x31\x11\x00\x0c" + b"x" * 12,
        SIGNATURE[:-1] + b"x",
    ]
    for header in broken:
        client = site.connect("front")
        try:
            client.send(header)
        except OSError:
            pass
        lines = client.read_to_end()
        check(not any(line.startswith("2") for line in lines), f"{header[:40]}: {lines}")
    slow = site.connect("front")
    slow.send(b"PROXY TCP4 ")
    began = time.monotonic()
    slow.read_to_end()
    check(time.monotonic() - began < 4.5, "a slow PROXY header")  # as shipped: 5 s
    site.count_sessions = False


def test_P30_proxy_header_before_implicit_tls(case):
    """What follows the header belongs to the handshake; what is sent in clear is never a command inside TLS."""
    config = another_listener("front", tls="implicit", proxy_protocol=["127.0.0.1"])
    config["tls"] = with_tls()["tls"]
    site = case.site(config)
    header = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 25\r\n"
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def more(raw):
        received = raw.recv(65536)
        if not received:
            raise OSError("closed")
        return received

    def first_line(clear):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="mx.example.test")
        with socket.create_connection(site.address("front"), timeout=5) as raw:
            raw.settimeout(5)
            start = header + clear
            while True:
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    raw.sendall(start + outgoing.read())
                    start = b""
                    incoming.write(more(raw))
            raw.sendall(outgoing.read())
            while True:
                try:
                    return session.read(1024)
                except ssl.SSLWantReadError:
                    incoming.write(more(raw))

    check(first_line(b"").startswith(b"220 "), "header and ClientHello in one segment")
    try:
        line = first_line(b"EHLO evil.example\r\n")
    except (ssl.SSLError, OSError):
        line = b""
    check(b"250" not in line, f"plaintext was taken into the session: {line}")
    site.count_sessions = False
