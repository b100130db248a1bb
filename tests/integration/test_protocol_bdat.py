"""Group P, BDAT arithmetic and sizes (P19 to P24)."""

import os
import threading

from harness.client import message
from harness.outcome import check


def test_P19_bdat_arguments(case):
    site = case.site()
    for argument in (
        "",
        " ",
        " -1",
        " +5",
        " 0x10",
        " 1e9",
        " " + "9" * 400,
        " 5 5",
        " 5 LAST LAST",
        " 5 LASTX",
        " LAST",
        " 18446744073709551616",
        " 18446744073709551615",
        " 9223372036854775808",
        " 4294967296",
        " 2147483648",
    ):
        client = site.client().envelope()
        client.line("BDAT" + argument)
        reply = client.expect("501 5.5.4", "552 5.3.4")
        usable = reply.code == 552
        client.send(b"hello\r\nRCPT TO:<bert@example.test>\r\n") if not usable else client.shut()
        lines = client.read_to_end(6)
        check(
            not any(line.startswith("250") for line in lines),
            f"BDAT{argument}: octets became commands: {lines}",
        )


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
        for command in ("RSET", "EHLO client.test"):
            since = site.gateway.mark()
            client.bdat("Subject: forgotten\r\n\r\n")
            client.command(command, "250")
            event = site.gateway.await_event("message", since=since)
            check(event["fate"] == "reset", f"{command}: {event}")
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
