"""How ordinary mail is handed to the next hop."""

import re
import threading

from harness import certificates
from harness.client import message
from harness.next_hop_script import hold
from harness.outcome import check
from harness.scenes import TRACED
from harness.setups import need_program, with_tls


def test_flow_next_hops_code_is_passed_on(case):
    site = case.site()
    site.hop.on("RCPT", "552 5.2.2 mailbox full", match="bert@")
    site.hop.on("RCPT", "553 gone away", match="carl@")
    with site.client() as client:
        client.mail()
        client.rcpt("bert@example.test", "552 5.2.2 ")
        client.rcpt("carl@example.test", "553 5.1.1 ")


def test_flow_next_hop_with_chunking(case):
    site = case.site(chunking=True)
    content = site.deliver(message("x\r\n.\r\n..\r\n"))
    (stored,) = site.hop.await_messages(1)
    check(stored.own_content == content, f"{stored.content!r}")
    check(site.hop.commands("BDAT") and not site.hop.commands("DATA"), "CHUNKING is used where it is offered")


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
    mixed = case.site(
        {
            "routes": {"other": {"hosts": [poor.host], "tls": "never"}},
            "domains": {"example.com": {"route": "other"}},
        },
        hop=able,
    )
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


def test_flow_other_route_gets_4_5_3(case):
    """Recipients of another route go separately: 452 4.5.3."""
    other = case.next_hop()
    site = case.site(
        {
            "routes": {"second": {"hosts": [other.host], "tls": "never"}},
            "domains": {"example.com": {"route": "second"}},
        }
    )
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
    (stored,) = other.await_messages(1)
    check(stored.to == ["bert@example.com"], f"{stored.to}")


def test_flow_next_hop_is_ourselves(case):
    """A next hop that resolves to one of our own listeners: a configuration error or 451, never a loop."""
    site = case.site(start=False)
    config = dict(site.config)
    config["routes"] = {"groupware": {"hosts": [f"127.0.0.1:{site.port}"], "tls": "never"}}
    site.gateway.write_config(config)
    refused = site.gateway.run("check", "--no-dns", "-c", site.gateway.conf)
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


def test_flow_answer_comes_only_after_the_next_hops(case):
    """P1: nothing is acknowledged early."""
    taken = threading.Event()
    site = case.site()
    site.hop.on("DOT", hold(taken, "250 2.0.0 at last"))
    with site.client() as client:
        client.envelope()
        client.command("DATA", "354")
        client.send(message() + b".\r\n")
        site.hop.await_true(site.hop.dots, 10, "the dot")
        check(client.is_silent(0.3), "answered before the next hop had")
        taken.set()
        client.expect("250")
    site.expect_delivered(message())


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
    trace = case.path("writes")
    site = case.site(
        wrapper=[
            need_program("strace"),
            "-D",
            "-f",
            "-qq",
            "-s",
            "4096",
            "-e",
            "trace=write,writev,sendmsg,sendto",
            "-o",
            trace,
        ],
        environment=TRACED,
    )
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
    site = case.site(
        {"routes": {"groupware": {"tls": "never"}}},
        tls=certificates.self_signed("hop.example.test").server_context(),
    )
    site.deliver()
    check(not site.hop.commands("STARTTLS"), "STARTTLS")
