"""Group P, the dialogue: early talk, pipelining, STARTTLS, other protocols, state, cut-offs."""

import base64
import contextlib
import re
import signal
import struct
import threading

from harness.client import message, stuffed
from harness.network import gone_from
from harness.next_hop_script import hold
from harness.outcome import check, poll
from harness.setups import users_file, with_tls


@contextlib.contextmanager
def stopped(gateway):
    """The gateway does not run: what a client sends meanwhile is certainly there before the banner."""
    gateway.signal(signal.SIGSTOP)
    poll(lambda: open(f"/proc/{gateway.pid}/stat").read().rpartition(")")[2].split()[0] == "T", 5, "stopped")
    try:
        yield
    finally:
        gateway.signal(signal.SIGCONT)


def early(site, data):
    with stopped(site.gateway):
        client = site.connect()
        client.send(data)
    return client


def test_P10_early_talker_internal(case):
    """A private address is spared what strangers hear, for it may be a front end that hides them: recorded only."""
    site = case.site({"checks": {"early_talker": {"mode": "enforce"}}})
    client = early(site, b"EHLO hasty.example.net\r\n")
    client.greet()
    client.expect("250")
    client.command("QUIT", "221")
    event = site.gateway.await_event("session")
    check(event.get("early_talker") is True and event["spared"] == "internal", f"{event}")


def test_P10_early_talker_recorded(case):
    """The default of this issue: observed, never acted on."""
    site = case.site()
    client = early(site, b"EHLO hasty.example.net\r\n")
    client.greet()
    client.expect("250")
    client.command("QUIT", "221")
    event = site.gateway.await_event("session")
    check(event.get("early_talker") is True, f"{event}")
    client = site.client()
    client.command("QUIT", "221")
    event = site.gateway.await_events("session", 2)[1]
    check("early_talker" not in event, f"{event}")


def test_P11_illegal_pipelining(case):
    config = with_tls()
    config["users"] = users_file(case, boss="secret")
    site = case.site(config)
    follow = b"MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<bert@example.test>\r\n"

    def after(*lines):
        client = site.connect()
        client.greet()
        for line in lines:
            client.command(line, "250")
        return client

    scenes = {
        "EHLO": (after(), b"EHLO client.example.net\r\n"),
        "HELO": (after(), b"HELO client.example.net\r\n"),
        "MAIL after HELO": (after("HELO x"), b"MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.test>\r\n"),
        "DATA": (after("EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<anna@example.test>"), b"DATA\r\n"),
        "STARTTLS": (after("EHLO x"), b"STARTTLS\r\n"),
    }
    for name, (client, begin) in scenes.items():
        client.send(begin + follow)
        lines = client.read_to_end()
        check(lines and re.match(r"(503|521|554) 5\.5\.1 ", lines[-1]), f"{name}: {lines}")
        check(not any(line.startswith("354") for line in lines), f"{name}: {lines}")
    check(not [line for line in site.hop.commands("MAIL") if "smuggler" in line], "smuggled")


def test_P11_illegal_pipelining_behind_auth(case):
    config = with_tls(auth="required")
    config["users"] = users_file(case, boss="secret")
    site = case.site(config)
    client = site.client()
    client.starttls()
    client.ehlo()
    token = base64.b64encode(b"\0boss\0secret").decode()
    client.send(f"AUTH PLAIN {token}\r\nMAIL FROM:<boss@example.test>\r\nRCPT TO:<anna@example.test>\r\n")
    lines = client.read_to_end()
    check(re.match(r"(503|521|554) 5\.5\.1 ", lines[-1]) and len(lines) <= 2, f"{lines}")
    site.control = False


def test_P12_legal_pipelining_of_many_recipients(case):
    known = {f"user{number}" for number in range(100)} | {"anna"}
    site = case.site(known=known)
    block = (
        "MAIL FROM:<a@example.net>\r\n"
        + "".join(f"RCPT TO:<user{n}@example.test>\r\n" for n in range(100))
        + "DATA\r\n"
    )
    for pieces in ([block], list(block)):
        client = site.client()
        for piece in pieces:
            client.send(piece)
        for _ in range(101):
            client.expect("250")
        client.expect("354")
        client.content(message())
        site.expect_delivered(message())
        client.close()
    for stored in site.hop.await_messages(2):
        check(stored.to == [f"user{n}@example.test" for n in range(100)], f"order: {stored.to}")


def test_P12_legal_pipelining_split_at_every_byte(case):
    site = case.site()
    block = b"MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.test>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n"
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(site.client())
        for at in range(1, len(block)):
            if at % 15 == 0:  # fewer than the limit of errors in one session
                client.close()
                client = stack.enter_context(site.client())
            client.send_split(block, at)
            for code in ("250", "250", "550", "354"):
                client.expect(code)
            client.content(message())
            site.expect_delivered(message())


def test_P12_next_envelope_behind_the_dot(case):
    """RFC 2920: what follows the final dot may be in the same segment, at any split."""
    site = case.site()
    first, second = message("first\r\n"), message("second\r\n")
    envelope = b"MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\n"
    block = stuffed(first) + envelope
    for at in range(0, len(block), 7):
        with site.client() as client:
            client.send(envelope)
            [client.expect(code) for code in ("250", "250", "354")]
            client.send_split(block, at)
            [client.expect(code) for code in ("250", "250", "250", "354")]
            client.send(stuffed(second) + b"QUIT\r\n")
            [client.expect(code) for code in ("250", "221")]
        site.expect_delivered(first, second)


def test_P13_starttls_injection(case):
    """CVE-2011-0411: what came in clear behind STARTTLS is never executed under TLS."""
    site = case.site(with_tls())
    for injected in (
        b"RCPT TO:<evil@example.test>\r\n",
        b"EHLO evil\r\nMAIL FROM:<evil@example.net>\r\n",
        b"x",
        b"\r\n",
    ):
        client = site.client()
        client.send(b"STARTTLS\r\n" + injected)
        reply = client.read_reply()
        if reply.code == 220:
            client.handshake()
            client.line("NOOP")
            client.expect("250 2.0.0", "503")
            check(not client.buffer, f"{client.buffer!r}")
        else:
            check(reply.matches("503 5.5.1") or reply.matches("521 5.5.1"), f"{reply}")
            client.read_to_end()
    check(not [line for line in site.hop.commands() if "evil" in line], "executed")


def test_P14_starttls_state(case):
    site = case.site(with_tls())
    client = site.client()
    client.mail()
    client.command("STARTTLS", "503 5.5.1", "220")
    client = site.client()
    client.command("STARTTLS now", "501 5.5.4")
    client.starttls()
    client.command("MAIL FROM:<a@example.net>", "503 5.5.1")
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    client.ehlo("new.example.net")
    client.command("STARTTLS", "503 5.5.1", "502 5.5.1")
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    site.deliver(client=client)
    (stored,) = site.hop.await_messages(1)
    check("new.example.net" in stored.trace, f"HELO from before TLS: {stored.trace}")


def test_P17_other_protocols(case):
    site = case.site()
    payload = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<anna@example.test>\r\nDATA\r\nx\r\n.\r\n"
    talk = [
        b"GET / HTTP/1.1\r\nHost: mx\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: mx\r\nContent-Length: %d\r\n\r\n" % len(payload) + b"HELO x\r\n" + payload,
        b"PUT /x HTTP/1.0\r\n\r\n" + payload,
        b"CONNECT evil:25 HTTP/1.1\r\n\r\n" + payload,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\x03\x00\x00\x2f\x2a\xe0\x00\x00\x00\x00\x00Cookie: mstshash=admin\r\n\x01\x00\x08\x00\x03\x00\x00\x00",
        client_hello(b"mx.example.test"),
    ]
    for data in talk:
        client = site.connect()
        client.greet()
        client.send(data)
        client.shut()
        lines = client.read_to_end()
        check(len(lines) <= 1, f"{data[:30]}: {lines}")
        check(
            not lines or re.match(r"(502 5\.7\.0|500 5\.5\.2|521 5\.5\.|554 5\.5\.1)", lines[0]),
            f"{data[:30]}: {lines}",
        )
        if data[:3] in (b"GET", b"POS", b"PUT", b"CON"):
            check(lines and lines[0].startswith("502 5.7.0"), f"{data[:30]}: {lines}")
    check(not site.hop.commands("MAIL"), "a body was parsed as SMTP")


def client_hello(server_name, version=b"\x03\x03", padding=0):
    """A ClientHello made by hand, so that it can be wrong where libraries would not let it be."""
    name = struct.pack("!HBH", len(server_name) + 3, 0, len(server_name)) + server_name
    extensions = struct.pack("!HH", 0, len(name)) + name
    if padding:
        extensions += struct.pack("!HH", 21, padding) + b"\0" * padding
    body = version + b"\x11" * 32 + b"\0" + struct.pack("!H", 4) + b"\xc0\x2f\xc0\x30" + b"\x01\0"
    body += struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + struct.pack("!I", len(body))[1:] + body
    records = b""
    for start in range(0, len(handshake), 16000):
        piece = handshake[start : start + 16000]
        records += b"\x16\x03\x01" + struct.pack("!H", len(piece)) + piece
    return records


def test_P31_state_machine(case):
    site = case.site()
    client = site.connect()
    client.greet()
    client.command("MAIL FROM:<a@example.net>", "503 5.5.1")
    client.command("HELO", "501 5.5.4", "501 5.5.2")
    client.command("EHLO", "501 5.5.4", "501 5.5.2")
    client.ehlo()
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    client.command("DATA", "503 5.5.1")
    client.mail()
    client.command("MAIL FROM:<b@example.net>", "503 5.5.1")
    client.command("DATA", "503 5.5.1", "554 5.5.1")
    client.command("RSET", "250")
    client.command("RCPT TO:<anna@example.test>", "503 5.5.1")
    client.mail()
    client.rcpt("anna@example.test")
    client.ehlo()
    client.command("DATA", "503 5.5.1")
    client.command("QUIT now", "501 5.5.4", "221")


def test_P31_helo_text_is_escaped(case):
    site = case.site()
    names = [
        b"[999.1.1.1]",
        b"h\xc3\xa4l.example.net",
        b"a" * 1900,
        b"x%0d%0aMAIL",
        b"x\x1b[31mred",
        b"a;b)(c",
        b"<script>",
        b"x\tb",
    ]
    for name in names:
        client = site.connect()
        client.greet()
        client.send(b"EHLO " + name + b"\r\n")
        reply = client.read_reply()
        check(
            reply.code == 250 or reply.matches("501 5.5.") or reply.matches("500 5.5.2"), f"{name}: {reply}"
        )
        if reply.code == 250:
            site.deliver(message(repr(name[:40]) + "\r\n"), client=client)
    for stored in site.hop.messages:
        check(not re.search(r"[^\x20-\x7e\r\n\t]", stored.trace), f"not printable: {stored.trace!r}")
        check(max(len(line) for line in stored.trace.split("\r\n")) <= 998, "a line over 998 octets")
    check(not site.gateway.other_output, f"{site.gateway.other_output}")


def test_P32_parameters(case):
    site = case.site(capabilities=["SIZE 100000", "8BITMIME", "DSN", "PIPELINING"])
    site.deliver()
    with site.client() as client:
        check("DSN" in client.offers, f"{client.offers}")
        for bad in (
            "FOO=BAR",
            "SIZE=1 SIZE=2",
            "BODY=OTHER",
            "BODY=7BIT BODY=8BITMIME",
            "ENVID=" + "x" * 1500,
            "RET=SOME",
            "ENVID=+0D+0A",
            "AUTH",
        ):
            client.mail("a@example.net", bad, "555 5.5.4", "501 5.5.4")
        client.mail()
        for bad in (
            "FOO",
            "ORCPT=rfc822;+0D+0ARCPT",
            "ORCPT=rfc822;a+0",
            "ORCPT=" + "x" * 600,
            "NOTIFY=NEVER,SUCCESS",
            "NOTIFY=",
            "NOTIFY=X",
            "ORCPT=rfc822;a ORCPT=rfc822;b",
        ):
            client.rcpt("anna@example.test", "555 5.5.4", "501 5.5.4", parameters=bad)
    check(
        not [line for line in site.hop.commands() if "+0D" in line or "ORCPT" in line], "reached the next hop"
    )


def whole_session(number, kind):
    content = f"Subject: {kind} {number}\r\n\r\nx\r\n"
    script = [
        b"EHLO c.example.net\r\n",
        b"MAIL FROM:<a@example.net>\r\n",
        b"RCPT TO:<anna@example.test>\r\n",
        b"DATA\r\n",
        stuffed(content),
        b"QUIT\r\n",
    ]
    return content.encode(), script


def cut_at(site, position, kind):
    """Plays a whole session up to an octet, in step, and ends it there; returns its content."""
    content, script = whole_session(position, kind)
    client = site.connect()
    client.greet()
    left = position
    for part in script:
        client.send(part[:left])
        if left < len(part):
            break
        left -= len(part)
        client.expect("2", "354")
    client.shut() if kind == "fin" else client.reset()
    if kind == "fin":
        client.read_to_end()
    client.close()
    return content


def test_P33_cut_off_at_every_byte(case):
    """In step: every message whose dot was answered is there, and no other."""
    site = case.site({"limits": {"sessions_per_address": 1000}})
    content, script = whole_session(1000, "fin")
    total = sum(map(len, script))
    answered = total - len(script[-1])
    for kind in ("fin", "rst"):
        for position in range(total):
            content, script = whole_session(position, kind)
            length = sum(map(len, script)) - len(script[-1])
            cut_at(site, position, kind)
            if position >= length:
                site.expect_delivered(content)
    check(answered, "a session")
    poll(lambda: site.gateway.of_type("session"), 10, "session events")
    site.count_sessions = False


test_P33_cut_off_at_every_byte.limit = 120


def test_P33_quit_behind_the_dot_is_present(case):
    """All in one go, QUIT and FIN behind the dot: the reply goes out and the message is delivered."""
    held = threading.Event()
    site = case.site()
    client = site.client().envelope()
    client.command("DATA", "354")
    site.hop.on("DATA", hold(held), times=1)
    client.send(stuffed(message()) + b"QUIT\r\n")
    client.shut()
    site.hop.await_command("DATA")
    held.set()
    client.expect("250")
    client.expect("221")
    client.expect_closed()
    site.expect_delivered(message())


def test_P33_gone_before_our_dot(case):
    """FIN without QUIT, or RST, behind the dot but before ours: nothing is delivered."""
    site = case.site()
    for kind in ("fin", "rst"):
        held = threading.Event()
        site.hop.on("DATA", hold(held), times=1)
        client = site.client().envelope()
        client.command("DATA", "354")
        before = len(site.hop.commands("DATA"))
        client.send(stuffed(message(kind + "\r\n")))
        site.hop.await_command("DATA", before + 1)
        client.shut() if kind == "fin" else client.reset()
        poll(lambda: gone_from(site, client), 5, "the end seen")
        held.set()
        site.gateway.await_event("message", lambda event: event["fate"] == "client gone")
    site.gateway.await_events("message", 2)
    check(not site.hop.messages, "delivered to nobody's knowledge")


def test_P33_cut_off_in_one_go(case):
    """Content, dot and QUIT in one write, ended at each octet: whoever heard 250 has his message there."""
    site = case.site({"limits": {"sessions_per_address": 1000}})
    site.exact = site.count_sessions = False
    possible, heard = set(), set()
    for kind in ("fin", "rst"):
        for position in range(0, 60):
            content = f"Subject: one go {kind} {position}\r\n\r\nx\r\n".encode()
            framed = stuffed(content) + b"QUIT\r\n"
            cut = max(0, len(framed) - position)
            client = site.client().envelope()
            client.command("DATA", "354")
            client.send(framed[:cut])
            if cut >= len(framed) - len(b"QUIT\r\n"):
                possible.add(content)
            if kind == "rst":
                client.reset()
                continue
            client.shut()
            if any(line.startswith("250") for line in client.read_to_end()):
                heard.add(content)
    site.gateway.await_events("message", 120)
    held = [stored.own_content for stored in site.hop.messages]
    check(len(held) == len(set(held)), "a message twice")
    check(heard <= set(held) <= possible, f"{heard - set(held)} lost, {set(held) - possible} from nowhere")
    check(len(heard) >= 1, "QUIT and FIN behind the dot: present")
