"""The way of ordinary mail: delivered, refused, relayed; what a peer of good will sees."""

import os
import re
import socket
import threading

from harness.client import message
from harness.outcome import Failure, Skip, check
from harness.ports import free_port
from harness.setups import with_tls


def test_flow_delivered(case):
    site = case.site()
    with site.client() as client:
        client.mail("sender@example.net")
        client.rcpt("anna@example.test")
        reply = client.data(message())
        client.quit()
    site.expect_delivered(message())
    (stored,) = site.hop.await_messages(1)
    check(stored.sender == "sender@example.net", f"sender {stored.sender}")
    check(stored.to == ["anna@example.test"], f"recipients {stored.to}")
    event = site.gateway.await_event("message")
    check(event["fate"] == "delivered" and event["code"] == 250, f"event {event}")
    check(
        event["from"] == "sender@example.net" and event["to"][0]["address"] == "anna@example.test", f"{event}"
    )
    check(reply.enhanced == "2.0.0" or reply.enhanced.startswith("2."), f"{reply}")


def test_flow_received_header(case):
    """RFC 5321 4.4: by us, with the id of the event; a for-clause only with a single recipient."""
    site = case.site(with_tls())
    site.deliver()
    site.deliver(message("two\r\n"), "anna@example.test", "bert@example.test")
    client = site.connect()
    client.greet()
    client.ehlo()
    client.starttls()
    client.ehlo()
    site.deliver(message("tls\r\n"), client=client)
    first, second, third = (stored.trace for stored in site.hop.await_messages(3))
    ids = [event["id"] for event in site.gateway.await_events("message", 3)]
    for trace, id in zip((first, second, third), ids):
        check(trace.startswith("Received: from client.example.net"), trace)
        check("by mx.example.test" in trace and id in trace and "[127.0.0.1]" in trace, f"{trace} {id}")
    check("for <anna@example.test>" in first, first)
    check("for <" not in second, second)
    check("with ESMTPS" in third and "TLS" in third, third)
    check(re.search(r"with ESMTP\b", first), first)


def test_flow_unknown_recipient_costs_no_message_byte(case):
    site = case.site()
    with site.client() as client:
        client.mail()
        reply = client.rcpt("nobody@example.test", "550 5.1.1")
        client.command("DATA", "503", "554 5.5.1")
    check("no such user" in reply.last, f"the next hop's own text: {reply}")
    check(not site.hop.commands("DATA") and not site.hop.commands("BDAT"), "content reached the next hop")


def test_flow_relay_refused(case):
    site = case.site()
    with site.client() as client:
        client.mail("boss@example.test")
        reply = client.rcpt("user@remote.host", "550 5.7.1 cannot relay for remote.host; id ")
        client.rcpt("anna@example.test")
    session = site.gateway.await_event("session")
    check(reply.id.startswith(session["id"]), f"{reply} {session}")
    check(
        not [line for line in site.hop.commands("RCPT") if "remote.host" in line],
        "asked for a foreign domain",
    )


def test_flow_trusted_client_goes_out(case):
    """Trusted clients' mail to foreign domains goes through `outbound`, and only then."""
    smarthost = case.next_hop(known=None)
    site = case.site(
        {
            "routes": {"smarthost": {"hosts": [smarthost.host], "tls": "never", "recipients": "any"}},
            "outbound": {"route": "smarthost"},
            "trusted_networks": ["127.0.0.7"],
        }
    )
    with site.client(source="127.0.0.7") as client:
        client.envelope("user@remote.host")
        client.data(message("out\r\n"))
    with site.client() as client:
        client.mail()
        client.rcpt("user@remote.host", "550 5.7.1 cannot relay for remote.host")
    (stored,) = smarthost.await_messages(1)
    check(stored.to == ["user@remote.host"], f"{stored.to}")


def test_flow_trusted_client_without_outbound(case):
    site = case.site({"trusted_networks": ["127.0.0.7"]})
    with site.client(source="127.0.0.7") as client:
        client.mail()
        client.rcpt("user@remote.host", "550 5.7.1 cannot relay for remote.host")
        client.rcpt("anna@example.test")


def test_flow_pipelining(case):
    site = case.site()
    with site.client() as client:
        check("PIPELINING" in client.offers, f"{client.offers}")
        client.send(
            "MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.test>\r\nRCPT TO:<nobody@example.test>\r\n"
            "RCPT TO:<bert@example.test>\r\nDATA\r\n"
        )
        for code in ("250", "250", "550", "250", "354"):
            client.expect(code)
        client.content(message())
    site.expect_delivered(message())
    (stored,) = site.hop.await_messages(1)
    check(stored.to == ["anna@example.test", "bert@example.test"], f"{stored.to}")


def test_flow_chunking(case):
    site = case.site()
    with site.client() as client:
        check("CHUNKING" in client.offers, f"{client.offers}")
        client.envelope()
        client.bdat("Subject: chunks\r\n\r\n")
        client.bdat("one\r\n.\r\n..two\r\n")
        client.bdat("", True)
    site.expect_delivered(b"Subject: chunks\r\n\r\none\r\n.\r\n..two\r\n")


def test_flow_several_messages_in_one_session(case):
    site = case.site()
    with site.client() as client:
        for number in range(5):
            client.envelope()
            content = message(f"number {number}\r\n")
            client.data(content)
            site.expect_delivered(content)
        client.quit()
    site.hop.await_messages(5)
    messages = site.gateway.await_events("message", 5)
    session = site.gateway.await_event("session")
    check(all(event["session"] == session["id"] for event in messages), f"{messages}")


def test_flow_postmaster_and_abuse(case):
    """P4: in any case of letters, and bare <postmaster>."""
    site = case.site()
    for recipient in (
        "postmaster@example.test",
        "POSTMASTER@Example.ORG",
        "Abuse@example.test",
        "postmaster",
        "PostMaster",
    ):
        site.deliver(message(f"to {recipient}\r\n"), recipient)
    for number, stored in enumerate(site.hop.await_messages(5)):
        check(stored.to, f"message {number} without recipient")


def test_flow_role_mailbox(case):
    """A sink that refuses postmaster@, and the mail is in role_mailbox."""
    site = case.site(known={"anna", "it"})
    for recipient in ("postmaster@example.test", "abuse@example.org", "postmaster"):
        site.deliver(message(f"to {recipient}\r\n"), recipient)
    for stored in site.hop.await_messages(3):
        check(stored.to == ["it@example.test"], f"{stored.to}")


def test_flow_role_mailbox_beside_others(case):
    site = case.site(known={"anna", "it"})
    site.deliver(message("both\r\n"), "anna@example.test", "postmaster@example.test")
    (stored,) = site.hop.await_messages(1)
    check(sorted(stored.to) == ["anna@example.test", "it@example.test"], f"{stored.to}")


def test_flow_probe_leaves_no_log_line(case):
    site = case.site()
    for _ in range(5):
        client = site.connect()
        client.greet()
        client.close()
    silent = site.connect()
    silent.reset()
    site.deliver()
    site.gateway.await_event("message")
    check(len(site.gateway.await_events("session", 1)) == 1, "a session that said nothing was logged")
    check(not site.gateway.other_output, f"{site.gateway.other_output}")


def test_flow_vrfy_expn_help(case):
    site = case.site()
    with site.client() as client:
        client.command("VRFY anna", "252 2.")
        client.command("EXPN list", "502 5.5.1")
        client.command("HELP", "214")
        client.command("NOOP", "250 2.0.0")
        client.command("RSET", "250 2.0.0")


def test_flow_large_message_through_the_temp_file(case):
    """Over 1 MiB: an unlinked file in temp_directory, nothing left behind."""
    site = case.site()
    body = "".join(f"{number:07d} {'x' * 60}\r\n.{number}\r\n" for number in range(40000))
    content = message(body)
    check(len(content) > 3_000_000, "large enough")
    site.deliver(content)
    check(os.listdir(site.config["temp_directory"]) == [], "files stay in temp_directory")
    with site.client() as client:
        client.envelope()
        for start in range(0, len(content), 700_000):
            client.bdat(content[start : start + 700_000], start + 700_000 >= len(content))
    site.expect_delivered(content)


def test_flow_ipv6(case):
    try:
        port = free_port("::1")
    except Failure:
        raise Skip("no IPv6 loopback") from None
    site = case.site({"listeners": {"six": {"bind": [f"[::1]:{port}"], "tls": "none"}}})
    client = site.connect("six", family=socket.AF_INET6).hello()
    site.deliver(message("v6\r\n"), client=client)
    (stored,) = site.hop.await_messages(1)
    check("[IPv6:::1]" in stored.trace, stored.trace)
    event = site.gateway.await_event("session")
    check("::1" in event["client"], f"{event}")


def test_flow_list_post_that_comes_back_is_delivered(case):
    """A list post that passed us once and comes back is no loop."""
    site = case.site()
    with site.client() as client:
        client.envelope("bert@example.test")
        client.data(message("to the list\r\n"))
    (first,) = site.hop.await_messages(1)
    returned = (
        b"Received: from list.example.net by list.example.net; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        + first.content
    )
    site.expect_delivered(message("to the list\r\n"))
    site.exact = False
    with site.client() as client:
        client.envelope("anna@example.test", sender="list-bounces@list.example.net")
        client.data(returned)
    second = site.hop.await_messages(2)[1]
    check(second.content.endswith(returned), "the returned post is altered")


def test_flow_loops_are_refused(case):
    """More than 50 Received lines, or our own in more than 3 of them: 554 5.4.6."""
    site = case.site()
    hops = lambda count, name="relay.example.net": b"".join(
        b"Received: from a%d.example.net by %s with ESMTP id x%d;\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n"
        % (number, name.encode(), number)
        for number in range(count)
    )
    site.deliver(hops(50) + message("fifty\r\n"))
    site.exact = False
    with site.client() as client:
        client.envelope().data(hops(51) + message(), "554 5.4.6")
        client.envelope().data(hops(100) + message(), "554 5.4.6")
    own = site.hop.await_messages(1)[0].trace.encode()
    with site.client() as client:
        client.envelope().data(own * 3 + message("three\r\n"))
        client.envelope().data(own * 4 + message("four\r\n"), "554 5.4.6")
    check(len(site.hop.messages) == 2, "messages at the next hop")


def test_flow_messages_in_parallel(case):
    site = case.site()
    contents = [message(f"parallel {number}\r\n") for number in range(20)]

    def one(content):
        site.deliver(content)

    threads = [threading.Thread(target=one, args=(content,)) for content in contents]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    site.hop.await_messages(20)


def test_flow_barring_that_only_observes(case):
    """Taken, and the event and the log say what would have been; a list that is off says nothing."""
    with open(case.path("bar"), "w") as file:
        file.write("*@spam.test\n")
    lists = {"senders": case.path("bar"), "recipients": case.path("bar")}
    site = case.site({"barring": {"mode": "observe", **lists}})
    with site.client() as client:
        client.mail("x@spam.test")
        client.rcpt("anna@example.test")
        client.data(message("watched\r\n"))
    site.expect_delivered(message("watched\r\n"))
    event = site.gateway.await_event("message", lambda event: event["from"] == "x@spam.test")
    check(event["to"][0]["would_be"] == f"barred-sender {case.path('bar')}:1", f"{event}")
    done = site.gateway.run("log", "-c", site.gateway.conf, "--verdict", "would-reject")
    check("accept (would reject)" in done.stdout and "x@spam.test" in done.stdout, f"{done}")
    site.config["barring"]["mode"] = "off"
    site.gateway.reload(site.config)
    since = site.gateway.mark()
    with site.client() as client:
        client.mail("x@spam.test")
        client.rcpt("anna@example.test")
        client.data(message("not watched\r\n"))
    site.expect_delivered(message("not watched\r\n"))
    event = site.gateway.await_event("message", lambda event: event["from"] == "x@spam.test", since=since)
    check("would_be" not in event["to"][0], f"{event}")


def test_flow_barred_sender(case):
    """Refused at RCPT with the operator's text, before any content; postmaster is still reached."""
    path = case.path("bar-senders")
    with open(path, "w") as file:
        file.write("# pests\n*@spam.example\n~friend@spam.example\n")
    site = case.site({"barring": {"senders": path, "reply": "We had enough of you"}})
    with site.client() as client:
        client.mail("Pest@SPAM.example")
        client.rcpt("anna@example.test", "550 5.7.1 We had enough of you; id ")
        client.command("DATA", "503 5.5.1", "554 5.5.1")
        client.rcpt("postmaster@example.test", "250")
        client.data(message("a complaint\r\n"))
        client.mail("friend@spam.example")
        client.rcpt("anna@example.test", "250")
        client.command("RSET", "250")
        client.mail("")
        client.rcpt("anna@example.test", "250")
    site.expect_delivered(message("a complaint\r\n"))
    check(
        not [line for line in site.hop.commands("MAIL") if "Pest" in line and "SIZE" not in line],
        "asked for a barred sender",
    )


def test_flow_ids_are_ordered_in_time(case):
    site = case.site()
    for number in range(5):
        site.deliver(message(f"{number}\r\n"))
    ids = [event["id"] for event in site.gateway.await_events("message", 5)]
    check(ids == sorted(ids) and max(map(len, ids)) <= 16, f"{ids}")


def test_flow_null_sender_and_helo(case):
    site = case.site()
    with site.connect() as client:
        client.greet()
        client.command("HELO old.example.net", "250")
        client.envelope(sender="")
        client.data(message("from a mailer daemon\r\n"))
    site.expect_delivered(message("from a mailer daemon\r\n"))
    (stored,) = site.hop.await_messages(1)
    check(
        stored.sender == "" and re.search(r"with SMTP\b", stored.trace), f"{stored.sender!r} {stored.trace}"
    )
    event = site.gateway.await_event("message")
    check(event["from"] == "<>", f"{event}")


def test_flow_the_same_recipient_twice(case):
    for lmtp in (False, True):
        site = case.site(lmtp=lmtp)
        site.deliver(message("twice\r\n"), "anna@example.test", "anna@example.test", "Anna@EXAMPLE.test")
        (stored,) = site.hop.await_messages(1)
        check(stored.to and set(map(str.lower, stored.to)) == {"anna@example.test"}, f"{stored.to}")


def test_flow_sizes_around_the_memory_limit(case):
    """1 MiB is kept in memory, what is more goes through the file: neither loses an octet."""
    site = case.site()
    for size in (2**20 - 1, 2**20, 2**20 + 1, 2**21, 3 * 2**20 + 17):
        content = padded(size)
        site.deliver(content)
        with site.client() as client:
            client.envelope()
            client.bdat(content, True)
        site.expect_delivered(content)


def padded(size):
    head = f"Subject: {size}\r\n\r\n".encode()
    body = (b"." * 70 + b"\r\n") * (size // 72)
    return head + body[: size - len(head) - 2].rstrip(b"\r\n").ljust(size - len(head) - 2, b"x") + b"\r\n"


def test_flow_message_of_exactly_the_limit(case):
    """RFC 1870 counts the message, not the dots that framing adds."""
    site = case.site({"limits": {"message_size": 64_000}})
    exact = padded(64_000)
    check(len(exact) == 64_000, f"{len(exact)}")
    with site.client() as client:
        client.mail("sender@example.net", "SIZE=64000")
        client.rcpt("anna@example.test")
        client.data(exact)
        client.envelope()
        client.bdat(exact, True)
        client.envelope()
        client.data(padded(64_001), "552 5.3.4")
        client.envelope()
        client.bdat(padded(64_001), True, "552 5.3.4")
    site.expect_delivered(exact, exact)
