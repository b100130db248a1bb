"""Group B, content and what the next hop says to it (B07 to B14)."""

import re
import threading
import time

from harness.client import message, stuffed
from harness.next_hop_script import close, hang, hold, raw, reset
from harness.outcome import check
from harness.scenes import QUICK, ask, big, known_first, offer, route


def test_B07_answers_to_data(case):
    """Instead of 354: the class is kept where it is a refusal, never 250."""
    for said, wanted in (
        ("451 4.3.0 later", "451 4."),
        ("552 5.2.2 full", "552 5.2.2"),
        ("250 2.0.0 done already", "451 4."),
        ("220 confused", "451 4."),
        ("554 5.5.1 no", ("554 5.", "451 4.")),
    ):
        site = case.site(route(**QUICK))
        known_first(site)
        site.hop.on("DATA", said)
        with site.client() as client:
            reply = offer(client)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        check(any(reply.matches(one) for one in wanted), f"{said}: {reply}")
        case.finish_site(site)


def test_B08_end_in_mid_data(case):
    """5xx or 4xx and the end, or just the end, at different octets: never 250."""
    site = case.site(route(**QUICK))
    known_first(site)
    content = big(200_000)
    for octets in (0, 1, 1000, 70_000, 150_000):
        for end in (close, reset):
            site.hop.on("BODY", end, at=octets, times=1)
            with site.client() as client:
                reply = offer(client, content=content)
            check(
                reply.matches("451 4.4.2"),
                f"{end.__name__} at {octets}: {reply}",
            )
    check(len(site.hop.messages) == 1, "a part was taken for a message")


def test_B08_refusal_in_mid_data(case):
    site = case.site(route(**QUICK))
    known_first(site)
    for said, wanted in (
        ("552 5.2.3 too big for me", ("552 5.2.3", "451 4.")),
        ("421 4.3.2 going down", ("421 4.3.2", "451 4.")),
    ):
        site.hop.on("BODY", raw(said.encode() + b"\r\n", then=close), at=50_000, times=1)
        with site.client() as client:
            reply = offer(client, content=big(2_000_000))
        check(any(reply.matches(one) for one in wanted), f"{said}: {reply}")


def test_B09_refused_after_the_dot(case):
    """Class kept, our id added, a valid enhanced code added where there was none."""
    for said, wanted in (
        ("552 5.2.2 full", "552 5.2.2 "),
        ("550 no code here", "550 5.0.0 "),
        ("554-5.6.0 line one\n554 5.6.0 line two", "554 5.6.0 "),
        ("451 4.3.0 later", "451 4.3.0 "),
        ("450 busy", "450 4.0.0 "),
        ("421 4.3.2 going down", "4"),
    ):
        site = case.site(route(**QUICK))
        known_first(site)
        site.hop.on("DOT", said)
        with site.client() as client:
            reply = offer(client)
        check(reply.matches(wanted) and reply.id, f"{said}: {reply}")
        case.finish_site(site)


def ambiguous_after(case, action, config=None):
    site = case.site(config or route(**QUICK))
    known_first(site)
    content = message("ambiguous\r\n")
    site.hop.on("DOT", action, times=1)
    with site.client() as client:
        reply = offer(client, content=content)
    check(reply.matches("451 4.4.2"), f"{reply}")
    event = site.gateway.await_event("ambiguous")
    check(event.get("id") and event.get("host"), f"{event}")
    site.deliver(content)  # the retry: one extra copy at most
    check(
        len(site.hop.messages) == 2 and len(site.hop.unanswered) <= 1,
        f"{len(site.hop.messages)}, {len(site.hop.unanswered)}",
    )
    message_event = site.gateway.await_event("message", lambda one: one["fate"] == "ambiguous")
    check(message_event["code"] == 451, f"{message_event}")
    return site


def test_B10_ambiguous_close(case):
    ambiguous_after(case, close)


def test_B10_ambiguous_reset(case):
    ambiguous_after(case, reset)


def test_B10_ambiguous_time_out(case):
    ambiguous_after(case, hang)


def deliver_unheard(site, content):
    """The next hop takes it; the client resets before it can hear our 250."""
    held = threading.Event()
    site.hop.on("DOT", hold(held, "250 2.0.0 taken"), times=1)
    client = site.client().envelope()
    client.command("DATA", "354")
    client.send(stuffed(content))
    site.hop.await_true(lambda: site.hop.dots() >= 2, 10, "our dot")
    client.reset()
    held.set()
    site.gateway.await_event("ack_unconfirmed")


def test_B11_client_gone_before_our_250_was_read(case):
    """One copy; the event ack_unconfirmed; the retry is answered 250 without a second copy."""
    site = case.site()
    known_first(site)
    content = message("unconfirmed\r\n", Message_ID="<one@example.net>")
    deliver_unheard(site, content)
    site.hop.await_messages(2)
    site.expect_delivered(content)
    with site.client() as client:
        client.envelope()
        client.data(content)
        client.envelope()
        other = message("another\r\n")
        client.data(other)
    site.expect_delivered(other)
    site.gateway.await_events("message", 4)
    check(len(site.hop.messages) == 3, f"{len(site.hop.messages)} copies")


def test_B11_memory_survives_a_restart(case):
    site = case.site()
    known_first(site)
    content = message("unconfirmed\r\n", Message_ID="<one@example.net>")
    deliver_unheard(site, content)
    site.expect_delivered(content)
    site.gateway.kill()
    site.gateway.start()
    site.count_sessions = False
    with site.client() as client:
        client.envelope()
        client.data(content)
    check(len(site.hop.messages) == 2, "a second copy after kill -9")


def test_B11_equal_messages_without_identity(case):
    """An alarm of fixed words: the retry is spared once, and the next one is a new alarm."""
    site = case.site()
    known_first(site)
    content = message("disk full\r\n")
    deliver_unheard(site, content)
    site.expect_delivered(content)
    with site.client() as retry:
        retry.envelope()
        retry.data(content)
    check(len(site.hop.messages) == 2, "the retry made a second copy")
    site.deliver(content)


def test_B12_slow_answer_to_the_dot(case):
    """Waited for as long as configured, and the client gets that very answer."""
    site = case.site(route(timeouts={"data": "5s"}))
    known_first(site)
    later = threading.Event()
    site.hop.on("DOT", hold(later, "250 2.0.0 slow but sure"), times=1)
    threading.Timer(2.0, later.set).start()
    began = time.monotonic()
    site.deliver(message("slow\r\n"))
    check(time.monotonic() - began >= 1.8, "answered before the next hop was")


HOSTILE = {
    "endless": b"250-x\r\n" * 5000,
    "one line of 1 MiB": b"250 " + b"x" * (1 << 20) + b"\r\n",
    "no CRLF": b"250 ok",
    "wrong code": b"999 what\r\n",
    "no code": b"hello there\r\n",
    "codes differ": b"250-one\r\n550 two\r\n",
    "NUL": b"550 5.1.1 a\0b\r\n",
    "control characters": b"550 5.1.1 \x1b[31mred\x07\r\n",
    "bare LF": b"550 5.1.1 one\n550 5.1.1 two\r\n",
}


def test_B13_hostile_replies(case):
    """Capped, the connection dropped, nothing reflected unescaped to the client."""
    for name, data in HOSTILE.items():
        site = case.site(route(**QUICK))
        site.hop.on("RCPT", raw(data))
        before = site.gateway.resident()
        with site.client() as client:
            client.mail()
            reply = ask(client, "bert@example.test")
        check(reply.code in (451, 550), f"{name}: {reply}")
        check(not re.search(r"[^\x20-\x7e]", "".join(reply.lines)), f"{name}: unescaped {reply.lines}")
        check(site.gateway.resident() - before < 16 << 20, f"{name}: memory")
        site.hop.faults.clear()
        case.finish_site(site)


def test_B14_desync(case):
    """Two replies to one command: the connection is never used again."""
    site = case.site(route(**QUICK))
    known_first(site)
    site.hop.on("RCPT", raw(b"250 2.1.5 ok\r\n250 2.0.0 and one more\r\n"), match="bert@", times=1)
    with site.client() as client:
        reply = offer(client, "bert@example.test", content=message("desync\r\n"))
        site.exact = False
        check(reply.code in (250, 451), f"{reply}")
    content = message("after\r\n")
    with site.client() as client:
        client.envelope()
        client.data(content)
    stored = site.hop.await_messages(2)[-1]
    check(stored.own_content == content and stored.to == ["anna@example.test"], f"{stored.to}")


def test_B14_reply_before_command(case):
    site = case.site(route(**QUICK))
    site.hop.on("BANNER", raw(b"220 hop.example.test ESMTP\r\n250 2.0.0 too early\r\n"), times=1)
    with site.client() as client:
        client.mail()
        reply = ask(client, "nobody@example.test")
        check(reply.code in (451, 550), f"{reply}")
    site.hop.heal()
    site.deliver()


def test_B09_texts_that_do_not_fit(case):
    """Long and many lines, codes of another class: every line stays within 512 octets, classes agree."""
    texts = {
        "long": "550 5.1.1 " + "no such user here, and we explain it at length " * 14,
        "many lines": "\n".join(["550-5.1.1 one of many lines"] * 60 + ["550 5.1.1 the last"]),
        "another class": "550 4.2.0 temporary or permanent?",
        "no text": "550",
        "8-bit": "550 5.1.1 kein Postfach für Sie",
        "no blank": "550 5.1.1",
    }
    site = case.site(route(**QUICK))
    for number, (name, text) in enumerate(texts.items()):
        site.hop.on("RCPT", text, match=f"who{number}@")
        with site.client() as client:
            client.mail()
            reply = ask(client, f"who{number}@example.test")
        check(reply.code == 550 and reply.enhanced.startswith("5."), f"{name}: {reply}")
        check(not re.search(r"[^\x20-\x7e]", "".join(reply.lines)), f"{name}: {reply.lines}")
