"""Group B: every way in which a next hop can fail, lie, or be slow."""

import contextlib
import re
import socket
import ssl
import threading
import time

from harness import certificates
from harness.client import message, stuffed
from harness.next_hop import NextHop, close, hang, hold, raw, reset
from harness.outcome import Skip, check, poll
from harness.ports import free_port, occupy

QUICK = {"timeouts": {"connect": "1s", "greeting": "1s", "command": "1s", "data": "2s"}}


def route(**settings):
    return {"routes": {"groupware": settings}}


def offer(client, *recipients, content=None):
    """A transaction up to the answer to the dot, whatever it is."""
    client.mail()
    for recipient in recipients or ("anna@example.test",):
        reply = ask(client, recipient)
        if reply.code != 250:
            return reply
    client.command("DATA", "354")
    client.send(stuffed(content or message()))
    return client.read_reply()


def ask(client, recipient):
    client.line(f"RCPT TO:<{recipient}>")
    return client.read_reply()


def known_first(site, content=None):
    """A delivery, so that the recipient is known from now on and what follows is about the way."""
    return site.deliver(content or message("first\r\n"))


# -- the way is down -----------------------------------------------------------------------------------


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
            check(time.monotonic() - began < 12, "the probe comes after 5 s")
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
    check(time.monotonic() - began < 6, "too slow")
    hole.close()


def test_B02_banner_never_comes(case):
    site = case.site(route(**QUICK), rules=[("BANNER", hang)])
    began = time.monotonic()
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.4.2")
    check(time.monotonic() - began < 6, "too slow")
    site.control = False


def test_B03_banner_and_ehlo(case):
    """Only an answer to RCPT speaks of the recipient: everything before is 451, an alarm, never cached."""
    faults = [("BANNER", "554 5.7.1 no service for you"), ("BANNER", "421 4.3.2 later"), ("EHLO", "421 4.3.2 later"),
              ("EHLO", raw(b"\x00\xff garbage\r\n")), ("BANNER", "250 odd banner")]
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
        finish_now(case, site)


def finish_now(case, site):
    """A case of many sites: each is judged and ended before the next begins."""
    site.finish()
    case.sites.remove(site)


def test_B03_helo_where_ehlo_is_refused(case):
    site = case.site(route(**QUICK), rules=[("EHLO", "502 5.5.1 what is EHLO?")])
    site.deliver()
    check(site.hop.commands("HELO"), "HELO was not tried")


def test_B04_mail_refused(case):
    """At MAIL: of the sender or of the way, never of the recipient; 5xx is not cached."""
    for said in ("451 4.3.0 disk trouble", "550 5.7.1 we dislike that sender", "530 5.7.0 authenticate first"):
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
        finish_now(case, site)


def test_B04_mail_refused_at_delivery(case):
    site = case.site(route(**QUICK))
    known_first(site)
    site.hop.on("MAIL", "451 4.3.0 disk trouble")
    with site.client() as client:
        reply = offer(client)
    check(reply.matches("451 4."), f"{reply}")


def test_B04_faults_of_the_way_at_rcpt(case):
    """RCPT 5.7.x and 530 are faults of the way: 451, alarm, never cached."""
    for said in ("550 5.7.1 Client was not authenticated", "530 5.7.57 not authenticated", "554 5.7.1 relay access denied"):
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
        finish_now(case, site)


# -- RCPT ----------------------------------------------------------------------------------------------


def test_B05_mixed_recipients(case):
    site = case.site(known={"anna", "bert", "carl", "dora", "emil", "it"})
    site.hop.on("RCPT", "450 4.2.1 busy", match="bert@")
    site.hop.on("RCPT", "550 5.1.1 no carl", match="carl@")
    site.hop.on("RCPT", "552 5.2.2 full", match="dora@")
    site.hop.on("RCPT", "xyzzy", match="emil@")
    with site.client() as client:
        client.send("MAIL FROM:<a@example.net>\r\n" + "".join(
            f"RCPT TO:<{name}@example.test>\r\n" for name in ("bert", "carl", "anna", "dora", "emil")) + "DATA\r\n")
        for wanted in ("250", "450 4.2.1", "550 5.1.1", "250", "552 5.2.2", "451 4.", "354"):
            client.expect(wanted)
        client.content(message())
    site.expect_delivered(message())
    stored, = site.hop.await_messages(1)
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


# -- content -------------------------------------------------------------------------------------------


def test_B07_answers_to_data(case):
    """Instead of 354: the class is kept where it is a refusal, never 250."""
    for said, wanted in (("451 4.3.0 later", "451 4."), ("552 5.2.2 full", "552 5.2.2"), ("250 2.0.0 done already", "451 4."),
                         ("220 confused", "451 4."), ("554 5.5.1 no", ("554 5.", "451 4."))):
        site = case.site(route(**QUICK))
        known_first(site)
        site.hop.on("DATA", said)
        with site.client() as client:
            reply = offer(client)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        check(any(reply.matches(one) for one in wanted), f"{said}: {reply}")
        finish_now(case, site)


def big(octets):
    return message(("w" * 76 + "\r\n") * (octets // 78))


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
            check(reply.matches("451 4.4.2") or reply.matches("451 4.4."), f"{end.__name__} at {octets}: {reply}")
    check(len(site.hop.messages) == 1, "a part was taken for a message")


def test_B08_refusal_in_mid_data(case):
    site = case.site(route(**QUICK))
    known_first(site)
    for said, wanted in (("552 5.2.3 too big for me", ("552 5.2.3", "451 4.")), ("421 4.3.2 going down", ("421 4.3.2", "451 4."))):
        site.hop.on("BODY", raw(said.encode() + b"\r\n", then=close), at=50_000, times=1)
        with site.client() as client:
            reply = offer(client, content=big(2_000_000))
        check(any(reply.matches(one) for one in wanted), f"{said}: {reply}")


def test_B09_refused_after_the_dot(case):
    """Class kept, our id added, a valid enhanced code added where there was none."""
    for said, wanted in (("552 5.2.2 full", "552 5.2.2 "), ("550 no code here", "550 5.0.0 "), ("554-5.6.0 line one\n554 5.6.0 line two", "554 5.6.0 "),
                         ("451 4.3.0 later", "451 4.3.0 "), ("450 busy", "450 4.0.0 "), ("421 4.3.2 going down", "4")):
        site = case.site(route(**QUICK))
        known_first(site)
        site.hop.on("DOT", said)
        with site.client() as client:
            reply = offer(client)
        check(reply.matches(wanted) and reply.id, f"{said}: {reply}")
        finish_now(case, site)


def ambiguous_after(case, action, config=None):
    site = case.site(config or route(**QUICK))
    known_first(site)
    content = message("ambiguous\r\n")
    site.hop.on("DOT", action, times=1)
    with site.client() as client:
        reply = offer(client, content=content)
    check(reply.matches("451 4.4.2") or reply.matches("451 4."), f"{reply}")
    event = site.gateway.await_event("ambiguous")
    check(event.get("id") and event.get("host"), f"{event}")
    site.deliver(content)  # the retry: one extra copy at most
    check(len(site.hop.messages) == 2 and len(site.hop.unanswered) <= 1, f"{len(site.hop.messages)}, {len(site.hop.unanswered)}")
    message_event = site.gateway.await_event("message", lambda one: one["fate"] == "ambiguous")
    check(message_event["code"] == 451, f"{message_event}")
    return site


def test_B10_ambiguous_close(case):
    ambiguous_after(case, close)


def test_B10_ambiguous_reset(case):
    ambiguous_after(case, reset)


def test_B10_ambiguous_time_out(case):
    ambiguous_after(case, hang)


def test_B11_client_gone_before_our_250_was_read(case):
    """One copy; the event ack_unconfirmed; the retry is answered 250 without a second copy."""
    site = case.site()
    known_first(site)
    held = threading.Event()
    content = message("unconfirmed\r\n")
    site.hop.on("DOT", hold(held, "250 2.0.0 taken"), times=1)
    client = site.client().envelope()
    client.command("DATA", "354")
    client.send(stuffed(content))
    site.hop.await_true(lambda: sum("dot after" in text for _, _, text, _ in site.hop.log) >= 2, 10, "our dot")
    client.reset()
    held.set()
    site.gateway.await_event("ack_unconfirmed")
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
    held = threading.Event()
    content = message("unconfirmed\r\n")
    site.hop.on("DOT", hold(held, "250 2.0.0 taken"), times=1)
    client = site.client().envelope()
    client.command("DATA", "354")
    client.send(stuffed(content))
    site.hop.await_true(lambda: sum("dot after" in text for _, _, text, _ in site.hop.log) >= 2, 10, "our dot")
    client.reset()
    held.set()
    site.gateway.await_event("ack_unconfirmed")
    site.expect_delivered(content)
    site.gateway.kill()
    site.gateway.start()
    site.count_sessions = False
    with site.client() as client:
        client.envelope()
        client.data(content)
    check(len(site.hop.messages) == 2, "a second copy after kill -9")


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


# -- replies -------------------------------------------------------------------------------------------

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
        finish_now(case, site)


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


# -- TLS -----------------------------------------------------------------------------------------------


def hop_tls(name="hop.example.test", pair=None, **options):
    return (pair or certificates.self_signed(name)).server_context(**options)


def test_B15_tls_faults_under_required(case):
    """451 4.7.5, and not one octet of mail in clear."""
    good = hop_tls()
    scenes = {
        "missing": ({}, []),
        "454": ({"tls": good}, [("STARTTLS", "454 4.7.0 not now")]),
        "plaintext after 220": ({"tls": good}, [("STARTTLS", raw(b"220 2.0.0 go\r\n250 2.0.0 evil\r\n"))]),
        "hangs": ({"tls": good}, [("HANDSHAKE", hang)]),
        "closes": ({"tls": good}, [("HANDSHAKE", close)]),
        "TLS 1.0": ({"tls": hop_tls(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)}, []),
    }
    for name, (options, rules) in scenes.items():
        site = case.site(route(tls="required", **QUICK), rules=rules, **options)
        with site.client() as client:
            client.mail()
            client.rcpt("anna@example.test", "451 4.7.5", "451 4.7.0", "451 4.4.2")
        check(not site.hop.commands("MAIL"), f"{name}: mail in clear")
        site.control = False
        site.hop.faults.clear()
        finish_now(case, site)


def test_B15_tls_faults_under_opportunistic(case):
    """Any handshake failure means once more in clear, on a new connection, logged."""
    good = hop_tls()
    scenes = {"454": [("STARTTLS", "454 4.7.0 not now")], "closes": [("HANDSHAKE", close)], "hangs": [("HANDSHAKE", hang)]}
    for name, rules in scenes.items():
        site = case.site(route(tls="opportunistic", **QUICK), tls=good, rules=rules)
        site.deliver(message(name + "\r\n"))
        if name != "454":
            site.gateway.await_event("tls_fallback")
        site.control = False
        finish_now(case, site)
    site = case.site(route(tls="opportunistic"), tls=good)
    site.deliver(message("under TLS\r\n"))
    check(site.hop.await_messages(1)[0].tls, "TLS was offered and not used")


def test_B15_tls_verified(case):
    """By CA and name, or by pin; expired, wrong name and self-signed are refused."""
    ca = certificates.authority()
    right = certificates.signed("localhost", ca)
    wrong = certificates.signed("other.example.net", ca)
    own = certificates.self_signed("localhost", name="own-localhost")
    expired = certificates.expired("localhost")
    scenes = [("right", right, {"tls_ca": ca.certificate}, True), ("wrong name", wrong, {"tls_ca": ca.certificate}, False),
              ("self-signed", own, {"tls_ca": ca.certificate}, False), ("expired", expired, {"tls_ca": expired.certificate}, False),
              ("pinned", own, {"tls_pins": [own.fingerprint]}, True), ("wrong pin", own, {"tls_pins": ["0" * 64]}, False)]
    for name, pair, settings, good in scenes:
        hop = case.next_hop(tls=hop_tls(pair=pair))
        site = case.site(route(tls="verified", hosts=[f"localhost:{hop.port}"], **settings, **QUICK), hop=hop)
        with site.client() as client:
            client.mail()
            reply = ask(client, "anna@example.test")
        check(reply.matches("250" if good else "451 4.7."), f"{name}: {reply}")
        check(good or not hop.commands("MAIL"), f"{name}: mail to a server that is not the one")
        site.control = good
        finish_now(case, site)


def test_B15_implicit_tls_to_the_next_hop(case):
    hop = case.next_hop(tls=hop_tls(), implicit_tls=True)
    site = case.site(route(tls="required", hosts=[f"smtps://127.0.0.1:{hop.port}"]), hop=hop)
    site.deliver()
    check(hop.await_messages(1)[0].trace, "delivered")


def test_B15_minimum_version(case):
    hop = case.next_hop(tls=hop_tls(maximum=ssl.TLSVersion.TLSv1_2))
    site = case.site(route(tls="required", tls_minimum="1.3", **QUICK), hop=hop)
    site.control = False
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.7.")


def test_B15_authentication_towards_the_next_hop(case):
    """AUTH under TLS only; a refused password is a fault of the way."""
    users = {"gateway": "se cret"}
    hop = case.next_hop(tls=hop_tls(), users=users)
    site = case.site(route(tls="required", auth={"user": "gateway", "password": "se cret"}, **QUICK), hop=hop)
    site.deliver()
    check(hop.commands("AUTH"), "no AUTH")
    clear = case.next_hop(users=users)
    unsafe = case.site(route(tls="never", auth={"user": "gateway", "password": "se cret"}, **QUICK), hop=clear, start=False)
    result = unsafe.gateway.run("check", "-c", unsafe.gateway.conf)
    if result.returncode == 0:
        unsafe.gateway.start()
        unsafe.exact = unsafe.control = False
        with unsafe.client() as client:
            client.mail()
            ask(client, "anna@example.test")
    check(not clear.commands("AUTH"), "a password in clear")
    wrong = case.next_hop(tls=hop_tls(), users=users)
    refused = case.site(route(tls="required", auth={"user": "gateway", "password": "wrong"}, **QUICK), hop=wrong)
    refused.control = False
    with refused.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.")
    log = repr(refused.gateway.events) + refused.gateway.error_text() + repr(site.gateway.events)
    check("se cret" not in log and "wrong\"" not in log, "a password in the log")


def test_B15_client_certificate_towards_the_next_hop(case):
    pair = certificates.self_signed("mx.example.test")
    context = hop_tls()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pair.certificate)
    hop = case.next_hop(tls=context)
    site = case.site(route(tls="required", tls_certificate=pair.certificate, tls_key=pair.key), hop=hop)
    site.deliver()


def test_B16_capabilities_of_this_connection(case):
    """What counts is the last EHLO on this very connection: the next hop checks each parameter."""
    hop = case.next_hop(tls=hop_tls(), capabilities=["SIZE 100000", "8BITMIME", "DSN", "PIPELINING", "CHUNKING"])
    site = case.site(route(tls="required", timeouts={"idle": "1s"}), hop=hop)
    site.deliver()
    hop.await_all_closed()
    hop.capabilities = ["8BITMIME"]
    with site.client() as client:
        client.mail("a@example.net", "SIZE=200 BODY=8BITMIME RET=HDRS" if "DSN" in client.offers else "SIZE=200 BODY=8BITMIME")
        client.rcpt("anna@example.test")
        client.bdat(message("again\r\n"), True)
    site.expect_delivered(message("again\r\n"))


# -- pool ----------------------------------------------------------------------------------------------


def test_B17_idle_connection_was_closed(case):
    """At MAIL, at RSET, by 421: once more on a new connection, before the end of data only."""
    for verb, action in (("MAIL", close), ("MAIL", reset), ("MAIL", "421 4.4.2 idle too long"), ("RSET", close), ("RSET", "421 4.3.2 bye")):
        site = case.site({"workers": 1, **route(**QUICK)})  # the connections of one core
        known_first(site)
        site.hop.on(verb, action, times=1)
        site.deliver(message(f"{verb} {described(action)}\r\n"))
        finish_now(case, site)


def described(action):
    return getattr(action, "__name__", action)


def test_B17_closed_while_idle(case):
    site = case.site(route(**QUICK))
    known_first(site)
    site.hop.stop()
    site.hop.await_all_closed()
    site.hop.start()
    site.deliver(message("after a restart of the next hop\r\n"))


def test_B17_pool_is_used_and_closed_when_idle(case):
    site = case.site(route(timeouts={"idle": "1s"}))
    with site.client() as client:
        for number in range(5):
            content = message(f"{number}\r\n")
            client.envelope()
            client.data(content)
            site.expect_delivered(content)
    check(site.hop.connections <= 4, f"{site.hop.connections} connections for 5 messages")
    site.hop.await_all_closed(8)
    check(site.hop.commands("QUIT"), "closed without QUIT")


def test_B17_max_connections(case):
    """At most so many a host, all cores together; the rest waits its turn."""
    site = case.site(route(max_connections=3))
    known_first(site)
    held = threading.Event()
    site.hop.on("DOT", hold(held, "250 2.0.0 ok"))
    contents = [message(f"{number}\r\n") for number in range(10)]

    def one(content):
        site.deliver(content)

    threads = [threading.Thread(target=one, args=(content,)) for content in contents]
    [thread.start() for thread in threads]
    site.hop.await_true(lambda: sum("dot after" in text for _, _, text, _ in site.hop.log) >= 4, 10, "three dots under way")
    held.set()
    [thread.join() for thread in threads]
    check(site.hop.most_open <= 3, f"{site.hop.most_open} connections at once")


# -- several hosts -------------------------------------------------------------------------------------


def two_hosts(case, rules=()):
    first, second = case.next_hop(), case.next_hop()
    site = case.site({"routes": {"groupware": {"hosts": [first.host, second.host], **QUICK}}}, hop=first, rules=rules)
    site.exact = False
    return site, first, second


def test_B18_fail_over_before_data(case):
    for verb in ("BANNER", "EHLO", "MAIL", "RCPT"):
        for action in (close, reset):
            site, first, second = two_hosts(case, rules=[(verb, action)])
            content = site.deliver(message(verb + "\r\n"))
            stored, = second.await_messages(1)
            check(stored.own_content == content and not first.messages, f"{verb}: {len(first.messages)}")
            finish_now(case, site)


def test_B18_first_host_is_down(case):
    site, first, second = two_hosts(case)
    first.stop()
    for number in range(6):
        site.deliver(message(f"{number}\r\n"))
    second.await_messages(6)
    site.gateway.await_event("host_down")
    first.start()
    site.control = False


def test_B18_no_fail_over_after_the_dot(case):
    site, first, second = two_hosts(case)
    site.deliver(message("first\r\n"))
    first.on("DOT", close)
    with site.client() as client:
        reply = offer(client, content=message("once\r\n"))
    check(reply.matches("451 4.4.2") or reply.matches("451 4."), f"{reply}")
    check(not second.messages and not second.commands("DATA"), "delivered to the second host too")
    site.gateway.await_event("ambiguous")


# -- LMTP ----------------------------------------------------------------------------------------------


def test_B19_lmtp_all_the_same(case):
    site = case.site(lmtp=True)
    site.deliver(message("lmtp\r\n"), "anna@example.test", "bert@example.test")
    stored, = site.hop.await_messages(1)
    check(stored.taken == ["anna@example.test", "bert@example.test"], f"{stored.taken}")
    site.hop.on("DOT", "552 5.2.2 full")
    with site.client() as client:
        reply = offer(client, "anna@example.test", "bert@example.test")
    check(reply.matches("552 5.2.2"), f"{reply}")


def test_B19_lmtp_split_over_ten_retries(case):
    """A 250, B 452 over ten retries: A gets exactly one copy, and is never lost."""
    site = case.site(lmtp=True)
    site.exact = False
    site.hop.on("DOT", "452 4.2.2 over quota", match="bert@")
    content = message("split\r\n")
    for number in range(10):
        with site.client() as client:
            reply = offer(client, "anna@example.test", "bert@example.test", content=content)
        # Where results differ it is our 451; later B's is the only one.
        check(reply.matches("451 4." if number == 0 else "45"), f"try {number + 1}: {reply}")
    copies = [address for stored in site.hop.messages for address in stored.taken]
    check(copies == ["anna@example.test"], f"{copies}")
    site.gateway.await_event("split_delivery")
    site.hop.heal()
    with site.client() as client:
        client.envelope("anna@example.test", "bert@example.test")
        client.data(content)
    copies = [address for stored in site.hop.messages for address in stored.taken]
    check(sorted(copies) == ["anna@example.test", "bert@example.test"], f"{copies}")
    with site.client() as client:
        client.envelope("anna@example.test")
        client.data(message("another content\r\n"))
    check(len(site.hop.messages) == 3, "another message is no retry")


def test_B19_lmtp_refusal_on_the_retry(case):
    """A has it since the first try; B's refusal on the second must not make A's mail bounce."""
    site = case.site(lmtp=True)
    site.exact = False
    content = message("split\r\n")
    for said in ("452 4.2.2 over quota", "552 5.2.2 still over quota"):
        site.hop.on("DOT", said, match="bert@", times=1)
        with site.client() as client:
            reply = offer(client, "anna@example.test", "bert@example.test", content=content)
        check(reply.code // 100 == 4, f"after {said}: {reply}")
    site.hop.on("DOT", "552 5.2.2 over quota for good", match="bert@")
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test")
        client.rcpt("bert@example.test", "451 4.3.0", "552 5.2.2")  # in a transaction of its own, or at once
        client.data(content)
        check(offer(client, "bert@example.test", content=content).matches("552 5.2.2"), "B's own answer")
    copies = [address for stored in site.hop.messages for address in stored.taken]
    check(copies == ["anna@example.test"], f"{copies}")


def test_B19_lmtp_memory_survives_a_restart(case):
    site = case.site(lmtp=True)
    site.exact = site.count_sessions = False
    site.hop.on("DOT", "452 4.2.2 over quota", match="bert@")
    content = message("split\r\n")
    with site.client() as client:
        check(offer(client, "anna@example.test", "bert@example.test", content=content).code == 451, "451")
    site.gateway.kill()
    site.gateway.start()
    with site.client() as client:
        check(offer(client, "anna@example.test", "bert@example.test", content=content).matches("45"), "not 250 yet")
    copies = [address for stored in site.hop.messages for address in stored.taken]
    check(copies == ["anna@example.test"], f"{copies}")


def test_B19_lmtp_reply_missing_or_extra(case):
    site = case.site({"routes": {"groupware": dict(QUICK)}}, lmtp=True)
    site.exact = False
    site.hop.on("DOT", hang, match="bert@", times=1)
    with site.client() as client:
        reply = offer(client, "anna@example.test", "bert@example.test")
    check(reply.matches("451 4."), f"one missing: {reply}")
    site.hop.on("DOT", raw(b"250 2.0.0 ok\r\n250 2.0.0 extra\r\n"), match="anna@", times=1)
    with site.client() as client:
        offer(client, "anna@example.test", content=message("extra\r\n"))
        content = message("in step\r\n")
        client.envelope("bert@example.test")
        client.data(content)
    check(site.hop.messages[-1].own_content == content, "out of step")


def test_B20_smaller_size_of_the_next_hop(case):
    """Our SIZE stays ours; the route's smaller one is refused at RCPT, or after the dot."""
    site = case.site(capabilities=["PIPELINING", "SIZE 100000"])
    site.deliver()
    with site.client() as client:
        check(client.offers["SIZE"] == "SIZE 50000000", f"{client.offers['SIZE']}")
        client.mail("a@example.net", "SIZE=100001")
        client.rcpt("anna@example.test", "552 5.3.4")
        client.command("RSET", "250")
        client.envelope()
        client.command("DATA", "354")
        client.send(stuffed(big(150_000)))
        client.expect("552 5.3.4")
        client.mail("a@example.net", "BODY=8BITMIME SIZE=500")
        client.rcpt("anna@example.test")
        content = "Subject: ü\r\n\r\nü\r\n".encode()
        client.data(content)
    site.expect_delivered(content)


def test_B20_route_message_size(case):
    site = case.site(route(message_size=64_000))
    with site.client() as client:
        client.mail("a@example.net", "SIZE=64001")
        client.rcpt("anna@example.test", "552 5.3.4")
        client.command("RSET", "250")
        client.envelope()
        client.command("DATA", "354")
        client.send(stuffed(big(80_000)))
        client.expect("552 5.3.4")


# -- what is remembered of recipients --------------------------------------------------------------------


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
    check(asked("anna") == 1 and asked("nobody") == 1 and asked("carl") == 2,
          f"anna {asked('anna')}, nobody {asked('nobody')}, carl {asked('carl')}")


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


def test_route_source_and_helo(case):
    site = case.site(route(source="127.0.0.33", helo="out.example.test"))
    site.deliver()
    check("EHLO out.example.test" in site.hop.commands("EHLO"), f"{site.hop.commands('EHLO')}")
    check(site.hop.peers and set(site.hop.peers) == {"127.0.0.33"}, f"{site.hop.peers}")
