"""`sallyport dns`: one check alone, against a master file, for people and for programs."""

import json
import subprocess

from harness.nsd import start_nsd
from harness.outcome import check

ZONE = """\
$ORIGIN example.net.
@       MX 10 mx
@       TXT "v=spf1 mx -all exp=why.example.net"
why     TXT "%{c} is none of ours"
mx      A 192.0.2.1
1.2.0.192.in-addr.arpa. PTR mx
private MX 10 inside
inside  A 10.0.0.1
nobody  MX 0 .
slow    TIMEOUT
2.2.0.192.bl.example. A 127.0.0.4
2.2.0.192.bl.example. TXT "see https://bl.example/192.0.2.2"
bad.example.bl.example. A 127.0.0.2
"""


def dns(case, *arguments, status=0, zone=ZONE):
    file = case.path("zone")
    with open(file, "w") as out:
        out.write(zone)
    command = [case.binary, "dns", *arguments, "--zone", file]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    check(result.returncode == status, f"{arguments}: {result}")
    return result


def found(case, *arguments):
    return json.loads(dns(case, *arguments, "--json").stdout)


def test_dns_spf(case):
    passed = found(case, "spf", "--ip", "192.0.2.1", "--helo", "mx.example.net", "--from", "a@example.net")
    check((passed["result"], passed["mechanism"]) == ("pass", "mx"), f"{passed}")
    questions = [lookup["question"] for lookup in passed["lookups"]]
    check(questions == ["TXT example.net", "MX example.net", "A mx.example.net"], f"{questions}")
    failed = found(case, "spf", "--ip", "2001:db8::1", "--from", "a@example.net")
    check(failed["result"] == "fail" and failed["explanation"] == "2001:db8::1 is none of ours", f"{failed}")
    by_helo = found(case, "spf", "--ip", "192.0.2.1", "--helo", "example.net", "--from", "")
    check(by_helo["result"] == "pass", f"{by_helo}")
    late = found(case, "spf", "--ip", "192.0.2.1", "--from", "a@slow.example.net")
    check(late["result"] == "temperror" and late["problem"] == "slow.example.net: timeout", f"{late}")


def test_dns_rdns_helo_mx(case):
    rdns = found(case, "rdns", "--ip", "192.0.2.1")
    check((rdns["result"], rdns["name"]) == ("confirmed", "mx.example.net"), f"{rdns}")
    check(found(case, "rdns", "--ip", "192.0.2.9")["result"] == "missing", "no PTR")
    for name, result in (("mx.example.net", "plausible"), ("x", "not_fqdn"), ("no.example", "unresolvable")):
        check(found(case, "helo", "--ip", "192.0.2.1", "--helo", name)["result"] == result, name)
    for domain, result in (
        ("example.net", "found"),
        ("private.example.net", "private"),
        ("nobody.example.net", "null_mx"),
        ("none.example", "missing"),
        ("slow.example.net", "temporary"),
    ):
        check(found(case, "mx", "--domain", domain)["result"] == result, domain)


def test_dns_dnsbl(case):
    listed = found(case, "dnsbl", "--list", "bl.example", "--ip", "192.0.2.2")
    check((listed["result"], listed["codes"]) == ("listed", "127.0.0.4"), f"{listed}")
    check(listed["words"] == "see https://bl.example/192.0.2.2", f"{listed}")
    check(found(case, "dnsbl", "--list", "bl.example", "--ip", "192.0.2.1")["result"] == "clear", "clear")
    by_name = found(case, "dnsbl", "--list", "bl.example", "--domain", "bad.example")
    check(by_name["result"] == "listed", f"{by_name}")


def test_dns_for_people(case):
    text = dns(case, "spf", "--ip", "192.0.2.1", "--from", "a@example.net").stdout
    check(text.startswith("spf: pass\n") and "A mx.example.net -> 192.0.2.1 (0 ms)" in text, text)


def test_dns_mistakes(case):
    """Each says what is wrong, where, and what is wanted."""
    for status, words, arguments in (
        (64, '--ip wants an address such as 192.0.2.1, not "x"', ("rdns", "--ip", "x")),
        (64, "--from, or --helo", ("spf", "--ip", "192.0.2.1")),
        (64, "either --ip or --domain", ("dnsbl", "--list", "bl.example")),
        (64, "--domain wants a domain", ("mx", "--domain", "a..b")),
        (64, 'not "a@b.test": write what stands behind the @', ("mx", "--domain", "a@b.test")),
        (64, "--domain wants a domain", ("mx", "--domain", "192.0.2.1")),
        (64, "--domain wants a domain", ("dnsbl", "--list", "bl.example", "--domain", "a@b.test")),
        (64, 'anna@example.net, not "nonsense"', ("spf", "--ip", "192.0.2.1", "--from", "nonsense")),
        (64, 'anna@example.net, not "a@"', ("spf", "--ip", "192.0.2.1", "--from", "a@")),
        (64, "--list is required", ("dnsbl", "--ip", "192.0.2.1")),
    ):
        result = dns(case, *arguments, status=status)
        check(words in result.stderr, f"{arguments}: {result.stderr}")
    result = dns(case, "rdns", "--ip", "192.0.2.1", status=65, zone="a.example. A 192.0.2\nb. FOO\n")
    check("zone:1: error: A wants an address" in result.stderr, result.stderr)
    check("zone:2: error: FOO is no type of record" in result.stderr, result.stderr)
    command = [case.binary, "dns", "rdns", "--ip", "192.0.2.1", "--zone", case.path("missing")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    check(result.returncode == 66 and "missing" in result.stderr, f"{result}")
    result = subprocess.run(
        [case.binary, "dns", "rdns", "--ip", "192.0.2.1", "--server", "x"], capture_output=True, text=True
    )
    check(result.returncode == 64 and "--server wants ADDRESS" in result.stderr, f"{result}")


def live(case, server, *arguments):
    command = [case.binary, "dns", *arguments, "--server", f"127.0.0.1:{server.port}", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    check(result.returncode == 0, f"{arguments}: {result}")
    return json.loads(result.stdout)


def test_dns_of_a_real_server(case):
    """NSD answers, by UDP, and by TCP what is too long for it; a zone that it cannot load is SERVFAIL."""
    long = " ".join(f'"{"x" * 250}"' for _ in range(20))
    records = f"""\
@ MX 10 mx
@ TXT "v=spf1 include:other.test mx -all"
mx A 192.0.2.1
long TXT {long}
long TXT "v=spf1 ip4:192.0.2.7 -all"
nobody MX 0 .
"""
    zones = {"site.test": records, "other.test": '@ TXT "v=spf1 ip4:192.0.2.9 -all"\n', "broken.test": None}
    server = start_nsd(case.path("nsd"), zones)
    try:
        for address, result in (("192.0.2.1", "pass"), ("192.0.2.9", "pass"), ("192.0.2.2", "fail")):
            found = live(case, server, "spf", "--ip", address, "--from", "a@site.test")
            check(found["result"] == result, f"{address}: {found}")
        found = live(case, server, "spf", "--ip", "192.0.2.7", "--from", "a@long.site.test")
        check(found["result"] == "pass", f"by TCP: {found}")
        found = live(case, server, "spf", "--ip", "192.0.2.1", "--from", "a@broken.test")
        check(found["result"] == "temperror" and found["lookups"][0]["status"] == "SERVFAIL", f"{found}")
        for domain, result in (("site.test", "found"), ("nobody.site.test", "null_mx"), ("no.site.test", "missing")):
            check(live(case, server, "mx", "--domain", domain)["result"] == result, domain)
        check(live(case, server, "mx", "--domain", "elsewhere.test")["result"] == "temporary", "REFUSED")
    finally:
        server.stop()
    found = live(case, server, "mx", "--domain", "site.test")
    check(found["result"] == "temporary", f"a server that is down: {found}")
    asked = found["lookups"][0]
    check(asked["status"] == "unreachable" and asked["answer"] == f"unreachable: 127.0.0.1:{server.port}", f"{asked}")
