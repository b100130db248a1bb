"""NSD, an authoritative name server, unprivileged on loopback."""

import os

from .ports import free_port
from .server import Server
from .setups import need_program

CONFIGURATION = """\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{directory}"
  pidfile: "{directory}/nsd.pid"
  database: ""
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  cookie-secret-file: "{directory}/cookies"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
SOA = "@ 3600 IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n"


def start_nsd(directory, zones):
    """`zones`: their records below the SOA, by name; None: configured, and its file is missing (SERVFAIL)."""
    program = need_program("nsd")
    os.makedirs(directory, exist_ok=True)
    port = free_port()
    text = CONFIGURATION.format(port=port, directory=directory)
    for name, records in zones.items():
        text += f'zone:\n  name: {name}\n  zonefile: "{name}.zone"\n'
        if records is not None:
            with open(os.path.join(directory, name + ".zone"), "w") as file:
                file.write(f"$ORIGIN {name}.\n$TTL 300\n{SOA}{records}")
    configuration = os.path.join(directory, "nsd.conf")
    with open(configuration, "w") as file:
        file.write(text)
    return Server([program, "-d", "-c", configuration], port)
