"""Clients with public addresses: they come through a front end on loopback that names them."""

import copy

from .nsd import start_nsd
from .ports import free_port

# GOOD and LISTED have a reverse name, and SPF passes for them; the latter is on the list bl.test.
GOOD, LISTED, FORGER = "203.0.113.1", "203.0.113.66", "203.0.113.99"
# What a scripted server says of GOOD, and of the sender's domain. POOR has no reverse name (2 points).
POOR, SENDER = "203.0.113.77", "anna@plain.test"
PLAIN = {
    "1.113.0.203.in-addr.arpa": {"PTR": ["mx.good.test"]},
    "mx.good.test": {"A": [GOOD, POOR]},
    "plain.test": {"MX": ["10 mx.good.test"]},
}
ZONES = {
    "113.0.203.in-addr.arpa": "1 IN PTR mx.good.test.\n66 IN PTR mx.good.test.\n",
    "good.test": f"@ IN MX 10 mx\nmx IN A {GOOD}\nmx IN A {LISTED}\n"
    f'@ IN TXT "v=spf1 ip4:{GOOD} ip4:{LISTED} -all"\n',
    "bl.test": "2.0.0.127 IN A 127.0.0.2\n66.113.0.203 IN A 127.0.0.4\n",
}
BLOCKLIST = {"dnsbl": {"zones": {"bl.test": {"codes": {"127.0.0.2-127.0.0.11": 5}}}}}


def answered_site(case, config=None, zones=None, **options):
    """A site whose NSD answers ZONES, and behind their text what `zones` adds."""
    names = {**ZONES, **(zones or {})}
    texts = {name: ZONES.get(name, "") + (zones or {}).get(name, "") for name in names}
    server = case.peer(start_nsd(case.path("nsd"), texts))
    return strangers_site(case, [server.port], merge({"checks": copy.deepcopy(BLOCKLIST)}, config or {}), **options)


def strangers_site(case, servers, config=None, **options):
    """A site that asks `servers` (ports on loopback) about whoever comes to its listener `front`."""
    base = {
        "listeners": {
            "front": {"bind": [f"127.0.0.1:{free_port()}"], "tls": "none", "proxy_protocol": ["127.0.0.1"]}
        },
        "dns": {"servers": [f"127.0.0.1:{port}" for port in servers], "timeout": "1s"},
        "checks": {"sender_domain": {"mode": "enforce"}},
    }
    return case.site(merge(base, config or {}), **options)


def merge(base, changes):
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


def stranger(site, address, helo="mx.good.test", listener="front"):
    """Connected from `address`, greeted, and after EHLO."""
    client = site.connect(listener)
    client.send(f"PROXY TCP{6 if ':' in address else 4} {address} {'::1' if ':' in address else '192.0.2.25'} 40000 25\r\n".encode())
    return client.hello(helo)
