"""What goes wrong at the sink and at the client: drawn from the seed, by message and try.

A message suffers at its first tries only, so that a run is bounded by work: whatever goes wrong, the number
of tries that go wrong is finite.
"""

import random

FAULTY_TRIES = 5  # of one message at the sink, and as many at the client

# What the sink does with a message, and how often (in a thousand).
CONTENT = {
    "DATA 4xx": 10,
    "MAIL 421": 5,
    "RCPT 4xx": 15,
    "cut in mid-DATA": 20,
    "dot 4xx": 30,
    "close before storing": 15,
    "reset before storing": 10,
    "close after storing": 20,
    "reset after storing": 10,
    "wait before storing": 20,
    "wait after storing": 20,
}
# What the client does to its own delivery.
CLIENT = {
    "close after dot": 12,
    "reset after dot": 12,
    "close after 250": 12,
    "reset after 250": 12,
    "cut in mid-DATA": 10,
    "wait before dot": 10,
}
# And the sink with a connection as such; the last two after a message or a recipient asked for.
CONNECTION = {
    "close at once": 8,
    "banner 421": 5,
    "STARTTLS 454": 15,
    "handshake cut": 15,
    "close when idle": 100,
    "close at MAIL": 100,
}
ASKING_4XX = 0.01  # a recipient asked for


def draw(rng, table):
    """A name of the table, or None: what is missing from a thousand is health."""
    at = rng.randrange(1000)
    for name, share in table.items():
        if at < share:
            return name
        at -= share
    return None


class Faults:
    """Of a random run. The directed loads of mutants.py have their own, with the same four methods."""

    def __init__(self, seed):
        self.seed = seed
        self.rng = random.Random(f"connections {seed}")

    def of_content(self, number, tries):
        """(fault or None, a source of numbers for its details); tries begin at 1."""
        rng = random.Random(f"sink {self.seed} {number} {tries}")
        return (draw(rng, CONTENT) if tries <= FAULTY_TRIES else None), rng

    def of_client(self, number, tries):
        rng = random.Random(f"client {self.seed} {number} {tries}")
        return (draw(rng, CLIENT) if tries <= FAULTY_TRIES else None), rng

    def of_connection(self):
        return draw(self.rng, CONNECTION)

    def of_asking(self):
        return self.rng.random() < ASKING_4XX


class Healthy:
    """Nothing goes wrong by itself; a directed load overrides what is to go wrong, and only that."""

    def of_content(self, number, tries):
        return None, random.Random(f"{number} {tries}")

    def of_client(self, number, tries):
        return None, random.Random(f"{number} {tries}")

    def of_connection(self):
        return None

    def of_asking(self):
        return False
