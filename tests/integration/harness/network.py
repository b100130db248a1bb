"""The network from outside: who listens, what the kernel knows of a connection, a loopback of one's own."""

import ctypes
import os
import socket
import subprocess

from .client import Client
from .outcome import Skip
from .setups import need_program


def gone_from(site, client):
    """Whether the gateway's kernel has seen the client's FIN or RST (in /proc/net/tcp 01 is ESTABLISHED)."""
    mine = f"{client.local[1]:04X}"
    with open("/proc/net/tcp") as file:
        for line in file.readlines()[1:]:
            _, local, remote, state = line.split()[:4]
            if remote.endswith(":" + mine) and local.endswith(f":{site.port:04X}"):
                return state != "01"
    return True


def refuses_connections(site):
    try:
        Client(site.address()).close()
        return False
    except ConnectionError:
        return True


def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def private_network():
    """This test's process gets a loopback of its own, where any IPv6 address can be a client's."""
    CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
    ip = need_program("ip")
    flags = CLONE_NEWNET if os.geteuid() == 0 else CLONE_NEWNET | CLONE_NEWUSER
    if ctypes.CDLL(None, use_errno=True).unshare(flags) != 0:
        raise Skip("no network namespace can be made here")
    for command in (
        "link set lo up",
        "-6 route add local fd00:1::/32 dev lo",
        "-6 route add local fd00:2::/32 dev lo",
    ):
        subprocess.run([ip, *command.split()], check=True)


def freebind(source):
    client = socket.socket(socket.AF_INET6)
    client.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND
    client.bind((source, 0))
    return client
