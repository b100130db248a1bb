"""Rates and penalties: how much somebody may do in some time, and who is slowed or turned away for what it
did wrong.

No limit of a test refills while it runs: they are of a day."""

import struct
import threading
import time

from harness.client import message
from harness.dns_server import DnsServer, silent
from harness.next_hop_script import close, hold
from harness.outcome import check, poll
from harness.setups import users_file, with_tls
from harness.state_copy import state_rows
from harness.strangers import merge, stranger, strangers_site

GOOD, NEIGHBOUR = "203.0.113.1", "203.0.113.77"  # with a reverse name, and without
SENDER = "anna@plain.test"
RECORDS = {
    "1.113.0.203.in-addr.arpa": {"PTR": ["mx.good.test"]},
    "mx.good.test": {"A": [GOOD]},
    "plain.test": {"MX": ["10 mx.good.test"]},
}
TOO_MUCH = "451 4.7.1 Too much in a short time: "


def users_site(case, **rate):
    """Of anna and boss, who log in."""
    config = with_tls(auth="required")
    config["users"] = users_file(case, anna="green horse", boss="right horse")
    config["limits"] = {"rate": rate}
    site = case.site(config)
    site.control = False
    return site


def logged_in(site, user):
    client = site.client()
    client.starttls()
    client.ehlo()
    client.auth_plain(user, {"anna": "green horse", "boss": "right horse"}[user], "235 2.7.0")
    return client


def asked(site, user, *wanted, recipient="anna@example.test"):
    with logged_in(site, user) as client:
        client.mail()
        reply = client.rcpt(recipient, *wanted)
        client.quit()
    return reply


def site_of_strangers(case, limits):
    server = case.peer(DnsServer(RECORDS))
    quiet = {"greylist": {"mode": "off"}, "early_talker": {"mode": "off"}}
    limits = merge({"harvest": 0, "penalty": {"half_life": "7d"}}, limits)
    return strangers_site(case, [server.port], {"checks": quiet, "limits": limits})


def judged(site, *wanted, address=GOOD, recipient="anna@example.test"):
    """What the event says of a recipient that is answered so."""
    since = site.gateway.mark()
    client = stranger(site, address)
    client.mail(SENDER)
    if client.rcpt(recipient, *wanted).matches("421"):
        client.expect_closed()
    else:
        client.quit()
    return site.gateway.await_event("message", since=since)["to"][0]


def guesses(site, many):
    """Recipients that do not exist, in a session each: few enough not to end it."""
    for number in range(many):
        judged(site, "550 5.1.1", recipient=f"guess{number}@example.test")


def await_written(site, key, used):
    """Until the disk has it: what is counted is written within a second."""

    def is_written():
        query = "SELECT value FROM log WHERE kind = ? AND key = ?"
        rows = state_rows(site.config["state"]["sqlite"], query, (b"rate", key.encode()))
        return any(struct.unpack(">d", value[:8])[0] > used - 0.5 for (value,) in rows)

    poll(is_written, 20, "the count is on disk")


# -- rates -----------------------------------------------------------------------------------------------


def test_rates_of_users_each_by_its_rule(case):
    """An account that is in other hands sends no more than its limit, and a kill does not make it new."""
    limit = {"rules": [{"auth": "boss", "use": "3/1d"}, {"auth": True, "use": "5/1d"}, {"use": "off"}]}
    site = users_site(case, messages=limit)
    for user, messages in (("anna", 5), ("boss", 3)):
        for number in range(messages):
            site.deliver(message(f"{user} {number}\r\n"), client=logged_in(site, user))
    reply = asked(site, "anna", TOO_MUCH)
    check("user anna may have 5 messages in 1d; please try again in " in reply.last, f"{reply}")
    to = site.gateway.await_events("message", 9)[-1]["to"][0]
    wanted = {"why": "over-rate", "rate": "messages 5/1d", "identity": "user anna", "code": 451}
    check(wanted.items() <= to.items(), f"{to}")
    check("user boss may have 3 messages" in asked(site, "boss", TOO_MUCH).last, "the rule for one user")
    asked(site, "anna", "250", recipient="postmaster@example.test")
    await_written(site, "messages 5/1d user anna", 5)
    site.gateway.kill()
    site.gateway.start()
    asked(site, "anna", TOO_MUCH)


def test_rates_of_recipients(case):
    """The fourth waits, and the message goes to the first three; who has none left has no message either."""
    site = users_site(case, recipients="3/1d", messages="2/1d")
    client = logged_in(site, "anna")
    client.mail()
    for name in ("anna", "bert", "carl"):
        client.rcpt(f"{name}@example.test")
    client.rcpt("anna@example.test", TOO_MUCH + "user anna may have 3 recipients")
    client.data(content := message())
    client.quit()
    site.expect_delivered(content)
    asked(site, "anna", TOO_MUCH)
    asked(site, "boss", "250")


def test_rates_do_not_count_role_addresses(case):
    """And a message that goes to one as well is counted with its first other recipient."""
    site = users_site(case, messages="1/1d")
    for wanted in ("250", TOO_MUCH):
        asked(site, "anna", "250", recipient="postmaster@example.test")
        with logged_in(site, "anna") as client:
            client.mail()
            client.rcpt("postmaster@example.test")
            client.rcpt("bert@example.test", wanted)
            client.data(content := message(f"{wanted}\r\n"))
            site.expect_delivered(content)
            client.quit()


def test_rates_of_bytes(case):
    """One message goes beyond it; the next waits."""
    site = users_site(case, bytes="2KB/1d")
    site.deliver(message("x" * 70 + "\r\n"), client=logged_in(site, "anna"))
    site.deliver(message(("x" * 70 + "\r\n") * 100), client=logged_in(site, "anna"))
    check("user anna may have 2KB in 1d" in asked(site, "anna", TOO_MUCH).last, "in words")
    asked(site, "boss", "250")
    site = users_site(case, bytes="200/1d")
    site.deliver(message(("y" * 70 + "\r\n") * 3), client=logged_in(site, "anna"))
    check("may have 200 octets in 1d" in asked(site, "anna", TOO_MUCH).last, "a number alone says nothing")


def asks(client, wanted, recipient="anna@example.test"):
    client.mail()
    return client.rcpt(recipient, wanted)


def test_rates_count_what_is_taken(case):
    """Not what was broken off, begun anew or refused, whoever refused it."""
    site = users_site(case, messages="1/1d", recipients="1/1d", bytes="10KB/1d")
    client = logged_in(site, "anna")
    for _ in range(3):
        asks(client, "250")
        client.command("RSET", "250")
    asks(client, "250")
    client.data("Subject: a header\r\n no field\r\nno field either\r\n" + "x" * 70 + "\r\n", "550")
    site.hop.on("DOT", "554 5.7.1 not this", times=1)
    asks(client, "250")
    client.data(message("x" * 70 + "\r\n"), "554")
    asks(client, "250")
    client.close()
    site.gateway.await_event("message", lambda event: event["fate"] == "abandoned")
    site.deliver(message("x" * 70 + "\r\n"), client=logged_in(site, "anna"))
    asked(site, "anna", TOO_MUCH)


def test_rates_hold_for_transactions_that_are_open_at_once(case):
    """A place is held from RCPT on: ten that wait at DATA together are ten."""
    site = users_site(case, messages="3/1d")
    clients = [logged_in(site, "anna") for _ in range(8)]
    replies = [asks(client, "") for client in clients]
    check([reply.matches("250") for reply in replies] == [True] * 3 + [False] * 5, f"{replies}")
    check(all(reply.matches(TOO_MUCH) for reply in replies[3:]), f"{replies}")
    clients[0].command("RSET", "250")
    clients[7].rcpt("anna@example.test", "250")
    clients[6].rcpt("anna@example.test", TOO_MUCH)
    for client in (clients[1], clients[2], clients[7]):
        client.data(content := message())
        site.expect_delivered(content)
    for client in clients:
        client.quit()
    asked(site, "anna", TOO_MUCH)


def test_rates_count_what_may_have_been_taken(case):
    """The next hop closes behind the final dot: nobody knows."""
    site = users_site(case, messages="1/1d")
    site.exact = False
    site.hop.on("DOT", close, times=1)
    client = logged_in(site, "anna")
    asks(client, "250")
    client.data(message(), "451")
    client.quit()
    site.gateway.await_event("message", lambda event: event["fate"] == "ambiguous")
    asked(site, "anna", TOO_MUCH)


def test_rates_do_not_count_a_recipient_whose_message_is_over(case):
    only_one = {"rules": [{"to": "bert@example.test", "use": "1/1d"}, {"use": "off"}]}
    site = users_site(case, messages=only_one, recipients="3/1d")
    with logged_in(site, "anna") as client:
        asks(client, "250", "bert@example.test")
        client.data(content := message("first\r\n"))
        site.expect_delivered(content)
        asks(client, "250")
        client.rcpt("bert@example.test", TOO_MUCH + "user anna may have 1 messages")
        client.rcpt("carl@example.test", "250")
        client.quit()


def test_rates_do_not_count_a_message_whose_only_recipient_is_over(case):
    """While its transaction goes on, another has its place."""
    only_one = {"rules": [{"to": "bert@example.test", "use": "1/1d"}, {"use": "off"}]}
    site = users_site(case, messages="2/1d", recipients=only_one)
    with logged_in(site, "anna") as client, logged_in(site, "anna") as other:
        asks(client, "250", "bert@example.test")
        client.data(content := message("first\r\n"))
        site.expect_delivered(content)
        asks(client, TOO_MUCH + "user anna may have 1 recipients", "bert@example.test")
        asks(other, "250")
        client.rcpt("anna@example.test", TOO_MUCH + "user anna may have 2 messages")
        client.quit()
        other.quit()


def test_rates_of_bytes_at_once(case):
    """Of two messages that were asked for at the same time one goes beyond the limit, and not both."""
    site = users_site(case, bytes="2KB/1d")
    first, second = logged_in(site, "anna"), logged_in(site, "anna")
    large = message(("x" * 70 + "\r\n") * 100)
    for client in (first, second):
        asks(client, "250")
    first.data(large)
    site.expect_delivered(large)
    second.data(message("small\r\n"), TOO_MUCH + "user anna may have 2KB in 1d")
    event = site.gateway.await_event("message", lambda event: event["fate"] == "deferred")
    check((event["rate"], event["identity"]) == ("bytes 2KB/1d", "user anna"), f"{event}")
    second.mail()
    second.rcpt("postmaster@example.test")
    second.data(content := message())
    site.expect_delivered(content)
    for client in (first, second):
        client.quit()


def test_rates_of_guesses_at_once(case):
    """However many are asked at the same time, no more are answered than the limit says."""
    site = site_of_strangers(case, {"rate": {"unknown_recipients": "2/1d"}, "penalty": {"mode": "off"}})
    answer = threading.Event()
    site.hop.on("RCPT", hold(answer, "550 5.1.1 no such user here"), match="guess")
    clients = [stranger(site, GOOD) for _ in range(5)]
    for number, client in enumerate(clients):
        client.mail(SENDER)
        client.line(f"RCPT TO:<guess{number}@example.test>")
        site.hop.await_command(f"RCPT TO:<guess{number}@example.test>")
    late = threading.Event()
    site.hop.on("RCPT", hold(late, "250 2.1.5 ok"), match="bert")
    known = stranger(site, GOOD)
    known.mail(SENDER)
    known.line("RCPT TO:<bert@example.test>")
    site.hop.await_command("RCPT TO:<bert@example.test>")
    answer.set()
    replies = sorted(str(client.read_reply()) for client in clients)
    check(["550" in reply for reply in replies].count(True) == 2, f"{replies}")
    check([TOO_MUCH[:9] in reply for reply in replies].count(True) == 3, f"{replies}")
    late.set()
    known.expect(TOO_MUCH)
    for client in (*clients, known):
        client.quit()


def test_rates_of_unknown_recipients(case):
    """Over the limit nobody learns any more who exists."""
    site = site_of_strangers(case, {"rate": {"unknown_recipients": "3/1d"}, "penalty": {"mode": "off"}})
    guesses(site, 3)
    for recipient in ("anna@example.test", "guess9@example.test"):
        to = judged(site, TOO_MUCH + "good.test may have 3 unknown recipients", recipient=recipient)
        check((to["why"], to["identity"]) == ("over-rate", "good.test"), f"{to}")
    judged(site, "250", recipient="postmaster@example.test")
    judged(site, "250", address=NEIGHBOUR)


def test_E05_rate_of_connections(case):
    site = case.site({"limits": {"rate": {"connections": "4/1d"}}})
    for _ in range(4):
        site.client(source="127.3.0.1").quit()
    client = site.connect(source="127.3.0.9")
    client.expect("421 4.7.0 Too many connections: 127.3.0.0/24 may have 4 connections in 1d; please try again in ")
    client.expect_closed()
    event = site.gateway.await_event("session", lambda event: "rate" in event)
    check((event["rate"], event["identity"]) == ("connections 4/1d", "127.3.0.0/24"), f"{event}")
    check("would_be_at_connect" not in event, f"nothing is observed: {event}")
    site.client(source="127.3.1.1").quit()


def test_rates_of_strangers(case):
    """Of one organisation, whatever its addresses, and of a network where nothing better is known."""
    limits = {"rate": {"messages": "2/1d", "recipients": "3/1d", "bytes": "1MB/1d"}}
    site = site_of_strangers(case, limits)
    for _ in range(2):
        site.deliver(message(), client=stranger(site, GOOD), sender=SENDER)
    judged(site, TOO_MUCH + "good.test may have 2 messages in 1d")
    to = site.gateway.await_events("message", 3)[-1]["to"][0]
    check((to["rate"], to["identity"]) == ("messages 2/1d", "good.test"), f"{to}")
    for _ in range(2):
        site.deliver(message(), client=stranger(site, NEIGHBOUR), sender=SENDER)
    judged(site, TOO_MUCH + "203.0.113.0/24 may have 2 messages in 1d", address=NEIGHBOUR)
    judged(site, "250", recipient="postmaster@example.test")


def test_rates_spare_upstream(case):
    rates = {"connections": "1/1d", "messages": "1/1d", "recipients": "1/1d", "unknown_recipients": "1/1d"}
    site = case.site({"upstream": ["127.3.0.0/24"], "limits": {"rate": rates}})
    for number in range(3):
        client = site.client(source="127.3.0.1")
        client.mail()
        client.rcpt(f"guess{number}@example.test", "550 5.1.1")
        client.quit()
        site.deliver(message(f"{number}\r\n"), client=site.client(source="127.3.0.1"))


def test_rates_let_role_addresses_wait_for_no_dns(case):
    """Who sends, and which rules hold by its name, changes nothing for them; but a size does."""
    server = case.peer(DnsServer(RECORDS))
    config = {
        "dns": {"timeout": "25s"},
        "limits": {"rate": {"messages": "100/1h", "bytes": "1GB/1h"}},
        "thresholds": {"reject": {"rules": [{"rdns": "*.elsewhere.test", "use": 1}, {"use": 5}]}},
        "checks": {"early_talker": {"mode": "off"}},
    }
    site = strangers_site(case, [server.port], config)
    server.on("", silent)
    client = stranger(site, GOOD)
    client.mail(SENDER)
    began = time.monotonic()
    client.rcpt("postmaster@example.test", "250")
    client.rcpt("postmaster", "250")
    check(time.monotonic() - began < 20, "it waited for what nobody answers")
    client.close()


def test_rates_let_role_addresses_wait_for_their_size(case):
    """A rule of what holds for them too is not decided before its name is known."""
    server = case.peer(DnsServer(RECORDS, delay=0.3))
    config = {
        "dns": {"timeout": "25s"},
        "limits": {"message_size": {"rules": [{"rdns": "*.good.test", "use": "1KB"}, {"use": "1MB"}]}},
        "checks": {"early_talker": {"mode": "off"}},
    }
    site = strangers_site(case, [server.port], config)
    client = stranger(site, GOOD)
    client.command(f"MAIL FROM:<{SENDER}> SIZE=2000", "250")
    client.rcpt("postmaster@example.test", "552 5.3.4")
    client.close()


# -- the penalty -----------------------------------------------------------------------------------------


def test_penalty_turns_a_stranger_away(case):
    """... of which no mail was taken; a new address or a new name does not help it."""
    site = site_of_strangers(case, {"penalty": {"slow_at": 0, "refuse_at": 5}})
    guesses(site, 5)
    to = judged(site, "421 4.7.0 Too much of what good.test sent was refused")
    check((to["why"], to["identity"], to["penalty"]) == ("turned-away", "good.test", 5), f"{to}")
    to = judged(site, "421 4.7.0 Too much of what 203.0.113.0/24 sent was refused", address=NEIGHBOUR)
    judged(site, "250", recipient="postmaster@example.test")
    judged(site, "250", address="198.51.100.1")
    turned_away = site.gateway.of_type("message", lambda event: event["to"][0].get("why") == "turned-away")
    told = site.gateway.run("explain", turned_away[0]["id"], "-c", site.gateway.conf).stdout
    check("its penalty is 5: what good.test did wrong lately" in told, told)


def test_penalty_cuts_off_no_message_to_a_role_address(case):
    """Its other recipients hear 451, the message goes to it, and the next one is not begun."""
    site = site_of_strangers(case, {"penalty": {"slow_at": 0, "refuse_at": 5}})
    guesses(site, 5)
    since = site.gateway.mark()
    client = stranger(site, GOOD)
    client.mail(SENDER)
    client.rcpt("postmaster@example.test", "250")
    client.rcpt("anna@example.test", "451 4.7.0 Too much of what good.test sent was refused")
    client.rcpt("bert@example.test", "451 4.7.0")
    client.rcpt("abuse@example.test", "250")
    client.data(content := message())
    site.expect_delivered(content)
    whys = [to["why"] for to in site.gateway.await_event("message", since=since)["to"]]
    check(whys == ["role", "turned-away", "turned-away", "role"], f"{whys}")
    client.command(f"MAIL FROM:<{SENDER}>", "421 4.7.0 Too much of what good.test sent was refused")
    client.expect_closed()


def test_penalty_slows_whoever_had_mail_taken(case):
    site = site_of_strangers(case, {"penalty": {"slow_at": 5, "refuse_at": 5, "delay": "1s"}})
    site.deliver(message(), client=stranger(site, GOOD), sender=SENDER)
    guesses(site, 6)
    began = time.monotonic()
    to = judged(site, "250")
    check(to["slowed"] and to["penalty"] == 5, f"{to}")
    check(time.monotonic() - began > 0.9, "it was answered at once")


def test_penalty_waits_for_no_shutdown(case):
    """The answer that was to come late comes at once, and the message is delivered."""
    site = site_of_strangers(case, {"penalty": {"slow_at": 3, "delay": "30s"}})
    guesses(site, 3)
    client = stranger(site, GOOD)
    client.mail(SENDER)
    client.line("RCPT TO:<anna@example.test>")
    site.hop.await_command("RCPT TO:<anna@example.test>")
    site.gateway.signal(15)
    client.expect("250")
    client.data(content := message())
    site.expect_delivered(content)
    site.gateway.await_exit()


def test_penalty_observed(case):
    site = site_of_strangers(case, {"penalty": {"mode": "observe", "slow_at": 3, "refuse_at": 5, "delay": "30s"}})
    guesses(site, 5)
    to = judged(site, "250")
    check((to["would_be"], to["penalty"]) == ("turned-away", 5) and "slowed" not in to, f"{to}")


def test_penalty_spares_allowed_senders(case):
    site = site_of_strangers(case, {"penalty": {"slow_at": 0, "refuse_at": 3}})
    guesses(site, 3)
    judged(site, "421 4.7.0")
    done = site.gateway.run("allow", "add", SENDER, "-c", site.gateway.conf)
    check(done.returncode == 0, f"{done}")
    judged(site, "250")
