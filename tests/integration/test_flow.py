"""The way of ordinary mail: delivered, refused, relayed; what a peer of good will sees."""

import re
import socket
import threading

from harness import certificates
from harness.client import message, trusting_context
from harness.next_hop import hold
from harness.outcome import check
from harness.setups import another_listener, implicit_tls, with_tls


def test_flow_delivered(case):
    site = case.site()
    with site.client() as client:
        client.mail("sender@example.net")
        client.rcpt("anna@example.test")
        reply = client.data(message())
        client.quit()
    site.expect_delivered(message())
    stored, = site.hop.await_messages(1)
    check(stored.sender == "sender@example.net", f"sender {stored.sender}")
    check(stored.to == ["anna@example.test"], f"recipients {stored.to}")
    event = site.gateway.await_event("message")
    check(event["fate"] == "delivered" and event["code"] == 250, f"event {event}")
    check(event["from"] == "sender@example.net" and event["to"][0]["address"] == "anna@example.test", f"{event}")
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


def test_flow_next_hops_code_is_passed_on(case):
    site = case.site()
    site.hop.on("RCPT", "552 5.2.2 mailbox full", match="bert@")
    site.hop.on("RCPT", "553 gone away", match="carl@")
    with site.client() as client:
        client.mail()
        client.rcpt("bert@example.test", "552 5.2.2 ")
        client.rcpt("carl@example.test", "553 5.1.1 ")


def test_flow_relay_refused(case):
    site = case.site()
    with site.client() as client:
        client.mail("boss@example.test")
        reply = client.rcpt("user@remote.host", "550 5.7.1 cannot relay for remote.host; id ")
        client.rcpt("anna@example.test")
    session = site.gateway.await_event("session")
    check(reply.id.startswith(session["id"]), f"{reply} {session}")
    check(not [line for line in site.hop.commands("RCPT") if "remote.host" in line], "asked for a foreign domain")


def test_flow_trusted_client_goes_out(case):
    """Trusted clients' mail to foreign domains goes through `outbound`, and only then."""
    smarthost = case.next_hop(known=None)
    site = case.site({
        "routes": {"smarthost": {"hosts": [smarthost.host], "tls": "never", "recipients": "any"}},
        "outbound": {"route": "smarthost"}, "trusted_networks": ["127.0.0.7"]})
    with site.client(source="127.0.0.7") as client:
        client.envelope("user@remote.host")
        client.data(message("out\r\n"))
    with site.client() as client:
        client.mail()
        client.rcpt("user@remote.host", "550 5.7.1 cannot relay for remote.host")
    stored, = smarthost.await_messages(1)
    check(stored.to == ["user@remote.host"], f"{stored.to}")


def test_flow_trusted_client_without_outbound(case):
    site = case.site({"trusted_networks": ["127.0.0.7"]})
    with site.client(source="127.0.0.7") as client:
        client.mail()
        client.rcpt("user@remote.host", "550 5.7.1 cannot relay for remote.host")
        client.rcpt("anna@example.test")


def test_flow_starttls(case):
    site = case.site(with_tls())
    client = site.client()
    check("STARTTLS" in client.offers, f"{client.offers}")
    client.starttls()
    client.ehlo()
    check("STARTTLS" not in client.offers, f"STARTTLS under TLS: {client.offers}")
    site.deliver(client=client)
    session = site.gateway.await_event("session")
    check(session["tls"].startswith("TLSv1."), f"{session}")


def test_flow_implicit_tls(case):
    site = case.site(implicit_tls())
    client = site.connect()
    client.handshake()
    client.hello()
    check("STARTTLS" not in client.offers, f"{client.offers}")
    site.deliver(client=client)
    site.control = False


def test_flow_tls_required(case):
    site = case.site(with_tls(tls_required=True))
    client = site.client()
    client.command("MAIL FROM:<a@example.net>", "530 5.7.0")
    client.starttls()
    client.ehlo()
    site.deliver(client=client)
    site.control = False


def test_flow_tls_without_session_tickets(case):
    """Microsoft's senders stumble over tickets on port 25."""
    site = case.site(with_tls())
    for version in ("TLSv1_2", "TLSv1_3"):
        context = trusting_context()
        context.minimum_version = context.maximum_version = getattr(__import__("ssl").TLSVersion, version)
        client = site.client()
        client.starttls(context)
        client.ehlo()
        session = client.socket.session
        check(not session or not session.has_ticket, f"{version}: a session ticket")
        client.command("QUIT", "221")


def test_flow_certificates_by_name_and_reload(case):
    """Several certificates by SNI; reloaded without a restart; running sessions go on."""
    first, second = (certificates.self_signed(host) for host in ("mx.example.test", "mail.example.org"))
    renewed = certificates.self_signed("mx.example.test", name="renewed")
    pairs = lambda one: {"certificate": one.certificate, "key": one.key,
                         "certificates": [{"certificate": second.certificate, "key": second.key}]}
    site = case.site({"tls": pairs(first), "listeners": {"mx": {"tls": "starttls"}}})

    def shown(server_name):
        import hashlib
        client = site.client()
        client.starttls(server_name=server_name)
        client.ehlo()
        return client, hashlib.sha256(client.socket.getpeercert(True)).hexdigest()

    old, seen = shown("mx.example.test")
    check(seen == first.fingerprint, "the first certificate is the default")
    check(shown("mail.example.org")[1] == second.fingerprint, "SNI chooses")
    check(shown("unknown.example.com")[1] == first.fingerprint, "an unknown name gets the default")
    config = dict(site.config, tls=pairs(renewed))
    site.gateway.reload(config)
    check(shown("mx.example.test")[1] == renewed.fingerprint, "the renewed certificate")
    site.deliver(client=old)


def test_flow_pipelining(case):
    site = case.site()
    with site.client() as client:
        check("PIPELINING" in client.offers, f"{client.offers}")
        client.send("MAIL FROM:<a@example.net>\r\nRCPT TO:<anna@example.test>\r\nRCPT TO:<nobody@example.test>\r\n"
                    "RCPT TO:<bert@example.test>\r\nDATA\r\n")
        for code in ("250", "250", "550", "250", "354"):
            client.expect(code)
        client.content(message())
    site.expect_delivered(message())
    stored, = site.hop.await_messages(1)
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


def test_flow_next_hop_with_chunking(case):
    site = case.site(chunking=True)
    content = site.deliver(message("x\r\n.\r\n..\r\n"))
    stored, = site.hop.await_messages(1)
    check(stored.own_content == content, f"{stored.content!r}")
    check(site.hop.commands("BDAT") and not site.hop.commands("DATA"), "CHUNKING is used where it is offered")


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
    for recipient in ("postmaster@example.test", "POSTMASTER@Example.ORG", "Abuse@example.test", "postmaster", "PostMaster"):
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
    stored, = site.hop.await_messages(1)
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


def test_flow_ehlo_offers(case):
    """Design, section 4: ours always; SMTPUTF8 if any route has it, DSN only if all have."""
    plain = case.site(with_tls())
    offers = plain.client().offers
    for ours in ("PIPELINING", "CHUNKING", "ENHANCEDSTATUSCODES", "STARTTLS", "SIZE", "8BITMIME"):
        check(ours in offers, f"{ours} is missing: {offers}")
    check(offers["SIZE"] == "SIZE 50000000", f"{offers['SIZE']}")
    check("AUTH" not in offers and "BINARYMIME" not in offers, f"{offers}")
    check("SMTPUTF8" not in offers and "DSN" not in offers, f"no route has them: {offers}")

    able = case.next_hop(capabilities=["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN"])
    poor = case.next_hop(capabilities=["8BITMIME", "SMTPUTF8"])
    both = case.site(hop=able)
    check({"SMTPUTF8", "DSN"} <= set(offers_of(both)), "all routes have both")
    mixed = case.site({"routes": {"other": {"hosts": [poor.host], "tls": "never"}},
                       "domains": {"example.com": {"route": "other"}}}, hop=able)
    offers = offers_of(mixed)
    check("SMTPUTF8" in offers and "DSN" not in offers, f"{offers}")


def offers_of(site):
    """What is offered once the next hops have been asked: a delivery makes sure that they have."""
    site.deliver(message(f"to {site.port}\r\n"))
    site.exact = False
    return site.client().offers


def test_flow_capabilities_survive_a_restart(case):
    hop = case.next_hop(capabilities=["8BITMIME", "SMTPUTF8", "DSN", "SIZE 100000000"])
    site = case.site(hop=hop)
    check("DSN" in offers_of(site), "DSN is offered")
    site.gateway.terminate()
    hop.stop()
    site.gateway.start()
    check({"DSN", "SMTPUTF8"} <= set(site.client().offers), "capabilities are forgotten after a restart")
    hop.start()


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
    import os
    site = case.site()
    body = "".join(f"{number:07d} {'x' * 60}\r\n.{number}\r\n" for number in range(40000))
    content = message(body)
    check(len(content) > 3_000_000, "large enough")
    site.deliver(content)
    check(os.listdir(site.config["temp_directory"]) == [], "files stay in temp_directory")
    with site.client() as client:
        client.envelope()
        for start in range(0, len(content), 700_000):
            client.bdat(content[start:start + 700_000], start + 700_000 >= len(content))
    site.expect_delivered(content)


def test_flow_ipv6(case):
    from harness.outcome import Skip
    from harness.ports import free_port
    try:
        port = free_port("::1")
    except Exception:
        raise Skip("no IPv6 loopback") from None
    site = case.site({"listeners": {"six": {"bind": [f"[::1]:{port}"], "tls": "none"}}})
    client = site.connect("six", family=socket.AF_INET6).hello()
    site.deliver(message("v6\r\n"), client=client)
    stored, = site.hop.await_messages(1)
    check("[IPv6:::1]" in stored.trace, stored.trace)
    event = site.gateway.await_event("session")
    check("::1" in event["client"], f"{event}")


def test_flow_other_route_gets_4_5_3(case):
    """Recipients of another route go separately: 452 4.5.3."""
    other = case.next_hop()
    site = case.site({"routes": {"second": {"hosts": [other.host], "tls": "never"}},
                      "domains": {"example.com": {"route": "second"}}})
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test")
        client.rcpt("bert@example.com", "452 4.5.3")
        client.rcpt("bert@example.org")
        client.data(message("first\r\n"))
        client.mail()
        client.rcpt("bert@example.com")
        client.data(message("second\r\n"))
    site.expect_delivered(message("first\r\n"))
    stored, = other.await_messages(1)
    check(stored.to == ["bert@example.com"], f"{stored.to}")


def test_flow_list_post_that_comes_back_is_delivered(case):
    """A list post that passed us once and comes back is no loop."""
    site = case.site()
    with site.client() as client:
        client.envelope("bert@example.test")
        client.data(message("to the list\r\n"))
    first, = site.hop.await_messages(1)
    returned = b"Received: from list.example.net by list.example.net; Mon, 1 Jan 2024 00:00:00 +0000\r\n" + first.content
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
        % (number, name.encode(), number) for number in range(count))
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


def test_flow_next_hop_is_ourselves(case):
    """A next hop that resolves to one of our own listeners: a configuration error or 451, never a loop."""
    site = case.site(start=False)
    config = dict(site.config)
    config["routes"] = {"groupware": {"hosts": [f"127.0.0.1:{site.port}"], "tls": "never"}}
    site.gateway.write_config(config)
    refused = site.gateway.run("check", "-c", site.gateway.conf)
    site.exact = site.control = False
    if refused.returncode == 78:
        return
    site.gateway.start()
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.")


def test_flow_next_hop_greets_with_our_name(case):
    site = case.site(name="mx.example.test")
    site.control = False
    with site.client() as client:
        client.mail()
        client.rcpt("anna@example.test", "451 4.")
    site.gateway.await_event("loop")


def test_flow_messages_in_parallel(case):
    site = case.site()
    contents = [message(f"parallel {number}\r\n") for number in range(20)]

    def one(content):
        site.deliver(content)

    threads = [threading.Thread(target=one, args=(content,)) for content in contents]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    site.hop.await_messages(20)


def test_flow_answer_comes_only_after_the_next_hops(case):
    """P1: nothing is acknowledged early."""
    taken = threading.Event()
    site = case.site()
    site.hop.on("DOT", hold(taken, "250 2.0.0 at last"))
    with site.client() as client:
        client.envelope()
        client.command("DATA", "354")
        client.send(message() + b".\r\n")
        site.hop.await_true(lambda: any("dot after" in text for _, _, text, _ in site.hop.log), 10, "the dot")
        check(client.is_silent(0.3), "answered before the next hop had")
        taken.set()
        client.expect("250")
    site.expect_delivered(message())


def test_flow_submission_needs_authentication(case):
    """On 587 and 465: MAIL before AUTH is 530 5.7.0; after it the right to relay."""
    from harness.setups import users_file
    smarthost = case.next_hop(known=None)
    config = with_tls()
    config["listeners"]["submission"] = another_listener("s", tls="starttls", auth="required")["listeners"]["s"]
    config["users"] = users_file(case, boss="correct horse")
    config["routes"] = {"smarthost": {"hosts": [smarthost.host], "tls": "never", "recipients": "any"}}
    config["outbound"] = {"route": "smarthost"}
    site = case.site(config)
    client = site.connect("submission").hello()
    check("AUTH" not in client.offers, f"AUTH in clear: {client.offers}")
    client.command("MAIL FROM:<a@example.test>", "530 5.7.0")
    client.starttls()
    client.ehlo()
    check("AUTH" in client.offers, f"{client.offers}")
    client.command("MAIL FROM:<a@example.test>", "530 5.7.0")
    client.auth_plain("boss", "correct horse")
    client.envelope("user@remote.host", sender="boss@example.test")
    client.data(message("submitted\r\n"))
    client.quit()
    stored, = smarthost.await_messages(1)
    check("with ESMTPSA" in stored.trace and stored.to == ["user@remote.host"], stored.trace)


def test_flow_barred_sender(case):
    """Refused at RCPT with the operator's text, postmaster still reached; nothing is read of a refused message."""
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
    check(not [line for line in site.hop.commands("MAIL") if "Pest" in line and "SIZE" not in line], "asked for a barred sender")


def test_flow_next_hop_sees_data_only_when_all_is_here(case):
    """A slow sender never ties up the internal server."""
    site = case.site()
    client = site.client().envelope()
    client.command("DATA", "354")
    content = message("x" * 900 + "\r\n")
    framed = content + b".\r\n"
    client.send(framed[:-3])
    check(client.is_silent(0.2) and not site.hop.commands("DATA"), "DATA before the message was complete")
    client.send(framed[-3:])
    client.expect("250")
    site.expect_delivered(content)


def test_flow_pipelining_towards_the_next_hop(case):
    """Where it is offered MAIL, RCPT and DATA go out together; where not, one waits for the other."""
    site = case.site()
    together = []

    def look(connection):
        connection.await_more(2)
        together.append(connection.pending())

    site.deliver()  # what is asked of recipients is known from here on
    site.hop.on("MAIL", look)
    site.deliver(message("pipelined\r\n"))
    check(any(b"RCPT TO" in data and b"DATA" in data for data in together), f"{together}")
    plain = case.site(capabilities=["8BITMIME"])
    plain.hop.on("MAIL", lambda connection: connection.must_wait(0.2))
    plain.hop.on("RCPT", lambda connection: connection.must_wait(0.2))
    plain.deliver(message("one by one\r\n"))


def test_flow_final_dot_rides_with_the_last_data(case):
    """One write, so that no delayed acknowledgement stands between the text and its end."""
    from harness.setups import need_program
    trace = case.path("writes")
    site = case.site(wrapper=[need_program("strace"), "-D", "-f", "-qq", "-s", "4096", "-e", "trace=write,writev,sendmsg,sendto",
                              "-o", trace], environment={"ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1"})
    site.check_descriptors = False
    site.deliver(message("the end of the text\r\n"))
    site.gateway.await_event("message")
    with open(trace) as file:
        lines = [line for line in file if "the end of the text" in line]
    check(any(r"the end of the text\r\n.\r\n" in line for line in lines) or one_vector(lines), f"{lines}")


def one_vector(lines):
    """The dot in a buffer of its own, but in the same call."""
    return any(re.search(r"the end of the text\\r\\n.*iov_base=\"\.\\r\\n\"", line) for line in lines)


def test_flow_tls_never_is_never(case):
    site = case.site({"routes": {"groupware": {"tls": "never"}}}, tls=certificates.self_signed("hop.example.test").server_context())
    site.deliver()
    check(not site.hop.commands("STARTTLS"), "STARTTLS")


def test_flow_ids_are_ordered_in_time(case):
    site = case.site()
    for number in range(5):
        site.deliver(message(f"{number}\r\n"))
    ids = [event["id"] for event in site.gateway.await_events("message", 5)]
    check(ids == sorted(ids) and max(map(len, ids)) <= 16, f"{ids}")
