"""A scripted DNS server, by UDP and TCP, that answers late, wrongly, or not at all, as it is told.

    with DnsServer({"example.test": {"MX": ["10 mx.example.test"]}}, delay=0.05) as dns:
        dns.on("slow.example.test", silent)     # it and what is below it
        dns.questions()                         # [("example.test", "MX"), ...]

Names that are not there do not exist; those that are have no data but what stands there. What is asked at once
is answered at once, after `delay` seconds: one loop, and a heap of what is due.
"""

import contextlib
import heapq
import itertools
import selectors
import socket
import struct
import threading
import time

from .dns_wire import MOST_OVER_UDP, Query, Record
from .outcome import Watched
from .ports import free_port

NEGATIVE = "ns.test hostmaster.test 1 3600 600 86400 60"
MOST_ALIASES = 100
DATAGRAMS_AT_ONCE = 64  # then those are sent that are due


# -- behaviours: what is done about a question when its answer is due -------------------------------------


def truthful(asked):
    asked.send(asked.answer())


def silent(asked):
    pass


def failing(rcode):
    return lambda asked: asked.send(asked.reply(rcode=rcode))


def late(seconds, behaviour=truthful):
    return lambda asked: asked.server.after(seconds, behaviour, asked)


def only_by_tcp(behaviour):
    """By UDP the answer is cut off."""
    return lambda asked: behaviour(asked) if asked.by_tcp else asked.send(asked.reply(truncated=True))


def dripping(asked):
    """By TCP: an octet a second."""
    framed = asked.framed(asked.answer())
    for place in range(len(framed)):
        asked.server.after(place, asked.write, framed[place : place + 1])


def half(asked):
    """By TCP: half of what its length has promised, and the end."""
    framed = asked.framed(asked.answer())
    asked.write(framed[: len(framed) // 2])
    asked.close()


def closing(asked):
    """By TCP: the end instead of an answer."""
    asked.close()


# -- questions, and the way back ----------------------------------------------------------------------


class Asked(Query):
    def __init__(self, server, message):
        super().__init__(message)
        self.server = server

    def answer(self, **other):
        """The truth; cut off where it is too long for UDP."""
        message = self.server.answer(self, **other)
        fits = self.by_tcp or len(message) <= MOST_OVER_UDP
        return message if fits else self.reply(truncated=True)


class OverUdp(Asked):
    by_tcp = False

    def __init__(self, server, message, source):
        super().__init__(server, message)
        self.source = source

    def send(self, message, by_stranger=False):
        """`by_stranger`: from another port than was asked."""
        socket = self.server.stranger if by_stranger else self.server.udp
        socket.sendto(message, self.source)


class OverTcp(Asked):
    by_tcp = True

    def __init__(self, server, message, stream):
        super().__init__(server, message)
        self.stream = stream

    @staticmethod
    def framed(message):
        return struct.pack(">H", len(message)) + message

    def send(self, message):
        self.write(self.framed(message))

    def write(self, octets):
        self.stream.sendall(octets)

    def close(self):
        self.server.close_stream(self.stream)


# -- the server ---------------------------------------------------------------------------------------


class DnsServer(Watched):
    """`records`: by name, then by type, a list each. `tcp`: whether somebody listens there."""

    def __init__(self, records, delay=0.0, port=None, tcp=True):
        super().__init__()
        self.records = {name.lower(): kinds for name, kinds in records.items()}
        self.delay, self.port = delay, port or free_port()
        self.rules, self.heard = {"": truthful}, []
        self.due, self.order, self.ended = [], itertools.count(), False
        self.selector = selectors.DefaultSelector()
        self.udp, self.stranger = datagram_socket(self.port), datagram_socket(0)
        self.woken, self.waker = socket.socketpair()
        self.watch(self.udp, self.read_datagrams)
        self.watch(self.woken, lambda: self.woken.recv(1))
        if tcp:
            listener = socket.create_server(("127.0.0.1", self.port))
            self.watch(listener, lambda: self.accept(listener))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def on(self, name, behaviour):
        """For it and what is below it ("": everything); the longest name counts."""
        with self.changed:
            self.rules[name.lower()] = behaviour

    def questions(self):
        """(name, type) in the order in which they came, repetitions too."""
        with self.changed:
            return [query.asked for query in self.heard]

    def await_question(self, name, kind, timeout=15):
        self.await_true(lambda: (name, kind) in self.questions(), timeout, f"somebody asks for {kind} {name}")

    def stop(self):
        self.ended = True
        self.waker.send(b".")
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        for other in (self.selector, self.stranger, self.waker):
            other.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # -- answers ----------------------------------------------------------------------------------

    def answer(self, query, **other):
        """As the records have it, with the CNAMEs on the way there."""
        found, name = [], query.name
        while query.kind != "CNAME" and "CNAME" in self.records.get(name, {}) and len(found) < MOST_ALIASES:
            target = self.records[name]["CNAME"][0]
            found.append(Record(name, "CNAME", target))
            name = target.rstrip(".").lower()
        kinds = self.records.get(name)
        data = (kinds or {}).get(query.kind, [])
        found += [one if isinstance(one, Record) else Record(name, query.kind, one) for one in data]
        if data:
            return query.reply(found, **other)
        soa = Record(name.rpartition(".")[2], "SOA", NEGATIVE)
        return query.reply(found, "NXDOMAIN" if kinds is None else "NOERROR", authority=[soa], **other)

    def behaviour(self, name):
        while name and name not in self.rules:
            name = name.partition(".")[2]
        return self.rules[name]

    def take(self, asked):
        with self.changed:
            self.heard.append(asked)
            behaviour = self.behaviour(asked.name)
            self.changed.notify_all()
        self.after(self.delay, behaviour, asked)

    # -- the loop ---------------------------------------------------------------------------------

    def watch(self, source, handler):
        self.selector.register(source, selectors.EVENT_READ, handler)

    def after(self, seconds, function, *arguments):
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.order), function, arguments))

    def run(self):
        while not self.ended:
            wait = max(0.0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, _ in self.selector.select(wait):
                key.data()
            while self.due and self.due[0][0] <= time.monotonic():
                _, _, function, arguments = heapq.heappop(self.due)
                with contextlib.suppress(OSError):  # whoever asked is gone
                    function(*arguments)

    def read_datagrams(self):
        with contextlib.suppress(OSError):  # all are read, or one was sent to somebody who is gone
            for _ in range(DATAGRAMS_AT_ONCE):
                message, source = self.udp.recvfrom(4096)
                with contextlib.suppress(ValueError):
                    self.take(OverUdp(self, message, source))

    def accept(self, listener):
        stream, _ = listener.accept()
        received = bytearray()
        self.watch(stream, lambda: self.read_stream(stream, received))

    def read_stream(self, stream, received):
        octets = b""
        with contextlib.suppress(OSError):
            octets = stream.recv(65536)
        if not octets:
            return self.close_stream(stream)
        received += octets
        while len(received) >= 2 and len(received) >= (end := 2 + int.from_bytes(received[:2], "big")):
            with contextlib.suppress(ValueError):
                self.take(OverTcp(self, bytes(received[2:end]), stream))
            del received[:end]

    def close_stream(self, stream):
        with contextlib.suppress(KeyError, ValueError):  # closed before
            self.selector.unregister(stream)
            stream.close()


def datagram_socket(port):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))
    datagrams.setblocking(False)
    return datagrams
