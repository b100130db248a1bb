"""Ports for servers of the tests, outside the range from which the kernel takes those of clients."""

import random
import socket

from .outcome import Failure

system = random.SystemRandom()  # of its own in each process, however it was forked


def free_port(address="127.0.0.1"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(200):
        port = system.randrange(12000, 32000)
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
                return port
            except OSError:
                continue
    raise Failure(f"no free port at {address}")
