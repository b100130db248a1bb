"""rbldnsd, which serves DNS lists, unprivileged on loopback, by UDP alone.

    with start_rbldnsd(directory, {"bl.test": "192.0.2.66 :127.0.0.4:listed\\n"}) as lists:
"""

import os

from .dns_wire import ask
from .outcome import Failure
from .ports import free_port
from .server import Server, open_the_way
from .setups import need_program

HEAD = "$SOA 60 ns.test. hostmaster.test. 0 600 300 86400 60\n$NS 60 ns.test.\n"
KINDS = {"names": "dnset", "ipv6": "ip6trie"}


def start_rbldnsd(directory, lists):
    """`lists`: entries by zone, in rbldnsd's notation; ("ipv6", entries) and ("names", entries) are not of IPv4."""
    program = need_program("rbldnsd")
    os.makedirs(directory, exist_ok=True)
    open_the_way(directory)
    port, zones = free_port(), []
    for zone, entries in lists.items():
        kind, entries = entries if isinstance(entries, tuple) else ("ipv4", entries)
        with open(os.path.join(directory, zone), "w") as file:
            file.write(HEAD + entries)
        os.chmod(file.name, 0o644)
        zones.append(f"{zone}:{KINDS.get(kind, 'ip4set')}:{zone}")
    command = [program, "-n", "-c", "0", "-b", f"127.0.0.1/{port}", "-w", directory, *zones]
    server = Server(command, port, ready=lambda: ask(port, next(iter(lists)), "SOA") == "NOERROR")
    if "rbldnsd: file" in server.printed():  # a mistake there costs an entry and no more
        server.stop()
        raise Failure(server.printed())
    return server
