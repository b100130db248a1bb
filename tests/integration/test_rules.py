"""Rulesets: recipients of one message treated differently, and what the events tell of it.

NSD answers for all zones. The clients come through a front end that names their public addresses."""

import json

from harness.client import message
from harness.dns_server import DnsServer, failing, late
from harness.outcome import check, poll
from harness.strangers import FORGER, GOOD, LISTED, answered_site, merge, stranger, strangers_site

CHECKS = {
    "early_talker": {"mode": "off"},
    "spf": {"mode": "off"},
    "sender_domain": {"mode": "off"},
    "helo": {"mode": "off"},
}


def rules(*written):
    """((conditions, value), ..., value)"""
    *some, last = written
    return {"rules": [*({**conditions, "use": value} for conditions, value in some), {"use": last}]}


def site_of(case, config=None, **options):
    more = {"example.test": '@ IN TXT "v=spf1 -all"\n'}
    return answered_site(case, merge({"checks": dict(CHECKS)}, config or {}), more, **options)


def recipient(event, address):
    return next(one for one in event["to"] if one["address"] == address)


def test_rules_recipients_of_one_message_are_judged_each_by_its_own(case):
    lenient = rules(({"to": "bert@example.test"}, "observe"), "enforce")
    site = site_of(case, {"checks": {"dnsbl": {"mode": lenient}}})
    since = site.gateway.mark()
    client = stranger(site, LISTED)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "550 5.7.1 Mail from [203.0.113.66] refused: listed by bl.test")
    client.rcpt("bert@example.test", "250")
    client.data(message("for bert\r\n"))
    client.quit()
    site.expect_delivered(message("for bert\r\n"))
    event = site.gateway.await_event("message", since=since)
    anna, bert = recipient(event, "anna@example.test"), recipient(event, "bert@example.test")
    check(anna["why"] == "client" and "rules" not in anna, anna)
    check(bert["rules"].startswith("checks.dnsbl.mode: ") and "10-site.json:" in bert["rules"], bert)


def test_rules_the_strictest_limit_of_those_taken_holds_for_all(case):
    """As many as anna may be one of, though bert may be one of more."""
    site = site_of(case, {"limits": {"recipients": rules(({"to": "anna@example.test"}, 100), 1000)}})
    client = stranger(site, GOOD)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "250")
    for _ in range(99):
        client.rcpt("bert@example.test", "250")
    client.rcpt("bert@example.test", "452 4.5.3")
    client.quit()


def test_rules_by_reverse_name_wait_for_it(case):
    partner = rules(({"rdns": "*.good.test", "ip": "203.0.113.0/24"}, "ignore"), "reject")
    site = site_of(case, {"checks": {"dnsbl": {"mode": "off"}, "rdns": {"confirmed": partner, "missing": "ignore"}}})
    client = stranger(site, GOOD)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "250")
    client.quit()


def test_rules_from_counts_where_spf_vouches_for_it(case):
    # What a forger says of itself makes nothing easier for it.
    friend = rules(({"from": "good.test"}, 100), 1)
    config = {"thresholds": {"reject": friend}, "checks": {"rdns": {"missing": {"score": 5}, "confirmed": {"score": 5}}}}
    site = site_of(case, config)
    honest = stranger(site, GOOD)
    honest.mail("anna@good.test")
    honest.rcpt("anna@example.test", "250")
    honest.quit()
    forger = stranger(site, FORGER)
    forger.mail("anna@good.test")
    forger.rcpt("anna@example.test", "550 5.7.1")
    forger.quit()


def test_rules_limits_of_a_recipient(case):
    limits = {
        "message_size": rules(({"to": "carl@example.test"}, 64000), 200000),
        "recipients": rules(({"ip": "203.0.113.99"}, 1000), 100),
    }
    site = site_of(case, {"limits": limits, "checks": {"rdns": {"mode": "off"}}})
    client = stranger(site, FORGER)
    client.command("MAIL FROM:<anna@good.test> SIZE=100000", "250")
    client.rcpt("carl@example.test", "552 5.3.4 Message too large for this recipient: at most 64000 octets")
    client.rcpt("anna@example.test", "250")
    client.command("RSET", "250")
    large = message(("x" * 70 + "\r\n") * 1000)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "250")
    client.rcpt("carl@example.test", "250")
    client.data(large, "552 5.3.4")
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", "250")
    client.data(large)
    client.quit()
    site.expect_delivered(large)


def test_rules_that_only_observe(case):
    watch = rules(({"to": "bert@example.test", "mode": "observe"}, 1), 50)
    config = {"thresholds": {"reject": watch}, "checks": {"rdns": {"confirmed": {"score": 2}}}}
    site = site_of(case, config)
    since = site.gateway.mark()
    client = stranger(site, GOOD)
    client.mail("anna@good.test")
    client.rcpt("bert@example.test", "250")
    client.data(message("watched\r\n"))
    client.quit()
    site.expect_delivered(message("watched\r\n"))
    bert = recipient(site.gateway.await_event("message", since=since), "bert@example.test")
    check(bert["would_be"] == "client" and "rules" not in bert, bert)


def test_rules_that_only_observe_wait_for_what_they_need(case):
    """All commands come at once, and the reverse name comes late: nothing that acts needs it."""
    records = {
        "1.113.0.203.in-addr.arpa": {"PTR": ["mx.good.test"]},
        "mx.good.test": {"A": ["203.0.113.1"]},
        "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
        "1.113.0.203.bl.test": {"A": ["127.0.0.4"]},
    }
    server = case.peer(DnsServer(records))
    server.on("1.113.0.203.in-addr.arpa", late(0.2))
    config = {
        "checks": merge(
            {"rdns": {"mode": "off"}, "dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.4": 5}}}}}, dict(CHECKS)
        ),
        "thresholds": {"reject": rules(({"rdns": "*.good.test", "mode": "observe"}, 1), 50)},
    }
    site = strangers_site(case, [server.port], config)
    since = site.gateway.mark()
    client = stranger(site, GOOD)
    client.send(b"MAIL FROM:<anna@good.test>\r\nRCPT TO:<bert@example.test>\r\nQUIT\r\n")
    client.read_to_end()
    event = site.gateway.await_event("message", since=since)
    bert = recipient(event, "bert@example.test")
    check(bert["code"] == 250 and bert.get("would_be") == "client", event)
    check(bert["observed_rules"].startswith("thresholds.reject: ") and "rules" not in bert, bert)


def test_rules_on_what_fails_for_now_refuse_nobody_for_good(case):
    """Had it a reverse name, or a pass, another rule might hold: 451, but not where no rule would help."""
    records = {
        "part.test": {"MX": ["10 out.part.test"], "TXT": ["v=spf1 include:inc.part.test -all"]},
        "plain.test": {"MX": ["10 out.part.test"]},
        "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
        "99.113.0.203.bl.test": {"A": ["127.0.0.4"]},
    }
    server = case.peer(DnsServer(records))
    server.on("99.113.0.203.in-addr.arpa", failing("SERVFAIL"))
    server.on("inc.part.test", failing("SERVFAIL"))
    config = {
        "checks": {"dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.4": 5}}}}},
        "thresholds": {
            "reject": rules(
                ({"from": "part.test", "authenticated": True}, 50),
                ({"rdns": "out.part.test", "to": "bert@example.test"}, 50),
                ({"rdns": "*.pool.test", "to": "carl@example.test"}, 4),
                5,
            )
        },
        "limits": {"message_size": rules(({"rdns": "*.part.test", "to": "postmaster@example.test"}, 20_000_000), 1_000_000)},
    }
    site = strangers_site(case, [server.port], config)
    waits = "451 4.4.3 Cannot tell yet: "
    with stranger(site, FORGER, "client.example.net") as client:
        client.mail("x@part.test")
        client.rcpt("anna@example.test", waits + "SPF of part.test")
        client.command("RSET", "250")
        client.mail("x@plain.test")
        client.rcpt("anna@example.test", "550 5.7.1")
        client.rcpt("bert@example.test", waits + "the reverse name of [203.0.113.99]")
        client.rcpt("carl@example.test", "550 5.7.1")
        client.command("RSET", "250")
        client.mail("x@plain.test", "SIZE=5000000")
        client.rcpt("postmaster@example.test", waits)


# A sender whose SPF, and a client whose reverse name, may be made to fail; BL knows it once it is told to.
OUT, WAITS = "203.0.113.31", "451 4.4.3 Cannot tell yet: "
SOFT = {
    "31.113.0.203.in-addr.arpa": {"PTR": ["a.part.test", "b.part.test"]},
    "a.part.test": {"A": [OUT]},
    "b.part.test": {"A": [OUT]},
    "part.test": {"MX": ["10 a.part.test"], "TXT": ["v=spf1 include:inc.part.test -all"]},
    "inc.part.test": {"TXT": [f"v=spf1 ip4:{OUT} -all"]},
    "2.0.0.127.bl.test": {"A": ["127.0.0.2"]},
    "2.0.0.127.wl.test": {"A": ["127.0.0.2"]},
}
BL = {"dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.4": 5}}}}}


def soft_site(case, config, **records):
    server = case.peer(DnsServer({**SOFT, **records}))
    site = strangers_site(case, [server.port], merge({"checks": json.loads(json.dumps(BL))}, config))
    return site, server


def list_it(server):
    server.records["31.113.0.203.bl.test"] = {"A": ["127.0.0.4"]}


def rcpt(site, helo="a.part.test"):
    client = stranger(site, OUT, helo)
    client.mail("x@part.test")
    reply = client.rcpt("anna@example.test", "250", "4", "5")
    client.quit()
    return reply


def begin_waiting(site):
    """Greylisted; by the next try the delay is over."""
    check(rcpt(site).matches("451 4.7.1 Greylisted"), "it has to come again")
    merge(site.config, {"checks": {"greylist": {"delay": "1s"}}})
    site.gateway.reload(site.config)


GREYLIST = {"mode": "enforce", "apply": "all", "delay": "1h"}


def comes_back_listed(site, server, failing_name, words):
    server.on(failing_name, failing("SERVFAIL"))
    begin_waiting(site)
    list_it(server)

    def put_off():
        reply = rcpt(site)
        check(not reply.matches("5") and not reply.matches("250"), f"{reply}")
        return reply.matches(WAITS + words)

    poll(put_off, 15, "it comes back")


def test_rules_soft_entry_when_it_comes_back_listed(case):
    """An allow entry that SPF would prove might have let it pass."""
    site, server = soft_site(case, {"checks": {"greylist": dict(GREYLIST)}})
    site.gateway.run("allow", "add", "part.test", "-c", site.gateway.conf)
    comes_back_listed(site, server, "inc.part.test", "SPF of part.test")


def test_rules_soft_rule_when_it_comes_back_listed(case):
    """So might a rule by its reverse name."""
    config = {
        "checks": {"greylist": dict(GREYLIST)},
        "thresholds": {"reject": rules(({"rdns": "*.part.test"}, 50), 5)},
    }
    site, server = soft_site(case, config)
    comes_back_listed(site, server, "31.113.0.203.in-addr.arpa", "the reverse name of [203.0.113.31]")


def test_rules_soft_limits_of_the_header(case):
    limits = {"header_size": rules(({"from": "part.test"}, "64KiB"), "16KiB")}
    site, server = soft_site(case, {"limits": limits})
    server.on("inc.part.test", failing("SERVFAIL"))
    since = site.gateway.mark()
    client = stranger(site, OUT)
    client.mail("x@part.test")
    client.rcpt("anna@example.test", "250")
    client.command("DATA", "354")
    client.content(b"X-A: y\r\n" + b" zzzzzzzz\r\n" * 4000 + b"\r\nbody\r\n", WAITS + "SPF of part.test")
    client.quit()
    site.gateway.await_event("message", since=since)


def test_rules_soft_two_reverse_names(case):
    """Both count; and what one of them would have brought is not lost while it cannot be confirmed."""
    site, server = soft_site(case, {})
    list_it(server)
    for name in ("a.part.test", "b.part.test"):
        site.gateway.run("allow", "add", f"rdns:{name}", "-c", site.gateway.conf)
        check(rcpt(site).matches("250"), name)
        site.gateway.run("allow", "remove", f"rdns:{name}", "-c", site.gateway.conf)
    check(rcpt(site).matches("550 5.7.1"), "no entry means it")


def test_rules_soft_one_of_two_reverse_names(case):
    site, server = soft_site(case, {})
    list_it(server)
    server.on("a.part.test", failing("SERVFAIL"))
    check(rcpt(site, "x.other.test").matches("550 5.7.1"), "no entry means it")
    site.gateway.run("allow", "add", "rdns:a.part.test", "-c", site.gateway.conf)
    check(rcpt(site, "x.other.test").matches(WAITS + "the reverse name of"), "a.part.test may be its name")


def test_rules_soft_good_list_that_does_not_serve_us(case):
    zones = {"wl.test": {"codes": {"127.0.0.2": -3}}}
    site, server = soft_site(
        case,
        {"checks": {"dnsbl": {"zones": zones}}},
        **{"31.113.0.203.wl.test": {"A": ["127.255.255.254"]}},
    )
    list_it(server)
    check(rcpt(site).matches("451 4.7.1"), "it might have spoken for the client")
