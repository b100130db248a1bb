"""The numbered messages: each a pure function of seed and number, so that nothing has to be kept to know
what must have arrived, and the truth about what a next hop may refuse for good.

A recipient's name says what the sink thinks of it: `r17` exists, `no17` does not (550 at RCPT), `late17`
exists when asked for and is refused when mail comes, and what a gateway makes up to see whether everything is
accepted does not exist. Every 60th message is refused at its final dot. A 5xx that says anything else is a lie.
"""

import base64
import hashlib
import random
import re

DOMAIN = "example.test"
SENDER = re.compile(r"m(\d+)@chaos\.example\.net\Z")
EXISTS = re.compile(r"(r|late)\d|(it|postmaster|abuse)@")
KB = 1000


def number_of(sender):
    match = SENDER.match(sender)
    return int(match.group(1)) if match else None


def unknown(recipient):
    return not EXISTS.match(recipient)


def refused_late(recipient):
    return recipient.startswith("late")


def refused_at_dot(number):
    return number % 60 == 59


def true_refusal(number, recipient):
    return unknown(recipient) or refused_late(recipient) or refused_at_dot(number)


def octets(rng):
    """Mostly small, as mail is, and up to 5 MB."""
    low, high = rng.choices([(0.5, 20), (20, 300), (300, 5000)], [86, 12, 2])[0]
    return int(low * KB * (high / low) ** rng.random())


def recipient(rng):
    kind = rng.choices(["r", "no", "late"], [97, 2, 1])[0]
    return f"{kind}{rng.randrange(400)}@{DOMAIN}"


def body(rng, size):
    """Lines that a careless relay would spoil: dots, 8-bit, blanks at the end, long ones, no text at all."""
    odd = [b".", b"..", b".hidden", b"\xe4\xf6\xfc \xff", b"trailing  ", b"", b"x" * rng.randrange(1, 4000)]
    rng.shuffle(odd)
    text = base64.encodebytes(rng.randbytes(max(1, size * 3 // 4))).replace(b"\n", b"\r\n")
    return b"\r\n".join(odd) + b"\r\n" + text + (b".\r\n" if rng.random() < 0.5 else b"")


class Mail:
    """One message on its way: what it is, and what its client was told so far."""

    def __init__(self, seed, number, recipients=None, size=None, header_octets=0):
        rng = random.Random(f"mail {seed} {number}")
        self.seed, self.number, self.header_octets = seed, number, header_octets
        self.sender = f"m{number}@chaos.example.net"
        count = rng.choice([1, 1, 1, 1, 2, 3, 5, 8, 13, 20])
        self.recipients = recipients or sorted({recipient(rng) for _ in range(count)})
        self.size = size or octets(rng)
        self.pending = list(self.recipients)
        self.acknowledged = []  # recipients that were answered 250 at the final dot
        self.refused = {}  # recipient -> the 5xx
        self.attempts = 0
        self.history = []  # what became of each try, the latest ones: for who wants to know where it is
        self.put_at = self.settled_at = None

    @property
    def settled(self):
        return not self.pending

    def content(self):
        rng = random.Random(f"content {self.seed} {self.number}")
        lines = [
            f"Subject: chaos {self.number}",
            f"From: <{self.sender}>",
            f"Message-ID: <{self.seed}.{self.number}@chaos.example.net>",
            "Date: Thu, 01 Jan 2026 00:00:00 +0000",
            f"X-Chaos: {self.number}",
        ]
        lines += [f"X-Field-{index}: {'y' * 60}" for index in range(self.header_octets // 74)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body(rng, self.size)

    def digest(self):
        return hashlib.sha256(self.content()).hexdigest()

    def acknowledge(self, recipients):
        self.acknowledged += recipients
        self.pending = [one for one in self.pending if one not in recipients]

    def refuse(self, recipients, reply):
        self.refused.update({one: reply for one in recipients})
        self.pending = [one for one in self.pending if one not in recipients]

    def note(self, outcome):
        if outcome.startswith("cannot connect"):
            return  # no try of this message
        self.history = [*self.history[-7:], f"{self.attempts}: {outcome}"]

    def where(self):
        tries = " | ".join(self.history) or "not tried yet"
        return f"message {self.number} ({self.size} octets, {len(self.pending)} recipients left): {tries}"
