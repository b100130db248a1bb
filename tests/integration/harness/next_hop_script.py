"""What a scripted next hop may be told to do, and what it remembers of a message.

An action is a reply (lines parted by \\n; "" answers nothing), or a function of the connection that
returns one, may raise Hangup, or returns None for the usual answer.
"""

import re
import socket
import struct


class Hangup(Exception):
    """Raised by an action to end the connection."""


def close(connection):
    raise Hangup


def reset(connection):
    linger = struct.pack("ii", 1, 0)
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    raise Hangup


def hang(connection):
    """Never answers: returns when the peer or the test ends the connection."""
    while connection.receive():
        pass
    raise Hangup


def hold(event, reply=None):
    """Answers once the test sets the event."""

    def action(connection):
        connection.hop.await_event(event, connection)
        return reply

    return action


def raw(data, then=None):
    """Octets as they are, perhaps followed by another action."""

    def action(connection):
        connection.write(data)
        return then(connection) if then else ""

    return action


class Rule:
    def __init__(self, verb, action, match, times, at):
        self.verb, self.action, self.match, self.times, self.at = verb, action, match, times, at
        self.used = 0

    def fits(self, verb, text):
        left = self.times is None or self.used < self.times
        return left and self.verb == verb and (not self.match or self.match.lower() in text.lower())


class Message:
    def __init__(self, sender, sender_parameters):
        self.sender, self.sender_parameters = sender, sender_parameters
        self.recipients = []  # (address, parameters)
        self.octets = 0  # of content as received, dots stuffed
        self.content = b""
        self.chunks = []  # of BDAT
        self.acknowledged = False
        self.taken = []  # LMTP: recipients answered 250
        self.tls = None
        self.connection = 0

    @property
    def to(self):
        return [address for address, _ in self.recipients]

    @property
    def own_content(self):
        """Without the fields that the gateway put on top."""
        value = rb": [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*"
        ours = rb"\A(?:Authentication-Results" + value + rb")?(?:Received-SPF" + value + rb")?Received" + value
        return re.sub(ours, b"", self.content)

    @property
    def trace(self):
        return self.content[: len(self.content) - len(self.own_content)].decode("utf-8", "replace")
