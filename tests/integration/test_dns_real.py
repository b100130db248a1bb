"""The checks of `sallyport dns` over the parts that a site has: Unbound in front of NSD and rbldnsd."""

import contextlib

from harness.dns_checks import found, found_at_once
from harness.nsd import start_nsd
from harness.outcome import check
from harness.rbldnsd import start_rbldnsd
from harness.unbound import start_unbound

SITE = """\
@ MX 10 mx
@ TXT "v=spf1 include:other.test mx -all"
mx A 192.0.2.1
"""
REVERSE = "1 PTR mx.site.test.\n9 PTR mx.site.test.\n"
ZONES = {
    "site.test": SITE,
    "other.test": '@ TXT "v=spf1 ip4:192.0.2.9 -all"\n',
    "2.0.192.in-addr.arpa": REVERSE,
    "broken.test": None,
}
LISTS = {
    "bl.test": """\
:127.0.0.2:see http://bl.test/?$
192.0.2.66
198.51.100.0/25
!198.51.100.7
203.0.113.5 :127.0.0.4:dynamic
203.0.113.5 :127.0.0.10:policy
""",
    "six.test": ("ipv6", "2001:db8:bad::/48 :127.0.0.3:six\n"),
    "names.test": ("names", ".spammer.example :127.0.1.2:spam\n"),
}


class Chain:
    """A resolver, and behind it the servers of `zones` and of `lists`."""

    def __init__(self, case, zones=None, lists=None):
        with contextlib.ExitStack() as started:
            self.servers, ports = {}, {}
            for name, start, has in (("nsd", start_nsd, zones), ("rbldnsd", start_rbldnsd, lists)):
                if has:
                    self.servers[name] = started.enter_context(start(case.path(name), has))
                    ports.update(dict.fromkeys(has, self.servers[name].port))
            self.servers["unbound"] = started.enter_context(start_unbound(case.path("unbound"), ports))
            self.started = started.pop_all()
        self.case, self.port = case, self.servers["unbound"].port

    def found(self, *arguments):
        return found(self.case, [self.port], *arguments)

    def results(self, *calls):
        return [one["result"] for one in found_at_once(self.case, [self.port], calls)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.started.close()


def test_D01_answers_of_real_servers(case):
    """What is there, what is not, and what cannot be known, in one table."""
    table = {
        ("rdns", "--ip", "192.0.2.1"): "confirmed",
        ("rdns", "--ip", "192.0.2.9"): "mismatch",
        ("rdns", "--ip", "192.0.2.2"): "missing",
        ("rdns", "--ip", "198.18.0.1"): "temporary",
        ("helo", "--ip", "192.0.2.1", "--helo", "mx.site.test"): "plausible",
        ("helo", "--ip", "192.0.2.2", "--helo", "mx.site.test"): "mismatch",
        ("helo", "--ip", "192.0.2.2", "--helo", "no.site.test"): "unresolvable",
        ("helo", "--ip", "192.0.2.2", "--helo", "mx.broken.test"): "temporary",
        ("mx", "--domain", "site.test"): "found",
        ("mx", "--domain", "no.site.test"): "missing",
        ("mx", "--domain", "other.test"): "no_mail",
        ("mx", "--domain", "broken.test"): "temporary",
        ("mx", "--domain", "elsewhere.example"): "temporary",
        ("spf", "--ip", "192.0.2.9", "--from", "a@site.test"): "pass",
        ("spf", "--ip", "192.0.2.2", "--from", "a@site.test"): "fail",
        ("spf", "--ip", "192.0.2.2", "--from", "a@mx.site.test"): "none",
        ("spf", "--ip", "192.0.2.2", "--from", "a@broken.test"): "temperror",
        ("dnsbl", "--list", "bl.test", "--ip", "192.0.2.66"): "listed",
        ("dnsbl", "--list", "bl.test", "--ip", "192.0.2.67"): "clear",
        ("dnsbl", "--list", "broken.test", "--ip", "192.0.2.66"): "temporary",
    }
    with Chain(case, ZONES, LISTS) as chain:
        for call, result in zip(table, chain.results(*table), strict=True):
            check(result == table[call], f"{call}: {result}")


def test_D02_circles_and_chains_of_aliases(case):
    chain_of = "".join(f"c{number} CNAME c{number + 1}\n" for number in range(20))
    records = f"""\
{chain_of}c20 A 192.0.2.1
one CNAME two
two CNAME one
self CNAME self
short CNAME c15
old DNAME new
mx.new A 192.0.2.1
ends CNAME nowhere
"""
    with Chain(case, {"site.test": records}) as chain:
        for name, result in (
            ("c0", "temporary"),
            ("one", "temporary"),
            ("self", "temporary"),
            ("short", "plausible"),
            ("mx.old", "plausible"),
            ("ends", "unresolvable"),
        ):
            found = chain.found("helo", "--ip", "192.0.2.1", "--helo", f"{name}.site.test")
            check(found["result"] == result, f"{name}: {found}")
            check(len(found["lookups"]) == 2, f"{name}: A and AAAA: {found}")


def test_D03_text_of_64_kib(case):
    """255 strings, too long for UDP at each step of the way; the last word of it counts."""
    text = "v=spf1 " + "ip4:192.0.2.7 " * 4500 + "ip4:192.0.2.9 -all"
    strings = [text[at : at + 250] for at in range(0, len(text), 250)]
    check(len(strings) >= 250 and len(text) > 63000, f"{len(strings)} strings")
    written = " ".join(f'"{part}"' for part in strings)
    with Chain(case, {"site.test": f"@ TXT {written}\n"}) as chain:
        for address, result in (("192.0.2.9", "pass"), ("192.0.2.2", "fail")):
            found = chain.found("spf", "--ip", address, "--from", "a@site.test")
            check(found["result"] == result, f"{address}: {str(found)[:500]}")
            check(len(found["lookups"]) == 1 and len(str(found)) < 2000, "evidence is short")


def test_D05_limits_of_spf(case):
    """RFC 7208 4.6.4: ten terms that ask, two that find nothing, no circles."""
    terms = {count: " ".join(f"include:i{number}.site.test" for number in range(count)) for count in (10, 11)}
    records = f"""\
ten TXT "v=spf1 {terms[10]} -all"
eleven TXT "v=spf1 {terms[11]} -all"
void2 TXT "v=spf1 a:n1.site.test a:n2.site.test ip4:192.0.2.1 -all"
void3 TXT "v=spf1 a:n1.site.test a:n2.site.test a:n3.site.test ip4:192.0.2.1 -all"
inside TXT "v=spf1 include:void3.site.test -all"
mx11 TXT "v=spf1 mx -all"
circle TXT "v=spf1 include:circle.site.test -all"
again TXT "v=spf1 redirect=again.site.test"
"""
    records += "".join(f'i{number} TXT "v=spf1 ip4:198.51.100.{number}"\n' for number in range(11))
    records += "".join(f"mx11 MX 10 m{number}\nm{number} A 198.51.100.{number}\n" for number in range(11))
    table = {
        "ten": "fail",
        "eleven": "permerror",
        "void2": "pass",
        "void3": "permerror",
        "inside": "permerror",
        "mx11": "permerror",
        "circle": "permerror",
        "again": "permerror",
    }
    with Chain(case, {"site.test": records}) as chain:
        for name, result in table.items():
            found = chain.found("spf", "--ip", "192.0.2.1", "--from", f"a@{name}.site.test")
            check(found["result"] == result, f"{name}: {found}")
            check(found["terms"] <= 11 and found["void_lookups"] <= 3, f"{name}: {found}")


def test_D08_codes_and_words_of_a_list(case):
    with Chain(case, lists=LISTS) as chain:
        for subject, result, codes, words in (
            (("bl.test", "--ip", "192.0.2.66"), "listed", "127.0.0.2", "see http://bl.test/?192.0.2.66"),
            (("bl.test", "--ip", "203.0.113.5"), "listed", "127.0.0.10 127.0.0.4", None),
            (("bl.test", "--ip", "198.51.100.7"), "clear", "", ""),
            (("bl.test", "--ip", "198.51.100.8"), "listed", "127.0.0.2", "see http://bl.test/?198.51.100.8"),
            (("six.test", "--ip", "2001:db8:bad::1"), "listed", "127.0.0.3", "six"),
            (("six.test", "--ip", "2001:db8::1"), "clear", "", ""),
            (("names.test", "--domain", "a.spammer.example"), "listed", "127.0.1.2", "spam"),
            (("names.test", "--domain", "honest.example"), "clear", "", ""),
        ):
            found = chain.found("dnsbl", "--list", *subject)
            check(found["result"] == result, f"{subject}: {found}")
            check(sorted(found["codes"].split()) == codes.split(), f"{subject}: {found}")
            check(words is None or found["words"] == words, f"{subject}: {found}")


def test_D08_lists_that_do_not_answer_us(case):
    """127.255.255.x from every list, and what a resolver says that lies about all names: no hit."""
    answers = {"open": "127.255.255.254", "many": "127.255.255.255", "typing": "127.255.255.252", "hijack": "192.0.2.1"}
    halves = ("0.0.0.0/1", "128.0.0.0/1")
    lists = {
        f"{name}.test": "".join(f"{half} :{code}:ask elsewhere\n" for half in halves) for name, code in answers.items()
    }
    calls = [("dnsbl", "--list", name, "--ip", address) for name in lists for address in ("192.0.2.66", "127.0.0.2")]
    with Chain(case, lists=lists) as chain:
        results = chain.results(*calls)
        check(results == ["silent"] * len(calls), f"{results}")


def test_D09_servers_come_and_go(case):
    """Behind the resolver, and the resolver itself: never more than a failure that passes."""
    call = ("mx", "--domain", "site.test")
    chain, fresh = Chain(case, ZONES), ("rdns", "--ip", "192.0.2.1")
    with chain:
        check(chain.found(*call)["result"] == "found", "all run")
        chain.servers["nsd"].stop()
        check(chain.found(*fresh)["result"] == "temporary", "no name server")
        check(chain.found(*call)["result"] == "found", "what the resolver remembers")
        chain.servers["unbound"].stop()
        check(chain.found(*call)["result"] == "temporary", "no resolver")
        dead = chain.port
    with Chain(case, ZONES) as chain:
        found_by_second = found(case, [dead, chain.port], *call)
        check(found_by_second["result"] == "found", f"the first of two is dead: {found_by_second}")


def test_D11_odd_reverse_names(case):
    """A thousand of them; control characters, formats, the longest, ours: data, and believed only if confirmed."""
    long = ".".join(["x" * 63] * 3 + ["y" * 50])
    reverse = "".join(f"1 PTR n{number}.site.test.\n" for number in range(1000))
    reverse += f"""\
2 PTR a\\007b\\010c\\%n\\%s.site.test.
3 PTR {long}.test.
4 PTR localhost.
5 PTR mx.site.test.
6 PTR .
"""
    with Chain(case, {"site.test": "mx A 192.0.2.1\n", "2.0.192.in-addr.arpa": reverse}) as chain:
        many = chain.found("rdns", "--ip", "192.0.2.1")
        check(many["result"] == "mismatch" and len(many["lookups"]) == 11, f"ten of a thousand: {str(many)[:500]}")
        for last, result, name in (
            ("2", "mismatch", "a\\007b\\010c%n%s.site.test"),
            ("3", "temporary", f"{long}.test"),
            ("4", "mismatch", "localhost"),
            ("5", "mismatch", "mx.site.test"),
            ("6", "missing", ""),
        ):
            found = chain.found("rdns", "--ip", f"192.0.2.{last}")
            check((found["result"], found["name"]) == (result, name), f"{last}: {found}")
