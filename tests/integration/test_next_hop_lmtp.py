"""Group B, LMTP's many answers, and smaller next hops (B19, B20)."""

from harness.client import message, stuffed
from harness.next_hop_script import hang, raw
from harness.outcome import check
from harness.scenes import QUICK, big, offer, route


def test_B19_lmtp_all_the_same(case):
    site = case.site(lmtp=True)
    site.deliver(message("lmtp\r\n"), "anna@example.test", "bert@example.test")
    (stored,) = site.hop.await_messages(1)
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
        check(
            offer(client, "anna@example.test", "bert@example.test", content=content).matches("45"),
            "not 250 yet",
        )
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
