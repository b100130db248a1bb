"""Group P, where a message ends: smuggling, line ends, BDAT arithmetic, sizes (P01 to P09, P15, P16, P19 to P24)."""

import re
import ssl
import threading

from harness import certificates
from harness.client import message, stuffed, trusting_context
from harness.next_hop import hold
from harness.outcome import check, poll
from harness.setups import with_tls

# RFC 5321 4.1.1.4: only CRLF.CRLF ends DATA. These do not.
WRONG_ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\r",
              b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n"]
SMUGGLED = (b"MAIL FROM:<smuggler@example.net>\r\nRCPT TO:<bert@example.test>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n")
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
    check(again.matches("250 2.0.0") and not client.buffer, f"not the answer to NOOP: {again}, {client.buffer!r}")
    return True


def test_P04_dots_and_odd_lines_outbound(case):
    site = case.site()
    bodies = [".\r\n", "..\r\n", "...x\r\n", ".\r\n.\r\n.\r\n", "x\r\n\r\n.\r\n", "\r\n", ". \r\n", ".x\r\n\r\n..\r\n", "x" * 998 + "\r\n.\r\n"]
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
    for bad in (b"Subject: a\nX: b\r\n\r\nbody\r\n", b"Subject: a\rX: b\r\n\r\nbody\r\n", b"Subject: a\r\n\r\nbo\ndy\r\n",
                b"Subject: a\r\n\r\nbo\rdy\r\n", b"Subject: a\r\n\r\nbody\r\r\n", b"Subject: a\r\n\r\nbo\0dy\r\n"):
        client = site.client().envelope()
        client.command("DATA", "354")
        client.send(bad + b".\r\n")
        lines = client.read_to_end()
        check(len(lines) == 1 and re.match(r"(550|521) 5\.5\.2 ", lines[0]), f"{bad}: {lines}")


def test_P05_bare_cr_and_lf_in_bdat(case):
    site = case.site()
    for bad in (b"Subject: a\nX: b\r\n\r\nbody\r\n", b"Subject: a\r\n\r\nbo\rdy\r\n", b"Subject: a\r\n\r\nbo\ndy\r\n",
                b"Subject: a\r\n\r\nbody\r", b"Subject: a\r\n\r\nbo\0dy\r\n"):
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
    for line, code in (("HELO there", "250"), ("MAIL FROM:<me@example.net>", "250"), ("RCPT TO:<anna@example.test>", "250"), ("DATA", "354")):
        client.send(line + "\n")
        client.expect(code)
    client.send(b"Subject: typed\n\nby hand\n.\nstill content\n\r\n.\r\n")
    client.expect("250")
    stored, = site.hop.await_messages(1)
    check(stored.own_content.replace(b"\r\n", b"").count(b"\n") == 0, f"{stored.content}")
    check(b"still content" in stored.content, "LF.LF must not end a message, not even there")
    site.expect_delivered(stored.own_content)


def test_P06_wrong_command_line_ends(case):
    site = case.site()
    for bad in (b"NOOP\n", b"NOOP\rNOOP\r\n", b"NOOP\0\r\n", b"MAIL FROM:<a@example.net>\0\r\n", b"NO\0OP\r\n",
                b"MAIL FROM:<\xc3\xa4@example.net>\r\n", b"RSET\n"):
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
    check(not site.hop.commands("MAIL") or not [c for c in site.hop.commands("MAIL") if "a@example.net" in c], "executed")


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
        "1 MiB References": b"References: " + b"\r\n ".join([b"<%d@example.net>" % number for number in range(50_000)]),
    }
    for name, bomb in bombs.items():
        before = site.gateway.cpu_seconds()
        client = site.client().envelope()
        client.command("DATA", "354")
        client.send(bomb + b"\r\n\r\nbody\r\n.\r\n")
        client.expect("552 5.3.4", "554 5.6.0")
        took = site.gateway.cpu_seconds() - before
        check(took < 1.5, f"{name}: {took:.2f} s of CPU")  # sanitizers cost a factor of about ten


class TlsByHand:
    """TLS over a socket that stays ours: for ends that no library offers."""

    def __init__(self, client):
        self.client = client
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trusting_context().wrap_bio(self.incoming, self.outgoing, server_hostname="mx.example.test")
        self.step(self.tls.do_handshake)

    def flush(self):
        self.client.socket.sendall(self.outgoing.read())

    def step(self, operation):
        while True:
            try:
                result = operation()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.client.socket.recv(65536))

    def write(self, data):
        self.client.note("C:", data)
        self.tls.write(data)
        self.flush()

    def reply(self):
        data = b""
        while not data.endswith(b"\r\n"):
            data += self.step(lambda: self.tls.read(65536))
        self.client.note("S:", data)
        return data.decode()

    def command(self, line, code):
        self.write(line.encode() + b"\r\n")
        reply = self.reply()
        check(reply.startswith(code), f"{line}: {reply}")

    def close_notify(self):
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass
        self.flush()


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
        client.socket.sendall(b"x" * 2000 + b"\r\nMAIL FROM:<b@example.net>\r\nRCPT TO:<anna@example.test>\r\n")
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


def gone_from(site, client):
    """Whether the kernel of the gateway has seen the client's FIN or RST (/proc/net/tcp: 01 is ESTABLISHED)."""
    mine = f"{client.local[1]:04X}"
    with open("/proc/net/tcp") as file:
        for line in file.readlines()[1:]:
            _, local, remote, state = line.split()[:4]
            if remote.endswith(":" + mine) and local.endswith(f":{site.port:04X}"):
                return state != "01"
    return True


def test_P19_bdat_arguments(case):
    site = case.site()
    for argument in ("", " ", " -1", " +5", " 0x10", " 1e9", " " + "9" * 400, " 5 5", " 5 LAST LAST", " 5 LASTX", " LAST",
                     " 18446744073709551616", " 18446744073709551615", " 9223372036854775808", " 4294967296", " 2147483648"):
        client = site.client().envelope()
        client.line("BDAT" + argument)
        reply = client.expect("501 5.5.4", "552 5.3.4")
        usable = reply.code == 552
        client.send(b"hello\r\nRCPT TO:<bert@example.test>\r\n") if not usable else client.shut()
        lines = client.read_to_end(6)
        check(not any(line.startswith("250") for line in lines), f"BDAT{argument}: octets became commands: {lines}")


def test_P20_bdat_order(case):
    site = case.site()
    with site.client() as client:
        client.bdat("MAIL FROM:<evil@example.net>\r\n", True, "503 5.5.1")
        client.mail()
        client.bdat("RCPT TO:<bert@example.test>\r\n", True, "503 5.5.1", "554 5.5.1")
        client.command("RSET", "250")
        client.envelope()
        client.bdat("Subject: one\r\n\r\n")
        client.command("DATA", "503 5.5.1")
        client.command("MAIL FROM:<b@example.net>", "503 5.5.1")
        client.bdat("", True)
        site.expect_delivered(b"Subject: one\r\n\r\n")
        client.bdat("again\r\n", True, "503 5.5.1")


def test_P20_bdat_reset_and_empty_chunks(case):
    site = case.site()
    with site.client() as client:
        client.envelope()
        client.bdat("Subject: forgotten\r\n\r\n")
        client.command("RSET", "250")
        client.envelope()
        client.bdat("")
        client.bdat("Subject: empty chunks\r\n")
        client.bdat("")
        client.bdat("\r\nbody\r\n")
        client.bdat("", True)
        site.expect_delivered(b"Subject: empty chunks\r\n\r\nbody\r\n")
        client.envelope()
        content = message("by data\r\n")
        client.data(content)
        site.expect_delivered(content)
        client.bdat("late\r\n", True, "503 5.5.1")


def test_P21_bdat_sums(case):
    """The sum of chunks counts, however small they are."""
    site = case.site({"limits": {"message_size": 64_000}})
    client = site.client().envelope()
    client.bdat("Subject: sum\r\n\r\n")
    for _ in range(63):
        client.bdat("x" * 998 + "\r\n")
    client.bdat("x" * 998 + "\r\n", False, "552 5.3.4")
    client.bdat("x" * 998 + "\r\n", True, "552 5.3.4", "503 5.5.1")
    client = site.client().envelope()
    threading.Thread(target=send_and_ignore, args=(client, b"BDAT 1\r\nx" * 70_000), daemon=True).start()
    last, answered = client.read_reply(), 0
    while last.code == 250:
        last, answered = client.read_reply(), answered + 1
    check(last.code == 552 and answered <= 64_000, f"{last} after {answered} chunks")


def send_and_ignore(client, data):
    try:
        client.send(data)
    except OSError:
        pass


def test_P22_bdat_content_that_looks_like_framing(case):
    """The next hop has no CHUNKING: framed again as one message, dots stuffed."""
    site = case.site()
    content = b"Subject: inside\r\n\r\n.\r\n.\r\nMAIL FROM:<evil@example.net>\r\n.\r\nQUIT\r\n"
    with site.client() as client:
        client.envelope()
        client.bdat(content, True)
    site.expect_delivered(content)
    for bad in (b"Subject: x\r\n\r\n\n.\nMAIL\r\n", b"Subject: x\r\n\r\n\0\r\n"):
        with site.client() as client:
            client.envelope()
            client.bdat(bad, True, "550 5.5.2", "550 5.6.", "554 5.6.1")
    check(len(site.hop.await_messages(1)) == 1, "more than one message")


def test_P23_size_lies(case):
    site = case.site({"limits": {"message_size": 100_000}})
    with site.client() as client:
        client.mail("a@example.net", "SIZE=100001", "552 5.3.4")
        client.mail("a@example.net", "SIZE=99999999999999999999", "552 5.3.4", "501 5.5.4")
        for bad in ("SIZE=-1", "SIZE=", "SIZE", "SIZE=1 SIZE=2", "SIZE=0x1", "SIZE=" + "9" * 30):
            client.mail("a@example.net", bad, "501 5.5.4", "552 5.3.4")
        client.mail("a@example.net", "SIZE=3")
        client.rcpt("anna@example.test")
        client.command("DATA", "354")
        client.send(b"Subject: liar\r\n\r\n" + b"x" * 90 * 1200 + b"\r\n.\r\n")
        client.expect("552 5.3.4")
    with site.client() as client:
        client.mail("a@example.net", "SIZE=3")
        client.rcpt("anna@example.test")
        content = message("x" * 900 + "\r\n")
        client.data(content)
    site.expect_delivered(content)


def test_P24_over_the_limit_without_size(case):
    """A client that ignores the refusal: one reply, a bounded discard, bounded memory."""
    import os
    site = case.site({"limits": {"message_size": 1_000_000}})
    before = site.gateway.resident()
    client = site.client().envelope()
    client.command("DATA", "354")
    piece = (b"x" * 998 + b"\r\n") * 1000
    try:
        for _ in range(50):
            client.send(piece)
        client.send(b".\r\n")
    except OSError:
        pass
    lines = client.read_to_end(6) if not client.buffer else []
    check(len(lines) <= 1 and all(line.startswith("552 5.3.4") for line in lines), f"{lines}")
    check(site.gateway.resident() - before < 24 << 20, "memory follows the message")
    check(os.listdir(site.config["temp_directory"]) == [], "temp files stay")
test_P24_over_the_limit_without_size.limit = 90
