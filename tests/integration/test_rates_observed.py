"""Rates in mode observe: counted and told, and nobody is held back."""

from harness.client import message
from harness.outcome import check
from test_rates import TOO_MUCH, asked, asks, logged_in, users_site


def test_rates_of_bytes_at_once_observed(case):
    """What goes beyond the limit only at the end of data is told as well."""
    site = users_site(case, bytes="2KB/1d", mode="observe")
    first, second = logged_in(site, "anna"), logged_in(site, "anna")
    for client in (first, second):
        asks(client, "250")
    for client, content in ((first, message(("x" * 70 + "\r\n") * 100)), (second, message("small\r\n"))):
        client.data(content)
        site.expect_delivered(content)
        client.quit()
    event = site.gateway.await_events("message", 2)[-1]
    check((event["to"][0]["would_be"], event["rate"]) == ("over-rate", "bytes 2KB/1d"), f"{event}")


def test_rate_of_connections_observed(case):
    site = case.site({"limits": {"rate": {"connections": "1/1d", "mode": "observe"}}})
    for _ in range(2):
        site.client(source="127.3.0.1").quit()
    event = site.gateway.await_event("session", lambda event: "would_be_at_connect" in event)
    check((event["would_be_at_connect"], event["rate"]) == ("connection-rate", "connections 1/1d"), f"{event}")


def test_rates_observed_for_some(case):
    """Of connections by what is known of them; of all else by who it is."""
    mode = {"rules": [{"auth": "boss", "use": "observe"}, {"ip": "127.0.0.1", "use": "enforce"}, {"use": "off"}]}
    site = users_site(case, messages="1/1d", connections="4/1d", mode=mode)
    for user, wanted in (("anna", TOO_MUCH), ("boss", "250")):
        site.deliver(message(f"{user}\r\n"), client=logged_in(site, user))
        asked(site, user, wanted)
    to = site.gateway.await_events("message", 4)[-1]["to"][0]
    check((to["would_be"], to["rate"], to["code"]) == ("over-rate", "messages 1/1d", 250), f"{to}")
    site.connect().expect("421 4.7.0 Too many connections")


def test_rates_observed(case):
    site = users_site(case, messages="1/1d", mode="observe")
    for number in range(3):
        site.deliver(message(f"{number}\r\n"), client=logged_in(site, "anna"))
    to = [event["to"][0] for event in site.gateway.await_events("message", 3)]
    check(["would_be" in one for one in to] == [False, True, True], f"{to}")
    check((to[1]["would_be"], to[1]["rate"]) == ("over-rate", "messages 1/1d"), f"{to}")
