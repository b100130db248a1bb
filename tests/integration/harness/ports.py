"""Ports for servers of the tests: outside the range from which the kernel takes those of clients, and held
from the moment they are chosen, so that tests that run at the same time never meet.

What holds a port is a socket that is bound and does not listen. Nobody else can bind it unless both sides
say SO_REUSEADDR, as servers do; the choice itself is made without it.
"""

import random
import socket

from .outcome import Failure

system = random.SystemRandom()  # of its own in each process, however it was forked
holders = []


def free_port(address="127.0.0.1"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(200):
        port = system.randrange(12000, 32000)
        holder = socket.socket(family)
        try:
            holder.bind((address, port))
        except OSError:
            holder.close()
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holders.append(holder)
        return port
    raise Failure(f"no free port at {address}")


def occupy(port, address="127.0.0.1"):
    """Somebody else's server on a port of free_port()."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((address, port))
    taken.listen(0)
    return taken
