"""Group P, too many of everything, and what counting tells (P26 to P28)."""

import re
import threading
import time

from harness.client import message
from harness.outcome import check


class Everybody:
    """A next hop that knows user<number>, and nobody else: no catch-all."""

    def __contains__(self, local):
        return re.fullmatch(r"user\d+|anna", local) is not None


def test_P26_many_recipients(case):
    site = case.site({"limits": {"recipients": 1000}}, known=Everybody())
    client = site.client()
    client.mail()
    threading.Thread(
        target=client.send, args=("".join(f"RCPT TO:<user{n}@example.test>\r\n" for n in range(1010)),)
    ).start()
    for number in range(1010):
        client.expect("250" if number < 1000 else "452 4.5.3")
    client.data(message("many\r\n"))
    site.expect_delivered(message("many\r\n"))
    (stored,) = site.hop.await_messages(1)
    check(len(stored.to) == 1000, f"{len(stored.to)} recipients")


test_P26_many_recipients.limit = 120


def test_P26_unknown_recipients(case):
    site = case.site()
    client = site.client()
    client.mail()
    for number in range(19):
        client.rcpt(f"nobody{number}@example.test", "550 5.1.1")
    lines = []
    client.send("".join(f"RCPT TO:<none{number}@example.test>\r\n" for number in range(30)))
    lines = client.read_to_end()
    check(lines[-1].startswith("421 4.7.0"), f"{lines}")
    check(len(lines) <= 3, f"{len(lines)} replies after 19 errors")


def test_P27_junk_commands(case):
    site = case.site()
    for command in (b"NOOP\r\n", b"RSET\r\n", b"HELP\r\n", b"VRFY x\r\n", b"EHLO x\r\n"):
        client = site.client()
        answered = 0
        for _ in range(1000):
            client.send(command)
            reply = client.read_reply()
            if reply.code == 421:
                break
            answered += 1
        check(reply.matches("421 4.7.0"), f"{command}: {reply}")
        check(90 <= answered <= 110, f"{command}: {answered} answered")
        client.expect_closed()
    client = site.client()
    client.send(b"GARBAGE\r\n" * 1000)
    lines = client.read_to_end()
    check(lines[-1].startswith("421 4.7.0") and len(lines) <= 25, f"{len(lines)}: {lines[-1]}")
    site.gateway.await_events("session", 6)


def test_P27_good_mail_resets_the_junk_count(case):
    site = case.site()
    client = site.client()
    for number in range(3):
        for _ in range(60):
            client.command("NOOP", "250")
        site.deliver(message(f"{number}\r\n"), client=None)
        client.envelope()
        content = message(f"between {number}\r\n")
        client.data(content)
        site.expect_delivered(content)


def test_P28_vrfy_and_expn_tell_nothing(case):
    site = case.site({"limits": {"junk_commands": 1000, "errors": 1000}})
    client = site.client()
    times = {"anna": [], "nobody": []}
    replies = {}
    for _ in range(40):
        for user in times:
            began = time.perf_counter()
            reply = client.command(f"VRFY {user}@example.test", "252 2.")
            times[user].append(time.perf_counter() - began)
            replies.setdefault(("VRFY", user), reply.last)
            replies.setdefault(("EXPN", user), client.command(f"EXPN {user}", "502 5.5.1").last)
    check(replies["VRFY", "anna"] == replies["VRFY", "nobody"], f"{replies}")
    known, unknown = (min(times[user]) for user in times)  # the rest is what else the machine did
    check(abs(known - unknown) < 0.005, f"{known} {unknown}")
    check(not site.hop.commands("RCPT"), "the next hop was asked")
