"""The next hop of a chaos run: takes mail, writes its journal, answers; and fails as the faults say.

It refuses for good only what mail.py calls true. Every message whose dot it has read and that it does not
refuse is stored before anything else happens, unless the fault says that it was lost before that.
"""

import asyncio
import collections
import hashlib
import re

from mail import number_of, refused_at_dot, refused_late, unknown
from wire import MOST, Gone, Wire

TRACE = re.compile(rb"\AReceived: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
TRACE_ID = re.compile(rb"\sid ([0-9A-Za-z.-]+)")
OFFERS = ["PIPELINING", "8BITMIME", "SIZE 100000000", "ENHANCEDSTATUSCODES", "SMTPUTF8"]


class Sink:
    """`ports`: as many hosts of a route."""

    def __init__(self, journal, faults, ports, context=None):
        self.journal, self.faults, self.ports, self.context = journal, faults, ports, context
        self.tries = collections.Counter()  # of each message: transactions that reached DATA
        self.counts = collections.Counter()  # of faults, by name
        self.open = set()
        self.connections = 0
        self.servers = []

    async def start(self):
        for port in self.ports:
            self.servers.append(await asyncio.start_server(self.serve, "127.0.0.1", port, limit=MOST))

    async def stop(self):
        """Refuses connections, and ends those that are open."""
        for server in self.servers:
            server.close()
        self.servers.clear()
        for conversation in list(self.open):
            conversation.wire.close()

    async def serve(self, reader, writer):
        self.connections += 1
        conversation = Conversation(self, Wire(reader, writer))
        self.open.add(conversation)
        try:
            await conversation.run()
        except (Gone, Hangup, TimeoutError):
            pass
        finally:
            self.open.discard(conversation)
            conversation.wire.close()

    def count(self, fault):
        if fault:
            self.counts[fault] += 1
        return fault


class Hangup(Exception):
    """The sink ends the connection by its own doing."""


class Conversation:
    def __init__(self, sink, wire):
        self.sink, self.wire = sink, wire
        self.chunking = sink.connections % 3 == 0
        self.command = "the greeting"
        self.used = 0  # transactions begun
        self.clear()

    def clear(self):
        self.sender, self.recipients, self.chunks = None, [], []
        self.fault, self.rng = None, None

    async def answer(self, text):
        await self.wire.send(text)

    async def run(self):
        fault = self.sink.count(self.sink.faults.of_connection())
        if fault == "close at once":
            return
        if fault == "banner 421":
            return await self.answer("421 4.3.2 not now")
        self.connection_fault = fault
        await self.answer("220 sink.example.test ESMTP")
        while True:
            self.command = await self.next_command()
            verb = self.command.split(" ")[0].upper()
            handler = getattr(self, "on_" + verb.lower(), None)
            await (handler() if handler else self.answer("502 5.5.2 what is this"))
            if verb == "QUIT":
                return

    async def next_command(self):
        """A connection that was used and is idle may be closed: soon, or just when it is used again."""
        if not self.used or self.sender is not None:
            return await self.wire.line()
        if self.connection_fault == "close when idle":
            async with asyncio.timeout(0.1):
                return await self.wire.line()
        command = await self.wire.line()
        if self.connection_fault == "close at MAIL" and command.upper().startswith("MAIL"):
            raise Hangup
        return command

    async def on_ehlo(self):
        self.clear()
        offers = list(OFFERS)
        if self.sink.context and not self.wire.encrypted:
            offers.append("STARTTLS")
        if self.chunking:
            offers.append("CHUNKING")
        await self.answer("\r\n".join(["250-sink.example.test"] + [f"250-{o}" for o in offers[:-1]]
                                      + [f"250 {offers[-1]}"]))

    async def on_starttls(self):
        if self.connection_fault == "STARTTLS 454":
            return await self.answer("454 4.7.0 TLS not available due to temporary reason")
        await self.answer("220 2.0.0 go ahead")
        if self.connection_fault == "handshake cut":
            raise Hangup
        await self.wire.start_tls(self.sink.context)

    async def on_noop(self):
        await self.answer("250 2.0.0 ok")

    async def on_rset(self):
        self.clear()
        await self.answer("250 2.0.0 reset")

    async def on_quit(self):
        await self.answer("221 2.0.0 bye")

    async def on_mail(self):
        self.clear()
        self.used += 1
        sender = path(self.command)
        number = number_of(sender)
        if number is not None:
            self.sink.tries[number] += 1
            self.fault, self.rng = self.sink.faults.of_content(number, self.sink.tries[number])
            self.sink.count(self.fault)
        if self.fault == "MAIL 421":
            await self.answer("421 4.3.2 closing")
            raise Hangup
        self.sender = sender
        await self.answer("250 2.1.0 ok")

    async def on_rcpt(self):
        recipient = path(self.command)
        mine = number_of(self.sender) is not None
        if unknown(recipient) or (mine and refused_late(recipient)):
            return await self.answer("550 5.1.1 no such user here")
        if self.fault == "RCPT 4xx" or (not mine and self.sink.faults.of_asking()):
            return await self.answer("450 4.2.0 mailbox busy")
        self.recipients.append(recipient)
        await self.answer("250 2.1.5 ok")

    async def on_data(self):
        if not self.recipients:
            return await self.answer("554 5.5.1 no valid recipients")
        if self.fault == "DATA 4xx":
            return await self.answer("451 4.3.0 no data now")
        await self.answer("354 go on")
        await self.perhaps_cut()
        await self.take(await self.wire.content())

    async def on_bdat(self):
        _, size, *last = self.command.split(" ")
        await self.perhaps_cut()
        self.chunks.append(await self.wire.octets(int(size), "a chunk"))
        if self.fault == "DATA 4xx":
            return await self.answer("451 4.3.0 no data now")
        if not last:
            return await self.answer("250 2.0.0 more")
        await self.take(b"".join(self.chunks))

    async def perhaps_cut(self):
        if self.fault == "cut in mid-DATA":
            await self.wire.octets(self.rng.randrange(1, 400), "the beginning of the content")
            raise Hangup

    async def take(self, content):
        """The dot was read: what is stored and what is said, in which order."""
        fault, number = self.fault, number_of(self.sender)
        if fault and "before storing" in fault:
            await self.hurt(fault)
        if fault == "dot 4xx":
            self.clear()
            return await self.answer("452 4.3.1 no room")
        if number is not None and refused_at_dot(number):
            self.clear()
            return await self.answer("554 5.7.0 this one never")
        await self.sink.journal.store(self.record(number, content))
        if fault and "after storing" in fault:
            await self.hurt(fault)
        self.clear()
        await self.answer("250 2.0.0 stored")

    async def hurt(self, fault):
        kind = fault.split(" ")[0]
        if kind == "hold":
            return await self.sink.faults.held(number_of(self.sender))
        if kind == "wait":
            return await asyncio.sleep(self.rng.choice([0.05, 0.3, 2]))
        if kind == "reset":
            self.wire.reset()
        raise Hangup

    def record(self, number, content):
        trace = TRACE.match(content)
        own = content[trace.end() :] if trace else content
        id = TRACE_ID.search(trace.group()) if trace else None
        return {
            "number": number,
            "sender": self.sender,
            "recipients": self.recipients,
            "digest": hashlib.sha256(own).hexdigest(),
            "size": len(own),
            "id": id.group(1).decode() if id else None,
        }


def path(command):
    return command[command.index("<") + 1 : command.index(">")]
