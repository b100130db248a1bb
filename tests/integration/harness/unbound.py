"""Unbound, a caching resolver, unprivileged on loopback: what a site has in front of the name servers.

    with start_unbound(directory, {"test": nsd.port, "bl.test": rbldnsd.port}) as resolver:

It validates nothing, knows no root, and refuses what is below none of its zones.
"""

import os

from .ports import free_port
from .server import Server
from .setups import need_program

CONFIGURATION = """\
server:
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  module-config: "iterator"
  do-not-query-localhost: no
  outgoing-interface: 127.0.0.1
  outgoing-port-avoid: "0-32767"  # free_port()'s
  do-ip6: no
  target-fetch-policy: "0 0 0 0 0"
  local-zone: "." refuse
  local-zone: "test." refuse
remote-control:
  control-enable: no
"""
ZONE = """\
server:
  local-zone: "{name}." transparent
stub-zone:
  name: "{name}."
  stub-addr: 127.0.0.1@{port}
"""


def start_unbound(directory, zones):
    """`zones`: the port of the server that has them, by name."""
    program = need_program("unbound")
    os.makedirs(directory, exist_ok=True)
    port = free_port()
    text = CONFIGURATION.format(port=port, directory=directory)
    text += "".join(ZONE.format(name=name, port=server) for name, server in zones.items())
    configuration = os.path.join(directory, "unbound.conf")
    with open(configuration, "w") as file:
        file.write(text)
    return Server([program, "-d", "-c", configuration], port)
