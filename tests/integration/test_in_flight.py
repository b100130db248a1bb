"""Every second copy has an event that explains it: B10, B11 and X02 over the end of the process itself."""

import fcntl
import os
import signal
import threading

from harness.client import message, stuffed
from harness.network import connects
from harness.next_hop_script import close, hold
from harness.outcome import check, poll


def send(client, content):
    client.envelope()
    client.command("DATA", "354")
    client.send(stuffed(content))


def restart(site):
    """kill -9 and a new start; returns where the log stood."""
    site.count_sessions = False
    since = site.gateway.mark()
    site.gateway.kill()
    site.gateway.start()
    return since


def unexplained(site, since=0):
    kinds = ("ambiguous", "ack_unconfirmed")
    return [event for kind in kinds for event in site.gateway.of_type(kind, since=since)]


def test_B10_killed_between_our_dot_and_the_answer(case):
    site = case.site()
    answer = threading.Event()
    site.hop.on("DOT", hold(answer, "250 2.0.0 taken"), times=1)
    client = site.client()
    send(client, message("killed\r\n"))
    site.hop.await_true(site.hop.dots, 10, "our dot")
    since = restart(site)
    answer.set()
    event = site.gateway.await_event("ambiguous", since=since)
    check(event["from"] == "sender@example.net" and event["route"] == "groupware", f"{event}")
    site.hop.await_true(lambda: site.hop.messages + site.hop.unanswered, 10, "the copy")
    (copy,) = site.hop.messages + site.hop.unanswered
    check(f"id {event['id']}" in copy.trace, f"{event} is not of {copy.trace}")
    site.hop.messages.clear()
    check(not unexplained(site, restart(site)), "told twice")


def test_B11_killed_before_our_250_was_read(case):
    """The next hop has it, and so has the register: the event tells it from a lost answer."""
    site = case.site()
    client = site.client()
    content = message("killed\r\n")
    send(client, content)
    site.expect_delivered(content)
    told = site.gateway.await_event("message", lambda event: event["fate"] == "delivered")
    since = restart(site)
    event = site.gateway.await_event("ack_unconfirmed", since=since)
    check(event["id"] == told["id"] and event["remembered"] is False, f"{event}")
    check(not unexplained(site, restart(site)), "told twice")


def test_B11_only_a_next_command_shows_that_our_250_was_read(case):
    site = case.site()
    ends = {
        "QUIT": (lambda client: client.quit(), False),
        "RSET": (lambda client: client.command("RSET", "250"), False),
        "the next MAIL": (lambda client: client.mail(), False),
        "FIN": (lambda client: client.close(), True),
        "RST": (lambda client: client.reset(), True),
    }
    for name, (end, unconfirmed) in ends.items():
        content = message(f"{name}\r\n", Message_ID=f"<{name.replace(' ', '-')}@example.net>")
        client = site.client()
        send(client, content)
        client.expect("250")
        site.expect_delivered(content)
        since = site.gateway.mark()
        end(client)
        client.close()
        site.gateway.await_event("session", since=since)
        found = site.gateway.of_type("ack_unconfirmed", since=since)
        check(len(found) == unconfirmed, f"{name}: {found}")
        check(all(event["remembered"] for event in found), f"{name}: {found}")
    # The retries of the two that were not heard of.
    for name in ("FIN", "RST"):
        with site.client() as client:
            send(client, message(f"{name}\r\n", Message_ID=f"<{name}@example.net>"))
            client.expect("250")
            client.quit()


def careless(site, content):
    """Sends it, hears 250, and closes without QUIT; returns what the gateway says of it."""
    since = site.gateway.mark()
    client = site.client()
    send(client, content)
    client.expect("250")
    client.close()
    return site.gateway.await_event("ack_unconfirmed", since=since)


def test_B11_careless_client_of_fixed_words(case):
    """A client that never says QUIT, and whose alarms are all equal: none of them may be taken for a retry."""
    site = case.site()
    for fields in ({}, {"Date": "Thu, 1 Jan 1970 00:00:00 +0000"}, {"Message_ID": ""}, {"Message_ID": " \r\n "}):
        content = message("disk full\r\n", **fields)
        for _ in range(3):
            event = careless(site, content)
            site.expect_delivered(content)
            check(event["remembered"] is False, f"{fields}: {event}")


def test_B11_careless_client_with_one_message_id_for_all(case):
    """What has the Message-ID of the last one is its retry, once; the next one is new again."""
    site = case.site()
    content = message("disk full\r\n", Message_ID="<always-the-same@device.example.net>")
    for delivered in (True, False, True, False):
        event = careless(site, content)
        check(event["remembered"] is delivered, f"{event}")
        if delivered:
            site.expect_delivered(content)


def test_B11_killed_before_a_spared_retry_heard_its_250(case):
    """What an earlier try delivered is forgotten when the retry's 250 was heard, and not when it was said."""
    site = case.site()
    content = message("twice\r\n", Message_ID="<one@example.net>")
    client = site.client()
    send(client, content)
    client.expect("250")
    site.expect_delivered(content)
    client.reset()
    check(site.gateway.await_event("ack_unconfirmed")["remembered"], "the retry is to be spared")
    retry = site.client()
    send(retry, content)
    retry.expect("250")
    site.gateway.await_events("message", 2)
    restart(site)
    with site.client() as again:
        send(again, content)
        again.expect("250")
        again.quit()
    site.deliver(content)  # after a 250 that was heard, equal mail is new mail


def test_B11_killed_after_a_confirmed_message(case):
    """The usual case leaves nothing behind."""
    site = case.site()
    for number in range(3):
        site.deliver(message(f"{number}\r\n"))
    site.gateway.await_events("session", 3)
    check(not unexplained(site, restart(site)), "explained what needs no explanation")


def test_B11_sigterm_before_our_250_was_read(case):
    """The farewell is no proof either; a client that answers it was listening."""
    site = case.site()
    site.count_sessions = False
    mute, polite = site.client(), site.client()
    for name, client in (("mute", mute), ("polite", polite)):
        content = message(f"{name}\r\n")
        client.mail(f"{name}@example.net")
        client.rcpt("anna@example.test")
        client.data(content)
        site.expect_delivered(content)
    site.gateway.signal(signal.SIGTERM)
    polite.expect("421")
    polite.send("QUIT\r\n")
    polite.read_to_end()
    mute.read_to_end()
    site.gateway.await_exit()
    found = [event["from"] for event in site.gateway.of_type("ack_unconfirmed")]
    check(found == ["mute@example.net"], f"{found}")


def test_B10_sigterm_over_a_message_in_flight(case):
    site = case.site({"timeouts": {"drain": "1s"}})
    site.exact = site.count_sessions = False
    answer = threading.Event()
    site.hop.on("DOT", hold(answer, "250 2.0.0 taken"), times=1)
    send(site.client(), message("cut off\r\n"))
    site.hop.await_true(site.hop.dots, 10, "our dot")
    site.gateway.terminate()
    answer.set()
    check(len(site.gateway.of_type("ambiguous")) == 1, f"{unexplained(site)}")
    site.gateway.start()
    check(len(unexplained(site)) == 1, "told twice")


def test_register_that_cannot_be_had(case):
    """Foreign, or none at all: a note says so, and mail flows."""
    site = case.site(start=False)
    site.count_sessions = False
    register = site.config["state"]["sqlite"] + ".inflight"
    with open(register, "w") as file:
        file.write("something else")
    site.gateway.start()
    site.gateway.await_event("note", lambda event: ".corrupt" in event["text"])
    site.deliver()
    site.gateway.terminate()
    os.remove(register)
    os.mkdir(register)
    since = site.gateway.mark()
    site.gateway.start()
    site.gateway.await_event("note", lambda event: "not on record" in event["text"], since=since)
    site.deliver(message("another\r\n"))


def test_B10_slow_log_reader_and_kill(case):
    """What only waits for its reader dies with us: the next start says it then."""
    site = case.site(start=False)
    site.exact = site.count_sessions = False
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    site.gateway.launch(stdout=writing)
    os.close(writing)
    poll(lambda: connects(site.port), 20, "the listener")
    client = site.client()
    for _ in range(40):  # sessions that nobody reads of fill the pipe
        with site.client() as other:
            other.command("RSET", "250")
            other.quit()
    site.hop.on("DOT", close, times=1)
    send(client, message("slow log\r\n"))
    client.expect("451")
    client.quit()
    site.gateway.kill()
    os.set_blocking(reading, False)
    check(b'"ambiguous"' not in os.read(reading, 1 << 20), "the pipe was not full")
    os.close(reading)
    site.gateway.start()
    site.gateway.await_event("ambiguous")
