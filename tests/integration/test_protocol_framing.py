"""Group P, where a message ends and what a line is: smuggling, line ends, lengths (P01 to P09)."""

import re

from harness.client import message, stuffed
from harness.outcome import check
from harness.setups import with_tls


# RFC 5321 4.1.1.4: only CRLF.CRLF ends DATA. These do not.
WRONG_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\n",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
]


SMUGGLED = (
    b"MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<bert@example.test>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n"
)


HEAD = b"Subject: outer\r\n\r\nouter"


def refuse_smuggling(client, pieces):
    """One reply to all of it, 550 or 521 5.5.2, and the end of the session."""
    client.command("DATA", "354")
    try:
        for piece in pieces:
            client.send(piece)
    except OSError:
        pass  # the gateway may be gone before the last piece
    lines = client.read_to_end()
    check(len(lines) == 1 and re.match(r"(550|521) 5\.5\.2 ", lines[0]), f"{pieces}: {lines}")


def test_P01_wrong_ends_of_data(case):
    site = case.site()
    for end in WRONG_ENDS:
        refuse_smuggling(site.client().envelope(), [HEAD + end + SMUGGLED])


def splits_of(end):
    whole = HEAD + end + SMUGGLED
    begin, stop = len(HEAD), len(HEAD) + len(end)
    for at in range(begin, stop + 2):
        yield [whole[:at], whole[at:]]
    yield [HEAD] + [bytes([octet]) for octet in end] + [SMUGGLED]


def test_P02_wrong_ends_at_every_split(case):
    """In clear and under TLS; every offset of a longer input is in the unit tests of DataDecoder."""
    site = case.site(with_tls())
    for end in WRONG_ENDS:
        for pieces in splits_of(end):
            refuse_smuggling(site.client().envelope(), pieces)
        client = site.client()
        client.starttls()
        client.ehlo()
        refuse_smuggling(client.envelope(), [HEAD] + [bytes([octet]) for octet in end] + [SMUGGLED])


def test_P02_true_end_at_every_split(case):
    site = case.site()
    content = message("a\r\n")
    framed = stuffed(content)
    with site.client() as client:
        for at in range(len(framed) - 6, len(framed)):
            client.envelope()
            client.command("DATA", "354")
            client.send_split(framed, at)
            client.expect("250")
            site.expect_delivered(content)


def test_P03_wrong_ends_while_discarding(case):
    """After a refusal in mid-message the rest is never read as commands."""
    site = case.site({"limits": {"message_size": 64_000}})
    for end in WRONG_ENDS:
        client = site.client().envelope()
        client.command("DATA", "354")
        client.send(b"Subject: too big\r\n\r\n" + (b"x" * 98 + b"\r\n") * 700 + end + SMUGGLED)
        lines = client.read_to_end(6) if not lasting(client) else ["552"]
        check(len(lines) == 1 and lines[0].startswith("5"), f"{end}: {lines}")
    for end in WRONG_ENDS:
        client = site.client().envelope()
        client.command("DATA", "354")
        client.send(b"Subject: early refusal\r\nthis is no header field\r\n\r\nx" + end + SMUGGLED)
        lines = client.read_to_end(6) if not lasting(client) else ["550"]
        check(len(lines) == 1 and lines[0].startswith("5"), f"{end}: {lines}")


def lasting(client):
    """Whether the session goes on after its one refusal: then the next command must be answered as such."""
    reply = client.expect("5")
    try:
        client.line("NOOP")
        again = client.read_reply()
    except (AssertionError, OSError):
        client.buffer = (reply.last + "\r\n").encode()
        return False
    check(
        again.matches("250 2.0.0") and not client.buffer,
        f"not the answer to NOOP: {again}, {client.buffer!r}",
    )
    return True


def test_P04_dots_and_odd_lines_outbound(case):
    site = case.site()
    bodies = [
        ".\r\n",
        "..\r\n",
        "...x\r\n",
        ".\r\n.\r\n.\r\n",
        "x\r\n\r\n.\r\n",
        "\r\n",
        ". \r\n",
        ".x\r\n\r\n..\r\n",
        "x" * 998 + "\r\n.\r\n",
    ]
    for body in bodies:
        site.deliver(message(body))
    large = message("." * 3 + "\r\n.\r\n" * 300_000)
    site.deliver(large)
    with site.client() as client:
        client.envelope()
        client.bdat(b"Subject: no last line end\r\n\r\n.last", True)
    site.expect_delivered(b"Subject: no last line end\r\n\r\n.last\r\n")
    for stored in site.hop.await_messages(len(bodies) + 2):
        check(stored.acknowledged, "not one message")


def test_P05_bare_cr_and_lf_in_data(case):
    site = case.site()
    for bad in (
        b"Subject: a\nX: b\r\n\r\nbody\r\n",
        b"Subject: a\rX: b\r\n\r\nbody\r\n",
        b"Subject: a\r\n\r\nbo\ndy\r\n",
        b"Subject: a\r\n\r\nbo\rdy\r\n",
        b"Subject: a\r\n\r\nbody\r\r\n",
        b"Subject: a\r\n\r\nbo\0dy\r\n",
    ):
        client = site.client().envelope()
        client.command("DATA", "354")
        client.send(bad + b".\r\n")
        lines = client.read_to_end()
        check(len(lines) == 1 and re.match(r"(550|521) 5\.5\.2 ", lines[0]), f"{bad}: {lines}")


def test_P05_bare_cr_and_lf_in_bdat(case):
    site = case.site()
    for bad in (
        b"Subject: a\nX: b\r\n\r\nbody\r\n",
        b"Subject: a\r\n\r\nbo\rdy\r\n",
        b"Subject: a\r\n\r\nbo\ndy\r\n",
        b"Subject: a\r\n\r\nbody\r",
        b"Subject: a\r\n\r\nbo\0dy\r\n",
    ):
        client = site.client().envelope()
        client.bdat(bad, True, "550 5.5.2", "550 5.6.")
        # Framing is by count, so the session is in step and may go on.
        client.line("RSET")
        client.read_to_end(3) if client.fill() is False else client.expect("250")


def test_P05_normalised_for_lenient_networks(case):
    """Hand-typed mail from listed networks: towards the next hop there is CRLF only."""
    site = case.site({"lenient_networks": ["127.0.0.5"]})
    client = site.connect(source="127.0.0.5")
    client.greet()
    for line, code in (
        ("HELO there", "250"),
        ("MAIL FROM:<me@example.net>", "250"),
        ("RCPT TO:<anna@example.test>", "250"),
        ("DATA", "354"),
    ):
        client.send(line + "\n")
        client.expect(code)
    client.send(b"Subject: typed\n\nby hand\n.\nstill content\n\r\n.\r\n")
    client.expect("250")
    (stored,) = site.hop.await_messages(1)
    check(stored.own_content.replace(b"\r\n", b"").count(b"\n") == 0, f"{stored.content}")
    check(b"still content" in stored.content, "LF.LF must not end a message, not even there")
    site.expect_delivered(stored.own_content)


def test_P06_wrong_command_line_ends(case):
    site = case.site()
    for bad in (
        b"NOOP\n",
        b"NOOP\rNOOP\r\n",
        b"NOOP\0\r\n",
        b"MAIL FROM:<a@example.net>\0\r\n",
        b"NO\0OP\r\n",
        b"MAIL FROM:<\xc3\xa4@example.net>\r\n",
        b"RSET\n",
    ):
        client = site.client()
        client.send(bad)
        client.expect("500 5.5.2", "501 5.5.2", "501 5.1.7", "550 5.6.7", "553 5.6.7", "501 5.5.4")
        check(not client.buffer, f"{bad}: {client.buffer!r}")
    client = site.client()
    for _ in range(3):
        client.send(b"NOOP\n")
        client.expect("5", "421")
    lines = client.read_to_end()
    check(len(lines) <= 1, f"{lines}")
    check(
        not site.hop.commands("MAIL") or not [c for c in site.hop.commands("MAIL") if "a@example.net" in c],
        "executed",
    )


def test_P07_command_line_lengths(case):
    site = case.site()
    client = site.client()
    for octets in (512, 513, 2048):
        client.send(b"NOOP " + b"x" * (octets - 7) + b"\r\n")
        client.expect("250 2.0.0")
    for octets in (2049, 4096):
        client = site.client()
        client.send(b"NOOP " + b"x" * (octets - 7) + b"\r\n")
        client.expect("500 5.5.2")
        client.expect_closed()
    before = site.gateway.resident()
    client = site.client()
    try:
        client.send(b"x" * (1 << 20))
    except OSError:
        pass
    lines = client.read_to_end()
    check(not lines or (len(lines) == 1 and lines[0].startswith("500 5.5.2")), f"{lines}")
    check(site.gateway.resident() - before < 4 << 20, "memory grew with the line")


def test_P08_line_lengths_in_content(case):
    """Byte-identical up to the cap, refused above it, never wrapped."""
    site = case.site()
    for octets in (998, 999, 1000, 64 * 1024, 1 << 19):
        site.deliver(b"Subject: long\r\n\r\n" + b"y" * (octets - 2) + b"\r\n")
    for client in (site.client().envelope(), site.client().envelope()):
        client.command("DATA", "354")
        client.send(b"Subject: too long\r\n\r\n" + b"y" * (5 << 20) + b"\r\n.\r\n")
        client.expect("550 5.6.0", "554 5.6.0")


def test_P09_header_bombs(case):
    site = case.site()
    bombs = {
        "one field of 1 MiB": b"Subject: " + b"a" * (1 << 20),
        "100,000 fields": b"\r\n".join(b"X-%d: a" % number for number in range(100_000)),
        "500,000 To": b"\r\n".join([b"To: a@b"] * 500_000),
        "1 MiB References": b"References: "
        + b"\r\n ".join([b"<%d@example.net>" % number for number in range(50_000)]),
    }
    for name, bomb in bombs.items():
        before = site.gateway.cpu_seconds()
        client = site.client().envelope()
        client.command("DATA", "354")
        client.send(bomb + b"\r\n\r\nbody\r\n.\r\n")
        client.expect("552 5.3.4", "554 5.6.0")
        took = site.gateway.cpu_seconds() - before
        check(took < 1.5, f"{name}: {took:.2f} s of CPU")  # sanitizers cost a factor of about ten


def test_fd18dcb_first_line_never_continues_our_trace_field(case):
    """Whatever `malformed_header` says: a blank in front would put a stranger's words into our Received."""
    site = case.site({"checks": {"malformed_header": "pass"}})
    client = site.client().envelope()
    reply = client.data(b" by mx.example.test (forged)\r\nSubject: x\r\n\r\nbody\r\n", "550 5.6.0")
    check("Line 1 " in reply.last, f"{reply}")
    site.deliver(b"Subject: x\r\nno field\r\n\r\nbody\r\n", client=client)


def test_observed_malformed_header(case):
    site = case.site({"checks": {"malformed_header": "observe"}})
    site.deliver(b"Subject: x\r\nno field\r\n\r\nbody\r\n")
    event = site.gateway.await_event("message", lambda event: event["to"])
    check(event["to"][0]["would_be"] == "malformed-header", f"{event}")
