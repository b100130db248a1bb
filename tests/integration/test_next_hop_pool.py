"""Group B, pooled connections and several hosts (B17, B18)."""

import threading

from harness.client import message
from harness.next_hop_script import close, hold, reset
from harness.outcome import check
from harness.scenes import QUICK, known_first, offer, route


def test_B17_idle_connection_was_closed(case):
    """At MAIL, at RSET, by 421: once more on a new connection, before the end of data only."""
    for verb, action in (
        ("MAIL", close),
        ("MAIL", reset),
        ("MAIL", "421 4.4.2 idle too long"),
        ("RSET", close),
        ("RSET", "421 4.3.2 bye"),
    ):
        site = case.site({"workers": 1, **route(**QUICK)})  # the connections of one core
        known_first(site)
        site.hop.on(verb, action, times=1)
        site.deliver(message(f"{verb} {described(action)}\r\n"))
        case.finish_site(site)


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
    site.hop.await_true(lambda: site.hop.dots() >= 4, 10, "three dots under way")
    held.set()
    [thread.join() for thread in threads]
    check(site.hop.most_open <= 3, f"{site.hop.most_open} connections at once")


def two_hosts(case, rules=()):
    first, second = case.next_hop(), case.next_hop()
    site = case.site(
        {"routes": {"groupware": {"hosts": [first.host, second.host], **QUICK}}}, hop=first, rules=rules
    )
    site.exact = False
    return site, first, second


def test_B18_fail_over_before_data(case):
    for verb in ("BANNER", "EHLO", "MAIL", "RCPT"):
        for action in (close, reset):
            site, first, second = two_hosts(case, rules=[(verb, action)])
            content = site.deliver(message(verb + "\r\n"))
            (stored,) = second.await_messages(1)
            check(stored.own_content == content and not first.messages, f"{verb}: {len(first.messages)}")
            case.finish_site(site)


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
    check(reply.matches("451 4.4.2"), f"{reply}")
    check(not second.messages and not second.commands("DATA"), "delivered to the second host too")
    site.gateway.await_event("ambiguous")


def test_route_source_and_helo(case):
    site = case.site(route(source="127.0.0.33", helo="out.example.test"))
    site.deliver()
    check("EHLO out.example.test" in site.hop.commands("EHLO"), f"{site.hop.commands('EHLO')}")
    check(site.hop.peers and set(site.hop.peers) == {"127.0.0.33"}, f"{site.hop.peers}")
