"""A scripted next hop: SMTP or LMTP on loopback, strict about line ends, that remembers every octet.

By default it behaves well and knows the recipients in `known`. Rules change single answers:

    hop.on("RCPT", "450 4.2.1 busy", match="bert@", times=1)
    hop.on("DOT", close)                      # closes instead of answering the final dot
    hop.on("BODY", reset, at=1000)            # once 1,000 octets of content are in
    hop.on("DOT", hold(event, "250 2.0.0"))   # answers when the test says so

Verbs: BANNER, HANDSHAKE, each command, BODY, DOT (for LMTP once for each recipient, matched against it).
"""

import socket
import threading
import time

from .next_hop_connection import Connection
from .next_hop_script import Rule
from .outcome import Watched, check
from .ports import free_port

USUAL = ["PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES"]
KNOWN = {"anna", "bert", "carl", "it", "postmaster", "abuse"}


class NextHop(Watched):
    def __init__(
        self,
        *,
        lmtp=False,
        capabilities=None,
        known=KNOWN,
        tls=None,
        implicit_tls=False,
        port=None,
        address="127.0.0.1",
        name="hop.example.test",
        users=None,
        chunking=False,
    ):
        super().__init__()
        self.lmtp, self.known, self.tls, self.implicit_tls = lmtp, known, tls, implicit_tls
        self.capabilities = list(USUAL if capabilities is None else capabilities)
        if chunking:
            self.capabilities.append("CHUNKING")
        self.name, self.users = name, users or {}
        self.address, self.port = address, port or free_port(address)
        self.rules, self.log, self.lines, self.faults = [], [], [], []
        self.messages, self.refused, self.unanswered = [], [], []  # by what the final dot was told
        self.connections, self.open, self.most_open, self.peers = 0, set(), 0, []
        self.unknown = "550 5.1.1 no such user here"
        self.listener = None
        self.started = time.monotonic()

    # -- life -------------------------------------------------------------------------------------

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.address, self.port))
        self.listener.listen(200)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    def accept(self, listener):
        while True:
            try:
                accepted, peer = listener.accept()
            except OSError:
                return
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.connections += 1
                self.peers.append(peer[0])
                connection = Connection(self, accepted, self.connections)
                self.open.add(connection)
                self.most_open = max(self.most_open, sum(one.is_established() for one in self.open))
                self.changed.notify_all()
            threading.Thread(target=connection.run, daemon=True).start()

    def stop(self):
        """Refuses connections from now on, and ends those that are open."""
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        with self.changed:
            connections = list(self.open)
        for connection in connections:
            connection.abort()

    @property
    def host(self):
        return f"{'lmtp://' if self.lmtp else ''}{self.address}:{self.port}"

    # -- script -----------------------------------------------------------------------------------

    def on(self, verb, action, match="", times=None, at=0):
        with self.changed:
            self.rules.append(Rule(verb, action, match, times, at))
        return self

    def heal(self):
        with self.changed:
            self.rules.clear()

    def rule_for(self, verb, text=""):
        with self.changed:
            for rule in self.rules:
                if rule.fits(verb, text):
                    rule.used += 1
                    return rule
        return None

    def body_rule(self):
        with self.changed:
            return next((rule for rule in self.rules if rule.fits("BODY", "")), None)

    def await_event(self, event, connection):
        while not event.wait(0.05):
            check(connection in self.open, "the connection is gone")

    def knows(self, recipient):
        local = recipient.rpartition("@")[0] or recipient
        return self.known is None or local.lower() in self.known

    # -- record -----------------------------------------------------------------------------------

    def note(self, number, mark, data):
        text = data if isinstance(data, str) else repr(data[:300])[2:-1]
        with self.changed:
            self.log.append((number, mark, text, time.monotonic() - self.started))
            self.changed.notify_all()

    def fault(self, number, text):
        with self.changed:
            self.faults.append(f"connection {number}: {text}")

    def keep(self, message, shelf):
        with self.changed:
            shelf.append(message)
            self.changed.notify_all()

    def commands(self, verb=None):
        with self.changed:
            return [line for line in self.lines if not verb or line.upper().startswith(verb.upper())]

    def dots(self):
        """How many messages have ended here, answered or not."""
        with self.changed:
            return sum(text.startswith("dot after") for _, _, text, _ in self.log)

    def await_messages(self, count, timeout=15):
        self.await_true(
            lambda: len(self.messages) >= count,
            timeout,
            f"{count} messages at the next hop, it has {len(self.messages)}",
        )
        return list(self.messages)

    def await_command(self, beginning, count=1, timeout=15):
        return self.await_true(
            lambda: len(self.commands(beginning)) >= count and self.commands(beginning),
            timeout,
            f"command {beginning} at the next hop",
        )

    def await_all_closed(self, timeout=15):
        self.await_true(lambda: not self.open, timeout, "all connections to the next hop closed")

    def transcript(self):
        with self.changed:
            return [f"{at:8.3f} #{number} {mark} {text}" for number, mark, text, at in self.log]
