"""The checks of `sallyport dns` against a server that does what no honest one does."""

import ipaddress
import struct

from harness.dns_checks import found, found_at_once
from harness.dns_server import DnsServer, closing, dripping, failing, half, late, only_by_tcp, silent, truthful
from harness.dns_wire import HEADER, Record, wire_name
from harness.outcome import check
from harness.strangers import stranger, strangers_site

RECORDS = {
    "1.2.0.192.in-addr.arpa": {"PTR": ["mx.site.test"]},
    "site.test": {"MX": ["10 mx.site.test"], "TXT": ["v=spf1 include:other.test mx -all"]},
    "mx.site.test": {"A": ["192.0.2.1"]},
    "other.test": {"TXT": ["v=spf1 ip4:192.0.2.9 -all"]},
    "1.2.0.192.bl.test": {"A": ["127.0.0.2"], "TXT": ["listed"]},
}
CHECKS = {
    "rdns": ("--ip", "192.0.2.1"),
    "helo": ("--ip", "192.0.2.1", "--helo", "mx.site.test"),
    "mx": ("--domain", "site.test"),
    "spf": ("--ip", "192.0.2.1", "--from", "a@site.test"),
    "dnsbl": ("--list", "bl.test", "--ip", "192.0.2.1"),
}
CALLS = [(name, *arguments) for name, arguments in CHECKS.items()]
GOOD = ["confirmed", "plausible", "found", "pass", "listed"]
MISSING = ["missing", "unresolvable", "missing", "none", "clear"]
EMPTY = ["missing", "unresolvable", "no_mail", "none", "clear"]
UNKNOWN = ["temporary", "temporary", "temporary", "temperror", "temporary"]


def results(case, *ports):
    return [one["result"] for one in found_at_once(case, ports, CALLS)]


def results_of(case, behaviour, records=RECORDS, **options):
    with DnsServer(records, **options) as dns:
        dns.on("", behaviour)
        return results(case, dns.port)


def test_D01_every_outcome_of_every_check(case):
    """No data and no name are answers; nothing else that a server says or does not say is one."""
    for name, behaviour, wanted in (
        ("records", truthful, GOOD),
        ("NXDOMAIN", failing("NXDOMAIN"), MISSING),
        ("no data", failing("NOERROR"), EMPTY),
        ("SERVFAIL", failing("SERVFAIL"), UNKNOWN),
        ("REFUSED", failing("REFUSED"), UNKNOWN),
        ("NOTIMP", failing("NOTIMP"), UNKNOWN),
        ("FORMERR", failing("FORMERR"), UNKNOWN),
        ("silence", silent, UNKNOWN),
    ):
        got = results_of(case, behaviour)
        check(got == wanted, f"{name}: {got}")


def test_D01_failures_behind_the_first_answer(case):
    """What was known before does not make up for what was not."""
    table = {
        "mx.site.test": {0: "temporary", 1: "temporary"},
        "site.test": {3: "temperror"},
        "other.test": {3: "temperror"},
    }
    for rcode in ("SERVFAIL", "REFUSED"):
        for name, wanted in table.items():
            with DnsServer(RECORDS) as dns:
                dns.on(name, failing(rcode))
                got = results(case, dns.port)
            check(all(got[place] == result for place, result in wanted.items()), f"{rcode} for {name}: {got}")


def test_D03_cut_off_over_udp(case):
    """Then TCP has the answer, or there is none."""
    for name, behaviour, wanted in (
        ("whole by TCP", only_by_tcp(truthful), GOOD),
        ("half by TCP", only_by_tcp(half), UNKNOWN),
        ("closed", only_by_tcp(closing), UNKNOWN),
        ("silent by TCP", only_by_tcp(silent), UNKNOWN),
    ):
        got = results_of(case, behaviour)
        check(got == wanted, f"{name}: {got}")
    got = results_of(case, only_by_tcp(truthful), tcp=False)
    check(got == UNKNOWN, f"nobody listens at TCP: {got}")


def counting(asked, answers):
    return HEADER.pack(asked.id, 0x8180, 1, answers, 0, 0) + asked.question


def pointing_at_itself(asked):
    head = counting(asked, 1)
    return head + struct.pack(">HHHIH4s", 0xC000 | len(head), 1, 1, 300, 4, b"\x7f\0\0\2")


BROKEN = {
    "nothing": lambda asked: b"",
    "an octet": lambda asked: b"\0",
    "a header": lambda asked: asked.answer()[: HEADER.size],
    "half": lambda asked: asked.answer()[: len(asked.answer()) // 2],
    "no question": lambda asked: asked.reply(questions=0, question=b""),
    "two questions": lambda asked: asked.reply(questions=2, question=2 * asked.question),
    "a query": lambda asked: asked.answer()[:2] + b"\0" + asked.answer()[3:],
    "a name that points at itself": pointing_at_itself,
    "records that are not there": lambda asked: counting(asked, 65535),
    "64 KiB": lambda asked: counting(asked, 65535) + bytes(65000),
}


def test_D04_broken_answers(case):
    """No crash, and nothing follows from them. The list's name tells which it shall be."""

    def break_it(asked):
        kinds = list(BROKEN.values())
        asked.send(kinds[int(asked.name.split(".")[4])](asked))

    lists = [f"{number}.bl.test" for number in range(len(BROKEN))]
    calls = [("dnsbl", "--list", name, "--ip", "192.0.2.1") for name in lists]
    with DnsServer({f"1.2.0.192.{name}": {"A": ["127.0.0.2"]} for name in lists}) as dns:
        check(all(one["result"] == "listed" for one in found_at_once(case, [dns.port], calls)), "the server")
        dns.on("", break_it)
        for kind, result in zip(BROKEN, found_at_once(case, [dns.port], calls), strict=True):
            check(result["result"] == "temporary", f"{kind}: {result}")


def test_D06_answers_that_come_too_late(case):
    """Each after 4.9 s, or by TCP an octet a second: it ends, and as a failure that passes."""
    for name, behaviour in (("late", late(4.9)), ("dripping", only_by_tcp(dripping))):
        got = results_of(case, behaviour)
        check(got == UNKNOWN, f"{name}: {got}")


LIE = {"1.2.0.192.bl.test": {"A": ["127.0.0.66"], "TXT": ["a lie"]}}


def lies(asked):
    """What a forger would send, who does not see the question: the wrong id, source or question."""
    truth, asked.server.records = asked.server.records, LIE
    lie, other = asked.answer(), wire_name("2.2.0.192.bl.test") + asked.question[-4:]
    wrong_id = asked.answer(id=asked.id ^ 1)
    wrong_question = asked.reply([Record(asked.name, asked.kind, LIE[asked.name][asked.kind][0])], question=other)
    asked.server.records = truth
    return lie, wrong_id, wrong_question


def test_D07_forged_answers(case):
    """Before the true one, and instead of it."""

    def forged(asked):
        lie, wrong_id, wrong_question = lies(asked)
        asked.send(lie, by_stranger=True)
        asked.send(wrong_id)
        asked.send(wrong_question)

    def forged_first(asked):
        forged(asked)
        asked.server.after(0.05, truthful, asked)

    with DnsServer(RECORDS) as dns:
        dns.on("", forged_first)
        result = found(case, [dns.port], "dnsbl", *CHECKS["dnsbl"])
        check(result["result"] == "listed" and result["codes"] == "127.0.0.2", f"{result}")
        dns.on("", forged)
        result = found(case, [dns.port], "dnsbl", *CHECKS["dnsbl"])
        check(result["result"] == "temporary", f"{result}")


def test_D07_flood_of_ids(case):
    """All 65,536 of them, the right one first, at the open port and from elsewhere, before the true answer."""

    sent = []

    def flood(asked):
        lie, _, _ = lies(asked)
        for offset in range(0 if sent else 65536):
            asked.send(struct.pack(">H", (asked.id + offset) % 65536) + lie[2:], by_stranger=True)
        sent.append(asked)
        truthful(asked)

    with DnsServer(RECORDS) as dns:
        dns.stranger.setblocking(True)
        dns.on("", flood)
        result = found(case, [dns.port], "dnsbl", *CHECKS["dnsbl"])
        check(result["codes"] == "127.0.0.2" and result["words"] == "listed", f"{result}")


def test_D07_guessed_ids(case):
    """In the server's own name, and the right one at last: by then the question is asked by TCP, and a note says so."""

    def guessed(asked):
        if asked.by_tcp:
            return truthful(asked)
        for offset in range(1, 20):
            asked.send(asked.reply(rcode="NXDOMAIN", id=(asked.id + offset) % 65536))
        asked.send(asked.reply(rcode="NXDOMAIN"))

    with DnsServer(RECORDS) as dns:
        dns.on("", guessed)
        site = strangers_site(case, [dns.port])
        client = stranger(site, "192.0.2.1", "mx.site.test")
        client.mail("a@site.test")
        client.rcpt("anna@example.test", "250")
        client.quit()
        forger = f"forges DNS answers of 127.0.0.1:{dns.port}"
        site.gateway.await_event("note", lambda event: forger in event["text"])
        notes = [event["text"] for event in site.gateway.of_type("note")]
        check(sum(forger in text for text in notes) == 1, f"{notes}")
        check(any(asked.by_tcp for asked in dns.heard), "nothing was asked by TCP")


def test_D07_source_ports_and_ids_change(case):
    """A forger who has seen one question knows nothing of the next."""
    records = {str(number) + ".many.test": {"A": ["192.0.2.9"]} for number in range(8)}
    terms = " ".join(f"a:{number}.many.test" for number in range(8))
    with DnsServer({**records, "site.test": {"TXT": [f"v=spf1 {terms} -all"]}}) as dns:
        result = found(case, [dns.port], "spf", *CHECKS["spf"])
        check(result["result"] == "fail" and len(dns.heard) == 9, f"{result}")
        ports = {asked.source[1] for asked in dns.heard}
        ids = {asked.id for asked in dns.heard}
        check(len(ports) >= 5 and len(ids) >= 8, f"ports {ports}, ids {ids}")


def test_D09_first_server_of_two(case):
    """Dead, silent, or unable to answer: the second is asked."""
    with DnsServer(RECORDS) as good:
        with DnsServer(RECORDS) as bad:
            for name, behaviour in (
                ("SERVFAIL", failing("SERVFAIL")),
                ("REFUSED", failing("REFUSED")),
                ("FORMERR", failing("FORMERR")),
                ("silent", silent),
            ):
                bad.on("", behaviour)
                got = results(case, bad.port, good.port)
                check(got == GOOD, f"{name}: {got}")
        got = results(case, bad.port, good.port)
        check(got == GOOD, f"stopped: {got}")


def test_D12_records_that_were_not_asked_for(case):
    """In any section: nothing is taken from them but what belongs to the name in question."""
    extra = [Record("mx.site.test", "A", "192.0.2.66"), Record("2.2.0.192.bl.test", "A", "127.0.0.2")]

    def generous(asked):
        records = asked.server.records.get(asked.name, {}).get(asked.kind, [])
        own = [Record(asked.name, asked.kind, data) for data in records]
        others = [record for record in extra if record.owner != asked.name]
        asked.send(asked.reply(own + others, authority=others, additional=others))

    with DnsServer(RECORDS) as dns:
        dns.on("", generous)
        for address, result in (("192.0.2.1", "pass"), ("192.0.2.66", "fail")):
            spf = found(case, [dns.port], "spf", "--ip", address, "--from", "a@site.test")
            check(spf["result"] == result, f"{address}: {spf}")
        clear = found(case, [dns.port], "dnsbl", "--list", "bl.test", "--ip", "192.0.2.3")
        check(clear["result"] == "clear", f"{clear}")


def test_D12_mad_ttls(case):
    """Zero, and all there is: the answer counts, and is asked for once in a session."""
    for ttl in (0, 2**31 - 1, 2**32 - 1):
        address = Record("x.test", "A", ipaddress.ip_address("192.0.2.1").packed, ttl=ttl)
        records = {"x.test": {"A": [address]}, "site.test": {"TXT": ["v=spf1 -a:x.test ?a:x.test a:x.test -all"]}}
        with DnsServer(records) as dns:
            result = found(case, [dns.port], "spf", "--ip", "192.0.2.9", "--from", "a@site.test")
            check(result["result"] == "fail", f"{ttl}: {result}")
            check(dns.questions().count(("x.test", "A")) == 1, f"{ttl}: {dns.questions()}")
