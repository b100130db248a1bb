"""`sallyport try`: what would become of a stranger's mail, by the configuration and a master file."""

import json
import subprocess

from harness.nsd import start_nsd
from harness.outcome import check
from harness.strangers import merge, stranger, strangers_site

HONEST, LISTED = "203.0.113.1", "203.0.113.66"
ZONE = """\
$ORIGIN good.test.
@    MX 10 mx
@    TXT "v=spf1 mx -all"
mx   A 203.0.113.1
mx   A 203.0.113.66
1.113.0.203.in-addr.arpa.  PTR mx
66.113.0.203.in-addr.arpa. PTR mx
66.113.0.203.bl.test. A 127.0.0.4
66.113.0.203.bl.test. TXT "see https://bl.test/203.0.113.66"
slow TIMEOUT
example.test. TXT "v=spf1 ip4:198.51.100.1 -all"
"""
CHECKS = {"dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.2-127.0.0.11": 5}}}}}


class Tried:
    def __init__(self, result):
        self.status, self.out, self.err = result.returncode, result.stdout, result.stderr

    def __str__(self):
        return f"{self.status}\n{self.out}{self.err}"


class Try:
    """A configuration that no gateway runs with, and a zone."""

    def __init__(self, case, config=None):
        self.case = case
        self.zone = case.path("zone")
        with open(self.zone, "w") as out:
            out.write(ZONE)
        config = merge({"checks": {**CHECKS, "sender_domain": {"mode": "enforce"}}}, config or {})
        self.site = case.site(config, start=False)

    def run(self, *arguments, status=0, source=None):
        command = [self.case.binary, "try", "-c", self.site.gateway.conf, *(source or ("--zone", self.zone)), *arguments]
        tried = Tried(subprocess.run(command, capture_output=True, text=True, timeout=60))
        check(tried.status == status, f"{arguments}: {tried}")
        return tried

    def ask(self, address, *arguments, helo="mx.good.test", sender="anna@good.test", **options):
        return self.run("--ip", address, "--helo", helo, "--from", sender, *arguments, **options)

    def found(self, address, *arguments, **options):
        return json.loads(self.ask(address, "--json", *arguments, **options).out)


def test_try_honest(case):
    tried = Try(case)
    text = tried.ask(HONEST).out
    for words in (
        "to           somebody@example.org\n               assumed",
        "rdns: confirmed (",
        "asked        PTR 1.113.0.203.in-addr.arpa -> mx.good.test (0 ms)",
        "score: 0 (refused from 5 on)\nverdict: accepted\n  route        groupware\n",
    ):
        check(words in text, f"{words}: {text}")
    unasked = "\n  recipient    whether there is one is not asked here; a session asks (`recipients` of the route)\n"
    check(unasked in text, text)
    found = tried.found(HONEST, "--to", "anna@example.test")
    check(found["recipient_not_asked"] and tried.found(HONEST, "--rcpt", "anna@example.test")["to"] == found["to"], f"{found}")
    check("recipient_not_asked" not in tried.found(HONEST, "--to", "postmaster@example.test"), "a role address")
    check((found["verdict"], found["to"], found["score"]) == ("accepted", "anna@example.test", 0), f"{found}")
    check("assumed_recipient" not in found and "reply" not in found, f"{found}")
    facts = {fact["check"]: fact["found"] for fact in found["evidence"]}
    check(
        facts
        == {
            "early_talker": "waited",
            "rdns": "confirmed",
            "helo": "confirmed",
            "spf_helo": "none",
            "spf_mailfrom": "pass",
            "sender_domain": "found",
            "dnsbl": "clear",
        },
        f"{facts}",
    )


def test_try_listed(case):
    """The reply that RCPT would hear; a role address hears another."""
    tried = Try(case)
    reply = (
        "550 5.7.1 Mail from [203.0.113.66] refused: listed by bl.test (see https://bl.test/203.0.113.66); id try"
    )
    text = tried.ask(LISTED, status=77).out
    for words in ("dnsbl: listed (", "  code         127.0.0.4\n  counts       +5\n", f"verdict: refused (client)\n{reply}\n"):
        check(words in text, f"{words}: {text}")
    found = tried.found(LISTED, status=77)
    check((found["verdict"], found["why"], found["reply"]) == ("refused", "client", reply), f"{found}")
    check(tried.found(LISTED, "--rcpt", "postmaster@example.test")["verdict"] == "accepted", "a role address")


def test_try_deferred(case):
    found = Try(case).found(HONEST, sender="a@slow.good.test", status=75)
    check((found["verdict"], found["why"]) == ("deferred", "dns-trouble"), f"{found}")
    check(found["reply"].startswith("451 4.4.3 "), f"{found}")


def test_try_relay(case):
    tried = Try(case)
    text = tried.ask(HONEST, "--rcpt", "x@elsewhere.test", status=77).out
    check("verdict: refused (relay)\n550 5.7.1 cannot relay for elsewhere.test; id try\n" in text, text)


def test_try_observed(case):
    """Said, never acted on; and what it would have come to."""
    tried = Try(case, {"checks": {"dnsbl": {"mode": "observe"}}})
    text = tried.ask(LISTED).out
    check("counts       +5, and is only observed\n" in text, text)
    check("score: 0 (refused from 5 on)\n  observed     what is only observed would make it reject (score 5)\n" in text, text)
    found = tried.found(LISTED)
    check((found["verdict"], found["score"], found["would_be"]) == ("accepted", 0, "reject"), f"{found}")


def test_try_observed_rules(case):
    """What a rule that only observes would have made of it, and where it stands."""
    watch = {"rules": [{"from": "good.test", "mode": "observe", "use": 1}, {"use": 50}]}
    tried = Try(case, {"thresholds": {"reject": watch}})
    text = tried.ask(LISTED).out
    check('  rule         thresholds.reject would be 1: {"from": "good.test", "mode": "observe"} (' in text, text)
    check("), only observed\n" in text and "verdict: accepted\n" in text and "  would be     client\n" in text, text)
    found = tried.found(LISTED)
    check((found["verdict"], found["would_be"]) == ("accepted", "client"), f"{found}")
    check(found["observed_rules"].startswith("thresholds.reject: "), f"{found}")
    check("would be" not in tried.ask(LISTED, sender="a@plain.test", status=77).out, "another sender")


def test_try_what_fits_and_does_not_hold(case):
    """An allow entry and a rule that fit the sender, for whom SPF does not vouch."""
    allow = case.path("allow")
    with open(allow, "w") as out:
        out.write("good.test\n")
    reject = {"rules": [{"from": "good.test", "use": 50}, {"use": 3}]}
    tried = Try(case, {"thresholds": {"reject": reject}, "lists": {"allow": allow}})
    text = tried.ask("203.0.113.77", status=77).out
    fail = ", but it does not hold without an SPF pass: SPF of good.test does not permit this address (-all)\n"
    check(f"  would allow  good.test ({allow}:1){fail}" in text, text)
    check('  rule         thresholds.reject would be 50: {"from": "good.test"} (' in text and f"){fail}" in text, text)
    found = tried.found("203.0.113.77", status=77)
    check((found["unheld"], found["unheld_entry"]) == (f"{allow}:1", "good.test"), f"{found}")
    check(found["unproven_rules"].startswith("thresholds.reject: "), f"{found}")
    check(found["rule_texts"][0]["use"] == "50", f"{found}")
    found = tried.found(HONEST)
    check("unheld" not in found and "unproven_rules" not in found, f"{found}")


def test_try_own_sender(case):
    text = Try(case, {"checks": {"spf": {"own_domain": {"score": 3}}}}).ask(HONEST, sender="boss@example.test", status=77).out
    check("  own sender   +3: our own domain, from outside, without an SPF pass\n" in text, text)
    check("550 5.7.1 Mail from [203.0.113.1] refused: " in text, text)


def test_try_who_is_spared(case):
    """Nothing is asked about them; what they may do is judged all the same."""
    outbound = {"routes": {"out": {"hosts": ["127.0.0.1:9"], "tls": "never"}}, "outbound": {"route": "out"}}
    tried = Try(case, {"trusted_networks": [LISTED], "upstream": ["203.0.113.7"], **outbound})
    for address, spared, why in (
        (LISTED, "trusted", "it is in trusted_networks"),
        ("203.0.113.7", "upstream", "it is in upstream"),
        ("10.0.0.1", "internal", "its address is private, loopback, or our own"),
    ):
        check(f"nothing is asked about this client: {why}\nverdict: accepted\n" in tried.ask(address).out, why)
        found = tried.found(address)
        check(found["spared"] == spared and "evidence" not in found, f"{found}")
    found = tried.found(LISTED, "--rcpt", "x@elsewhere.test")
    check((found["verdict"], found["route"]) == ("accepted", "out"), f"{found}")
    check(tried.found("10.0.0.1", "--rcpt", "x@elsewhere.test", status=77)["why"] == "relay", "no right to relay")


def test_try_null_sender(case):
    found = Try(case).found(HONEST, sender="")
    check((found["verdict"], found["from"]) == ("accepted", "<>"), f"{found}")


def test_try_asks_the_servers_of_the_configuration(case):
    """Nobody answers there: a sender's domain that cannot be looked up defers."""
    tried = Try(case)
    for source in (("--server", "127.0.0.1:1"), ("--json",)):
        text = tried.ask(HONEST, status=75, source=source).out
        check("451 4.4.3 Cannot tell yet: the domain good.test cannot be looked up now" in text, text)


def test_try_mistakes(case):
    """Each says what is wrong; 64 for options, 65 and 66 for the zone, 78 for the configuration."""
    tried = Try(case)
    good = {"--ip": HONEST, "--helo": "a.test", "--from": "a@a.test"}
    for option, value, words in (
        ("--ip", "x", '--ip wants an address such as 192.0.2.1, not "x"'),
        ("--helo", "a b", '--helo wants what a client can say, such as mx.example.net, not "a b"'),
        ("--from", "a@b@c", '--from wants an address such as anna@example.net, not "a@b@c"'),
        ("--from", "nonsense", '--from wants an address such as anna@example.net, not "nonsense"'),
        ("--rcpt", "a@", '--to wants an address such as anna@example.net, not "a@"'),
        ("--rcpt", "<>", '--to wants an address such as anna@example.net, not "<>"'),
        ("--server", "x", "--server wants ADDRESS"),
    ):
        arguments = [part for pair in {**good, option: value}.items() for part in pair]
        source = ("--json",) if option == "--server" else None
        check(words in tried.run(*arguments, status=64, source=source).err, words)
    check("--helo is required" in tried.run("--ip", HONEST, status=64).err, "--helo")
    check("missing" in tried.ask(HONEST, source=("--zone", case.path("missing")), status=66).err, "no zone")
    tried.site.gateway.write_config(dict(tried.site.config, hostname="-"))
    check("error: hostname" in tried.ask(HONEST, status=78).err, "the configuration")


def test_try_says_what_a_session_hears(case):
    """Of the same server, for clients that are refused, deferred and accepted: the verdict, its one reason, the facts."""
    zones = {
        "good.test": '@ IN MX 10 mx\n@ IN TXT "v=spf1 mx -all"\nmx IN A 203.0.113.1\nmx IN A 203.0.113.66\n',
        "113.0.203.in-addr.arpa": "1 IN PTR mx.good.test.\n66 IN PTR mx.good.test.\n",
        "bl.test": '66.113.0.203 IN A 127.0.0.4\n66.113.0.203 IN TXT "see https://bl.test"\n2.0.0.127 IN A 127.0.0.2\n',
        "broken.test": None,
    }
    server = case.peer(start_nsd(case.path("nsd"), zones))
    site = strangers_site(case, [server.port], {"checks": CHECKS})
    for address, helo, sender, one_reason in (
        (HONEST, "mx.good.test", "anna@good.test", True),
        (LISTED, "mx.good.test", "anna@good.test", True),
        (HONEST, "mx.example.test", "anna@good.test", True),
        (HONEST, "mx.good.test", "anna@broken.test", True),
        ("203.0.113.9", "none.good.test", "anna@good.test", False),
    ):
        client = stranger(site, address, helo)
        client.mail(sender)
        reply = client.rcpt("anna@example.test", "2", "4", "5")
        since = site.gateway.mark()
        client.command("RSET", "250")
        client.quit()
        event = site.gateway.await_event("message", since=since)
        arguments = ["--ip", address, "--helo", helo, "--from", sender, "--rcpt", "anna@example.test", "--json"]
        found = json.loads(site.gateway.run("try", "-c", site.gateway.conf, *arguments).stdout)
        where = f"{address} {helo} {sender}: {event} {found}"
        check(found["verdict"] == {2: "accepted", 4: "deferred", 5: "refused"}[reply.code // 100], where)
        said = event["to"][0].get("reply", "")
        if one_reason:  # of several, a session names those that it waited for
            check(found.get("reply", "").endswith(f"{said}; id try" if said else ""), where)
        check(weighed(found).items() >= weighed(event).items(), where)  # a session waits for what it needs


def weighed(event):
    return {(fact["check"], fact.get("of")): (fact["found"], fact.get("counts")) for fact in event["evidence"]}
