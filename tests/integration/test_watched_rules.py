"""Rules that only observe, whatever value they are of: nothing is done, and the event says what would have
been, and by which rule.

The clients come through a front end that names their public addresses."""

from harness.client import message
from harness.dns_server import DnsServer
from harness.outcome import check
from harness.strangers import GOOD, PLAIN, POOR, SENDER, merge, stranger, strangers_site

CHECKS = {"early_talker": {"mode": "off"}, "greylist": {"mode": "off", "delay": "1h"}}


def watching(use, usual, to="bert@example.test"):
    return {"rules": [{"to": to, "mode": "observe", "use": use}, {"use": usual}]}


def site_of(case, config):
    server = case.peer(DnsServer(PLAIN))
    return strangers_site(case, [server.port], merge({"checks": dict(CHECKS)}, config))


def told(site, *recipients, content=None, address=GOOD, declared="", wanted=("250",)):
    """What the event says of the recipients of one message."""
    since = site.gateway.mark()
    client = stranger(site, address)
    client.command(f"MAIL FROM:<{SENDER}>{declared}", "250")
    replies = [client.rcpt(recipient, *wanted) for recipient in recipients or ("bert@example.test",)]
    if content:
        client.data(content)
        site.expect_delivered(content)
    if replies[-1].matches("421"):
        client.expect_closed()
    else:
        client.quit()
    return site.gateway.await_event("message", since=since)["to"]


def check_told(to, would_be, value):
    check((to["code"], to.get("would_be")) == (250, would_be), f"{to}")
    check(value in to["observed_rules"] and "10-site.json:" in to["observed_rules"], f"{to}")


def test_watched_rules_of_sizes(case):
    limits = {"message_size": watching("64KB", "10MB"), "header_size": watching("16KB", "256KB")}
    site = site_of(case, {"limits": limits})
    (to,) = told(site, declared=" SIZE=100000")
    check_told(to, "too-large-for-recipient", "limits.message_size")
    large = message(("x" * 70 + "\r\n") * 1000)
    bert, anna = told(site, "bert@example.test", "anna@example.test", content=large)
    check_told(bert, "too-large-for-recipient", "limits.message_size")
    check("would_be" not in anna, f"{anna}")
    (to,) = told(site, content=b"X-Long: x\r\n" * 2000 + message())
    check_told(to, "header-too-large", "limits.header_size")
    (to,) = told(site, content=message())
    check("would_be" not in to, f"{to}")


def refused_content(site, content, code, *recipients):
    """What the event says of those whose message is refused at its end."""
    since = site.gateway.mark()
    client = stranger(site, GOOD)
    client.mail(SENDER)
    for recipient in recipients or ("bert@example.test",):
        client.rcpt(recipient)
    client.data(content, code)
    client.quit()
    return site.gateway.await_event("message", since=since)["to"]


def test_watched_rules_of_content_that_is_refused(case):
    """Looser than what acts: at the dot, where it is cut off, and in the header."""
    large = message(("x" * 70 + "\r\n") * 1000)  # 72 KB
    for value, use, acting, content, code in (
        ("message_size", "10MB", "64KB", large, "552 5.3.4"),
        ("header_size", "256KB", "16KB", b"X-Long: x\r\n" * 2000 + message(), "552 5.3.4"),
        ("received", 50, 10, b"Received: by a.test\r\n" * 12 + message(), "554 5.4.6"),
    ):
        alone = watching(use, acting)
        beside = {"rules": [*alone["rules"][:1], {"to": "bert@example.test", "use": acting}, {"use": use}]}
        for rules in (alone, beside):
            site = site_of(case, {"limits": {value: rules}})
            (to,) = refused_content(site, content, code)
            check_told(to, "accept", f"limits.{value}")
            check(f"limits.{value}" in to["observed_rules"], f"{to}")
            (to,) = told(site, content=message())
            check("would_be" not in to, f"{to}")
            case.finish_site(site)


def test_watched_rules_of_content_that_is_refused_all_the_same(case):
    """The looser limit is too tight as well, or another recipient's own is."""
    site = site_of(case, {"limits": {"message_size": watching("70KB", "64KB")}})
    (to,) = refused_content(site, message(("x" * 70 + "\r\n") * 1000), "552 5.3.4")
    check("would_be" not in to, f"{to}")
    size = {"rules": [{"to": "anna@example.test", "use": "64KB"}, {"use": "1MB"}]}
    site = site_of(case, {"limits": {"message_size": size}, "thresholds": {"reject": watching(9, 5)}})
    large = message(("x" * 70 + "\r\n") * 1000)
    to = refused_content(site, large, "552 5.3.4", "bert@example.test", "anna@example.test")
    check(["would_be" in one for one in to] == [False, False], f"{to}")


def test_watched_rules_of_content_that_is_malformed(case):
    site = site_of(case, {"checks": {"malformed_header": watching("pass", "reject")}})
    (to,) = refused_content(site, b"Subject: x\r\nno field\r\n\r\nbody\r\n", "550 5.6.0")
    check_told(to, "accept", "checks.malformed_header")


def test_watched_rules_move_no_reply(case):
    """A larger limit that is only watched is not offered: what is too large hears so at MAIL."""
    site = site_of(case, {"limits": {"message_size": watching("10MB", "64KB")}})
    client = stranger(site, GOOD)
    check(client.offers["SIZE"] == "SIZE 64000", f"{client.offers}")
    client.mail(SENDER, "SIZE=100000", "552 5.3.4")
    client.quit()


def test_watched_rules_of_recipients(case):
    site = site_of(case, {"limits": {"recipients": watching(100, 1000)}})
    *before, last = told(site, *["bert@example.test"] * 101)
    check(not any("would_be" in one for one in before), f"{before}")
    check_told(last, "too-many-recipients", "limits.recipients")


def test_watched_rules_of_rates(case):
    """Each has a count of its own; what acts counts what it did."""
    for value in ("messages", "recipients", "bytes"):
        limit = "100B/1d" if value == "bytes" else "1/1d"
        site = site_of(case, {"limits": {"rate": {value: watching(limit, "off")}}})
        (to,) = told(site, content=message("x" * 70 + "\r\n"))
        check("would_be" not in to, f"{to}")
        (to,) = told(site, content=message("again\r\n"))
        check_told(to, "over-rate", f"limits.rate.{value}")
        case.finish_site(site)


def test_watched_rules_give_back_what_did_not_come_about(case):
    site = site_of(case, {"limits": {"rate": {"messages": watching("1/1d", "off")}}})
    for _ in range(3):
        (to,) = told(site)
        check("would_be" not in to, f"{to}")


def test_watched_rules_of_guesses(case):
    limits = {"rate": {"unknown_recipients": watching("2/1d", "off", to="*@example.test")}}
    site = site_of(case, {"limits": limits})
    for number in range(2):
        (to,) = told(site, f"guess{number}@example.test", wanted=("550",))
        check("would_be" not in to, f"{to}")
    (to,) = told(site, "guess9@example.test", wanted=("550",))
    check(to["would_be"] == "over-rate", f"{to}")
    (to,) = told(site, "anna@example.test")
    check_told(to, "over-rate", "limits.rate.unknown_recipients")


def test_watched_rules_of_octets_hold_for_each_recipient(case):
    """Also where it shows only at the end of the content, of sessions side by side."""
    site = site_of(case, {"limits": {"rate": {"bytes": watching("2KB/1d", "off", to="*@example.test")}}})
    clients = [stranger(site, GOOD) for _ in range(2)]
    for client in clients:
        client.mail(SENDER)
        for recipient in ("bert@example.test", "anna@example.test"):
            client.rcpt(recipient)
    for client in clients:
        content = message(("x" * 70 + "\r\n") * 100)
        client.data(content)
        site.expect_delivered(content)
        client.quit()
    first, second = site.gateway.await_events("message", 2)
    check([to.get("would_be") for to in first["to"]] == [None, None], f"{first}")
    check([to.get("would_be") for to in second["to"]] == ["over-rate", "over-rate"], f"{second}")


def test_watched_rules_fill_nothing_that_acts(case):
    """Bert's rule only observes what holds for anna: his messages are none of hers."""
    for value in ("messages", "recipients", "bytes"):
        limit = "100B/1d" if value == "bytes" else "2/1d"
        wide = "9MB/1d" if value == "bytes" else "900/1d"
        rules = [
            {"to": "bert@example.test", "mode": "observe", "use": limit},
            {"to": "bert@example.test", "use": wide},
            {"use": limit},
        ]
        site = site_of(case, {"limits": {"rate": {value: {"rules": rules}}}})
        for _ in range(3):
            told(site, content=message())
        (to,) = told(site, "anna@example.test", content=message())
        check(to["code"] == 250, f"{value}: {to}")
        case.finish_site(site)


def test_rates_in_mode_observe_fill_nothing_that_acts(case):
    """The same limit, watched for bert and acting for anna."""
    for value in ("messages", "recipients", "bytes"):
        limit = "100B/1d" if value == "bytes" else "2/1d"
        mode = {"rules": [{"to": "bert@example.test", "use": "observe"}, {"use": "enforce"}]}
        site = site_of(case, {"limits": {"rate": {value: limit, "mode": mode}}})
        for _ in range(3):
            (to,) = told(site, content=message())
        check(to["would_be"] == "over-rate", f"{value}: {to}")
        (to,) = told(site, "anna@example.test", content=message())
        check(to["code"] == 250, f"{value}: {to}")
        case.finish_site(site)


def test_watched_rules_look_at_what_is_counted_in_mode_observe(case):
    """Both only observe the same limit: there is one count, and each message is in it once."""
    mode = watching("enforce", "observe")
    site = site_of(case, {"limits": {"rate": {"messages": "2/1d", "mode": mode}}})
    for wanted in (None, None, "over-rate"):
        (to,) = told(site, content=message())
        check(to.get("would_be") == wanted, f"{to}")


def test_watched_rules_of_a_penalty_that_is_off(case):
    penalty = {"mode": watching("enforce", "off", to="*@example.test"), "slow_at": 0, "refuse_at": 3}
    site = site_of(case, {"limits": {"penalty": {**penalty, "half_life": "7d"}, "harvest": 0}})
    for number in range(3):
        told(site, f"guess{number}@example.test", wanted=("550",))
    (to,) = told(site)
    check_told(to, "turned-away", "limits.penalty.mode")


def test_penalty_in_mode_observe_holds_nothing_against_what_acts(case):
    """Guesses that are only watched turn nobody away where the penalty acts."""
    mode = {"rules": [{"to": ["guess*@example.test", "bert@example.test"], "use": "observe"}, {"use": "enforce"}]}
    penalty = {"mode": mode, "slow_at": 0, "refuse_at": 3, "half_life": "7d"}
    site = site_of(case, {"limits": {"penalty": penalty, "harvest": 0}})
    for number in range(3):
        told(site, f"guess{number}@example.test", wanted=("550",))
    (to,) = told(site)
    check(to["would_be"] == "turned-away", f"{to}")
    (to,) = told(site, "anna@example.test")
    check("would_be" not in to, f"{to}")


def test_watched_rules_of_the_penalty(case):
    """One that would let pass whom another turns away."""
    penalty = {"mode": watching("off", "enforce"), "slow_at": 0, "refuse_at": 3, "half_life": "7d"}
    site = site_of(case, {"limits": {"penalty": penalty, "harvest": 0}})
    for number in range(3):
        told(site, f"guess{number}@example.test", wanted=("550",))
    (to,) = told(site, wanted=("421",))
    check((to["why"], to["would_be"]) == ("turned-away", "accept"), f"{to}")
    (to,) = told(site, "anna@example.test", wanted=("421",))
    check("would_be" not in to, f"{to}")


def test_watched_rules_of_greylisting(case):
    """It remembers who came, as if it acted, and so knows who came back."""
    for value, use, usual in (("mode", "enforce", "off"), ("apply", "all", "doubtful")):
        greylist = {"mode": "enforce", "delay": "1h", "known_after": 0, value: watching(use, usual)}
        site = site_of(case, {"checks": {"greylist": greylist}})
        address = POOR if value == "mode" else GOOD
        (to,) = told(site, address=address)
        check_told(to, "greylisted", f"checks.greylist.{value}")
        check("greylist" not in to, f"{to}")
        case.finish_site(site)


def test_watched_rules_of_greylisting_off(case):
    greylist = {"mode": watching("off", "enforce"), "delay": "1h"}
    site = site_of(case, {"checks": {"greylist": greylist}})
    (to,) = told(site, address=POOR, wanted=("451",))
    check((to["why"], to["would_be"]) == ("greylisted", "accept"), f"{to}")


def test_watched_rules_of_lists(case):
    """An allow list that would let him in, and lines that would bar him."""
    allow, bar, block = (case.path(name) for name in ("allow", "bar", "block"))
    for file, line in ((allow, POOR), (bar, f"*@x.test\n{SENDER}"), (block, "plain.test")):
        with open(file, "w") as out:
            out.write(f"{line}\n")
    config = {
        "checks": {"rdns": {"missing": "reject"}},
        "lists": {"allow": watching(allow, ""), "block": watching(block, "", to="carl@example.test")},
        "barring": {"senders": watching(bar, "", to="anna@example.test")},
    }
    site = site_of(case, config)
    (to,) = told(site, address=POOR, wanted=("550",))
    check((to["why"], to["would_be"]) == ("reverse-name", "accept"), f"{to}")
    (to,) = told(site, "carl@example.test")
    check_told(to, f"blocked-sender {block}:1", "lists.block")
    (to,) = told(site, "anna@example.test")
    check_told(to, f"barred-sender {bar}:2", "barring.senders")


def test_watched_checks_of_some_recipients(case):
    """A check that refuses for one and observes for another: each is told what it would have come to."""
    mode = {"rules": [{"to": "bert@example.test", "use": "observe"}, {"use": "enforce"}]}
    site = site_of(case, {"checks": {"rdns": {"mode": mode, "missing": "reject"}}})
    anna, bert = told(site, "anna@example.test", "bert@example.test", address=POOR, wanted=("250", "550"))
    check((anna["code"], anna["why"], anna.get("would_be")) == (550, "reverse-name", None), f"{anna}")
    check((bert["code"], bert["would_be"]) == (250, "reverse-name"), f"{bert}")
    result = site.gateway.run("log", "-c", site.gateway.conf, "--verdict", "would-reject", "--to", "bert@example.test")
    check("(would reject)" in result.stdout, f"{result}")


def test_watched_rules_at_connect(case):
    def watching_all(use, usual):
        return {"rules": [{"ip": "203.0.113.0/24", "mode": "observe", "use": use}, {"use": usual}]}

    for value, use, usual, would_be in (
        ("sessions_per_address", 1, 50, "too-many-sessions"),
        ("connects_per_network", 1, 1000, "too-many-new-sessions"),
        ("connections", "1/1d", "off", "connection-rate"),
    ):
        limit = {value: watching_all(use, usual)}
        site = site_of(case, {"limits": {"rate": limit} if value == "connections" else limit})
        first, second = stranger(site, GOOD), stranger(site, GOOD)
        for client in (first, second):
            client.quit()
        events = site.gateway.await_events("session", 2, lambda event: event["listener"] == "front")
        check([event.get("would_be_at_connect") for event in events] == [None, would_be], f"{events}")
        rules = events[1]["observed_rule_texts"]
        check([rule["value"].split(".")[-1] for rule in rules] == [value], f"{rules}")
        found = site.gateway.run("log", "--verdict", "would-defer", "-c", site.gateway.conf)
        check(events[1]["id"] in found.stdout and events[0]["id"] not in found.stdout, f"{found}")
        told = site.gateway.run("explain", events[1]["id"], "-c", site.gateway.conf).stdout
        check(f"if all that is only observed counted, at connect: {would_be}" in told, told)
        case.finish_site(site)


def test_watched_rules_of_early_talkers(case):
    for acting in ("score", "off"):
        early_talker_is_watched(case, acting)


def early_talker_is_watched(case, acting):
    mode = {"rules": [{"ip": "203.0.113.0/24", "mode": "observe", "use": "enforce"}, {"use": acting}]}
    site = site_of(case, {})
    site.gateway.reload(merge(site.config, {"checks": {"early_talker": {"mode": mode, "wait": "1s"}}}))
    client = site.connect("front")
    client.send(f"PROXY TCP4 {GOOD} 192.0.2.25 40000 25\r\nEHLO mx.good.test\r\n".encode())
    client.expect("220")
    client.expect("250")
    client.quit()
    event = site.gateway.await_event("session", lambda event: event["listener"] == "front")
    check((event["would_be_at_connect"], event["early_talker"]) == ("talked-early", True), f"{event}")
    case.finish_site(site)


def test_watched_rules_change_nothing_of_another_way(case):
    """What no rule has a say in would be so with all of them."""
    site = site_of(case, {"thresholds": {"reject": watching(1, 50)}})
    (to,) = told(site, "bert@nowhere.test", wanted=("550",))
    check(to["why"] == "relay" and "would_be" not in to, f"{to}")
    (to,) = told(site, "unknown@example.test", wanted=("550",))
    check("would_be" not in to, f"{to}")
