"""`sallyport check`: what the DNS tells others of our own names. Warnings, and never more than that."""

import json
import socket
import time

from harness.nsd import start_nsd
from harness.outcome import check, patience

GOOD = {
    "example.test": '@ IN MX 10 mx\n@ IN TXT "v=spf1 mx -all"\nmx IN A 203.0.113.1\n',
    "example.org": '@ IN MX 10 mx.example.test.\n@ IN TXT "v=spf1 mx -all"\n',
    "113.0.203.in-addr.arpa": "1 IN PTR mx.example.test.\n",
}
POOR = {
    "example.test": '@ IN MX 10 mx\n@ IN TXT "v=spf1 +all"\nmx IN A 203.0.113.1\n',
    "example.org": "@ IN MX 10 else\nelse IN A 198.51.100.9\n",
    "113.0.203.in-addr.arpa": "1 IN PTR host7.isp.test.\n",
}
SILENT = "DNS does not answer{}: our own names were not looked at"


def warnings(site, *arguments):
    result = site.gateway.run("check", "--json", *arguments, "-c", site.gateway.conf)
    check(result.returncode == 0, f"{result}")
    found = json.loads(result.stdout)
    check(all(one["severity"] == "warning" for one in found), f"{found}")
    return [(one["message"], one["hint"]) for one in found]


def site_asking(case, port):
    return case.site({"dns": {"servers": [f"127.0.0.1:{port}"]}}, start=False)


def test_own_names_good(case):
    server = case.peer(start_nsd(case.path("nsd"), GOOD))
    found = warnings(site_asking(case, server.port))
    check(found == [], f"{found}")


def test_own_names_poor(case):
    server = case.peer(start_nsd(case.path("nsd"), POOR))
    site = site_asking(case, server.port)
    found = warnings(site)
    check(
        found
        == [
            (
                "hostname: the reverse name of 203.0.113.1 is host7.isp.test, not mx.example.test",
                "publish: 1.113.0.203.in-addr.arpa. PTR mx.example.test. (whoever gave you the address can)",
            ),
            (
                'domains: example.org has the MX else.example.org, which leads neither to mx.example.test nor to anybody in "upstream"',
                "publish: example.org. MX 10 mx.example.test.",
            ),
            (
                "domains: example.org has no SPF record: anybody may send in its name",
                'publish: example.org. TXT "v=spf1 mx -all", with all who send for it named before -all',
            ),
            (
                "domains: example.test lets everybody send in its name (+all)",
                'publish: example.test. TXT "v=spf1 mx -all", with all who send for it named before -all',
            ),
        ],
        f"{found}",
    )
    check(warnings(site, "--no-dns") == [], "--no-dns")
    text = site.gateway.run("check", "-c", site.gateway.conf)
    check(text.returncode == 0 and "warning: domains: example.org has no SPF" in text.stderr, f"{text}")


def test_check_lists(case):
    """`check` asks the lists for their test entries, and says which of them answer."""
    lists = {
        "bl.test": "2.0.0.127 IN A 127.0.0.2\n",
        "world.test": "* IN A 127.0.0.2\n",
        "empty.test": "",
        "off.test": "",
    }
    server = case.peer(start_nsd(case.path("nsd"), {**GOOD, **lists}))
    zones = {zone: {"codes": {"127.0.0.2": 5}} for zone in (*lists, "gone.test")}
    zones["off.test"]["mode"] = "off"
    site = case.site(
        {"dns": {"servers": [f"127.0.0.1:{server.port}"]}, "checks": {"dnsbl": {"zones": zones}}}, start=False
    )
    told = dict.fromkeys(message for message, hint in warnings(site))
    for words in (
        "checks.dnsbl: list world.test lists 127.0.0.1, as a list does that lists everything",
        "checks.dnsbl: list empty.test does not have its test entry 127.0.0.2",
        "checks.dnsbl: list gone.test does not answer",
    ):
        check(any(message.startswith(words) for message in told), f"{words}: {told}")
    check(not any("off.test" in message or "bl.test" in message for message in told), f"{told}")
    text = site.gateway.run("check", "-c", site.gateway.conf)
    check("DNS lists that answer: bl.test, empty.test\n" in text.stdout, f"{text}")


def test_own_names_without_dns(case):
    """Nobody is there, or nobody answers: one warning, after five seconds at most."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        for port, why in ((1, " (unreachable: 127.0.0.1:1)"), (silent.getsockname()[1], "")):
            began = time.monotonic()
            found = warnings(site_asking(case, port))
            check([message for message, hint in found] == [SILENT.format(why)], f"{found}")
            check(time.monotonic() - began < 15 * patience(), f"{time.monotonic() - began} s")
