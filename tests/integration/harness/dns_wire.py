"""DNS messages (RFC 1035 4): as much of them as a scripted server, and somebody who asks, need.

Records are written as in a master file: "192.0.2.1", "10 mx.example.test", "mx.example.test"; a TXT is its
text, which is cut into strings of 255 octets, or a list of such strings.
"""

import ipaddress
import random
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
TYPE_NAMES = {number: name for name, number in TYPES.items()}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
HEADER = struct.Struct(">HHHHHH")
ANSWER, TRUNCATED, RECURSION = 0x8000, 0x0200, 0x0180
INTERNET = 1
MOST_OVER_UDP = 1232


def wire_name(name):
    labels = [label.encode("latin-1") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def strings(text):
    """The strings of a TXT record."""
    parts = text if isinstance(text, list) else [text[at : at + 255] for at in range(0, len(text), 255)]
    octets = [part.encode("latin-1") for part in parts or [""]]
    return b"".join(bytes([len(part)]) + part for part in octets)


def wire_data(kind, data):
    if isinstance(data, bytes):
        return data
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(data).packed
    if kind == "TXT":
        return strings(data)
    if kind == "MX":
        preference, exchange = data.split()
        return struct.pack(">H", int(preference)) + wire_name(exchange)
    if kind == "SOA":
        server, mailbox, *numbers = data.split()
        return wire_name(server) + wire_name(mailbox) + struct.pack(">5I", *map(int, numbers))
    return wire_name(data)


class Record:
    def __init__(self, owner, kind, data, ttl=300):
        self.owner, self.kind, self.data, self.ttl = owner, kind, data, ttl

    def wire(self):
        data = wire_data(self.kind, self.data)
        return wire_name(self.owner) + struct.pack(">HHIH", TYPES[self.kind], INTERNET, self.ttl, len(data)) + data


class Query:
    """What was asked; `asked` is (name in lower case, type)."""

    def __init__(self, message):
        """ValueError: what came is none."""
        try:
            self.id, flags, questions = HEADER.unpack_from(message)[:3]
            labels, at = [], HEADER.size
            while message[at]:
                labels.append(message[at + 1 : at + 1 + message[at]].decode("latin-1"))
                at += 1 + message[at]
            kind, _ = struct.unpack_from(">HH", message, at + 1)
        except (IndexError, struct.error):
            raise ValueError("no DNS message") from None
        if flags & ANSWER or questions != 1:
            raise ValueError("no query of one question")
        self.question = message[HEADER.size : at + 5]
        self.name, self.kind = ".".join(labels).lower(), TYPE_NAMES.get(kind, str(kind))
        self.asked = self.name, self.kind

    def reply(self, records=(), rcode="NOERROR", truncated=False, authority=(), additional=(), **other):
        """`other`: `id`, `question` (its octets) and `questions` (their number) that are not those of the query."""
        flags = ANSWER | RECURSION | RCODES[rcode] | (TRUNCATED if truncated else 0)
        sections = (records, authority, additional)
        head = HEADER.pack(other.get("id", self.id), flags, other.get("questions", 1), *map(len, sections))
        parts = [record.wire() for section in sections for record in section]
        return head + other.get("question", self.question) + b"".join(parts)


def ask(port, name, kind, timeout=1):
    """The answer's code by UDP, or None where there was none."""
    number = random.SystemRandom().randrange(65536)
    question = HEADER.pack(number, 0x0100, 1, 0, 0, 0) + wire_name(name) + struct.pack(">HH", TYPES[kind], INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(timeout)
        asker.connect(("127.0.0.1", port))
        try:
            asker.send(question)
            got, flags = HEADER.unpack_from(asker.recv(65536))[:2]
        except (OSError, struct.error):
            return None
    codes = {number: name for name, number in RCODES.items()}
    return codes.get(flags & 15) if got == number and flags & ANSWER else None
