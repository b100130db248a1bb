"""What is found out about a stranger while its session goes on, and what becomes of its mail.

NSD answers for all zones. The clients come through a front end that names their public addresses."""

import time

from harness.client import message
from harness.dns_server import DnsServer, failing
from harness.nsd import start_nsd
from harness.outcome import check, poll
from harness.ports import free_port
from harness.setups import another_listener, users_file, with_tls
from harness.strangers import merge, stranger, strangers_site

GOOD, POOR, LISTED, FORGED = "203.0.113.1", "203.0.113.2", "203.0.113.66", "203.0.113.99"
LONE = "203.0.113.5"  # no reverse name
ZONES = {
    "113.0.203.in-addr.arpa": "1 IN PTR mx.good.test.\n2 IN PTR poor.elsewhere.test.\n"
    "66 IN PTR mx.good.test.\n",
    "good.test": f"@ IN MX 10 mx\nmx IN A {GOOD}\nmx IN A {LISTED}\nmx IN AAAA 2001:db8::25\n"
    f'@ IN TXT "v=spf1 ip4:{GOOD} ip4:{LISTED} include:_more.good.test -all"\n'
    f'_more IN TXT "v=spf1 ip6:2001:db8::/32 ?ip4:{LONE} -all"\n'
    'mx IN TXT "v=spf1 a -all"\n',
    "elsewhere.test": "poor IN A 198.51.100.9\n",
    "strict.test": '@ IN MX 10 mx\nmx IN A 198.51.100.7\n@ IN TXT "v=spf1 mx -all exp=why.strict.test"\n'
    'why IN TXT "%{c} is no server of ours"\nmx IN TXT "v=spf1 a -all"\n',
    "null.test": "@ IN MX 0 .\n",
    "inside.test": "@ IN MX 10 mx\nmx IN A 10.0.0.9\n",
    "example.test": f"www IN A {LONE}\n" '@ IN MX 10 mx\nmx IN A 198.51.100.1\n@ IN TXT "v=spf1 mx -all"\n',
    "broken.test": None,
    "bl.test": "2.0.0.127 IN A 127.0.0.2\n66.113.0.203 IN A 127.0.0.4\n"
    '66.113.0.203 IN TXT "see https://bl.test/203.0.113.66"\n',
    "wl.test": "2.0.0.127 IN A 127.0.0.2\n66.113.0.203 IN A 127.0.5.3\n2.113.0.203 IN A 127.0.5.3\n",
    "rhs.test": "test IN A 127.0.0.2\nbad.test IN A 127.0.1.2\n",
    "bad.test": "@ IN MX 10 mx\nmx IN A 198.51.100.66\n",
}
LISTS = {"bl.test": {"codes": {"127.0.0.2-127.0.0.11": 5}}}


def site_of(case, config=None, zones=None, lists=LISTS, **options):
    server = case.peer(start_nsd(case.path("nsd"), {**ZONES, **(zones or {})}))
    base = {"checks": {"dnsbl": {"zones": dict(lists)}}}
    return strangers_site(case, [server.port], merge(base, config or {}), **options)


def refused(site, address, *wanted, helo="mx.good.test", sender="anna@good.test"):
    """RCPT is refused; postmaster is taken all the same. The event of the refusal."""
    since = site.gateway.mark()
    client = stranger(site, address, helo)
    client.mail(sender)
    reply = client.rcpt("anna@example.test", *wanted)
    client.rcpt("postmaster@example.test")
    client.command("RSET", "250")
    client.quit()
    return str(reply), site.gateway.await_event("message", since=since)


def facts(event):
    return {
        (fact["check"], fact.get("of", ""), fact["subject"] if fact["check"] == "dnsbl" else ""): fact
        for fact in event["evidence"]
    }


def accepted(site, address, helo="mx.good.test", sender="anna@good.test"):
    since = site.gateway.mark()
    site.deliver(client=stranger(site, address, helo), sender=sender)
    return site.gateway.await_event("message", since=since)


def await_note(site, text):
    return site.gateway.await_event("note", lambda event: text in event["text"])


def test_stranger_honest(case):
    site = site_of(case)
    event = accepted(site, GOOD)
    found = {key[0]: fact["found"] for key, fact in facts(event).items()}
    check(
        found
        == {
            "early_talker": "waited",
            "rdns": "confirmed",
            "helo": "confirmed",
            "spf_helo": "pass",
            "spf_mailfrom": "pass",
            "sender_domain": "found",
            "dnsbl": "clear",
        },
        f"{found}",
    )
    check(event["score"] == 0, f"{event}")
    asked = [(one["question"], one["answer"]) for one in facts(event)[("rdns", "", "")]["asked"]]
    check(
        asked
        == [("PTR 1.113.0.203.in-addr.arpa", "mx.good.test"), ("A mx.good.test", "203.0.113.1, 203.0.113.66")],
        f"{asked}",
    )
    check("mx.good.test [203.0.113.1]" in site.hop.await_messages(1)[0].trace, "the reverse name in Received")
    event = accepted(site, "2001:db8::25")
    check(facts(event)[("spf_mailfrom", "", "")]["found"] == "pass", f"{event}")


def test_stranger_listed(case):
    site = site_of(case)
    reply, event = refused(
        site, LISTED, "550 5.7.1 Mail from [203.0.113.66] refused: listed by bl.test (see https://bl.test/203.0.113.66)"
    )
    fact = facts(event)[("dnsbl", "client", "bl.test")]
    check((fact["found"], fact["codes"], fact["counts"]) == ("listed", "127.0.0.4", "+5"), f"{fact}")
    check(event["to"][0]["why"] == "client" and event["score"] == 5, f"{event}")


def test_stranger_who_is_spared(case):
    """The same listed client, where it logs in, is trusted or known; and on a private address nobody asks."""
    config = merge(
        with_tls(), another_listener("submission", tls="starttls", auth="required", proxy_protocol=["127.0.0.1"])
    )
    config["users"] = users_file(case, boss="secret")
    site = site_of(case, config)
    client = stranger(site, LISTED, helo="[10.0.0.1]", listener="submission")
    client.starttls()
    client.ehlo("[10.0.0.1]")
    client.auth_plain("boss", "secret")
    site.deliver(message("submitted\r\n"), client=client)
    for key, name in (("trusted_networks", "trusted"), ("upstream", "upstream")):
        site.gateway.reload({**site.config, key: [LISTED]})
        since = site.gateway.mark()
        site.deliver(message(name + "\r\n"), client=stranger(site, LISTED))
        site.gateway.await_event("session", lambda event, name=name: event.get("spared") == name, since=since)
    site.deliver()
    site.gateway.await_event("session", lambda event: event.get("spared") == "internal")
    events = site.gateway.of_type("message")
    check(not any("evidence" in event for event in events), f"{events}")


def test_stranger_helo(case):
    site = site_of(case, {"domains": {"www.example.test": {"route": "groupware"}}})
    for helo in ("mx.example.test", "EXAMPLE.test", "[192.0.2.25]", "192.0.2.25"):
        reply, event = refused(site, GOOD, f"550 5.7.1 Mail from [{GOOD}] refused: HELO {helo} is our own name", helo=helo)
    event = accepted(site, LONE, "www.example.test", sender="")
    check(facts(event)[("helo", "", "")]["found"] == "plausible", f"a web server of ours: {event}")
    for helo, found in (
        ("mx.good.test", "confirmed"),
        (f"[{GOOD}]", "plausible"),
        ("[203.0.113.7]", "literal"),
        ("localhost", "not_fqdn"),
        ("none.good.test", "unresolvable"),
        ("mx.strict.test", "mismatch"),
        ("x_y.broken.test", "temporary"),
    ):
        event = accepted(site, GOOD, helo) if found != "mismatch" else refused(site, GOOD, "550 5.7.23 ", helo=helo)[1]
        check(facts(event)[("helo", "", "")]["found"] == found, f"{helo}: {event}")


def test_stranger_sender_domain(case):
    site = site_of(case, {"checks": {"spf": {"mode": "off"}}})
    refused(
        site, GOOD, "550 5.1.8 Sender address refused: the domain none.good.test does not exist", sender="a@none.good.test"
    )
    refused(site, GOOD, "550 5.7.27 Sender address refused: the domain null.test takes no mail", sender="a@null.test")
    refused(
        site,
        GOOD,
        "451 4.4.3 Cannot tell yet: the domain broken.test cannot be looked up now; please try again later",
        sender="a@broken.test",
    )
    event = accepted(site, GOOD, sender="a@inside.test")
    check((event["score"], facts(event)[("sender_domain", "", "")]["found"]) == (2, "private"), f"{event}")
    accepted(site, GOOD, sender="")


def test_stranger_spf(case):
    site = site_of(case)
    refused(site, LONE, "550 5.7.23 Mail from [203.0.113.5] refused: SPF of HELO mx.strict.test does not permit", helo="mx.strict.test")
    event = accepted(site, GOOD, sender="a@strict.test")
    fact = facts(event)[("spf_mailfrom", "", "")]
    check((fact["found"], fact["counts"]) == ("fail", "+3"), f"{fact}")
    check(fact["detail"] == f"{GOOD} is no server of ours", f"{fact}")
    reply, event = refused(site, LONE, "550 5.7.1 Mail from [203.0.113.5] refused: SPF of strict.test", sender="a@strict.test", helo="lone.elsewhere.test")
    check("no reverse name" in reply and event["score"] >= 5, f"{reply} {event}")


def test_stranger_own_domain(case):
    site = site_of(case)
    event = accepted(site, GOOD, sender="boss@example.test")
    check(event["score"] == 4, f"fail and a domain of ours: {event}")


def test_stranger_generic_name(case):
    """A confirmed name that is made of the address, or that the list has; not one of a mail server."""
    names = case.path("generic-names")
    with open(names, "w") as file:
        file.write("# of providers\ncustomers\nodd[0-9]+[.].*\n")
    hosts = {1: "mx", 11: "203-0-113-11.net", 12: "c12.customers", 13: "odd7", 14: "mail-203-0-113-14"}
    zones = {
        "113.0.203.in-addr.arpa": "".join(f"{last} IN PTR {name}.good.test.\n" for last, name in hosts.items()),
        "good.test": ZONES["good.test"]
        + "".join(f"{name} IN A 203.0.113.{last}\n" for last, name in hosts.items() if last != 1),
    }
    site = site_of(case, {"checks": {"rdns": {"generic_names": names}, "spf": {"mode": "off"}}}, zones=zones)
    for last, name in hosts.items():
        event = accepted(site, f"203.0.113.{last}", helo=f"{name}.good.test", sender="")
        wanted = "confirmed" if name.startswith("m") else "generic"
        check(facts(event)[("rdns", "", "")]["found"] == wanted, f"{name}: {event}")
        check(facts(event)[("helo", "", "")]["found"] == "confirmed", f"{name}: {event}")


def test_stranger_mismatch_alone_never_refuses(case):
    site = site_of(case)
    event = accepted(site, POOR, helo="poor.elsewhere.test", sender="")
    check(facts(event)[("rdns", "", "")]["found"] == "mismatch", f"{event}")


def test_stranger_good_list_and_names(case):
    lists = {
        **LISTS,
        "wl.test": {"codes": {"127.0.*.2-3": -3}},
        "rhs.test": {"codes": {"127.0.1.2": 4}, "of": ["sender", "helo", "rdns"]},
    }
    site = site_of(case, lists=lists)
    event = accepted(site, LISTED)
    check(event["score"] == 2, f"listed by both: {event}")
    event = accepted(site, GOOD, sender="a@bad.test")
    check(facts(event)[("dnsbl", "sender", "rhs.test")]["counts"] == "+4", f"{event}")


def test_stranger_observe(case):
    site = site_of(case, {"checks": {"dnsbl": {"mode": "observe"}}})
    event = accepted(site, LISTED)
    fact = facts(event)[("dnsbl", "client", "bl.test")]
    check(fact["observed"] and event["would_be"] == "reject" and event["score"] == 0, f"{event}")


def test_stranger_whose_dns_is_mended_in_mid_session(case):
    """What failed for one message is asked anew for the next, of the same sender too."""
    server = case.peer(DnsServer({"plain.test": {"MX": ["10 mx.plain.test"]}, "mx.plain.test": {"A": [GOOD]}}))
    server.on("plain.test", failing("SERVFAIL"))
    site = strangers_site(case, [server.port], {"checks": {"greylist": {"mode": "off"}}})
    client = stranger(site, GOOD, "mx.elsewhere.test")
    client.mail("anna@plain.test")
    client.rcpt("anna@example.test", "451 4.4.3")
    server.on("plain.test", lambda query: query.send(query.answer()))

    def taken():
        client.command("RSET", "250")
        client.mail("anna@plain.test")
        return client.rcpt("anna@example.test", "250", "451").matches("250")

    poll(taken, 30, "it is taken", 0.5)  # the failure is remembered for some seconds
    client.quit()


def test_stranger_who_greets_anew_ends_its_message_as_who_it_was(case):
    site = site_of(case)
    since = site.gateway.mark()
    client = stranger(site, GOOD)
    client.mail("anna@good.test")
    client.rcpt("anna@example.test")
    client.ehlo("elsewhere.test")
    client.mail("anna@good.test")
    client.quit()
    first, second = site.gateway.await_events("message", 2, since=since)
    helo = next(fact for fact in first["evidence"] if fact["check"] == "helo")
    check((first["helo"], helo["subject"], first["fate"]) == ("mx.good.test", "mx.good.test", "reset"), f"{first}")
    check(second["helo"] == "elsewhere.test", f"{second}")


def test_stranger_list_that_does_not_answer_us(case):
    """127.255.255.254 for all that is asked is never a hit, whatever is configured."""
    site = site_of(case, zones={"bl.test": "* IN A 127.255.255.254\n"})
    event = accepted(site, LISTED)
    check(facts(event)[("dnsbl", "client", "bl.test")]["found"] == "silent", f"{event}")
    await_note(site, "list bl.test answers, but not us")


def test_stranger_list_that_lists_everything(case):
    site = site_of(case, zones={"bl.test": "* IN A 127.0.0.2\n"})
    await_note(site, "list bl.test lists 127.0.0.1, as a list does that lists everything: set aside")
    event = accepted(site, LISTED)
    check(facts(event)[("dnsbl", "client", "bl.test")]["found"] == "silent", f"{event}")


def test_stranger_reload_of_servers(case):
    """Servers that are gone are replaced by a reload, and sessions go on."""
    server = case.peer(start_nsd(case.path("nsd"), ZONES))
    site = strangers_site(case, [free_port()], {"checks": {"dnsbl": {"zones": LISTS}}})
    event = refused(site, GOOD, "451 4.4.3 ")[1]
    asked = [one for fact in event["evidence"] for one in fact.get("asked", [])]
    check({one["answer"].rpartition(":")[0] for one in asked} == {"unreachable: 127.0.0.1"}, f"{asked}")
    await_note(site, "no DNS server answers us (127.0.0.1:")
    config = merge(dict(site.config), {"dns": {"servers": [f"127.0.0.1:{server.port}"]}})
    site.gateway.reload(config)
    accepted(site, GOOD)
    await_note(site, "the DNS servers answer again")


def unfolded(stored):
    return stored.trace.replace("\r\n\t", " ").replace("\r\n ", " ").splitlines()


def test_stranger_is_written_of(case):
    """Authentication-Results, Received-SPF and Received, in this order, and nothing of it for our own people."""
    lists = {**LISTS, "tag.test": {"codes": {"127.0.0.9": 1}, "flag": True}, "wl.test": {"codes": {"127.0.5.3": -1}, "flag": True}}
    zone = {"tag.test": "2.0.0.127 IN A 127.0.0.2\n2.113.0.203 IN A 127.0.0.9\n"}
    site = site_of(case, {"checks": {"spf": {"fail": "ignore"}}}, zones=zone, lists=lists)
    accepted(site, GOOD)
    lines = unfolded(site.hop.await_messages(1)[0])
    check(
        lines[0] == "Authentication-Results: mx.example.test; iprev=pass (mx.good.test) policy.iprev=203.0.113.1;"
        " spf=pass smtp.helo=mx.good.test; spf=pass smtp.mailfrom=anna@good.test",
        lines[0],
    )
    check(lines[1].startswith("Received-SPF: pass ") and "client-ip=203.0.113.1;" in lines[1], lines[1])
    check("identity=mailfrom" in lines[1] and 'envelope-from="anna@good.test"' in lines[1], lines[1])
    check(lines[2].startswith("Received: ") and len(lines) == 3, f"{lines}")
    event = accepted(site, POOR, helo="poor.elsewhere.test", sender="a@strict.test")
    check(event["score"] == 2, f"flags count nothing: {event}")
    results = unfolded(site.hop.await_messages(2)[1])[0]
    for part in ("iprev=fail", "spf=fail", "x-dnsbl=fail dns.zone=tag.test policy.ip=127.0.0.9", "dnswl=pass dns.zone=wl.test"):
        check(part in results, results)
    accepted(site, GOOD, sender="")
    lines = unfolded(site.hop.await_messages(3)[2])
    check("smtp.mailfrom" not in lines[0] and "identity=helo" in lines[1], f"{lines}")
    site.deliver(message("inside\r\n"))
    check(unfolded(site.hop.await_messages(4)[3])[0].startswith("Received: "), "of an internal client nothing is written")


FORGERIES = (
    "Authentication-Results: mx.example.test; spf=pass",
    "AUTHENTICATION-RESULTS: MX.Example.TEST; dkim=pass",
    "Authentication-Results:\r\n\tmx.example.test;\r\n spf=pass",
    "authentication-results: (hello) mx.example.test 1; spf=pass",
    'Authentication-Results: "mx.example.test"; spf=pass',
    "Authentication-Results : mx.example.test; spf=pass",
)


def test_C16_forged_results(case):
    """Whatever its spelling or folding, and however many: who claims to be us is taken out, others stay."""
    site = site_of(case)
    kept = "Authentication-Results: mx.elsewhere.test; spf=pass"
    head = [kept, *(FORGERIES[number % len(FORGERIES)] for number in range(50)), "Subject: Forged"]
    content = ("\r\n".join(head) + "\r\n\r\nAuthentication-Results: mx.example.test; in the body\r\n").encode()
    want = (kept + "\r\nSubject: Forged\r\n\r\nAuthentication-Results: mx.example.test; in the body\r\n").encode()
    for session in (stranger(site, GOOD), site.client()):
        since = site.gateway.mark()
        with session:
            session.envelope(sender="anna@good.test")
            session.data(content)
            session.quit()
        site.expect_delivered(want)
        event = site.gateway.await_event("message", since=since)
        check(event["forged_results"] == 50, f"{event}")


def test_stranger_secret_list(case):
    lists = {"k3y.test": {"codes": {"127.0.0.2": 5}, "secret": True, "name": "the paid list"}}
    zone = {"k3y.test": '2.0.0.127 IN A 127.0.0.2\n66.113.0.203 IN A 127.0.0.2\n66.113.0.203 IN TXT "k3y.test lists it"\n'}
    site = site_of(case, zones=zone, lists=lists)
    reply, event = refused(site, LISTED, "550 5.7.1 Mail from [203.0.113.66] refused: listed by the paid list;")
    check("k3y" not in str(site.gateway.events), "the key stands in an event")


def talk_first(site, address, octets):
    """Says something right behind the PROXY header, before the greeting."""
    client = site.connect("front")
    client.send(f"PROXY TCP4 {address} 192.0.2.1 40000 25\r\n".encode() + octets)
    return client


def test_P10_early_talker_counts(case):
    """Whoever talks before the greeting gets points, and is refused with what else there is against it."""
    site = site_of(case, {"checks": {"early_talker": {"wait": "5s"}}, "thresholds": {"reject": 3}})
    began = time.monotonic()
    client = talk_first(site, GOOD, b"EHLO mx.good.test\r\n")
    client.greet()
    check(time.monotonic() - began < 4, "who has talked is not waited for")
    client.expect("250")
    client.mail("anna@good.test")
    client.rcpt("anna@example.test", f"550 5.7.1 Mail from [{GOOD}] refused: talked before the greeting;")
    client.quit()


def test_P10_early_talker_turned_away(case):
    site = site_of(case, {"checks": {"early_talker": {"mode": "enforce", "wait": "5s"}}})
    client = talk_first(site, GOOD, b"EHLO mx.good.test\r\nMAIL FROM:<a@good.test>\r\n")
    client.expect("554 5.5.1")
    check(not client.read_to_end(), "closed behind it")
    check(site.gateway.await_event("session")["early_talker"], "an early talker leaves an event")
    for key in ("trusted_networks", "upstream"):
        site.gateway.reload({**site.config, key: [GOOD]})
        talk_first(site, GOOD, b"EHLO mx.good.test\r\n").greet()


def test_stranger_hangs_up_in_the_wait(case):
    """Like any session without a word it leaves no line; its successor's shows that it was over."""
    site = site_of(case, {"checks": {"early_talker": {"wait": "60s"}}})
    client = talk_first(site, GOOD, b"")
    client.spoke = False  # its front end did
    client.close()
    talk_first(site, LISTED, b"QUIT\r\n").greet()
    event = site.gateway.await_event("session")
    check(event["client"] == LISTED, f"{event}")


def test_stranger_waits_once(case):
    """A stranger is greeted after the wait, one who had mail delivered at once; a listing undoes it, no reload does."""
    site = site_of(case, {"checks": {"early_talker": {"wait": "1s"}}, "thresholds": {"reject": 50}})

    def waited(address):
        since = site.gateway.mark()
        site.deliver(message(f"{since}\r\n"), client=stranger(site, address), sender="anna@good.test")
        event = site.gateway.await_event("message", since=since)
        return facts(event)[("early_talker", "", "")]["ms"] >= 1000

    check(waited(GOOD), "a stranger")
    check(not waited(GOOD), "known")
    check(waited(LISTED) and waited(LISTED), "a listed client never gets to be known")
    site.gateway.reload(site.config)
    check(not waited(GOOD), "after a reload")


def test_stranger_behind_upstream(case):
    """Of upstream the client is looked at that it took the message from: recorded, written, never acted on."""
    backup, internal = "203.0.113.7", "10.9.9.9"
    site = site_of(case, {"upstream": [backup, internal]})
    received = (
        f"Received: from backup.example.test (internal [{internal}]) by out.example.test; Sat, 28 Nov 2026 09:00:00 +0000\r\n"
        f"Received: from mx.good.test (mx.good.test [{LISTED}])\r\n\tby backup.example.test; Sat, 28 Nov 2026 09:00:00 +0000\r\n"
        f"Received: from forged (forged [{GOOD}]) by elsewhere.test; Sat, 28 Nov 2026 08:00:00 +0000\r\n"
    )
    content = received.encode() + message("by way of the backup\r\n")
    since = site.gateway.mark()
    client = stranger(site, backup, helo="backup.example.test")
    site.deliver(content, client=client, sender="anna@good.test")
    event = site.gateway.await_event("message", since=since)
    check(event["taken_from"] == LISTED and event["client"] == backup, f"{event}")
    found = facts(event)
    check(found[("dnsbl", "client", "bl.test")]["found"] == "listed", f"{event}")
    check(found[("helo", "", "")]["found"] == "confirmed", f"{event}")
    site.gateway.reload({**site.config, "upstream": [backup]})
    since = site.gateway.mark()
    site.deliver(content + b"again\r\n", client=stranger(site, backup, helo="backup.example.test"), sender="anna@good.test")
    event = site.gateway.await_event("message", since=since)
    check("taken_from" not in event, f"behind a machine that is nobody's anything may be written: {event}")
    lines = unfolded(site.hop.await_messages(1)[0])
    check("spf=pass smtp.mailfrom=anna@good.test" in lines[0] and f"client-ip={LISTED}" in lines[1], f"{lines}")


def test_stranger_who_harvests(case):
    """More than ten recipients, more than half of them unknown: 421. Whoever knows the half is let be."""
    site = site_of(case, {"limits": {"penalty": {"mode": "off"}}})
    client = stranger(site, GOOD)
    client.mail("anna@good.test")
    for number in range(10):
        client.rcpt(f"guess{number}@example.test", "550 5.1.1")
    client.rcpt("anna@example.test", "421 4.7.0 Too many unknown recipients")
    client.expect_closed()
    event = site.gateway.await_event("message")
    check(event["to"][-1]["why"] == "harvest", f"{event}")
    check(site.gateway.await_event("session")["end"] == "closed by us", "it was not the client")

    client = stranger(site, GOOD)  # a message to a role address is not cut off
    client.mail("anna@good.test")
    client.rcpt("postmaster@example.test")
    for number in range(9):
        client.rcpt(f"guess{number}@example.test", "550 5.1.1")
    client.rcpt("anna@example.test", "451 4.7.0 Too many unknown recipients")
    client.rcpt("guess10@example.test", "451 4.7.0 Too many unknown recipients")
    client.data(content := message())
    site.expect_delivered(content)
    client.command("MAIL FROM:<anna@good.test>", "421 4.7.0 Too many unknown recipients")
    client.expect_closed()
    asked = [line for line in site.hop.commands() if "guess10" in line]
    check(not asked, f"whoever is to be sent away is told no more: {asked}")

    client = stranger(site, GOOD)
    client.mail("anna@good.test")
    for number in range(6):
        client.rcpt("anna@example.test")
        client.rcpt(f"guess{number}@example.test", "550 5.1.1")
    client.quit()
    with site.client() as client:  # no stranger: an application of the house
        client.mail()
        for number in range(12):
            client.rcpt(f"guess{number}@example.test", "550 5.1.1")
    site.config["upstream"] = [GOOD]
    site.gateway.reload(site.config)
    client = stranger(site, GOOD)  # nor is our secondary MX, which hands on what it was given
    client.mail("anna@good.test")
    for number in range(12):
        client.rcpt(f"guess{number}@example.test", "550 5.1.1")
    client.quit()
