"""Clients with public addresses: they come through a front end on loopback that names them."""

from .ports import free_port


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
